"""The lines of a log that tell of errors: found in the store's outline, within bounds, and remembered."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Sequence

from chef.domain.model import Job
from chef.domain.removals import Removal
from chef.store import Store

# A longer log is looked through at its beginning and at its end alone.
WHOLE_BYTES = 64 * 1024 * 1024
_END_BYTES = 24 * 1024 * 1024
_MOST_ENTRIES = 256
# So many errors of a log are looked at, its first ones and its last ones.
_FIRST, _LAST = 150, 50

_DIGITS = re.compile(r"0x[0-9a-f]+|[0-9a-f]{7,}|\d+", re.IGNORECASE)
# A place in a file, or the name of a test: more telling than "it failed".
_PLACE = re.compile(
    r"[\w@./\\+-]+\.[A-Za-z]\w{0,4}[:(\[]+\d+"
    r"|::\w|\bFAIL:? |--- FAIL|^\s*(?:not ok|●|[✗✖✘✕\u00d7])|^\s*FAILED \S|> .* FAILED$"
)
# What tools say behind the error itself.
_AFTERMATH = re.compile(
    r"make(?:\[\d+\])?: \*\*\*|npm (?:ERR!|error)|ELIFECYCLE|BUILD FAIL|subcommand failed"
    r"|exit(?:ed with)? (?:code|status)|##\[error\]Process|^FAIL$|^FAILED \("
    r"|\b\d+ (?:failed|failing|failures?|errors?|problems?)\b"
)


class ErrorLines:
    """Numbers of the lines that tell of errors, of the jobs that were asked about lately."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: OrderedDict[tuple[str, int, int], tuple[int, ...]] = OrderedDict()

    def of(self, job: Job) -> tuple[int, ...]:
        """The first and last errors of a job's log, as it stands at `job.seq` or a little later. Waits."""
        key = (job.job_id, job.created_at, job.seq)
        numbers = self._known.get(key)
        if numbers is None:
            numbers = self._known[key] = _ends(sorted(set(self._read(job))))
            if len(self._known) > _MOST_ENTRIES:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(key)
        return numbers

    def forget(self, removal: Removal) -> None:
        """A job or its log was erased. Never waits."""
        for key in [key for key in self._known if key[0] == removal.job_id]:
            del self._known[key]

    def _read(self, job: Job) -> Iterable[int]:
        if job.log_bytes <= WHOLE_BYTES:
            yield from self._between(job, 1, job.lines)
            return
        lines = job.lines * _END_BYTES // job.log_bytes
        yield from self._between(job, 1, lines)
        yield from self._between(job, job.lines - lines, job.lines)

    def _between(self, job: Job, first: int, last: int) -> Iterable[int]:
        place: tuple[int, int] | None = (max(1, first), 0)
        while place is not None and place[0] <= last:
            found, place = self._store.outline(job.job_id, place)
            yield from found.errors


def _ends(numbers: Sequence[int]) -> tuple[int, ...]:
    return tuple(numbers) if len(numbers) <= _FIRST + _LAST else (*numbers[:_FIRST], *numbers[-_LAST:])


def most_telling(errors: Sequence[tuple[int, str]], most: int) -> list[int]:
    """The numbers of at most `most` error lines, the most telling first; of lines alike only the first.

    Lines are alike that differ in numbers alone: a warning that is repeated a thousand times is one.
    """
    distinct: dict[str, tuple[int, str]] = {}
    for number, text in errors:
        distinct.setdefault(_DIGITS.sub("0", text.strip().casefold()), (number, text))
    ranked = sorted(distinct.values(), key=lambda one: (_rank(one[1]), one[0]))
    return [number for number, _ in ranked[:most]]


def _rank(text: str) -> int:
    if _AFTERMATH.search(text):
        return 2
    return 0 if _PLACE.search(text) else 1

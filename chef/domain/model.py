"""The domain: updates (what is sent), events (what is received), jobs. Values and pure rules, no I/O.

Times are integers, milliseconds since 1970 UTC, from the server's clock.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, ClassVar, Literal

import msgspec

from chef.domain.asking import Question, StopRequest
from chef.domain.lines import Line, drawn_bytes, raw_bytes, replacing
from chef.domain.segments import Segment, body_bytes
from chef.domain.testreports import OutcomeCounts, ReportedTests
from chef.domain.wiretypes import Failure, Integrity

ID_PATTERN = r"[A-Za-z0-9._~:@+-]{1,128}"
PHASE_PATTERN = r"[a-z0-9_-]{1,32}"
ID = re.compile(ID_PATTERN)
ID_RULE = "must be 1 to 128 characters of A-Z a-z 0-9 . _ ~ : @ + -"
PHASE = re.compile(PHASE_PATTERN)

Kind = Literal["job", "project"]
"""The things that one can follow."""

UpdateType = Literal["progress", "log", "completed", "error", "cancelled", "mask", "tests"]
Status = Literal[
    "queued", "preparing", "installing", "building", "completed", "failed", "cancelled", "abandoned"
]
STATUSES: tuple[Status, ...] = (
    "queued",
    "preparing",
    "installing",
    "building",
    "completed",
    "failed",
    "cancelled",
    "abandoned",
)
ENDED: frozenset[str] = frozenset({"completed", "failed", "cancelled", "abandoned"})
RUNNING: tuple[Status, ...] = tuple(status for status in STATUSES if status not in ENDED)

MISSED_HEARTBEATS = 3
"""So many times the promised time a reporter may be silent before it is called lost."""

REMOVED_MARKER = "… [removed: "
"""How the line begins that stands in the place of lines that were removed from a log's middle."""

Meta = dict[str, Any]
Artifact = dict[str, Any]
Claim = dict[str, dict[str, Any]]
"""A sender's statement of its streams, by their names: `bytes`, and perhaps `lines` and `crc32`."""


class Value(msgspec.Struct, frozen=True):
    """A value of the domain. A Struct and no dataclass: a step in a job's life copies it several times,
    and `msgspec.structs.replace` takes a tenth of the time of the dataclasses' own.
    """


class Update(Value, frozen=True):
    """One update of a build script, valid by itself; `None` is a field that was not sent.

    Only the fields of its `type` are set (contract section 2). `progress` and `phase_progress` are within 0
    to 100, `code` an exit status or a string. `id` makes it safe to send again.
    """

    type: UpdateType
    job_id: str
    project_id: str | None = None
    id: str | None = None
    phase: str | None = None
    progress: float | None = None
    phase_progress: float | None = None
    status: Status | None = None
    message: str | None = None
    meta: Meta | None = None
    stream: str = "stdout"
    level: str | None = None
    code: int | str | None = None
    artifacts: tuple[Artifact, ...] | None = None
    integrity: Claim | None = None
    value: str | None = None
    report: ReportedTests | None = None


class Heartbeat(Value, frozen=True):
    """A reporter says that it is there, and will again within `every` seconds. No update: it has no seq.

    It is answered `wait` seconds later, or as soon as somebody asks the build to stop.
    """

    job_id: str
    project_id: str | None = None
    every: int = 30
    wait: int = 0


class OwnUpdate(Value, frozen=True):
    """A step in a job's life that comes from no update of its build (chef.domain.ownsteps).

    It names no project: the job is there already.
    """

    project_id: ClassVar[None] = None

    job_id: str


class Abandonment(OwnUpdate, frozen=True):
    """The server's own end of a job, unless something was heard of it since a time (ms)."""

    silent_since: int


class SavedFailure(OwnUpdate, frozen=True):
    """A better look at a failed job's log, after its end: the failure that it found, or none.

    `gap` is what was removed from the log when it was looked at: a look at what was erased since is not kept.
    """

    failure: Failure | None
    gap: Gap | None = None


class FailureLook(Value, frozen=True):
    """Why a job fails that is about to, as its log has it.

    `lines` is how long the log has to be then for its numbers to be right; `None`: they are, however long.
    `erased_to` is the job's when its log was looked at: a look at what was erased since is not kept.
    """

    failure: Failure
    lines: int | None = None
    erased_to: int = 0


class LogPiece(Value, frozen=True):
    """A piece of a log body (`POST /api/jobs/JOB/logs`), already cut into segments.

    `offset` is the byte position in the stream at which the piece begins; `None` appends. One that `goes_on`
    follows on a piece that is stored, and makes no job of its own.
    """

    job_id: str
    segments: Sequence[Segment]
    project_id: str | None = None
    stream: str = "stdout"
    offset: int | None = None
    goes_on: bool = False

    @property
    def size(self) -> int:
        """Bytes of the body that this piece stands for."""
        return body_bytes(self.segments)


class PhaseSpan(Value, frozen=True, array_like=True):
    """A time that a job spent in a phase; `finished_at` is `None` for the present one.

    `first_line` is the number of the first log line that came in it. `longest_pause_ms` is the longest time
    in it without a line or an update; `None` in spans from before that was kept. It is stored as an array.
    """

    phase: str
    started_at: int
    finished_at: int | None = None
    first_line: int | None = None
    longest_pause_ms: int | None = None


class LongPause(Value, frozen=True, array_like=True):
    """A time without a line or an update, in the phase that a job was in; `lines` came before it.

    It is stored as an array.
    """

    phase: str
    lines: int
    started_at: int
    duration_ms: int


class JobError(Value, frozen=True):
    """How a job failed: a message and the exit status or code, if they were given."""

    message: str | None
    code: int | str | None


class Gap(Value, frozen=True):
    """The part that was removed from the middle of a log that grew beyond its limit.

    The log lines with a seq from `first_seq` to `last_seq` are gone, and with them the lines numbered
    `first_line` to `last_line`, `bytes` in all; a marker stands in their place, with the seq `last_seq`.
    What says where the job is was kept. `head_bytes` are those of the log before the gap.
    """

    first_seq: int
    last_seq: int
    first_line: int
    last_line: int
    bytes: int
    head_bytes: int

    @property
    def lines(self) -> int:
        """How many line numbers are missing; none where only older forms of lines were removed."""
        return max(0, self.last_line - self.first_line + 1)

    def last_of(self, first: int, count: int) -> int:
        """Where `count` lines end that begin with line `first`; all of the gap is one line."""
        if not self.lines:
            return first + count - 1
        place = self._place(first) + count - 1
        return place if place < self.first_line else place + self.lines - 1

    def first_of(self, last: int, count: int) -> int:
        """Where `count` lines begin that end with line `last`; all of the gap is one line."""
        if not self.lines:
            return last - count + 1
        place = self._place(last) - count + 1
        return place if place <= self.first_line else place + self.lines - 1

    def _place(self, line: int) -> int:
        return min(line, max(self.first_line, line - self.lines + 1))


class Job(Value, frozen=True):
    """One build as it stands. `seq` is that of its newest stored update, `lines` its log's length.

    `state_seq` and `state_at` are those of the update that last said something else than a log
    line: what a late viewer is shown first carries them. `failure` is why it failed, as its log has it
    (chef.domain.failure). `log_bytes` are the bytes of its log that are
    kept, line ends included, `gap` is what was removed from the log. `claim` is what its sender said of
    its streams at the end, `integrity` how that compares with what is here (chef.domain.integrity).
    `heartbeat_at` and `heartbeat_every` are of the newest heartbeat, if there was one. `phase_known` tells
    whether an update said a phase or a status, `progress_known` whether one said progress or its phase.
    `masks` are its secrets (chef.domain.masking), kept while it runs. `phase_progress` is how far the phase
    is by its own tool (0 to 100), if that was said. `pauses` are the longest ones, longest first.
    `reopened` tells whether it was abandoned and ran again: then its times are no usual ones.
    `tests` counts its reported tests. `progress_at` is when its progress last moved, where that was told.
    `stop` is who asked it to stop, if anybody did, whatever came of it; `questions` are those that it asked.
    """

    job_id: str
    project_id: str
    created_at: int
    updated_at: int
    seq: int = 0
    lines: int = 0
    status: Status = "queued"
    phase: str = "queued"
    progress: float = 0
    message: str | None = None
    state_seq: int = 0
    state_at: int = 0
    started_at: int | None = None
    finished_at: int | None = None
    phases: tuple[PhaseSpan, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    meta: Meta = msgspec.field(default_factory=dict)
    error: JobError | None = None
    failure: Failure | None = None
    log_bytes: int = 0
    gap: Gap | None = None
    claim: Claim | None = None
    integrity: Integrity | None = None
    heartbeat_at: int | None = None
    heartbeat_every: int | None = None
    phase_known: bool = True
    progress_known: bool = True
    masks: tuple[str, ...] = ()
    phase_progress: float | None = None
    pauses: tuple[LongPause, ...] = ()
    reopened: bool = False
    tests: OutcomeCounts | None = None
    progress_at: int | None = None
    stop: StopRequest | None = None
    questions: tuple[Question, ...] = ()

    @property
    def ended(self) -> bool:
        return self.status in ENDED

    @property
    def seen_at(self) -> int:
        """When anything last came from the build; its being abandoned did not."""
        return max(self.updated_at, self.heartbeat_at or 0)

    def reporter(self, now: int) -> Literal["alive", "lost"] | None:
        """Whether a reporter keeps its promise of heartbeats; `None` without a promise and after the end."""
        if self.heartbeat_every is None or self.ended:
            return None
        patience = MISSED_HEARTBEATS * self.heartbeat_every * 1000
        return "lost" if now - self.seen_at > patience else "alive"

    @property
    def whole_from(self) -> int:
        """The first seq from which on nothing was removed."""
        return self.gap.last_seq + 1 if self.gap else 1

    @property
    def erased_to(self) -> int:
        """The last seq of what was removed where the log has no beginning any more, else 0."""
        return self.gap.last_seq if self.gap and self.gap.first_line == 1 else 0


class StateEntry(Value, frozen=True):
    """A stored update that says where the job is: its events, ready to send again.

    `events` are names without their room's prefix (`progress`, `completed`, `error`) and payloads as JSON.
    `project_seq` is its place among the project's entries.
    """

    seq: int
    events: tuple[tuple[str, str], ...]
    project_seq: int = 0

    @property
    def first_seq(self) -> int:
        return self.seq

    @property
    def size(self) -> int:
        """About how many bytes its events take."""
        return sum(300 + len(payload) for _, payload in self.events)


class LogEntry(Value, frozen=True):
    """Stored log lines that came together: `seq` is the last line's, one seq a line, no holes.

    `first_line` is the number of the first line. A later line has the next number, or, where it
    replaces the line before it in the entry, that one's; so an entry covers its range of numbers without
    gaps.
    """

    first_seq: int
    first_line: int
    at: int
    stream: str
    level: str | None
    lines: Sequence[Line]

    @property
    def seq(self) -> int:
        return self.first_seq + len(self.lines) - 1

    @property
    def size(self) -> int:
        """About how many bytes its events take."""
        return raw_bytes(self.lines) + drawn_bytes(self.lines) + 300 * len(self.lines)

    @property
    def raw_bytes(self) -> int:
        """How many bytes of output its lines stand for, line ends included."""
        return raw_bytes(self.lines)

    @property
    def drawn_bytes(self) -> int:
        """How many bytes the texts take that a terminal shows, beside those of the output."""
        return drawn_bytes(self.lines)

    @property
    def numbers(self) -> list[int]:
        """The line number of each line."""
        if not replacing(self.lines):
            return list(range(self.first_line, self.first_line + len(self.lines)))
        steps = (not line.replaces or bool(line.number) for line in self.lines[1:])
        return list(accumulate(steps, initial=self.first_line))

    @property
    def last_line(self) -> int:
        return self.numbers[-1] if replacing(self.lines) else self.first_line + len(self.lines) - 1


Entry = StateEntry | LogEntry

"""All that is read of a store: each query runs in one of a few native threads, while greenlets go on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chef.domain.failure import FailureReason, LogReading, SeenLine
from chef.domain.lines import StreamState
from chef.domain.logentries import MAX_ENTRY_LINES
from chef.domain.model import Entry, FailureLook, Gap, Job, LogEntry, Update
from chef.domain.removals import Removal
from chef.store import controls, failurelog, reading, removalrows
from chef.store.history import KindHistory, find_history
from chef.store.listqueries import ListQueries
from chef.store.loglines import NumberedLine, Outline, Place, find_outline, find_text, lines_at, newest_lines
from chef.store.reportqueries import ReportQueries
from chef.store.sessions import find_session
from chef.store.sizequeries import SizeQueries
from chef.wire.recovery import Kept

# How much of the store one step of a replay or a walk reads.
PAGE_BYTES = 128 * 1024
_WALK_LINES = 1000


class Queries(ListQueries, ReportQueries, SizeQueries):
    """Each query sees the store as it is at one moment. All raise `StoreUnavailable`."""

    def session(self, pid: str, at: int) -> list[Kept] | None:
        """The subscriptions of a viewer that comes back in time, else `None`."""
        return self._read(find_session, pid, at)

    def job(self, job_id: str) -> Job | None:
        return self._read(reading.find_job, job_id)

    def history(self, project_id: str, kind: str | None, known: tuple[int, ...] = ()) -> KindHistory:
        """The newest completed runs of a kind or a whole project; `known` are the keys of earlier ones."""
        return self._read(find_history, project_id, kind, known)

    def last_removal(self) -> int:
        """The number of the newest removal; 0 before the first one."""
        return self._read(removalrows.last_removal)

    def removals_after(self, number: int) -> list[Removal]:
        """The removals behind a number that are still told, in order, some hundred."""
        return self._read(removalrows.removals_after, number)

    def last_control(self) -> int:
        """The number of the newest stop request, question or answer; 0 before the first one."""
        return self._read(controls.last_control)

    def controls_after(self, number: int) -> list[controls.ControlChange]:
        """The stop requests, questions and answers behind a number that are still told, in order."""
        return self._read(controls.controls_after, number)

    def unclean_since(self) -> tuple[str, int] | None:
        """A mark and the time (ms) of the newest removal whose bytes may still be in the files."""
        return self._read(removalrows.unclean_since)

    def silent_jobs(self, since: int, limit: int) -> list[str]:
        """Ids of running jobs of which nothing was heard since a time (ms), at most `limit`."""
        return self._read(reading.silent_jobs, since, limit)

    def entries(self, job_id: str, after: int) -> list[Entry]:
        """The next entries of a job with a seq above `after`, a page of them; empty at the end."""
        return self._read(reading.entries_after, job_id, after, PAGE_BYTES)

    def project_entries(self, project_id: str, after: int) -> list[Entry]:
        """The next state entries of a project with a project seq above `after`, a page of them."""
        return self._read(reading.project_entries_after, project_id, after, PAGE_BYTES)

    def stream(self, job_id: str, stream: str) -> StreamState:
        """How far a log stream of a job is; a stream that nothing came in is at 0."""
        return self._read(reading.find_stream, job_id, stream) or StreamState()

    def job_and_stream(self, job_id: str, stream: str) -> tuple[Job | None, StreamState]:
        """A job and one of its log streams, as they stand at one moment."""
        return self._read(
            lambda connection: (
                reading.find_job(connection, job_id),
                reading.find_stream(connection, job_id, stream) or StreamState(),
            )
        )

    def job_seqs(self, job_ids: Sequence[str]) -> dict[str, int]:
        """The newest seq of each of the jobs that exist."""
        return self._read(reading.seqs_of_jobs, job_ids)

    def project_seqs(self, project_ids: Sequence[str]) -> dict[str, int]:
        """The newest project seq of each of the projects that exist."""
        return self._read(reading.seqs_of_projects, project_ids)

    def lines(self, job_id: str, first: int, last: int) -> list[NumberedLine]:
        """Lines `first` to `last` as they stand now, what was replaced left out."""
        return self._read(newest_lines, job_id, first, last)

    def lines_at(self, job_id: str, numbers: Sequence[int]) -> list[NumberedLine]:
        """The lines with these numbers, which ascend, as they stand now."""
        return self._read(lines_at, job_id, numbers)

    def walk_lines(
        self, job_id: str, first: int, last: int, gap: Gap | None = None
    ) -> Iterator[NumberedLine]:
        """The same for any number of lines, read in steps as they are taken; `gap` is the job's."""
        for start, end in _steps(gap, first, last):
            yield from self.lines(job_id, start, end)

    def walk_entries(self, job_id: str, last: int) -> Iterator[LogEntry]:
        """All log entries up to seq `last` in the order in which they came, read in steps."""
        after = 0
        while after < last and (page := self.entries(job_id, after)):
            yield from (entry for entry in page if isinstance(entry, LogEntry) and entry.seq <= last)
            after = page[-1].seq

    def search(self, job_id: str, needle: str, after: int, limit: int) -> list[NumberedLine]:
        """The first `limit` lines above number `after` that hold `needle`, in any case."""
        found: dict[int, NumberedLine] = {}
        place: tuple[int, int] | None = (after + 1, 0)
        # Entries come by their last line: one that follows may still hold earlier lines than these.
        while place is not None and sum(n <= place[0] - MAX_ENTRY_LINES for n in found) < limit:
            lines, place = self._read(find_text, job_id, needle, after, place, limit)
            found.update((line[0], line) for line in lines)
        return [found[number] for number in sorted(found)][:limit]

    def outline(self, job_id: str, place: Place) -> tuple[Outline, Place | None]:
        """The outline of the next part of a log; the first place is `(1, 0)`, `None` is the end."""
        return self._read(find_outline, job_id, place)

    def look_at_end(self, job_id: str, pending: Sequence[Update], until: float) -> FailureLook | None:
        """Why a job fails that is about to; `pending` are its updates that are stored together with its end.

        `None` where that is not certain, or not found out until a time of `time.monotonic`.
        """
        return self._read(failurelog.look_at_end, job_id, pending, until)

    def read_part(self, job_id: str, reading: LogReading, first: int) -> int | None:
        """Have `reading` take the lines from number `first` on, some of them; returns where to go on then."""
        return self._read(failurelog.read_part, job_id, reading, first)

    def add_reported(self, job: Job, reason: FailureReason | None) -> FailureReason | None:
        """A reason with the failed tests that the job's reports tell of."""
        return self._read(failurelog.add_reported, job, reason)

    def lines_about(self, job_id: str, reason: FailureReason) -> list[SeenLine]:
        """The lines of a log that tell of a reason."""
        return self._read(failurelog.lines_about, job_id, reason)


def _steps(gap: Gap | None, first: int, last: int) -> Iterator[tuple[int, int]]:
    """The lines from `first` to `last` in parts to be read one by one; a gap takes one part."""
    while first <= last:
        end = min(last, first + _WALK_LINES - 1)
        if gap is not None and gap.first_line <= end and first <= gap.last_line:
            end = min(last, gap.last_line) if first >= gap.first_line else gap.first_line - 1
        yield first, end
        first = end + 1

"""The decisions of a transaction of the store: which updates are taken, with which seq. Pure.

The store loads the rows that some batches concern into a `Ledger`, the ledger takes or refuses
each batch whole, and the store writes what the ledger then holds, in one commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from chef.domain import rules
from chef.domain.batches import Batch, Item, Receipt, Stored
from chef.domain.clockback import in_order
from chef.domain.implied import resume_by_log
from chef.domain.latemasks import LateMasks
from chef.domain.limits import HOUR_MS, NO_LIMITS, StoredLimits
from chef.domain.lines import ShownLine, StreamState, needs_recent
from chef.domain.logentries import MAX_ENTRY_BYTES
from chef.domain.model import (
    Entry,
    FailureLook,
    Job,
    LogEntry,
    LogPiece,
    OwnUpdate,
    StateEntry,
    Update,
    Value,
)
from chef.domain.ownsteps import own_step
from chef.domain.payloads import line_text
from chef.domain.projects import Project, counted
from chef.domain.removals import job_erased
from chef.domain.reporting import apply_report
from chef.domain.terminal import MOST_ROWS
from chef.domain.testreports import Absorbed, Outcome, ReportedTests
from chef.errors import ChefError, Conflict, FieldError


class Sent(Value, frozen=True):
    """An update that had an `id`: the digest of its content and the seq that it got."""

    digest: bytes
    seq: int


class LedgerRows(Struct):
    """The rows that batches read and write, by their natural keys.

    `recent` are the newest lines of streams whose terminal begins to move the cursor. `failed_tests` are
    the outcomes of tests of a job that failed at least once, by key; `reports` test reports by their seqs.
    """

    jobs: dict[str, Job] = {}
    projects: dict[str, Project] = {}
    streams: dict[tuple[str, str], StreamState] = {}
    sent: dict[tuple[str, str], Sent] = {}
    recent: dict[tuple[str, str], Sequence[ShownLine]] = {}
    failed_tests: dict[str, Mapping[int, Outcome]] = {}
    reports: dict[tuple[str, int], Absorbed] = {}
    refused: dict[str, int] = {}  # Erased jobs: until when (ms).
    stream_counts: dict[str, int] = {}
    project_count: int = 0


class Ledger:
    """The state that a transaction loaded, and all that it changed.

    `loaded` are rows of the store, `changed` those that have to be written, `stored` the new entries.
    `late_masks` outlive it.
    """

    def __init__(
        self,
        max_line_bytes: int,
        max_entry_bytes: int = MAX_ENTRY_BYTES,
        late_masks: LateMasks | None = None,
        limits: StoredLimits = NO_LIMITS,
    ) -> None:
        self.loaded = LedgerRows()
        self.changed = LedgerRows()
        self.stored: list[Stored] = []
        self.late_masks = late_masks or LateMasks()
        self.limits = limits
        self.max_line_bytes = max_line_bytes
        self.max_entry_bytes = max_entry_bytes

    def take(self, batch: Batch) -> Receipt | ChefError:
        """Take a batch whole, or answer why not; a refused batch changes nothing."""
        attempt = _Attempt(self, batch)
        try:
            receipt = attempt.run()
        except ChefError as refusal:
            return refusal
        self.changed.jobs |= attempt.rows.jobs
        self.changed.projects |= attempt.rows.projects
        self.changed.streams |= attempt.rows.streams
        self.changed.sent |= attempt.rows.sent
        self.changed.failed_tests |= attempt.rows.failed_tests
        self.changed.reports |= attempt.rows.reports
        self.stored += receipt.stored
        return receipt

    def job(self, job_id: str) -> Job | None:
        return self.changed.jobs.get(job_id) or self.loaded.jobs.get(job_id)

    def project(self, project_id: str) -> Project | None:
        return self.changed.projects.get(project_id) or self.loaded.projects.get(project_id)

    def stream(self, key: tuple[str, str]) -> StreamState | None:
        return self.changed.streams.get(key) or self.loaded.streams.get(key)

    def failed_tests(self, job_id: str) -> Mapping[int, Outcome]:
        return self.changed.failed_tests.get(job_id) or self.loaded.failed_tests.get(job_id, {})

    def sent(self, key: tuple[str, str]) -> Sent | None:
        return self.changed.sent.get(key) or self.loaded.sent.get(key)


class _Attempt:
    """One batch being applied, over a ledger that it does not touch."""

    def __init__(self, ledger: Ledger, batch: Batch) -> None:
        self.rows = LedgerRows()
        self._ledger = ledger
        self._batch = batch
        self._receipt = Receipt()
        self._at = batch.at

    def run(self) -> Receipt:
        for index, item in enumerate(self._batch.items):
            self._take(index, item)
        return self._receipt

    def _take(self, index: int, item: Item) -> None:
        update = item.update
        found = self.rows.jobs.get(update.job_id) or self._ledger.job(update.job_id)
        self._at = self._batch.at
        if found is not None and (self._at < found.updated_at or self._at < found.state_at):
            found, self._at = in_order(found, self._at)
        if isinstance(update, OwnUpdate):
            self._take_own(found, update)
            return
        if found is None:
            job = rules.start(update, self._at, index, self._batch.allowed)
            self._check_not_erased(update, index)
        else:
            job = found
            rules.check_same_project(job, update, index, self._batch.allowed)
        sent_id = item.update_id
        if sent_id is not None and self._is_duplicate(index, item, sent_id, job):
            return
        job, entries = self._apply(job, update, index, item.look)
        if found is None and not entries:
            # A log without a line makes no job, and its stream is where it was.
            key = (update.job_id, update.stream)
            del self.rows.streams[key]
            self._receipt.streams[key] = self._stream(key)
            return
        if found is None:
            self._check_limits(job, index)
        if sent_id is not None:
            self.rows.sent[job.job_id, sent_id] = Sent(item.digest, job.seq)
        self._keep(found, job, entries)

    def _check_not_erased(self, update: Update | LogPiece, index: int) -> None:
        """Refuse what belongs to a job that was erased while it ran, or while its log was being sent."""
        is_refused = self._batch.at < self._ledger.loaded.refused.get(update.job_id, 0)
        if is_refused or (isinstance(update, LogPiece) and update.goes_on):
            raise job_erased(update.job_id, index)

    def _check_limits(self, job: Job, index: int) -> None:
        """Refuse a new job beside too many of its project, or a project beside too many."""
        limits, loaded = self._ledger.limits, self._ledger.loaded
        project = self._project(job.project_id)
        if project is None:
            new = {*self._ledger.changed.projects, *self.rows.projects}.difference(loaded.projects)
            limits.check_projects(job.project_id, loaded.project_count + len(new), index)
        elif project.hour == self._batch.at // HOUR_MS:
            limits.check_jobs(job.project_id, project.hour_jobs, self._batch.at, index)

    def _check_streams(self, key: tuple[str, str], index: int) -> None:
        """Refuse a stream that is new in a job that has too many."""
        if not (self.rows.streams.get(key) or self._ledger.stream(key)):
            made = {*self._ledger.changed.streams, *self.rows.streams}.difference(self._ledger.loaded.streams)
            self._ledger.limits.check_streams(key[0], self._ledger.loaded.stream_counts, made, index)

    def _take_own(self, found: Job | None, step: OwnUpdate) -> None:
        taken = own_step(found, step, self._at, self._batch.allowed)
        if taken is not None and taken[0] is not found:
            self._keep(found, *taken)
        elif found is not None:
            self._note(found, found.seq)

    def _keep(self, before: Job | None, job: Job, entries: Sequence[Entry]) -> None:
        if before is not None and before.masks and job.ended:
            self._ledger.late_masks.keep(job.job_id, before.masks, self._at)
        project = self._project(job.project_id)
        seq = 0 if project is None else project.seq
        for entry in entries:
            if isinstance(entry, StateEntry):  # It has its place in the project's order.
                seq += 1
                self._receipt.stored.append(Stored(job, replace(entry, project_seq=seq)))
            else:
                self._receipt.stored.append(Stored(job, entry))
        self.rows.projects[job.project_id] = counted(project, seq, before, job, self._at, self._batch.at)
        self.rows.jobs[job.job_id] = job
        self._receipt.accepted += 1
        self._note(job, job.seq)

    def _is_duplicate(self, index: int, item: Item, sent_id: str, job: Job) -> bool:
        key = (item.update.job_id, sent_id)
        sent = self.rows.sent.get(key) or self._ledger.sent(key)
        if sent is None:
            return False
        if sent.digest != item.digest:
            message = f"{sent_id!r} was used in this job for another update"
            raise Conflict(
                f"update {index}: id {message}", code="id_reused", errors=(FieldError(message, "id", index),)
            )
        self._receipt.duplicates += 1
        self._note(job, sent.seq)
        return True

    def _apply(
        self, job: Job, update: Update | LogPiece, index: int, look: FailureLook | None
    ) -> tuple[Job, Sequence[Entry]]:
        if isinstance(update, LogPiece) or update.type == "log":
            return self._apply_log(job, update, index)
        if update.type == "mask":
            return rules.apply_mask(job, update, self._at, index)
        if update.report is not None:
            return self._apply_report(job, update.report, index)
        streams = self._streams(job.job_id, update.integrity) if update.integrity else {}
        after, entry = rules.apply(job, update, self._at, index, streams, look)
        before, count = len(job.phases), len(after.phases)
        if count > before:
            self._ledger.limits.check_phases(job.job_id, count, before, index)
        return after, [entry]

    def _apply_log(self, job: Job, update: Update | LogPiece, index: int) -> tuple[Job, Sequence[Entry]]:
        key = (job.job_id, update.stream)
        self._check_streams(key, index)
        stream = self._stream(key)
        lines_before = job.lines
        limits = self._ledger.max_line_bytes, self._ledger.max_entry_bytes
        recent = self._recent(key, stream, update)
        resumed, state = resume_by_log(job, self._at)
        if resumed.ended:
            resumed = replace(resumed, masks=self._ledger.late_masks.of(job.job_id))
        after, entries, stream = rules.apply_log(resumed, update, stream, self._at, index, *limits, recent)
        self.rows.streams[key] = self._receipt.streams[key] = stream
        if not entries:
            return job, []
        self._receipt.lines += after.lines - lines_before
        if after.ended:
            after = replace(after, masks=())
        after = rules.verify(after, self._streams(job.job_id, after.claim or ()))
        return after, [state, *entries] if state else entries

    def _apply_report(self, job: Job, report: ReportedTests, index: int) -> tuple[Job, Sequence[Entry]]:
        known = self.rows.failed_tests.get(job.job_id)
        if known is None:
            known = self._ledger.failed_tests(job.job_id)
        late = self._ledger.late_masks.of(job.job_id)
        after, entry, absorbed = apply_report(job, report, known, late, self._at, index)
        self.rows.failed_tests[job.job_id] = {**known, **absorbed.states}
        self.rows.reports[job.job_id, entry.seq] = absorbed
        return after, [entry]

    def _recent(
        self, key: tuple[str, str], stream: StreamState, update: Update | LogPiece
    ) -> Sequence[ShownLine]:
        """A stream's newest lines as they stand now, where they are needed."""
        if isinstance(update, Update) or not needs_recent(stream, update.segments):
            return ()
        lines = dict(self._ledger.loaded.recent.get(key, ()))
        for item in (*self._ledger.stored, *self._receipt.stored):
            entry = item.entry
            if isinstance(entry, LogEntry) and (item.job.job_id, entry.stream) == key:
                lines.update(zip(entry.numbers, map(line_text, entry.lines), strict=True))
        return sorted(lines.items())[-MOST_ROWS:]

    def _streams(self, job_id: str, names: Iterable[str]) -> dict[str, StreamState]:
        return {name: self._stream((job_id, name)) for name in names}

    def _project(self, project_id: str) -> Project | None:
        return self.rows.projects.get(project_id) or self._ledger.project(project_id)

    def _stream(self, key: tuple[str, str]) -> StreamState:
        return self.rows.streams.get(key) or self._ledger.stream(key) or StreamState()

    def _note(self, job: Job, seq: int) -> None:
        self._receipt.seqs[job.job_id] = max(seq, self._receipt.seqs.get(job.job_id, 0))
        if job.stop is not None:
            self._receipt.stops[job.job_id] = None if job.ended else job.stop

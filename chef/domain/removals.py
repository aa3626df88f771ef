"""What was erased, and the events that tell of it. Pure."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from chef.domain.model import Gap, Value
from chef.domain.wiretypes import Count, Id, JsonObject, Seq, encode
from chef.errors import Conflict

ERASED_FOR_MS = 24 * 60 * 60 * 1000
"""So long the id of a job that was erased while it ran is refused: its sender would send it all again."""


class Removal(Value, frozen=True):
    """One removal, numbered over the whole store.

    A whole project where there is no `job_id`; of a job its log alone where there is a `gap`, which stands
    in the log's place.
    """

    number: int
    project_id: str
    job_id: str | None = None
    gap: Gap | None = None


class RemovedLog(JsonObject, frozen=True):
    """Lines of a log that are gone: from its first one on where it was erased, else in its middle.

    From `firstSeq` on nothing is.
    """

    first_seq: Seq
    first_line: Count
    last_line: Count
    lines: Count
    bytes: Count


class JobRemovedEvent(JsonObject, frozen=True):
    """`job:removed`: a job was erased, or with `log` what is told there of its log alone."""

    job_id: Id
    project_id: Id
    log: RemovedLog | UnsetType = UNSET


class ProjectRemovedEvent(JsonObject, frozen=True):
    """`project:removed`: a project was erased, with all jobs that it had."""

    project_id: Id


def job_erased(job_id: str, index: int) -> Conflict:
    """The refusal of an update of a job that was erased."""
    return Conflict(f"update {index}: job {job_id!r} was erased, and takes nothing more", code="job_erased")


def removed_log(gap: Gap) -> RemovedLog:
    """A gap as the wire shows it."""
    return RemovedLog(gap.last_seq + 1, gap.first_line, gap.last_line, gap.lines, gap.bytes)


def removal_event(removal: Removal) -> tuple[str, str]:
    """The event that tells of a removal: its name, and the payload as JSON text."""
    if removal.job_id is None:
        return "project:removed", encode(ProjectRemovedEvent(removal.project_id))
    log = UNSET if removal.gap is None else removed_log(removal.gap)
    return "job:removed", encode(JobRemovedEvent(removal.job_id, removal.project_id, log))

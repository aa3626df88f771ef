"""The effect of an update on a job (contract section 2): phases, progress, status, endings. Pure.

`start` makes a job of its first update, `apply` and `apply_log` take it one step on. They return
the new job and the entry to store, or raise a ChefError and leave everything as it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from msgspec.structs import replace

from chef.domain.implied import resume, state_entry
from chef.domain.integrity import verdict
from chef.domain.legible import legible
from chef.domain.lines import (
    Line,
    ShownLine,
    StreamState,
    attach,
    attach_plain,
    drawn_bytes,
    in_parts,
    raw_bytes,
    replacing,
)
from chef.domain.logentries import MAX_ENTRY_BYTES, MAX_ENTRY_LINES, log_entries, plain_entries
from chef.domain.masking import MAX_MASKS, MAX_MASKS_BYTES, masked_lines, masked_text, with_mask
from chef.domain.model import (
    ENDED,
    Artifact,
    FailureLook,
    Heartbeat,
    Job,
    JobError,
    LogEntry,
    LogPiece,
    Meta,
    StateEntry,
    Status,
    Update,
)
from chef.domain.pauses import heard, with_first_line
from chef.domain.phases import PHASES, end_job, enter_phase, phase_of, progress_within, running_status
from chef.domain.segments import Segment, WithinCutLine, segment_text, skip
from chef.errors import Conflict, FieldError, Forbidden, Invalid, OffsetPastEnd

LOGS_AFTER_END_MS = 5 * 60 * 1000
MAX_META_BYTES = 16 * 1024
MAX_ARTIFACTS = 1000
MAX_ARTIFACTS_BYTES = 1024 * 1024


def start(item: Update | LogPiece, at: int, index: int, allowed: frozenset[str] | None) -> Job:
    """The job that its first update makes, before that update is applied.

    `allowed` are the projects that the writer's token may write, `None` for all.
    """
    if item.project_id is None:
        if allowed is not None:
            raise _not_for_this_project()
        message = "is needed in a job's first update"
        raise Invalid(
            f"update {index}: projectId {message}", errors=(FieldError(message, "projectId", index),)
        )
    if allowed is not None:
        _check_allowed(item.project_id, allowed)
    return Job(
        item.job_id, item.project_id, created_at=at, updated_at=at, phase_known=False, progress_known=False
    )


def check_same_project(
    job: Job, item: Update | LogPiece | Heartbeat, index: int, allowed: frozenset[str] | None
) -> None:
    """A job's project is fixed by its first update, and a token may be limited to some projects."""
    if allowed is not None:
        _check_allowed(job.project_id, allowed)
    if item.project_id is not None and item.project_id != job.project_id:
        message = f"must be {job.project_id!r}: a job's project is fixed by its first update"
        raise Conflict(
            f"update {index}: job {job.job_id!r} belongs to another project",
            code="project_mismatch",
            errors=(FieldError(message, "projectId", index),),
        )


def _check_allowed(project_id: str, allowed: frozenset[str]) -> None:
    if project_id not in allowed:
        raise _not_for_this_project()


def _not_for_this_project() -> Forbidden:
    return Forbidden("this token is not for this project")


def apply(
    job: Job,
    update: Update,
    at: int,
    index: int,
    streams: Mapping[str, StreamState] | None = None,
    look: FailureLook | None = None,
) -> tuple[Job, StateEntry]:
    """Apply any update but a log; raises Conflict `job_finished` after the end.

    `streams` are those of the job that the update says something of (`integrity`), `look` is what its log
    says of its failure.
    """
    check_running(job, index)
    update = legible(update)
    if job.masks and update.message is not None:
        update = replace(update, message=masked_text(update.message, job.masks))
    job = resume(heard(job, at))
    if update.meta:
        job = _with_meta(job, update.meta, index)
    if update.artifacts:
        job = _with_artifacts(job, update.artifacts, index)
    if update.type == "completed" or _completes(update):
        job = _complete(job, update, at)
    elif update.type in ("error", "cancelled") or update.status in ENDED:
        job = _fail(job, update, at, index)
    else:
        job = _advance(job, update, at, index)
    is_of_this_log = look is not None and look.lines in (None, job.lines) and look.erased_to == job.erased_to
    if look is not None and is_of_this_log and job.status == "failed":
        job = replace(job, failure=look.failure)
    if update.integrity is not job.claim:
        job = replace(job, claim=update.integrity)
    return state_entry(verify(job, streams or {}), at)


def apply_mask(job: Job, update: Update, at: int, index: int) -> tuple[Job, list[StateEntry]]:
    """Take a secret that what follows must not show; raises Conflict after the job's end.

    No entry tells of it. A job that it is the first to speak of is made by a progress update without a word,
    and one that was abandoned taken up again by such.
    """
    check_running(job, index)
    entries: list[StateEntry] = []
    if not job.seq or job.ended:
        job, entry = apply(job, Update("progress", job.job_id), at, index)
        entries.append(entry)
    masks = with_mask(job.masks, update.value or "")
    if masks is None:
        message = f"must be one of at most {MAX_MASKS} of the job, {MAX_MASKS_BYTES} bytes in all"
        raise Invalid(f"update {index}: value {message}", errors=(FieldError(message, "value", index),))
    return replace(heard(job, at), masks=masks), entries


def check_running(job: Job, index: int) -> None:
    """Refuse an update that is only taken before the job's end."""
    if job.ended and job.status != "abandoned":
        raise _job_finished(job, index)


def verify(job: Job, streams: Mapping[str, StreamState]) -> Job:
    """Compare the claim that came with the job's end with its streams as they are now."""
    return job if job.claim is None else replace(job, integrity=verdict(job.claim, streams))


def apply_log(
    job: Job,
    item: Update | LogPiece,
    stream: StreamState,
    at: int,
    index: int,
    max_line_bytes: int,
    max_entry_bytes: int = MAX_ENTRY_BYTES,
    recent: Sequence[ShownLine] = (),
) -> tuple[Job, list[LogEntry], StreamState]:
    """Apply a log update or a piece of a log body to a job and the stream it goes to.

    `recent` are the stream's newest lines, where its terminal begins to move the cursor.
    """
    check_takes_logs(job, at, index)
    lines, after = _attach(stream, item, job.lines + 1, max_line_bytes, recent)
    if not lines:
        return job, [], after
    lines, masks = masked_lines(lines, job.masks)
    level = item.level if isinstance(item, Update) else None
    parts = in_parts(lines, MAX_ENTRY_LINES)
    sizes = [raw_bytes(part) + drawn_bytes(part) for part in parts]
    if max(sizes) <= max_entry_bytes and not replacing(lines):
        entries = plain_entries(job, parts, at, item.stream, level)
    else:
        entries = log_entries(job, lines, stream.line, at, item.stream, level, max_entry_bytes)
    new_lines = len(lines) - replacing(lines)
    job = replace(
        heard(job, at),
        seq=entries[-1].seq,
        lines=job.lines + new_lines,
        log_bytes=job.log_bytes + sum(sizes),
        masks=masks,
    )
    if job.started_at is None:
        job = replace(job, started_at=at)
    if job.state_seq == 0:
        job = replace(job, state_seq=job.seq, state_at=at)
    job = enter_phase(job, job.phase, at)
    return (with_first_line(job, job.lines - new_lines + 1) if new_lines else job), entries, after


def _attach(
    stream: StreamState, item: Update | LogPiece, next_line: int, limit: int, recent: Sequence[ShownLine]
) -> tuple[Sequence[Line], StreamState]:
    if isinstance(item, LogPiece):
        return attach(stream, _from_offset(item, stream), next_line, limit, recent)
    # Only a log body's first newline can belong to the body before it.
    before = replace(stream, tail="closed" if stream.tail == "open" else stream.tail, open=None)
    lines, after = attach_plain(before, segment_text(item.message or "", limit), next_line, limit)
    # A message is no part of the bytes that log bodies count, nor does it end their line.
    tail = stream.tail if stream.tail == "open" and after.tail == "closed" else after.tail
    return lines, replace(after, offset=stream.offset, tally=stream.tally, tail=tail, open=None)


def check_log_body(job: Job, piece: LogPiece, stream: StreamState, at: int) -> None:
    """Refuse a log body that `apply_log` would refuse whatever is in it."""
    check_takes_logs(job, at, 0)
    _from_offset(piece, stream)


def check_takes_logs(job: Job, at: int, index: int) -> None:
    """Refuse what is only taken until some minutes after the job's end: log lines and test reports."""
    if job.status != "abandoned" and job.finished_at is not None and at > job.finished_at + LOGS_AFTER_END_MS:
        raise _job_finished(job, index)


def _from_offset(piece: LogPiece, stream: StreamState) -> Sequence[Segment]:
    if piece.offset is None:
        return piece.segments
    if piece.offset > stream.offset:
        raise OffsetPastEnd(
            f"offset {piece.offset} is past the end of stream {piece.stream!r}, go on from {stream.offset}",
            extra={"offset": stream.offset},
        )
    try:
        return skip(piece.segments, stream.offset - piece.offset)
    except WithinCutLine:
        raise OffsetPastEnd(
            f"another upload of stream {piece.stream!r} overtook this one within a line beyond the limit,"
            f" go on from {stream.offset}",
            code="offset_overtaken",
            extra={"offset": stream.offset},
        ) from None


def _job_finished(job: Job, index: int) -> Conflict:
    message = f"job {job.job_id!r} has ended ({job.status})"
    return Conflict(
        f"update {index}: {message}", code="job_finished", errors=(FieldError(message, "jobId", index),)
    )


def _with_meta(job: Job, more: Meta, index: int) -> Job:
    """The job with some more meta; of the same name the newer one counts."""
    meta = {**job.meta, **more}
    if len(msgspec.json.encode(meta)) > MAX_META_BYTES:
        message = f"must be at most {MAX_META_BYTES} bytes as JSON, together with the job's earlier meta"
        raise Invalid(f"update {index}: meta {message}", errors=(FieldError(message, "meta", index),))
    return replace(job, meta=meta)


def _with_artifacts(job: Job, more: Sequence[Artifact], index: int) -> Job:
    """The job with some more artifacts; one takes the place of an earlier one of its name."""
    by_name = {artifact["name"]: artifact for artifact in (*job.artifacts, *more)}
    artifacts = tuple(by_name.values())
    message = None
    if len(artifacts) > MAX_ARTIFACTS:
        message = f"must be at most {MAX_ARTIFACTS} artifacts, together with the job's earlier ones"
    elif len(msgspec.json.encode(artifacts)) > MAX_ARTIFACTS_BYTES:
        message = f"must be at most {MAX_ARTIFACTS_BYTES} bytes as JSON, together with the job's earlier ones"
    if message is not None:
        raise Invalid(
            f"update {index}: artifacts {message}", errors=(FieldError(message, "artifacts", index),)
        )
    return replace(job, artifacts=artifacts)


def _completes(update: Update) -> bool:
    """Whether a progress update ends the job: status `completed`, or progress 100 in that phase."""
    if update.status is not None and update.status in ENDED - {"completed"}:
        return False
    return update.status == "completed" or (
        update.progress == 100 and (update.phase or "completed") == "completed"
    )


def _complete(job: Job, update: Update, at: int) -> Job:
    job = _say(job, update.message, phase_changes=True)
    job = _with_progress(enter_phase(job, "completed", at), 100)
    return end_job(replace(job, phase_progress=None), "completed", at)


def _fail(job: Job, update: Update, at: int, index: int) -> Job:
    if update.type == "progress":
        job = _move(job, update, at, index)
    job = replace(job, error=JobError(update.message, update.code))
    status: Status = "cancelled" if update.type == "cancelled" else update.status or "failed"
    return end_job(enter_phase(_say(job, update.message, phase_changes=True), job.phase, at), status, at)


def _advance(job: Job, update: Update, at: int, index: int) -> Job:
    before = job.phase
    job = _move(job, update, at, index)
    job = _say(job, update.message, phase_changes=job.phase != before)
    if update.status is None and update.phase is None and update.progress is None:
        return job
    status = update.status or running_status(job.phase)
    if status == job.status and job.phase_known:
        return job
    return replace(job, status=status, phase_known=True)


def _move(job: Job, update: Update, at: int, index: int) -> Job:
    """Take the update's phase and progress, and where one is missing what the table gives for it."""
    phase, progress = update.phase, update.progress
    if update.phase_progress is not None and not job.phase_known and phase is None and progress is None:
        message = "needs a phase, in this update or in an earlier one"
        raise Invalid(
            f"update {index}: phaseProgress {message}", errors=(FieldError(message, "phaseProgress", index),)
        )
    if phase is None and progress is not None:
        phase = phase_of(progress)
    elif phase in PHASES and progress is None:
        lowest = PHASES[phase][0]
        progress = max(job.progress, lowest) if _reached_within(job, phase) else lowest
    if progress is not None:
        job = _with_progress(job, progress)
    job = enter_phase(job, phase or job.phase, at)
    return job if update.phase_progress is None else _move_within(job, update, update.phase_progress)


def _move_within(job: Job, update: Update, phase_progress: float) -> Job:
    """Take how far the phase is by its own tool; the job's progress follows, never down.

    A progress in the same update is the script's own word for the whole job. Of several tools that follow
    each other in one phase the highest percent is kept.
    """
    job = replace(job, phase_progress=max(phase_progress, job.phase_progress or 0))
    progress = progress_within(job.phase, phase_progress)
    if update.progress is not None or progress is None:
        return job
    return _with_progress(job, max(job.progress, progress))


def _with_progress(job: Job, progress: float) -> Job:
    """The job at a progress that was told now."""
    if progress == job.progress and job.progress_known:
        return job
    return replace(job, progress=progress, progress_known=True, progress_at=job.updated_at)


def _reached_within(job: Job, phase: str) -> bool:
    """Whether the job's progress was reached in a phase, which it may have left for one of its own."""
    was_there = any(span.phase == phase for span in job.phases)
    return phase == job.phase or (was_there and phase_of(job.progress) == phase)


def _say(job: Job, message: str | None, *, phase_changes: bool) -> Job:
    """A message stays until the next one, or until the phase it was said in is over."""
    if message == job.message or (message is None and not phase_changes):
        return job
    return replace(job, message=message)

"""What is new in a failed job: `GET /api/jobs/JOB/new` (contract section 4)."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median

from flask import Blueprint, Response

from chef.api.answers import answer, readable_job
from chef.api.shapes import NewInJob, NewLine, PhaseAgainstGreen
from chef.domain.filtering import filter_text
from chef.domain.model import Job
from chef.services import services

blueprint = Blueprint("novelty", __name__)


@blueprint.get("/api/jobs/<job_id>/new")
def get_new(job_id: str) -> Response:
    """The kinds of lines of a failed job that the newest green runs of its kind never printed."""
    return answer(new_in_job(readable_job(job_id, "log")))


def new_in_job(job: Job) -> NewInJob:
    """What is new in a job. Raises StoreUnavailable."""
    if job.status != "failed":
        return NewInJob("none", 0, 0, [], [])
    waits, novelty = services().store.novelty.of(job.job_id)
    if waits or novelty is None or not novelty.runs:
        return NewInJob("pending" if waits else "none", 0, 0, [], [])
    lines = [NewLine(kind.line, kind.text, kind.count) for kind in novelty.kinds]
    return NewInJob("ready", novelty.runs, novelty.count, lines, _against_green(job, novelty.runs))


def _against_green(job: Job, runs: int) -> list[PhaseAgainstGreen]:
    """How much longer each phase took than in the median of the newest green runs."""
    history = services().store.history(job.project_id, filter_text(job.meta.get("kind")))
    green = [_durations((span.phase, span.duration_ms) for span in run.spans) for run in history.runs or ()]
    own = _durations(
        (span.phase, span.finished_at - span.started_at) for span in job.phases if span.finished_at
    )
    compared: list[PhaseAgainstGreen] = []
    for phase, took in own.items():
        usual = [durations[phase] for durations in green[:runs] if phase in durations]
        if usual:
            compared.append(PhaseAgainstGreen(phase, round(took - median(usual))))
    return compared


def _durations(spans: Iterable[tuple[str, int]]) -> dict[str, int]:
    """The time (ms) of each phase, which may have come several times."""
    durations: dict[str, int] = {}
    for phase, duration in spans:
        durations[phase] = durations.get(phase, 0) + duration
    return durations

"""Jobs, logs and projects erased over HTTP, by somebody who may write (contract section 2)."""

from __future__ import annotations

import logging

from flask import Blueprint, Response

from chef.api.admission import writer_of_request
from chef.api.answers import answer, check_id, number_in_query
from chef.api.shapes import ErasedJob, ErasedLog, ErasedProject
from chef.domain.removals import removed_log
from chef.errors import Forbidden, NotFound
from chef.services import services
from chef.store import Cleanness

blueprint = Blueprint("erasing", __name__)
log = logging.getLogger(__name__)

WAIT_S = 5
"""So long a request waits until nothing is left in the files, unless it says otherwise with `wait`."""
MAX_WAIT_S = 60

_DETAILS = {
    None: "nobody finds it any more; the store's files are being cleaned of it",
    Cleanness.LATER: "nobody finds it any more; the store's files are cleaned of it when they are less used",
    Cleanness.TOO_LARGE: "nobody finds it any more; the store's files are too large to be cleaned of it while"
    " they are in use: run `python -m chef vacuum` in a quiet hour",
}


@blueprint.delete("/api/jobs/<job_id>")
def delete_job(job_id: str) -> Response:
    """Erase a job, whether or not it runs."""
    writer, seconds = writer_of_request(), _seconds()
    erased = services().eraser.erase_job(check_id(job_id, "jobId"), writer.projects)
    if erased is None:
        raise _no_job(job_id, writer.projects)
    log.info("job %s was erased", job_id)
    status, is_clean, detail = _cleanness(seconds)
    return answer(ErasedJob(job_id, erased.removals[0].project_id, is_clean, detail), status)


@blueprint.delete("/api/jobs/<job_id>/logs")
def delete_logs(job_id: str) -> Response:
    """Erase a job's log; what comes later goes on behind it."""
    writer, seconds = writer_of_request(), _seconds()
    erased = services().eraser.erase_logs(check_id(job_id, "jobId"), writer.projects)
    if erased is None or erased.job is None:
        raise _no_job(job_id, writer.projects)
    log.info("the log of job %s was erased", job_id)
    gap = erased.removals[0].gap if erased.removals else None
    status, is_clean, detail = _cleanness(seconds)
    found = None if gap is None else removed_log(gap)
    return answer(ErasedLog(job_id, erased.job.project_id, found, is_clean, detail), status)


@blueprint.delete("/api/projects/<project_id>")
def delete_project(project_id: str) -> Response:
    """Erase a project with all jobs that it has now."""
    writer, seconds = writer_of_request(), _seconds()
    if not writer.may_write(check_id(project_id, "projectId")):
        raise Forbidden("this token is not for this project")
    found = services().store.project(project_id)
    erased = services().eraser.erase_project(project_id)
    if found is None or erased is None:
        raise NotFound(f"there is no project {project_id!r}")
    log.info("project %s was erased", project_id)
    status, is_clean, detail = _cleanness(seconds)
    return answer(ErasedProject(project_id, found.project.total, is_clean, detail), status)


def _seconds() -> int:
    seconds = number_in_query("wait", WAIT_S, 0, MAX_WAIT_S)
    return WAIT_S if seconds is None else seconds


def _no_job(job_id: str, allowed: frozenset[str] | None) -> Exception:
    if allowed is not None:
        return Forbidden("this token is not for this job's project")
    return NotFound(f"there is no job {job_id!r}")


def _cleanness(seconds: float) -> tuple[int, bool, str]:
    """The status of an answer, whether the files are clean by now, and what else is to be said."""
    found = services().eraser.wait(seconds)
    if found is Cleanness.CLEAN:
        return 200, True, "nothing of it is left"
    return 202, False, _DETAILS[found]

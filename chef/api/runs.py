"""Jobs among others over HTTP: a project's runs, one run with its jobs, a job's neighbours of its kind."""

from __future__ import annotations

from flask import Blueprint, Response
from werkzeug.routing import BaseConverter

from chef.access.principals import Principal
from chef.api.answers import (
    MAX_LIMIT,
    answer_at,
    check_id,
    check_project,
    cursor_in_query,
    limit_in_query,
    number_in_query,
    switch_in_query,
    visible_job,
)
from chef.api.filters import filter_in_query, list_reader, project_in_query
from chef.api.shapes import Runs
from chef.api.texts import run_answer, wanted_text
from chef.domain.clockback import not_after
from chef.domain.failure import IN_LISTS
from chef.domain.filtering import JobFilter
from chef.domain.model import Job
from chef.domain.payloads import job_json
from chef.domain.runpayloads import (
    BriefJobJson,
    NeighboursJson,
    brief,
    brief_json,
    run_json,
    whole_run_json,
)
from chef.errors import NotFound
from chef.live.visibleruns import visible_runs
from chef.services import services
from chef.wire.paging import make_cursor

blueprint = Blueprint("runs", __name__)


@blueprint.get("/api/runs")
def list_all_runs() -> Response:
    """The runs of all projects that the caller may see, or of one, the one that began last first."""
    principal = list_reader()
    project_id = project_in_query(principal)
    return answer_at(principal, _page(filter_in_query(project_id), principal))


@blueprint.get("/api/projects/<project_id>/runs")
def list_project_runs(project_id: str) -> Response:
    """The runs of a project, the one that began last first; a job without a run is a run of one."""
    principal = list_reader()
    check_project(principal, project_id)
    page = _page(filter_in_query(project_id), principal)
    if not page.runs and services().store.project(project_id) is None:
        raise NotFound(f"there is no project {project_id!r}")
    return answer_at(principal, page)


def _page(wanted: JobFilter, principal: Principal) -> Runs:
    active = switch_in_query("active", default=False)
    before, limit = cursor_in_query(), limit_in_query()
    page = visible_runs(services().store, principal, wanted, before=before, limit=limit, active=active)
    more = None if page.next is None else make_cursor(page.next)
    return Runs([run_json(run, services().job_json(run.worst_job, IN_LISTS)) for run in page.runs], more)


class RunConverter(BaseConverter):
    """The name of a run in a path, which may be any text: its slashes are part of it, also the first ones."""

    regex = "(?s:.+)"
    part_isolating = False


@blueprint.get("/api/projects/<project_id>/runs/<run:run>")
def get_run(project_id: str, run: str) -> Response:
    """One run: what it is, and its jobs, the first one first."""
    principal = list_reader()
    principal.check_level("summary")  # Its name is a text.
    check_project(principal, project_id)
    limit = number_in_query("limit", MAX_LIMIT, 1, MAX_LIMIT) or MAX_LIMIT
    after = cursor_in_query()
    store = services().store
    found = None if "\0" in run else store.run(project_id, run)
    if found is None:
        raise NotFound(f"there is no run {run!r} in project {project_id!r}")
    page = store.run_jobs(project_id, run, after, limit)
    now = services().clock()
    jobs = [job_json(not_after(job, now), now, IN_LISTS) for job in page.jobs]
    whole = whole_run_json(found, jobs, None if page.next is None else make_cursor(page.next))
    form = wanted_text(principal)
    return answer_at(principal, whole) if form is None else run_answer(whole, form)


@blueprint.get("/api/jobs/<job_id>/neighbours")
def get_neighbours(job_id: str) -> Response:
    """The previous and the next job of a job's kind, and the last one before it that completed."""
    principal = list_reader()
    principal.check_level("summary")  # A job's kind is a text.
    visible_job(principal, check_id(job_id, "jobId"))
    found = services().store.neighbours(job_id)
    if found is None:
        raise NotFound(f"there is no job {job_id!r}")
    around = NeighboursJson(_brief(found.previous), _brief(found.next), _brief(found.last_green))
    return answer_at(principal, around)


def _brief(job: Job | None) -> BriefJobJson | None:
    return None if job is None else brief_json(brief(job))

"""The pages' addresses: overview, project, job, and the icon that shows a job's state in its tab."""

from __future__ import annotations

import math
from typing import Any

from flask import Response, make_response, request

from chef.access.addresses import origin
from chef.access.levels import at_level, shows
from chef.access.principals import Principal
from chef.domain.clock import rfc3339
from chef.domain.model import STATUSES, Job
from chef.domain.silence import shown_status, silence
from chef.domain.wiretypes import as_dict
from chef.errors import NotFound
from chef.pages import durations, snapshots
from chef.pages.controls import offered_control
from chef.pages.errors import make_blueprint
from chef.pages.language import gettext as _
from chef.pages.language import render
from chef.pages.listedruns import listed_runs, running_runs
from chef.pages.listfilter import FILTERS, PageFilter, filter_of_request
from chef.pages.sources import is_source, sources
from chef.pages.testpanel import report_panel
from chef.pages.verdict import verdict
from chef.pages.viewer import (
    check_may_read,
    live_part,
    may_share,
    viewer,
    visible_job,
)
from chef.services import services
from chef.wire.paging import read_cursor

blueprint = make_blueprint("pages")


@blueprint.get("/")
def overview() -> str | Response:
    """All projects and the running jobs; with a filter, the jobs of all projects that are as asked for.

    By a share link it is the page of its job or project.
    """
    principal = viewer("progress")
    if principal.share is not None:
        of_job = principal.share.kind == "job"
        return _job_page(principal.share.name) if of_job else _project_page(principal.share.name)
    before, asked = _before(), filter_of_request()
    if asked:
        rows = listed_runs(asked.of_store(None), principal, before)
        parts = _list_parts(rows, asked) | {"projects": []}
    else:
        projects = snapshots.projects(principal, before)
        running = running_runs(principal.projects) if before is None else []
        parts = {"projects": projects.items, "running": running, "older": projects.older}
    return render(
        "overview.html",
        **(parts | {"filter": asked}),
        statuses=FILTERS,
        menu=services().store.filter_menu(allowed=principal.projects),
        running_shown=snapshots.RUNNING_SHOWN,
        shows_all=request.args.get("running") == "all",
        is_newest=before is None,
        origin=origin(request.environ),
        live=live_part(isNewest=before is None, filter=asked.given),
    )


@blueprint.get("/projects/<project_id>")
def project(project_id: str) -> Response:
    """One project's jobs. Before its first job: the page that waits for it, with status 404."""
    return _project_page(project_id)


def _project_page(project_id: str) -> Response:
    principal = viewer("progress")
    check_may_read(principal, project_id)
    before, asked = _before(), filter_of_request()
    has_texts = shows(principal.level, "summary")
    if set(asked.given) - {"status"}:
        principal.check_level("summary")  # What is not shown is not to be guessed by filters either.
    rows = listed_runs(asked.of_store(project_id), principal, before)
    menu = services().store.filter_menu(project_id) if has_texts else None
    kind = durations.chosen_kind()
    page = render(
        "project.html",
        **_list_parts(rows, asked),
        project_id=project_id,
        is_newest=before is None,
        statuses=FILTERS,
        menu=menu,
        chart=durations.duration_chart(project_id, kind, menu.kinds) if menu and before is None else None,
        may_share=may_share(project_id),
        live=live_part(projectId=project_id, isNewest=before is None, filter=asked.given),
    )
    return make_response(page, 200 if services().store.project(project_id) else 404)


def _list_parts(rows: snapshots.Page, asked: PageFilter) -> dict[str, Any]:
    """What templates need of a list of jobs and runs."""
    running = [row for row in rows.items if row["isRunning"]]
    return {"rows": rows.items, "older": rows.older, "filter": asked, "running": running}


@blueprint.get("/jobs/<job_id>")
def job(job_id: str) -> Response:
    """One job. Before its first update: the page that waits for it, with status 404."""
    return _job_page(job_id)


@blueprint.get("/embed/jobs/<job_id>")
def embedded_job(job_id: str) -> Response:
    """The same for a frame in a page of `CHEF_FRAME_ANCESTORS`: no bar above, and links open elsewhere."""
    return _job_page(job_id, embedded=True)


def _job_page(job_id: str, *, embedded: bool = False) -> Response:
    principal = viewer("progress")
    found = visible_job(principal, job_id)
    has_log = principal.level == "log"
    # After the job, whose seq says where the live part goes on: the lines are not older than that.
    log = snapshots.newest_lines(found if has_log else None)
    now = services().clock()
    shown = at_level(principal.level, as_dict(services().job_json(found))) if found else None
    usual = _usual_phases(found)
    control = offered_control(principal, found, embedded=embedded)
    page = render(
        "job.html",
        embedded=embedded,
        job_id=job_id,
        job=shown,
        usual_phases=usual,
        log=log,
        has_log=has_log,
        tests=report_panel(found if has_log else None),
        may_share=found is not None and not embedded and may_share(found.project_id),
        phases=snapshots.phase_spans(found, now) if found else [],
        shown_status=shown_status(shown, now),
        has_ended=found is not None and found.ended,
        took_ms=snapshots.took(found, now) if found else None,
        silence=silence(shown, now),
        verdict=verdict(shown),
        neighbours=_neighbours(principal, job_id) if found else [],
        **_origin_parts(shown),
        control=control,
        now=rfc3339(now),
        live=live_part(
            jobId=job_id,
            job=shown,
            epoch=services().store.epoch,
            usualPhases=usual,
            log={"first": log.first, "last": log.last},
            control=control,
        ),
    )
    return make_response(page, 200 if found else 404)


def _origin_parts(shown: dict[str, Any] | None) -> dict[str, Any]:
    """Where a build comes from, and what else it said of itself."""
    meta = shown["meta"] if shown else {}
    return {"sources": sources(meta), "details": _details(meta)}


def _neighbours(principal: Principal, job_id: str) -> list[dict[str, Any]]:
    """The jobs around a job of its kind, where the viewer may know of others and of kinds."""
    if principal.of_one_job or not shows(principal.level, "summary"):
        return []
    return snapshots.neighbours(job_id)


def _usual_phases(job: Job | None) -> dict[str, dict[str, int]]:
    """The usual durations (ms) of the phases of a job's kind, by their names."""
    usual = services().forecaster.usual_phases(job) if job else {}
    return {phase: interval._asdict() for phase, interval in usual.items()}


def _details(meta: dict[str, Any]) -> list[tuple[str, Any]]:
    """A build's own facts, besides its title and its source, which the page's head shows."""
    is_shown = {key for key, value in meta.items() if is_source(key, value)}
    is_shown |= {"title"} if isinstance(meta.get("title"), str) else set()
    return [(key, value) for key, value in meta.items() if key not in is_shown]


def _before() -> int | None:
    """Where an older part of a list begins; a cursor that no list gave has no page."""
    text = request.args.get("cursor")
    if text is None:
        return None
    place = read_cursor(text)
    if place is None:
        raise NotFound(_("there is no such page: the list it was a part of is gone"))
    return place


@blueprint.get("/favicon.ico")
@blueprint.get("/favicon.svg")
def favicon() -> Response:
    """The icon, and as `?status=building&progress=45` that of a job's state."""
    status = request.args.get("status", "")
    progress = request.args.get("progress", "")
    known = status if status in (*STATUSES, "lost") else ""
    done = min(int(progress), 100) if progress.isascii() and progress.isdigit() and len(progress) < 4 else 0
    icon = render("favicon.svg", status=known, end=_on_the_ring(done), done=done)
    return Response(icon, mimetype="image/svg+xml", headers={"Cache-Control": "public, max-age=86400"})


def _on_the_ring(percent: int) -> tuple[float, float]:
    """Where an arc that begins at the top of a circle of radius 12 around (16, 16) ends."""
    angle = 2 * math.pi * percent / 100
    return round(16 + 12 * math.sin(angle), 2), round(16 - 12 * math.cos(angle), 2)

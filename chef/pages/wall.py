"""The wall: a tile for each project, or for each kind of one project's jobs, those that failed first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from flask import Flask, request

from chef.access.principals import Principal
from chef.domain.clock import rfc3339
from chef.domain.filtering import JobFilter, filter_text, plain_text
from chef.domain.model import ENDED, Job
from chef.pages.errors import make_blueprint
from chef.pages.language import render
from chef.pages.snapshots import RECENT_JOBS, listed
from chef.pages.viewer import check_may_read, transport, viewer
from chef.services import services

_MOST_TILES = 500
_FIRST = ("failed", "abandoned", "lost", "cancelled", "building", "installing", "preparing", "queued")


def install(app: Flask) -> None:
    """Add the page; with `?part=1` it is the part that the page reads anew."""
    blueprint = make_blueprint("wall")

    @blueprint.get("/wall")
    def wall() -> str:
        """The tiles of all projects, or with `?project=` those of one."""
        principal, project_id = viewer(), request.args.get("project") or None
        if project_id:
            check_may_read(principal, project_id)
        live = {"now": rfc3339(services().clock()), "transport": transport()}
        template = "walltiles.html" if request.args.get("part") else "wall.html"
        live |= {"projectId": project_id} if project_id else {}
        return render(template, tiles=_tiles(principal, project_id), project_id=project_id, live=live)

    app.register_blueprint(blueprint)


def _tiles(principal: Principal, project_id: str | None) -> list[dict[str, Any]]:
    """The newest job of each project or kind, red first; one that runs after a failure stays red."""
    tiles = _of_projects(principal) if project_id is None else _of_kinds(project_id)
    return sorted(tiles, key=_place)


def _of_projects(principal: Principal) -> Iterator[dict[str, Any]]:
    for found in services().store.projects(allowed=principal.projects, limit=_MOST_TILES):
        if found.newest is not None:
            project_id = found.project.project_id
            yield _tile(project_id, [found.newest], JobFilter(project_id))


def _of_kinds(project_id: str) -> Iterator[dict[str, Any]]:
    """The kinds of the project's newest jobs; jobs without one are a kind of the project's name."""
    store = services().store
    groups: dict[str | None, list[Job]] = {}
    for job in store.jobs(JobFilter(project_id), limit=RECENT_JOBS).jobs:
        groups.setdefault(filter_text(job.meta.get("kind")), []).append(job)
    # A kind that has not run for long may be what is red.
    for kind in store.filter_menu(project_id).kinds:
        if kind is not None and kind not in groups:
            groups[kind] = list(store.jobs(JobFilter(project_id, kind=kind), limit=1).jobs)
    for kind, jobs in groups.items():
        if jobs:
            name = plain_text(jobs[0].meta.get("kind")) or project_id
            yield _tile(name, jobs, JobFilter(project_id, kind=kind) if kind else None)


def _tile(name: str, jobs: list[Job], alike: JobFilter | None) -> dict[str, Any]:
    """A tile of the newest of some jobs; `last` is how the newest ended that has, also of others alike."""
    last: str | None = next((job.status for job in jobs if job.ended), None)
    if last is None and alike is not None:
        ended = msgspec.structs.replace(alike, statuses=tuple(sorted(ENDED)))
        last = next((job.status for job in services().store.jobs(ended, limit=1).jobs), None)
    return {"name": name, "job": listed(jobs[0]), "last": last or ""}


def _place(tile: dict[str, Any]) -> tuple[bool, int, str]:
    is_red = "failed" in (tile["job"]["shown"], tile["last"] if tile["job"]["status"] not in ENDED else "")
    status = tile["job"]["shown"]
    return not is_red, _FIRST.index(status) if status in _FIRST else len(_FIRST), tile["name"]

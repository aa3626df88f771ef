"""The wall: a tile for each project, or for each kind of one project's jobs, those that failed first."""

from __future__ import annotations

from typing import Any

from flask import Flask, request

from chef.access.auth import Principal
from chef.domain.clock import rfc3339
from chef.domain.filtering import JobFilter, plain_text
from chef.domain.model import ENDED
from chef.errors import Forbidden
from chef.pages.errors import make_blueprint
from chef.pages.language import gettext as _
from chef.pages.language import render
from chef.pages.snapshots import RECENT_JOBS, listed, projects
from chef.pages.viewer import check_id, transport, viewer
from chef.services import services

_FIRST = ("failed", "abandoned", "lost", "cancelled", "building", "installing", "preparing", "queued")


def install(app: Flask) -> None:
    """Add the page; with `?part=1` it is the part that the page reads anew."""
    blueprint = make_blueprint("wall")

    @blueprint.get("/wall")
    def wall() -> str:
        """The tiles of all projects, or with `?project=` those of one."""
        principal, project_id = viewer(), request.args.get("project") or None
        if project_id and not principal.may_read(check_id(project_id)):
            raise Forbidden(_("your token does not cover this project"))
        live = {"now": rfc3339(services().clock()), "transport": transport()}
        template = "walltiles.html" if request.args.get("part") else "wall.html"
        live |= {"projectId": project_id} if project_id else {}
        return render(template, tiles=_tiles(principal, project_id), project_id=project_id, live=live)

    app.register_blueprint(blueprint)


def _tiles(principal: Principal, project_id: str | None) -> list[dict[str, Any]]:
    """The newest job of each project or kind, red first; one that runs after a failure stays red."""
    groups: dict[str, list[dict[str, Any]]] = {}
    if project_id is None:
        groups = {one["projectId"]: one["jobs"] for one in projects(principal, None).items if one["jobs"]}
    else:
        for job in services().store.jobs(JobFilter(project_id), limit=RECENT_JOBS).jobs:
            groups.setdefault(plain_text(job.meta.get("kind")) or project_id, []).append(listed(job))
    return sorted((_tile(name, jobs) for name, jobs in groups.items()), key=_place)


def _tile(name: str, jobs: list[dict[str, Any]]) -> dict[str, Any]:
    ended = next((job["status"] for job in jobs if job["status"] in ENDED), "")
    return {"name": name, "job": jobs[0], "last": ended}


def _place(tile: dict[str, Any]) -> tuple[bool, int, str]:
    is_red = "failed" in (tile["job"]["shown"], tile["last"] if tile["job"]["status"] not in ENDED else "")
    status = tile["job"]["shown"]
    return not is_red, _FIRST.index(status) if status in _FIRST else len(_FIRST), tile["name"]

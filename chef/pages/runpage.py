"""The page of one run: its jobs and their phases over time."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, make_response, request

from chef.domain.model import ENDED
from chef.pages.errors import make_blueprint
from chef.pages.language import render
from chef.pages.listedruns import listed_run
from chef.pages.sources import sources
from chef.pages.viewer import check_may_read, live_part, viewer
from chef.pages.waterfall import MOST_JOBS, waterfall
from chef.services import services


def install(app: Flask) -> None:
    """Add the page; with `?part=1` it is the part that the page reads anew."""
    blueprint = make_blueprint("runs_page")

    @blueprint.get("/projects/<project_id>/runs/<run:run>")
    def run(project_id: str, run: str) -> Response:
        """One run. Before its first job: the page that waits for it, with status 404."""
        check_may_read(viewer("summary"), project_id)
        shown = _shown(project_id, run)
        template = "runview.html" if request.args.get("part") else "run.html"
        live = live_part(projectId=project_id, run=run)
        page = render(template, project_id=project_id, run_name=run, **shown, live=live)
        return make_response(page, 200 if shown["run"] else 404)

    app.register_blueprint(blueprint)


def _shown(project_id: str, name: str) -> dict[str, Any]:
    """A run as its page shows it; `run` is `None` where there is none yet."""
    store = services().store
    found = None if "\0" in name else store.run(project_id, name)
    if found is None:
        return {"run": None}
    jobs = list(store.run_jobs(project_id, name, limit=MOST_JOBS).jobs)
    return {
        "run": listed_run(found),
        "has_ended": found.status in ENDED and all(job.status in ENDED for job in found.jobs),
        "waterfall": waterfall(found, jobs, services().clock()),
        "sources": sources(found.worst_job.meta),
    }

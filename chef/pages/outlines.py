"""Requests of the job page besides the API: where a log has groups, errors and what is searched for."""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import Any

from flask import Flask, Response, abort, request

from chef.domain.model import Job
from chef.pages.constants import MAX_QUERY
from chef.pages.errors import make_blueprint
from chef.pages.viewer import viewer, visible_job
from chef.services import services
from chef.store import Place
from chef.wire.strict import dumps

# Parts of outlines that are kept: of a long log they are asked for again by each viewer that opens it.
_MOST_PARTS = 128
# So many numbers are told at once: a frequent word of a long log is counted in few requests.
_MOST_HITS = 20_000
_PLACE = re.compile(r"(\d{1,15})-(\d{1,15})")


class Outlines:
    """The parts of logs' outlines that were asked for lately."""

    def __init__(self) -> None:
        self._parts: OrderedDict[tuple[Any, ...], dict[str, Any]] = OrderedDict()

    def part(self, job: Job, place: Place) -> dict[str, Any]:
        """The lines that stand out in the part of a log behind a place; `next` begins the next part."""
        key = (job.job_id, job.created_at, job.gap.last_seq if job.gap else 0, place)
        part = self._parts.get(key)
        if part is not None:
            self._parts.move_to_end(key)
            return part
        found, following = services().store.outline(job.job_id, place)
        part = {
            "marks": found.marks,
            "errors": found.errors,
            "next": following and "{}-{}".format(*following),
        }
        # The last part may still change.
        if following is not None:
            self._parts[key] = part
            if len(self._parts) > _MOST_PARTS:
                self._parts.popitem(last=False)
        return part


def install(app: Flask) -> None:
    """Add the routes."""
    blueprint = make_blueprint("outlines")
    outlines = Outlines()

    @blueprint.get("/jobs/<job_id>/outline")
    def outline(job_id: str) -> Response:
        """A part of a log's outline: the one behind `after`, an earlier part's `next`."""
        job = _job(job_id)
        found = _PLACE.fullmatch(request.args.get("after", "1-0")) or abort(404)
        return _json(outlines.part(job, (int(found[1]), int(found[2]))) | _about(job))

    @blueprint.get("/jobs/<job_id>/matches")
    def matches(job_id: str) -> Response:
        """The numbers of lines that hold `q`, above `after`; `next` is where to go on, or null."""
        job = _job(job_id)
        needle, after = request.args.get("q", ""), request.args.get("after", 0, type=int)
        if not 1 <= len(needle) <= MAX_QUERY or not 0 <= after < 2**53:
            abort(404)
        found = services().store.search(job.job_id, needle, after, _MOST_HITS + 1)
        numbers = [number for number, _, _ in found[:_MOST_HITS]]
        more = numbers[-1] if len(found) > _MOST_HITS else None
        return _json({"lines": numbers, "next": more} | _about(job))

    app.register_blueprint(blueprint)


def _job(job_id: str) -> Job:
    return visible_job(viewer("log"), job_id) or abort(404)


def _about(job: Job) -> dict[str, Any]:
    """The length of the log, and the part removed from its middle."""
    gap = job.gap
    removed = {"firstLine": gap.first_line, "lastLine": gap.last_line} if gap and gap.lines else None
    return {"total": job.lines, "removed": removed}


def _json(body: dict[str, Any]) -> Response:
    return Response(dumps(body), mimetype="application/json", headers={"Cache-Control": "no-store"})

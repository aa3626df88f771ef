"""Stop requests (contract section 8): somebody who may write asks a build that runs to stop."""

from __future__ import annotations

from flask import Blueprint, Response, request
from msgspec import UNSET

from chef.access.principals import Principal
from chef.api.admission import writer_of_request
from chef.api.answers import answer, check_id
from chef.api.bodies import read_fields
from chef.api.shapes import StopAsked
from chef.domain.asking import NAMELESS, ON_THIS_MACHINE, Person
from chef.domain.control import AskToStop
from chef.domain.controlpayloads import stop_json
from chef.errors import NotFound
from chef.services import services
from chef.wire.control import MAX_NAME, one_line, parse_by

blueprint = Blueprint("control", __name__)


@blueprint.post("/api/jobs/<job_id>/stop")
def post_stop(job_id: str) -> Response:
    """Ask a job to stop. Asked twice it changes nothing; after the job's end it is 409."""
    writer = writer_of_request()
    chef = services()
    chef.control.check()
    fields = read_fields(request, chef.settings.max_body_bytes)
    name, warnings = parse_by(fields)
    step = AskToStop(check_id(job_id, "jobId"), by=person_of(writer, name))
    job = chef.control.take(step, writer.projects)
    if job.stop is None:
        raise NotFound(f"there is no job {job_id!r}")  # Another one has its id by now.
    reporter = job.reporter(chef.clock())
    return answer(StopAsked(job.job_id, job.project_id, stop_json(job.stop), reporter, warnings or UNSET))


def person_of(writer: Principal, name: str | None) -> Person:
    """Who presses: the holder that a signed token names, else as they call themselves; nothing is guessed."""
    signed = one_line(writer.name or "")[:MAX_NAME]
    if signed:
        return Person(signed, signed=True)
    return Person(name or (ON_THIS_MACHINE if writer.is_local else NAMELESS))

"""Share links over HTTP: made, listed and ended by somebody who may write (contract section 8)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, request
from msgspec import UNSET
from msgspec.structs import asdict

from chef.access.addresses import origin
from chef.access.credentials import button_credentials
from chef.access.levels import LEVELS, Level
from chef.access.principals import Principal
from chef.access.shares import MOST_DAYS, PATH, Share, new_share
from chef.api.admission import admit_writer
from chef.api.answers import answer, check_id
from chef.api.bodies import read_fields
from chef.api.shapes import EndedShare, NewShare, ShareJson, Shares
from chef.domain.clock import now_ms, rfc3339
from chef.domain.model import Job, Kind
from chef.errors import Forbidden, NotFound
from chef.services import services
from chef.wire.findings import Findings
from chef.wire.forms import whole_of_form
from chef.wire.strict import as_whole

blueprint = Blueprint("sharing", __name__)
log = logging.getLogger(__name__)

DEFAULT_DAYS = 30
_FIELDS = ("level", "days")


@blueprint.post("/api/jobs/<job_id>/shares")
def share_job(job_id: str) -> Response:
    """Make a link that shows a job."""
    job = _writable_job(job_id)
    return _make("job", job.job_id, job.project_id)


@blueprint.get("/api/jobs/<job_id>/shares")
def list_shares_of_job(job_id: str) -> Response:
    """The links to a job that hold, the newest first."""
    job = _writable_job(job_id)
    return _list(job.project_id, job.job_id)


@blueprint.post("/api/projects/<project_id>/shares")
def share_project(project_id: str) -> Response:
    """Make a link that shows a project with all its jobs, those to come among them."""
    _check_writable(project_id)
    return _make("project", project_id, project_id)


@blueprint.get("/api/projects/<project_id>/shares")
def list_shares_of_project(project_id: str) -> Response:
    """The links to a project that hold, the newest first."""
    _check_writable(project_id)
    return _list(project_id, None)


@blueprint.delete("/api/shares/<share_id>")
def end_share(share_id: str) -> Response:
    """End a link: whoever sees anything by it is sent away within a second or two."""
    writer, shares = _writer(), services().shares
    share = shares.find_by_id(share_id)
    if share is None and writer.projects is None:
        raise NotFound("there is no such share link, or it has ended")
    if share is None or not writer.may_write(share.project_id):
        raise Forbidden("this token is not for this share link's project")
    shares.end(share.id)
    log.info("a share link to %s %s was ended", share.kind, share.name)
    return answer(EndedShare(share.id))


def _writer() -> Principal:
    return admit_writer(services(), request.environ, button_credentials(request.environ))


def _writable_job(job_id: str) -> Job:
    writer = _writer()
    job = services().store.job(check_id(job_id, "jobId"))
    if job is None and writer.projects is None:
        raise NotFound(f"there is no job {job_id!r}")
    if job is None or not writer.may_write(job.project_id):
        raise Forbidden("this token is not for this job's project")
    return job


def _check_writable(project_id: str) -> None:
    if not _writer().may_write(check_id(project_id, "projectId")):
        raise Forbidden("this token is not for this project")
    if services().store.project(project_id) is None:
        raise NotFound(f"there is no project {project_id!r}")


def _make(kind: Kind, name: str, project_id: str) -> Response:
    fields = read_fields(request, services().settings.max_body_bytes)
    findings = Findings()
    level, days = _level(fields, findings), _days(fields, findings)
    _check_names(fields, findings)
    findings.raise_if_failed()
    share = new_share(kind, name, project_id, level, days, now_ms())
    services().shares.add(share)
    log.info("a share link to %s %s was made: %s, until %s", kind, name, share.level, _time(share.expires_at))
    return answer(NewShare(**asdict(_json(share)), warnings=findings.warnings() or UNSET), 201)


def _check_names(fields: Mapping[str, Any], findings: Findings) -> None:
    """Refuse a body with a field that is not known: a misspelt `days` would make a link that lasts longer."""
    for field in fields:
        if field not in _FIELDS and field not in request.args:
            findings.wrong(field, "is not known here: a share link has a level and days")
    findings.check_names(request.args, _FIELDS)


def _level(fields: Mapping[str, Any], findings: Findings) -> Level:
    level = fields.get("level")
    for known in LEVELS:
        if level == known:
            return known
    findings.wrong("level", f"must be one of {', '.join(LEVELS)}")
    return LEVELS[0]


def _days(fields: Mapping[str, Any], findings: Findings) -> int:
    whole = as_whole(whole_of_form(fields.get("days", DEFAULT_DAYS)))
    if whole is None or not 1 <= whole <= MOST_DAYS:
        findings.wrong("days", f"must be a whole number from 1 to {MOST_DAYS}")
        return DEFAULT_DAYS
    return whole


def _list(project_id: str, job_id: str | None) -> Response:
    found = services().store.shares.of(project_id, job_id, now_ms())
    return answer(Shares([_json(share) for share in found]))


def _json(share: Share) -> ShareJson:
    token = services().shares.token(share)
    job_id = share.name if share.kind == "job" else None
    return ShareJson(
        share.id,
        share.project_id,
        job_id,
        share.level,
        _time(share.created_at),
        _time(share.expires_at),
        token,
        f"{services().settings.url or origin(request.environ)}{PATH}{token}",
    )


def _time(milliseconds: int) -> str:
    return rfc3339(milliseconds)

"""Badges: how a job, or a project's newest build, stands, as a small picture for a README or a wiki.

`…/badge.json` says the same in the form that shields.io draws (https://shields.io/badges/endpoint-badge).
A badge speaks English: whoever fetches it, mostly a proxy of a code host, has no language.
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Any

from flask import Blueprint, Flask, Response, render_template, request

from chef.access.credentials import http_credentials
from chef.access.levels import Level, shows
from chef.access.principals import Principal
from chef.access.shares import PREFIX
from chef.domain.filtering import JobFilter, filter_text
from chef.domain.model import Job
from chef.domain.wiretypes import as_dict
from chef.errors import ChefError, Forbidden, NotFound, WrongToken
from chef.pages.badgewords import Badge, badge_of_job, badge_of_run, no_badge, refusal_badge, width
from chef.pages.language import LANGUAGES, in_language
from chef.pages.viewer import check_id, check_may_read, viewer
from chef.services import BadgeAnswer, services
from chef.wire.strict import dumps

_NO_SCRIPT = "default-src 'none'"
_SVG, _JSON = "image/svg+xml; charset=utf-8", "application/json"


def install(app: Flask) -> None:
    """Add the badges' addresses."""
    blueprint = Blueprint("badges", __name__)
    blueprint.register_error_handler(ChefError, _refused)
    for form in ("svg", "json"):
        blueprint.add_url_rule(f"/jobs/<job_id>/badge.{form}", f"job_{form}", _job_badge)
        blueprint.add_url_rule(f"/projects/<project_id>/badge.{form}", f"project_{form}", _project_badge)
    app.register_blueprint(blueprint)


def _job_badge(job_id: str) -> Response:
    """How a job stands."""
    principal, key = _viewer(), check_id(job_id)
    level = principal.level
    given = services().badges.get(("job", key), (level, *_form()), lambda: _made(*_of_job_id(job_id, level)))
    if not principal.may_see(given[0] or None, job_id):
        raise Forbidden("your token does not cover this job")
    return _answer(given)


def _viewer() -> Principal:
    """The viewer, or the share link that stands in the address: a README can send no header."""
    token = request.args.get("token")
    if token is None:
        return viewer("progress")
    if not token.startswith(PREFIX):
        raise WrongToken("a badge's address takes the token of a share link")
    sent = replace(http_credentials(request.environ), authorization=f"Bearer {token}")
    return services().gate.reader(sent, "progress")


def _of_job_id(job_id: str, level: Level) -> tuple[str, Badge, int]:
    job = services().store.job(job_id)
    if job is None:
        return "", no_badge(_label() or job_id), 404
    kind = filter_text(job.meta.get("kind")) if shows(level, "summary") else None
    label = _label() or kind or job.project_id
    return job.project_id, _of_job(job, label), 200


def _project_badge(project_id: str) -> Response:
    """How a project's newest build stands: a run is as its worst job, with `?kind=` it is a job of that kind.

    `?branch=` takes builds of one branch alone.
    """
    principal = _viewer()
    check_may_read(principal, project_id)
    if "branch" in request.args or "kind" in request.args:
        principal.check_level("summary")  # They are texts.
    given = services().badges.get(
        ("project", project_id), _form(), lambda: _made(project_id, *_of_project(project_id))
    )
    return _answer(given)


def _of_project(project_id: str) -> tuple[Badge, int]:
    branch, kind = request.args.get("branch"), request.args.get("kind") or None
    wanted, store = JobFilter(project_id=project_id, branch=branch, kind=kind), services().store
    label = _label() or kind or project_id
    if kind is not None:
        found = store.jobs(wanted, limit=1).jobs
        return (_of_job(found[0], label), 200) if found else _none(project_id, label)
    runs = store.runs(wanted, limit=1).runs
    if not runs:
        return _none(project_id, label)
    if len(runs[0].jobs) == 1:
        return _of_job(runs[0].worst_job, label), 200
    return badge_of_run(runs[0], label), 200


def _of_job(job: Job, label: str) -> Badge:
    with in_language(LANGUAGES[0]):
        return badge_of_job(as_dict(services().job_json(job)), label, services().clock())


def _none(project_id: str, label: str) -> tuple[Badge, int]:
    """No build yet: an error only where nothing is known of the project either."""
    return no_badge(label), 200 if services().store.project(project_id) else 404


def _form() -> bytes:
    """Names what a badge depends on, besides the build; anybody may send long texts, which are not kept."""
    said = (request.path[-3:], *map(request.args.get, ("label", "branch", "kind")))
    return sha256(repr(said).encode()).digest()


def _label() -> str | None:
    """The label that whoever embeds the badge wishes."""
    return request.args.get("label") or None


def _refused(error: ChefError) -> Response:
    """A refusal, too, is a picture: browsers show it whatever the status is."""
    badge = no_badge("chef") if isinstance(error, NotFound) else refusal_badge("chef", error.status)
    response = _answer(_made("", badge, error.status))
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def _made(project_id: str, badge: Badge, status: int) -> BadgeAnswer:
    """A badge in the form that the address names."""
    body = _json(badge) if request.path.endswith(".json") else _svg(badge)
    return BadgeAnswer(project_id, status, body, sha256(body).hexdigest()[:32])


def _answer(given: BadgeAnswer) -> Response:
    """Whoever keeps a badge asks each time whether it still holds."""
    headers = {"Cache-Control": "no-cache", "Content-Security-Policy": _NO_SCRIPT}
    kind = _JSON if request.path.endswith(".json") else _SVG
    if given.status == 200:
        headers["ETag"] = f'"{given.etag}"'
        if request.if_none_match.contains_weak(given.etag):
            return Response(status=304, headers=headers, content_type=kind)
    return Response(given.body, given.status, headers, content_type=kind)


def _svg(badge: Badge) -> bytes:
    widths: dict[str, Any] = {"label_width": width(badge.label), "message_width": width(badge.message)}
    return render_template("badge.svg", badge=badge, **widths).encode()


def _json(badge: Badge) -> bytes:
    form = {"schemaVersion": 1, "label": badge.label, "message": badge.message}
    return dumps(form | {"color": badge.colour.removeprefix("#"), "isError": badge.is_error})

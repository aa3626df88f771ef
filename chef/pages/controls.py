"""What people ask of a build, and what it asks them, on its page: `static/job-control.js` says the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from flask import Flask, request

from chef.access.credentials import Credentials, http_credentials
from chef.access.principals import Principal
from chef.domain.asking import NAMELESS, ON_THIS_MACHINE
from chef.domain.model import ENDED, Job
from chef.errors import ChefError
from chef.pages.language import gettext as _
from chef.pages.words import moment
from chef.services import services

Control = Literal["open", "token", "sign-in"]
"""Buttons that write need nothing; a token; or they are not there before somebody has given one."""


def offered_control(principal: Principal, job: Job | None, *, embedded: bool) -> Control | None:
    """Whether the page offers this viewer buttons that write, and what they need.

    Where anybody may read nothing tells whoever may write from others, so they sign in first.

    The login's cookie never writes: what is sent proves it by itself. So this only decides what is shown, and
    never in a frame, where a page around it could have somebody click what they do not see.
    """
    chef = services()
    if not chef.control.is_on or embedded or principal.share is not None:
        return None
    credentials = http_credentials(request.environ)
    try:
        if chef.gate.writer(credentials).is_local:
            return "open"
    except ChefError:
        pass
    if chef.gate.reading_is_public:
        settings = chef.settings
        has_tokens = settings.has_write_tokens or settings.jwt_secret or settings.jwt_public_key
        return "sign-in" if has_tokens else None
    return "token" if _may_have_token(credentials, job) else None


def _may_have_token(credentials: Credentials, job: Job | None) -> bool:
    """Whether this viewer may have a token that writes the job, as the cookie tells."""
    chef = services()
    if credentials.cookie is None:
        return False
    try:
        writer = chef.gate.writer(replace(credentials, authorization=f"Bearer {credentials.cookie}"))
    except ChefError:
        return False
    return job is None or writer.covers(job.project_id)


def person_words(person: dict[str, Any]) -> str:
    """Somebody who asked or answered; a name that is not of a signed token is marked as given."""
    if person["signed"]:
        return str(person["by"])
    known = {NAMELESS: _("someone with a write token"), ON_THIS_MACHINE: _("someone on the server's machine")}
    return known.get(person["by"]) or _("%(name)s (name as given)", name=person["by"])


def stop_words(job: dict[str, Any] | None) -> str:
    """Who asked a build to stop, and that it has not confirmed that; empty where nobody did."""
    stop = job.get("stop") if job else None
    if job is None or not stop:
        return ""
    by, at = person_words(stop), moment(stop["at"])
    if job["status"] in ENDED:
        return _("%(by)s had asked this build to stop, %(moment)s.", by=by, moment=at)
    if job["reporter"] == "alive":
        more = _("The build has not confirmed it yet.")
    else:
        more = _("Nobody has confirmed it: no reporter of this build is heard of.")
    return f"{_('%(by)s asked this build to stop, %(moment)s.', by=by, moment=at)} {more}"


def question_state(
    question: dict[str, Any], job: dict[str, Any], now: str
) -> Literal["open", "answered", "over"]:
    """What came of a question by now; both moments are RFC 3339 in UTC, which compare as texts."""
    if question.get("answer"):
        return "answered"
    return "over" if job["status"] in ENDED or question["until"] <= now else "open"


def outcome_words(question: dict[str, Any], state: str) -> str:
    """The outcome of a question."""
    answer = question.get("answer")
    if answer:
        by, at = person_words(answer), moment(answer["at"])
        return _("%(option)s, chosen by %(by)s, %(moment)s", option=answer["option"], by=by, moment=at)
    if state == "open":
        return _("waits for an answer")
    default = question.get("default")
    return _("not answered: %(option)s by default", option=default) if default else _("not answered")


def add_filters(app: Flask) -> None:
    """Add what templates say of it."""
    app.jinja_env.filters.update(
        stop_words=stop_words, question_state=question_state, outcome_words=outcome_words
    )

"""The forms of answers that are text: plain for a terminal, Markdown for an issue or a program that reads."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from chef.access.principals import Principal
from chef.api.filters import filter_in_query
from chef.api.negotiation import JSON, MARKDOWN, PLAIN, preferred_form
from chef.digest.plain import jobs_text, project_text, projects_text, run_text
from chef.digest.text import fenced
from chef.domain.filtering import EVERY_JOB, JobFilter
from chef.domain.model import RUNNING
from chef.domain.payloads import ProjectJson
from chef.domain.runpayloads import WholeRunJson
from chef.domain.wiretypes import as_dict
from chef.services import services

_JOBS = 30


def text_answer(text: str, mimetype: str) -> Response:
    """An answer in UTF-8 that nobody keeps a copy of, and that another `Accept` would change."""
    headers = {"Cache-Control": "no-store", "Vary": "Accept", "X-Content-Type-Options": "nosniff"}
    return Response(text, content_type=f"{mimetype}; charset=utf-8", headers=headers)


def wanted_text(principal: Principal) -> str | None:
    """The type of text that a request to a list asks for; `None`: JSON, also where it takes anything.

    Texts are of all that there is, so whoever sees less gets JSON.
    """
    if principal.level != "log":
        return None
    form = preferred_form(request.headers.get("Accept", ""), (JSON, PLAIN, MARKDOWN), JSON)
    return None if form == JSON else form


def projects_answer(projects: list[ProjectJson], allowed: frozenset[str] | None, form: str) -> Response:
    """Projects and what runs in them, as text; where the query limits jobs, these alone."""
    wanted = filter_in_query(None)
    if wanted != EVERY_JOB:
        return _answer(jobs_text(_jobs(wanted, allowed)), form)
    running = _jobs(JobFilter(statuses=RUNNING), allowed)
    return _answer(projects_text([as_dict(one) for one in projects], running), form)


def project_answer(project: ProjectJson, form: str) -> Response:
    """A project and its newest jobs, or those that the query asks for, as text."""
    return _answer(project_text(as_dict(project), _jobs(filter_in_query(project.project_id))), form)


def run_answer(run: WholeRunJson, form: str) -> Response:
    """A run and its jobs, as text."""
    return _answer(run_text(as_dict(run)), form)


def _answer(text: str, form: str) -> Response:
    return text_answer(fenced(text.splitlines()) + "\n" if form == MARKDOWN else text, form)


def _jobs(wanted: JobFilter, allowed: frozenset[str] | None = None) -> list[dict[str, Any]]:
    """The newest jobs that a filter asks for, as the API shows them."""
    found = services().store.jobs(wanted, allowed=allowed, limit=_JOBS)
    return [as_dict(services().job_json(job)) for job in found.jobs]

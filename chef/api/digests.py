"""A job told in text (`GET /api/jobs/JOB/digest`): for an issue, a chat, or a program that reads."""

from __future__ import annotations

from flask import Blueprint, Response, request

from chef.access.addresses import origin
from chef.api.answers import number_in_query, readable_job
from chef.api.negotiation import MARKDOWN, PLAIN, preferred_form
from chef.api.texts import text_answer
from chef.digest.facts import Facts, facts_of
from chef.digest.markdown import DEFAULT_BUDGET, LEAST_BUDGET, MOST_BUDGET, digest
from chef.digest.plain import summary
from chef.domain.model import Job
from chef.services import services

blueprint = Blueprint("digests", __name__)


@blueprint.get("/api/jobs/<job_id>/digest")
def get_digest(job_id: str) -> Response:
    """What a job is, how it ended and why, within `budget` characters."""
    job = readable_job(job_id, "log")
    budget = number_in_query("budget", None, LEAST_BUDGET, MOST_BUDGET) or DEFAULT_BUDGET
    form = preferred_form(request.headers.get("Accept", ""), (MARKDOWN, PLAIN), MARKDOWN)
    write = digest if form == MARKDOWN else summary
    return text_answer(write(job_facts(job), budget), form)


def job_facts(job: Job) -> Facts:
    """What a digest tells of a job, with the address at which the client sees it."""
    chef = services()
    address = f"{origin(request.environ)}/jobs/{job.job_id}"
    return facts_of(chef.store, chef.error_lines, job, chef.job_json(job), address)

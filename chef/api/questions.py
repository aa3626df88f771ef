"""Questions that a build asks people, and their answers (contract section 8)."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from flask import Blueprint, Response, request
from msgspec import UNSET

from chef.access.credentials import http_credentials
from chef.access.jwts import SCOPES
from chef.access.principals import Principal
from chef.api.admission import writer_of_request
from chef.api.answers import answer, check_id, number_in_query, readable_job, reader, visible_job
from chef.api.bodies import read_fields
from chef.api.control import person_of
from chef.api.postponing import answer_at_news
from chef.api.shapes import QuestionList, QuestionState
from chef.domain.asking import Question
from chef.domain.control import AnswerQuestion, AskQuestion, find_question
from chef.domain.controlpayloads import question_json
from chef.domain.model import Job
from chef.errors import Forbidden, MissingToken
from chef.services import Services, services
from chef.wire.control import parse_answer, parse_question

blueprint = Blueprint("questions", __name__)

MAX_WAIT_S = 3600


@blueprint.post("/api/jobs/<job_id>/questions")
def post_question(job_id: str) -> Response:
    """Ask people something: they see it on the job's page, with its options."""
    writer, chef = writer_of_request(), services()
    chef.control.check()
    asked = parse_question(read_fields(request, chef.settings.max_body_bytes))
    step = AskQuestion(
        check_id(job_id, "jobId"), asked.question_id, asked.text, asked.options, asked.seconds, asked.default
    )
    job = chef.control.take(step, writer.projects)
    return _state(chef, job, asked.question_id, asked.warnings)


@blueprint.get("/api/jobs/<job_id>/questions")
def get_questions(job_id: str) -> Response:
    """All questions of a job, with their answers."""
    return answer(QuestionList([question_json(question) for question in readable_job(job_id).questions]))


@blueprint.get("/api/jobs/<job_id>/questions/<question_id>")
def get_question(job_id: str, question_id: str) -> Response:
    """A question; with `wait` once it is no more open, or after so many seconds."""
    principal, chef = _seer(), services()
    seconds = min(number_in_query("wait", 0, 0, MAX_WAIT_S) or 0, chef.settings.max_wait)
    check_id(job_id, "jobId")

    def make(job: Job) -> Response:
        return _state(chef, job, question_id)

    def look() -> Response | None:
        job = visible_job(principal, job_id)
        question = find_question(job, question_id)
        return None if _state_of(job, question, chef.clock()) == "open" else make(job)

    job = visible_job(principal, job_id)
    left = find_question(job, question_id).until - chef.clock()
    if seconds == 0 or left <= 0:
        return make(job)
    # A moment more than is left: by then it is over.
    return answer_at_news(job_id, principal, min(seconds, left / 1000 + 0.01), look, make)


@blueprint.post("/api/jobs/<job_id>/questions/<question_id>/answer")
def post_answer(job_id: str, question_id: str) -> Response:
    """Answer a question with one of its options; the first answer counts."""
    writer, chef = writer_of_request(), services()
    chef.control.check()
    option, name, warnings = parse_answer(read_fields(request, chef.settings.max_body_bytes))
    step = AnswerQuestion(check_id(job_id, "jobId"), question_id, option, person_of(writer, name))
    return _state(chef, chef.control.take(step, writer.projects), question_id, warnings)


def _seer() -> Principal:
    """The caller, who reads, or writes: a build that asks need not have a token that reads."""
    try:
        return reader()
    except (MissingToken, Forbidden):
        return replace(services().gate.writer(http_credentials(request.environ)), scopes=SCOPES)


def _state(chef: Services, job: Job, question_id: str, warnings: tuple[str, ...] = ()) -> Response:
    question = find_question(job, question_id)
    state = _state_of(job, question, chef.clock())
    shown = question_json(question)
    return answer(QuestionState(job.job_id, job.project_id, state, shown, warnings or UNSET))


def _state_of(job: Job, question: Question, now: int) -> Literal["open", "answered", "expired", "ended"]:
    if question.choice is not None:
        return "answered"
    if job.ended:
        return "ended"
    return "open" if question.is_open(now) else "expired"

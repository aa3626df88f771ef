"""The steps by which people control a build that runs: stop requests, questions, answers. Pure.

Each changes the job's row and nothing else: no seq, no entry of the log (chef.live.control tells followers).
"""

from __future__ import annotations

from msgspec.structs import replace

from chef.domain.asking import Choice, Person, Question, StopRequest
from chef.domain.masking import masked_text
from chef.domain.model import Job, OwnUpdate
from chef.errors import Conflict, FieldError, Forbidden, Invalid, NotFound

MAX_QUESTIONS = 20
"""A job has at most so many; they stand in its row, which each of its updates writes anew."""


class AskToStop(OwnUpdate, frozen=True):
    """Somebody asks a build to stop."""

    by: Person


class AskQuestion(OwnUpdate, frozen=True):
    """A build asks a question; `question_id` makes it safe to send again. `seconds` is its time."""

    question_id: str
    text: str
    options: tuple[str, ...]
    seconds: int
    default: str | None = None


class AnswerQuestion(OwnUpdate, frozen=True):
    """Somebody answers a question of a build."""

    question_id: str
    option: str
    by: Person


ControlStep = AskToStop | AskQuestion | AnswerQuestion


def take_control(job: Job | None, step: ControlStep, at: int, allowed: frozenset[str] | None) -> Job:
    """The job after a step, itself where that changes nothing.

    `allowed` are the projects that the caller may write, `None` for all. Raises NotFound, Forbidden, and
    Conflict, as after the job's end.
    """
    if job is None or not (allowed is None or job.project_id in allowed):
        if allowed is not None:
            raise Forbidden("this token is not for this job's project")
        raise NotFound(f"there is no job {step.job_id!r}")
    if isinstance(step, AnswerQuestion):
        return _answer(job, step, at)
    if isinstance(step, AskQuestion):
        return _ask(job, step, at)
    _check_runs(job)
    return job if job.stop is not None else replace(job, stop=StopRequest(step.by, at))


def _check_runs(job: Job) -> None:
    if job.ended:
        raise Conflict(f"job {job.job_id!r} has ended: it is {job.status}", code="job_finished")


def find_question(job: Job, question_id: str) -> Question:
    """One of a job's questions; raises NotFound."""
    for question in job.questions:
        if question.question_id == question_id:
            return question
    raise NotFound(f"job {job.job_id!r} has no question {question_id!r}")


def _ask(job: Job, step: AskQuestion, at: int) -> Job:
    text = masked_text(step.text, job.masks)
    options = tuple(masked_text(option, job.masks) for option in step.options)
    default = None if step.default is None else masked_text(step.default, job.masks)
    asked = Question(step.question_id, text, options, at, at + step.seconds * 1000, default)
    for known in job.questions:
        if known.question_id == step.question_id:
            if (known.text, known.options, known.default) == (text, options, default):
                return job
            raise Conflict(f"question {step.question_id!r} was asked with other words", code="id_reused")
    _check_runs(job)
    if len(job.questions) >= MAX_QUESTIONS:
        raise Conflict(
            f"job {job.job_id!r} has asked {MAX_QUESTIONS} questions, as many as it can",
            code="too_many_questions",
        )
    return replace(job, questions=(*job.questions, asked))


def _answer(job: Job, step: AnswerQuestion, at: int) -> Job:
    question = find_question(job, step.question_id)
    if question.choice is not None:
        if question.choice.option == step.option:
            return job
        message = f"was answered with {question.choice.option!r} by {question.choice.by.name}"
        raise Conflict(f"question {step.question_id!r} {message}", code="already_answered")
    if step.option not in question.options:
        message = f"must be one of {', '.join(question.options)}"
        raise Invalid(f"answer {message}", errors=(FieldError(message, "answer"),))
    _check_runs(job)
    if not question.is_open(at):
        raise Conflict(f"the time for question {step.question_id!r} is over", code="question_over")
    answered = replace(question, choice=Choice(step.option, step.by, at))
    return replace(job, questions=tuple(answered if one is question else one for one in job.questions))

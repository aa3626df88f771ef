"""Stop requests and questions as the wire shows them. Pure."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from chef.domain.asking import Question, StopRequest
from chef.domain.clock import rfc3339
from chef.domain.wiretypes import Id, JsonObject, Time


class StopJson(JsonObject, frozen=True):
    """A request that a build stops. Whether it did is told by its end alone."""

    by: str
    at: Time
    signed: Annotated[
        bool, Meta(description="whether `by` is of a signed token, and not what somebody called themselves")
    ]


class ChoiceJson(JsonObject, frozen=True):
    """The option that somebody chose."""

    option: str
    by: str
    at: Time
    signed: bool


class QuestionJson(JsonObject, frozen=True, kw_only=True):
    """A question of a build. Without an `answer` it is open until `until`, or until the job ends."""

    id: Id
    text: str
    options: list[str]
    at: Time
    until: Time
    default: Annotated[str | UnsetType, Meta(description="counts where nobody answers")] = UNSET
    answer: ChoiceJson | UnsetType = UNSET


class StopEvent(JsonObject, frozen=True):
    """`job:stop`, `project:stop`: somebody asked a job to stop."""

    job_id: Id
    project_id: Id
    stop: StopJson


class QuestionsEvent(JsonObject, frozen=True):
    """`job:questions`, `project:questions`: a job asked something, or was answered. All of its questions."""

    job_id: Id
    project_id: Id
    questions: list[QuestionJson]


def stop_json(stop: StopRequest) -> StopJson:
    """A stop request as the wire shows it."""
    return StopJson(stop.by.name, rfc3339(stop.at), stop.by.signed)


def stop_json_or_unset(stop: StopRequest | None) -> StopJson | UnsetType:
    """The same where there may be none."""
    return UNSET if stop is None else stop_json(stop)


def question_json(question: Question) -> QuestionJson:
    """A question as the wire shows it."""
    choice = question.choice
    return QuestionJson(
        id=question.question_id,
        text=question.text,
        options=list(question.options),
        at=rfc3339(question.at),
        until=rfc3339(question.until),
        default=UNSET if question.default is None else question.default,
        answer=UNSET
        if choice is None
        else ChoiceJson(choice.option, choice.by.name, rfc3339(choice.at), choice.by.signed),
    )


def questions_json(questions: tuple[Question, ...]) -> list[QuestionJson] | UnsetType:
    """All questions of a job; nothing where it asked none."""
    return [question_json(question) for question in questions] or UNSET

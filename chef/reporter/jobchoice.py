"""The job that a command reports to where a CI system says which it is: that one may have ended already.

Such an id goes on as `ID-2`, `ID-3` and so on, so that the second build of a CI job is no part of the first.
"""

from __future__ import annotations

import enum
import time
import urllib.parse
from typing import Callable

from chef.reporter.ids import make_id
from chef.reporter.sending.answers import ServerAnswer
from chef.reporter.sending.client import HttpClient, Unreachable
from chef.reporter.target import MAX_NUMBER, Target

# The command does not wait longer than this for an answer: then the first id it is.
_ASKING_S = 1.5
_ENDED_STATUSES = ("completed", "failed", "cancelled", "abandoned")


class Purpose(enum.Enum):
    """The part that a command has in its job."""

    RUN = "it is all of the job"
    START = "it begins a job of several steps"
    STEP = "it is one of several steps of the job, which may begin with it"
    UPDATE = "it tells something of a job that has begun"


class JobState(enum.Enum):
    """How a job stands, as far as that can be found out."""

    ABSENT = "there is none of this id"
    OPEN = "it has not ended"
    ALIVE = "another run reports it right now"
    ENDED = "it has ended"
    UNKNOWN = "the server does not answer, or does not let us read"


_SUITS = {
    Purpose.RUN: (JobState.ABSENT, JobState.OPEN, JobState.UNKNOWN),
    Purpose.START: (JobState.ABSENT, JobState.OPEN, JobState.UNKNOWN),
    Purpose.STEP: (JobState.ABSENT, JobState.OPEN, JobState.ALIVE, JobState.UNKNOWN),
    Purpose.UPDATE: (JobState.OPEN, JobState.ALIVE, JobState.UNKNOWN),
}


def pick_number(purpose: Purpose, state_of: Callable[[int], JobState]) -> int:
    """The number of the first job that suits; a command that begins none takes the last that there is."""
    number = 1
    while number < MAX_NUMBER:
        state = state_of(number)
        if state in _SUITS[purpose]:
            return number
        if state is JobState.ABSENT:
            return max(1, number - 1)
        number += 1
    return number


def choose_job(target: Target, version: str, purpose: Purpose) -> Target:
    """The target with the job that suits; one that somebody named, or we made, is taken as it is."""
    if target.url is None or not target.is_found:
        return target
    client = HttpClient(target.url, target.token, version)
    if purpose is Purpose.RUN and target.stage:
        target = target._replace(base=make_id(target.job, target.stage) or "")
    deadline = time.monotonic() + _ASKING_S
    try:
        number = pick_number(purpose, lambda one: _ask(client, target.numbered(one).job, deadline))
    finally:
        client.close()
    return target.numbered(number)


def _ask(client: HttpClient, job: str, deadline: float) -> JobState:
    left = deadline - time.monotonic()
    if left <= 0:
        return JobState.UNKNOWN
    try:
        answer = client.request("GET", "/api/jobs/" + urllib.parse.quote(job, safe=""), None, left)
    except Unreachable:
        return JobState.UNKNOWN
    return job_state(answer)


def job_state(answer: ServerAnswer) -> JobState:
    """The state of a job that was asked for."""
    if answer.status == 404 and answer.is_ours:
        return JobState.ABSENT
    if answer.status != 200 or not isinstance(answer.data.get("status"), str):
        return JobState.UNKNOWN
    if answer.data["status"] in _ENDED_STATUSES:
        return JobState.ENDED
    return JobState.ALIVE if answer.data.get("reporter") == "alive" else JobState.OPEN

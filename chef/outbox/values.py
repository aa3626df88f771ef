"""What a target is told, how, and what came of it. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from chef.domain.forecast import Estimate
from chef.domain.model import Job


class Word(StrEnum):
    """Why a target is told; a target is told on those that it asks for."""

    STARTED = "started"
    PROGRESS = "progress"
    COMPLETED = "completed"
    FAILED = "failed"
    RECOVERED = "recovered"
    """It completed, and the last finished run of its project, kind and branch had failed."""
    CANCELLED = "cancelled"
    ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True)
class Notice:
    """How a job stands, at a time (ms), and why it is told.

    `link` is the page of the job. `id` is the same whenever this is sent again: that of the one message of
    the job where messages are edited, else that of this word of this job. 32 hexadecimal digits that nobody
    can guess. `is_repeated`: this was begun before and what came of it is not known, since the server was
    killed; so a message of this id may be there. `failed_before`: a job that completed came after so many
    failed runs.
    """

    job: Job
    word: Word
    estimate: Estimate | None
    link: str
    at: int
    id: str
    is_repeated: bool = False
    failed_before: int = 0


@dataclass(frozen=True, slots=True)
class Request:
    """A request to a target. Headers are by their names as they are sent."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def __repr__(self) -> str:
        return f"Request({self.method!r})"  # All else may hold a secret.


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of a target: names of headers in lower case, the first bytes of the body."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def json(self) -> Any:
        """The body as JSON; `None` where it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Delivered:
    """The target has it. `handle` names the message where that can be edited, at most 255 characters."""

    handle: str = ""


@dataclass(frozen=True, slots=True)
class NotNow:
    """It may be taken later, not before so many seconds; `None`: after a time that grows."""

    after_s: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Rejected:
    """It will never be taken; `reason` is for the log, and holds no secret.

    `for_good`: the target takes nothing at all any more. `until_end`: of a message that is edited, the end
    is tried all the same.
    """

    reason: str
    for_good: bool = False
    until_end: bool = False


Outcome = Delivered | NotNow | Rejected

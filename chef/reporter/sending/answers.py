"""An answer of the server, and its meaning for the updates or the output that were sent. Pure."""

from __future__ import annotations

import enum
import http.client
import json
import re
from typing import Any

# A refusal that is not Chef's own may be a proxy's in between, for a while.
PATIENCE_WITH_REFUSALS = 4
# A body of this size is not made smaller.
SMALLEST_BODY_BYTES = 1024
_INVALID = (400, 409, 413, 415, 422)


class ServerAnswer:
    """A status, headers and a body. `data` is the body's JSON object, empty where it has none."""

    def __init__(self, status: int, headers: Any, body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.data: dict[str, Any] = {}
        try:
            found = json.loads(body.decode("utf-8")) if body.strip() else {}
        except (ValueError, RecursionError):
            return
        if isinstance(found, dict):
            self.data = found

    @property
    def is_ours(self) -> bool:
        """Whether Chef refused, and not a proxy or another server in its place."""
        kind = self.headers.get("Content-Type") or ""
        return kind.startswith("application/problem+json") and isinstance(self.data.get("code"), str)

    @property
    def code(self) -> str:
        return str(self.data.get("code", ""))

    @property
    def retry_after(self) -> float | None:
        """Seconds to wait, if it says so."""
        text = (self.headers.get("Retry-After") or "").strip()
        return float(text) if text.isdigit() and len(text) < 6 else None

    @property
    def upload_offset(self) -> int | None:
        """The place in a stream that a HEAD request asked for, if it is told."""
        text = (self.headers.get("Upload-Offset") or "").strip()
        return int(text) if self.status == 200 and text.isdigit() else None

    def confirms(self, field: str) -> bool:
        """Whether it says that all is stored; a page of somebody else's says nothing."""
        return self.status == 200 and isinstance(self.data.get(field), int)

    def reason(self) -> str:
        """A refusal in words for people."""
        detail = self.data.get("detail")
        words = http.client.responses.get(self.status, "")
        if self.is_ours and isinstance(detail, str):
            words = without_index(detail)
        text = "%d %s" % (self.status, words)
        return " ".join(text.split())[:300]


def without_index(text: str) -> str:
    """A text about an update, without its number in the request, which says nothing to people."""
    return re.sub(r"^update \d+: ", "", " ".join(text.split()))[:300]


class RefusalKind(enum.Enum):
    """Why something was not taken."""

    NOT_CHEF = "another server answers"
    PASSING = "it may be taken in a while"
    LASTING = "it is taken only after somebody has changed a setting"


def refusal_kind(answer: ServerAnswer) -> RefusalKind:
    """The kind of an answer that confirms nothing."""
    if answer.status == 200:
        return RefusalKind.NOT_CHEF
    if answer.status in (408, 429, 503) or answer.status >= 500:
        return RefusalKind.PASSING
    return RefusalKind.LASTING


class UpdatesOutcome(enum.Enum):
    """The fate of updates that were posted in one request."""

    TAKEN = "they are stored"
    SPLIT = "one of them is refused: each is posted alone"
    REFUSED = "it never will be taken"
    LATER = "they are posted again"


def updates_outcome(answer: ServerAnswer, count: int, refusals: int) -> UpdatesOutcome:
    """The outcome for `count` updates after so many lasting `refusals` in a row."""
    if answer.confirms("accepted"):
        return UpdatesOutcome.TAKEN
    if answer.status not in _INVALID:
        return UpdatesOutcome.LATER
    if count > 1:
        return UpdatesOutcome.SPLIT
    is_final = answer.is_ours or (answer.status == 413 and refusals >= PATIENCE_WITH_REFUSALS)
    return UpdatesOutcome.REFUSED if is_final else UpdatesOutcome.LATER


class OutputOutcome(enum.Enum):
    """The fate of a piece of output that was sent."""

    TAKEN = "it is stored"
    MOVED = "the server is at another place of the stream"
    TOO_LARGE = "smaller pieces may be taken"
    REFUSED = "the job takes no more output"
    NO_STREAM = "the job takes no further stream"
    LATER = "it is sent again"


def output_outcome(answer: ServerAnswer, most: int) -> OutputOutcome:
    """The outcome for a body where bodies have at most `most` bytes."""
    if answer.confirms("offset"):
        return OutputOutcome.TAKEN
    if answer.status == 416 and isinstance(answer.data.get("offset"), int):
        return OutputOutcome.MOVED
    if answer.status == 413 and not answer.is_ours and most > SMALLEST_BODY_BYTES:
        return OutputOutcome.TOO_LARGE
    if answer.code == "too_many_streams":
        return OutputOutcome.NO_STREAM
    return OutputOutcome.REFUSED if answer.status == 409 and answer.is_ours else OutputOutcome.LATER

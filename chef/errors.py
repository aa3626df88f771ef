"""Refusals as values: a code for programs and a sentence for people.

The edges turn these into `application/problem+json` (chef.api.problems) and into refused
acknowledgements (chef.sockets). Nothing here knows HTTP beyond the status it maps to.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong field: which update of the body, which field, and what is allowed there.

    `index` is the update's place in the body, counted from 0; `None` where the fault belongs
    to no update (a query parameter, a header). `field` is `None` where a whole update is wrong.
    """

    message: str
    field: str | None = None
    index: int | None = None


class ChefError(Exception):
    """A refusal. `code` is stable, `status` its HTTP status, `title` the kind in three words."""

    code = "internal"
    status = 500
    title = "Internal error"

    def __init__(
        self,
        detail: str,
        *,
        errors: tuple[FieldError, ...] = (),
        code: str | None = None,
        retry_after: int | None = None,
        extra: dict[str, int] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = errors
        self.code = code or type(self).code
        self.retry_after = retry_after
        self.extra = extra or {}


class NotJson(ChefError):
    """The body is no JSON as Chef takes it (contract section 2), or not UTF-8."""

    code, status, title = "not_json", 400, "Not JSON"


class BadRequest(ChefError):
    """The request itself is broken: cut off, contradictory, unreadable."""

    code, status, title = "bad_request", 400, "Bad request"


class Unauthorized(ChefError):
    """No token, or one that is not valid."""

    code, status, title = "unauthorized", 401, "Not authenticated"


class MissingToken(Unauthorized):
    """There is no token where one is needed."""


class WrongToken(Unauthorized):
    """A token that nobody has given out: it may be a guess."""


class ShareEnded(Unauthorized):
    """A share link that was right once: its time is over, or it was ended."""

    code = "share_ended"

    def __init__(self) -> None:
        super().__init__("this share link has ended")


class Forbidden(ChefError):
    """A valid token that may not do this. Never tells whether the job exists."""

    code, status, title = "forbidden", 403, "Not allowed"


class NotFound(ChefError):
    code, status, title = "not_found", 404, "Not found"


class NotAcceptable(ChefError):
    code, status, title = "not_acceptable", 406, "No such representation"


class Conflict(ChefError):
    """409: `code` is `job_finished`, `project_mismatch` or `id_reused`."""

    code, status, title = "conflict", 409, "Conflict"


class RequestTimeout(ChefError):
    """A request did not come to its end within its time."""

    code, status, title = "request_timeout", 408, "Request timeout"


class TooLarge(ChefError):
    code, status, title = "too_large", 413, "Too large"


class UnsupportedMediaType(ChefError):
    code, status, title = "unsupported_media_type", 415, "Unsupported media type"


class OffsetPastEnd(ChefError):
    """A log body begins behind what is stored; `extra["offset"]` is the place to go on from."""

    code, status, title = "offset_past_end", 416, "Offset past the end"


class Invalid(ChefError):
    """A field is wrong; `errors` names each."""

    code, status, title = "invalid", 422, "Invalid"


class TooManyRequests(ChefError):
    code, status, title = "rate_limited", 429, "Too many requests"


class StoreUnavailable(ChefError):
    """The store cannot be reached or written. Nothing of the body was kept.

    `reason` says why in some words, where that is known: the disk is full.
    """

    code, status, title = "store_unavailable", 503, "Store unavailable"

    def __init__(
        self, detail: str = "the store cannot be written now, nothing was kept", reason: str | None = None
    ) -> None:
        super().__init__(detail, retry_after=2)
        self.reason = reason


class ConnectionLost(StoreUnavailable):
    """A connection that had waited for its use was broken, and nothing was committed: a new one may do."""


class StoreLocked(StoreUnavailable):
    """Another process holds a lock: whoever has time left is tried again."""


class Stopping(ChefError):
    """The server stops, so it cannot go on waiting for something."""

    code, status, title = "stopping", 503, "Server stopping"

    def __init__(self) -> None:
        super().__init__("the server stops: ask again in a moment", retry_after=1)

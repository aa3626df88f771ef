"""`POST /api/updates` on a short way: what builds send most does without Flask's machinery.

A request passes through Flask's contexts, routing, hooks and response objects in twice the time that
storing its update takes. Here the plain case goes to the same functions as the view of `chef.api.writing`
directly; a request that is not plain in every respect goes to Flask, which answers it in full.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from chef.access.auth import Credentials
from chef.access.credentials import http_credentials
from chef.api.bodies import JSON, NDJSON, read_bytes
from chef.api.problems import Problems
from chef.api.writing import record_parsed
from chef.errors import ChefError
from chef.services import Services
from chef.wire.parse import ContentType, parse_updates
from chef.wire.strict import dumps

PATH = "/api/updates"

Environ = dict[str, Any]
Application = Callable[[Environ, Any], Iterable[bytes]]

_KINDS: dict[str, ContentType] = {"": "json", JSON: "json"}
_KINDS.update(dict.fromkeys(NDJSON, "ndjson"))
# Of these something else follows than taking the body: CORS headers, a refusal.
_NOT_PLAIN = ("HTTP_ORIGIN", "HTTP_CONTENT_ENCODING", "HTTP_TRANSFER_ENCODING")
# What the view's answer has too; tests hold that both are the same.
_HEADERS = [
    ("Content-Type", "application/json"),
    ("Cache-Control", "no-store"),
]


class Edge:
    """A WSGI application in front of `application`."""

    def __init__(
        self, application: Application, chef: Services, problems: Problems, headers: Mapping[str, str]
    ) -> None:
        """`headers` are added to each answer."""
        self._application = application
        self._chef = chef
        self._problems = problems
        self._headers = {"X-Content-Type-Options": "nosniff", **headers}
        self._all_headers = [*_HEADERS, *self._headers.items()]

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Answer a plain `POST /api/updates`; hand on everything else."""
        if environ["PATH_INFO"] != PATH or (plain := _plain(environ)) is None:
            return self._application(environ, start_response)
        try:
            answer = self._take(environ, plain)
        except ChefError as error:
            refusal = self._problems.refused(error, f"POST {PATH}")
        except Exception as error:  # noqa: BLE001 - as Flask does it: an answer and a line in the log
            refusal = self._problems.failed(error, f"POST {PATH}")
        else:
            start_response("200 OK", [*self._all_headers, ("Content-Length", str(len(answer)))])
            return [answer]
        refusal.headers.update(self._headers)
        return refusal(environ, start_response)

    def _take(self, environ: Environ, plain: _Plain) -> bytes:
        chef = self._chef
        writer = chef.gate.writer(plain.credentials)
        body = read_bytes(environ, plain.length, chef.settings.max_body_bytes)
        return dumps(record_parsed(chef, parse_updates(body, plain.kind), writer)) + b"\n"


@dataclass(frozen=True, slots=True)
class _Plain:
    """What the head of a plain request says."""

    credentials: Credentials
    length: int
    kind: ContentType


def _plain(environ: Environ) -> _Plain | None:
    """What a request's head says if it is plain; looked for once in a head that comes again."""
    notes = environ.get("chef.head")
    if notes is None:
        return _found(environ)
    if "edge" not in notes:
        notes["edge"] = _found(environ)
    plain: _Plain | None = notes["edge"]
    return plain


def _found(environ: Environ) -> _Plain | None:
    kind = _KINDS.get(environ.get("CONTENT_TYPE", ""))
    length = environ.get("CONTENT_LENGTH", "")
    if (
        environ["REQUEST_METHOD"] != "POST"
        or kind is None
        or not (length.isascii() and length.isdigit())
        or any(name in environ for name in _NOT_PLAIN)
    ):
        return None
    return _Plain(http_credentials(environ), int(length), kind)

"""`POST /api/updates` on a short way: the most frequent request does without Flask's machinery.

A request passes through Flask's contexts, routing, hooks and response objects in twice the time that
storing its update takes. Here the plain case goes to the same functions as the view of `chef.api.writing`
directly; a request that is not plain in every respect goes to Flask, which answers it in full.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from chef.access.addresses import of_proxies
from chef.access.credentials import Credentials, http_credentials
from chef.access.principals import Principal
from chef.api.admission import count_write, rate_fields
from chef.api.answers import HEADERS, json_body
from chef.api.bodies import UPDATE_KINDS, read_bytes
from chef.api.problems import Problems
from chef.api.writing import record_parsed
from chef.errors import ChefError
from chef.http.environ import REQUEST_ID
from chef.http.requestids import HEADER, RequestIds, answering
from chef.services import Services
from chef.wire.parse import ContentType, parse_updates

PATH = "/api/updates"

Environ = dict[str, Any]
Application = Callable[[Environ, Any], Iterable[bytes]]

# Of these something else follows than taking the body: CORS headers, a refusal.
_MORE_TO_DO = ("HTTP_ORIGIN", "HTTP_CONTENT_ENCODING", "HTTP_TRANSFER_ENCODING")


class Edge:
    """A WSGI application in front of `application`."""

    def __init__(
        self, application: Application, chef: Services, problems: Problems, headers: Mapping[str, str]
    ) -> None:
        """`headers` are added to each answer."""
        self._request_ids = RequestIds()
        self._of_proxies = of_proxies(chef.settings)
        self._application = application
        self._chef = chef
        self._problems = problems
        self._headers = {"X-Content-Type-Options": "nosniff", **headers}
        self._all_headers = [*HEADERS.items(), *self._headers.items()]

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Answer a plain `POST /api/updates`; hand on everything else."""
        if REQUEST_ID not in environ:
            return self._under_another_server(environ, start_response)
        if environ["PATH_INFO"] != PATH or (post := _plain_post(environ)) is None:
            return self._application(environ, start_response)
        try:
            answer = self._take(environ, post)
        except ChefError as error:
            refusal = self._problems.refused(error, environ)
        except Exception as error:  # noqa: BLE001 - as Flask does it: an answer and a line in the log
            refusal = self._problems.failed(error, f"POST {PATH}")
        else:
            length = ("Content-Length", str(len(answer)))
            start_response("200 OK", [*self._all_headers, *rate_fields(self._chef, environ), length])
            return [answer]
        refusal.headers.update(self._headers)
        refusal.headers.extend(rate_fields(self._chef, environ))
        return refusal(environ, start_response)

    def _under_another_server(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Do what Chef's own server does: say which proxies are believed, give the request its id."""
        environ.update(self._of_proxies)
        request_id = environ[REQUEST_ID] = self._request_ids.of(environ.get("HTTP_X_REQUEST_ID"))

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            return start_response(status, [*headers, (HEADER, request_id)], *more)

        this = answering()
        this.request_id = request_id
        try:
            return self(environ, start)
        finally:
            this.request_id = None

    def _take(self, environ: Environ, post: _PlainPost) -> bytes:
        chef = self._chef
        writer = post.writer
        if writer is None:
            writer = chef.gate.writer(post.credentials)
            post.writer = writer if writer.lasts else None
        count_write(chef, environ, writer, post.credentials.address)
        body = read_bytes(environ, post.length, chef.settings.max_body_bytes)
        return json_body(record_parsed(chef, parse_updates(body, post.kind), writer))


@dataclass(slots=True)
class _PlainPost:
    """The head of a plain request, and its writer, once that is known for as long as the head comes again."""

    credentials: Credentials
    length: int
    kind: ContentType
    writer: Principal | None = None


def _plain_post(environ: Environ) -> _PlainPost | None:
    """A request's head if it is plain; read once of a head that comes again."""
    notes = environ.get("chef.head")
    if notes is None:
        return _read_head(environ)
    if "edge" not in notes:
        notes["edge"] = _read_head(environ)
    post: _PlainPost | None = notes["edge"]
    return post


def _read_head(environ: Environ) -> _PlainPost | None:
    kind = UPDATE_KINDS.get(environ.get("CONTENT_TYPE", ""))
    length = environ.get("CONTENT_LENGTH", "")
    if (
        environ["REQUEST_METHOD"] != "POST"
        or kind is None
        or not (length.isascii() and length.isdigit())
        or any(name in environ for name in _MORE_TO_DO)
    ):
        return None
    return _PlainPost(http_credentials(environ), int(length), kind)

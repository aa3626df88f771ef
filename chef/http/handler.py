"""One connection and its requests, one after the other, in as few steps as that takes.

pywsgi's own handler reads heads with the email package, sends heads and bodies apart, waits for slow peers
for ever and is "not intended for direct exposure to the public Internet" by its own words.
"""

from __future__ import annotations

import _socket
import logging
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import Any, NamedTuple

import gevent

from chef.greenlets import Workers
from chef.http import environ as keys
from chef.http.answer import Response
from chef.http.body import Body, BrokenBody
from chef.http.connection import Connection, PeerGone, TooSlow
from chef.http.connections import client_of_proxy
from chef.http.departure import Departure
from chef.http.heads import Head, Refused, parse
from chef.http.opening import open_websocket
from chef.http.refusals import FAILED, TOO_MANY, refusal
from chef.http.requestids import answering
from chef.http.site import Application, Environ, Site
from chef.http.states import CLOSED, DETACHED, IDLE, LAST, POSTPONED, SERVING

log = logging.getLogger(__name__)

# A connection that waits for its next request remembers the head of the last one, if it is not longer.
_MOST_KEPT_HEAD_BYTES = 2048
_NO_HEAD = parse(b"GET / HTTP/1.0")


class Detached(NamedTuple):
    """A connection that was upgraded, for its next owner, with what has come on it already.

    `release` must be called when the socket is closed: until then the connection counts (in all, and
    for its address), and a server that stops waits for it.
    """

    socket: _socket.socket
    early: bytes
    release: Callable[[], None]


class Handler:
    """Serves one connection; `address` is its peer's, as the socket gives it."""

    __slots__ = (
        "_address",
        "_answer",
        "_answering",
        "_block",
        "_client",
        "_departure",
        "_gone",
        "_head",
        "_postponed",
        "_site",
        "_template",
        "_workers",
        "connection",
    )

    def __init__(self, connection: Connection, address: Any, site: Site, workers: Workers) -> None:
        self.connection = connection
        self._address = address
        self._site = site
        self._workers = workers
        self._answer = Response(connection, site)
        # While an answer is postponed: its request, and what tells the application that the client has gone.
        self._postponed: Environ = {}
        self._gone: Callable[[], None] | None = None
        self._departure: Departure | None = None
        self._forget_head()

    def handle(self) -> None:
        """Serve the connection until one side has enough, or an answer is postponed."""
        header_s = self._site.limits.header_s
        self._serve(self._serve_one, monotonic() + header_s, header_s)

    def _serve(self, serve_first: Callable[..., bool], *args: Any) -> None:
        """Serve a request, and those that follow; then close, unless somebody else has the connection."""
        limits = self._site.limits
        self._answering = answering()
        try:
            goes_on = serve_first(*args)
            while goes_on:
                self._site.connections.idle(self.connection)
                if self.connection.has_unread:
                    gevent.sleep(0)  # A client that sends all its requests at once does not get all the time.
                goes_on = self._serve_one(monotonic() + limits.keepalive_s, limits.header_s)
        except PeerGone:
            pass  # In whichever way it went, that is no fault of ours.
        finally:
            if self._gone is None:
                self._end()

    def _end(self) -> None:
        self._forget_head()
        if self.connection.state not in (DETACHED, CLOSED):
            self.connection.close()
            self._site.connections.close(self.connection)

    def _forget_head(self) -> None:
        self._block: bytes = b""
        self._head: Head = _NO_HEAD
        self._template: Environ = {}
        self._client: str | None = None

    def _serve_one(self, begins_by: float, header_s: float) -> bool:
        """Serve one request; whether another may follow."""
        connection, site = self.connection, self._site
        try:
            block = connection.receive_head(begins_by, header_s)
            if block is None:
                return False
            if block != self._block:
                # Builds and pages send the same head again and again.
                self._head = parse(block)
                self._template = self._environ(self._head)
                self._client = client_of_proxy(self._template, connection.peer)
                self._block = block
        except Refused as refused:
            self._refuse(refused)
            return False
        environ = self._template.copy()
        request_id = environ[keys.REQUEST_ID] = site.request_ids.of(environ.get("HTTP_X_REQUEST_ID"))
        if not site.connections.admit(connection, environ, self._client):
            self._refuse(TOO_MANY, request_id)
            return False
        environ[keys.ADDRESS] = connection.address
        return self._serve_request(self._respond, environ)

    def _serve_request(self, respond: Callable[[Any], None], with_this: Any) -> bool:
        """Serve a request whose head is known; whether another may follow."""
        connection, busy = self.connection, self._site.busy
        busy.add(self)
        try:
            respond(with_this)
        finally:
            if self._gone is None:
                busy.discard(self)
        if self._gone is not None or connection.state is not SERVING:
            return False
        if len(self._block) > _MOST_KEPT_HEAD_BYTES:
            self._forget_head()
        connection.enter(IDLE)
        return True

    def _refuse(self, refused: Refused, request_id: str | None = None) -> None:
        """Answer what is no request, in one short line of the log, which quotes nothing of it."""
        limit = f" ({refused.limit})" if refused.limit else ""
        self._answering.request_id = request_id or self._site.request_ids.of(None)
        log.info("refused a request of %s: %s%s", self.connection.peer, refused.detail, limit)
        answer = refusal(refused, self._site.document)
        self._answering.request_id = None
        self.connection.enter(LAST)
        self.connection.send(answer)
        self.connection.linger()

    def _environ(self, head: Head) -> Environ:
        """The part that all requests with this head on this connection have in common."""
        connection = self.connection
        environ = keys.of_head(head, self._site.environ)
        environ["REMOTE_ADDR"] = connection.peer
        if isinstance(self._address, tuple):
            environ["REMOTE_PORT"] = str(self._address[1])
        environ[keys.PEER_IS_GONE] = connection.is_gone
        environ[keys.HEAD] = {}
        environ[keys.SEND_HEAD] = self._answer.send_head
        environ[keys.POSTPONE] = self._postpone
        environ[keys.AUTHENTICATED] = partial(self._site.connections.uncount, connection)
        return environ

    def _respond(self, environ: Environ) -> None:
        """Answer a request, and read what of it nobody else has read."""
        head, connection, site = self._head, self.connection, self._site
        connection.enter(SERVING if head.persistent else LAST)
        body = Body(connection, None if head.chunked else head.length or 0, expects=head.expects)
        environ["wsgi.input"] = body
        connection.set_patience(site.limits.body_s if head.has_body else None)
        self._answer.begin(head, body, environ[keys.REQUEST_ID])
        if head.upgrades and site.may_upgrade(environ):
            self._run(self._upgrade, site.application, environ, body)
        else:
            self._run(self._answer.run, site.application, environ, body)

    def _run(
        self,
        answer: Callable[[Application, Environ], None],
        application: Application,
        environ: Environ,
        body: Body,
    ) -> None:
        """Have the application answer, and read what of the body it has not."""
        this = (
            self._answering
        )  # The greenlet that gives a postponed answer may be here before this one leaves.
        this.request_id = environ[keys.REQUEST_ID]
        try:
            answer(application, environ)
        except PeerGone:
            self.connection.allow_no_other_request()
        except Exception as fault:  # noqa: BLE001 - whatever it is, it is answered, and told where it is ours
            self._fail(fault, environ, body)
        finally:
            this.request_id = None
        if self._answer.state is POSTPONED:
            self._postponed = environ
            self._departure = Departure(self.connection, self._peer_left)
            return
        self._gone = None
        if not body.discard():
            self.connection.allow_no_other_request()
            self.connection.linger()

    # Answers that are given later

    def _postpone(self, gone: Callable[[], None]) -> Callable[[Application], None]:
        """Have the application answer later; its greenlet is free until then (see `chef.http.environ`)."""
        self._gone = gone
        self._answer.postpone()
        return partial(self._answer_later, gone)

    def _answer_later(self, gone: Callable[[], None], application: Application) -> None:
        """Give a postponed answer, soon. Never waits; without effect where the client has gone."""
        if self._gone is gone:
            self._workers.run(self._serve, self._serve_request, self._give, application)

    def _give(self, application: Application) -> None:
        while self._gone is not None and self._answer.state is not POSTPONED:
            gevent.sleep(0)  # The application has not even returned.
        if self._gone is None:
            raise PeerGone("the client went before its answer came")
        if self._departure is not None:
            self._departure.stop()
        self._gone = self._departure = None
        environ, self._postponed = self._postponed, {}
        self._run(self._answer.run, application, environ, environ["wsgi.input"])

    def _peer_left(self) -> None:
        """The client of a postponed answer has gone. Called in the loop."""
        gone, self._gone, self._departure, self._postponed = self._gone, None, None, {}
        self._site.busy.discard(self)
        self._end()
        if gone is not None:
            gone()

    def _fail(self, fault: Exception, environ: Environ, body: Body) -> None:
        """Answer what the application did not; where it has begun to, the connection ends."""
        if isinstance(fault, Refused):
            refused = fault
        elif isinstance(fault, TooSlow):
            refused = Refused(408, str(fault), "body_timeout")
        elif isinstance(fault, BrokenBody):
            refused = Refused(400, str(fault))
        else:
            log.error("%s %s failed", environ["REQUEST_METHOD"], environ["PATH_INFO"][:200], exc_info=fault)
            refused = FAILED
        if not self._answer.is_begun:
            body.abandon()
        with suppress(PeerGone):
            self._answer.refuse(refusal(refused, self._site.document))

    def _upgrade(self, application: Application, environ: Environ) -> None:
        """Open a WebSocket and have the application take its connection over; nothing waits here."""
        fields = open_websocket(environ)
        self._forget_head()
        self._answer.switch_protocols(fields)
        environ[keys.DETACH] = self._detach
        # An answer over HTTP would be for nobody.
        list(application(environ, lambda *_: _take_nothing))

    def _detach(self) -> Detached:
        """The upgraded connection. Nothing here reads, times or closes it any more.

        TLS ends in front of us: below is nothing but a TCP connection.
        """
        release = self._site.connections.detach(self.connection)
        return Detached(*self.connection.detach(), release)


def _take_nothing(part: bytes) -> None:
    """WSGI's `write` of an answer that nobody gets."""

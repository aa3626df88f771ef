"""The listener: which connections come in, which requests are being answered, how to stop in good order."""

from __future__ import annotations

import _socket
import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Any

import gevent
from gevent.server import StreamServer

from chef.greenlets import Workers
from chef.http import environ as keys
from chef.http.accepting import AcceptFailed, NoDescriptor
from chef.http.connections import Connections, Limits
from chef.http.handler import Handler
from chef.http.refusals import FULL, TOO_MANY, Document, plain_text, refusal
from chef.http.site import Application, Environ, MayUpgrade, Site

log = logging.getLogger(__name__)

# Unacknowledged data older than this means that the peer is gone (stack-traps 4).
_USER_TIMEOUT_MS = 30_000
# A peer that is quiet is asked whether it is still there after this time, and three times in all.
_KEEPALIVE_S, _KEEPALIVE_AGAIN_S, _KEEPALIVE_TIMES = 30, 10, 3
_BACKLOG = 2048
_PAUSE_S = 0.1
# At the end, a client that has begun a request gets this long to send the rest of its head.
_LAST_HEADS_S = 1.0
_FRESH_S = 0.2


class Server(StreamServer):
    """An HTTP server for a WSGI application.

    `may_upgrade` decides from the WSGI environ whether a request may be a WebSocket. `refused` is told the
    name of each limit that is met; `is_known` says whether a request has a valid token, so that its
    connection does not count for its address. `document` makes the bodies of what the server itself refuses.
    `environ` goes into the environ of every request (see `chef.http.environ`).
    """

    def __init__(
        self,
        listener: Any,
        application: Application,
        may_upgrade: MayUpgrade,
        limits: Limits | None = None,
        refused: Callable[[str], None] = lambda reason: None,
        is_known: Callable[[Environ], bool] = lambda environ: False,
        document: Document = plain_text,
        environ: Environ | None = None,
    ) -> None:
        self._watch: Any = None  # before the base class, which closes when it fails
        super().__init__(listener, backlog=None if hasattr(listener, "accept") else _BACKLOG)
        limits = limits or Limits()
        full, too_many = refusal(FULL, document), refusal(TOO_MANY, document)
        self.connections = Connections(limits, refused, is_known, full, too_many)
        self._site = Site(application, may_upgrade, document, limits, self.connections)
        self._of_all = environ or {}
        # Asked for a name, the resolver may take its time.
        self._host = str(listener[0]) if isinstance(listener, tuple) else "localhost"
        self._workers = Workers()

    @property
    def busy(self) -> set[object]:
        """The handlers that have a request to answer."""
        return self._site.busy

    def init_socket(self) -> None:
        """Open the listening socket. What is set on it holds for every connection that it accepts."""
        super().init_socket()
        # Without TCP_NODELAY a keep-alive POST takes 44 ms (stack-traps 1).
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in (
            ("TCP_USER_TIMEOUT", _USER_TIMEOUT_MS),
            ("TCP_KEEPIDLE", _KEEPALIVE_S),
            ("TCP_KEEPINTVL", _KEEPALIVE_AGAIN_S),
            ("TCP_KEEPCNT", _KEEPALIVE_TIMES),
        ):
            if hasattr(socket, name):
                self.socket.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        port = str(self.address[1]) if isinstance(self.address, tuple) else ""
        self._site.environ = keys.of_server(self._host, port, log) | self._of_all

    def start(self) -> None:
        """Listen, and watch the time of all that come."""
        super().start()
        self._watch = gevent.spawn(self.connections.watch_for_ever)

    def close(self) -> None:
        """Stop listening, at once; `stop_listening` is the polite way."""
        super().close()
        if self._watch is not None:
            self._watch.kill(block=False)

    def do_read(self) -> tuple[Any, Any] | None:  # type: ignore[override]
        """Accept a connection that may stay. Without a descriptor to do so nobody can be told: it waits."""
        try:
            accepted = self.connections.accept(self.socket)
        except NoDescriptor:
            self.stop_accepting()
            gevent.spawn_later(_PAUSE_S, self._accept_again)
            return None
        if accepted is None:
            return None
        descriptor, address = accepted
        sock = _socket.socket(self.socket.family, self.socket.type, self.socket.proto, descriptor)
        sock.setblocking(False)
        return sock, address

    def _accept_again(self) -> None:
        if not self.closed:
            self.start_accepting()

    def do_handle(self, *args: Any) -> None:
        """Serve a connection in a greenlet, which also closes it."""
        self._workers.run(self.handle, *args)

    def handle(self, sock: Any, address: Any) -> None:
        """Serve one connection to its end, until it is given away, or until an answer is postponed."""
        Handler(self.connections.open(sock, address), address, self._site, self._workers).handle()

    def stop_listening(self) -> None:
        """Take no more connections, but those that were made already."""
        self._site.closing = True
        with suppress(AcceptFailed):
            while (args := self.do_read()) is not None:
                self.do_handle(*args)
        self.close()

    def drain(self, timeout: float) -> bool:
        """After `stop_listening`, wait until every request is answered; False at the time limit (seconds).

        Connections that are idle are closed, those given away are waited for.
        """
        began = monotonic()
        while monotonic() - began < timeout:
            self.connections.end_overdue()
            waited = monotonic() - began
            if waited >= _FRESH_S:
                self.connections.end_idle()
            heads = self.connections.heads if waited < _LAST_HEADS_S else 0
            if not self.busy and not self.connections.detached and not heads:
                return True
            gevent.sleep(0.02)
        return False

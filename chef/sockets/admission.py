"""Who may come in: viewers connect with a token, or without one where everybody may read."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs

from flask_socketio import ConnectionRefusedError as Refused

from chef.access.auth import Gate
from chef.access.credentials import socket_credentials
from chef.access.denials import Denials
from chef.domain.clock import Clock
from chef.errors import ChefError, MissingToken, StoreUnavailable
from chef.live.sharebook import ShareBook
from chef.sockets.registry import ViewerRegistry
from chef.sockets.restoring import Restorer
from chef.sockets.sweeping import Sweeper
from chef.sockets.viewer import Recovery, Viewer
from chef.store import Store
from chef.transport.handling import Welcome
from chef.transport.socketio import SocketServer
from chef.wire.recovery import new_pid

_MESSAGE = "Authentication error"


class Admission:
    """Lets viewers in and out."""

    def __init__(
        self,
        gate: Gate,
        shares: ShareBook,
        denials: Denials,
        store: Store,
        registry: ViewerRegistry,
        restorer: Restorer,
        sweeper: Sweeper,
        server: SocketServer,
        clock: Clock,
    ) -> None:
        self._gate = gate
        self._shares = shares
        self._denials = denials
        self._store = store
        self._registry = registry
        self._restorer = restorer
        self._sweeper = sweeper
        self._server = server
        self._clock = clock

    def let_in(self, sid: str, environ: dict[str, Any], auth: object) -> Welcome:
        """Let a viewer in, with its rooms if it comes back. Raises Refused as the contract says."""
        sent = auth if isinstance(auth, dict) else {}
        viewer = self._new_viewer(sid, environ, sent.get("token"))
        self._registry.add(viewer)
        self._sweeper.start()
        if sent.get("recovery") is not True and not _asks_for_recovery(environ):
            return Welcome({})
        let_flow = self._restorer.restore(viewer, sent.get("pid"), sent.get("offset"))
        if viewer.recovery is None:
            viewer.recovery = Recovery(new_pid())
        return Welcome({"pid": viewer.recovery.pid}, let_flow)

    def _new_viewer(self, sid: str, environ: dict[str, Any], token: object) -> Viewer:
        credentials = socket_credentials(environ, token)
        try:
            principal = self._gate.reader(credentials, "progress")
        except ChefError as error:
            if not isinstance(error, MissingToken):
                self._denials.tell("viewer", "a viewer", error, environ)
            raise _refused(error) from None
        if credentials.token and self._gate.knows(credentials):
            # Known where our own server serves (chef.http.environ).
            environ.get("chef.authenticated", lambda: None)()
        eio_sid = self._server.manager.eio_sid_from_sid(sid, "/")
        viewer = Viewer(sid, eio_sid, principal, self._server.channel(eio_sid))
        viewer.channel.on_drain = viewer.drained
        if principal.share is not None:
            viewer.unwatch = self._shares.watch(principal.share, lambda: self._sweeper.send_away(viewer))
        return viewer

    def let_out(self, sid: str) -> None:
        """A viewer is gone: so are its cursors. With recovery it has some time to come back."""
        viewer = self._registry.remove(sid)
        if viewer is None:
            return
        recovery = viewer.recovery
        if viewer.unwatch is not None:
            viewer.unwatch()
        viewer.leave_all()
        if recovery is not None:
            with suppress(StoreUnavailable):
                self._store.end_session(recovery.pid, self._clock())


def _refused(error: ChefError) -> Refused:
    """The refusal as the contract has it; a client that came too often is told when to come again."""
    if error.retry_after is None:
        return Refused(_MESSAGE)
    return Refused(_MESSAGE, {"code": error.code, "message": error.detail, "retryAfter": error.retry_after})


def _asks_for_recovery(environ: dict[str, Any]) -> bool:
    """Whether the handshake's query says `recovery=1`."""
    query: str = environ.get("QUERY_STRING", "")
    return "recovery" in query and parse_qs(query).get("recovery", [""])[0] == "1"

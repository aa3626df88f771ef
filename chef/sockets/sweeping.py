"""Viewers that may stay no longer: their token has expired, or they take nothing."""

from __future__ import annotations

import logging

from chef.domain.clock import Clock
from chef.live.background import BackgroundTask
from chef.sockets.registry import ViewerRegistry
from chef.sockets.viewer import Viewer
from chef.transport.socketio import SocketServer

log = logging.getLogger(__name__)

STALLED_S = 60
"""A viewer whose connection takes nothing for so long is closed; it comes back and resumes."""
SWEEP_S = 10
"""A token that expires ends its connection within 60 s (contract section 6)."""


class Sweeper:
    """Looks after all viewers now and then, in one greenlet from the first viewer on."""

    def __init__(self, registry: ViewerRegistry, server: SocketServer, clock: Clock) -> None:
        self._registry = registry
        self._server = server
        self._clock = clock
        self._task = BackgroundTask(self._look, "viewers are not looked after")

    def start(self) -> None:
        """Begin, unless it has begun."""
        self._task.start(SWEEP_S)

    def close(self) -> None:
        """Stop looking after viewers."""
        self._task.close()

    def send_away(self, viewer: Viewer) -> None:
        """End a viewer's connection: its token is worth nothing any more."""
        self._server.disconnect(viewer.sid)
        self._server.eio.sessions.disconnect(viewer.eio_sid)

    def _look(self) -> None:
        now = self._clock()
        for viewer in self._registry:
            try:
                self._look_after(viewer, now)
            except Exception:  # one that cannot be closed must not keep all others open
                log.exception("a viewer's connection could not be closed")

    def _look_after(self, viewer: Viewer, now: int) -> None:
        if viewer.principal.expired(now):
            self.send_away(viewer)
        elif viewer.channel.stalled_for() > STALLED_S:
            log.info("a viewer took nothing for %d s: closed, it can resume", STALLED_S)
            viewer.channel.close()

"""All Engine.IO sessions of one server: their table, what they share, and how they end."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

from chef.greenlets import Workers
from chef.transport.limits import Deadlines, Places
from chef.transport.pinger import Pinger
from chef.transport.session import EngineSession, Reason
from chef.transport.states import SessionState

log = logging.getLogger(__name__)

# A client that polls and is sent away hears of it by its next poll, if that comes within this time.
_LEAVING_S = 10


class Sessions:
    """The sessions of one server by their ids, and the handlers of their events.

    Times are in seconds, sizes in bytes. `count` is told the reason of each refusal and ending.
    """

    def __init__(
        self,
        *,
        ping_interval: float,
        ping_timeout: float,
        max_http_buffer_size: int,
        upgrade_timeout: float,
        places: Places,
    ) -> None:
        self.max_http_buffer_size = max_http_buffer_size
        self.upgrade_timeout = upgrade_timeout
        self.places = places
        self.pinger = Pinger(ping_interval, ping_timeout)
        self.workers = Workers()
        self.count: Callable[[str], None] = lambda reason: None
        self._handlers: dict[str, Callable[..., object]] = {}
        self._sessions: dict[str, EngineSession] = {}
        # Sessions that the server has closed, until their clients have been told by their next poll.
        self._leaving: dict[str, EngineSession] = {}
        self._forgotten = Deadlines(_LEAVING_S, self.told)

    def __len__(self) -> int:
        return len(self._sessions)

    def __iter__(self) -> Iterator[str]:
        return iter(self._sessions)

    def __getitem__(self, sid: str) -> EngineSession:
        return self._sessions[sid]

    @property
    def unsent(self) -> int:
        """How many bytes wait until the clients take them."""
        return sum(_unsent(session) for session in self._sessions.values())

    def get(self, sid: str) -> EngineSession | None:
        """The session with this id that has not ended."""
        return self._sessions.get(sid)

    def leaving(self, sid: str) -> EngineSession | None:
        """A session that the server has ended and whose client does not know it yet."""
        return self._leaving.get(sid)

    def told(self, sid: str) -> None:
        """The client of a session that was leaving knows it, or has had its time."""
        self._leaving.pop(sid, None)

    def on(self, event: str, handler: Callable[..., object]) -> None:
        """Have `connect`, `message` or `disconnect` handled by this."""
        self._handlers[event] = handler

    def trigger(self, event: str, *args: Any) -> None:
        """Have an event handled; a fault of the handler is in the log and nowhere else."""
        handler = self._handlers.get(event)
        if handler is None:
            return
        try:
            handler(*args)
        except Exception:
            log.exception("the handler of %s failed", event)

    def open(self, sid: str) -> EngineSession:
        """A new session, which polls."""
        session = self._sessions[sid] = EngineSession(self, sid)
        return session

    def end(self, sid: str, reason: str, words: str | None = None) -> None:
        """End a session for what its client did or did not do: it is counted, and told in one line."""
        session = self._sessions.get(sid)
        if session is not None and session.state is not SessionState.CLOSED:
            if words is not None:
                log.info("a viewer's connection was closed: %s", words)
            self.count(reason)
            session.close(reason=Reason.TRANSPORT_ERROR)
            self._sessions.pop(sid, None)

    def disconnect(self, sid: str) -> None:
        """Send a client away, without waiting until it has taken all that it was sent."""
        session = self._sessions.get(sid)
        if session is None:
            return
        polls = session.websocket is None
        session.close(reason=Reason.SERVER_DISCONNECT)
        self._sessions.pop(sid, None)
        if polls:
            self._leaving[sid] = session
            self._forgotten.begin(sid)

    def forget(self, session: EngineSession) -> None:
        """A session is over: it is in no table any more."""
        self.places.leave(session.sid)
        self.pinger.remove(session)
        self._sessions.pop(session.sid, None)


def _unsent(session: EngineSession) -> int:
    return session.queue.bytes if session.websocket is None else session.websocket.unsent

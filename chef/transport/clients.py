"""Who is connected, as python-socketio keeps it, without a room for each client of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import partial
from typing import Any

import socketio


class Clients(socketio.Manager):
    """The library's manager, which makes a room for each client and looks through all when one leaves.

    A client's own room is known by its sid here, and which other rooms it is in is kept with it. What is
    emitted to a client that is still being let in waits for its CONNECT, before which a client may get
    nothing; the library sends it at once.
    """

    def __init__(self) -> None:
        super().__init__()
        self._joined: dict[tuple[str, str], set[Any]] = {}
        self._held: dict[str, list[Callable[[], None]]] = {}

    def emit(
        self,
        event: str,
        data: Any,
        namespace: str,
        room: Any = None,
        skip_sid: Any = None,
        callback: Any = None,
        to: Any = None,
        **kwargs: Any,
    ) -> None:
        """Emit to all who are connected; for those that will be in a moment it is kept as it is now."""
        skipped = list(skip_sid) if isinstance(skip_sid, list) else [skip_sid]
        emit = partial(super().emit, event, namespace=namespace, callback=callback, **kwargs)
        if pending := self.pending_connect.get(namespace):
            for sid, _ in list(self.get_participants(namespace, to or room)):
                if sid in pending and sid not in skipped:
                    self._held.setdefault(sid, []).append(partial(emit, data=deepcopy(data), room=sid))
            skipped += pending
        emit(data=data, room=to or room, skip_sid=skipped)

    def holds(self, sid: str) -> bool:
        """Whether something waits for this client's CONNECT."""
        return sid in self._held

    def release(self, sid: str) -> None:
        """Send what was emitted to a client before its CONNECT."""
        for emit in self._held.pop(sid, ()):
            emit()

    def basic_enter_room(self, sid: str, namespace: str, room: Any, eio_sid: str | None = None) -> None:
        if room == sid:
            return
        super().basic_enter_room(sid, namespace, room, eio_sid=eio_sid)
        if room is not None:
            self._joined.setdefault((namespace, sid), set()).add(room)

    def basic_leave_room(self, sid: str, namespace: str, room: Any) -> None:
        super().basic_leave_room(sid, namespace, room)
        joined = self._joined.get((namespace, sid))
        if joined is not None:
            joined.discard(room)

    def get_participants(self, namespace: str, room: Any) -> Iterator[tuple[str, str]]:
        """The clients in a room or in some, each once, with their Engine.IO sessions."""
        names = room if isinstance(room, list | tuple) else [room]
        found: dict[str, str] = {}
        for name in names:
            if name is not None and self.is_sid_room(namespace, name):
                found[name] = self.eio_sid_from_sid(name, namespace)
            else:
                found |= super().get_participants(namespace, name)
        yield from found.items()

    def get_rooms(self, sid: str, namespace: str) -> list[Any]:
        """The rooms a client is in, its own first."""
        if not self.is_sid_room(namespace, sid):
            return []
        return [sid, *self._joined.get((namespace, sid), ())]

    def basic_disconnect(self, sid: str, namespace: str, **_: Any) -> None:
        """A client has left: so it is in no room, and nothing of it is waited for."""
        for room in self._joined.pop((namespace, sid), ()):
            super().basic_leave_room(sid, namespace, room)
        super().basic_leave_room(sid, namespace, None)
        self.callbacks.pop(sid, None)
        self._held.pop(sid, None)
        for pending in (self.pending_connect, self.pending_disconnect):
            if sid in pending.get(namespace, ()):
                pending[namespace].remove(sid)
                if not pending[namespace]:
                    del pending[namespace]

"""Clients by namespace and room, as python-socketio asks its manager for them (`socketio.Server.manager`).

The library's own manager makes a room for each client and looks through all rooms when one leaves. Here a
client's own room is known by its sid, and which rooms it is in is kept with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import partial
from typing import Any

from engineio import packet as engineio_packet
from socketio import packet as socketio_packet

Participants = Iterator[tuple[str, str]]
"""Clients, each with its Engine.IO session."""


class _Namespace:
    """The clients of one namespace, their Engine.IO sessions (`eio_sids` by sid) and their rooms."""

    __slots__ = ("connecting", "eio_sids", "joined", "leaving", "rooms", "sids")

    def __init__(self) -> None:
        self.eio_sids: dict[str, str] = {}
        self.sids: dict[str, str] = {}
        self.rooms: dict[Any, dict[str, None]] = {}
        self.joined: dict[str, list[Any]] = {}
        self.connecting: set[str] = set()
        self.leaving: set[str] = set()

    def members(self, room: Any) -> list[str]:
        """The sids in a room: of all for `None`, of one client where the room is its sid."""
        if room is None:
            return list(self.eio_sids)
        return [room] if room in self.eio_sids else list(self.rooms.get(room, ()))

    def leave(self, sid: str, room: Any) -> None:
        """Take a client out of a room; nothing happens if it was not in it."""
        members = self.rooms.get(room)
        if members is not None and sid in members:
            del members[sid]
            if not members:
                del self.rooms[room]

    def remove(self, sid: str) -> None:
        """A client has left: it is in no room."""
        for room in self.joined.pop(sid, ()):
            self.leave(sid, room)
        eio_sid = self.eio_sids.pop(sid, None)
        if eio_sid is not None:
            del self.sids[eio_sid]
        self.connecting.discard(sid)
        self.leaving.discard(sid)


class Clients:
    """All clients of one server. An event for one that is still being let in waits for its CONNECT.

    Before CONNECT a client may get nothing; the library would send it at once.
    """

    def __init__(self) -> None:
        self._server: Any = None
        self._namespaces: dict[str, _Namespace] = {}
        # Functions that wait for an acknowledgement, by sid and id; ids count up from 1.
        self._callbacks: dict[str, dict[int, Callable[..., object]]] = {}
        self._last_id: dict[str, int] = {}
        self._held: dict[str, list[Callable[[], None]]] = {}

    # Asked for by python-socketio

    def set_server(self, server: Any) -> None:
        """Be this server's."""
        self._server = server

    def initialize(self) -> None:
        """Nothing is left to do before the first client comes."""

    def get_namespaces(self) -> list[str]:
        """The namespaces that somebody is connected to."""
        return list(self._namespaces)

    def pre_connect(self, eio_sid: str, namespace: str) -> str | None:
        """A new client, which is still to be let in; `None` if its session is connected there already."""
        found = self._namespaces.setdefault(namespace, _Namespace())
        if eio_sid in found.sids:
            return None
        sid: str = self._server.eio.generate_id()
        found.eio_sids[sid], found.sids[eio_sid] = eio_sid, sid
        found.connecting.add(sid)
        return sid

    def connect(self, sid: str, namespace: str) -> str:
        """It has been let in."""
        found = self._namespaces.get(namespace)
        if found is not None:
            found.connecting.discard(sid)
        return sid

    def is_connected(self, sid: str | None, namespace: str) -> bool:
        """Whether a client has been let in and is not on its way out."""
        found = self._namespaces.get(namespace)
        return found is not None and (
            sid in found.eio_sids and sid not in found.connecting and sid not in found.leaving
        )

    can_disconnect = is_connected

    def pre_disconnect(self, sid: str, namespace: str) -> str | None:
        """A client is leaving, and can still be looked up; returns its Engine.IO session."""
        self._namespaces[namespace].leaving.add(sid)
        return self.eio_sid_from_sid(sid, namespace)

    def disconnect(self, sid: str, namespace: str, **_: Any) -> None:
        """A client has left: it is in no room, and nothing of it is waited for."""
        found = self._namespaces.get(namespace)
        if found is not None:
            found.remove(sid)
            if not found.eio_sids:
                del self._namespaces[namespace]
        for table in (self._callbacks, self._last_id, self._held):
            table.pop(sid, None)

    def sid_from_eio_sid(self, eio_sid: str, namespace: str) -> str | None:
        """The client that a session is in this namespace."""
        found = self._namespaces.get(namespace)
        return found.sids.get(eio_sid) if found is not None else None

    def eio_sid_from_sid(self, sid: str, namespace: str) -> str | None:
        """The session of a client."""
        found = self._namespaces.get(namespace)
        return found.eio_sids.get(sid) if found is not None else None

    def enter_room(self, sid: str, namespace: str, room: Any, eio_sid: str | None = None) -> None:
        """Put a client into a room. Raises ValueError for one that is not there, and for another's sid."""
        found = self._namespaces.get(namespace)
        if found is None or sid not in found.eio_sids:
            raise ValueError("sid is not connected to requested namespace")
        if room == sid:
            return
        if room in found.eio_sids:
            raise ValueError("cannot enter a sid room")
        members = found.rooms.setdefault(room, {})
        if sid not in members:
            members[sid] = None
            found.joined.setdefault(sid, []).append(room)

    def leave_room(self, sid: str, namespace: str, room: Any) -> None:
        """Take a client out of a room."""
        found = self._namespaces.get(namespace)
        if found is not None and room in found.joined.get(sid, ()):
            found.joined[sid].remove(room)
            found.leave(sid, room)

    def close_room(self, room: Any, namespace: str) -> None:
        """Take all out of a room. Raises ValueError for the room that a client's sid is."""
        found = self._namespaces.get(namespace)
        if found is None:
            return
        if room in found.eio_sids:
            raise ValueError("cannot close a sid room")
        for sid in found.members(room):
            self.leave_room(sid, namespace, room)

    def get_rooms(self, sid: str, namespace: str) -> list[Any]:
        """The rooms that a client is in, its own first."""
        found = self._namespaces.get(namespace)
        return [sid, *found.joined.get(sid, ())] if found is not None and sid in found.eio_sids else []

    def get_participants(self, namespace: str, room: Any) -> Participants:
        """The clients in a room or in several, each once."""
        found = self._namespaces.get(namespace)
        if found is None:
            return
        rooms = room if isinstance(room, list | tuple) else [room]
        for sid in dict.fromkeys(sid for one in rooms for sid in found.members(one)):
            yield sid, found.eio_sids[sid]

    def emit(
        self,
        event: str,
        data: Any,
        namespace: str,
        room: Any = None,
        skip_sid: Any = None,
        callback: Callable[..., object] | None = None,
        to: Any = None,
        **_: Any,
    ) -> None:
        """Emit to all connected clients; for one that is still being let in it is kept as it is now."""
        found = self._namespaces.get(namespace)
        if found is None:
            return
        skipped = skip_sid if isinstance(skip_sid, list) else [skip_sid]
        ready: list[tuple[str, str]] = []
        for sid, eio_sid in self.get_participants(namespace, to or room):
            if sid in skipped:
                continue
            if sid in found.connecting:
                again = partial(self.emit, event, deepcopy(data), namespace, room=sid, callback=callback)
                self._held.setdefault(sid, []).append(again)
            else:
                ready.append((sid, eio_sid))
        arguments = list(data) if isinstance(data, tuple) else [] if data is None else [data]
        if callback is None:
            self._send(ready, namespace, [event, *arguments])
        else:
            self._ask(ready, namespace, [event, *arguments], callback)

    def trigger_callback(self, sid: str, id: int, data: list[Any]) -> None:
        """Hand an acknowledgement to the function that waits for it."""
        callback = self._callbacks.get(sid, {}).pop(id, None)
        if callback is not None:
            callback(*data)

    # Asked for by our server

    def waits_for(self, sid: str | None, id: int | None) -> bool:
        """Whether a client was asked for this acknowledgement and has not given it."""
        return id in self._callbacks.get(sid or "", ())

    def holds(self, sid: str) -> bool:
        """Whether something waits for this client's CONNECT."""
        return sid in self._held

    def release(self, sid: str) -> None:
        """Send what was emitted to a client before its CONNECT."""
        for emit in self._held.pop(sid, ()):
            emit()

    def _send(self, ready: list[tuple[str, str]], namespace: str, event: list[Any]) -> None:
        """Send one event to all: it is encoded once."""
        if not ready:
            return
        encoded = self._server.packet_class(socketio_packet.EVENT, event, namespace).encode()
        parts = encoded if isinstance(encoded, list) else [encoded]
        packets = [engineio_packet.Packet(engineio_packet.MESSAGE, part) for part in parts]
        for _, eio_sid in ready:
            for packet in packets:
                self._server._send_eio_packet(eio_sid, packet)

    def _ask(
        self, ready: list[tuple[str, str]], namespace: str, event: list[Any], callback: Callable[..., object]
    ) -> None:
        """Send an event that asks for an acknowledgement, with an id of each client's own."""
        for sid, eio_sid in ready:
            number = self._last_id[sid] = self._last_id.get(sid, 0) + 1
            self._callbacks.setdefault(sid, {})[number] = callback
            packet = self._server.packet_class(socketio_packet.EVENT, event, namespace, number)
            self._server._send_packet(eio_sid, packet)

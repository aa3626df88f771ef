"""Clients and their rooms, as python-socketio asks its manager for them."""

from __future__ import annotations

from typing import Any

import socketio

from chef.transport.clients import Clients


def connected(*names: str) -> tuple[Clients, list[str]]:
    """A manager of a server's, and the sids of some Engine.IO sessions that have connected."""
    clients = Clients()
    clients.set_server(socketio.Server(client_manager=clients, async_mode="threading"))
    sids = []
    for name in names:
        sid = clients.pre_connect(name, "/")
        assert sid is not None
        sids.append(clients.connect(sid, "/"))
    return clients, sids


def test_a_client_is_found_by_its_sid_by_its_rooms_and_among_all() -> None:
    clients, (one, two, three) = connected("a", "b", "c")
    clients.enter_room(one, "/", "room")
    clients.enter_room(two, "/", "room")
    assert list(clients.get_participants("/", one)) == [(one, "a")]
    assert list(clients.get_participants("/", "room")) == [(one, "a"), (two, "b")]
    assert list(clients.get_participants("/", None)) == [(one, "a"), (two, "b"), (three, "c")]
    assert dict(clients.get_participants("/", ["room", three, "none"])) == {one: "a", two: "b", three: "c"}
    assert list(clients.get_participants("/", "nobody")) == []
    assert clients.get_rooms(one, "/") == [one, "room"]
    assert clients.get_rooms(three, "/") == [three]


def test_the_same_session_connects_once() -> None:
    clients, _ = connected("a")
    assert clients.pre_connect("a", "/") is None


def test_who_has_left_is_nowhere() -> None:
    clients, (one, two) = connected("a", "b")
    clients.enter_room(one, "/", "room")
    clients.enter_room(one, "/", "left")
    clients.leave_room(one, "/", "left")
    assert clients.get_rooms(one, "/") == [one, "room"]
    clients.pre_disconnect(one, "/")
    assert not clients.is_connected(one, "/")
    clients.disconnect(one, "/")
    assert clients.get_rooms(one, "/") == []
    assert list(clients.get_participants("/", None)) == [(two, "b")]
    assert list(clients.get_participants("/", "room")) == []
    clients.disconnect(two, "/")
    tables: list[Any] = [clients._namespaces, clients._held, clients._callbacks, clients._last_id]
    assert tables == [{}, {}, {}, {}]

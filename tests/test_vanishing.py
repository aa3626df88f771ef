"""Viewers that vanish while events are on their way: that is everyday life, and no line in the log."""

from __future__ import annotations

import socket
import struct
from contextlib import closing

import pytest
import requests
import websocket

from tests.tools.serving import Served
from tests.tools.watching import eventually

pytestmark = pytest.mark.slow

_RESET = struct.pack("ii", 1, 0)


def follow(server: Served) -> websocket.WebSocket:
    """A viewer of job `j`, connected and subscribed."""
    connection = websocket.create_connection(
        f"ws://127.0.0.1:{server.port}/ws/?EIO=4&transport=websocket", timeout=10
    )
    connection.send("40")
    assert [str(connection.recv())[:2] for _ in range(2)] == ["0{", "40"]
    connection.send('42["subscribe:job",{"jobId":"j","after":0}]')
    return connection


def test_sending_to_viewers_that_are_gone_is_no_line_in_the_log(server: Served) -> None:
    update = {"type": "log", "jobId": "j", "projectId": "p", "message": "x" * 1000}
    for _ in range(10):
        viewers = [follow(server) for _ in range(5)]
        poll = f"{server.url}/ws/?EIO=4&transport=polling"
        sid = requests.get(poll, timeout=10).text.split('"sid":"')[1].split('"')[0]
        requests.post(f"{poll}&sid={sid}", data=b"40", timeout=10)
        requests.post(f"{poll}&sid={sid}", data=b'42["subscribe:job",{"jobId":"j"}]', timeout=10)
        server.update(*[update] * 20)
        for viewer in viewers:  # Reset, as by a machine that has lost its network.
            assert viewer.sock is not None
            viewer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            viewer.sock.close()
        requests.post(f"{poll}&sid={sid}", data=b"1", timeout=10)
        server.update(*[update] * 20)
    eventually(lambda: server.get("/health").json()["websocket"]["connected_clients"] == 0, timeout=30)
    with closing(follow(server)) as viewer:
        assert viewer.recv()
    written = server.output.read_text()
    for said in ("Cannot send", "engineio", "socketio", "Traceback"):
        assert said not in written

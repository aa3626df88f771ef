"""What a request's environ has beyond WSGI's own, and what HTTP knows of Chef: nothing."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path
from typing import Any

import gevent
import pytest
from gevent.socket import create_connection

from chef.http import environ as keys
from chef.http.handler import Detached
from chef.http.server import Server

UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
# RFC 6455, 1.3, has this key and what it is answered with.
ACCEPT = b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"


def _environ_of(request: bytes, *, may_upgrade: bool) -> tuple[dict[str, Any], bytes]:
    """What an application is given for this request, and what its client gets."""
    seen: list[dict[str, Any]] = []

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.append(environ)
        start_response("200 OK", [("Content-Length", "0")])
        return []

    server = Server(("127.0.0.1", 0), application, lambda environ: may_upgrade)
    server.start()
    try:
        with (
            closing(create_connection(("127.0.0.1", server.server_port), timeout=9)) as client,
            gevent.Timeout(9),
        ):
            client.sendall(request)
            answer = client.recv(65536)
    finally:
        server.stop(timeout=1)
    [environ] = seen
    return environ, answer


@pytest.mark.parametrize("may_upgrade", [False, True])
def test_the_keys_of_our_own_are_those_of_the_table(may_upgrade: bool) -> None:
    documented = set(re.findall(r"^\| `(chef\.\w+)`", keys.__doc__ or "", re.MULTILINE))
    assert len(documented) == 10
    environ, answer = _environ_of(UPGRADE, may_upgrade=may_upgrade)
    own = {key for key in environ if key.startswith("chef.")}
    assert own == (documented if may_upgrade else documented - {keys.DETACH})
    assert answer.startswith(b"HTTP/1.1 101 " if may_upgrade else b"HTTP/1.1 200 ")
    assert (ACCEPT in answer) is may_upgrade


def test_an_upgraded_connection_goes_to_whoever_detaches_it() -> None:
    taken: list[Detached] = []

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        taken.append(environ[keys.DETACH]())
        return [b"nothing that is answered as HTTP"]

    server = Server(("127.0.0.1", 0), application, lambda environ: True)
    server.start()
    try:
        with (
            closing(create_connection(("127.0.0.1", server.server_port), timeout=9)) as client,
            gevent.Timeout(9),
        ):
            client.sendall(UPGRADE + b"early")
            assert client.recv(65536).endswith(ACCEPT + b"\r\n")
            [detached] = taken
            assert detached.early == b"early"
            assert (server.connections.detached, len(server.connections)) == (1, 1)
            detached.socket.send(b"no HTTP")
            assert client.recv(65536) == b"no HTTP"
            detached.socket.close()
            detached.release()
            detached.release()  # twice is once
            assert (server.connections.detached, len(server.connections)) == (0, 0)
    finally:
        server.stop(timeout=1)


def test_http_names_no_setting_and_no_document_of_chef() -> None:
    for module in Path(keys.__file__).parent.glob("*.py"):
        text = module.read_text()
        assert not re.search(r"CHEF_|urn:chef", text), module.name
        imported = re.findall(r"^(?:from|import) (chef\S*)", text, re.MULTILINE)
        assert all(name.startswith(("chef.http", "chef.greenlets")) for name in imported), module.name

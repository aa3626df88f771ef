"""The opening handshake of a WebSocket (RFC 6455, 4.2), which is gevent-websocket's.

All that it decides is taken over into our own answer. Of the connection, which belongs to whoever detaches
it, gevent-websocket sees nothing.
"""

from __future__ import annotations

import base64
import binascii
import logging
from types import SimpleNamespace
from typing import Any

from geventwebsocket.handler import WebSocketHandler

from chef.http.heads import TOKEN, Refused

# Fields that a 426 must have (RFC 9110, 15.5.22, and RFC 6455, 4.4).
_OUR_WEBSOCKET = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13")
_VERSION, _KEY = "HTTP_SEC_WEBSOCKET_VERSION", "HTTP_SEC_WEBSOCKET_KEY"
_PROTOCOL = "HTTP_SEC_WEBSOCKET_PROTOCOL"

Fields = list[tuple[str, str]]


def open_websocket(environ: dict[str, Any]) -> Fields:
    """The fields of the 101 that opens a WebSocket. Raises `Refused` for what cannot open one."""
    if environ.get(_VERSION) != "13":
        raise Refused(426, "a WebSocket must be of version 13", fields=_OUR_WEBSOCKET)
    if not _is_key(environ.get(_KEY, "")):
        raise Refused(400, "Sec-WebSocket-Key must be 16 bytes in base64")
    return _Handshake(environ).fields()


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False


class _Handshake(WebSocketHandler):
    """The library's handler without a connection: it has what `upgrade_connection` reads, and no more."""

    logger = logging.getLogger("geventwebsocket")
    rfile = socket = SimpleNamespace(read=None, sendall=None)

    def __init__(self, environ: dict[str, Any]) -> None:
        self.environ = {
            _VERSION: environ[_VERSION],
            _KEY: environ[_KEY],
            _PROTOCOL: environ.get(_PROTOCOL, ""),
            "PATH_INFO": environ["PATH_INFO"],
        }
        self._fields: Fields = []

    def fields(self) -> Fields:
        self.upgrade_connection()
        made = self.websocket
        # Else its `__del__` would write a close frame.
        del made.closed
        # Each has the others: taken apart, they are gone now and not at some collection.
        made.environ = made.stream = made.handler = None
        return self._fields

    @property
    def application(self) -> _Handshake:
        """The library asks the application for a subprotocol."""
        return self

    def app_protocol(self, _path: str) -> str:
        """The first one that the client names, if it names some, as the reference implementation answers.

        It means nothing here, but browsers end a connection where none of them is taken.
        """
        first: str = self.environ[_PROTOCOL].partition(",")[0].strip()
        return first if TOKEN.fullmatch(first) else ""

    def start_response(self, _status: str, fields: Fields, exc_info: object = None) -> None:
        """Called with the 101, as WSGI's."""
        self._fields = fields

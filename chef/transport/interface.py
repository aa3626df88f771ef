"""The seam between python-socketio and our Engine.IO: all that `socketio.Server` asks of its `eio`.

The library makes it from `Server._engineio_server_class()`, gives it the options that it does not know
itself, and asks for nothing of engineio's own classes. `tests/test_seams.py` compares this with its source.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from engineio.packet import Packet


class EngineInterface(Protocol):
    """An Engine.IO server as python-socketio 5.18 uses it. A session is named by its `sid`."""

    async_mode: str
    """The kind of concurrency; Flask-SocketIO shows it to applications."""

    def on(self, event: str, handler: Callable[..., object]) -> object:
        """Have `connect` (sid, environ), `message` (sid, data) or `disconnect` (sid, reason) handled."""
        ...

    def handle_request(self, environ: dict[str, Any], start_response: Any) -> Any:
        """Serve an HTTP request, as a WSGI application does."""
        ...

    def send(self, sid: str, data: str | bytes) -> None:
        """Send a message; never waits. A session that is not there takes it without a word."""
        ...

    def send_packet(self, sid: str, pkt: Packet) -> None:
        """Send a packet, in the same way."""
        ...

    def transport(self, sid: str) -> str:
        """`polling` or `websocket`. Raises KeyError for a session that is not there."""
        ...

    def get_session(self, sid: str) -> dict[str, Any]:
        """The application's own values for a session. Raises KeyError for one that is not there."""
        ...

    def generate_id(self) -> str:
        """A new id that nobody can guess."""
        ...

    def create_event(self) -> Any:
        """An event to wait for, with `set` and `wait`."""
        ...

    def start_background_task(self, target: Callable[..., object], *args: Any, **kwargs: Any) -> Any:
        """Run a function beside what runs; what is returned has `join`."""
        ...

    def sleep(self, seconds: float = 0) -> None:
        """Let others run for so long."""
        ...

    def shutdown(self) -> None:
        """End what runs in the background."""
        ...

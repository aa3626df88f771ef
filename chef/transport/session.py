"""One Engine.IO session: what the library calls a socket, whichever transport carries it."""

from __future__ import annotations

import engineio.socket


class EngineSocket(engineio.socket.Socket):
    """A session of one client; `EngineServer` makes it and keeps it in `sockets` by its `sid`."""

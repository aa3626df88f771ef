"""A quick and small start: the server process leaves out those parts of its libraries that it never uses."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask

from chef.settings.config import Settings

# python-engineio and python-socketio load these where they are installed, for their client halves and for
# managers of several processes, and do without where they are not. Together they take a fifth of a start.
_OF_CLIENTS = ("requests", "websocket", "aiohttp")
_OF_MANAGERS = ("redis", "valkey", "kombu", "kafka", "aio_pika")


def make_application(settings: Settings) -> Flask:
    """The application of this process. Raises `StoreUnavailable`."""
    with _without(*_OF_CLIENTS, *_OF_MANAGERS):
        import socketio  # noqa: F401 - loaded here, so that what follows finds it as it is
    from chef.application import create_app

    return create_app(settings)


@contextmanager
def _without(*names: str) -> Iterator[None]:
    """Let an import of these modules fail as if they were not installed, but for those that are loaded."""
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # `None` is what the import system knows
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]

"""Flask-SocketIO on our Socket.IO server: handlers, rooms, namespaces, `emit` as its documentation says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flask_socketio
from flask import Flask

from chef.transport.engine import PATH
from chef.transport.handling import goes_without_request
from chef.transport.socketio import SocketServer


class Extension(flask_socketio.SocketIO):
    """Flask-SocketIO, with the server class that it would let nobody choose. It is served at `/ws`.

    What its documentation says holds: an application registers handlers with `@socketio.on(...)` and uses
    `emit`, `join_room`, `request.sid` and the rest in them, in a context of the request with which the
    client came. A handler that is marked `needs_no_request` gets the sid as its first argument instead.
    Message queues are left out: another process hears of news by Chef's doorbell.
    """

    def init_app(self, app: Flask, **options: Any) -> None:
        """Serve an application, with options of Flask-SocketIO, of `SocketServer` and of `EngineServer`."""
        app.extensions["socketio"] = self
        self.server_options |= options
        self.manage_session: bool = self.server_options.pop("manage_session", True)
        self.server = SocketServer(**self.server_options)
        self.async_mode = self.server.async_mode
        for message, handler, namespace in self.handlers:
            self.server.on(message, handler, namespace=namespace)
        for namespace_handler in self.namespace_handlers:
            self.server.register_namespace(namespace_handler)
        self.sockio_mw = _Middleware(self.server, app, socketio_path=PATH.strip("/"))
        app.wsgi_app = self.sockio_mw  # type: ignore[method-assign]

    def _handle_event(
        self, handler: Callable[..., Any], message: str, namespace: str, sid: str, *args: Any
    ) -> Any:
        """Call a handler: the base class makes the request that it sees."""
        if goes_without_request(handler):
            return handler(sid, *args)
        return super()._handle_event(handler, message, namespace, sid, *args)


class _Middleware(flask_socketio._SocketIOMiddleware):
    """Flask-SocketIO's, which also serves clients that put no slash behind the path."""

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        if environ["PATH_INFO"] == PATH:
            environ = environ | {"PATH_INFO": f"{PATH}/"}
        return super().__call__(environ, start_response)

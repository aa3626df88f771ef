"""The handlers of Chef's Socket.IO events, registered as Flask-SocketIO's documentation says."""

from __future__ import annotations

from typing import Any

from chef.sockets.admission import Admission
from chef.sockets.refusals import unknown_event
from chef.sockets.subscribing import Subscriber
from chef.transport.extension import Extension
from chef.transport.handling import Reply, Welcome, needs_no_request


def register_connections(socketio: Extension, admission: Admission) -> None:
    """`connect` and `disconnect` in the default namespace."""

    @socketio.on("connect")
    @needs_no_request
    def connect(sid: str, environ: dict[str, Any], auth: object = None) -> Welcome:
        return admission.let_in(sid, environ, auth)

    @socketio.on("disconnect")
    @needs_no_request
    def disconnect(sid: str, _reason: str | None = None) -> None:
        admission.let_out(sid)


def register_subscriptions(socketio: Extension, subscriber: Subscriber) -> None:
    """`subscribe:*` and `unsubscribe:*`, and an answer to any other event."""

    @socketio.on("subscribe:job")
    @needs_no_request
    def subscribe_job(sid: str, *arguments: Any) -> Reply:
        return subscriber.subscribe("job", sid, arguments)

    @socketio.on("subscribe:project")
    @needs_no_request
    def subscribe_project(sid: str, *arguments: Any) -> Reply:
        return subscriber.subscribe("project", sid, arguments)

    @socketio.on("unsubscribe:job")
    @needs_no_request
    def unsubscribe_job(sid: str, *arguments: Any) -> Reply:
        return subscriber.unsubscribe("job", sid, arguments)

    @socketio.on("unsubscribe:project")
    @needs_no_request
    def unsubscribe_project(sid: str, *arguments: Any) -> Reply:
        return subscriber.unsubscribe("project", sid, arguments)

    @socketio.on("*")
    @needs_no_request
    def unknown(_sid: str, event: object, *_arguments: Any) -> Reply:
        return unknown_event(event)

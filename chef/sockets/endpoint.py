"""The Socket.IO endpoint of an application: its parts, wired."""

from __future__ import annotations

import logging
from collections.abc import Callable

from flask import Flask

from chef.access.auth import Gate
from chef.access.denials import Denials
from chef.access.origins import AllowedOrigins
from chef.domain.clock import Clock
from chef.live.forecaster import Forecaster
from chef.live.hub import Hub
from chef.live.sharebook import ShareBook
from chef.metrics import Metrics
from chef.settings.config import Settings
from chef.sockets.admission import Admission
from chef.sockets.handlers import register_connections, register_subscriptions
from chef.sockets.joining import Joiner
from chef.sockets.refusals import over_limit
from chef.sockets.registry import ViewerRegistry
from chef.sockets.restoring import Restorer
from chef.sockets.subscribing import Subscriber
from chef.sockets.sweeping import Sweeper
from chef.store import Store
from chef.transport.engine import MOST_POLLING
from chef.transport.extension import Extension
from chef.transport.limits import Places, Rate


class Endpoint:
    """The endpoint as the other edges know it."""

    def __init__(self, registry: ViewerRegistry, sweeper: Sweeper) -> None:
        self._registry = registry
        self._sweeper = sweeper

    @property
    def count(self) -> int:
        """How many viewers are connected to this process."""
        return len(self._registry)

    def close(self) -> None:
        """Stop looking after viewers."""
        self._sweeper.close()


def install(
    app: Flask,
    settings: Settings,
    store: Store,
    hub: Hub,
    gate: Gate,
    shares: ShareBook,
    denials: Denials,
    metrics: Metrics,
    clock: Clock,
    forecaster: Forecaster,
) -> Endpoint:
    """Add the Socket.IO endpoint to an application; the extension is at `app.extensions["socketio"]`."""
    count = metrics.refuse
    socketio = _extension(app, settings, count)
    server, registry = socketio.server, ViewerRegistry()
    sessions = server.eio.sessions
    metrics.watch("chef_unsent_bytes", "Bytes that wait until viewers take them.", lambda: sessions.unsent)
    joiner = Joiner(store, hub, registry, clock)
    sweeper = Sweeper(registry, server, clock)
    restorer = Restorer(joiner, store, registry, server, clock, metrics.recoveries)
    admission = Admission(gate, shares, denials, store, registry, restorer, sweeper, server, clock)
    register_connections(socketio, admission)
    most = settings.max_subscriptions
    register_subscriptions(socketio, Subscriber(registry, joiner, clock, forecaster, most, count))
    return Endpoint(registry, sweeper)


def _extension(app: Flask, settings: Settings, count: Callable[[str], None]) -> Extension:
    per_second = settings.max_events_per_second
    return Extension(
        app,
        cors_allowed_origins=AllowedOrigins(settings.websocket_cors_origin),
        ping_interval=settings.ping_interval,
        ping_timeout=settings.ping_timeout,
        max_http_buffer_size=settings.max_frame_bytes,
        places=Places(settings.max_connections or MOST_POLLING, settings.max_connections_per_address),
        connect_timeout=settings.connect_timeout,
        # Ten seconds' worth, and whatever a page follows that has just connected.
        rate=Rate(per_second, burst=10 * per_second + settings.max_subscriptions),
        over_limit=over_limit,
        count=count,
        logger=logging.getLogger("socketio"),
    )

"""Questions of operators and tools to the server itself: health and metrics."""

from __future__ import annotations

from flask import Blueprint, Response
from msgspec import UNSET

from chef.api.answers import answer, reader
from chef.api.shapes import Health, Ready, WebsocketHealth
from chef.errors import Stopping, StoreUnavailable
from chef.services import services
from chef.version import VERSION

blueprint = Blueprint("server", __name__)


@blueprint.get("/health")
def health() -> Response:
    """Whether the server can do its work; 503 when the store does not answer or cannot be written."""
    trouble = services().store.trouble()
    body = Health(
        status="degraded" if trouble else "ok",
        websocket=WebsocketHealth(
            enabled=services().settings.websocket_enabled,
            connected_clients=services().connected_clients(),
        ),
        version=VERSION,
        store=trouble.kind if trouble else "ok",
        detail=trouble.detail if trouble else UNSET,
    )
    return answer(body, 503 if trouble else 200)


@blueprint.get("/health/ready")
def ready() -> Response:
    """Whether a balancer is to send requests here: 503 from SIGTERM on, and while the store is away."""
    if not services().readiness.ask():
        raise Stopping
    trouble = services().store.trouble()
    if trouble is not None:
        raise StoreUnavailable(trouble.detail)
    return answer(Ready("ready"))


@blueprint.get("/metrics")
def metrics() -> Response:
    """Prometheus text; where reading is protected it needs a token like all reading."""
    reader()
    return Response(services().metrics.text(), content_type=services().metrics.content_type)

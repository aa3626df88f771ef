"""Questions of operators and tools to the server itself: health and metrics."""

from __future__ import annotations

from flask import Blueprint, Response, request
from msgspec import UNSET

from chef.access.addresses import origin
from chef.api.admission import writer_of_request
from chef.api.answers import answer, reader
from chef.api.shapes import Health, Ready, SeenRequest, WebsocketHealth
from chef.errors import Stopping, StoreUnavailable
from chef.http.addresses import client_address
from chef.services import services
from chef.version import VERSION

blueprint = Blueprint("server", __name__)

_FORWARDED = (
    "Forwarded",
    "Via",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Proto",
    "X-Real-IP",
)


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


@blueprint.get("/health/seen")
def seen() -> Response:
    """The request as it arrived, for whoever may write: it shows whether proxies are set up right."""
    writer_of_request()
    scheme, _, host = origin(request.environ).partition("://")
    body = SeenRequest(
        scheme="https" if scheme == "https" else "http",
        host=host,
        address=client_address(request.environ),
        trusted_proxies=services().settings.trusted_proxies,
        forwarded={name: request.headers[name] for name in _FORWARDED if name in request.headers},
    )
    return answer(body)


@blueprint.get("/metrics")
def metrics() -> Response:
    """Prometheus text; where reading is protected it needs a token like all reading."""
    reader()
    return Response(services().metrics.text(), content_type=services().metrics.content_type)

"""The HTTP server as Chef sets it up: its limits, and what it refuses in Chef's own documents."""

from __future__ import annotations

import json
from typing import Any

from flask import Flask

from chef.access.addresses import of_proxies
from chef.access.credentials import http_credentials
from chef.api.hosts import AllowedHosts
from chef.http.connections import Limits
from chef.http.heads import Refused
from chef.http.refusals import PHRASES
from chef.http.requestids import present_id
from chef.http.server import Server
from chef.http.site import MayUpgrade
from chef.services import Services
from chef.settings.config import Settings

# The codes of problem documents, by status.
_CODES = {
    400: "bad_request",
    408: "request_timeout",
    414: "uri_too_long",
    417: "expectation_failed",
    426: "upgrade_required",
    429: "too_many_connections",
    431: "head_too_large",
    500: "internal",
    501: "not_implemented",
    503: "too_many_connections",
    505: "http_version_not_supported",
}
# The settings that an operator may want to look at, by the limit that was met.
_SETTINGS = {
    "connections": "CHEF_MAX_CONNECTIONS",
    "connections_per_address": "CHEF_MAX_CONNECTIONS_PER_ADDRESS",
    "header_timeout": "CHEF_HEADER_TIMEOUT",
    "body_timeout": "CHEF_BODY_TIMEOUT",
}


def make_server(settings: Settings, app: Flask) -> Server:
    """The server of an application, not listening yet; the number of its connections is a metric."""
    services: Services = app.extensions["chef"]
    server = Server(
        (settings.host, settings.port),
        app,
        _may_upgrade(app.extensions.get("socketio"), AllowedHosts(settings.allowed_hosts)),
        _limits(settings),
        lambda reason: services.metrics.refused.labels(reason).inc(),
        lambda environ: services.gate.knows(http_credentials(environ)),
        problem_document,
        of_proxies(settings),
    )
    services.metrics.watch(
        "chef_connections", "Open connections, viewers included.", lambda: len(server.connections)
    )
    return server


def problem_document(refused: Refused) -> tuple[str, bytes]:
    """A refusal of the HTTP server as a problem (RFC 9457), like those of the API."""
    code = _CODES[refused.status]
    setting = _SETTINGS.get(refused.limit)
    problem = {
        "type": f"urn:chef:problem:{code}",
        "title": PHRASES[refused.status],
        "status": refused.status,
        "code": code,
        "detail": refused.detail if setting is None else f"{refused.detail} ({setting})",
        "errors": [],
    }
    request_id = present_id()
    if request_id is not None:
        problem["requestId"] = request_id
    return "application/problem+json", json.dumps(problem).encode() + b"\n"


def _may_upgrade(extension: Any, hosts: AllowedHosts) -> MayUpgrade:
    if extension is None:
        return lambda environ: False
    may_upgrade: MayUpgrade = extension.server.eio.may_upgrade
    return lambda environ: hosts.allow(environ) and may_upgrade(environ)


def _limits(settings: Settings) -> Limits:
    return Limits(
        settings.max_connections,
        settings.max_connections_per_address,
        settings.header_timeout,
        settings.body_timeout,
        settings.keepalive_timeout,
    )

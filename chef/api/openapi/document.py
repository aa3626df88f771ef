"""The API's description of itself: `GET /api/openapi.json`, OpenAPI 3.1 (contract sections 2, 4 and 5)."""

from __future__ import annotations

from itertools import chain

from flask import Blueprint, Response

from chef.api.answers import answer
from chef.api.openapi.controlling import controlling
from chef.api.openapi.parts import Part, Rights, header, parameter_ref, refusals, shared_parameters
from chef.api.openapi.reading import reading
from chef.api.openapi.removing import removing
from chef.api.openapi.schemas import schemas
from chef.api.openapi.sending import sending
from chef.api.openapi.sharing import sharing
from chef.services import services
from chef.settings.config import Settings
from chef.version import VERSION

blueprint = Blueprint("openapi", __name__)


@blueprint.get("/api/openapi.json")
def get_openapi() -> Response:
    """The description of this API; it tells nothing of what is stored, so anyone may read it."""
    return answer(document(services().settings))


def document(settings: Settings) -> Part:
    """The OpenAPI document of a server with these settings, which decide where a token is needed."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Chef",
            "version": VERSION,
            "summary": "Build progress, live",
            "description": "Build scripts send updates; anyone with the right reads jobs, logs and events.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
        "paths": _paths(Rights(settings)),
        "components": {
            "schemas": schemas(),
            "responses": refusals(),
            "parameters": shared_parameters(),
            "headers": {"RetryAfter": header("seconds to wait", {"type": "integer", "minimum": 0})},
            "securitySchemes": _SECURITY_SCHEMES,
        },
    }


_TAGS = {
    "updates": "Requests of build scripts",
    "reading": "Jobs, logs and projects",
    "events": "Events as a stream",
    "sharing": "Share links",
    "server": "The server itself",
}
_SECURITY_SCHEMES: Part = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "of CHEF_API_TOKEN or CHEF_PROJECT_TOKENS, a JWT, or that of a share link",
    },
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "chef_token",
        "description": "reads only; behind TLS `__Host-chef_token`",
    },
}


def _paths(rights: Rights) -> Part:
    paths: Part = {}
    of_all = (sending(rights), controlling(rights), removing(rights), sharing(rights), reading(rights))
    for path, operations in chain.from_iterable(found.items() for found in of_all):
        ids = [parameter_ref(name) for name in ("jobId", "projectId") if f"{{{name}}}" in path]
        item = paths.setdefault(path, {"parameters": ids} if ids else {})
        item.update(operations)
    return paths

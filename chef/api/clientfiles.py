"""The browser client as pages load it, made of the modules in client/.

`/client.js` is always that of this server, and is asked for again each time. `/client/VERSION/client.js`
never changes, so a browser keeps it; a server has the files of its own version, and no others.
"""

from __future__ import annotations

import gzip
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from flask import Blueprint, Response, request

from chef.api.clientbundle import bundled
from chef.errors import NotFound
from chef.services import services
from chef.version import VERSION

blueprint = Blueprint("client", __name__)

_FOLDER = Path(__file__).parents[2] / "client"
# Deno, and the hosts of npm packages for browsers, know declarations by this type.
_TYPES = {".js": "text/javascript", ".ts": "application/typescript"}
NAMES = ("client.js", "client.d.ts", "react.js", "react.d.ts")
"""The files; the npm package has the same."""
_FOR_EVER = "public, max-age=31536000, immutable"


class _File(NamedTuple):
    """A file as it is sent: whole, or packed to whoever takes it so."""

    content: bytes
    packed: bytes
    digest: str
    content_type: str


@cache
def content(name: str) -> bytes:
    """A file: declarations as they are, modules with all that they import."""
    if name.endswith(".d.ts"):
        return (_FOLDER / name).read_bytes()
    return bundled(_FOLDER, name, NAMES, f"chef-client {VERSION}, MIT licence").encode()


@cache
def _file(name: str) -> _File:
    plain = content(name)
    content_type = f"{_TYPES[Path(name).suffix]}; charset=utf-8"
    return _File(plain, gzip.compress(plain, mtime=0), sha256(plain).hexdigest(), content_type)


@blueprint.get("/client.js")
@blueprint.get("/client.d.ts")
def core() -> Response:
    """What most pages need. Nothing in the client is secret, so it needs no token."""
    return newest(request.path[1:])


@blueprint.get("/client/<name>")
def newest(name: str) -> Response:
    """A file of this server's version."""
    return _answer(name, "no-cache")


@blueprint.get("/client/<version>/<name>")
def of_version(version: str, name: str) -> Response:
    """The same at an address that never means another file."""
    if version != VERSION:
        raise NotFound(f"there is no client {version[:50]!r} here: this server has that of version {VERSION}")
    return _answer(name, _FOR_EVER)


def _answer(name: str, keeping: str) -> Response:
    if name not in NAMES:
        raise NotFound(f"the client has no file {name[:50]!r}; it has {', '.join(NAMES)}")
    file = _file(name)
    is_packed = bool(request.accept_encodings["gzip"])
    response = Response(file.packed if is_packed else file.content, content_type=file.content_type)
    # The packed bytes are others, the text is the same.
    response.set_etag(file.digest, weak=is_packed)
    response.headers["Cache-Control"] = keeping
    response.headers["X-Chef-Version"] = VERSION
    response.vary.add("Accept-Encoding")
    if is_packed:
        response.headers["Content-Encoding"] = "gzip"
    if services().settings.websocket_cors_origin not in (None, "*"):
        # A page of the server itself sends no origin; what it was given must not be kept for another's.
        response.vary.add("Origin")
    response.make_conditional(request)
    return response

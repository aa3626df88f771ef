"""The reporter as build machines get it: one file of Python, or of shell for those without."""

from __future__ import annotations

from base64 import b64encode

from flask import Blueprint, Response, request

from chef.reporter.bundle import Script, python_script, shell_script
from chef.version import VERSION

blueprint = Blueprint("reporter", __name__)


@blueprint.get("/chef.py")
def chef_py() -> Response:
    """The reporter for Python 3.8 and newer. Nothing in it is secret, so it needs no token."""
    return _file(python_script(VERSION), "text/x-python")


@blueprint.get("/chef.sh")
def chef_sh() -> Response:
    """The reporter for sh and curl."""
    return _file(shell_script(VERSION), "text/x-shellscript")


def _file(script: Script, mimetype: str) -> Response:
    """A file with its version and its checksum, which a script can compare before it runs it."""
    response = Response(script.text, content_type=f"{mimetype}; charset=utf-8")
    response.headers["X-Chef-Version"] = script.version
    response.headers["X-Checksum-SHA256"] = script.sha256
    # The same as RFC 9530 writes it.
    response.headers["Repr-Digest"] = f"sha-256=:{b64encode(bytes.fromhex(script.sha256)).decode()}:"
    response.headers["Cache-Control"] = "no-cache"
    response.set_etag(script.sha256)
    response.make_conditional(request)
    return response

"""Request bodies: read within their limits, whole or not at all, in the forms that curl sends."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from io import BytesIO
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, NamedTuple, cast
from urllib.parse import parse_qsl

from flask import Request
from werkzeug.formparser import parse_form_data

from chef.errors import (
    BadRequest,
    ChefError,
    FieldError,
    Invalid,
    RequestTimeout,
    TooLarge,
    UnsupportedMediaType,
)
from chef.wire.forms import coerce_form
from chef.wire.parse import ContentType, parse_object

JSON = "application/json"
NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl")
_FORM = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"
_BLOCK = 64 * 1024
# So much of a body that goes to disk stays in memory.
_SPOOL_BYTES = 256 * 1024


UPDATE_KINDS: dict[str, ContentType] = {"": "json", JSON: "json", **dict.fromkeys(NDJSON, "ndjson")}
"""The types of update bodies; one without a type is taken for JSON."""


def update_body_kind(request: Request) -> ContentType:
    """`json` or `ndjson`, by the Content-Type."""
    mimetype = _mimetype(request)
    kind = UPDATE_KINDS.get(mimetype)
    if kind is None:
        raise UnsupportedMediaType(
            f"updates are sent as {JSON} or {NDJSON[0]}, not {mimetype} (with curl: --json)"
        )
    return kind


def _mimetype(request: Request) -> str:
    """The body's type; refuses what would have to be decoded first."""
    _check_uncompressed(request)
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    if charset not in ("utf-8", "utf8", "us-ascii"):
        raise UnsupportedMediaType(f"text must be UTF-8, not {charset[:40]}")
    return request.mimetype


def _check_uncompressed(request: Request) -> None:
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("identity", ""):
        raise UnsupportedMediaType(f"a body must not be compressed (Content-Encoding: {encoding[:40]})")


def read_body(request: Request, limit: int) -> bytes:
    """The whole body, at most `limit` bytes. Raises TooLarge, or BadRequest where it was cut off."""
    return read_bytes(request.environ, request.content_length, limit)


def read_bytes(environ: dict[str, Any], length: int | None, limit: int) -> bytes:
    """The same of a WSGI request. `length` is its Content-Length, `None` where it has none."""
    if length is not None and length > limit:
        raise _too_large(limit)
    if length is not None and 0 < length <= _BLOCK:
        body = _block(environ["wsgi.input"], length)
        if len(body) == length:
            return body
        raise _cut_off()
    body = b"".join(_blocks(environ, length, limit))
    if len(body) > limit:
        raise _too_large(limit)
    return body


def _too_large(limit: int, setting: str = "CHEF_MAX_BODY_BYTES") -> TooLarge:
    return TooLarge(f"a body can have {limit} bytes ({setting}); send it in parts")


def _blocks(environ: dict[str, Any], length: int | None, limit: int) -> Iterator[bytes]:
    stream = environ["wsgi.input"]
    if length is None and not environ.get("wsgi.input_terminated"):
        return
    size = 0
    while length is None or size < length:
        block = _block(stream, _BLOCK if length is None else min(_BLOCK, length - size))
        if not block:
            if length is not None:
                raise _cut_off()
            return
        size += len(block)
        yield block
        if size > limit:
            return


def _block(stream: Any, size: int) -> bytes:
    try:
        block: bytes = stream.read(size)
    except TimeoutError as error:
        raise RequestTimeout(f"{error} (CHEF_BODY_TIMEOUT)") from error
    except (OSError, ValueError) as error:
        raise _cut_off() from error
    return block


def _cut_off() -> BadRequest:
    return BadRequest("the body breaks off before its end")


class SpooledBody(NamedTuple):
    """A body that was read to its end: little of it in memory, more on disk, and its SHA-256."""

    content: BinaryIO
    sha256: str


def spool_body(request: Request, limit: int, setting: str) -> SpooledBody:
    """A body whatever its type, at most `limit` bytes, which is what a setting says; the caller closes it."""
    _check_uncompressed(request)
    length = request.content_length
    if length is not None and length > limit:
        raise _too_large(limit, setting)
    digest, size = hashlib.sha256(), 0
    with ExitStack() as stack:
        content = stack.enter_context(SpooledTemporaryFile(_SPOOL_BYTES))
        for block in _blocks(request.environ, length, limit):
            size += len(block)
            if size > limit:
                raise _too_large(limit, setting)
            content.write(block)
            digest.update(block)
        stack.pop_all()
    return SpooledBody(cast("BinaryIO", content), digest.hexdigest())


def check_log_body(request: Request) -> None:
    """Refuse a body that is no text: a log is taken as it is, whatever type curl says it has."""
    mimetype = _mimetype(request)
    if mimetype in (JSON, *NDJSON, _MULTIPART):
        raise UnsupportedMediaType(f"a log is sent as text/plain, not {mimetype}")


def read_fields(request: Request, limit: int) -> dict[str, Any]:
    """The fields of a by-hand request: from a JSON object, a form, and the query, each name once."""
    query = coerce_form(_decoded(request.query_string))
    body = _body_fields(request, read_body(request, limit))
    twice = sorted(query.keys() & body.keys())
    if twice:
        message = "is given in the body and in the query"
        raise Invalid(f"{twice[0]} {message}", errors=tuple(FieldError(message, name, 0) for name in twice))
    return query | body


def _body_fields(request: Request, body: bytes) -> dict[str, Any]:
    mimetype = _mimetype(request)
    if not body:
        return {}
    if mimetype == JSON or (mimetype in ("", _FORM) and body.lstrip()[:1] == b"{"):
        # curl -d says form whatever it sends; no form field begins with a brace.
        return parse_object(body)
    if mimetype in ("", _FORM):
        return coerce_form(_decoded(body))
    if mimetype == _MULTIPART:
        return coerce_form(_multipart(request, body))
    raise UnsupportedMediaType(f"fields are sent as {JSON} or as a form, not {mimetype}")


def _decoded(text: bytes) -> list[tuple[str, str]]:
    try:
        # `curl -d message=fünf` sends the letters as they are, not percent-encoded.
        return parse_qsl(text.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=1000)
    except ValueError as error:
        raise BadRequest(f"the form cannot be read: {str(error)[:100]}") from error


def _multipart(request: Request, body: bytes) -> Iterable[tuple[str, str]]:
    environ = request.environ | {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}
    try:
        body.decode()  # The parser would put U+FFFD in the place of what is not UTF-8.
        _, form, files = parse_form_data(environ, silent=False)
    except ChefError:
        raise
    except Exception as error:
        raise BadRequest("the multipart form cannot be read") from error
    for same_name in files.listvalues():
        for file in same_name:
            file.close()
    if files:
        raise Invalid(
            "a form has fields only, no files",
            errors=(FieldError("must be a field, no file", next(iter(files)), 0),),
        )
    if any(name is None for name in form):
        raise BadRequest("a part of the multipart form has no name")
    return list(form.items(multi=True))

"""Versions of the protocol, and how a request says which one it speaks. Pure.

A *modern* request has its version in `params._meta` and mirrors parts of its body in headers; a *legacy* one
was introduced by `initialize`. This server keeps no session in either, so both are served the same way.
Source: MCP 2026-07-28, "Versioning and Compatibility" and "Streamable HTTP".
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any

from chef.mcp.rpc import HEADER_MISMATCH, INVALID_PARAMS, UNSUPPORTED_VERSION, Message, RpcError

MODERN = "2026-07-28"
LEGACY = ("2025-11-25", "2025-06-18")
SUPPORTED = (MODERN, *LEGACY)

Header = Callable[[str], str]
"""Finds a header of a request by its name, in any case; empty where it has none."""

MCP_HEADERS = ("MCP-Protocol-Version", "Mcp-Method", "Mcp-Name")
"""The headers that a request of the protocol has beside the usual ones."""

_VERSION = "io.modelcontextprotocol/protocolVersion"
_CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
_NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
_ENCODED = ("=?base64?", "?=")


def is_modern(message: Message, header: Header) -> bool:
    """Whether a request speaks a modern version. Raises RpcError for one whose headers are of neither."""
    version = header("MCP-Protocol-Version")
    meta = message.params.get("_meta")
    named = meta.get(_VERSION) if isinstance(meta, dict) else None
    if named is None and version != MODERN:
        if version and version not in LEGACY and message.method != "initialize":
            raise _unsupported(version)
        return False
    _check_version(version, meta if isinstance(meta, dict) else {})
    _check_headers(message, header)
    return True


def legacy_version(asked: object) -> str:
    """The version that `initialize` agrees on: the one asked for, else the newest that has such a request."""
    return asked if isinstance(asked, str) and asked in LEGACY else LEGACY[0]


def _check_version(version: str, meta: dict[str, Any]) -> None:
    named = meta.get(_VERSION)
    if not isinstance(named, str):
        raise RpcError(INVALID_PARAMS, f"params._meta must have {_VERSION}")
    if version != named:
        raise RpcError(HEADER_MISMATCH, f"the header MCP-Protocol-Version must be {named!r} as in the body")
    if named != MODERN:
        raise _unsupported(named)
    if not isinstance(meta.get(_CAPABILITIES), dict):
        raise RpcError(INVALID_PARAMS, f"params._meta must have {_CAPABILITIES}, an object")


def _unsupported(version: str) -> RpcError:
    data = {"supported": list(SUPPORTED), "requested": version}
    return RpcError(UNSUPPORTED_VERSION, "Unsupported protocol version", data=data)


def _check_headers(message: Message, header: Header) -> None:
    """Refuse a request whose mirrored headers say another thing than its body."""
    if message.id is None:
        return
    if header("Mcp-Method") != message.method:
        raise RpcError(HEADER_MISMATCH, f"the header Mcp-Method must be {message.method!r} as in the body")
    field = _NAMED.get(message.method)
    name = message.params.get(field) if field else None
    if isinstance(name, str) and _decoded(header("Mcp-Name")) != name:
        raise RpcError(HEADER_MISMATCH, f"the header Mcp-Name must be {name!r} as in the body")


def _decoded(value: str) -> str | None:
    """The value of a header that may be written in Base64; `None` where it is none."""
    begin, end = _ENCODED
    if not (value.startswith(begin) and value.endswith(end)):
        return value or None
    try:
        return base64.b64decode(value[len(begin) : -len(end)], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None

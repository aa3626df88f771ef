"""JSON-RPC 2.0 messages, as the Model Context Protocol has them. Pure.

Source: the JSON-RPC 2.0 specification, and MCP 2026-07-28, "Messages" and "Error Codes".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from chef.errors import NotJson
from chef.wire.strict import loads

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32700, -32600, -32601, -32602
HEADER_MISMATCH, UNSUPPORTED_VERSION = -32020, -32022

RequestId = str | int


class RpcError(Exception):
    """An error of the protocol; `status` is that of its HTTP answer."""

    def __init__(self, code: int, message: str, status: int = 400, data: Any = None) -> None:
        super().__init__(message)
        self.status = status
        self.error: dict[str, Any] = {"code": code, "message": message}
        if data is not None:
            self.error["data"] = data

    def body(self, id: RequestId | None) -> dict[str, Any]:
        """The answer to the request with this id; one whose id could not be read has none."""
        return {"jsonrpc": "2.0", **({} if id is None else {"id": id}), "error": self.error}


@dataclass(frozen=True, slots=True)
class Message:
    """A request, or without an id a notification."""

    method: str
    id: RequestId | None = None
    params: dict[str, Any] = field(default_factory=dict)

    def answer(self, result: dict[str, Any]) -> dict[str, Any]:
        """The answer that a result is."""
        return {"jsonrpc": "2.0", "id": self.id, "result": result}


def read_message(body: bytes) -> Message | None:
    """The message of a body; `None` for an answer, of which this server awaits none. Raises RpcError."""
    try:
        value = loads(body)
    except NotJson as error:
        raise RpcError(PARSE_ERROR, f"not JSON: {error.detail}") from None
    if isinstance(value, list):
        raise RpcError(INVALID_REQUEST, "one message a request: batches are no part of these versions")
    if not isinstance(value, dict) or value.get("jsonrpc") != "2.0":
        raise RpcError(INVALID_REQUEST, 'a message is an object with "jsonrpc": "2.0"')
    if "method" not in value and ("result" in value or "error" in value):
        return None
    return _checked(value)


def _checked(value: dict[str, Any]) -> Message:
    method, given, params = value.get("method"), value.get("id"), value.get("params", {})
    if not isinstance(method, str):
        raise RpcError(INVALID_REQUEST, "method must be a string")
    if "id" in value and (isinstance(given, bool) or not isinstance(given, str | int)):
        raise RpcError(INVALID_REQUEST, "id must be a string or an integer")
    if not isinstance(params, dict):
        raise RpcError(INVALID_REQUEST, "params must be an object")
    return Message(method, given, params)

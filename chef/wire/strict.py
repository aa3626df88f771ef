"""JSON as Chef takes and gives it (contract section 2): a text that readers may take differently is refused.

A browser drops its connection on `NaN`, a Go client on an integer beyond 64 bits, PostgreSQL refuses
NUL and lone surrogates, and of repeated keys every reader takes another one. So none of them gets in.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

import msgspec

from chef.errors import NotJson

MAX_DEPTH = 32
"""Deepest nesting; the outermost object or array is level 1."""
MIN_INTEGER, MAX_INTEGER = -(2**63), 2**63 - 1
_LARGEST_EXACT = 2**53
MAX_SHOWN = 64
"""Characters of a sender's own text (a key, a number) that a message repeats."""

_BOM = b"\xef\xbb\xbf"
_BRACKETS = b"[]{}"
_NOT_BRACKETS = bytes(set(range(256)) - set(_BRACKETS))
# "-9223372036854775808"; JSON has no leading zeros, so what is longer is larger.
_LONGEST_INTEGER = 20
_SUSPECT_ESCAPE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_SURROGATE = re.compile("[\ud800-\udfff]")


def loads(data: bytes, *, line: int = 1) -> Any:
    """The value that a JSON text stands for, made of dict, list, str, int, float, bool and None.

    Raises NotJson, and nothing else, for whatever is not JSON here: not UTF-8, a byte order mark,
    a syntax error, `NaN` and `Infinity`, numbers that overflow a double, integers beyond signed
    64 bits, NUL or a lone surrogate in a string, repeated keys, nesting beyond 32. `line` is the
    number of the text's first line in the body that it is a part of, for the message.
    """
    text = _decode(data)
    check_depth(data)
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        message = error.msg.removesuffix(" at")
        raise NotJson(f"{message} at line {error.lineno + line - 1}, column {error.colno}") from None
    if _SUSPECT_ESCAPE.search(data):
        _check_strings(value)
    return value


def dumps(value: Any) -> bytes:
    """Compact UTF-8 JSON of plain values (dict, list, tuple, str, int, float, bool and None) and of payloads.

    Raises ValueError for a lone surrogate, or a number among plain values that is not finite: input was
    checked, so either is a fault of ours. (msgspec alone would write such a number as `null`.)
    """
    text = msgspec.json.encode(value)
    # The walk costs more than the encoding, and only a text with a null can hide such a number.
    if b"null" in text:
        _check_finite(value)
    return text


def as_whole(value: Any) -> int | None:
    """A JSON number without a fraction as an integer, else `None`.

    Some languages have one type for numbers and write 1 as `1.0`. Beyond 2**53 such a one is not exact.
    """
    if isinstance(value, float) and value.is_integer() and abs(value) <= _LARGEST_EXACT:
        return int(value)
    return value if type(value) is int else None


def shown(text: str) -> str:
    """A sender's own text as a message may repeat it: one line, printable, at most 64 characters."""
    escaped = repr(text[: MAX_SHOWN + 1])[1:-1]
    return escaped if len(escaped) <= MAX_SHOWN else escaped[: MAX_SHOWN - 1] + "…"


def _decode(data: bytes) -> str:
    if data.startswith(_BOM):
        raise NotJson("begins with a byte order mark, which JSON does not have")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotJson(f"not UTF-8: byte 0x{data[error.start]:02x} at offset {error.start}") from None


def check_depth(data: bytes) -> None:
    """Refuse deep nesting before the parser recurses into it.

    Exact up to the first syntax error, and the parser goes no further than that.
    """
    if data.count(b"[") + data.count(b"{") <= MAX_DEPTH:
        return
    outside_strings = b"".join(data.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2])
    depth = 0
    for bracket in outside_strings.translate(None, _NOT_BRACKETS):
        if bracket in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise NotJson(f"nested deeper than {MAX_DEPTH} levels")
        else:
            depth -= 1


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise NotJson(f"the key '{shown(key)}' is repeated in an object")
            seen.add(key)
    return value


def _integer(text: str) -> int:
    if len(text) <= _LONGEST_INTEGER:
        value = int(text)
        if MIN_INTEGER <= value <= MAX_INTEGER:
            return value
    raise NotJson(f"the integer {shown(text)} does not fit into 64 bits")


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise NotJson(f"the number {shown(text)} is too large for a double")
    return value


def _constant(text: str) -> NoReturn:
    raise NotJson(f"{text} is not a JSON number")


# The one decoder: it keeps nothing between calls.
_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_constant
)


def _check_strings(value: Any) -> None:
    """Refuse NUL and lone surrogates; both come only from escapes, since the body was UTF-8."""
    left = [value]
    while left:
        item = left.pop()
        if isinstance(item, str):
            fault = string_fault(item)
            if fault:
                raise NotJson(f"{fault} in a string")
        elif isinstance(item, dict):
            left.extend(item)
            left.extend(item.values())
        elif isinstance(item, list):
            left.extend(item)


def string_fault(text: str) -> str | None:
    """The character of this text that Chef cannot keep: a NUL, a lone surrogate, or none (`None`)."""
    if "\0" in text:
        return "a NUL character"
    if not text.isascii() and _SURROGATE.search(text):
        return "a lone surrogate"
    return None


def _check_finite(value: Any) -> None:
    left = [value]
    while left:
        item = left.pop()
        if isinstance(item, float):
            if not math.isfinite(item):
                raise ValueError(f"{item!r} is not a JSON number")
        elif isinstance(item, dict):
            left.extend(item.values())
        elif isinstance(item, (list, tuple)):
            left.extend(item)

"""The head of a request, read as strictly as RFC 9112 and RFC 9110 allow.

A head that leaves open where its request ends, or which host it asks, is refused: a proxy in front may
read it otherwise, and then the rest of one request would be taken for another.
"""

from __future__ import annotations

import re

from chef.http.names import KEYS, environ_key

MOST_LINE_BYTES = 8192
"""Longest request line."""
MOST_HEAD_BYTES = MOST_LINE_BYTES + 32 * 1024
"""Longest head: the request line and all fields."""
MOST_FIELDS = 100

# Everything but control characters. Horizontal tabs may stand in values, and CRLF between lines.
_SOUND = bytes(code for code in range(256) if code >= 0x20 and code != 0x7F) + b"\t\r\n"
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_METHOD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}")
_VERSION = re.compile(r"HTTP/([0-9])\.([0-9])")
_ABSOLUTE = re.compile(r"https?://([^/?#]*)([^#]*)", re.IGNORECASE)
_HOST = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=%-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")
_LENGTH = re.compile(r"[0-9]{1,18}")

# Fields of which a second one makes a request ambiguous. All others are lists.
_SINGLE = {
    "CONTENT_LENGTH": "Content-Length",
    "CONTENT_TYPE": "Content-Type",
    "HTTP_AUTHORIZATION": "Authorization",
    "HTTP_HOST": "Host",
    "HTTP_TRANSFER_ENCODING": "Transfer-Encoding",
}


class Refused(Exception):
    """A request that is none, or that cannot be answered now. `detail` quotes nothing of it.

    `limit` is the name of the limit that was met, if it was one; `fields` are header lines of the answer.
    """

    def __init__(self, status: int, detail: str, limit: str = "", fields: tuple[str, ...] = ()) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.limit = limit
        self.fields = fields


class Head:
    """A request's head. `fields` are named as in a WSGI environ; `length` is that of Content-Length."""

    __slots__ = (
        "chunked",
        "expects",
        "fields",
        "length",
        "method",
        "persistent",
        "target",
        "upgrades",
        "version",
    )

    def __init__(self, method: str, target: str, version: str, fields: dict[str, str]) -> None:
        self.method = method
        self.target = target
        self.version = version
        self.fields = fields
        self.length, self.chunked = _framing(fields, version)
        options = fields.get("HTTP_CONNECTION")
        self.persistent = _is_persistent(options, version)
        self.expects = "HTTP_EXPECT" in fields and _expects(fields["HTTP_EXPECT"], version)
        # Proxies write `Connection: upgrade` on whatever they pass on, so that alone says nothing.
        self.upgrades = "HTTP_UPGRADE" in fields and _upgrades(method, version, fields, self.has_body)

    @property
    def has_body(self) -> bool:
        """Whether anything follows the head."""
        return self.chunked or bool(self.length)


def check_bytes(block: bytes | bytearray) -> None:
    """Refuse control characters: what has them is no head, complete or not."""
    if block.translate(None, _SOUND):
        raise Refused(400, "the request has control characters where HTTP has none")


def parse(block: bytes) -> Head:
    """Read a head: all bytes before the empty line that ends it."""
    check_bytes(block)
    text = block.decode("latin-1")
    first, *lines = text.split("\r\n")
    if text.count("\r") != len(lines) or text.count("\n") != len(lines):
        raise Refused(400, "a line must end in CR and LF together")
    method, target, version = _request_line(first)
    if len(lines) > MOST_FIELDS:
        raise Refused(431, f"a request can have {MOST_FIELDS} header fields")
    fields: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        key = KEYS.get(name)
        if key is None or not colon:
            key = _key(name, colon)
        if key in fields:
            fields[key] = _joined(key, fields[key], value)
        else:
            fields[key] = value.strip(" \t")
    # An underscore would be taken for a hyphen: `X_Forwarded_For` is none of ours.
    fields.pop("", None)
    target = _check_host(method, target, version, fields)
    return Head(method, target, version, fields)


def parse_trailer(line: bytes) -> None:
    """Refuse what is no field of a trailer section; what it says is not used."""
    check_bytes(line)
    name, colon, _ = line.decode("latin-1").partition(":")
    _key(name, colon)


def _request_line(line: str) -> tuple[str, str, str]:
    if len(line) > MOST_LINE_BYTES:
        raise Refused(414, f"a request line can have {MOST_LINE_BYTES} bytes")
    method, _, rest = line.partition(" ")
    target, _, version = rest.partition(" ")
    known = _VERSION.fullmatch(version)
    if known is None or not target or "\t" in target or not _METHOD.fullmatch(method):
        raise Refused(400, "the request line must be: METHOD TARGET HTTP/1.1")
    if known[1] != "1":
        raise Refused(505, "this server speaks HTTP/1.1")
    return method, target, "HTTP/1.0" if known[2] == "0" else "HTTP/1.1"


def _key(name: str, colon: str) -> str:
    """The name in a WSGI environ; empty for a name that must not get into one."""
    if name[:1] in (" ", "\t"):
        raise Refused(400, "a header field must not go on in a second line")
    if not colon or not TOKEN.fullmatch(name):
        raise Refused(400, "a header line must be: Name: value, with no blank before the colon")
    return environ_key(name)


def _joined(key: str, first: str, value: str) -> str:
    if key in _SINGLE:
        raise Refused(400, f"{_SINGLE[key]} is given twice")
    return first + ("; " if key == "HTTP_COOKIE" else ",") + value.strip(" \t")


def _check_host(method: str, target: str, version: str, fields: dict[str, str]) -> str:
    """Check which host is asked, and for what; the target's path and query."""
    host = fields.get("HTTP_HOST")
    if host is None:
        if version == "HTTP/1.1":
            raise Refused(400, "a request must have a Host")
    elif not _HOST.fullmatch(host):
        raise Refused(400, "Host must be a name or an address, and a port if it is not the usual one")
    if target[0] == "/" or (target == "*" and method == "OPTIONS"):
        return target
    if method == "CONNECT":
        raise Refused(501, "this server is no proxy")
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None or not absolute[1] or not _HOST.fullmatch(absolute[1]):
        raise Refused(400, "a request's target must begin with /")
    # RFC 9112, 3.2.2: what the target says counts, not the Host beside it.
    fields["HTTP_HOST"] = absolute[1]
    return absolute[2] if absolute[2].startswith("/") else f"/{absolute[2]}"


def _framing(fields: dict[str, str], version: str) -> tuple[int | None, bool]:
    """Where the body ends: its length, or whether it is chunked."""
    coding, length = fields.get("HTTP_TRANSFER_ENCODING"), fields.get("CONTENT_LENGTH")
    if coding is not None:
        _check_coding(coding, length, version)
        return None, True
    if length is None:
        return None, False
    if not _LENGTH.fullmatch(length):
        raise Refused(400, "Content-Length must be a number of bytes")
    return int(length), False


def _check_coding(coding: str, length: str | None, version: str) -> None:
    if coding.lower() != "chunked":
        raise Refused(400, "a body must be chunked or have a Content-Length")
    if length is not None:
        raise Refused(400, "a body must be chunked or have a Content-Length, not both")
    if version == "HTTP/1.0":
        raise Refused(400, "HTTP/1.0 has no chunked bodies")


def _words(value: str) -> list[str]:
    return [word.strip(" \t") for word in value.lower().split(",")]


def _is_persistent(options: str | None, version: str) -> bool:
    if options is None:
        return version == "HTTP/1.1"
    words = _words(options)
    return "close" not in words and (version == "HTTP/1.1" or "keep-alive" in words)


def _expects(value: str, version: str) -> bool:
    """Whether the client waits for `100 Continue` before it sends its body."""
    if version == "HTTP/1.0":
        return False
    if value.lower() != "100-continue":
        raise Refused(417, "the only expectation that can be met is 100-continue")
    return True


def _upgrades(method: str, version: str, fields: dict[str, str], has_body: bool) -> bool:
    return (
        method == "GET"
        and version == "HTTP/1.1"
        and not has_body
        and fields["HTTP_UPGRADE"].lower() == "websocket"
        and "upgrade" in _words(fields.get("HTTP_CONNECTION", ""))
    )

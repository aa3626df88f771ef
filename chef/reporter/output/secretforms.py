"""The forms that a secret takes elsewhere: percent-encoded, in JSON, in XML, quoted for a shell."""

from __future__ import annotations

import json
import re
import urllib.parse
from typing import Iterator

_PERCENT_ENCODED = rb"%[0-9A-F]{2}"
_SHELL_SPECIAL = rb"([^A-Za-z0-9_@%+=:,./\x80-\xff-])"
_DOUBLE_QUOTED_SPECIAL = rb'([\\"$`])'


def other_forms(secret: bytes) -> Iterator[bytes]:
    """All of them but the secret as it is; some come twice."""
    if secret.isalnum():
        return
    yield from _percent_encoded(secret)
    yield from _in_json(secret)
    yield from _in_xml(secret)
    yield from _shell_quoted(secret)


def _percent_encoded(secret: bytes) -> Iterator[bytes]:
    for encoded in (
        # RFC 3986, section 2.1, as a whole and as a path; application/x-www-form-urlencoded.
        urllib.parse.quote(secret, safe="").encode(),
        urllib.parse.quote(secret).encode(),
        urllib.parse.quote_plus(secret).encode(),
    ):
        yield encoded
        yield re.sub(_PERCENT_ENCODED, lambda found: found.group().lower(), encoded)
    # Workflow commands encode no more than they have to: messages, properties (GitHub), and Azure's values.
    message = secret.replace(b"%", b"%25").replace(b"\r", b"%0D").replace(b"\n", b"%0A")
    yield message
    yield message.replace(b":", b"%3A").replace(b",", b"%2C")
    azure = secret.replace(b"%", b"%AZP25").replace(b"\r", b"%0D").replace(b"\n", b"%0A")
    yield azure.replace(b"]", b"%5D").replace(b";", b"%3B")


def _in_json(secret: bytes) -> Iterator[bytes]:
    """A string of JSON (RFC 8259, section 7) without its quotation marks, also as PHP writes it."""
    text = secret.decode("utf-8", "surrogateescape")
    for ascii_only in (True, False):
        escaped = json.dumps(text, ensure_ascii=ascii_only)[1:-1].encode("utf-8", "surrogateescape")
        yield escaped
        yield escaped.replace(b"/", b"\\/")


def _in_xml(secret: bytes) -> Iterator[bytes]:
    """A text of XML or HTML, an attribute's value, as the usual libraries escape them."""
    least = secret.replace(b"&", b"&amp;").replace(b"<", b"&lt;")
    text = least.replace(b">", b"&gt;")
    quoted = text.replace(b'"', b"&quot;")
    yield from (least, text, quoted)
    yield from (quoted.replace(b"'", apostrophe) for apostrophe in (b"&apos;", b"&#39;", b"&#x27;"))


def _shell_quoted(secret: bytes) -> Iterator[bytes]:
    """Within single and double quotes, and by backslashes."""
    yield secret.replace(b"'", b"'\\''")
    yield secret.replace(b"'", b"'\"'\"'")
    yield re.sub(_DOUBLE_QUOTED_SPECIAL, rb"\\\1", secret)
    yield re.sub(_SHELL_SPECIAL, rb"\\\1", secret)

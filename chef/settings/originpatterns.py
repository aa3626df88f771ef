"""Origins as operators allow them: one by its name, or several by a `*` in one of two places. Pure rules.

`https://*.example.com` is every origin one label below example.com, as the `*` of a certificate is (RFC 6125,
section 6.4.3); `http://localhost:*` is every port of this machine. A `*` stands nowhere else.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import urlsplit

from chef.settings.checks import Wrong, is_loopback_name, origin

_BELOW, _ANY_PORT = "://*.", ":*"
_LABEL = "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_PORT = ":[1-9][0-9]{0,4}"


def origin_pattern(text: str) -> str:
    """An origin or a pattern of origins in its normal form. Raises Wrong."""
    if "*" not in text:
        return origin(text)
    bare = text.removesuffix("/")
    is_below, has_any_port = _BELOW in bare, bare.endswith(_ANY_PORT)
    one = bare.replace(_BELOW, "://", 1)
    normal = _without_star(f"{one[:-1]}1" if has_any_port else one)
    host = urlsplit(normal).hostname or ""
    if not normal.startswith(("http://", "https://")):
        raise Wrong("takes * with http:// and https:// only")
    if has_any_port and not is_loopback_name(host):
        raise Wrong("takes * for a port with localhost only, as in http://localhost:*")
    if is_below and not _has_names_below(host):
        raise Wrong("takes * only below a named host, as in https://*.example.com, not below a whole domain")
    if has_any_port:
        normal = f"{normal[:-1]}*"
    return normal.replace("://", _BELOW, 1) if is_below else normal


def _without_star(text: str) -> str:
    if "*" in text:
        raise Wrong(
            "takes * only as the first label below a named host (https://*.example.com) "
            "or as the port of localhost (http://localhost:*)"
        )
    return origin(text)


def _has_names_below(host: str) -> bool:
    """Whether a host may have others below it that are one owner's: no address, no top-level domain."""
    labels = host.removesuffix(".").split(".")
    return host == "localhost" or (len(labels) > 1 and ":" not in host and not labels[-1].isdigit())


@lru_cache(maxsize=1024)
def matching(pattern: str) -> re.Pattern[str]:
    """The expression for all that a pattern in its normal form allows, as browsers write origins."""
    rest = pattern.removesuffix(_ANY_PORT)
    port = f"(?:{_PORT})?" if rest != pattern else ""
    scheme, star, host = rest.partition(_BELOW)
    names = f"{re.escape(scheme)}://{_LABEL}{re.escape('.' + host)}" if star else re.escape(rest)
    return re.compile(rf"{names}{port}\Z")


def is_one_origin(text: str) -> bool:
    """Whether a text is one origin, written as browsers write it."""
    try:
        return origin(text) == text
    except Wrong:
        return False


def reach(pattern: str) -> str:
    """In words, which origins a pattern with a `*` allows; it is in its normal form."""
    rest = pattern.removesuffix(_ANY_PORT)
    port = " at any port" if rest != pattern else ""
    scheme, star, host = rest.partition(_BELOW)
    return f"{scheme}://NAME.{host}{port} for any one name, whoever has it" if star else f"{rest}{port}"

"""The parts of a target's URL. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from chef.settings.checks import Wrong, is_loopback_name
from chef.settings.notify import NotifyTarget

_NO_API = "needs an http:// or https:// address in ?api="
_SAFE = re.compile(r"[!-~]*")


class TargetUrl(NamedTuple):
    """A target's URL: `user`, `password` and `path` are decoded, `host` is as it was written, with its port.

    `options` are those behind `?`. `base` is where its server is, for requests.
    """

    user: str
    password: str
    host: str
    path: tuple[str, ...]
    options: dict[str, str]
    base: str


def read_url(target: NotifyTarget, options: frozenset[str] = frozenset()) -> TargetUrl:
    """The parts of a target's URL, with such options alone. Raises `Wrong`.

    Its server is asked with https, one on this machine with http, as is any whose scheme ends in `+http`.
    """
    try:
        parts = urlsplit(target.url)
        hostname, port = parts.hostname or "", parts.port
    except ValueError:
        raise Wrong("needs a host, and a port up to 65535 if one is given") from None
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    if not set(given) <= options:
        raise Wrong(f"takes no ?{'=… nor ?'.join(sorted(set(given) - options))}=…")
    userinfo, _, host = parts.netloc.rpartition("@")
    user, _, password = userinfo.partition(":")
    decoded = TargetUrl(
        unquote(user),
        unquote(password),
        host,
        tuple(unquote(one) for one in parts.path.split("/") if one),
        given,
        f"{_web_scheme(target.scheme, hostname)}://{host}",
    )
    texts = (decoded.user, decoded.password, host, *decoded.path, *given.values())
    if not host or port == 0 or not all(map(_SAFE.fullmatch, texts)):
        raise Wrong("needs a host, and only visible ASCII characters")
    return decoded


def _web_scheme(scheme: str, hostname: str) -> str:
    name, _, flavour = scheme.partition("+")
    if flavour not in ("", "http", "https"):
        raise Wrong(f"must begin with {name}:// or {name}+http://")
    return flavour or ("http" if is_loopback_name(hostname) else "https")


def read_api(options: dict[str, str], default: str) -> tuple[str, tuple[str, ...]]:
    """The address of a service's API, and what the operator named of it.

    `?api=` takes the place of the service's own, for gateways and separate clouds. Raises `Wrong`.
    """
    given = options.get("api")
    if given is None:
        return default, ()
    try:
        parts = urlsplit(given)
        has_place = bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise Wrong(_NO_API) from None
    if parts.scheme not in ("http", "https") or not has_place or parts.username is not None or parts.query:
        raise Wrong(_NO_API)
    return given.rstrip("/"), (given,)


def only_the_end(target: NotifyTarget) -> frozenset[str]:
    """The words of a target whose messages cannot be edited: it is told at the end alone. Raises `Wrong`."""
    words = target.words - {"started", "progress"}
    if not words:
        raise Wrong("is told at the end alone, so not on started or progress")
    return words

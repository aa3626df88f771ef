"""The values that operators write by hand: host names, origins, URLs, tokens. Pure rules.

Each check returns the value in its one normal form or raises `Wrong`, whose sentence says what is
allowed and never repeats the value, since it may be a secret.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from contextlib import suppress
from functools import lru_cache
from urllib.parse import unquote

TOKEN_MAX_CHARS = 1024

_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_ORIGIN = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<host>\[[^\]/?#@]*\]|[^:/?#@\[\]]*)(:(?P<port>[0-9]{1,5}))?/?"
)
_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<path>[^?#]*)(\?(?P<query>[^#]*))?"
)
_AUTHORITY = re.compile(r"(?:[^@]*@)?(?P<host>\[[^\]@]*\]|[^:@\[\]]*)(?::(?P<port>[0-9]{0,5}))?")
_SECRET_PARAMETER = re.compile(r"([?&][^=&]*(?:pass|secret|token|key)[^=&]*=)[^&]*", re.IGNORECASE)
_WHSEC = "whsec_"
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
# An id as `chef.domain.model` has it: settings are read before anything else is loaded.
_PROJECT = re.compile(r"[A-Za-z0-9._~:@+-]{1,128}")
_TOKEN = re.compile(r"[!-+\--~]+")
_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}")
_DEFAULT_PORTS = {"http": "80", "https": "443"}


class Wrong(ValueError):
    """A value is refused; the text says what is allowed and does not contain the value."""


# Hosts and origins


def host(text: str) -> str:
    """An IP address (IPv6 with or without brackets) or a host name, as a socket takes it."""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if not _is_address(bare) and not _is_name(bare):
        raise Wrong("must be an IP address or a host name, such as 0.0.0.0, 127.0.0.1, :: or localhost")
    return bare


def allowed_host(text: str) -> str:
    """A name that the server answers to: a host, `*.NAME` for all below it, or `*` for any; in lower case."""
    bare = text.removeprefix("*.")
    if text == "*" or _is_name(bare) or (bare == text and _is_address(text.strip("[]"))):
        return bare_host(text)
    raise Wrong(
        "must be host names or IP addresses separated by commas, without scheme, port and path, "
        "such as chef.example.com, *.example.com for all names below, or * for any"
    )


def bare_host(text: str) -> str:
    """A host as names are compared: in lower case, without brackets, a port and a dot at its end."""
    name = text.rpartition("]")[0] if text.startswith("[") else text
    name = name.strip("[").lower()
    if name.count(":") == 1:
        name = name.partition(":")[0]
    with suppress(ValueError):
        return str(ipaddress.ip_address(name))
    return name.removesuffix(".")


def origin(text: str) -> str:
    """An origin as a browser writes it: lower case, no default port, no slash at its end."""
    match = _ORIGIN.fullmatch(text)
    if match is None or text.endswith("://"):
        raise Wrong(
            "must be scheme://host or scheme://host:port without a path, such as https://app.example.com"
        )
    scheme, name, port = match["scheme"].lower(), match["host"].lower(), match["port"]
    if not _is_address(name.strip("[]")) and not _is_name(name):
        raise Wrong("needs a plain host name (international names as xn--…), such as https://app.example.com")
    if port is not None and not 1 <= int(port) <= 65535:
        raise Wrong("has a port outside 1 to 65535")
    if port is None or _DEFAULT_PORTS.get(scheme) == str(int(port)):
        return f"{scheme}://{name}"
    return f"{scheme}://{name}:{int(port)}"


def same_place(page: str, served_as: str) -> bool:
    """Whether the origin `page` is the server that was asked for as `served_as`, a Host header.

    The scheme is not compared: behind a proxy that ends TLS the server sees only http. But it has to be http
    or https: other schemes are those of programs and extensions, whose hosts mean something else.
    """
    try:
        normal = origin(page)
        scheme = normal.partition("://")[0]
        return scheme in _DEFAULT_PORTS and normal == origin(f"{scheme}://{served_as.strip()}")
    except Wrong:
        return False


@lru_cache(maxsize=1024)  # Every POST asks it of the same few.
def is_loopback_address(text: str) -> bool:
    """Whether an address as the socket gives it is this machine: 127.0.0.0/8, ::1, ::ffff:127.x.x.x."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped.is_loopback
    return address.is_loopback


def is_loopback_origin(text: str) -> bool:
    """Whether the page of this origin has a name that only ever means this machine."""
    try:
        name = _ORIGIN.fullmatch(origin(text))
    except Wrong:
        return False
    return is_loopback_name(name["host"].strip("[]") if name else "")


def is_loopback_name(host: str) -> bool:
    """Whether a host is this machine alone: `localhost`, a name below it, or a loopback address."""
    return host == "localhost" or host.endswith(".localhost") or is_loopback_address(host)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_name(text: str) -> bool:
    labels = text.removesuffix(".").split(".")
    # A last label of digits alone is an IPv4 address with a slip in it, never a name.
    return len(text) <= 253 and not labels[-1].isdigit() and all(_LABEL.fullmatch(label) for label in labels)


def header_name(text: str) -> str:
    """The name of a header field; an underscore would be taken for a hyphen."""
    if not _HEADER.fullmatch(text):
        raise Wrong("must be the name of a header, such as CF-Connecting-IP")
    return text


# URLs of services


def masked(url: str) -> str:
    """A URL fit for a log: no user, no password, no parameter that is a secret.

    Meant for wrong URLs too, so it rather hides too much: all that stands before the last `@`.
    """
    before, separator, after = url.partition("://")
    scheme, rest = (before, after) if separator else ("", url)
    _, at, place = rest.rpartition("@")
    if at:
        rest = f"***@{place}"
    else:
        authority, slash, path = rest.partition("/")
        name, colon, port = authority.rpartition(":")
        if colon and not port.isdigit() and not authority.endswith("]"):
            rest = f"{name}:***{slash}{path}"
    return scheme + separator + _SECRET_PARAMETER.sub(r"\1***", rest)


def server_url(url: str) -> str:
    """The address at which people open this server, perhaps with a path; without a slash at its end."""
    match = _URL.fullmatch(url)
    if match is None or match["scheme"].lower() not in _DEFAULT_PORTS or match["query"] is not None:
        raise Wrong("must be like https://chef.example.com, without anything behind ? or #")
    if "@" in match["authority"] or re.search(r"\s", url):
        raise Wrong("must be like https://chef.example.com, without a user, a password or a space")
    return origin(f"{match['scheme']}://{match['authority']}") + match["path"].rstrip("/")


def database_url(url: str) -> str:
    """`sqlite:///FILE`, or `postgres://USER:PASSWORD@HOST:PORT/NAME?PARAMETERS`, also `postgresql://`."""
    scheme = url.partition("://")[0].lower()
    if scheme == "sqlite" and "://" in url:
        return "sqlite" + _sqlite(url[len(scheme) :])
    if scheme in ("postgres", "postgresql") and "://" in url:
        return scheme + _postgres(url[len(scheme) :])
    raise Wrong("must begin with sqlite:///, postgres:// or postgresql://")


def _sqlite(rest: str) -> str:
    path, _, query = rest.removeprefix("://").partition("?")
    if not path.startswith("/"):
        raise Wrong(
            "needs three slashes before a relative path (sqlite:///chef.db), four before an absolute one"
        )
    file = path[1:]
    if not file.strip() or file == ":memory:" or file.startswith("file:") or file.endswith("/"):
        raise Wrong(
            "must name a file, such as sqlite:///chef.db: a database in memory would not keep anything"
        )
    if "\0" in file or query:
        raise Wrong("takes no parameters: Chef sets timeout, journal and sync of SQLite itself")
    return rest


def _postgres(rest: str) -> str:
    match = _URL.fullmatch("postgresql" + rest)
    if match is None or not _are_hosts(match["authority"]):
        raise Wrong(
            "must be postgresql://USER:PASSWORD@HOST:PORT/NAME with one host or several after commas "
            "(write @ / ? # : in the password as %40 %2F %3F %23 %3A)"
        )
    if not unquote(match["path"]).strip("/ "):
        raise Wrong("needs the name of a database after the host: postgresql://USER:PASSWORD@HOST:PORT/NAME")
    if " " in rest or _BAD_PERCENT.search(rest):
        raise Wrong("has a space or a lone %: odd characters are written as %XX (a space as %20, % as %25)")
    return rest


def redis_url(url: str) -> str:
    """`redis://`, `rediss://` (TLS) or `unix://`."""
    scheme, separator, rest = url.partition("://")
    match = _URL.fullmatch(url)
    if not separator or match is None or scheme.lower() not in ("redis", "rediss", "unix"):
        raise Wrong(
            "must be redis://[:PASSWORD@]HOST[:PORT][/NUMBER], the same with rediss://, or unix:///PATH"
        )
    if scheme.lower() == "unix":
        # What stands before the path would be taken for a host and left out: the first folder of a path.
        if not match["path"].strip("/") or match["authority"].rpartition("@")[2]:
            raise Wrong("must name a socket file: unix:///PATH")
    elif not _host_of(match["authority"]) or not re.fullmatch(r"(/[0-9]{0,4})?", match["path"]):
        raise Wrong("must be redis://[:PASSWORD@]HOST[:PORT][/NUMBER]")
    return f"{scheme.lower()}://{rest}"


def _are_hosts(authority: str) -> bool:
    """Whether all is sound in `user:password@host:port,host:port`; libpq tries one host after the other."""
    user, at, places = authority.rpartition("@")
    return all(_host_of(user + at + place) is not None for place in places.split(","))


def _host_of(authority: str) -> str | None:
    """The host of `user:password@host:port` if all is sound, else `None`; empty where there is none."""
    match = _AUTHORITY.fullmatch(authority)
    if match is None or "," in match["host"] or " " in authority:
        return None
    if match["port"] and not 1 <= int(match["port"]) <= 65535:
        return None
    return match["host"]


# Secrets


def api_token(text: str) -> str:
    """One token that may write: what fits into a header, and never a part of a list."""
    if not _TOKEN.fullmatch(text) or len(text) > TOKEN_MAX_CHARS:
        raise Wrong(
            "must be one token or several separated by commas, none of them empty, "
            f"each of at most {TOKEN_MAX_CHARS} printable ASCII characters without spaces"
        )
    return text


def hook_secret(text: str) -> str:
    """A secret that webhooks are signed with: `whsec_` and Base64 of 24 to 64 bytes, or another text."""
    if text.startswith(_WHSEC):
        try:
            fits = 24 <= len(base64.b64decode(text.removeprefix(_WHSEC), validate=True)) <= 64
        except binascii.Error:
            fits = False
    else:
        fits = bool(_TOKEN.fullmatch(text)) and 16 <= len(text) <= TOKEN_MAX_CHARS
    if not fits:
        raise Wrong(
            "must be secrets separated by commas, each whsec_ and Base64 of 24 to 64 bytes, "
            f"or 16 to {TOKEN_MAX_CHARS} printable ASCII characters without spaces"
        )
    return text


def status_token(text: str) -> str:
    """One token of a forge: what fits into a header, and never a part of a list."""
    if not _TOKEN.fullmatch(text) or len(text) > TOKEN_MAX_CHARS:
        raise Wrong(
            f"must have tokens of at most {TOKEN_MAX_CHARS} printable ASCII characters without spaces, "
            "each behind its host, as in github.com=TOKEN"
        )
    return text


def project_token(project: str, token: str) -> tuple[str, str]:
    """A project and a token that may write it alone."""
    if not _PROJECT.fullmatch(project) or not _TOKEN.fullmatch(token) or len(token) > TOKEN_MAX_CHARS:
        raise Wrong(
            "must be PROJECT=TOKEN or several of these separated by commas: "
            f"the id of a project, and a token of at most {TOKEN_MAX_CHARS} printable ASCII characters"
        )
    return project, token

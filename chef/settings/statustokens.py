"""CHEF_STATUS_TOKEN: the forges on whose commits a build's state is shown, and their tokens. Pure rules."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal

from chef.settings import checks
from chef.settings.checks import Wrong

ForgeKind = Literal["github", "gitlab", "gitea"]

_KINDS: dict[str, ForgeKind] = {
    "github": "github",
    "gitlab": "gitlab",
    "gitea": "gitea",
    "forgejo": "gitea",
    "codeberg": "gitea",
}
"""Names of forges, which are also found in names of hosts. Forgejo has Gitea's API, and Codeberg is one."""

_PLACE = re.compile(
    r"(?:(?P<kind>github|gitlab|gitea|forgejo)\+)?(?:(?P<scheme>https?)://)?"
    r"(?P<host>\[[^\]/]*\]|[^:/\[\]+]+)(?::(?P<port>[0-9]{1,5}))?(?P<path>(?:/[A-Za-z0-9_.-]+)*)/?",
    re.IGNORECASE,
)
_FORM = (
    "must be a token for github.com, or HOST=TOKEN, several of these separated by commas, such as "
    "github.com=TOKEN,github.com/acme=TOKEN,gitea+https://git.example.com:3000=TOKEN"
)


@dataclass(frozen=True, slots=True)
class StatusToken:
    """A forge, or one owner's or group's repositories there, and the token for them.

    `names` are those that a repository's path must begin with, in lower case. The token is not shown.
    """

    kind: ForgeKind
    scheme: str
    host: str
    port: int
    names: tuple[str, ...]
    token: str = field(repr=False)

    @property
    def origin(self) -> str:
        """Scheme, host and, unless it is the scheme's own, port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" if self.has_own_port else f"{self.scheme}://{host}:{self.port}"

    @property
    def has_own_port(self) -> bool:
        """Whether the port is the scheme's own."""
        return self.port == _PORTS[self.scheme]


_PORTS = {"http": 80, "https": 443}


def read_status_tokens(text: str) -> tuple[StatusToken, ...]:
    """What a variable's text says; raises `Wrong`."""
    return tuple(_status_token(part.strip()) for part in text.split(","))


def check_status_tokens(value: Any) -> tuple[StatusToken, ...]:
    """The same, if no place is there twice; raises `Wrong`."""
    if not isinstance(value, tuple) or not all(isinstance(one, StatusToken) for one in value):
        raise Wrong(_FORM)
    places = [(one.host, one.port, one.names) for one in value]
    if len(set(places)) < len(places):
        raise Wrong("has two tokens for the same host: which of them is meant cannot be told")
    return value


def _status_token(part: str) -> StatusToken:
    place, equals, token = part.partition("=")
    if not equals:
        place, token = "github.com", place
        if token.startswith("glpat-"):
            raise Wrong("has a token of GitLab without its host: write gitlab.com=TOKEN")
    checks.status_token(token)
    found = _PLACE.fullmatch(place.strip())
    if found is None:
        raise Wrong(_FORM)
    return _placed(found, token)


def _placed(found: re.Match[str], token: str) -> StatusToken:
    try:
        host = checks.bare_host(checks.host(found["host"]))
    except Wrong:
        raise Wrong(_FORM) from None
    scheme = (found["scheme"] or "https").lower()
    port = int(found["port"] or _PORTS[scheme])
    if not 1 <= port <= 65535:
        raise Wrong("has a port outside 1 to 65535")
    names = tuple(name.lower() for name in found["path"].split("/")[1:])
    return StatusToken(_kind(found["kind"], host), scheme, host, port, names, token)


def _kind(said: str | None, host: str) -> ForgeKind:
    if said:
        return _KINDS[said.lower()]
    if host.endswith(".ghe.com"):
        return "github"
    found = {kind for name, kind in _KINDS.items() if name in host}
    if len(found) != 1:
        raise Wrong(
            "has a host whose name does not say what it is: write github+HOST, gitlab+HOST, gitea+HOST "
            "or forgejo+HOST"
        )
    return found.pop()

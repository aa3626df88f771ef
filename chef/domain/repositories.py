"""Where a build's commit is: repository and commit as `meta.repository` and `meta.commit` name them. Pure."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

_URL = re.compile(
    r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://)?(?:[^/@\s]*@)?(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)"
    r"(?::(?P<port>[0-9]{1,5}))?/(?P<path>[^\s?#]+)[^\s]*"
)
# As scp takes it: with a user, what stands behind the colon is a path, even where it begins with a number.
_SCP = re.compile(
    r"(?:[^/@\s:]+@|(?!\S+:(?:[0-9]+/|//)))(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+):(?P<path>[^\s?#]+)"
)
_NAME = re.compile(r"[A-Za-z0-9_.+-]{1,255}")
_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_WEB_PORTS = {"http": 80, "https": 443}
_MOST_NAMES = 21
"""A GitLab project may lie in 20 groups, each in the one before."""

# Hosts that forges have beside the one by which their repositories are known.
_SAME_HOST = {
    "www.github.com": "github.com",
    "ssh.github.com": "github.com",
    "www.gitlab.com": "gitlab.com",
    "altssh.gitlab.com": "gitlab.com",
    "www.codeberg.org": "codeberg.org",
}


class Repository(NamedTuple):
    """A repository. `names` are its owner or groups and its own name.

    `host` is in lower case, `None` where only the names were given. `port` is that of its web address,
    `None` where that is the scheme's own or the address does not say it, as those of SSH do not.
    """

    host: str | None
    port: int | None
    names: tuple[str, ...]

    @property
    def path(self) -> str:
        """Its names as a path: `acme/shop`."""
        return "/".join(self.names)


def repository_of(value: Any) -> Repository | None:
    """The repository that an address or `owner/name` names, in any form that git and CI systems use.

    `https://github.com/acme/shop`, `git@github.com:acme/shop.git`, `ssh://git@host:2222/acme/shop`,
    `host/acme/shop`, `acme/shop`; a user and a password in it are left out, and what a forge's own pages
    have behind the repository. `None` of anything else.
    """
    text = value.strip() if isinstance(value, str) and len(value) <= 2048 else ""
    names = _names(text)
    if names and "@" not in text and ("." not in names[0] or len(names) == 2):
        return Repository(None, None, names)
    scp = _SCP.fullmatch(text)
    if scp is not None:
        return _placed(scp["host"], None, scp["path"])
    url = _URL.fullmatch(text)
    return _placed(url["host"], _web_port(url["scheme"], url["port"]), url["path"]) if url else None


def commit_of(value: Any) -> str | None:
    """A whole commit id, in lower case: 40 hexadecimal digits, or 64 where the repository has SHA-256."""
    text = value.strip().lower() if isinstance(value, str) else ""
    return text if _SHA.fullmatch(text) and text.strip("0") else None


def _web_port(scheme: str | None, port: str | None) -> int | None:
    default = _WEB_PORTS.get((scheme or "").lower())
    return int(port) if default and port and int(port) != default else None


def _placed(host: str, port: int | None, path: str) -> Repository | None:
    name = host.strip("[]").lower().removesuffix(".")
    names = _names(path.partition("/-/")[0])
    return Repository(_SAME_HOST.get(name, name), port, names) if names and name else None


def _names(path: str) -> tuple[str, ...]:
    """The names of a path, none where it cannot be a repository's."""
    names = path.strip("/").removesuffix(".git").split("/")
    fits = all(_NAME.fullmatch(name) and name.strip(".") for name in names)
    return tuple(names) if fits and 2 <= len(names) <= _MOST_NAMES else ()

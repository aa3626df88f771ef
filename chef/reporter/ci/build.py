"""A build as the system that runs it describes it, and the words that such descriptions are made of."""

from __future__ import annotations

import re
from typing import Callable, Mapping, NamedTuple

Get = Callable[[str], "str | None"]


class CiBuild(NamedTuple):
    """One job of a CI run. `parts` are those of its id, `run` those of the run that it is a part of.

    `project` may begin with its owner. `stage` tells commands of one job apart that run side by side. An
    attempt, a retry, a node of several and a leg of a matrix is a job of its own. `meta.kind` is the same in
    each run of the CI job, on any branch. `meta.repository` is an address, or owner and name where no
    server is known.
    """

    parts: list[str | None]
    run: list[str | None]
    project: str | None
    meta: dict[str, str | None]
    stage: str | None = None


class CiSystem(NamedTuple):
    """A system: whether an environment is of it, and the build that the environment describes."""

    is_here: Callable[[Mapping[str, str]], object]
    describe: Callable[[Get], CiBuild]


def first_line(text: str | None) -> str | None:
    """The first line of a message."""
    return text.strip().split("\n", 1)[0] if text and text.strip() else None


def last_part(path: str | None) -> str | None:
    """The last name of a path."""
    return path.rstrip("/").rpartition("/")[2] if path else None


def without(prefix: str, text: str | None) -> str | None:
    """A text without what it may begin with."""
    return text[len(prefix) :] if text and text.startswith(prefix) else text


def owned(owner: str | None, name: str | None) -> str | None:
    """A repository with its owner, where that is known."""
    return "%s/%s" % (owner, name) if owner and name else name


def repository_in(url: str | None) -> str | None:
    """Owner and name of the repository at an address: `acme/shop` of `git@github.com:acme/shop.git`."""
    found = re.search(r"[/:]([^/:]+/[^/:]+?)(?:\.git)?/?$", url or "")
    return found.group(1) if found else None


def joined(*parts: str | None) -> str | None:
    """An address of its parts, None where one of them is not known."""
    return "/".join(part.rstrip("/") for part in parts if part) if all(parts) else None


_HOSTS = {"github": "github.com", "gitlab": "gitlab.com", "bitbucket": "bitbucket.org"}


def hosted(provider: str | None, name: str | None) -> str | None:
    """A repository's address at a provider; its name alone where that one's server is not known."""
    host = _HOSTS.get((provider or "").lower())
    return "https://%s/%s" % (host, name) if host and name else name

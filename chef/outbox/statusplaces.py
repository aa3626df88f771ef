"""On which commit a job's state is shown, with which token, and under which name. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import urlsplit

from chef.domain.filtering import plain_text
from chef.domain.model import Job, Meta
from chef.domain.repositories import Repository, commit_of, repository_of
from chef.settings.statustokens import StatusToken

_MOST_CONTEXT = 200
_DIGEST = 8


class StatusPlace(NamedTuple):
    """A commit on the forge of a token: the names of its repository there, and its id.

    `commit` is `None` where the build names one that is not whole.
    """

    token: StatusToken
    names: tuple[str, ...]
    commit: str | None

    @property
    def path(self) -> str:
        """Its names as a path: `acme/shop`."""
        return "/".join(self.names)


def place_of(meta: Meta, tokens: Sequence[StatusToken]) -> StatusPlace | None:
    """The commit that a build is of, `None` where it names none, or one that no token is for.

    Of several tokens for the host the one counts that is for the most of the repository's path.
    """
    repository = repository_of(meta.get("repository"))
    if repository is None or not plain_text(meta.get("commit")):
        return None
    found: list[tuple[StatusToken, tuple[str, ...]]] = []
    for token in _on_its_host(repository, tokens, meta):
        names = repository.names if token.kind == "gitlab" else repository.names[:2]
        if tuple(name.lower() for name in names[: len(token.names)]) == token.names:
            found.append((token, names))
    if not found:
        return None
    token, names = max(found, key=lambda one: len(one[0].names))
    return StatusPlace(token, names, commit_of(meta["commit"]))


def _on_its_host(repository: Repository, tokens: Sequence[StatusToken], meta: Meta) -> Sequence[StatusToken]:
    """The tokens for a repository's host.

    The address of its pages need not be the one that the setting names the host by: a port is compared
    only where the address says one that is not the scheme's own.
    """
    host = repository.host or _host_of_run(meta) or _only_host(tokens)
    at = [one for one in tokens if one.host == host and repository.port in (None, one.port)]
    return at if len({one.port for one in at}) == 1 else [one for one in at if one.has_own_port]


def _host_of_run(meta: Meta) -> str | None:
    """The host of the CI system, which some forges are themselves."""
    try:
        return urlsplit(plain_text(meta.get("url")) or "").hostname
    except ValueError:
        return None


def _only_host(tokens: Sequence[StatusToken]) -> str | None:
    hosts = {one.host for one in tokens}
    return hosts.pop() if len(hosts) == 1 else None


def context_of(job: Job) -> str:
    """The name under which a commit shows a job: that of its project and, so that jobs of one commit do not
    overwrite each other, its kind. A name that had to be changed has a digest of what it was.

    A project's id has no blank, so a build of one project cannot take the name of another's.
    """
    kind = plain_text(job.meta.get("kind"))
    whole = f"chef/{job.project_id}: {kind}" if kind else f"chef/{job.project_id}"
    name = " ".join(narrow(whole).split())
    if name == whole and len(name) <= _MOST_CONTEXT:
        return name
    digest = sha256(whole.encode()).hexdigest()[:_DIGEST]
    return f"{name[: _MOST_CONTEXT - _DIGEST - 2]} {digest}"


def narrow(text: str) -> str:
    """A text without control characters, and without those beyond U+FFFF, which GitHub refuses."""
    return "".join(one if one.isprintable() and one <= "\uffff" else " " for one in text)

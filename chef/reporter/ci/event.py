"""What happened in the repository, as GitHub, Gitea and Forgejo write it into a file for each run."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from chef.reporter.ci.build import first_line

_MOST_BYTES = 8 * 1024 * 1024


class RepositoryEvent(NamedTuple):
    """The subject of the commit, or the title of the pull request, and the pull request's number.

    `head` is the newest commit of the pull request's branch.
    """

    subject: str | None = None
    pull_request: str | None = None
    head: str | None = None


def read_event(path: str | None) -> RepositoryEvent:
    """The event in a file; nothing where there is none, or it cannot be read."""
    if not path:
        return RepositoryEvent()
    try:
        with open(path, encoding="utf-8") as file:
            event = json.loads(file.read(_MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return RepositoryEvent()
    request, commit = _part(event, "pull_request"), _part(event, "head_commit")
    subject, number = request.get("title") or commit.get("message"), request.get("number")
    head = _part(request, "head").get("sha")
    return RepositoryEvent(
        first_line(subject) if isinstance(subject, str) else None,
        str(number) if isinstance(number, int) else None,
        head if isinstance(head, str) else None,
    )


def _part(event: Any, name: str) -> dict[str, Any]:
    part = event.get(name) if isinstance(event, dict) else None
    return part if isinstance(part, dict) else {}

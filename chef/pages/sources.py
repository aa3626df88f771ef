"""Where a build comes from, as words that are links: branch, commit, pull request, author, its CI system.

`static/sources.js` says the same in the page, by the same tables: `chef/pages/constants.py` hands them on.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from chef.pages.language import gettext as _
from chef.pages.words import web_url

SOURCE_KINDS = ("branch", "commit", "pullRequest", "author", "url")
"""The names in `meta` by which a build says where it comes from, in the order in which they are shown."""

FORGES: tuple[dict[str, str], ...] = (
    {
        "host": r"github",
        "branch": "/tree/",
        "commit": "/commit/",
        "pullRequest": "/pull/",
        "mark": "#",
    },
    {
        "host": r"gitlab",
        "branch": "/-/tree/",
        "commit": "/-/commit/",
        "pullRequest": "/-/merge_requests/",
        "mark": "!",
    },
    {
        "host": r"bitbucket",
        "branch": "/branch/",
        "commit": "/commits/",
        "pullRequest": "/pull-requests/",
        "mark": "#",
    },
    {
        "host": r"gitea|forgejo|codeberg",
        "branch": "/src/branch/",
        "commit": "/commit/",
        "pullRequest": "/pulls/",
        "mark": "#",
    },
)
"""What stands behind a repository's address on each kind of forge. One is known by its host's name, or, where
that says nothing, by the address of its CI run (`CI_SYSTEMS`)."""

CI_SYSTEMS: tuple[tuple[str, str, str], ...] = (
    (r"//[^/]*github[^/]*/.*/actions/", "GitHub Actions", "github"),
    (r"/-/(?:jobs|pipelines)/", "GitLab CI", "gitlab"),
    (r"//[^/]*(?:codeberg|forgejo)[^/]*/.*/actions/", "Forgejo Actions", "forgejo"),
    (r"/actions/runs/", "Gitea Actions", "gitea"),
    (r"//bitbucket\.org/.*pipelines/", "Bitbucket Pipelines", "bitbucket"),
    (r"//buildkite\.com/", "Buildkite", ""),
    (r"circleci\.com/", "CircleCI", ""),
    (r"travis-ci\.(?:com|org)/", "Travis CI", ""),
    (r"//dev\.azure\.com/|\.visualstudio\.com/", "Azure Pipelines", ""),
    (r"//ci\.appveyor\.com/", "AppVeyor", ""),
    (r"//[^/]*woodpecker", "Woodpecker", ""),
    (r"//[^/]*drone", "Drone", ""),
    (r"//[^/]*teamcity|/viewLog\.html", "TeamCity", ""),
    (r"//vercel\.com/", "Vercel", ""),
    (r"//app\.netlify\.com/", "Netlify", ""),
    (r"//dashboard\.render\.com/", "Render", ""),
    (r"/job/[^/]+/.*\d+/", "Jenkins", ""),
)
"""Addresses of builds: a pattern, the CI system's name, and the kind of its forge, where it has its own."""


class Source(NamedTuple):
    """One of the kinds: its text, and the address that it leads to, if any."""

    kind: str
    text: str
    href: str | None = None


def sources(meta: dict[str, Any]) -> list[Source]:
    """Where a build comes from, as far as its `meta` says."""
    said = {kind: meta[kind] for kind in SOURCE_KINDS if is_source(kind, meta.get(kind))}
    repository = web_url(meta.get("repository"))
    forge = _forge(repository, said.get("url")) if repository else None
    return [_source(kind, str(value), repository, forge) for kind, value in said.items()]


def is_source(kind: str, value: object) -> bool:
    """Whether an entry of `meta` says where the build comes from; the others are details."""
    is_number = kind == "pullRequest" and isinstance(value, int) and not isinstance(value, bool)
    return kind in SOURCE_KINDS and (is_number or (isinstance(value, str) and value != ""))


def _forge(repository: str, url: object) -> dict[str, str] | None:
    host = urlsplit(repository).hostname or ""
    run = next((kind for pattern, _name, kind in CI_SYSTEMS if re.search(pattern, str(url or ""))), "")
    return next(
        (one for name in (host, run) for one in FORGES if name and re.search(one["host"], name)), None
    )


def _source(kind: str, text: str, repository: str | None, forge: dict[str, str] | None) -> Source:
    if kind == "url":
        return Source(kind, _place_of(text) if web_url(text) else text, web_url(text))
    if kind == "pullRequest" and text.isascii() and text.isdigit():
        shown = f"{forge['mark'] if forge else '#'}{text}"
        return Source(kind, shown, _below(repository, forge, kind, text))
    if kind == "branch" or (kind == "commit" and re.fullmatch(r"[0-9a-fA-F]{7,64}", text)):
        return Source(kind, text, _below(repository, forge, kind, text))
    return Source(kind, text, web_url(text))


def _below(repository: str | None, forge: dict[str, str] | None, kind: str, text: str) -> str | None:
    """An address of the repository; a text that is an address itself leads there."""
    if repository is None or forge is None or web_url(text):
        return web_url(text)
    return f"{repository.removesuffix('.git').rstrip('/')}{forge[kind]}{quote(text, safe='/')}"


def _place_of(url: str) -> str:
    name = next((name for pattern, name, _kind in CI_SYSTEMS if re.search(pattern, url)), None)
    return _("Open in %(place)s", place=name) if name else urlsplit(url).netloc.rpartition("@")[2]

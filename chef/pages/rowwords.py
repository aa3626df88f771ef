"""What a row of a list says a job is, and why it ended; `static/row-words.js` says the same in the page."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from flask import Flask

from chef.domain.filtering import plain_text
from chef.domain.text import clean_text
from chef.pages.language import gettext as _
from chef.pages.sources import sources
from chef.pages.words import one_line

SHORT_COMMIT = 7
"""So many digits of a commit are shown."""


def row_title(meta: Mapping[str, Any], job_id: str) -> str:
    """The title of a job, else its command, else its id: the first line of it."""
    for name in ("title", "command"):
        line = clean_text(plain_text(meta.get(name)) or "").strip().split("\n")[0]
        if line:
            return line
    return job_id


def row_facts(meta: Mapping[str, Any], job_id: str) -> str:
    """Where a job comes from: `main · 4f1c2d9 · Amina · #482`; its id where nothing of that is known."""
    title = row_title(meta, job_id)
    facts = [*_origin(meta), *_kind(meta, title)]
    if not facts and title != job_id:
        facts = [job_id]
    return " · ".join(facts)


def _origin(meta: Mapping[str, Any]) -> list[str]:
    known = {one.kind: one.text for one in sources(dict(meta))}
    shorten: dict[str, Callable[[str], str]] = {"commit": _short, "pullRequest": _pull_request}
    facts = [
        shorten.get(kind, clean_text)(known[kind])
        for kind in ("branch", "commit", "author", "pullRequest")
        if kind in known
    ]
    number = plain_text(meta.get("number"))
    return [*facts, f"#{clean_text(number)}"] if number else facts


def _kind(meta: Mapping[str, Any], title: str) -> list[str]:
    kind = plain_text(meta.get("kind"))
    return [clean_text(kind)] if kind and kind != title else []


def _short(commit: str) -> str:
    return commit[:SHORT_COMMIT] if re.fullmatch(r"[0-9a-fA-F]{7,64}", commit) else clean_text(commit)


def _pull_request(text: str) -> str:
    """`PR #12`; a text that is not a number, as it is."""
    return _("PR %(number)s", number=text) if text[1:].isdigit() else clean_text(text)


def row_reason(job: Mapping[str, Any]) -> str:
    """The second line of a job's state: why it failed, by its log or its script, else its newest message."""
    error, failure = job.get("error") or {}, job.get("failure") or {}
    reason = failure.get("summary") or error.get("message") or job.get("message") or ""
    return one_line(reason)


def add_filters(app: Flask) -> None:
    """Let templates use these words."""
    app.jinja_env.filters.update(row_title=row_title, row_facts=row_facts, row_reason=row_reason)

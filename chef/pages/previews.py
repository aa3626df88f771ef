"""A page's link as chats and social networks show it: a card of text, by the Open Graph protocol
(https://ogp.me) and Twitter's card fields. There is no picture: nothing is drawn before somebody asks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Flask, request

from chef.access.addresses import origin
from chef.domain.model import ENDED
from chef.domain.silence import shown_status
from chef.pages.language import gettext as _
from chef.pages.listedruns import done_words
from chef.pages.progresswords import stopped_words
from chef.pages.shownbar import shown_bar
from chef.pages.timeleft import time_words
from chef.pages.words import duration, one_line, phase_word, status_word
from chef.services import services

_MOST_TITLE, _MOST_DESCRIPTION = 120, 300


@dataclass(frozen=True, slots=True)
class Preview:
    """The texts of a card; `url` is the page's own address, without what a viewer has filtered."""

    title: str
    description: str
    url: str


def job_preview(job: dict[str, Any], took_ms: int | None) -> Preview:
    """A job, given as its JSON: its state and percent, and why it failed or how long it still takes."""
    now = services().clock()
    status = shown_status(job, now)
    bar = shown_bar(job, now)
    number = bar.number if bar and status not in ENDED else ""
    state = " ".join(part for part in (status_word(status), stopped_words(job), number) if part)
    title = job["meta"].get("title")
    name = title if isinstance(title, str) and title else job["jobId"]
    parts = [_reason(job), duration(took_ms)] if status in ENDED else _progress(job, now)
    return _preview(f"{state} · {name}", [*parts, *_place(job)])


def list_preview(name: str, rows: list[dict[str, Any]]) -> Preview:
    """A project, by its newest build: a row of its list."""
    if not rows:
        return _preview(name, [])
    newest = rows[0]
    job = newest["worst"]
    parts = [status_word(newest["shown"]), str(job["meta"].get("title") or job["jobId"]), _reason(job)]
    return _preview(name, parts)


def run_preview(name: str, run: dict[str, Any] | None) -> Preview:
    """A run: its state, how many of its jobs are done, and why the worst one failed."""
    if run is None:
        return _preview(name, [])
    title = f"{status_word(run['shown'])} · {run['title'] or name}"
    return _preview(title, [done_words(run["counts"]), _reason(run["worst"]), *_place(run["worst"])])


def _progress(job: dict[str, Any], now: int) -> list[str]:
    return [phase_word(job["phase"]), time_words(job.get("eta"), now), job["message"] or ""]


def _reason(job: dict[str, Any]) -> str:
    """What a job says of its end: why it failed, else its message."""
    failure, error = job.get("failure"), job.get("error")
    return (failure or {}).get("summary") or (error or {}).get("message") or job["message"] or ""


def _place(job: dict[str, Any]) -> list[str]:
    branch = job["meta"].get("branch")
    return [job["projectId"], branch if isinstance(branch, str) else ""]


def _preview(title: str, parts: list[str]) -> Preview:
    lines = [one_line(part) for part in parts]
    description = " · ".join(line for line in lines if line) or _("Live build progress")
    url = f"{origin(request.environ)}{request.script_root}{request.path}"
    url = url.removesuffix("/") if request.script_root else url
    return Preview(_cut(one_line(title), _MOST_TITLE), _cut(description, _MOST_DESCRIPTION), url)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def install(app: Flask) -> None:
    """Let templates show previews."""
    app.jinja_env.globals.update(job_preview=job_preview, list_preview=list_preview, run_preview=run_preview)

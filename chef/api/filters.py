"""The filter of a list of jobs or runs, as a request asks for it (contract section 4)."""

from __future__ import annotations

from collections.abc import Mapping

from flask import request

from chef.access.principals import Principal
from chef.api.answers import check_project, reader, text_in_query, wrong
from chef.domain.filtering import FILTERED_META, JobFilter, words_of
from chef.domain.model import RUNNING, STATUSES
from chef.errors import Forbidden

MOST_CHARACTERS = 1000
MOST_WORDS = 20
_STATUSES = {status: (status,) for status in STATUSES} | {"running": RUNNING}


def list_reader() -> Principal:
    """The caller, who reads a list. A share link to a project shows it, and from `summary` on lets filter it.

    Below that, a filter by what is not shown would tell it.
    """
    principal = reader("progress")
    if principal.of_one_job:
        raise Forbidden("this share link shows one job alone")
    if any(name in request.args for name in (*FILTERED_META, "q")):
        principal.check_level("summary")
    return principal


def project_in_query(principal: Principal) -> str | None:
    """The project that the query names, if it does. Raises Forbidden for one that the caller may not see."""
    project_id = text_in_query("projectId")
    if project_id is not None:
        check_project(principal, project_id)
    return project_id


def filter_in_query(project_id: str | None) -> JobFilter:
    """What `status`, `branch`, `author`, `kind`, `run` and `q` in the query ask for, or Invalid."""
    return job_filter(project_id, {name: text_in_query(name) for name in ("status", *FILTERED_META, "q")})


def job_filter(project_id: str | None, given: Mapping[str, str | None]) -> JobFilter:
    """The filter that these texts ask for, by parameter, or Invalid; `None` asks for nothing."""
    entries = {name: _text(name, given.get(name)) for name in FILTERED_META}
    return JobFilter(project_id, _statuses(given.get("status")), **entries, words=_words(given.get("q")))


def _statuses(text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    if text not in _STATUSES:
        raise wrong("status", f"must be one of {', '.join(_STATUSES)}")
    return _STATUSES[text]


def _text(name: str, text: str | None) -> str | None:
    if text is None or (1 <= len(text) <= MOST_CHARACTERS and "\0" not in text):
        return text
    raise wrong(name, f"must be 1 to {MOST_CHARACTERS} characters, none of them NUL")


def _words(given: str | None) -> tuple[str, ...]:
    text = _text("q", given)
    if text is None:
        return ()
    words = words_of(text)
    if not 1 <= len(words) <= MOST_WORDS:
        raise wrong("q", f"must be 1 to {MOST_WORDS} words")
    return words

"""The filter of a list of jobs or runs in a request's query (contract section 4)."""

from __future__ import annotations

from chef.api.answers import text_in_query, wrong
from chef.domain.filtering import JobFilter, words_of
from chef.domain.model import RUNNING, STATUSES

MOST_CHARACTERS = 1000
MOST_WORDS = 20
_STATUSES = {status: (status,) for status in STATUSES} | {"running": RUNNING}


def filter_in_query(project_id: str | None) -> JobFilter:
    """What `status`, `branch`, `author`, `kind`, `run` and `q` ask for, or Invalid."""
    return JobFilter(
        project_id,
        _statuses(),
        kind=_text("kind"),
        run=_text("run"),
        branch=_text("branch"),
        author=_text("author"),
        words=_words(),
    )


def _statuses() -> tuple[str, ...] | None:
    text = text_in_query("status")
    if text is None:
        return None
    if text not in _STATUSES:
        raise wrong("status", f"must be one of {', '.join(_STATUSES)}")
    return _STATUSES[text]


def _text(name: str) -> str | None:
    text = text_in_query(name)
    if text is None or (1 <= len(text) <= MOST_CHARACTERS and "\0" not in text):
        return text
    raise wrong(name, f"must be 1 to {MOST_CHARACTERS} characters, none of them NUL")


def _words() -> tuple[str, ...]:
    text = _text("q")
    if text is None:
        return ()
    words = words_of(text)
    if not 1 <= len(words) <= MOST_WORDS:
        raise wrong("q", f"must be 1 to {MOST_WORDS} words")
    return words

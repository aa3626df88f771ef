"""What a list of jobs may be limited to, and whether a job is in it. Pure.

The cases of `tests/data/filter-cases.json` say the rules as data, for a page that keeps a list up to date.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any
from unicodedata import normalize

from chef.domain.model import Job, Value

FILTERED_META = ("kind", "run", "branch", "author")
"""Entries of a job's meta that lists filter by."""

FILTER_LENGTH = 128
"""Most characters of such an entry as it is kept. Four of them, each of four bytes, fit into one index row
of PostgreSQL (2,704 bytes)."""

_DIGEST = 64


class JobFilter(Value, frozen=True):
    """What a job must be to be in a list; `None` and no words are anything.

    `kind`, `run`, `branch` and `author` are compared with the job's meta (`filter_text`). Each of `words`
    (`words_of`) must be in its title, branch, commit, message or id.
    """

    project_id: str | None = None
    statuses: tuple[str, ...] | None = None
    kind: str | None = None
    run: str | None = None
    branch: str | None = None
    author: str | None = None
    words: tuple[str, ...] = ()

    @property
    def entries(self) -> dict[str, str]:
        """The entries of meta that are asked for, by name, as the store's columns have them."""
        given = {name: filter_text(getattr(self, name)) for name in FILTERED_META}
        return {name: text for name, text in given.items() if text is not None}


EVERY_JOB = JobFilter()


def matches(wanted: JobFilter, job: Job) -> bool:
    """Whether a job is in the list that a filter asks for."""
    return (
        wanted.project_id in (None, job.project_id)
        and (wanted.statuses is None or job.status in wanted.statuses)
        and all(filter_text(job.meta.get(name)) == text for name, text in wanted.entries.items())
        and (not wanted.words or has_words(search_text(job), wanted.words))
    )


def filter_text(value: Any) -> str | None:
    """An entry of meta as filters compare it: a string as it is, a number as its text, else nothing.

    A longer text than `FILTER_LENGTH` is its beginning and its SHA-256, so that it still equals none but
    itself.
    """
    text = plain_text(value)
    if text is None or len(text) <= FILTER_LENGTH:
        return text
    return text[: FILTER_LENGTH - _DIGEST] + sha256(text.encode()).hexdigest()


def plain_text(value: Any) -> str | None:
    """An entry of meta as a text: a string that is not empty, or a number."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(value)
    return value if isinstance(value, str) and value else None


def search_text(job: Job) -> str:
    """All that a job is searched in, folded, one part a line. Its command is its title where it has none."""
    meta = job.meta
    title = plain_text(meta.get("title")) or plain_text(meta.get("command"))
    parts = (title, plain_text(meta.get("branch")), plain_text(meta.get("commit")), job.message, job.job_id)
    return folded("\n".join(part for part in parts if part))


def words_of(query: str) -> tuple[str, ...]:
    """The words that are looked for, folded, each once."""
    return tuple(dict.fromkeys(folded(query).split()))


def has_words(text: str, words: tuple[str, ...]) -> bool:
    """Whether a folded text holds all of some folded words."""
    return all(word in text for word in words)


def folded(text: str) -> str:
    """A text without what a search overlooks: case, and how a letter with an accent is put together."""
    return text.lower() if text.isascii() else normalize("NFC", normalize("NFC", text).casefold())

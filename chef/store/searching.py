"""Jobs by the words in their texts, by the index of trigrams where there is one (store.textindex)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, Select, func, select, text, true

from chef.store.tables import job_texts, jobs
from chef.store.textindex import INDEX, TRIGRAM, FullText, full_text, indexed_texts

# Among so many of the newest, frequent words have filled a page; PostgreSQL's index would collect them all.
_NEWEST = 5000
_PARAMETERS = 500


def search_some(connection: Connection, words: Sequence[str], pks: Sequence[int]) -> list[int]:
    """Those of some jobs whose texts hold all words, in the order in which they are given."""
    found: set[int] = set()
    for start in range(0, len(pks), _PARAMETERS):
        some = _searchable(job_texts.c.job_pk.in_(pks[start : start + _PARAMETERS]))
        found.update(connection.scalars(some.where(*_likes(words, job_texts.c.text + ""))))
    return [pk for pk in pks if pk in found]


def search_all(
    connection: Connection,
    words: Sequence[str],
    limits: Sequence[ColumnElement[bool]],
    below: int | None,
    limit: int,
) -> Sequence[int]:
    """The newest jobs below a key that keep some limits, and whose texts hold all words."""
    page = _searchable(*limits).limit(limit)
    if below is not None:
        page = page.where(jobs.c.pk < below)
    if connection.dialect.name == "sqlite":
        return _search_sqlite(connection, page, words)
    return _search_postgresql(connection, page, words, limit)


def _search_sqlite(connection: Connection, page: Select[int], words: Sequence[str]) -> Sequence[int]:
    """One walk down the index, which is in the order of the keys, else down the texts."""
    long = [word for word in words if len(word) >= TRIGRAM]
    if not long or full_text(connection) is not FullText.FTS5:
        page = page.where(*_likes(words)).order_by(job_texts.c.job_pk.desc())
        return connection.scalars(page).all()
    phrases = " AND ".join('"' + word.replace('"', '""') + '"' for word in long)
    short = [word for word in words if len(word) < TRIGRAM]
    page = page.where(
        indexed_texts.c.rowid == job_texts.c.job_pk, text(f"{INDEX} MATCH :phrases"), *_likes(short)
    ).order_by(indexed_texts.c.rowid.desc())
    return connection.scalars(page, {"phrases": phrases}).all()


def _search_postgresql(
    connection: Connection, page: Select[int], words: Sequence[str], limit: int
) -> Sequence[int]:
    """The newest by themselves, then the rest by the index, which has no order."""
    top = connection.scalar(select(func.max(job_texts.c.job_pk))) or 0
    newest = page.where(job_texts.c.job_pk > top - _NEWEST, *_likes(words, job_texts.c.text + ""))
    found = list(connection.scalars(newest.order_by(job_texts.c.job_pk.desc())))
    if len(found) == limit:
        return found
    older = job_texts.c.job_pk <= top - _NEWEST
    holding = select(job_texts.c.job_pk).where(older, *_likes(words))
    # By itself, so that nobody has the idea to walk down the keys for a page of words that are nowhere.
    named = holding.cte("holding").prefix_with("MATERIALIZED", dialect="postgresql")
    rest = page.where(job_texts.c.job_pk == named.c.job_pk).order_by(job_texts.c.job_pk.desc())
    return [*found, *connection.scalars(rest.limit(limit - len(found)))]


def _searchable(*limits: ColumnElement[bool]) -> Select[int]:
    """Keys of jobs whose texts are up to date."""
    joined = job_texts.join(jobs, jobs.c.pk == job_texts.c.job_pk)
    return select(job_texts.c.job_pk).select_from(joined).where(jobs.c.searchable == true(), *limits)


def _likes(words: Sequence[str], among: ColumnElement[str] = job_texts.c.text) -> list[ColumnElement[bool]]:
    """Conditions for all words. `among` may be the text as an expression, for which no index is used."""
    return [among.like(_pattern(word), escape="\\") for word in words]


def _pattern(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"

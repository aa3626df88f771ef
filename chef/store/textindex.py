"""The texts that jobs are searched in: one for each job that has ended, written once, in upkeep.

They stand in a table of their own, since a job's row is written with each of its messages. Where the
database has one, an index of trigrams finds those that hold a text: FTS5 in SQLite, pg_trgm in PostgreSQL.
Both are left out where they cannot be made; then the texts are read through. Jobs that have no text
yet (`jobs.searchable` is false) are looked at themselves (store.matching).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any

from sqlalchemy import Connection, column, delete, false, insert, select, table, text, update
from sqlalchemy.exc import DBAPIError

from chef.domain.filtering import search_text
from chef.store import rows
from chef.store.tables import job_texts, jobs, projects

INDEX = "job_text_index"
TRIGRAM = 3
"""Shorter words are in no index."""

_FTS5 = (
    f"CREATE VIRTUAL TABLE {INDEX} USING fts5(text, content='job_texts', content_rowid='job_pk',"
    " columnsize=0, tokenize='trigram case_sensitive 1')"
)
# Without the list of what waits: some writer would have to work it off, at once.
_TRGM = f"CREATE INDEX {INDEX} ON job_texts USING gin (text gin_trgm_ops) WITH (fastupdate = off)"
_MAKE = {"sqlite": [_FTS5], "postgresql": ["CREATE EXTENSION IF NOT EXISTS pg_trgm", _TRGM]}
# Pages that one step writes anew; FTS5 begins with all that it has where the number is negative.
_BEGIN_MERGE = text(f"INSERT INTO {INDEX} ({INDEX}, rank) VALUES ('merge', -200)")  # noqa: S608
_MERGE = text(f"INSERT INTO {INDEX} ({INDEX}, rank) VALUES ('merge', 200)")  # noqa: S608
_CHANGES = text("SELECT total_changes()")
# So many jobs are a few milliseconds.
_JOBS = 20


class FullText(Enum):
    """What is there of SQLite's index of texts: `FOREIGN` is one that another build of SQLite has made."""

    NONE = 0
    FTS5 = 1
    FOREIGN = 2


_MASTER = table("sqlite_master", column("name"))
indexed_texts = table(INDEX, column("rowid"), column("text"))
_INDEX_TEXT = insert(indexed_texts)
# FTS5 finds what it has to take out by the text that was put in.
_UNINDEX_TEXT = text(f"INSERT INTO {INDEX} ({INDEX}, rowid, text) VALUES ('delete', :rowid, :text)")  # noqa: S608


def make_text_index(connection: Connection) -> None:
    """Make the index where this database can have it."""
    try:
        with connection.begin_nested():
            for statement in _MAKE[connection.dialect.name]:
                connection.execute(text(statement))
    except DBAPIError:
        pass  # No FTS5 with trigrams, or no right to an extension: searches read the texts.


def full_text(connection: Connection) -> FullText:
    """Whether there is an index of SQLite's, which is asked and written in its own way."""
    if connection.dialect.name != "sqlite":
        return FullText.NONE
    if connection.scalar(select(_MASTER.c.name).where(_MASTER.c.name == INDEX)) is None:
        return FullText.NONE
    try:
        connection.execute(select(indexed_texts.c.rowid).limit(0))
    except DBAPIError:
        return FullText.FOREIGN
    return FullText.FTS5


def index_step(connection: Connection) -> bool:
    """Write the texts of some jobs that have ended; returns whether there may be more. The caller commits."""
    due = (
        select(jobs, projects.c.project_id)
        .join(projects, jobs.c.project_pk == projects.c.pk)
        .where(jobs.c.searchable == false(), jobs.c.finished_at.is_not(None))
        .order_by(jobs.c.pk.desc())
        .limit(_JOBS)
        .with_for_update(of=jobs, skip_locked=True)
    )
    index = full_text(connection)
    found = connection.execute(due).all() if index is not FullText.FOREIGN else []
    if not found:
        return False
    pks = [row.pk for row in found]
    forget_texts(connection, pks)
    values = [{"job_pk": row.pk, "text": search_text(rows.job_of(row))} for row in found]
    connection.execute(insert(job_texts), values)
    if index is FullText.FTS5:
        connection.execute(_INDEX_TEXT, [{"rowid": row["job_pk"], "text": row["text"]} for row in values])
    connection.execute(update(jobs).where(jobs.c.pk.in_(pks)).values(searchable=True))
    return len(found) == _JOBS


def forget_texts(connection: Connection, pks: Sequence[int]) -> None:
    """Take the texts of some jobs out, those that have one."""
    of_jobs = job_texts.c.job_pk.in_(pks)
    if full_text(connection) is FullText.FTS5:
        known: list[dict[str, Any]] = [
            {"rowid": row.job_pk, "text": row.text}
            for row in connection.execute(select(job_texts).where(of_jobs))
        ]
        if known:
            connection.execute(_UNINDEX_TEXT, known)
    connection.execute(delete(job_texts).where(of_jobs))


def merge_step(connection: Connection, *, begins: bool) -> bool:
    """Put parts of SQLite's index together, and so leave out what was taken out of it; the caller commits.

    `begins` with all parts that there are. Returns whether there is more to do. PostgreSQL's VACUUM does it.
    """
    if full_text(connection) is not FullText.FTS5:
        return False
    before = connection.scalar(_CHANGES)
    connection.execute(_BEGIN_MERGE if begins else _MERGE)
    # Its own way of saying that there was nothing to do (sqlite.org/fts5.html, section 6.8).
    return bool(connection.scalar(_CHANGES) - before >= 2)

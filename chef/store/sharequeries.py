"""Share links as rows. One that was ended, or whose job was removed, has none."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, delete, insert, or_, select

from chef.access.shares import Share
from chef.domain.model import Kind
from chef.store.tables import about, shares

SHARE_KEY = "share_key"
"""The name in `about` of the key that signs links. It is made with the table."""

AT_ONCE = 500
_MOST_LISTED = 200


def forget_shares(connection: Connection, job_ids: Collection[str], projects: Collection[str] = ()) -> None:
    """End the shares of jobs, and all of projects, that are removed: their names are free for others."""
    for column, names in ((shares.c.job_id, list(job_ids)), (shares.c.project_id, list(projects))):
        for start in range(0, len(names), AT_ONCE):
            connection.execute(delete(shares).where(column.in_(names[start : start + AT_ONCE])))


def find_share_key(connection: Connection) -> bytes:
    """The key that signs links."""
    query = select(about.c.value).where(about.c.name == SHARE_KEY)
    return bytes.fromhex(connection.execute(query).scalar_one())


def found_shares(connection: Connection, ids: Sequence[str]) -> list[Share]:
    """Those of some shares that there still are, whether or not their time is over."""
    return [_share_of(row) for row in connection.execute(select(shares).where(shares.c.id.in_(ids)))]


def shares_of(connection: Connection, project_id: str, job_id: str | None, now: int) -> list[Share]:
    """The newest shares of a job, or of a project as a whole, that hold at a time (ms)."""
    query = select(shares).where(shares.c.project_id == project_id, shares.c.expires_at > now)
    query = query.where(shares.c.job_id.is_(None) if job_id is None else shares.c.job_id == job_id)
    newest = query.order_by(shares.c.created_at.desc(), shares.c.id).limit(_MOST_LISTED)
    return [_share_of(row) for row in connection.execute(newest)]


def add_share(connection: Connection, share: Share) -> None:
    """Keep a new share; those whose time is over are forgotten."""
    connection.execute(
        delete(shares).where(or_(shares.c.expires_at <= share.created_at, shares.c.id == share.id))
    )
    connection.execute(
        insert(shares).values(
            id=share.id,
            project_id=share.project_id,
            job_id=share.name if share.kind == "job" else None,
            level=share.level,
            created_at=share.created_at,
            expires_at=share.expires_at,
        )
    )


def end_share(connection: Connection, share_id: str) -> None:
    """End a share, if it has not ended."""
    connection.execute(delete(shares).where(shares.c.id == share_id))


def _share_of(row: Any) -> Share:
    kind: Kind = "project" if row.job_id is None else "job"
    name = row.project_id if row.job_id is None else row.job_id
    return Share(row.id, kind, name, row.project_id, row.level, row.created_at, row.expires_at)

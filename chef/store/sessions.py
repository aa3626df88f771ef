"""The subscriptions of viewers that asked for connection state recovery, by their private id."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, delete, or_, select, update

from chef.store.tables import sessions
from chef.store.upsert import upsert
from chef.wire.recovery import WINDOW_MS, Kept, decode_kept, encode_kept

# A server that was killed could not say when its viewers' connections ended.
_FORGOTTEN_AFTER_MS = 24 * 60 * 60 * 1000
_AT_ONCE = 500


def save_session(connection: Connection, pid: str, kept: list[Kept], at: int) -> None:
    """Keep a connected viewer's subscriptions."""
    values = {"pid": pid, "kept": encode_kept(kept), "seen_at": at, "ended_at": None}
    statement = upsert(connection.dialect.name, sessions, ["pid"], ["kept", "seen_at", "ended_at"])
    connection.execute(statement, values)


def forget_sessions(connection: Connection, at: int) -> None:
    """Remove the viewers that stayed away."""
    connection.execute(
        delete(sessions).where(
            or_(sessions.c.ended_at < at - WINDOW_MS, sessions.c.seen_at < at - _FORGOTTEN_AFTER_MS)
        )
    )


def end_session(connection: Connection, pid: str, at: int) -> None:
    """A viewer's connection ended: its time to come back begins."""
    connection.execute(update(sessions).where(sessions.c.pid == pid).values(ended_at=at))


def forget_followers(connection: Connection, job_ids: Collection[str]) -> None:
    """Remove the viewers that followed one of these jobs: coming back, they begin anew."""
    gone = set(job_ids)
    query = select(sessions.c.pid, sessions.c.kept).order_by(sessions.c.pid)
    found = [
        row.pid
        for row in connection.execute(query)
        if any(kept.kind == "job" and kept.id in gone for kept in decode_kept(bytes(row.kept)))
    ]
    for start in range(0, len(found), _AT_ONCE):
        connection.execute(delete(sessions).where(sessions.c.pid.in_(found[start : start + _AT_ONCE])))


def find_session(connection: Connection, pid: str, at: int) -> list[Kept] | None:
    """The subscriptions of a viewer that may still come back, or `None`."""
    row = connection.execute(select(sessions).where(sessions.c.pid == pid)).first()
    if row is None or (row.ended_at is not None and at - row.ended_at > WINDOW_MS):
        return None
    return decode_kept(bytes(row.kept))

"""The subscriptions of viewers that asked for connection state recovery, by their private id."""

from __future__ import annotations

from sqlalchemy import Connection, delete, or_, select, update

from chef.store.tables import sessions
from chef.store.upsert import upsert
from chef.wire.recovery import WINDOW_MS, Kept, decode_kept, encode_kept

# A server that was killed could not say when its viewers' connections ended.
_FORGOTTEN_AFTER_MS = 24 * 60 * 60 * 1000


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


def find_session(connection: Connection, pid: str, at: int) -> list[Kept] | None:
    """The subscriptions of a viewer that may still come back, or `None`."""
    row = connection.execute(select(sessions).where(sessions.c.pid == pid)).first()
    if row is None or (row.ended_at is not None and at - row.ended_at > WINDOW_MS):
        return None
    return decode_kept(bytes(row.kept))

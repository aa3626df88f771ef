"""Numbers of rows that tell all processes of something: each asks for those behind the last that it saw."""

from __future__ import annotations

from sqlalchemy import Connection, Table, func, select

from chef.store.tables import about


def last_number(connection: Connection, table: Table) -> int:
    """The newest row's number; 0 before the first one."""
    return connection.scalar(select(func.max(table.c.number))) or 0


def next_number(connection: Connection, table: Table) -> int:
    """The number of the row that comes next. The caller adds it in this transaction.

    Whoever asks locks one row first, so that the numbers are in the order of commits.
    """
    connection.execute(select(about.c.value).where(about.c.name == "epoch").with_for_update())
    return last_number(connection, table) + 1

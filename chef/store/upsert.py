"""INSERT … ON CONFLICT DO UPDATE, which SQLAlchemy has in each dialect by itself.

Only the dialect that is used is loaded: PostgreSQL's brings all its drivers' modules along.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Executable, Table


def upsert(dialect: str, table: Table, keys: Collection[str], changed: Collection[str]) -> Executable:
    """Insert a row of a table, or set `changed` of the row that has its `keys` already; nothing if empty."""
    insert: Any
    if dialect == "sqlite":
        from sqlalchemy.dialects.sqlite import insert
    else:
        from sqlalchemy.dialects.postgresql import insert
    statement = insert(table)
    if not changed:
        kept: Executable = statement.on_conflict_do_nothing(index_elements=keys)
        return kept
    new = {name: statement.excluded[name] for name in changed}
    updating: Executable = statement.on_conflict_do_update(index_elements=keys, set_=new)
    return updating

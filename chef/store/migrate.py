"""Bring a database to the newest schema with Alembic; run at every start, safe when several start."""

from __future__ import annotations

import secrets
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, insert, select

from chef.store.tables import about

# Any constant: it names the lock that keeps two starting processes from migrating at once.
_ADVISORY_LOCK = 0x43484546


def migrate(engine: Engine) -> str:
    """Migrate, and return the store's epoch: made with the store, new when the store is."""
    with engine.connect() as connection, connection.begin():
        _lock(connection)
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        return _epoch(connection)


def _lock(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})")


def _epoch(connection: Connection) -> str:
    found = connection.scalar(select(about.c.value).where(about.c.name == "epoch"))
    if found is not None:
        return str(found)
    epoch = secrets.token_hex(8)
    connection.execute(insert(about).values(name="epoch", value=epoch))
    return epoch

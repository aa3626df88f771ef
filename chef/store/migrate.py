"""Bring a database to the newest schema; run at every start, safe when several start.

Alembic is loaded only where there is something to migrate: it takes longer to load than all else that
a start does. An empty database gets the tables as they are now, in one go, and is stamped with the newest
revision ("Building an Up to Date Database from Scratch" in Alembic's cookbook); `tests/test_migrations.py`
looks that the migrations make exactly the same.
"""

from __future__ import annotations

import logging
import secrets
from pathlib import Path

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    insert,
    inspect,
    select,
    update,
)

from chef.errors import StoreUnavailable
from chef.store.sharequeries import SHARE_KEY
from chef.store.tables import about, create_tables
from chef.store.textindex import make_text_index
from chef.store.waits import START_LOCK_WAIT_MS

log = logging.getLogger(__name__)

MIGRATIONS = Path(__file__).parent / "migrations"

# Alembic's own table, as Alembic makes it.
_VERSION = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)

# SQL_ASCII keeps bytes as they come.
_ENCODINGS_OF_ALL_TEXTS = ("UTF8", "SQL_ASCII")

# Any constant: it names the lock that keeps two starting processes from migrating at once.
_ADVISORY_LOCK = 0x43484546


def migrate(engine: Engine) -> str:
    """Migrate, and return the store's epoch: made with the store, new when the store is."""
    with engine.connect() as connection, connection.begin():
        _lock(connection)
        tables = inspect(connection).get_table_names()
        narrow = narrow_encoding(connection)
        if narrow is not None and about.name not in tables:
            raise StoreUnavailable(narrow)
        if narrow is not None:
            log.warning("%s", narrow)
        revision = _revision(connection) if _VERSION.name in tables else None
        if revision is not None:
            _check_revision(revision, is_ours=about.name in tables)
        if not tables:
            _make(connection)
        elif revision != newest_revision():
            _upgrade(connection)
        return _epoch(connection)


def newest_revision() -> str:
    """The newest migration's number, which its file's name begins with."""
    return max(_revisions())


def _revisions() -> set[str]:
    return {file.name.partition("_")[0] for file in (MIGRATIONS / "versions").glob("[0-9]*_*.py")}


def _check_revision(revision: str, *, is_ours: bool) -> None:
    """Raise StoreUnavailable for a schema that no migration of ours leads on from."""
    if revision in _revisions():
        return
    if is_ours:
        raise StoreUnavailable(
            f"the database's schema is {revision}, and this version of Chef knows none beyond "
            f"{newest_revision()}: run the version that migrated it, or a newer one"
        )
    raise StoreUnavailable(
        "the database's table alembic_version is another program's: "
        "give Chef a database or a schema of its own"
    )


def narrow_encoding(connection: Connection) -> str | None:
    """A sentence where the database has no room for some texts, which updates of builds may well have."""
    if connection.dialect.name == "sqlite":
        return None
    encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
    if encoding in _ENCODINGS_OF_ALL_TEXTS:
        return None
    return (
        f"the database's encoding is {encoding}, and what that lacks cannot be stored: "
        "make a database with ENCODING 'UTF8' TEMPLATE template0"
    )


def _revision(connection: Connection) -> str | None:
    return connection.scalar(select(_VERSION.c.version_num))


def _make(connection: Connection) -> None:
    create_tables(connection)
    make_text_index(connection)
    _VERSION.create(connection)
    connection.execute(insert(_VERSION).values(version_num=newest_revision()))
    connection.execute(insert(about).values(name=SHARE_KEY, value=secrets.token_hex(32)))


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _lock(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        limits = f"SET LOCAL statement_timeout=0; SET LOCAL lock_timeout={START_LOCK_WAIT_MS}"
        connection.exec_driver_sql(limits)
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})")


def _epoch(connection: Connection) -> str:
    found = connection.scalar(select(about.c.value).where(about.c.name == "epoch"))
    if found is not None:
        # A database that is read-only is found at the start, and not at the first update.
        connection.execute(update(about).where(about.c.name == "epoch").values(value=found))
        return str(found)
    epoch = secrets.token_hex(8)
    connection.execute(insert(about).values(name="epoch", value=epoch))
    return epoch

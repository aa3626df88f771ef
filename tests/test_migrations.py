"""The migrations make exactly the tables that the store works with, however many start at once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, select, text

from chef.config import Settings
from chef.errors import StoreUnavailable
from chef.store import migrate
from chef.store.engine import make_engine
from chef.store.tables import about, metadata

ROOT = Path(__file__).parent.parent


@pytest.fixture
def settings(any_database_url: str) -> Settings:
    return Settings(database_url=any_database_url)


@pytest.fixture
def connection(settings: Settings) -> Iterator[Connection]:
    engine = make_engine(settings.sqlalchemy_url)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def test_an_empty_database_gets_exactly_the_stores_tables(settings: Settings, connection: Connection) -> None:
    migrate(settings)
    context = MigrationContext.configure(connection, opts={"compare_server_default": True})
    assert compare_metadata(context, metadata) == []
    # What Alembic does not compare: primary keys.
    keys = {
        name: set(inspect(connection).get_pk_constraint(name)["constrained_columns"])
        for name in metadata.tables
    }
    assert keys == {
        name: {column.name for column in table.primary_key} for name, table in metadata.tables.items()
    }


def test_the_partial_indexes_hold_what_they_are_for(settings: Settings, connection: Connection) -> None:
    """Alembic does not compare their conditions."""
    migrate(settings)
    sqlite = connection.dialect.name == "sqlite"
    query = "SELECT name, sql FROM sqlite_master" if sqlite else "SELECT indexname, indexdef FROM pg_indexes"
    found = {name: (sql or "").lower() for name, sql in connection.execute(text(query))}
    assert "last_line is not null" in found["ix_entries_lines"]
    assert "project_seq is not null" in found["ix_entries_project"]


def test_migrating_again_changes_nothing(settings: Settings, connection: Connection) -> None:
    assert migrate(settings) == migrate(settings)
    assert connection.scalars(select(about.c.name)).all() == ["epoch"]


@pytest.mark.slow
def test_several_processes_may_start_on_one_empty_database_at_once(
    settings: Settings, connection: Connection, tmp_path: Path
) -> None:
    """As at a deployment of several processes. Each prints the epoch that it found."""
    program = (
        "import sys; from chef.config import Settings; from chef.store import migrate\n"
        "print(flush=True); sys.stdin.readline(); print(migrate(Settings(database_url=sys.argv[1])))"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", program, settings.database_url],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for process in started:
        assert process.stdout is not None
        process.stdout.readline()  # All have imported everything; now they start together.
    answers = []
    for process in started:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in started:
        output, errors = process.communicate(timeout=60)
        assert (process.returncode, errors) == (0, "")
        answers.append(output.strip())
    assert len(set(answers)) == 1
    assert connection.scalars(select(about.c.value)).all() == answers[:1]


def test_a_database_that_cannot_be_opened_is_said_so_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable) as refused:
        migrate(Settings(database_url=f"sqlite:///{tmp_path}/missing/chef.db"))
    assert refused.value.detail == "the database cannot be opened: unable to open database file"

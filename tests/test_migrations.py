"""The migrations make exactly the tables that the store works with, however many start at once."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, Row, Table, create_engine, inspect, select, text

from chef.domain.batches import Stored
from chef.domain.model import LogEntry
from chef.errors import StoreUnavailable
from chef.settings.config import Settings
from chef.store import Store, migrate
from chef.store.engine import make_engine
from chef.store.migrate import MIGRATIONS, newest_revision
from chef.store.tables import about, jobs, metadata
from chef.store.textindex import INDEX
from tests.tools.logs import all_entries, texts
from tests.tools.making import batch, log, open_store, piece, update

ROOT = Path(__file__).parent.parent


@pytest.fixture
def settings(any_database_url: str) -> Settings:
    return Settings(database_url=any_database_url)


@pytest.fixture
def connection(settings: Settings) -> Iterator[Connection]:
    engine = make_engine(settings.database_url)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@pytest.mark.parametrize("way", ["made at once", "migrated"])
def test_an_empty_database_gets_exactly_the_stores_tables(
    settings: Settings, connection: Connection, way: str
) -> None:
    """Made at once by a start, or by one migration after the other: the migrations are the truth."""
    if way == "migrated":
        migrate_to(connection, "head")
    migrate(settings)
    context = MigrationContext.configure(
        connection, opts={"compare_server_default": True, "include_name": is_table_or_plain_index}
    )
    assert compare_metadata(context, metadata) == []
    # What Alembic does not compare: primary keys.
    keys = {
        name: set(inspect(connection).get_pk_constraint(name)["constrained_columns"])
        for name in metadata.tables
    }
    assert keys == {
        name: {column.name for column in table.primary_key} for name, table in metadata.tables.items()
    }


def is_table_or_plain_index(name: str | None, *_: Any) -> bool:
    """Not the index of texts: a virtual table with tables of its own, or by a class that is no column's."""
    return not (name or "").startswith(INDEX)


@pytest.mark.parametrize("way", ["made at once", "migrated"])
def test_texts_have_an_index_of_trigrams(settings: Settings, connection: Connection, way: str) -> None:
    if way == "migrated":
        migrate_to(connection, "head")
    migrate(settings)
    sqlite = connection.dialect.name == "sqlite"
    query = "SELECT name, sql FROM sqlite_master" if sqlite else "SELECT indexname, indexdef FROM pg_indexes"
    made = [sql for name, sql in connection.execute(text(query)) if name == INDEX]
    assert ["trigram" in sql if sqlite else "gin_trgm_ops" in sql for sql in made] == [True]


def test_the_partial_indexes_hold_what_they_are_for(settings: Settings, connection: Connection) -> None:
    """Alembic does not compare their conditions."""
    migrate(settings)
    sqlite = connection.dialect.name == "sqlite"
    query = "SELECT name, sql FROM sqlite_master" if sqlite else "SELECT indexname, indexdef FROM pg_indexes"
    found = {name: (sql or "").lower() for name, sql in connection.execute(text(query))}
    assert "last_line is not null" in found["ix_entries_lines"]
    assert "project_seq is not null" in found["ix_entries_project"]
    assert re.search(r"where \(?searchable = (0|false)", found["ix_jobs_unsearchable"])
    for name in ("run", "branch", "author"):
        assert f"{name} is not null" in found[f"ix_jobs_project_pk_{name}_pk"]


def sql_parts(connection: Connection) -> dict[str, list[str]]:
    """The text of each table and index in SQLite, as its columns and conditions in alphabetical order."""
    found = connection.execute(text("SELECT name, sql FROM sqlite_master"))
    return {
        name: sorted(part.strip() for part in re.split("[,\n]", sql or "") if part.strip())
        for name, sql in found
    }


def test_both_ways_to_the_newest_schema_say_the_same_in_sql(tmp_path: Path) -> None:
    """All that SQLite keeps of a schema; a column that a migration added stands behind those before it."""
    schemas = []
    for name in ("made at once", "migrated"):
        settings = Settings(database_url=f"sqlite:///{tmp_path / name}.db")
        engine = make_engine(settings.database_url)
        with engine.connect() as connection:
            if name == "migrated":
                migrate_to(connection, "head")
            migrate(settings)
            schemas.append(sql_parts(connection))
        engine.dispose()
    assert schemas[0] == schemas[1]


def test_an_earlier_store_gets_the_columns_that_lists_filter_by(
    settings: Settings, connection: Connection, tmp_path: Path
) -> None:
    """The same as if the jobs were stored now, strange values and none included."""
    metas: list[dict[str, Any]] = [
        {"kind": "CI / lint", "run": 4821, "branch": "main", "author": "Amina"},
        {"run": 1.5, "branch": "b" * 128, "author": "\N{GRINNING FACE}" * 300, "title": "only shown"},
        {"run": True, "branch": {"name": "main"}, "author": ["Amina"], "kind": ""},
        {"branch": None},
        {},
    ]
    migrate_to(connection, "0006")
    with open_store(f"sqlite:///{tmp_path}/today.db") as today:
        for number, meta in enumerate(metas):
            today.append(batch(update(job_id=f"job-{number}", meta=meta or None)))
        with today._connections.reading() as now:
            expected = filter_columns(now)
            copy_tables(now, connection, {})
    migrate(settings)
    assert filter_columns(connection) == expected
    assert tuple(expected[0]) == ("job-0", "CI / lint", "4821", "main", "Amina")
    assert [row.run for row in expected[1:]] == ["1.5", None, None, None]
    assert {row.kind for row in expected[1:]} == {None}
    assert expected[1].author.startswith("\N{GRINNING FACE}" * 64)
    assert len(expected[1].author) == 128


def filter_columns(connection: Connection) -> list[Row[Any]]:
    query = select(*(jobs.c[name] for name in ("job_id", "kind", "run", "branch", "author")))
    return list(connection.execute(query.order_by(jobs.c.job_id)))


def test_the_newest_revision_is_alembics_head(settings: Settings, connection: Connection) -> None:
    migrate(settings)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert newest_revision() == ScriptDirectory.from_config(config).get_current_head()
    assert MigrationContext.configure(connection).get_current_revision() == newest_revision()


def test_migrating_again_changes_nothing(settings: Settings, connection: Connection) -> None:
    assert migrate(settings) == migrate(settings)
    kept = select(about.c.name, about.c.value).order_by(about.c.name)
    found = connection.execute(kept).all()
    assert [name for name, _ in found] == ["epoch", "share_key"]
    migrate(settings)
    assert connection.execute(kept).all() == found


@pytest.mark.real
@pytest.mark.slow
def test_several_processes_may_start_on_one_empty_database_at_once(
    settings: Settings, connection: Connection, tmp_path: Path
) -> None:
    """As at a deployment of several processes. Each prints the epoch that it found."""
    program = (
        "import sys; from chef.settings.config import Settings; from chef.store import migrate\n"
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
    names = connection.scalars(select(about.c.name)).all()
    assert sorted(names) == sorted(set(names)), "each made its own"
    assert connection.scalars(select(about.c.value).where(about.c.name == "epoch")).all() == answers[:1]


def test_a_database_that_cannot_be_opened_is_said_so_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable) as refused:
        migrate(Settings(database_url=f"sqlite:///{tmp_path}/missing/chef.db"))
    assert refused.value.detail == "the database cannot be opened: unable to open database file"


@pytest.mark.parametrize("statement", ["UPDATE alembic_version SET version_num = '0999'", "DROP TABLE about"])
def test_a_schema_that_leads_nowhere_is_one_line(settings: Settings, statement: str) -> None:
    """After going back to an earlier version of Chef, and where another program has its migrations."""
    migrate(settings)
    engine = create_engine(settings.database_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'f00'"))
        connection.execute(text(statement))
    engine.dispose()
    with pytest.raises(StoreUnavailable) as refused:
        migrate(settings)
    ours = "0999" in statement
    assert refused.value.detail.startswith(
        "the database's schema is 0999" if ours else "the database's table"
    )
    assert ("none beyond " + newest_revision()) in refused.value.detail or not ours


# From 0001 to 0002, with data

_ENDS = [b"", b"\n", b"\r\n", b"\r"]


def migrate_to(connection: Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(ROOT / "chef" / "store" / "migrations"))
    config.attributes["connection"] = connection
    with connection.begin():
        command.upgrade(config, revision)


def first_form(entry: LogEntry) -> bytes:
    """A log entry as the first schema kept it."""
    data = (
        entry.at,
        entry.stream,
        entry.level,
        entry.first_line,
        [line.text for line in entry.lines],
        bytes(_ENDS.index(line.end) for line in entry.lines),
        [index for index, line in enumerate(entry.lines) if line.replaces],
        {index: line.pre for index, line in enumerate(entry.lines) if line.pre},
    )
    packed = msgspec.msgpack.encode(data)
    return b"l" + packed if len(packed) < 256 else b"L" + zlib.compress(packed, 1)


def fill(store: Store) -> list[Stored]:
    return store.append(
        batch(
            update(phase="building", message="now"),
            piece(b"one\r\n\n10%\r20%\r\r\r\nthree\n" + bytes(range(14, 256)), offset=0),
            log("warned\nagain", level="warn", stream="stderr"),
            log("\n".join("x" * 90 for _ in range(1200))),
            update("completed", job_id="empty", project_id="docs"),
        )
    ).stored


def copy_back(now: Connection, then: Connection, stored: list[Stored]) -> None:
    """Write what a store of today holds into tables of the first schema."""
    forms = {
        (item.job.job_id, item.entry.seq): first_form(item.entry)
        for item in stored
        if isinstance(item.entry, LogEntry)
    }
    copy_tables(now, then, forms)


def copy_tables(now: Connection, then: Connection, forms: dict[tuple[str, int], bytes]) -> None:
    """Write what a store holds into tables of an earlier schema, some log entries in another form."""
    names = {row.pk: row.job_id for row in now.execute(text("SELECT pk, job_id FROM jobs"))}
    tables = MetaData()
    for name in ("projects", "jobs", "streams", "entries", "sent"):
        table = Table(name, tables, autoload_with=then)
        for row in now.execute(text(f'SELECT * FROM "{name}"')).mappings():
            values: dict[str, Any] = {column.name: row[column.name] for column in table.columns}
            if name == "entries":
                values["data"] = forms.get((names[row["job_pk"]], row["seq"]), row["data"])
            then.execute(table.insert().values(values))
    then.commit()


def test_a_store_of_the_first_schema_is_read_and_goes_on(
    settings: Settings, connection: Connection, tmp_path: Path
) -> None:
    migrate_to(connection, "0001")
    with open_store(f"sqlite:///{tmp_path}/today.db") as today:
        stored = fill(today)
        expected = all_entries(today)
        shown = texts(today.lines("job", 1, 9999))
        job = today.job("job")
        assert job is not None
        with today._connections.reading() as now:
            copy_back(now, connection, stored)
    with open_store(settings.database_url) as store:
        assert all_entries(store) == expected
        assert texts(store.lines("job", 1, 9999)) == shown
        assert texts(store.search("job", "three", 0, 9)) == [(4, "three")]
        assert store.job("job") == job
        empty = store.job("empty")
        assert empty is not None
        assert empty.log_bytes == 0
        if settings.database_url.startswith("sqlite"):  # PostgreSQL counts keys by itself; they were given.
            assert store.append(batch(log("next"))).seqs["job"] == job.seq + 1

"""A store with many finished jobs, as CI systems report them: written into the tables at once."""

from __future__ import annotations

import random
from collections.abc import Iterator
from hashlib import sha1
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Table, insert

from chef.domain.filtering import search_text
from chef.domain.model import Job, PhaseSpan
from chef.domain.projects import Project
from chef.settings.config import Settings
from chef.store import migrate, rows
from chef.store.engine import make_engine
from chef.store.tables import job_texts, jobs, projects
from chef.store.textindex import INDEX, make_text_index

PROJECTS = 10
JOBS_IN_RUN = 4
_ROWS = 10_000
_FIRST = 1_700_000_000_000
_KINDS = ("CI / lint", "CI / test", "CI / build", "CI / docs")
_AUTHORS = ("Amina", "Björn", "Chen", "Dora", "renovate[bot]")
_VERBS = ("Fix", "Add", "Remove", "Retry", "Speed up", "Document", "Rename", "Test")
_THINGS = (
    "the upload",
    "a cache",
    "the parser",
    "login",
    "a flaky test",
    "the list of jobs",
    "metrics",
    "the queue",
)


def fill(database_url: str, count: int) -> None:
    """Make a store with so many jobs of `PROJECTS` projects, `JOBS_IN_RUN` of them a run, a tenth failed."""
    settings = Settings(database_url=database_url)
    migrate(settings)
    engine = make_engine(settings.database_url)
    with engine.connect() as connection:
        sqlite = connection.dialect.name == "sqlite"
        if sqlite:
            # Room for the inner pages of all indexes: rows come in the order of none.
            connection.exec_driver_sql("PRAGMA cache_size = -500000")
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.exec_driver_sql(f"DROP INDEX IF EXISTS {INDEX}")
        made = _made(count)
        while page := list(islice(made, _ROWS)):
            _write(connection, jobs, [job for job, _ in page])
            _write(connection, job_texts, [text for _, text in page])
        connection.execute(insert(projects), list(_projects(count)))
        if sqlite:
            connection.exec_driver_sql(f"INSERT INTO {INDEX} ({INDEX}) VALUES ('rebuild')")
        else:
            make_text_index(connection)
        connection.commit()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)" if sqlite else "VACUUM ANALYZE")
    engine.dispose()


def _made(count: int) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """The rows of jobs, each with that of its text."""
    draw = random.Random(13)
    for number in range(count):
        job = _job(number, draw)
        own = {"pk": number + 1, "job_id": job.job_id, "project_pk": _project(number) + 1, "searchable": True}
        text = {"job_pk": number + 1, "text": search_text(job)}
        yield rows.job_values(job) | rows.filter_values(job) | own, text


def _project(number: int) -> int:
    return number // JOBS_IN_RUN % PROJECTS


def _job(number: int, draw: random.Random) -> Job:
    run, leg = divmod(number, JOBS_IN_RUN)
    at = _FIRST + number * 60_000
    commit = sha1(str(run).encode(), usedforsecurity=False).hexdigest()
    seed = random.Random(run)
    failed = draw.random() < 0.1
    meta = {
        "branch": "main" if seed.random() < 0.6 else f"topic/{seed.randrange(20_000)}",
        "commit": commit,
        "author": seed.choice(_AUTHORS),
        "title": f"{seed.choice(_VERBS)} {seed.choice(_THINGS)} in part {seed.randrange(500)}",
        "url": f"https://ci.example/runs/{run}",
        "kind": _KINDS[leg],
        "run": str(900_000 + run),
        "number": run,
        "repository": "https://git.example/acme/web",
    }
    return Job(
        job_id=f"ci-{900_000 + run}-{leg}",
        project_id=f"project-{run % PROJECTS}",
        created_at=at,
        updated_at=at + 90_000,
        seq=40,
        lines=2000,
        status="failed" if failed else "completed",
        phase="building" if failed else "completed",
        progress=70 if failed else 100,
        message="make ended with exit status 2" if failed else "All tests passed",
        state_seq=40,
        state_at=at + 90_000,
        started_at=at,
        finished_at=at + 90_000,
        phases=(PhaseSpan("installing", at, at + 20_000), PhaseSpan("building", at + 20_000, at + 90_000)),
        meta=meta,
    )


def _projects(count: int) -> Iterator[dict[str, Any]]:
    newest = {_project(number): number + 1 for number in range(max(0, count - PROJECTS * JOBS_IN_RUN), count)}
    for number, pk in newest.items():
        project = Project(f"project-{number}", _FIRST, _FIRST, seq=1, completed=count // PROJECTS)
        own = {"pk": number + 1, "project_id": project.project_id, "newest_job_pk": pk}
        yield rows.project_values(project) | own


def _write(connection: Connection, table: Table, page: list[dict[str, Any]]) -> None:
    if connection.dialect.name == "sqlite":
        connection.execute(insert(table), page)
        return
    names = list(page[0])
    driver: Any = connection.connection.dbapi_connection
    with driver.cursor().copy(f"COPY {table.name} ({', '.join(names)}) FROM STDIN") as copy:
        for row in page:
            copy.write_row([row[name] for name in names])

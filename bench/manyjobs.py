"""A store with many finished jobs, as CI systems report them: written into the tables at once."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from hashlib import sha1
from itertools import islice
from typing import Any

from sqlalchemy import Connection, insert

from chef.domain.ledger import Project
from chef.domain.model import Job, PhaseSpan
from chef.settings.config import Settings
from chef.store import migrate, rows
from chef.store.engine import make_engine
from chef.store.tables import jobs, projects

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
    engine = make_engine(settings.sqlalchemy_url)
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        made = _made(count)
        while page := list(islice(made, _ROWS)):
            _write(connection, page)
        connection.execute(insert(projects), list(_projects(count)))
        connection.commit()
        connection.exec_driver_sql("ANALYZE" if connection.dialect.name != "sqlite" else "SELECT 1")
        connection.commit()
    engine.dispose()


def _made(count: int) -> Iterator[dict[str, Any]]:
    draw = random.Random(13)
    for number in range(count):
        job = _job(number, draw)
        project = number // JOBS_IN_RUN % PROJECTS
        yield (
            rows.job_values(job)
            | rows.filter_values(job)
            | {
                "pk": number + 1,
                "job_id": job.job_id,
                "project_pk": project + 1,
            }
        )


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


def _projects(count: int) -> Iterable[dict[str, Any]]:
    for number in range(PROJECTS):
        newest = max(
            (
                pk
                for pk in range(max(1, count - 100), count + 1)
                if (pk - 1) // JOBS_IN_RUN % PROJECTS == number
            ),
            default=None,
        )
        project = Project(f"project-{number}", _FIRST, _FIRST, seq=1, completed=count // PROJECTS)
        yield rows.project_values(project) | {
            "pk": number + 1,
            "project_id": project.project_id,
            "newest_job_pk": newest,
        }


def _write(connection: Connection, page: list[dict[str, Any]]) -> None:
    if connection.dialect.name == "sqlite":
        connection.execute(insert(jobs), page)
        return
    names = list(page[0])
    driver: Any = connection.connection.dbapi_connection
    with driver.cursor().copy(f"COPY jobs ({', '.join(names)}) FROM STDIN") as copy:
        for row in page:
            copy.write_row([row[name] for name in names])

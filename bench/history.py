"""Long histories: a POST and a list of jobs cost the same with many finished jobs as with few."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from pathlib import Path

from bench.driver import measure, progress
from bench.report import Table, alternate, figures, judge, median, number
from bench.servers import CHEF, Server, free_port, start
from bench.web import Web

_FEW, _MANY = 1_000, 1_000_000
# Few enough that a page of one project is full with the few jobs too.
_PROJECTS = 10
_READS = 101


def run(*, quick: bool) -> list[Table]:
    rounds, many = (3, _MANY // 10) if quick else (5, _MANY)
    found: dict[int, list[list[float]]] = {_FEW: [], many: []}
    with tempfile.TemporaryDirectory(prefix="chef-bench-") as place:
        folders = {jobs: Path(place) / str(jobs) for jobs in found}
        _make(folders[_FEW])
        shutil.copytree(folders[_FEW], folders[many])
        _copy_jobs(folders[many] / "chef.db", many // _FEW - 1)
        servers = {str(jobs): start(CHEF, folder, free_port()) for jobs, folder in folders.items()}
        try:
            alternate(list(servers), rounds, lambda jobs: found[int(jobs)].append(_figures(servers[jobs])))
        finally:
            for server in servers.values():
                server.stop()
    return _tables(found, many)


def _tables(found: dict[int, list[list[float]]], many: int) -> list[Table]:
    table = Table(
        ["with", "POST p50 ms", "POSTs per CPU second", "GET /api/jobs p50 ms", "of one project, p50 ms"]
    )
    table.text = (
        f"{_FEW:,} finished jobs by POST in {_PROJECTS} projects; then copied in the database, "
        f"with other ids, until there are {many:,}."
    )
    medians = {jobs: [median(column) for column in zip(*rows, strict=True)] for jobs, rows in found.items()}
    for jobs, row in medians.items():
        table.rows.append([f"{jobs:,} jobs", *map(number, row)])
    ratios = figures()
    for name, before, after in zip(table.header[1:], medians[_FEW], medians[many], strict=True):
        ratio = before / after if "per CPU" in name else after / before
        judge(ratios, f"{name}: {many:,} jobs against {_FEW:,}", ratio, "< 1.5", " x")
    return [table, ratios]


def _make(folder: Path) -> None:
    """A database with the first jobs, by a server that has ended."""
    folder.mkdir()
    server = start(CHEF, folder, free_port())
    try:
        _fill(server)
    finally:
        server.stop()


def _fill(server: Server) -> None:
    updates = [
        f'{{"type":"completed","jobId":"old-{count}","projectId":"project-{count % _PROJECTS}"}}'
        for count in range(_FEW)
    ]
    Web(server.port).post("/api/updates", "\n".join(updates).encode(), "application/x-ndjson")


def _copy_jobs(database: Path, times: int) -> None:
    """Copy each job and its entries, as if they had been posted between the first ones and now."""
    with sqlite3.connect(database) as connection:
        for table, own in (
            ("jobs", {"pk": "{}", "job_id": "job_id || '-' || n"}),
            ("entries", {"job_pk": "{}"}),
        ):
            names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            place = f"{next(iter(own))} + n * {_FEW * 10}"
            values = [own.get(name, f'"{name}"').format(place) for name in names]
            columns = ", ".join(f'"{name}"' for name in names)
            connection.execute(
                f"WITH RECURSIVE copies(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM copies WHERE n < ?) "
                f"INSERT INTO {table} ({columns}) SELECT {', '.join(values)} FROM {table}, copies",
                [times],
            )
    connection.close()


def _figures(server: Server) -> list[float]:
    web = Web(server.port)
    measure(server, progress("now"), posters=1, seconds=0.5)
    posting = measure(server, progress("now"), posters=1, seconds=2)
    jobs = sorted(web.times(["/api/jobs"] * _READS))
    project = sorted(web.times(["/api/jobs?projectId=project-7&status=completed"] * _READS))
    return [posting["post_p50"], posting.posts_per_cpu, jobs[_READS // 2], project[_READS // 2]]

"""The finished runs of a kind, as forecasts want them: the newest ones, over an index."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from chef.domain.forecast import MOST_RUNS, PastRun, PastSpan
from chef.domain.model import PhaseSpan
from chef.store.tables import jobs, projects


@dataclass(frozen=True, slots=True)
class KindHistory:
    """The newest completed runs of a kind. `keys` tells whether they are the same as before.

    `runs` is `None` where they are.
    """

    keys: tuple[int, ...]
    runs: list[PastRun] | None


class _Times(msgspec.Struct):
    """The part of a job's details that says when it was where."""

    phases: tuple[PhaseSpan, ...] = ()
    reopened: bool = False


_times = msgspec.json.Decoder(_Times)


def find_history(
    connection: Connection, project_id: str, kind: str | None, known: tuple[int, ...]
) -> KindHistory:
    """The newest runs that completed, of one kind of a project or (`None`) of all; `known` are their keys."""
    pk = select(projects.c.pk).where(projects.c.project_id == project_id).scalar_subquery()
    newest = select(jobs.c.pk).where(jobs.c.project_pk == pk, jobs.c.status == "completed")
    if kind is not None:
        newest = newest.where(jobs.c.kind == kind)
    keys = tuple(connection.scalars(newest.order_by(jobs.c.pk.desc()).limit(MOST_RUNS)))
    if keys == known:
        return KindHistory(keys, None)
    query = select(jobs.c.created_at, jobs.c.started_at, jobs.c.finished_at, jobs.c.details)
    found = connection.execute(query.where(jobs.c.pk.in_(keys))) if keys else ()
    return KindHistory(keys, [run for row in found if (run := _run(row)) is not None])


def _run(row: Any) -> PastRun | None:
    times = _times.decode(row.details)
    if times.reopened or row.finished_at is None:
        return None
    began = row.created_at if row.started_at is None else row.started_at
    spans = tuple(
        PastSpan(span.phase, span.finished_at - span.started_at, span.longest_pause_ms)
        for span in times.phases
        if span.finished_at is not None
    )
    return PastRun(row.finished_at, spans, row.finished_at - began)

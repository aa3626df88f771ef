"""Runs of jobs: a list in which the jobs of one run are one row, and one run with its jobs.

A run has the place of its first job, which it keeps while jobs join it. So a list of runs is read in the
order of their first jobs, though the jobs that a filter asks for may be later ones: jobs are walked from
the newest down, and a run is certain once the walk is below its first job.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, CompoundSelect, Connection, case, func, select, union_all

from chef.domain.filtering import JobFilter, filter_text, plain_text
from chef.domain.model import RUNNING, Job, Status
from chef.domain.runs import MOST_KNOWN, BriefJob, Run, worst
from chef.store import rows
from chef.store.listing import JobPage, load_jobs, pk_of_project
from chef.store.matching import Matching
from chef.store.reading import whole_jobs
from chef.store.tables import jobs, projects

# Jobs are numbered below this, so that two numbers fit into a place.
_MOST_JOBS = 2**31
# Jobs that one step of a walk takes: few where runs are small, more where a run has hundreds.
_STEP, _MOST_STEP = 256, 2048

_FIRST = jobs.alias("first")
_MEMBER = jobs.alias("member")


@dataclass(frozen=True, slots=True)
class RunPage:
    """A page of runs, the one that began last first, and the place that the next one goes on below."""

    runs: Sequence[Run]
    next: int | None


@dataclass(slots=True)
class _Seen:
    """The runs that a walk has met, by the key of their first job: the newest job of theirs that was met."""

    runs: dict[int, int]
    down_to: int
    at_end: bool = False

    def certain(self) -> list[int]:
        """First jobs of runs that no run can come before any more, the newest first."""
        return sorted((first for first in self.runs if first >= self.down_to), reverse=True)


def list_runs(
    connection: Connection,
    wanted: JobFilter,
    allowed: Collection[str] | None,
    before: int | None,
    limit: int,
    active: bool = False,
) -> RunPage:
    """Runs of which one job is as the filter asks, below the place `before`; `allowed` as in `list_jobs`.

    A status that is asked for must be the run's own as well. A job without a run is a run of its own. Of
    `active` runs that job runs, and a status is the run's own alone.
    """
    start, below = (None, None) if before is None else divmod(before, _MOST_JOBS)
    member = msgspec.structs.replace(wanted, statuses=RUNNING) if active else wanted
    seen = _walk(connection, Matching(connection, member, allowed), wanted.statuses, start, below, limit)
    certain = seen.certain()
    page = certain[:limit]
    runs = load_runs(connection, page)
    if len(certain) <= limit and seen.at_end:
        return RunPage(runs, None)
    reached = page[-1] if len(certain) > limit else seen.down_to
    # Jobs of runs that are still to come may be above the last one of this page.
    again = max((newest for first, newest in seen.runs.items() if first < reached), default=0)
    return RunPage(runs, max(again + 1, reached) * _MOST_JOBS + reached)


def _walk(
    connection: Connection,
    matching: Matching,
    statuses: Collection[str] | None,
    start: int | None,
    below: int | None,
    limit: int,
) -> _Seen:
    seen, step = _Seen({}, start or 0), _STEP
    place = start
    while not seen.at_end:
        found = matching.below(place, step)
        for first, pks in _by_first(connection, found.pks, statuses).items():
            if below is None or first < below:
                seen.runs.setdefault(first, max(pks))
        seen.at_end = len(found.pks) < step and not found.down_to
        seen.down_to = 0 if seen.at_end else min(found.pks, default=found.down_to)
        place = seen.down_to
        step = min(step * 2, _MOST_STEP)
        if found.down_to or len(seen.certain()) > limit:
            break
    return seen


def _by_first(
    connection: Connection, pks: Sequence[int], statuses: Collection[str] | None
) -> dict[int, list[int]]:
    """Some jobs by the first job of their run; of runs with such a status alone."""
    query = select(jobs.c.pk, _first_of_run().label("first")).where(jobs.c.pk.in_(pks))
    found: defaultdict[int, list[int]] = defaultdict(list)
    for row in connection.execute(query):
        found[row.first].append(row.pk)
    if statuses is None:
        return found
    return {first: found[first] for first in _with_status(connection, found, statuses)}


def _first_of_run() -> ColumnElement[int]:
    """The key of the first job of a job's run, which is its own where it has no run."""
    other = jobs.alias("other")
    first = select(func.min(other.c.pk)).where(
        other.c.project_pk == jobs.c.project_pk, other.c.run == jobs.c.run
    )
    return case((jobs.c.run.is_(None), jobs.c.pk), else_=first.scalar_subquery())


def _with_status(connection: Connection, firsts: Collection[int], statuses: Collection[str]) -> list[int]:
    found: defaultdict[int, list[Status]] = defaultdict(list)
    for row in connection.execute(_of_runs(firsts, jobs.c.status)):
        found[row.first].append(row.status)
    return [first for first, own in found.items() if worst(own) in statuses]


def _of_runs(firsts: Collection[int], *columns: Any) -> CompoundSelect[Any]:
    """Columns of the jobs of some runs, which are named by their first jobs."""
    # Only keys of members are asked for, else SQLite reads all of a project in an index with all columns.
    same_run = (_MEMBER.c.project_pk == _FIRST.c.project_pk) & (_MEMBER.c.run == _FIRST.c.run)
    joined = _FIRST.join(_MEMBER, same_run).join(jobs, jobs.c.pk == _MEMBER.c.pk)
    together = select(_FIRST.c.pk.label("first"), *columns).select_from(joined)
    together = together.where(_FIRST.c.pk.in_(firsts))
    alone = select(jobs.c.pk, *columns).where(jobs.c.pk.in_(firsts), jobs.c.run.is_(None))
    return union_all(together, alone)


def load_runs(connection: Connection, firsts: Sequence[int]) -> list[Run]:
    """Runs by their first jobs, in the order in which these are given."""
    columns = [jobs.c[name] for name in ("pk", "run", *BriefJob.__struct_fields__)]
    found: defaultdict[int, list[Any]] = defaultdict(list)
    for row in connection.execute(_of_runs(firsts, *columns)):
        found[row.first].append(row)
    for members in found.values():
        members.sort(key=lambda row: row.pk)
    known = load_jobs(connection, [pk for members in found.values() for pk in _known(members)])
    return [_run(found[first], known) for first in firsts if first in found]


def _known(members: Sequence[Any]) -> list[int]:
    """The keys of the jobs of a run that are loaded whole."""
    status = worst(row.status for row in members)
    first = next(row.pk for row in members if row.status == status)
    return list(dict.fromkeys([*(row.pk for row in members[:MOST_KNOWN]), first]))


def _run(members: Sequence[Any], known: Mapping[int, Job]) -> Run:
    whole = tuple(known[pk] for pk in _known(members))
    own = tuple(BriefJob(*(getattr(row, name) for name in BriefJob.__struct_fields__)) for row in members)
    return Run(whole[0].project_id, plain_text(whole[0].meta.get("run")), own, whole)


def find_run(connection: Connection, project_id: str, run: str) -> Run | None:
    """A run with its jobs; `None` where no job of the project has this `meta.run`."""
    first = select(func.min(jobs.c.pk)).where(
        jobs.c.project_pk == pk_of_project(project_id), jobs.c.run == filter_text(run)
    )
    pk = connection.scalar(first)
    return None if pk is None else load_runs(connection, [pk])[0]


def run_jobs(connection: Connection, project_id: str, run: str, after: int | None, limit: int) -> JobPage:
    """The jobs of a run, the first one first, above the place `after`."""
    query = (
        whole_jobs()
        .where(projects.c.project_id == project_id, jobs.c.run == filter_text(run), jobs.c.pk > (after or 0))
        .order_by(jobs.c.pk)
        .limit(limit + 1)
    )
    found = connection.execute(query).all()
    page = found[:limit]
    return JobPage([rows.job_of(row) for row in page], page[-1].pk if len(found) > limit else None)

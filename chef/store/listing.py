"""Pages of lists: jobs, runs, what a project's jobs may be filtered by, a job's neighbours of its kind."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, ScalarSelect, Select, select, union_all

from chef.domain.filtering import JobFilter, filter_text
from chef.domain.model import STATUSES, Job
from chef.store import rows
from chef.store.matching import Matching
from chef.store.reading import find_job, whole_jobs
from chef.store.tables import jobs, projects

# The newest jobs of a project, whose entries its filters offer, and the most of each that are offered.
_RECENT = 2000
_MENU = 50


@dataclass(frozen=True, slots=True)
class JobPage:
    """A page of jobs, newest first, and the place that the next one goes on below; `None` at the end.

    After an upgrade, while jobs from before it get their texts, a page of a search may have fewer jobs
    than were asked for, and yet a next one.
    """

    jobs: Sequence[Job]
    next: int | None


@dataclass(frozen=True, slots=True)
class FilterMenu:
    """What the newest jobs of a list have, the latest first: values that its filters offer.

    `None` among `kinds` is that of jobs without one.
    """

    branches: Sequence[str]
    authors: Sequence[str]
    kinds: Sequence[str | None]


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The jobs around one of its kind in its project; `last_green` is the newest before it that completed."""

    previous: Job | None
    next: Job | None
    last_green: Job | None


def list_jobs(
    connection: Connection,
    wanted: JobFilter,
    allowed: Collection[str] | None,
    before: int | None,
    limit: int,
) -> JobPage:
    """Jobs that a filter asks for, below the place `before`, of the projects one may see (`None`: all)."""
    matching = Matching(connection, wanted, allowed)
    walk = matching.one_walk(before, limit + 1)
    if walk is not None:
        whole = connection.execute(walk).all()
        last = whole[limit - 1].pk if len(whole) > limit else None
        return JobPage([rows.job_of(row) for row in whole[:limit]], last)
    found = matching.below(before, limit + 1)
    pks = found.pks[:limit]
    place = pks[-1] if len(found.pks) > limit else found.down_to or None
    return JobPage(list(load_jobs(connection, pks).values()), place)


def load_jobs(connection: Connection, pks: Collection[int]) -> dict[int, Job]:
    """Jobs by their keys, the newest first."""
    query = whole_jobs().where(jobs.c.pk.in_(pks)).order_by(jobs.c.pk.desc())
    return {row.pk: rows.job_of(row) for row in connection.execute(query)}


def filter_menu(
    connection: Connection, project_id: str | None, allowed: Collection[str] | None
) -> FilterMenu:
    """The branches, authors and kinds of the newest jobs of a project, or of all that one may see."""
    matching = Matching(connection, JobFilter(project_id), allowed)
    found = matching.newest(_RECENT, jobs.c.branch, jobs.c.author, jobs.c.kind)
    if not found:
        return FilterMenu([], [], [])
    _, branches, authors, kinds = (list(dict.fromkeys(texts)) for texts in zip(*found, strict=True))
    return FilterMenu(_named(branches), _named(authors), kinds[:_MENU])


def _named(texts: Sequence[str | None]) -> list[str]:
    return [text for text in texts if text is not None][:_MENU]


def pk_of_project(project_id: str) -> ScalarSelect[int]:
    """The key of a project, within a query; nothing equals it where there is no such project."""
    return select(projects.c.pk).where(projects.c.project_id == project_id).scalar_subquery()


def find_neighbours(connection: Connection, job_id: str) -> Neighbours | None:
    """The jobs around a job among those of its kind; `None` where there is no such job."""
    job = find_job(connection, job_id)
    if job is None:
        return None
    own = connection.execute(select(jobs.c.pk, jobs.c.project_pk).where(jobs.c.job_id == job_id)).one()
    kind = filter_text(job.meta.get("kind"))
    # `== None` is IS NULL: jobs without a kind are compared with each other.
    alike = select(jobs.c.pk).where(jobs.c.project_pk == own.project_pk, jobs.c.kind == kind)
    before = alike.where(jobs.c.pk < own.pk).order_by(jobs.c.pk.desc()).limit(1)
    behind = alike.where(jobs.c.pk > own.pk).order_by(jobs.c.pk).limit(1)
    previous = max(_of_each_status(connection, before), default=None)
    following = min(_of_each_status(connection, behind), default=None)
    green = connection.scalar(before.where(jobs.c.status == "completed"))
    found = load_jobs(connection, [pk for pk in (previous, following, green) if pk is not None])
    return Neighbours(*(None if pk is None else found[pk] for pk in (previous, following, green)))


def _of_each_status(connection: Connection, one: Select[int]) -> Sequence[int]:
    """What a query finds for each status: the index of kinds has jobs in order within one."""
    parts = [select(one.where(jobs.c.status == status).subquery()) for status in STATUSES]
    return connection.scalars(union_all(*parts)).all()

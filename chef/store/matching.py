"""The keys of the jobs that a filter asks for, newest first: which index finds them, and what is looked at.

A page is found in a few milliseconds whatever is asked for. Jobs of one project, or of one status, kind,
run, branch or author in it, are in the order of an index. Several of these at once are found in
`ix_jobs_lists` alone, which both databases choose by themselves. Words are looked for in the texts of jobs
that have ended (store.textindex), and in the others themselves.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from heapq import nlargest
from itertools import product
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, Connection, Row, Select, false, select, union_all

from chef.domain.filtering import JobFilter, matches
from chef.domain.model import STATUSES
from chef.store import rows
from chef.store.searching import search_all, search_some
from chef.store.tables import NOWHERE, jobs, projects

MOST_LOOKED_AT = 5000
"""Jobs without a text that are looked at for one page: running ones, after an upgrade those before it."""

# So many are read one by one rather than anything else.
_FEW = 1000
# Parts of one compound query; SQLite takes 500.
_UNION = 100


@dataclass(frozen=True, slots=True)
class Found:
    """Keys of jobs, newest first. All jobs at or above `down_to` have been looked at; 0: all there are."""

    pks: Sequence[int]
    down_to: int = 0


class Matching:
    """The jobs that a filter asks for, among the projects that one may see (`None`: all)."""

    def __init__(self, connection: Connection, wanted: JobFilter, allowed: Collection[str] | None) -> None:
        self._connection = connection
        self._wanted = wanted
        self._allowed = allowed
        self._projects = self._keys_of_projects(wanted.project_id, allowed)

    def _keys_of_projects(self, project_id: str | None, allowed: Collection[str] | None) -> list[int] | None:
        """`None` is any: entries of meta are indexed within a project, so that they need all of them."""
        query = select(projects.c.pk)
        if project_id is not None:
            query = query.where(projects.c.project_id == project_id)
        elif allowed is None and not self._wanted.entries:
            return None
        if allowed is not None:
            query = query.where(projects.c.project_id.in_(allowed))
        return list(self._connection.scalars(query))

    def below(self, place: int | None, limit: int) -> Found:
        """The newest `limit` of them below a key; `None`: of all."""
        if self._projects == []:
            return Found([])
        if not self._wanted.words:
            return Found(self._newest(place, limit))
        unsearchable = self._look(place, limit)
        found = nlargest(limit, [*unsearchable.pks, *self._search(place, limit)])
        if unsearchable.down_to:
            return Found([pk for pk in found if pk >= unsearchable.down_to], unsearchable.down_to)
        return Found(found)

    def one_walk(self, place: int | None, limit: int) -> Select[Any] | None:
        """One query for whole jobs, with their projects' ids, where one walk of an index finds the same.

        Not for entries of meta: several are found in an index that has them all, which is asked for keys.
        """
        if self._wanted.words or self._wanted.entries:
            return None
        parts = self._parts(place, limit)
        if len(parts) != 1:
            return None
        whole = parts[0].with_only_columns(jobs, projects.c.project_id, maintain_column_froms=True)
        return whole.join(projects, jobs.c.project_pk == projects.c.pk)

    def _newest(self, place: int | None, limit: int) -> list[int]:
        """Regardless of words. Each project and status is asked for by itself: an index has those in order,
        but not all together, and sorting a million jobs takes seconds.
        """
        found: list[int] = []
        for query in _together(self._parts(place, limit)):
            found = nlargest(limit, [*found, *self._connection.scalars(query)])
        return found

    def newest(self, limit: int, *columns: ColumnElement[Any]) -> Sequence[Row[Any]]:
        """Columns of the newest jobs, regardless of words: a walk of an index, which may have them all."""
        found: list[Row[Any]] = []
        for query in _together([part.add_columns(*columns) for part in self._parts(None, limit)]):
            rows_ = self._connection.execute(query).all()
            found = nlargest(limit, [*found, *rows_], key=lambda row: row.pk)
        return found

    def _parts(self, place: int | None, limit: int) -> list[Select[Any]]:
        wanted = self._wanted
        statuses = wanted.statuses
        if statuses is None and list(wanted.entries) == ["kind"]:
            statuses = STATUSES  # They stand between the kind and the order in its index.
        parts = []
        pks: Sequence[int | None] = [None] if self._projects is None else self._projects
        for pk, status in product(pks, [None] if statuses is None else statuses):
            part = _below(place).order_by(jobs.c.pk.desc()).limit(limit)
            of_project = jobs.c.project_pk != NOWHERE if pk is None else jobs.c.project_pk == pk
            of_status = [] if status is None else [jobs.c.status == status]
            parts.append(part.where(of_project, *of_status, *self._entries()))
        return parts

    def _entries(self) -> list[ColumnElement[bool]]:
        return [jobs.c[name] == text for name, text in self._wanted.entries.items()]

    def _limits(self) -> list[ColumnElement[bool]]:
        """All but the words, as conditions on expressions: no index of jobs, for the words say which."""
        limits = [jobs.c[name] + "" == text for name, text in self._wanted.entries.items()]
        if self._projects is not None:
            limits.append((jobs.c.project_pk + 0).in_(self._projects))
        if self._wanted.statuses is not None:
            limits.append((jobs.c.status + "").in_(self._wanted.statuses))
        return limits

    def _look(self, place: int | None, limit: int) -> Found:
        """Jobs that have no text yet, by themselves."""
        query = (
            select(jobs, projects.c.project_id)
            .join(projects, jobs.c.project_pk == projects.c.pk)
            .where(jobs.c.searchable == false(), *_upto(place))
            .order_by(jobs.c.pk.desc())
            .limit(MOST_LOOKED_AT)
        )
        found: list[int] = []
        last, count = 0, 0
        for row in self._connection.execute(query):
            last, count = row.pk, count + 1
            if self._may_be_seen(row.project_id) and matches(self._wanted, rows.job_of(row)):
                found.append(row.pk)
            if len(found) == limit:
                return Found(found)
        return Found(found, last if count == MOST_LOOKED_AT else 0)

    def _may_be_seen(self, project_id: str) -> bool:
        return self._allowed is None or project_id in self._allowed

    def _search(self, place: int | None, limit: int) -> Sequence[int]:
        """Jobs by their texts: of a few where the other limits leave no more, else of all."""
        limits = self._limits()
        if limits:
            few = self._newest(place, _FEW)
            if len(few) < _FEW:
                return search_some(self._connection, self._wanted.words, few)[:limit]
        return search_all(self._connection, self._wanted.words, limits, place, limit)


def _together(parts: Sequence[Select[Any]]) -> Iterator[Select[Any] | CompoundSelect[Any]]:
    """As few queries as can be for what several ones find; a single one stays as it is."""
    if len(parts) == 1:
        yield parts[0]
        return
    for start in range(0, len(parts), _UNION):
        yield union_all(*(select(part.subquery()) for part in parts[start : start + _UNION]))


def _upto(place: int | None) -> list[ColumnElement[bool]]:
    return [] if place is None else [jobs.c.pk < place]


def _below(place: int | None) -> Select[Any]:
    return select(jobs.c.pk).where(*_upto(place))

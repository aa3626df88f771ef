"""Counts that limits need, read where something new is about to be made, and only then."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import BindParameter, bindparam, func, select

from chef.store.statements import CompiledStatement, Driver
from chef.store.tables import projects, streams

_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_STREAMS = CompiledStatement(
    select(streams.c.job_pk, func.count().label("count"))
    .where(streams.c.job_pk.in_(_IDS))
    .group_by(streams.c.job_pk)
)
_PROJECTS = f"SELECT count(*) FROM {projects.name}"  # noqa: S608


def count_streams(driver: Driver, job_pks: Iterable[int]) -> dict[int, int]:
    """How many streams each of some jobs has, by their keys; none is not in it."""
    pks = sorted(set(job_pks))
    return {row.job_pk: row.count for row in _STREAMS.rows(driver, pks)} if pks else {}


def count_projects(driver: Driver) -> int:
    """How many projects there are."""
    return int(driver.execute(_PROJECTS).fetchone()[0])

"""Finished builds in a store, for tests of what is expected of the next one."""

from __future__ import annotations

from typing import Any

from chef.domain.model import Update
from chef.store import Store
from tests.tools.making import AT, batch, update

SECOND = 1000


def run(
    store: Store,
    name: str,
    *,
    at: int = AT,
    installing: float = 20,
    building: float = 60,
    project_id: str = "web",
    **fields: Any,
) -> None:
    """Have a build begin at a time (ms), with so many seconds of its phases, and complete."""
    store.append(batch(update(job_id=name, project_id=project_id, phase="installing", **fields), at=at))
    at += round(installing * SECOND)
    store.append(batch(update(job_id=name, project_id=project_id, phase="building"), at=at))
    at += round(building * SECOND)
    store.append(batch(update("completed", name, project_id), at=at))


def run_many(store: Store, count: int, *, prefix: str = "old", building: float = 60, **fields: Any) -> None:
    """Have so many builds complete, the first of them as quick as is said and each a second slower."""
    for number in range(count):
        run(store, f"{prefix}-{number}", building=building + number, **fields)


def began(name: str = "job", **fields: Any) -> Update:
    """The first update of a build that is being asked about."""
    return update(job_id=name, phase="installing", **fields)

"""Lists of runs as far as somebody may see them."""

from __future__ import annotations

import msgspec

from chef.access.levels import shows
from chef.access.principals import Principal
from chef.domain.filtering import JobFilter
from chef.domain.model import RUNNING
from chef.domain.runpayloads import brief
from chef.domain.runs import Run
from chef.store import RunPage, Store


def visible_runs(
    store: Store,
    viewer: Principal,
    wanted: JobFilter,
    *,
    before: int | None = None,
    limit: int = 50,
    active: bool = False,
) -> RunPage:
    """A page of runs of the viewer's projects (see `Store.runs`).

    The run of a job is a text: where no texts are shown, each job is a run of one.
    """
    if shows(viewer.level, "summary"):
        return store.runs(wanted, allowed=viewer.projects, before=before, limit=limit, active=active)
    statuses = wanted.statuses
    if active:
        statuses = tuple(status for status in RUNNING if statuses is None or status in statuses)
    wanted = msgspec.structs.replace(wanted, statuses=statuses)
    page = store.jobs(wanted, allowed=viewer.projects, before=before, limit=limit)
    return RunPage([Run(job.project_id, None, (brief(job),), (job,)) for job in page.jobs], page.next)

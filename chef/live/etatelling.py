"""Tells followers of running jobs when an estimate has changed by more than time passing: `job:eta`.

Once a second it looks at the jobs that somebody follows here: beside a POST's way, once for all followers,
and not at all where nobody follows. What is counted down by itself is not told.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from chef.domain.batches import Stored
from chef.domain.etas import EtaEvent, eta_json, has_changed
from chef.domain.filtering import JobFilter
from chef.domain.forecast import Estimate
from chef.domain.model import RUNNING, Job, Kind
from chef.domain.removals import Removal
from chef.domain.wiretypes import encode
from chef.live.background import BackgroundTask
from chef.live.events import Event
from chef.live.forecaster import Forecaster
from chef.live.hub import Hub
from chef.store import Store

TICK_S = 1.0
"""A job is told of at most once in this time."""
READ_EVERY = 5
"""Every fifth look asks the store for what is not known here: other processes write, too."""
MOST_RUNNING = 500


@dataclass(slots=True)
class _Watched:
    """A running job that is followed, and the estimate that its followers have."""

    job: Job
    estimate: Estimate | None


def eta_event(kind: Kind, job: Job, estimate: Estimate | None) -> Event:
    """The event that tells followers of a job or its project how long it still takes."""
    eta = None if estimate is None else eta_json(estimate)
    return Event(f"{kind}:eta", 0, encode(EtaEvent(job.job_id, job.project_id, eta)), "")


class EtaTeller:
    """Looks at the running jobs that are followed in this process."""

    def __init__(self, hub: Hub, store: Store, forecaster: Forecaster) -> None:
        self._hub = hub
        self._store = store
        self._forecaster = forecaster
        self._changed: dict[str, Job] = {}
        self._watched: dict[str, _Watched] = {}
        self._looks = 0
        self._task = BackgroundTask(self._look_if_followed, "no estimates are told")

    def start(self) -> None:
        """Begin; needs the event loop."""
        self._task.start(TICK_S)

    def close(self) -> None:
        """Tell nobody any more."""
        self._task.close()

    def note(self, stored: Iterable[Stored]) -> None:
        """Jobs have changed. Never waits."""
        if not self._task.runs or not self._hub.rooms:
            return
        for item in stored:
            self._changed[item.job.job_id] = item.job

    def forget(self, removal: Removal) -> None:
        """A job was erased: nobody is told how long it takes. Never waits."""
        if removal.job_id is not None and removal.gap is None:
            self._changed.pop(removal.job_id, None)
            self._watched.pop(removal.job_id, None)

    def _look_if_followed(self) -> None:
        if self._hub.rooms:
            self.look()
        else:
            self._watched.clear()
            self._changed.clear()

    def look(self) -> None:
        """Tell of the estimates that have changed since the last look. Raises StoreUnavailable."""
        changed, self._changed = self._changed, {}
        self._looks += 1
        if self._looks % READ_EVERY == 1:
            changed = self._read() | changed
        for job in changed.values():
            self._take(job)
        for job_id, watched in list(self._watched.items()):
            if self._is_followed(watched.job):
                self._tell(watched)
            else:
                del self._watched[job_id]

    def _read(self) -> dict[str, Job]:
        """The running jobs that are followed, as the store has them where that is not known here."""
        followed = self._hub.followed()
        found: dict[str, Job] = {}
        if any(kind == "project" for (kind, _), _ in followed):
            running = self._store.jobs(JobFilter(statuses=RUNNING), limit=MOST_RUNNING)
            found = {job.job_id: job for job in running.jobs}
        for (kind, name), head in followed:
            known = self._watched.get(name)
            if kind == "job" and name not in found and head and (known is None or known.job.seq < head):
                job = self._store.job(name)
                if job is not None:
                    found[name] = job
        return found

    def _take(self, job: Job) -> None:
        watched = self._watched.get(job.job_id)
        if job.ended:
            self._watched.pop(job.job_id, None)
            self._hub.drop_notes(job.job_id, job.project_id)
        elif watched is not None:
            watched.job = job if job.seq >= watched.job.seq else watched.job
        elif self._is_followed(job):
            self._watched[job.job_id] = _Watched(job, self._forecaster.last(job))

    def _is_followed(self, job: Job) -> bool:
        return self._hub.follows(("job", job.job_id)) or self._hub.follows(("project", job.project_id))

    def _tell(self, watched: _Watched) -> None:
        job, estimate = watched.job, self._forecaster.estimate(watched.job)
        if not has_changed(watched.estimate, estimate):
            return
        watched.estimate = estimate
        self._hub.tell(("job", job.job_id), job.job_id, eta_event("job", job, estimate))
        self._hub.tell(("project", job.project_id), job.job_id, eta_event("project", job, estimate))

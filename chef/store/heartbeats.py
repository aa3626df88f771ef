"""When a job's reporter was last heard of: two columns of the job that its updates leave alone."""

from __future__ import annotations

from sqlalchemy import Connection, case, update

from chef.domain.clockback import TOLERATED_MS
from chef.store.tables import jobs


def save_heartbeat(connection: Connection, job_id: str, at: int, every: int) -> bool:
    """Note a heartbeat of a running job; returns whether there is such a job. The caller commits."""
    newest = case((jobs.c.heartbeat_at.between(at, at + TOLERATED_MS), jobs.c.heartbeat_at), else_=at)
    running = update(jobs).where(jobs.c.job_id == job_id, jobs.c.finished_at.is_(None))
    return connection.execute(running.values(heartbeat_at=newest, heartbeat_every=every)).rowcount == 1

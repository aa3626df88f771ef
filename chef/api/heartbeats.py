"""Heartbeats, and those that wait: so a reporter learns at once that its build is to stop."""

from __future__ import annotations

from dataclasses import replace

from flask import Response
from msgspec import UNSET

from chef.access.jwts import SCOPES
from chef.access.principals import Principal
from chef.api.answers import answer
from chef.api.postponing import answer_at_news
from chef.api.receipts import job_receipt
from chef.api.shapes import HeartbeatAccepted
from chef.domain.asking import StopRequest
from chef.domain.model import Heartbeat, Job
from chef.domain.rules import check_running
from chef.errors import NotFound
from chef.services import Services, services

HOLD_S = 20
"""So long a reporter may have its heartbeat wait: shorter than what proxies allow without a byte."""


def take_heartbeat(heartbeat: Heartbeat, warnings: tuple[str, ...], writer: Principal) -> Response:
    """Note a heartbeat; answer at once, or later where it waits and nobody asks its build to stop yet."""
    chef, job_id = services(), heartbeat.job_id

    def make(job: Job) -> Response:
        check_running(job, 0)
        return _accepted(chef, job_id, job.seq, job.stop, warnings)

    def look() -> Response | None:
        chef.tracker.heartbeat(heartbeat, writer.projects)
        job = _job(chef, job_id)
        is_news = job.stop is not None or job.ended
        return make(job) if is_news else None

    if heartbeat.wait and chef.control.is_on:
        seconds = min(heartbeat.wait, HOLD_S, chef.settings.max_wait)
        # It may write, which was looked at: whether it may read does not matter here.
        return answer_at_news(job_id, replace(writer, scopes=SCOPES), seconds, look, make)
    seq = chef.tracker.heartbeat(heartbeat, writer.projects)
    stop = _job(chef, job_id).stop if chef.control.is_on else None
    return _accepted(chef, job_id, seq, stop, warnings)


def _job(chef: Services, job_id: str) -> Job:
    job = chef.store.job(job_id)
    if job is None:
        raise NotFound(f"there is no job {job_id!r}")
    return job


def _accepted(
    chef: Services, job_id: str, seq: int, stop: StopRequest | None, warnings: tuple[str, ...]
) -> Response:
    jobs = {job_id: job_receipt(chef, job_id, seq, stop)}
    hold = HOLD_S if chef.control.is_on else UNSET
    return answer(HeartbeatAccepted(1, 0, jobs, warnings or UNSET, hold=hold))

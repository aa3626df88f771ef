"""Answers that are given later: at the end of a job or at news of it, without a greenlet that waits for it.

Served by Chef's own server the connection waits alone (`chef.postpone` in `chef.http.environ`). Under another
WSGI server the request's greenlet waits.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any

from flask import Response, request
from gevent.event import Event as Wakeup

from chef.access.principals import Principal
from chef.api.problems import problem
from chef.domain.model import Job
from chef.errors import ChefError, NotFound, Stopping, Unauthorized
from chef.live.rooms import Room
from chef.live.waiting import Reason, Waiter
from chef.services import Services, services

Make = Callable[[Job], Response]
"""Makes the answer for a job as it stands in the end; called outside of the request, and may wait."""


Refuse = Callable[[ChefError], Response]
"""Makes the answer that a refusal is."""


def answer_at_end(
    room: Room,
    job: Job,
    principal: Principal,
    seconds: float,
    make: Make,
    *,
    refuse: Refuse = problem,
    same: Hashable = None,
) -> Response:
    """Answer when a job ends, or with the job as it stands then after some seconds.

    `job` was read within the room's context. Where the server stops meanwhile the answer is 503 with
    `Retry-After`, where the job was removed 404. Requests with one value of `same` share what `make` makes.
    """
    chef = services()
    if chef.hub.closed:
        raise Stopping
    later = _Later(chef, job.job_id, principal, make, refuse, same)
    return later.postpone(chef.end_watches.add(room, job.seq, seconds, later.told))


def answer_at_news(
    job_id: str, principal: Principal, seconds: float, look: Callable[[], Response | None], make: Make
) -> Response:
    """Answer at news of a job (chef.live.control), or with the job as it stands then after some seconds.

    `look` answers at once, unless it has nothing to tell.
    """
    chef = services()
    if chef.hub.closed:
        raise Stopping
    later = _Later(chef, job_id, principal, make, problem, None)
    waiter = chef.control.wait(job_id, seconds, later.told)
    try:
        found = look()
    except BaseException:
        waiter.leave()
        raise
    if found is not None:
        waiter.leave()
        return found
    return later.postpone(waiter)


class _Later:
    """One postponed answer. `response` has the headers that hold for whatever it will be."""

    def __init__(
        self, chef: Services, job_id: str, principal: Principal, make: Make, refuse: Refuse, same: Hashable
    ) -> None:
        self.response = Response()
        self.give: Callable[[Any], None] = lambda application: None
        self._chef = chef
        self._job_id = job_id
        self._principal = principal
        self._make = make
        self._refuse = refuse
        self._same = same
        self._reason = Reason.LATE
        self._job: Job | None = None
        self._shared: dict[Any, Any] = {}
        self._woken = Wakeup()

    def told(self, reason: Reason, job: Job | None, shared: dict[Any, Any]) -> None:
        """There is something to answer."""
        self._reason, self._job, self._shared = reason, job, shared
        self._woken.set()
        self.give(self._application)

    def postpone(self, waiter: Waiter) -> Response:
        """Have the request wait without its greenlet, where the server can and nothing was told yet."""
        postpone = request.environ.get("chef.postpone")
        if postpone is None or self._woken.is_set():
            return self._wait(waiter)
        self.give = postpone(waiter.leave)
        return self.response

    def _wait(self, waiter: Waiter) -> Response:
        try:
            self._woken.wait()
        finally:
            waiter.leave()
        return self._answer()

    def _application(self, _environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        made = self._answer()
        own = [header for header in self.response.headers if header[0] not in made.headers]
        start_response(made.status, [*own, *made.headers])
        return [made.data]

    def _answer(self) -> Response:
        try:
            job = self._job_to_show()
            if self._same is None:
                return self._make(job)
            if self._same not in self._shared:
                self._shared[self._same] = self._make(job)
            shared: Response = self._shared[self._same]
        except ChefError as error:
            return self._refuse(error)
        return shared

    def _job_to_show(self) -> Job:
        if self._reason is Reason.CLOSING:
            raise Stopping
        if self._principal.expired(self._chef.clock()):
            raise Unauthorized("the token has expired")
        self._chef.shares.check(self._principal.share)
        job = self._chef.store.job(self._job_id) if self._reason is Reason.LATE else self._job
        self._principal.check_may_see(job.project_id if job else None, self._job_id)
        if job is None:
            raise NotFound(f"there is no job {self._job_id!r}")
        return job

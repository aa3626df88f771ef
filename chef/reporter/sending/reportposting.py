"""Sends test reports as files, one after the other, each until it has arrived or time is up."""

from __future__ import annotations

import time

from chef.reporter.sending.answers import ServerAnswer
from chef.reporter.sending.backoff import Attempts, Deadline, GivenUp
from chef.reporter.sending.client import Unreachable
from chef.reporter.sending.jobapi import JobApi
from chef.reporter.target import Target

_REFUSALS = (400, 409, 413, 415, 422)


class ReportPoster:
    """Posts test reports of a target's job, in at most `linger` seconds from now on."""

    def __init__(self, target: Target, version: str, linger: float) -> None:
        self._deadline = Deadline()
        self._deadline.close(linger, time.monotonic())
        self._attempts = Attempts()
        self._api = JobApi(target, version, self._deadline)

    def post(self, body: bytes) -> str | None:
        """Send a report; returns why it did not arrive, if so. One that arrives twice counts once."""
        while True:
            try:
                answer = self._api.put_tests(body)
                if answer.confirms("accepted"):
                    self._attempts.taken()
                    return None
                if not self._api.corrects_guess(answer):
                    self._look_at(answer)
            except GivenUp as error:
                return str(error)
            except Unreachable as error:
                if not self._waits_after(str(error)):
                    return str(error)

    def close(self) -> None:
        """Let the connection go."""
        self._api.close()

    def _look_at(self, answer: ServerAnswer) -> None:
        """Raise GivenUp where the report never will be taken, Unreachable where it may be."""
        if answer.is_ours and answer.status in _REFUSALS:
            raise GivenUp(answer.reason())
        self._attempts.refused(answer, self._deadline.is_closing)

    def _waits_after(self, reason: str) -> bool:
        """Wait before the next attempt; False where no time is left for one."""
        now = time.monotonic()
        pause = self._attempts.failed(reason, now)
        until = pause.until(self._deadline.closing_since)
        if self._deadline.is_over(until):
            return False
        time.sleep(max(0.0, until - now))
        return True

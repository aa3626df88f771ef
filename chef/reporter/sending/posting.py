"""Posts updates, and deals with those that the server does not take."""

from __future__ import annotations

import time
from typing import Callable

from chef.reporter.sending.answers import ServerAnswer, UpdatesOutcome, updates_outcome, without_index
from chef.reporter.sending.backoff import Attempts, Deadline, GivenUp
from chef.reporter.sending.jobapi import JobApi
from chef.reporter.sending.queue import QueuedUpdate
from chef.reporter.sending.schedule import HeartbeatSchedule

_MAX_WARNINGS = 5


class UpdatePoster:
    """Posts updates. `accepted` and `refused` count them, `warnings` has the names the server does not know.

    `remove` is called with updates that are done with. `is_run`: we run the command, and have nothing to
    say about a job that had ended before.
    """

    def __init__(
        self,
        api: JobApi,
        attempts: Attempts,
        deadline: Deadline,
        heartbeats: HeartbeatSchedule,
        remove: Callable[[list[QueuedUpdate]], None],
        is_run: bool,
    ) -> None:
        self.accepted = 0
        self.refused = 0
        self.warnings: list[str] = []
        self._api = api
        self._attempts = attempts
        self._deadline = deadline
        self._heartbeats = heartbeats
        self._remove = remove
        self._is_run = is_run

    def post(self, updates: list[QueuedUpdate]) -> None:
        """Post updates that are final. Raises Unreachable, and GivenUp where the job takes none."""
        answer = self._api.post_updates([update.fields for update in updates])
        outcome = updates_outcome(answer, len(updates), self._attempts.refusals)
        if outcome is UpdatesOutcome.TAKEN:
            self._taken(updates, answer)
        elif outcome is UpdatesOutcome.SPLIT:
            for update in updates:
                self.post([update])
        elif outcome is UpdatesOutcome.LATER:
            self._attempts.refused(answer, self._deadline.is_closing)
        elif self._api.corrects_guess(answer) or (self._had_ended(answer) and self._api.moves_on()):
            self.post(updates)
        else:
            self._refused(updates, answer)

    def _taken(self, updates: list[QueuedUpdate], answer: ServerAnswer) -> None:
        self._attempts.taken()
        self._heartbeats.heard(time.monotonic())
        self.accepted += len(updates)
        self._remove(updates)
        found = answer.data.get("warnings")
        for text in found if isinstance(found, list) else []:
            if isinstance(text, str) and len(self.warnings) < _MAX_WARNINGS:
                self.warnings.append(without_index(text))

    def _refused(self, updates: list[QueuedUpdate], answer: ServerAnswer) -> None:
        """An update never will be taken: the rest may be, unless the job is none of ours."""
        self._attempts.problem = answer.reason()
        self.refused += len(updates)
        self._remove(updates)
        if self._had_ended(answer) or answer.code == "project_mismatch":
            raise GivenUp(answer.reason())

    def _had_ended(self, answer: ServerAnswer) -> bool:
        """Whether the job had ended before we had anything to say about it."""
        return answer.code == "job_finished" and self._is_run and not self.accepted

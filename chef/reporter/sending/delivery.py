"""The updates and the output that wait, and how the next of them is sent."""

from __future__ import annotations

import os
import time

from chef.reporter.sending.backoff import Attempts, Deadline
from chef.reporter.sending.holding import HeldHeartbeats
from chef.reporter.sending.jobapi import JobApi
from chef.reporter.sending.posting import UpdatePoster
from chef.reporter.sending.queue import QueuedUpdate, UpdateQueue
from chef.reporter.sending.schedule import HeartbeatSchedule, HeartbeatState, Turn, next_turn
from chef.reporter.sending.spool import Spool
from chef.reporter.sending.uploading import OutputUploader

# A heartbeat promises to be heard of again within this time.
PROMISE_S = 30
LONG_PROMISE_S = 3600


class Delivery:
    """Sends updates and output in their order, one request at a time. The spool's lock guards all."""

    def __init__(
        self, spool: Spool, api: JobApi, attempts: Attempts, deadline: Deadline, is_run: bool
    ) -> None:
        self._spool = spool
        self._api = api
        self._deadline = deadline
        self._heartbeats = HeartbeatSchedule(is_run)
        self._held = HeldHeartbeats(api.stop, self._heartbeats.heard, PROMISE_S)
        self.queue = UpdateQueue("%s-" % os.urandom(6).hex())
        self.poster = UpdatePoster(api, attempts, deadline, self._heartbeats, self._remove, is_run)
        self.uploader = OutputUploader(
            spool,
            api,
            attempts,
            deadline,
            self._heartbeats,
            lambda: self.queue.first_number,
            self._post_notice,
        )

    def add(self, fields: dict[str, object], passing: bool) -> None:
        """Let an update wait, behind all output that waits."""
        with self._spool.changed:
            self.queue.add(QueuedUpdate(self._spool.seal(), fields, passing))
            self._spool.changed.notify_all()

    @property
    def is_done(self) -> bool:
        """Whether nothing waits."""
        return not self.queue and not self._spool.waiting

    @property
    def next_number(self) -> float:
        """The place in the order of the oldest that waits."""
        with self._spool.changed:
            block = self._spool.first()
            return min(block.number if block else float("inf"), self.queue.first_number)

    def begin_round(self) -> int:
        """All that waits now has a number below the result; what comes from now on is gathered."""
        with self._spool.changed:
            last = self._spool.seal()
            self.queue.begin_round(last)
            return last

    def send_next(self) -> None:
        """Send whatever has its turn. Raises Unreachable and GivenUp."""
        block = self._spool.first()
        if block is None and self.end_waits:
            self.uploader.locate_watched()
        updates = self._due_updates(block.number if block else float("inf"))
        turn = next_turn(bool(updates), block is not None, self._heartbeats.state, self._has_job)
        if turn is Turn.UPDATES:
            self.poster.post(updates)
        elif turn is Turn.HEARTBEAT:
            self._send_heartbeat(PROMISE_S)
        elif block is not None:
            self.uploader.send(block.stream)

    def heartbeat_wait(self, now: float) -> float:
        """Seconds until a heartbeat is due."""
        return self._heartbeats.wait(now, self._has_job)

    def say_goodbye(self) -> None:
        """Promise to be heard of again after a long time."""
        if self._heartbeats.state is not HeartbeatState.OFF:
            self._send_heartbeat(LONG_PROMISE_S)

    @property
    def end_waits(self) -> bool:
        """Whether the end of the job has not arrived."""
        with self._spool.changed:
            return self.queue.has_end

    @property
    def _has_job(self) -> bool:
        return self.poster.accepted > 0

    def _due_updates(self, before: float) -> list[QueuedUpdate]:
        """Updates whose turn it is. When time runs out that is all of them: the end matters most."""
        with self._spool.changed:
            is_near = self._deadline.is_near(time.monotonic())
            return self.queue.due(float("inf") if is_near else before)

    def _remove(self, updates: list[QueuedUpdate]) -> None:
        with self._spool.changed:
            self.queue.remove(updates)

    def _post_notice(self, stream: str, place: int, gone: int) -> None:
        """Say in a stream's log that so many bytes behind a place are missing."""
        message = "[chef] %d bytes of output are missing here: they did not fit into the spool" % gone
        notice = QueuedUpdate(0, {"type": "log", "message": message, "stream": stream, "level": "warning"})
        notice.make_final("%sgone-%s-%d" % (self.queue.prefix, stream, place))
        self.poster.post([notice])

    def _send_heartbeat(self, promise: int) -> None:
        self._heartbeats.sent(time.monotonic())
        answer = self._api.post_heartbeat(promise)
        self._heartbeats.answered(answer.status)
        if not self._deadline.is_closing:
            self._held.begin(answer, self._api)

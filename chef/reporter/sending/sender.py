"""Sends what waits, in a thread of its own: the build never waits for it, and is never failed by it."""

from __future__ import annotations

import threading
import time
from typing import Any

from chef.reporter.sending.backoff import Attempts, Deadline, GivenUp
from chef.reporter.sending.client import Unreachable
from chef.reporter.sending.delivery import Delivery
from chef.reporter.sending.jobapi import JobApi
from chef.reporter.sending.schedule import GATHER_S
from chef.reporter.sending.shortfall import Shortfall
from chef.reporter.sending.spool import BLOCK_BYTES, Spool
from chef.reporter.sending.stopping import StopSignal
from chef.reporter.target import Target


class Sender:
    """Takes updates and output, and sends them in their order as well as it can.

    `is_run`: we run the command, and send heartbeats while we do.
    """

    def __init__(
        self, target: Target, version: str, spool: Spool | None = None, is_run: bool = False
    ) -> None:
        self.spool = spool or Spool()
        self.given_up = False
        self._attempts = Attempts()
        self._deadline = Deadline()
        self.stop = StopSignal()
        self._api = JobApi(target, version, self._deadline, self.stop)
        self._delivery = Delivery(self.spool, self._api, self._attempts, self._deadline, is_run)
        self._says_goodbye = False
        self._last_sent = 0.0
        self._thread = threading.Thread(target=self._run, name="chef-sender", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def update(self, kind: str, /, *, passing: bool = False, **fields: Any) -> None:
        """Send an update after all output that was put before it."""
        self.send({"type": kind, **fields}, passing)

    def send(self, fields: dict[str, Any], passing: bool = False) -> None:
        """The same of fields that may have any name."""
        self._delivery.add(fields, passing)

    def output(self, stream: str, data: bytes, ends_line: bool = True) -> None:
        """Send some output of a stream."""
        self.spool.put(stream, data, ends_line)

    def watch(self, stream: str) -> None:
        """Find out, before the end is sent, where a stream is that we have written nothing to."""
        with self.spool.changed:
            self._delivery.uploader.watch(stream)

    def stays_away(self) -> None:
        """No heartbeat is sent for a while, such as between two steps, and the reporter is not lost."""
        self._says_goodbye = True

    def finish(self, linger: float) -> bool:
        """Wait until all has arrived, at most `linger` seconds; returns whether it has."""
        with self.spool.changed:
            self._deadline.close(linger, time.monotonic())
            self.spool.changed.notify_all()
        self._thread.join(linger)
        if self._thread.is_alive() and self._attempts.problem is None:
            self._attempts.problem = "no answer in time"
        return not self._thread.is_alive() and not self.given_up and self._delivery.is_done

    @property
    def shortfall(self) -> Shortfall:
        """All that has not arrived so far."""
        queue, poster = self._delivery.queue, self._delivery.poster
        end_waits = self._delivery.end_waits
        updates = poster.refused + queue.dropped + len(queue) - end_waits
        missing = self._delivery.uploader.missing
        return Shortfall(missing, updates, end_waits, self.given_up, self._attempts.problem)

    @property
    def page(self) -> str:
        """The address of the page of the job that is reported."""
        return self._api.page

    @property
    def warnings(self) -> list[str]:
        """Words of the server about updates that it has taken."""
        return self._delivery.poster.warnings

    def is_shared(self, stream: str) -> bool:
        """Whether somebody else writes to this stream, too."""
        return self._delivery.uploader.is_shared(stream)

    def begins_at(self, stream: str) -> int | None:
        """The server's offset at which our part of a stream began; None while it is not known."""
        return self._delivery.uploader.begins_at(stream)

    # --- the thread ------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while self._wait_for_work():
                self._work()
            if self._says_goodbye and not self._is_over():
                self._delivery.say_goodbye()
        except Unreachable:
            pass  # All else has arrived.
        except GivenUp as error:
            self._give_up(str(error))
        except Exception as error:
            self._give_up("a fault of the reporter: %s: %s" % (type(error).__name__, error))
        finally:
            self._api.close()

    def _wait_for_work(self) -> bool:
        """Wait until something should be sent; False when all is done."""
        with self.spool.changed:
            while not self._is_over() and not (self._delivery.is_done and self._deadline.is_closing):
                pause = self._pause()
                if pause <= 0:
                    return True
                self.spool.changed.wait(pause)
            return False

    def _pause(self) -> float:
        """How long to wait; none where there is work that is due."""
        now = time.monotonic()
        if self._delivery.is_done:
            return self._delivery.heartbeat_wait(now)
        if self._deadline.is_closing or self.spool.waiting >= BLOCK_BYTES:
            return 0.0
        return self._last_sent + GATHER_S - now

    def _work(self) -> None:
        """Send all that is there now. What comes meanwhile is gathered for the next time."""
        self._last_sent = time.monotonic()
        last = self._delivery.begin_round()
        try:
            self._delivery.send_next()
            while not (self._delivery.is_done or self._is_over()) and self._delivery.next_number < last:
                self._delivery.send_next()
        except Unreachable as error:
            self._wait_after(str(error))
        else:
            self._attempts.succeeded()

    def _is_over(self) -> bool:
        return self._deadline.is_over(time.monotonic())

    def _wait_after(self, reason: str) -> None:
        """Wait before the next attempt."""
        pause = self._attempts.failed(reason, time.monotonic())
        with self.spool.changed:
            while not self._is_over():
                left = pause.until(self._deadline.closing_since) - time.monotonic()
                if pause.outlasts(self._deadline):
                    self._deadline.cut_short()
                elif left <= 0:
                    return
                else:
                    self.spool.changed.wait(left)

    def _give_up(self, reason: str) -> None:
        self._attempts.problem = reason
        with self.spool.changed:
            self.given_up = True
            self.spool.close()
            self.spool.changed.notify_all()

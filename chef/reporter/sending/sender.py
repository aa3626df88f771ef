"""Sends what waits, in a thread of its own: the build never waits for it, and is never failed by it."""

from __future__ import annotations

import os
import random
import threading
import time
import urllib.parse
from collections import deque
from typing import Any, Iterator

from chef.reporter.output.lines import border
from chef.reporter.sending.client import Answer, Client, Unreachable, without_index
from chef.reporter.sending.spool import BLOCK_BYTES, Spool
from chef.reporter.target import Target

# Output that comes within this time is sent together.
GATHER_S = 0.25
TIMEOUT_S = 10.0
HEARTBEAT_S = 20.0
# What we promise: to be heard of again within this time.
PROMISE_S = 30
_LONG_PROMISE_S = 3600
_FIRST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 10.0
_LONGEST_PAUSE_AT_END_S = 1.0
_LONGEST_ASKED_S = 60.0
_BATCH_UPDATES = 100
# With no more waiting than this, output of several streams is sent in the very order in which it came.
_ORDERED_BLOCKS = 32
# Where an answer takes so long, more is sent at once: else a distant server could not keep up. With much
# waiting that is so for one that is near, and busy, too.
_FAR_S = 0.15
_BUSY_S = 0.008
_MUCH_BYTES = 32 * BLOCK_BYTES
_FAR_BYTES = 8 * BLOCK_BYTES
# An unfinished line is waited for within its request; a silent one is ended.
_SILENT_LINE_S = 50.0
_MANY_UPDATES = 500
# Of more passing updates than this that come at once the newest is enough.
_PASSING_AT_ONCE = 10
# Before time runs out what is left of it is for the end, even if output still waits.
_HURRY_S = 2.0
# A refusal that is not Chef's own may be a proxy's in between, for a while.
_REFUSALS = 4
_MAX_WARNINGS = 5


class Update:
    """An update on its way. `number` is its place in the order of the output.

    Those that are `passing` and wait one after the other are sent together, and of many the newest is
    enough. A field may be a function, which is asked when the update is sent for the first time.
    """

    __slots__ = ("fields", "number", "passing")

    def __init__(self, number: int, fields: dict[str, Any], passing: bool = False) -> None:
        self.number = number
        self.fields = fields
        self.passing = passing

    @property
    def is_end(self) -> bool:
        return self.fields["type"] in ("completed", "error")

    @property
    def was_sent(self) -> bool:
        """Whether it may have arrived: then it stays as it is."""
        return "id" in self.fields

    def make_final(self, identity: str) -> None:
        """From here on it is sent as it is, as often as need be."""
        fields = {name: value() if callable(value) else value for name, value in self.fields.items()}
        self.fields = {name: value for name, value in fields.items() if value is not None}
        self.fields["id"] = identity


class Stream:
    """How far a stream is: `sent` bytes of ours have arrived, at the server's offset `sent + shift`.

    `base` is the offset at which our first byte stands.
    """

    def __init__(self) -> None:
        self.sent = 0
        self.shift: int | None = None
        self.base: int | None = None
        self.is_sure = False
        self.is_shared = False


class Sender:
    """Takes updates and output, and sends them in their order as well as it can.

    `problem` is the newest thing that went wrong, `lost` the bytes of output that never will arrive.
    """

    def __init__(
        self, target: Target, version: str, spool: Spool | None = None, is_run: bool = False
    ) -> None:
        self.spool = spool or Spool()
        self.problem: str | None = None
        self.given_up = False
        self.lost = 0
        self.refused = 0
        self.warnings: list[str] = []
        self._target = target
        self._client = Client(target.url or "", target.token, version)
        self._updates: deque[Update] = deque()
        self._ids = "%s-" % os.urandom(6).hex()
        self._count = 0
        # The place in the order up to which is being sent.
        self._round = 0
        self._streams: dict[str, Stream] = {}
        self._accepted = 0
        self._names_project = True
        # What runs a command beats, and has nothing to say about a job that had ended before.
        self._is_run = is_run
        self._beats = is_run
        self._has_beaten = False
        self._farewell = False
        self._most = _FAR_BYTES
        self._is_far = False
        self._closing_since: float | None = None
        self._linger = 0.0
        self._last_sent = 0.0
        self._last_heard = 0.0
        self._failures = 0
        self._refusals = 0
        self._retry_after: float | None = None
        self._thread = threading.Thread(target=self._run, name="chef-sender", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def update(self, kind: str, /, *, passing: bool = False, **fields: Any) -> None:
        """Send an update after all output that was put before it."""
        self.send({"type": kind, **fields}, passing)

    def send(self, fields: dict[str, Any], passing: bool = False) -> None:
        """The same of fields that may have any name."""
        with self.spool.changed:
            update = Update(self.spool.seal(), fields, passing)
            with_it = self._passing_before(update) if passing else []
            for one in with_it:
                # Output between them would be a request each time.
                one.number = update.number
            if len(with_it) >= _PASSING_AT_ONCE:
                update.fields = {**self._updates.pop().fields, **update.fields}
            elif len(self._updates) >= _MANY_UPDATES:
                self._drop_one()
            self._updates.append(update)
            self.spool.changed.notify_all()

    def output(self, stream: str, data: bytes, ends_line: bool = True) -> None:
        """Send some output of a stream."""
        self.spool.put(stream, data, ends_line)

    def look_at(self, stream: str) -> None:
        """Find out, before the end is sent, where a stream is that we have written nothing to."""
        with self.spool.changed:
            self._streams.setdefault(stream, Stream())

    def stays_away(self) -> None:
        """Nobody will beat for a while, such as between two steps, without being lost."""
        self._farewell = self._is_run

    def finish(self, linger: float) -> bool:
        """Wait until all has arrived, at most `linger` seconds; returns whether it has."""
        with self.spool.changed:
            self._closing_since = time.monotonic()
            self._linger = linger
            self.spool.changed.notify_all()
        self._thread.join(linger)
        if self._thread.is_alive() and self.problem is None:
            self.problem = "no answer in time"
        return not self._thread.is_alive() and not self.given_up and self.is_done

    @property
    def is_done(self) -> bool:
        """Whether nothing waits."""
        return not self._updates and not self.spool.waiting

    @property
    def missing(self) -> int:
        """Bytes of output that have not arrived, whether they wait, were dropped or not even kept."""
        ends = self.spool.ends
        sent = sum(self._streams[name].sent for name in ends if name in self._streams)
        return self.lost + sum(ends.values()) - sent

    @property
    def updates_waiting(self) -> int:
        return len(self._updates)

    @property
    def end_waits(self) -> bool:
        """Whether the end of the job has not arrived."""
        with self.spool.changed:
            return any(update.is_end for update in self._updates)

    def is_shared(self, stream: str) -> bool:
        """Whether somebody else writes to this stream, too."""
        return self._streams[stream].is_shared if stream in self._streams else False

    def begins_at(self, stream: str) -> int | None:
        """At which of the server's offsets our part of a stream began; None while that is not known."""
        if stream in self._streams:
            return self._streams[stream].base
        return 0 if self._target.is_new else None

    def _passing_before(self, update: Update) -> list[Update]:
        """Those that wait just before it and may be sent with it; whose turn has come is not held up."""
        found = []
        for one in reversed(self._updates):
            is_due = one.number < self._round or one.was_sent
            if is_due or not one.passing or not self._same_phase(one, update):
                break
            found.append(one)
        return found

    @staticmethod
    def _same_phase(one: Update, other: Update) -> bool:
        return one.fields.get("phase") == other.fields.get("phase") or "phase" not in other.fields

    def _drop_one(self) -> None:
        for update in self._updates:
            if update.fields["type"] == "progress" and "meta" not in update.fields and not update.was_sent:
                self._updates.remove(update)
                self.refused += 1
                return

    # --- the thread ------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while self._wait_for_work():
                self._work()
            if self._farewell and self._beats and not self.given_up and not self._is_over():
                self._send_heartbeat(_LONG_PROMISE_S)
        except Unreachable:
            pass  # All else has arrived.
        except Exception as error:
            self._give_up("a fault of the reporter: %s: %s" % (type(error).__name__, error))
        finally:
            self._client.close()

    def _work(self) -> None:
        """Send all that is there now. What comes meanwhile is gathered for the next time."""
        self._last_sent = time.monotonic()
        last = self._round = self.spool.seal()
        try:
            self._send_something()
            while not (self.is_done or self.given_up or self._is_over()) and self._next_number() < last:
                self._send_something()
        except Unreachable as error:
            self._failed(str(error))
        else:
            self._failures = 0

    def _wait_for_work(self) -> bool:
        """Wait until something should be sent; False when all is done."""
        with self.spool.changed:
            while True:
                if self.given_up or self._is_over():
                    return False
                if self.is_done and self._closing_since is not None:
                    return False
                pause = self._pause()
                if pause <= 0:
                    return True
                self.spool.changed.wait(pause)

    def _pause(self) -> float:
        """How long to wait; none where there is work that is due."""
        now = time.monotonic()
        if self.is_done:
            return self._next_beat(now)
        if self._closing_since is not None or self.spool.waiting >= BLOCK_BYTES:
            return 0.0
        return self._last_sent + GATHER_S - now

    def _next_beat(self, now: float) -> float:
        """How long until the server should hear of us again; the first time as soon as there is a job."""
        if not self._beats or not self._accepted:
            return 3600.0
        return self._last_heard + HEARTBEAT_S - now if self._has_beaten else 0.0

    def _is_over(self) -> bool:
        closing = self._closing_since
        return closing is not None and time.monotonic() >= closing + self._linger

    def _timeout(self) -> float:
        closing = self._closing_since
        left = TIMEOUT_S if closing is None else closing + self._linger - time.monotonic()
        return max(0.2, min(TIMEOUT_S, left))

    def _send_something(self) -> None:
        block = self.spool.first()
        if block is None and self.end_waits:
            self._look_at_streams()
        updates = self._due_updates(block.number if block else None)
        if updates:
            self._send_updates(updates)
        elif self._beats and not self._has_beaten and self._accepted:
            self._send_heartbeat()
        elif block is not None:
            self._send_output(block.stream)
        elif self._beats:
            self._send_heartbeat()

    def _next_number(self) -> float:
        with self.spool.changed:
            block = self.spool.first()
            numbers = [block.number] if block else []
            numbers += [self._updates[0].number] if self._updates else []
            return min(numbers) if numbers else float("inf")

    def _due_updates(self, before: int | None) -> list[Update]:
        """Updates whose turn it is. When time runs out that is all of them: the end matters most."""
        with self.spool.changed:
            hurry = self._closing_since is not None and time.monotonic() > self._closing_since + max(
                self._linger / 2, self._linger - _HURRY_S
            )
            due = [one for one in self._updates if before is None or hurry or one.number < before]
            for update in due[:_BATCH_UPDATES]:
                if not update.was_sent:
                    self._count += 1
                    update.make_final(self._ids + str(self._count))
            return due[:_BATCH_UPDATES]

    def _send_updates(self, updates: list[Update]) -> None:
        common = {"jobId": self._target.job, **self._project()}
        body = [{**common, **update.fields} for update in updates]
        answer = self._client.post("/api/updates", body, self._timeout())
        if self._is_taken(answer, "accepted"):
            self._accepted += len(updates)
            self._remove(updates)
            self._keep_warnings(answer)
        elif answer.status in (400, 409, 413, 415, 422):
            if len(updates) > 1:
                for update in updates:
                    self._send_updates([update])
                return
            self._refuse(updates[0], answer)
        else:
            self._not_taken(answer)

    def _keep_warnings(self, answer: Answer) -> None:
        """What the server did not understand of what it has taken."""
        found = answer.data.get("warnings")
        for text in found if isinstance(found, list) else []:
            if isinstance(text, str) and len(self.warnings) < _MAX_WARNINGS:
                self.warnings.append(without_index(text))

    def _refuse(self, update: Update, answer: Answer) -> None:
        """One update that is not taken: the rest may be."""
        if not answer.is_ours and (answer.status != 413 or self._refusals < _REFUSALS):
            self._not_taken(answer)
            return
        if self._guessed_wrong(answer):
            self._send_updates([update])
            return
        self.problem = answer.reason()
        self.refused += 1
        self._remove([update])
        had_ended = answer.code == "job_finished" and self._is_run and not self._accepted
        if had_ended or answer.code == "project_mismatch":
            self._give_up(answer.reason())

    def _guessed_wrong(self, answer: Answer) -> bool:
        """Whether the job has a project that we have not been told: then it need not be named."""
        wrong = answer.code == "project_mismatch" and self._target.is_guess and self._names_project
        self._names_project = self._names_project and not wrong
        return wrong

    def _project(self) -> dict[str, str]:
        return {"projectId": self._target.project} if self._names_project else {}

    def _remove(self, updates: list[Update]) -> None:
        with self.spool.changed:
            for update in updates:
                if update in self._updates:
                    self._updates.remove(update)

    def _send_output(self, name: str) -> None:
        stream = self._streams.setdefault(name, Stream())
        if not stream.is_sure:
            self._find_place(name, stream)
        self._skip_what_is_gone(name, stream)
        if self.given_up:
            return
        before = float(self._updates[0].number) if self._updates else float("inf")
        if self.spool.blocks <= _ORDERED_BLOCKS:
            before = min(before, self.spool.others_from(name))
        most = min(self._most, _FAR_BYTES if self._is_far else BLOCK_BYTES)
        data, ends_line = self.spool.read(name, stream.sent, most, before)
        if not data:
            # All that is left of the oldest block has arrived.
            self.spool.confirm(name, stream.sent)
            return
        if ends_line:
            data = data[: border(data, most) or len(data)]
        sizes = [len(data)]
        body = data if ends_line else self._long_line(name, stream.sent, data, sizes)
        began = time.monotonic()
        try:
            answer = self._client.request("PUT", self._log_path(name, stream), body, self._timeout())
        except Unreachable:
            stream.is_sure = False
            raise
        far = _BUSY_S if self.spool.waiting >= _MUCH_BYTES else _FAR_S
        self._is_far = time.monotonic() - began > far
        self._output_answered(name, stream, sum(sizes), answer)

    def _long_line(self, name: str, start: int, begin: bytes, sizes: list[int]) -> Iterator[bytes]:
        """A line that is too long to wait for its end: its parts as they come, and their sizes.

        They are kept until the answer has come, since until then the server has counted nothing of it.
        """
        yield begin
        place, last = start + len(begin), time.monotonic()
        while not self._is_over():
            data, ends_line = self.spool.read(name, place, BLOCK_BYTES, float("inf"))
            if data:
                yield data
                sizes.append(len(data))
                place, last = place + len(data), time.monotonic()
                if ends_line:
                    return
            elif (
                self._closing_since is not None
                or time.monotonic() > last + _SILENT_LINE_S
                or self.spool.start(name) > place
            ):
                return
            else:
                with self.spool.changed:
                    self.spool.changed.wait(GATHER_S)

    def _log_path(self, name: str, stream: Stream) -> str:
        query = {**self._project(), "stream": name, "offset": stream.sent + (stream.shift or 0)}
        return "%s?%s" % (self._job_path("logs"), urllib.parse.urlencode(query))

    def _job_path(self, what: str) -> str:
        return "/api/jobs/%s/%s" % (urllib.parse.quote(self._target.job, safe=""), what)

    def _find_place(self, name: str, stream: Stream) -> None:
        """Ask how far the server is in a stream, and go on from there."""
        if stream.shift is None and self._target.is_new:
            stream.shift = stream.base = 0
            stream.is_sure = True
            return
        answer = self._ask_for_place(name)
        offset = _offset(answer)
        if offset is None:
            self._not_taken(answer)
            return
        self._go_on_from(name, stream, offset)

    def _ask_for_place(self, name: str) -> Answer:
        path = "%s?stream=%s" % (self._job_path("logs"), urllib.parse.quote(name, safe=""))
        return self._client.request("HEAD", path, None, self._timeout())

    def _go_on_from(self, name: str, stream: Stream, offset: int) -> None:
        place = stream.sent if stream.shift is None else offset - stream.shift
        if stream.sent <= place <= self.spool.end(name):
            self.spool.confirm(name, place)
            stream.sent = place
        else:
            # Not what we left: another store, or somebody else writes there. What comes is appended.
            stream.is_shared = stream.is_shared or place > stream.sent
        stream.shift = offset - stream.sent
        stream.base = offset if stream.base is None else stream.base
        stream.is_sure = True

    def _look_at_streams(self) -> None:
        """Where streams are that were only to be looked at; where that is not told, nothing is claimed."""
        for name, stream in list(self._streams.items()):
            if stream.base is None:
                stream.base = 0 if self._target.is_new else _offset(self._ask_for_place(name))
                if stream.base is None:
                    del self._streams[name]

    def _skip_what_is_gone(self, name: str, stream: Stream) -> None:
        """Output that was dropped for want of room: say so in its place, and go on behind it."""
        gone = self.spool.start(name) - stream.sent
        if gone <= 0:
            return
        message = "[chef] %d bytes of output are missing here: they did not fit into the spool" % gone
        self._send_updates(
            [
                Update(
                    0,
                    {
                        "type": "log",
                        "message": message,
                        "stream": name,
                        "level": "warning",
                        "id": "%sgone-%s-%d" % (self._ids, name, stream.sent),
                    },
                )
            ]
        )
        self.lost += gone
        stream.sent += gone
        stream.shift = (stream.shift or 0) - gone

    def _output_answered(self, name: str, stream: Stream, size: int, answer: Answer) -> None:
        if self._is_taken(answer, "offset"):
            expected = stream.sent + size + (stream.shift or 0)
            stream.is_shared = stream.is_shared or answer.data["offset"] > expected
            stream.sent += size
            self.spool.confirm(name, stream.sent)
            return
        stream.is_sure = False
        if answer.status == 416 and isinstance(answer.data.get("offset"), int):
            self._go_on_from(name, stream, answer.data["offset"])
        elif answer.status == 413 and not answer.is_ours and self._most > 1024:
            self._most = min(self._most, size) // 2
        elif self._guessed_wrong(answer):
            return
        elif answer.status == 409 and answer.is_ours:
            self._give_up(answer.reason())
        else:
            self._not_taken(answer)

    def _send_heartbeat(self, promise: int = PROMISE_S) -> None:
        fields = {**self._project(), "every": promise}
        # Even where it fails it is output's turn then.
        self._last_heard, self._has_beaten = time.monotonic(), True
        answer = self._client.post(self._job_path("heartbeat"), fields, self._timeout())
        if answer.status != 200:
            # An older server, or a job that has ended: not worth a word.
            self._beats = answer.status in (429, 500, 502, 503, 504)

    def _is_taken(self, answer: Answer, field: str) -> bool:
        """Whether an answer says that all is stored; a page of somebody else's says nothing."""
        taken = answer.status == 200 and isinstance(answer.data.get(field), int)
        if taken:
            self._last_heard = time.monotonic()
            self._refusals = 0
        return taken

    def _not_taken(self, answer: Answer) -> None:
        """A refusal: try again later. Who has to be waited for by then does not try it often."""
        reason = answer.reason()
        if answer.status == 200:
            raise Unreachable("the answer is not one of Chef's: is CHEF_URL right?")
        if answer.status in (408, 429, 503) or answer.status >= 500:
            self._retry_after = answer.retry_after
            raise Unreachable(reason)
        self._refusals += 1
        if self._closing_since is not None and (answer.is_ours or self._refusals >= _REFUSALS):
            self._give_up(reason)
            return
        raise Unreachable(reason)

    def _failed(self, reason: str) -> None:
        """Wait before the next attempt: longer each time, not in step with others, and as long as asked."""
        self.problem = reason
        self._failures += 1
        pause = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(self._failures, 10))
        pause *= random.uniform(0.5, 1.0)
        asked, self._retry_after = min(self._retry_after or 0.0, _LONGEST_ASKED_S), None
        since = time.monotonic()
        with self.spool.changed:
            while not self.given_up and not self._is_over():
                until = max(since + asked, self._next_attempt(since, pause))
                if self._closing_since is not None and since + asked > self._closing_since + self._linger:
                    self._linger = 0.0  # Nothing can arrive in the time that is left.
                elif until <= time.monotonic():
                    return
                else:
                    self.spool.changed.wait(until - time.monotonic())

    def _next_attempt(self, since: float, pause: float) -> float:
        """When to try again; when the command has ended there is no time for long pauses."""
        if self._closing_since is None:
            return since + pause
        return min(since + pause, max(self._closing_since, since) + _LONGEST_PAUSE_AT_END_S)

    def _give_up(self, reason: str) -> None:
        self.problem = reason
        with self.spool.changed:
            self.given_up = True
            self.spool.close()
            self.spool.changed.notify_all()


def _offset(answer: Answer) -> int | None:
    """The place in a stream that the server names, if it does."""
    text = (answer.headers.get("Upload-Offset") or "").strip()
    return int(text) if answer.status == 200 and text.isdigit() else None

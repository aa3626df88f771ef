"""Sends the output of streams, each from where the server is."""

from __future__ import annotations

import time
from typing import Callable, Iterator

from chef.reporter.output.lines import border
from chef.reporter.sending.answers import OutputOutcome, ServerAnswer, output_outcome
from chef.reporter.sending.backoff import Attempts, Deadline, GivenUp
from chef.reporter.sending.client import Unreachable
from chef.reporter.sending.jobapi import JobApi
from chef.reporter.sending.offsets import OffsetState, StreamOffset
from chef.reporter.sending.schedule import GATHER_S, HeartbeatSchedule
from chef.reporter.sending.spool import BLOCK_BYTES, Spool

# With no more waiting than this, output of several streams is sent in the very order in which it came.
_ORDERED_BLOCKS = 32
_LARGEST_BODY_BYTES = 8 * BLOCK_BYTES
# An unfinished line is waited for within its request; a silent one is ended.
_SILENT_LINE_S = 50.0


class BodySize:
    """How much output goes into one request.

    Little while answers come quickly. A distant server gets more at once, since it could not keep up
    else, and with much output waiting so does one that is near and busy.
    """

    _FAR_S = 0.15
    _BUSY_S = 0.008
    _MUCH_BYTES = 32 * BLOCK_BYTES

    def __init__(self) -> None:
        self.limit = _LARGEST_BODY_BYTES
        self._is_slow = False

    @property
    def most(self) -> int:
        return min(self.limit, _LARGEST_BODY_BYTES if self._is_slow else BLOCK_BYTES)

    def answered(self, seconds: float, waiting: int) -> None:
        """An answer took so long while so many bytes waited."""
        self._is_slow = seconds > (self._BUSY_S if waiting >= self._MUCH_BYTES else self._FAR_S)

    def too_large(self, size: int) -> None:
        """A proxy refused a body of this size."""
        self.limit = min(self.limit, size) // 2


class OutputUploader:
    """Sends output from a spool. `lost` is how many bytes of it never will arrive.

    `next_update` tells the place of the oldest update in the order, `post_notice` puts a line into the log
    in place of output that was dropped: it is given the stream, the place and how many bytes it was.
    """

    def __init__(
        self,
        spool: Spool,
        api: JobApi,
        attempts: Attempts,
        deadline: Deadline,
        heartbeats: HeartbeatSchedule,
        next_update: Callable[[], float],
        post_notice: Callable[[str, int, int], None],
    ) -> None:
        self.lost = 0
        self._spool = spool
        self._api = api
        self._attempts = attempts
        self._deadline = deadline
        self._heartbeats = heartbeats
        self._next_update = next_update
        self._post_notice = post_notice
        self._offsets: dict[str, StreamOffset] = {}
        self._size = BodySize()

    # --- where streams are -----------------------------------------------------------------

    @property
    def missing(self) -> int:
        """Bytes of output that have not arrived, whether they wait, were dropped or not even kept."""
        ends = self._spool.ends
        sent = sum(self._offsets[name].sent for name in ends if name in self._offsets)
        return self.lost + sum(ends.values()) - sent

    def is_shared(self, stream: str) -> bool:
        """Whether somebody else writes to this stream, too."""
        return self._offsets[stream].is_shared if stream in self._offsets else False

    def begins_at(self, stream: str) -> int | None:
        """The server's offset at which our part of a stream began; None while it is not known."""
        if stream in self._offsets:
            return self._offsets[stream].base
        return 0 if self._api.is_new else None

    def watch(self, stream: str) -> None:
        """Find out where a stream is, although nothing may be sent of it."""
        self._offsets.setdefault(stream, StreamOffset())

    def locate_watched(self) -> None:
        """Ask where streams are of which nothing was sent; where that is not told, nothing is claimed."""
        for name, offset in list(self._offsets.items()):
            if offset.base is None:
                offset.base = 0 if self._api.is_new else self._api.ask_for_offset(name).upload_offset
                if offset.base is None:
                    del self._offsets[name]

    def _locate(self, name: str, offset: StreamOffset) -> None:
        if offset.state is OffsetState.UNKNOWN and self._api.is_new:
            offset.begin()
            return
        answer = self._api.ask_for_offset(name)
        if answer.upload_offset is None:
            self._attempts.refused(answer, self._deadline.is_closing)
        else:
            self._resume(name, offset, answer.upload_offset)

    def _resume(self, name: str, offset: StreamOffset, at_server: int) -> None:
        offset.resume(at_server, self._spool.end(name))
        self._spool.confirm(name, offset.sent)

    # --- sending ---------------------------------------------------------------------------

    def send(self, name: str) -> None:
        """Send the oldest output of a stream. Raises Unreachable, and GivenUp where the job takes none."""
        offset = self._offsets.setdefault(name, StreamOffset())
        if offset.state is not OffsetState.CERTAIN:
            self._locate(name, offset)
        self._skip_dropped(name, offset)
        most = self._size.most
        data, ends_line = self._spool.read(name, offset.sent, most, self._until(name))
        if not data:
            # All that is left of the oldest block has arrived.
            self._spool.confirm(name, offset.sent)
            return
        if ends_line:
            data = data[: border(data, most) or len(data)]
        sizes = [len(data)]
        body = data if ends_line else self._long_line(name, offset.sent, data, sizes)
        answer = self._put(name, offset, body)
        self._answered(name, offset, sum(sizes), answer)

    def _until(self, name: str) -> float:
        """The place in the order up to which output of a stream may be sent now."""
        before = self._next_update()
        few = self._spool.blocks <= _ORDERED_BLOCKS
        return min(before, self._spool.others_from(name)) if few else before

    def _put(self, name: str, offset: StreamOffset, body: bytes | Iterator[bytes]) -> ServerAnswer:
        began = time.monotonic()
        try:
            answer = self._api.put_output(name, offset.at_server, body)
        except Unreachable:
            offset.doubt()
            raise
        self._size.answered(time.monotonic() - began, self._spool.waiting)
        return answer

    def _skip_dropped(self, name: str, offset: StreamOffset) -> None:
        """Output that was dropped for want of room: say so in its place, and go on behind it."""
        gone = self._spool.start(name) - offset.sent
        if gone > 0:
            self._post_notice(name, offset.sent, gone)
            self.lost += gone
            offset.skip(gone)

    def _long_line(self, name: str, start: int, begin: bytes, sizes: list[int]) -> Iterator[bytes]:
        """A line that is too long to wait for its end: its parts as they come, and their sizes.

        They are kept until the answer has come, since until then the server has counted nothing of it.
        """
        yield begin
        place, last = start + len(begin), time.monotonic()
        while not self._deadline.is_over(time.monotonic()):
            data, ends_line = self._spool.read(name, place, BLOCK_BYTES, float("inf"))
            if data:
                yield data
                sizes.append(len(data))
                place, last = place + len(data), time.monotonic()
                if ends_line:
                    return
            elif self._ends_long_line(name, place, last):
                return
            else:
                with self._spool.changed:
                    self._spool.changed.wait(GATHER_S)

    def _ends_long_line(self, name: str, place: int, last: float) -> bool:
        """Whether no more of a line is waited for: the command ended, is silent, or too much was dropped."""
        is_silent = time.monotonic() > last + _SILENT_LINE_S
        return self._deadline.is_closing or is_silent or self._spool.start(name) > place

    def _answered(self, name: str, offset: StreamOffset, size: int, answer: ServerAnswer) -> None:
        outcome = output_outcome(answer, self._size.limit)
        if outcome is OutputOutcome.TAKEN:
            self._attempts.taken()
            self._heartbeats.heard(time.monotonic())
            offset.advance(size, answer.data["offset"])
            self._spool.confirm(name, offset.sent)
            return
        offset.doubt()
        if outcome is OutputOutcome.MOVED:
            self._resume(name, offset, answer.data["offset"])
        elif outcome is OutputOutcome.TOO_LARGE:
            self._size.too_large(size)
        elif self._api.corrects_guess(answer):
            return
        elif outcome is OutputOutcome.NO_STREAM:
            self._leave_out(name, offset, size, answer)
        elif outcome is OutputOutcome.REFUSED:
            raise GivenUp(answer.reason())
        else:
            self._attempts.refused(answer, self._deadline.is_closing)

    def _leave_out(self, name: str, offset: StreamOffset, size: int, answer: ServerAnswer) -> None:
        """Output that never will be taken is counted as lost, so that the rest of the report arrives."""
        self._attempts.taken()
        self._attempts.problem = answer.reason()
        self.lost += size
        offset.skip(size)
        self._spool.confirm(name, offset.sent)

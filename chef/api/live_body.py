"""A log body as it comes: lines that arrive together are stored together, and nothing waits for long."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Literal

import gevent
from flask import Request
from gevent.queue import Empty, Queue

from chef.errors import BadRequest, RequestTimeout, StoreUnavailable

# Lines wait this long for others to share a commit with (contract: 200 ms from newline to viewer).
GATHER_S = 0.04
# With so much a commit waits for no more. It takes what is there by then, and no more than this and what
# may wait unread.
BLOCK_BYTES = 64 * 1024
_READ_BYTES = 64 * 1024
_WAITING_BLOCKS = 4
# A server that stops takes the rest of a body for so long; a client that sends on then gets an answer.
LEAVE_S = 4.0
# A body that is quiet for so long gives an empty block.
_QUIET_S = 0.5

_End = Literal["end", "broken", "slow"]


def read_live(
    request: Request, is_closing: Callable[[], bool], is_watched: Callable[[], bool]
) -> Iterator[bytes]:
    """The body in blocks, each at most `GATHER_S` after its first byte: of what comes faster, larger ones.

    A body that is quiet gives an empty block twice a second, for whoever has something unfinished.
    While it `is_watched` blocks stay small, so that its viewers are served from memory and the others soon.
    Raises BadRequest where the body breaks off, RequestTimeout where it stands still, and
    StoreUnavailable, with the rest unread, where `is_closing` says so and the body is quiet or goes on for
    `LEAVE_S`; all after what had arrived was given.
    """
    blocks: Queue[bytes | _End] = Queue(_WAITING_BLOCKS)
    stream = request.environ["wsgi.input"]
    if (may_be_quiet := getattr(stream, "may_be_quiet", None)) is not None:
        may_be_quiet()  # A build prints nothing for as long as it likes.
    reader = gevent.spawn(_read, stream, _length(request), blocks)
    try:
        yield from _gathered(blocks, is_closing, is_watched)
    finally:
        if not reader.ready():
            reader.kill()
            _abandon(stream)


def _length(request: Request) -> int | None:
    """How long the body says it is; `None` where it ends by itself (chunked)."""
    if request.content_length is None and not request.environ.get("wsgi.input_terminated"):
        return 0
    return request.content_length


def _abandon(stream: Any) -> None:
    abandon = getattr(stream, "abandon", None)
    if abandon is not None:
        abandon()


def _read(stream: Any, length: int | None, blocks: Queue[bytes | _End]) -> None:
    """The reading greenlet: from the connection into the queue, which holds it back when it is full."""
    read_some = getattr(stream, "read_some", stream.read)
    end: _End = "broken"
    size = 0
    try:
        while length is None or size < length:
            block = read_some(_READ_BYTES if length is None else min(_READ_BYTES, length - size))
            if not block:
                break
            size += len(block)
            blocks.put(block)
        if length is None or size >= length:
            end = "end"
    except TimeoutError:
        end = "slow"
    except Exception:  # noqa: BLE001 - the body breaks off, or its chunks are no chunks
        end = "broken"
    # Not in a `finally`: a killed greenlet must not wait for room in a queue that nobody reads any more.
    blocks.put(end)


def _gathered(
    blocks: Queue[bytes | _End], is_closing: Callable[[], bool], is_watched: Callable[[], bool]
) -> Iterator[bytes]:
    end: _End | None = None
    until: float | None = None
    while end is None:
        if is_closing():
            until = until or time.monotonic() + LEAVE_S
            if time.monotonic() >= until:
                raise _stopping()
        first = _next(blocks, is_closing)
        if first is None:
            yield b""
            continue
        gathered = bytearray()
        with gevent.Timeout(GATHER_S, False):  # type: ignore[arg-type]
            item: bytes | _End = first
            while not isinstance(item, str):
                gathered += item
                if len(gathered) >= BLOCK_BYTES and (blocks.empty() or is_watched()):
                    break
                item = blocks.get()
            else:
                end = item
        if gathered:
            yield bytes(gathered)
    if end == "slow":
        raise RequestTimeout("a body with a Content-Length must not stand still (CHEF_BODY_TIMEOUT)")
    if end == "broken":
        raise BadRequest("the body breaks off before its end")


def _next(blocks: Queue[bytes | _End], is_closing: Callable[[], bool]) -> bytes | _End | None:
    """The next block; `None` where none comes for a while."""
    try:
        found: bytes | _End = blocks.get(timeout=_QUIET_S)
    except Empty:
        if is_closing():
            raise _stopping() from None
        return None
    return found


def _stopping() -> StoreUnavailable:
    return StoreUnavailable("the server is stopping: go on from the offset that HEAD tells")

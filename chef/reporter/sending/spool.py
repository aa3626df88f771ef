"""Output that waits to be sent: little of it in memory, more on disk, and of too much the newest.

One thread puts, another takes. All that was taken is kept until it is confirmed, so that sending can begin
again from any place of it.
"""

from __future__ import annotations

import tempfile
import threading
from collections import deque
from typing import IO

from chef.reporter.output.lines import border

MEMORY_BYTES = 4 * 1024 * 1024
DISK_BYTES = 64 * 1024 * 1024
BLOCK_BYTES = 64 * 1024
FILE_BYTES = 2 * 1024 * 1024
# With more waiting than this the order between streams is kept by blocks only, not by lines.
BUSY_BYTES = 256 * 1024


class SpoolFile:
    """A part of the room on disk: a file without a name, gone with the last of its blocks."""

    def __init__(self) -> None:
        self.content: IO[bytes] = tempfile.TemporaryFile(prefix="chef-")
        self.size = 0
        self.blocks = 0


class Block:
    """Some output of one stream; `number` is its place among all, `start` that in the stream.

    `data` is None where it is on disk. `ends_line`: it ends where a line does.
    """

    __slots__ = ("data", "ends_line", "file", "number", "size", "start", "stream", "where")

    def __init__(self, stream: str, number: int, start: int, ends_line: bool) -> None:
        self.stream = stream
        self.number = number
        self.start = start
        self.ends_line = ends_line
        self.size = 0
        self.data: bytearray | None = bytearray()
        self.file: SpoolFile | None = None
        self.where = 0

    @property
    def end(self) -> int:
        return self.start + self.size

    def read(self) -> bytes:
        """Its output, wherever that is."""
        if self.data is not None:
            return bytes(self.data)
        assert self.file is not None
        self.file.content.seek(self.where)
        return self.file.content.read(self.size)


class Spool:
    """The blocks of all streams. `changed` guards them; it is notified of what is new."""

    def __init__(self, memory_bytes: int = MEMORY_BYTES, disk_bytes: int = DISK_BYTES) -> None:
        self.changed = threading.Condition(threading.RLock())
        self.waiting = 0
        self._memory_limit = memory_bytes
        self._disk_limit = disk_bytes
        self._blocks: dict[str, deque[Block]] = {}
        self._ends: dict[str, int] = {}
        self._number = 0
        self._newest: Block | None = None
        self._sealed = 0
        self._files: list[SpoolFile] = []
        self._in_memory = 0
        self._closed = False

    def put(self, stream: str, data: bytes, ends_line: bool = True) -> None:
        """Add output. Waits for nothing but the disk."""
        with self.changed:
            before = self.waiting
            while len(data) > BLOCK_BYTES:
                end = border(data, BLOCK_BYTES)
                self._put(stream, data[: end or BLOCK_BYTES], end > 0)
                data = data[end or BLOCK_BYTES :]
            self._put(stream, data, ends_line)
            # The thread that gathers looks again by itself: waking it for each line would cost too much.
            if not before or before < BLOCK_BYTES <= self.waiting:
                self.changed.notify_all()

    def seal(self) -> int:
        """A place in the order for something else than output: what is put from now on comes after it."""
        with self.changed:
            self._number += 1
            self._sealed = self._number
            return self._number

    def first(self) -> Block | None:
        """The oldest block that is not confirmed."""
        with self.changed:
            firsts = [blocks[0] for blocks in self._blocks.values() if blocks]
            return min(firsts, key=lambda block: block.number) if firsts else None

    def others_from(self, stream: str) -> float:
        """The place in the order of the oldest block of any other stream."""
        with self.changed:
            firsts = [blocks[0].number for name, blocks in self._blocks.items() if blocks and name != stream]
            return min(firsts) if firsts else float("inf")

    @property
    def blocks(self) -> int:
        """How many blocks are not confirmed."""
        return sum(map(len, self._blocks.values()))

    def end(self, stream: str) -> int:
        """How much of a stream was put so far."""
        with self.changed:
            return self._ends.get(stream, 0)

    @property
    def ends(self) -> dict[str, int]:
        """How much of each stream was put so far, whether or not it is still here."""
        with self.changed:
            return dict(self._ends)

    def start(self, stream: str) -> int:
        """The place of a stream's oldest byte that is still here, or of the next to come."""
        with self.changed:
            blocks = self._blocks.get(stream)
            return blocks[0].start if blocks else self._ends.get(stream, 0)

    def read(self, stream: str, start: int, most: int, before: float) -> tuple[bytes, bool]:
        """Output of a stream from a place on, of blocks with a number below `before`.

        About `most` bytes, up to the end of a line where there is one. The second value says whether
        it ends with one; nothing at all where the place is not here.
        """
        with self.changed:
            parts: list[bytes] = []
            size, ends_line = 0, True
            for block in self._blocks.get(stream, ()):
                if block.end <= start:
                    continue
                if block.start > start or block.number >= before or (size and size + block.size > most):
                    break
                if parts and ends_line and not block.ends_line:
                    break
                parts.append(block.read()[start - block.start :])
                size, start, ends_line = size + len(parts[-1]), block.end, block.ends_line
            return b"".join(parts), ends_line

    def confirm(self, stream: str, end: int) -> None:
        """The stream's output up to a place has arrived."""
        with self.changed:
            blocks = self._blocks.get(stream)
            while blocks and blocks[0].end <= end:
                self._forget(blocks.popleft())

    def close(self) -> None:
        """Give back all room, and keep nothing from now on."""
        with self.changed:
            self._closed = True
            for blocks in self._blocks.values():
                while blocks:
                    self._forget(blocks.popleft())
            while self._files:
                self._files.pop().content.close()

    def _put(self, stream: str, part: bytes, ends_line: bool) -> None:
        if not self._closed:
            block = self._open_block(stream, len(part), ends_line) or self._new_block(stream, ends_line)
            assert block.data is not None
            block.data += part
            block.size += len(part)
            self._in_memory += len(part)
            self.waiting += len(part)
        self._ends[stream] = self.end(stream) + len(part)

    def _open_block(self, stream: str, size: int, ends_line: bool) -> Block | None:
        """The stream's newest block where this may be added to it."""
        blocks = self._blocks.get(stream)
        if not blocks:
            return None
        block = blocks[-1]
        in_order = block is self._newest or self.waiting > BUSY_BYTES
        is_open = block.data is not None and block.number > self._sealed and block.ends_line and ends_line
        return block if is_open and in_order and block.size + size <= BLOCK_BYTES else None

    def _new_block(self, stream: str, ends_line: bool) -> Block:
        blocks = self._blocks.setdefault(stream, deque())
        if blocks and self._in_memory > self._memory_limit:
            self._move_to_disk(blocks[-1])
        self._number += 1
        block = self._newest = Block(stream, self._number, self.end(stream), ends_line)
        blocks.append(block)
        return block

    def _move_to_disk(self, block: Block) -> None:
        if block.data is None:
            return
        file = self._file_for(block)
        if file is None:
            return
        try:
            file.content.seek(file.size)
            file.content.write(block.data)
            file.content.flush()
        except OSError:
            self._disk_limit = 0  # The disk is full: what is on it stays, nothing is added.
            self._drop_for(block)
            return
        block.file, block.where = file, file.size
        file.size += block.size
        file.blocks += 1
        self._in_memory -= block.size
        block.data = None

    def _file_for(self, block: Block) -> SpoolFile | None:
        """Where on disk a block may go; None where room was made for it in memory."""
        if not self._has_room_on_disk(block.size) and self._drop_for(block):
            return None
        if self._files and self._files[-1].size + block.size <= FILE_BYTES:
            return self._files[-1]
        try:
            self._files.append(SpoolFile())
        except OSError:
            self._disk_limit = 0
            self._drop_for(block)
            return None
        return self._files[-1]

    def _has_room_on_disk(self, size: int) -> bool:
        return sum(file.size for file in self._files) + size <= self._disk_limit

    def _drop_for(self, block: Block) -> bool:
        """Drop the oldest blocks until this one has room; True where that is in memory."""
        while self._in_memory > self._memory_limit and not self._has_room_on_disk(block.size):
            oldest = self.first()
            if oldest is None or oldest is block:
                break
            self._forget(self._blocks[oldest.stream].popleft())
        return self._in_memory <= self._memory_limit or not self._has_room_on_disk(block.size)

    def _forget(self, block: Block) -> None:
        self.waiting -= block.size
        if block is self._newest:
            self._newest = None
        file = block.file
        if file is None:
            self._in_memory -= block.size
            return
        file.blocks -= 1
        if not file.blocks and file is not self._files[-1]:
            self._files.remove(file)
            file.content.close()
        elif not file.blocks:
            file.size = 0

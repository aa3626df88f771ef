r"""Output into whole lines, so that nothing is sent that the rest of a line could change. Pure.

A body of log text ends its last line, so bodies should end where lines do: at `\n` or at `\r`.
"""

from __future__ import annotations

import zlib

# An unfinished line that is longer goes out in pieces.
LONG_LINE = 64 * 1024


def border(data: bytes, most: int) -> int:
    """Where the last line ends within the first `most` bytes; 0 where none does."""
    return max(data.rfind(b"\n", 0, most), data.rfind(b"\r", 0, most)) + 1


class LineGate:
    """Lets whole lines through and holds what is not ended yet, up to `LONG_LINE` bytes."""

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> bytes:
        """Take some output; returns all lines that it ends."""
        end = border(data, len(data))
        if not end:
            self._hold(data)
            return b""
        lines = b"".join([*self._held, data[:end]]) if self._held else data[:end]
        self._held.clear()
        self._size = 0
        if end < len(data):
            self._hold(data[end:])
        return lines

    @property
    def size(self) -> int:
        """How many bytes are held."""
        return self._size

    @property
    def is_long(self) -> bool:
        """Whether so much is held that some of it should go on."""
        return self._size >= LONG_LINE

    def take(self) -> bytes:
        """All that is held; nothing is, from then on."""
        held = b"".join(self._held)
        self._held.clear()
        self._size = 0
        return held

    def put_back(self, rest: bytes) -> None:
        """Hold this, the end of what was taken, until more comes."""
        self._hold(rest)

    def _hold(self, data: bytes) -> None:
        if data:
            self._held.append(data)
            self._size += len(data)


class StreamTotals:
    r"""The sums of a stream: bytes, lines (each `\n`, and a rest without one), CRC-32."""

    def __init__(self, size: int = 0, newlines: int = 0, crc: int = 0, unfinished: int = 0) -> None:
        self.bytes = size
        self._newlines = newlines
        self.crc = crc
        self._unfinished = bool(unfinished)

    def copy(self) -> StreamTotals:
        return StreamTotals(self.bytes, self._newlines, self.crc, self._unfinished)

    def state(self) -> list[int]:
        """The arguments that make the same again."""
        return [self.bytes, self._newlines, self.crc, int(self._unfinished)]

    def add(self, data: bytes) -> None:
        if data:
            self.bytes += len(data)
            self._newlines += data.count(b"\n")
            self.crc = zlib.crc32(data, self.crc)
            self._unfinished = not data.endswith(b"\n")

    @property
    def lines(self) -> int:
        return self._newlines + self._unfinished

    def claim(self) -> dict[str, object]:
        """As the server is told."""
        return {"bytes": self.bytes, "lines": self.lines, "crc32": "%08x" % (self.crc & 0xFFFFFFFF)}

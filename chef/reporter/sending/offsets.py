"""How far the server is in a stream of output, by its own offsets. Pure."""

from __future__ import annotations

import enum


class OffsetState(enum.Enum):
    """How well the server's offset in a stream is known."""

    UNKNOWN = "it has not been asked for"
    CERTAIN = "the server has told it, and nothing has gone wrong since"
    DOUBTFUL = "a request broke: it is asked for again"


class StreamOffset:
    """How far a stream is: `sent` bytes of ours have arrived, at the server's offset `sent + shift`.

    `base` is the server's offset of our first byte, None while that is not known. `is_shared`: somebody
    else writes to the stream, too.
    """

    def __init__(self) -> None:
        self.state = OffsetState.UNKNOWN
        self.sent = 0
        self.shift = 0
        self.base: int | None = None
        self.is_shared = False

    @property
    def at_server(self) -> int:
        """The server's offset of the next byte."""
        return self.sent + self.shift

    def begin(self) -> None:
        """The job is new: its streams are empty."""
        self.resume(0, 0)

    def resume(self, offset: int, end: int) -> None:
        """Go on from the server's offset, where we have output of the stream up to `end`."""
        place = self.sent if self.state is OffsetState.UNKNOWN else offset - self.shift
        if self.sent <= place <= end:
            self.sent = place
        else:
            # Not what we left: another store, or somebody else writes there. What comes is appended.
            self.is_shared = self.is_shared or place > self.sent
        self.shift = offset - self.sent
        self.base = offset if self.base is None else self.base
        self.state = OffsetState.CERTAIN

    def advance(self, size: int, offset: int) -> None:
        """So many bytes have arrived, and the server says that it is at this offset now."""
        self.is_shared = self.is_shared or offset > self.at_server + size
        self.sent += size

    def skip(self, size: int) -> None:
        """Go on behind so many bytes that never will be sent: the server's offset stays."""
        self.sent += size
        self.shift -= size

    def doubt(self) -> None:
        """A request broke: its body may or may not have arrived."""
        if self.state is OffsetState.CERTAIN:
            self.state = OffsetState.DOUBTFUL

"""The outputs of a command: pipes or a terminal of its own (a pty), and the places where they go on to."""

from __future__ import annotations

import os
import select
import selectors
import time
from typing import Callable

from chef.reporter.process.terminal import copy_window_size, ends_lines_plainly, is_in_front

READ_BYTES = 64 * 1024
# Output of less than this, so soon after other output of the same source, is followed by a rest.
_SMALL_BYTES = 1024
_SOON_S = 0.02
_REST_S = 0.01

TakeOutput = Callable[[str, bytes], None]


class OutputSource:
    """An output of the command: where we read it, where it goes to, which stream it is."""

    def __init__(self, fd: int, target: int, stream: str) -> None:
        self.fd = fd
        self.target = target
        self.stream = stream
        self.is_wanted = True


class CommandOutputs:
    """All outputs of one command. `master` is our side of its terminal, None where it has pipes.

    Output goes to where ours goes, unchanged, and then to `take`. With `pty` the command gets a terminal
    although our output is none.
    """

    def __init__(self, take: TakeOutput, selector: selectors.BaseSelector, pty: bool = False) -> None:
        self.master: int | None = None
        self._pty = pty
        self.last_output = 0.0
        self._take = take
        self._selector = selector
        self._sources: dict[int, OutputSource] = {}
        self._last_read = -1

    def __contains__(self, fd: int) -> bool:
        return fd in self._sources

    def __len__(self) -> int:
        return len(self._sources)

    def open(self) -> tuple[int, int]:
        """Open the ends that the command gets as stdout and stderr; the caller closes both."""
        if os.isatty(1) or self._pty:
            slave = self._open_terminal()
            return slave, slave if os.isatty(2) or not os.isatty(1) else self._pipe(2, "stderr")
        out = self._pipe(1, "stdout")
        # Two names of one place: one pipe for both keeps their order.
        return out, out if _same_file(1, 2) else self._pipe(2, "stderr")

    def pass_on(self, fd: int) -> None:
        """Read some output and pass it on."""
        size = self._pass_on(self._sources[fd])
        before, self.last_output = self.last_output, time.monotonic()
        self._rest(fd, size, self.last_output - before)

    def close(self) -> None:
        for source in list(self._sources.values()):
            self._close(source)
        if self.master is not None:
            os.close(self.master)
            self.master = None

    def _open_terminal(self) -> int:
        self.master, slave = os.openpty()
        os.set_blocking(self.master, False)
        copy_window_size(self.master)
        if not (os.isatty(1) and os.isatty(0) and is_in_front(0)):
            # Our terminal is not made raw (Keyboard): it adds a carriage return to each line itself.
            ends_lines_plainly(slave)
        self._add(self.master, 1, "stdout")
        return slave

    def _pipe(self, target: int, stream: str) -> int:
        reading, writing = os.pipe()
        self._add(reading, target, stream)
        return writing

    def _add(self, fd: int, target: int, stream: str) -> None:
        self._sources[fd] = OutputSource(fd, target, stream)
        self._selector.register(fd, selectors.EVENT_READ)

    def _rest(self, fd: int, size: int, pause: float) -> None:
        """Let small pieces of one output come together: being woken costs as much as many lines.

        Neither a terminal nor a command that writes much at once is made to wait. Another output ends the
        rest, and all that came before it is read first: streams keep their order.
        """
        is_small = 0 < size < _SMALL_BYTES and pause < _SOON_S
        if self.master is None and fd == self._last_read and is_small and fd in self._sources:
            others = [one for one in self._sources if one != fd]
            if _is_readable(others, _REST_S) and _is_readable([fd], 0):
                self._pass_on(self._sources[fd])
        self._last_read = fd

    def _pass_on(self, source: OutputSource) -> int:
        """The same; returns how many bytes it was."""
        try:
            data = os.read(source.fd, READ_BYTES)
        except BlockingIOError:
            return 0
        except OSError:  # Linux says so where nobody has the pty open any more.
            data = b""
        if not data:
            self._close(source)
            return 0
        try:
            if source.is_wanted:
                write_all(source.target, data)
        except OSError:
            # Nobody reads our output any more: the command shall notice, as it would without us.
            source.is_wanted = False
            if source.fd != self.master:
                self._close(source)
        self._take(source.stream, data)
        return len(data)

    def _close(self, source: OutputSource) -> None:
        if self._sources.pop(source.fd, None):
            self._selector.unregister(source.fd)
            if source.fd != self.master:
                os.close(source.fd)


def write_all(fd: int, data: bytes) -> None:
    """Write all of it, waiting where the other side is slow; raises OSError where nobody reads."""
    left = memoryview(data)
    while left:
        try:
            left = left[os.write(fd, left) :]
        except BlockingIOError:
            with selectors.DefaultSelector() as selector:
                selector.register(fd, selectors.EVENT_WRITE)
                selector.select()


def _is_readable(fds: list[int], seconds: float) -> bool:
    """Whether one of these can be read, at the latest after so many seconds."""
    poll = select.poll()
    for fd in fds:
        poll.register(fd, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


def _same_file(one: int, other: int) -> bool:
    try:
        return os.path.samestat(os.fstat(one), os.fstat(other))
    except OSError:
        return False

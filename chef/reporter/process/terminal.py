"""Our own terminal: its window, and the keys that are typed in it for the command's."""

from __future__ import annotations

import os
import selectors
import struct
from typing import Any

try:
    import fcntl
    import termios
    import tty
except ImportError:
    pass  # Windows: nothing can be run there (ReportedRun says so), all other commands work.

_MAX_TYPED = 64 * 1024
_CTRL_C = b"\x03"
# Rows and columns of the terminal of a command whose output is read by no terminal.
_WINDOW = (24, 120)


class Keyboard:
    """Passes on what is typed to the command's terminal, as it is: that one makes lines and signals of it.

    `master` is our side of the command's terminal. `was_interrupted`: Ctrl-C was typed there.
    """

    def __init__(self, master: int, selector: selectors.BaseSelector) -> None:
        self.was_interrupted = False
        self._master = master
        self._selector = selector
        self._typed = bytearray()
        self._is_read = False
        self._saved_mode: Any = None

    def start(self) -> None:
        """Take what is typed from here on, where our terminal is a keyboard that is ours to read."""
        if not os.isatty(0) or not is_in_front(0):
            return
        self._saved_mode = termios.tcgetattr(0)
        try:
            termios.tcsetattr(self._master, termios.TCSANOW, self._saved_mode)
        except termios.error:
            pass
        tty.setraw(0)
        self._is_read = True
        self._selector.register(0, selectors.EVENT_READ)

    def stop(self) -> None:
        """Leave our terminal as it was."""
        self._stop_reading()
        if self._saved_mode is not None:
            try:
                termios.tcsetattr(0, termios.TCSADRAIN, self._saved_mode)
            except termios.error:
                pass
            self._saved_mode = None

    def suspend(self) -> Any:
        """Leave our terminal as it was for a while; the result is for `resume`."""
        if self._saved_mode is None:
            return None
        mode = termios.tcgetattr(0)
        termios.tcsetattr(0, termios.TCSADRAIN, self._saved_mode)
        return mode

    @staticmethod
    def resume(mode: Any) -> None:
        """Go on where `suspend` left off."""
        if mode is not None and is_in_front(0):
            termios.tcsetattr(0, termios.TCSADRAIN, mode)

    def take(self) -> None:
        """Read what was typed."""
        try:
            typed = os.read(0, 4096)
        except BlockingIOError:
            return
        except OSError:
            typed = b""
        if not typed or len(self._typed) > _MAX_TYPED:
            self._stop_reading()
        if _CTRL_C in typed and self._makes_signals():
            self.was_interrupted = True
        self._typed += typed

    def pass_on(self) -> None:
        """Write what was typed, as much as the command's terminal takes."""
        while self._typed:
            try:
                del self._typed[: os.write(self._master, self._typed)]
            except BlockingIOError:
                return
            except OSError:
                self._typed.clear()

    def _stop_reading(self) -> None:
        if self._is_read:
            self._is_read = False
            self._selector.unregister(0)

    def _makes_signals(self) -> bool:
        """Whether the command's terminal makes a signal of Ctrl-C."""
        try:
            return bool(termios.tcgetattr(self._master)[3] & termios.ISIG)
        except termios.error:
            return False


def copy_window_size(master: int) -> None:
    """Give the command's terminal the size of ours; where we have none, the usual one."""
    try:
        size = fcntl.ioctl(1, termios.TIOCGWINSZ, b"\0" * 8)
    except OSError:
        size = struct.pack("HHHH", *_WINDOW, 0, 0)
    try:
        fcntl.ioctl(master, termios.TIOCSWINSZ, size)
    except OSError:
        pass


def ends_lines_plainly(slave: int) -> None:
    """Let a terminal pass on newlines as they are, without a carriage return before each."""
    mode = termios.tcgetattr(slave)
    mode[1] &= ~termios.ONLCR
    termios.tcsetattr(slave, termios.TCSANOW, mode)


def become_controlled_by(slave: int) -> None:
    """Begin a session of its own on a terminal; for the process that is about to become the command."""
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)


def has_terminal() -> bool:
    """Whether a terminal controls us and listens to our group."""
    try:
        fd = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return is_in_front(fd)
    finally:
        os.close(fd)


def is_in_front(fd: int) -> bool:
    """Whether our group is the one that a terminal listens to."""
    try:
        return os.tcgetpgrp(fd) == os.getpgrp()
    except OSError:
        return False

"""Signals that we get while a command runs."""

from __future__ import annotations

import os
import selectors
import signal
from typing import Any, Callable

FORWARDED = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")


class SignalHandlers:
    """Handlers that are in place for a while; each signal also wakes the selector."""

    def __init__(self, selector: selectors.BaseSelector) -> None:
        self._selector = selector
        self._old_handlers: dict[int, Any] = {}
        self._reading = self._writing = -1

    def install(self, handlers: dict[int, Callable[[int, Any], None]]) -> None:
        """Handle these; where a signal is ignored (nohup) the command ignores it as well, and so do we."""
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._reading, False)
        os.set_blocking(self._writing, False)
        self._selector.register(self._reading, selectors.EVENT_READ)
        signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
        for number, handler in handlers.items():
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._old_handlers[number] = signal.signal(number, handler)

    def remove(self) -> None:
        """Put the old handlers back."""
        for number, handler in self._old_handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(-1)
        if self._reading >= 0:
            os.close(self._reading)
            os.close(self._writing)
            self._reading = self._writing = -1

    def wake(self) -> None:
        """Wake the selector as a signal would; from any thread."""
        try:
            os.write(self._writing, b"\0")
        except OSError:
            pass  # Not installed, or no more; or so many wake it that one more is none.

    def take(self, fd: int) -> bool:
        """Whether a signal has made this readable; then it is read."""
        if fd != self._reading:
            return False
        try:
            while os.read(fd, 4096):
                pass
        except OSError:
            pass
        return True

"""Where connections come in: accepting them, and turning away those that may not stay.

Here is the border to the operating system as far as the listening socket is concerned.
"""

from __future__ import annotations

import _socket
import errno
from collections import deque
from contextlib import suppress
from time import monotonic
from typing import Any

# A connection that is turned away keeps its descriptor for a moment, so that its peer can read why.
_LEAVE_S = 1.0
_MOST_LEAVING = 100
_REQUEST_BYTES = 64 * 1024


class AcceptFailed(OSError):
    """The next connection cannot be accepted."""


class NoDescriptor(AcceptFailed):
    """There is no descriptor for it, so that its peer cannot even be told."""


def accept(listener: Any) -> tuple[int, Any] | None:
    """The descriptor and the address of the next connection; `None` where none waits.

    Raises `NoDescriptor`, and `AcceptFailed` for what else is wrong with the listening socket.
    """
    while True:
        try:
            accepted: tuple[int, Any] = listener._accept()
        except BlockingIOError:
            return None
        except ConnectionAbortedError:
            continue  # It has gone while it waited.
        except OSError as error:
            out = error.errno in (errno.EMFILE, errno.ENFILE)
            raise (NoDescriptor if out else AcceptFailed)(error.errno, error.strerror) from error
        return accepted


class TurnedAway:
    """The connections that were refused without a word of theirs, until their peers have read why."""

    def __init__(self) -> None:
        self._leaving: deque[tuple[float, _socket.socket]] = deque()

    def refuse(self, descriptor: int, answer: bytes, *, lingers: bool) -> None:
        """Answer a connection and close it: after a moment, or at once where descriptors are short."""
        leaving = _socket.socket(fileno=descriptor)
        leaving.setblocking(False)
        # Closed with its request unread it would be reset, and its peer might lose the answer.
        with suppress(OSError):
            leaving.send(answer)
            leaving.shutdown(_socket.SHUT_WR)
            leaving.recv(_REQUEST_BYTES)
        if not lingers:
            leaving.close()
            return
        self._leaving.append((monotonic() + _LEAVE_S, leaving))
        if len(self._leaving) > _MOST_LEAVING:
            self._leaving.popleft()[1].close()

    def let_go(self) -> None:
        """Close those whose moment is over."""
        now = monotonic()
        while self._leaving and self._leaving[0][0] <= now:
            self._leaving.popleft()[1].close()

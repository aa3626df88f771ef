"""Work beside the requests: looks at the store now and then, and the upkeep of what is in it."""

from __future__ import annotations

import logging
from collections.abc import Callable

import gevent
from gevent.event import Event

from chef.errors import ChefError

log = logging.getLogger(__name__)


class BackgroundTask:
    """Does `work` again and again, in a greenlet of its own, whatever comes of it.

    A store that is away, or any other refusal, is one line in the log until the work was done again. So is a
    fault, with its traceback. `trouble` begins that line: it says what does not happen meanwhile. The work is
    then tried again within `retry_s` seconds, if that is given.
    """

    def __init__(self, work: Callable[[], object], trouble: str, retry_s: float | None = None) -> None:
        self._work = work
        self._trouble = trouble
        self._retry_s = retry_s
        self._wake = Event()
        self._told: type[Exception] | None = None
        self._greenlet: gevent.Greenlet[..., None] | None = None
        self._is_closed = False

    @property
    def runs(self) -> bool:
        """Whether it has begun, and was not closed."""
        return self._greenlet is not None and not self._is_closed

    def start(self, every_s: float | None) -> None:
        """Begin, unless it has begun: the work is done after so many seconds each time, and when it is woken.

        `None`: when it is woken only. Needs the event loop.
        """
        if self._greenlet is None and not self._is_closed:
            self._greenlet = gevent.spawn(self._run_for_ever, every_s)

    def wake(self) -> None:
        """Have the work done now, and once more if it is being done. Never waits."""
        self._wake.set()

    def close(self) -> None:
        """Stop, also in the middle of the work, and for good."""
        self._is_closed = True
        if self._greenlet is not None:
            self._greenlet.kill()

    def _run_for_ever(self, every_s: float | None) -> None:
        pause = every_s
        while True:
            self._wake.wait(pause)
            self._wake.clear()
            pause = every_s
            if not self._try() and self._retry_s is not None:
                pause = self._retry_s if every_s is None else min(every_s, self._retry_s)

    def _try(self) -> bool:
        """Do the work once; returns whether it was done."""
        try:
            self._work()
        except ChefError as error:
            if self._is_new(ChefError):
                log.warning("%s: %s", self._trouble, error)
        except Exception as error:
            if self._is_new(type(error)):
                log.exception("%s", self._trouble)
        else:
            self._told = None
            return True
        return False

    def _is_new(self, kind: type[Exception]) -> bool:
        told, self._told = self._told, kind
        return told is not kind

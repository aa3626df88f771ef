"""Equal reads that wait at the same time are one read: a thousand viewers that come at once ask alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar, cast

from gevent.event import AsyncResult

K = TypeVar("K")
T = TypeVar("T")


class SharedReads(Generic[K, T]):
    """Calls `read` for a key on behalf of all callers that ask for it meanwhile.

    Each gets what was read after it asked: a caller that comes while a read runs shares the next one with
    all others that do, since the one that runs may have looked already.
    """

    def __init__(self, read: Callable[[K], T]) -> None:
        self._read = read
        self._running: dict[K, AsyncResult[T]] = {}
        self._next: dict[K, AsyncResult[T]] = {}

    def __call__(self, key: K) -> T:
        """The value that is read now; raises what the read raises."""
        result = self._next.get(key)
        if result is not None:
            return cast("T", result.get())
        result = self._next[key] = AsyncResult()
        try:
            while key in self._running:
                self._running[key].wait()
            self._running[key] = self._next.pop(key)
            result.set(self._read(key))
        except BaseException as error:
            # Whoever shares it must not wait for ever, whatever ends this greenlet.
            result.set_exception(error)
            raise
        finally:
            for which in (self._next, self._running):
                if which.get(key) is result:
                    del which[key]
        return cast("T", result.get())

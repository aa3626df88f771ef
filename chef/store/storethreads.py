"""The store's native threads. What a single one is given is done in order, and comes back in order.

gevent's pools make a watcher, two queues' locks and a result object for each call, which took longer
than the transaction that was called. Here two queues and one watcher serve all of them.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

import gevent
from gevent import get_hub
from gevent.hub import Waiter
from gevent.monkey import get_original
from gevent.threadpool import ThreadPool

from chef.errors import StoreUnavailable

log = logging.getLogger(__name__)

T = TypeVar("T")
Done = Callable[[Any, Exception | None], object]

# The one that blocks its thread; what gevent puts in its place lets other greenlets run.
_SimpleQueue = get_original("queue", "SimpleQueue")


class StoreThreads:
    """So many native threads at most, each begun with the first work that finds none idle.

    Only the event loop's thread may call it.
    """

    def __init__(self, most: int = 1) -> None:
        self._most = most
        self._work: Any = _SimpleQueue()
        self._results: deque[tuple[Done, Any, Exception | None]] = deque()
        self._signal: Any = None
        self._threads: list[Any] = []
        self._unfinished = 0
        self._stopped = False

    def begin(self, work: Callable[[], Any], done: Done) -> None:
        """Have something done in a thread.

        `done` gets what it returned or raised, on the event loop; it must not wait. Raises StoreUnavailable
        once they are stopped: a thread that was begun then would take the word to end from another one.
        """
        if self._stopped:
            raise StoreUnavailable("the server is stopping")
        if self._unfinished >= len(self._threads) < self._most:
            self._start()
        self._unfinished += 1
        self._work.put((work, done))

    def _start(self) -> None:
        if not self._threads:
            self._signal = get_hub().loop.async_()
            self._signal.start(self._deliver)
        self._threads.append(ThreadPool(1).spawn(self._serve))

    def run(self, work: Callable[[], T], within: float | None = None) -> T:
        """Have something done in a thread and wait for it; other greenlets go on meanwhile.

        Raises TimeoutError where that takes longer than `within` seconds; what no thread has begun by
        then is left.
        """
        waiting: list[Any] = [Waiter()]
        self.begin(
            lambda: work() if waiting else None, lambda *outcome: waiting and waiting[0].switch(outcome)
        )
        timeout = gevent.Timeout.start_new(within)
        try:
            result, error = waiting[0].get()
        except gevent.Timeout as late:
            if late is not timeout:
                raise
            waiting.clear()
            raise TimeoutError from None
        finally:
            timeout.close()
        if error is not None:
            raise error
        found: T = result
        return found

    def _serve(self) -> None:
        while (task := self._work.get()) is not None:
            work, done = task
            try:
                self._results.append((done, work(), None))
            except Exception as error:  # noqa: BLE001 - raised where it was asked for
                self._results.append((done, None, error))
            del task, work, done  # Not until something else comes.
            self._signal.send()

    def _deliver(self) -> None:
        while self._results:
            done, result, error = self._results.popleft()
            self._unfinished -= 1
            try:
                done(result, error)
            except Exception:
                log.exception("what the store did could not be handed on")

    def stop(self) -> None:
        """Do what was given, then end the threads; nothing is taken from now on."""
        self._stopped = True
        if not self._threads:
            return
        threads, self._threads = self._threads, []
        for _ in threads:
            self._work.put(None)
        for thread in threads:
            thread.get()
        while self._results:
            gevent.sleep(0)
        self._signal.stop()
        self._signal.close()

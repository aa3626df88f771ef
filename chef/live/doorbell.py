"""Several processes as one server: Redis says that there is something new, the store says what.

A doorbell rings "job J is at seq N". It may be lost, repeated or late (stack-traps 6): whoever misses
it finds out by the hub's safety poll, and nobody ever sees anything that is not in the store. The
processes also tell each other how many viewers they have.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import gevent
import redis
from gevent.event import Event as Wakeup

from chef.domain.ledger import Stored
from chef.domain.model import StateEntry
from chef.live.hub import Hub
from chef.live.rooms import Key
from chef.wire.strict import dumps, loads

log = logging.getLogger(__name__)

_CHANNEL = "chef:doorbell"
_COUNTS = "chef:viewers:"
_VIEWERS = "viewers"
# So soon the others learn that viewers came or went, and so often all is counted anew.
_LOOK_S = 0.2
_COUNT_EVERY_S = 5
_COUNT_LIVES_S = 16
_RETRY_S = 1.0
_TIMEOUT_S = 2
# News that do not get through while Redis is away are left to the safety poll.
_MOST_WAITING = 10_000


class Doorbell:
    """Rings for this process's commits and listens for those of others.

    `count` gives the number of this process's viewers.
    """

    def __init__(self, url: str, hub: Hub, count: Callable[[], int]) -> None:
        self._redis = redis.Redis.from_url(
            url,
            socket_timeout=_TIMEOUT_S,
            socket_connect_timeout=_TIMEOUT_S,
            socket_keepalive=True,
            health_check_interval=5,
        )
        self._hub = hub
        self._count = count
        self._id = secrets.token_hex(8)
        self._waiting: dict[Key, int] = {}
        self._wake = Wakeup()
        self._tasks: list[gevent.Greenlet[..., None]] = []
        self._quiet = False
        self._told = -1
        self._others: dict[str, int] = {}

    def start(self) -> None:
        """Begin to ring and to listen; needs the event loop."""
        loops = (self._ring_for_ever, self._listen_for_ever, self._count_for_ever)
        self._tasks = [gevent.spawn(loop) for loop in loops]

    def close(self) -> None:
        """Stop, and take this process's viewers out of the count."""
        gevent.killall(self._tasks)
        try:
            self._redis.delete(_COUNTS + self._id)
            self._publish([[_VIEWERS, self._id, 0]])
            self._redis.close()
        except redis.RedisError:
            pass  # The count runs out by itself.

    @property
    def viewers(self) -> int:
        """How many viewers all processes have, as far as they have said lately."""
        return self._count() + sum(self._others.values())

    def ring(self, stored: Sequence[Stored]) -> None:
        """Tell the other processes of new entries. Never waits."""
        for item in stored:
            self._waiting["job", item.job.job_id] = item.entry.seq
            if isinstance(item.entry, StateEntry):
                self._waiting["project", item.job.project_id] = item.entry.project_seq
        if len(self._waiting) > _MOST_WAITING:
            self._waiting.clear()
        self._wake.set()

    def _ring_for_ever(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            waiting, self._waiting = self._waiting, {}
            news = [[kind, name, head] for (kind, name), head in waiting.items()]
            if news:
                self._try(partial(self._publish, news))

    def _publish(self, news: list[list[Any]]) -> None:
        self._redis.publish(_CHANNEL, dumps([self._id, news]))

    def _listen_for_ever(self) -> None:
        while True:
            if not self._try(self._listen):
                gevent.sleep(_RETRY_S)

    def _listen(self) -> None:
        with self._redis.pubsub(ignore_subscribe_messages=True) as subscription:  # type: ignore[no-untyped-call]
            subscription.subscribe(_CHANNEL)
            self._hub.load_heads()  # For news that came while nobody listened.
            while True:
                message = subscription.get_message(timeout=_TIMEOUT_S)
                if message is not None:
                    self._hear(message["data"])

    def _hear(self, data: bytes) -> None:
        sender, news = loads(data)
        if sender == self._id:
            return
        for kind, name, number in news:
            if kind == _VIEWERS:
                self._others[name] = number
            else:
                self._hub.raise_head((kind, name), number)

    def _count_for_ever(self) -> None:
        while True:
            self._try(self._exchange_counts)
            for _ in range(int(_COUNT_EVERY_S / _LOOK_S)):
                gevent.sleep(_LOOK_S)
                if self._count() != self._told:
                    self._try(self._tell_count)

    def _tell_count(self) -> None:
        self._told = count = self._count()
        self._redis.set(_COUNTS + self._id, count, ex=_COUNT_LIVES_S)
        self._publish([[_VIEWERS, self._id, count]])

    def _exchange_counts(self) -> None:
        """Count anew: of a process that died nobody tells."""
        self._tell_count()
        names = [name.decode() for name in self._redis.scan_iter(_COUNTS + "*")]
        others = [name for name in names if name != _COUNTS + self._id]
        counts: Any = self._redis.mget(others) if others else []
        pairs = zip(others, counts, strict=True)
        self._others = {name.removeprefix(_COUNTS): int(count or 0) for name, count in pairs}

    def _try(self, action: Callable[[], object]) -> bool:
        """Do something with Redis; one log line when it goes away and one when it is back."""
        try:
            action()
        except Exception as error:  # noqa: BLE001 - whatever it is, the store has the truth
            if not self._quiet:
                log.warning("Redis does not answer (%s): other processes learn by the safety poll", error)
            self._quiet = True
            return False
        if self._quiet:
            log.info("Redis is back")
        self._quiet = False
        return True

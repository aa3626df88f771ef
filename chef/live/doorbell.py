"""Several processes as one server: a doorbell says that there is something new, the store says what.

A ring says "job J is at seq N". It may be lost, repeated, late or somebody else's (stack-traps 6): a process
that misses it finds out by the hub's safety poll, and whatever it says is looked up in the store before it
counts. The processes also tell each other how many viewers they have.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Mapping, Sequence

import gevent
from gevent.event import Event as Wakeup

from chef.domain.ledger import Stored
from chef.domain.model import StateEntry
from chef.errors import StoreUnavailable
from chef.live.bellmessages import NewHeads, NotOurs, Presence, decode, encode, rings
from chef.live.broadcast import Broadcast
from chef.live.hub import Hub
from chef.live.rooms import Key
from chef.live.viewercounts import COUNT_EVERY_S, OtherViewers
from chef.metrics import CountByLabel

log = logging.getLogger(__name__)

# So soon the others learn that viewers came or went.
_LOOK_S = 0.2
_RETRY_S = 1.0
# What is stored within this time is one ring. It is the most that a ring is late.
_REST_S = 0.01
# News that do not get through while the service is away are left to the safety poll.
_MOST_WAITING = 10_000


class Doorbell:
    """Rings for this process's commits and listens for those of others.

    `count` gives the number of this process's viewers, `ignored` counts messages that are not ours.
    """

    def __init__(
        self, broadcast: Broadcast, hub: Hub, count: Callable[[], int], ignored: CountByLabel
    ) -> None:
        self._broadcast = broadcast
        self._hub = hub
        self._count = count
        self._ignored = ignored
        self._id = secrets.token_hex(8)
        self._others = OtherViewers()
        self._tasks: list[gevent.Greenlet[..., None]] = []
        self._quiet = False
        # What is to be told, and what was told by others and is to be looked up; each with its wake-up.
        self._stored: dict[Key, int] = {}
        self._news = Wakeup()
        self._claimed: dict[Key, int] = {}
        self._look_at_all = False
        self._heard = Wakeup()
        self._listens = False
        self._heard_at = time.monotonic()
        # The count that the others know, until when they do, and whether they are asked for theirs.
        self._told: int | None = None
        self._tell_at = 0.0
        self._asks = False

    def start(self) -> None:
        """Begin to ring and to listen; needs the event loop."""
        loops = (self._listen_for_ever, self._ring_for_ever, self._look_for_ever, self._count_for_ever)
        self._tasks = [gevent.spawn(loop) for loop in loops]

    def close(self) -> None:
        """Stop, and take this process's viewers out of the count."""
        gevent.killall(self._tasks)
        try:
            if self._told:
                self._broadcast.publish([encode(Presence(self._id, 0, asks=False))])
            self._broadcast.close()
        except Exception as error:  # noqa: BLE001 - the count runs out by itself
            log.debug("the others are not told that this process ends: %s", error)

    @property
    def viewers(self) -> int:
        """How many viewers all processes have, as far as they have said lately."""
        return self._count() + self._others.total

    @property
    def is_up(self) -> bool:
        """Whether this process listens, and what it last said got through."""
        return self._listens and not self._quiet

    @property
    def age(self) -> float:
        """Seconds since something was heard, be it by this process itself, or since it began to listen."""
        return time.monotonic() - self._heard_at

    # Ringing

    def ring(self, stored: Sequence[Stored]) -> None:
        """Tell the other processes of new entries. Never waits."""
        if not self._listens:
            return  # The others do not, either, and look for themselves when they begin to.
        for item in stored:
            self._stored["job", item.job.job_id] = item.entry.seq
            if isinstance(item.entry, StateEntry):
                self._stored["project", item.job.project_id] = item.entry.project_seq
        if len(self._stored) > _MOST_WAITING:
            self._stored.clear()
        self._news.set()

    def _ring_for_ever(self) -> None:
        while True:
            self._news.wait()
            self._news.clear()
            heads, self._stored = self._stored, {}
            if heads:
                self._publish(list(rings(self._id, heads)))
            gevent.sleep(_REST_S)

    def _publish(self, messages: Sequence[bytes]) -> bool:
        try:
            self._broadcast.publish(messages)
        except Exception as error:  # noqa: BLE001 - whatever it is, the store has the truth
            self._is_away(error)
            self._told = None  # So it is tried again, and noticed when it is back.
            return False
        self._is_back()
        return True

    # Listening

    def _listen_for_ever(self) -> None:
        while True:
            try:
                self._broadcast.listen(self._begin, self._hear)
            except Exception as error:  # noqa: BLE001
                self._is_away(error)
            self._listens = False
            gevent.sleep(_RETRY_S)

    def _begin(self) -> None:
        self._listens = True
        self._heard_at = time.monotonic()
        self._asks = self._look_at_all = True  # For news that came while nobody listened.
        self._heard.set()

    def _hear(self, data: bytes) -> None:
        try:
            message = decode(data)
        except NotOurs as found:
            self._ignore(found.reason)
            return
        self._heard_at = time.monotonic()
        if message.sender == self._id:
            return
        if isinstance(message, NewHeads):
            self._hear_heads(message)
        else:
            self._others.hear(message.sender, message.viewers)
            if message.asks:
                self._told = None

    def _hear_heads(self, told: NewHeads) -> None:
        for kind, name, head in told.heads:
            key: Key = kind, name
            if self._hub.is_behind(key, head):
                self._claimed[key] = max(head, self._claimed.get(key, 0))
        if self._claimed:
            self._heard.set()

    def _look_for_ever(self) -> None:
        while True:
            self._heard.wait()
            self._heard.clear()
            claimed, self._claimed = self._claimed, {}
            try:
                self._look(claimed)
            except StoreUnavailable:
                continue  # The safety poll goes on asking, and says so.
            except Exception:
                log.exception("the heads of logs could not be read")

    def _look(self, claimed: Mapping[Key, int]) -> None:
        """Ask the store how far the logs are that were rung for, and wake their followers."""
        others = self._hub.followed() if self._look_at_all else []
        self._look_at_all = False
        heads = self._hub.load_heads({*claimed, *(key for key, _ in others)})
        if any(head > heads.get(key, 0) for key, head in claimed.items()):
            self._ignore("a head beyond its log")

    def _ignore(self, reason: str) -> None:
        count = self._ignored.labels(reason)
        if not count.value:
            log.warning(
                "something on the doorbell's channel is not of this store (%s) and is ignored; "
                "chef_doorbell_ignored_total counts what comes",
                reason,
            )
        count.inc()

    # Counting viewers

    def _count_for_ever(self) -> None:
        while True:
            count, now = self._count(), time.monotonic()
            if self._listens and (self._asks or count != self._told or (count and now >= self._tell_at)):
                self._tell(count, now)
            gevent.sleep(_LOOK_S)

    def _tell(self, count: int, now: float) -> None:
        asks, self._asks = self._asks, False
        self._told, self._tell_at = count, now + COUNT_EVERY_S
        if not self._publish([encode(Presence(self._id, count, asks))]):
            self._asks = asks
            gevent.sleep(_RETRY_S)

    # The service

    def _is_away(self, error: Exception) -> None:
        """One log line when it goes away and one when it is back."""
        if not self._quiet:
            service = self._broadcast.service
            log.warning("%s does not answer (%s): other processes learn by the safety poll", service, error)
        self._quiet = True

    def _is_back(self) -> None:
        if self._quiet:
            log.info("%s is back", self._broadcast.service)
        self._quiet = False

"""Several processes as one server: a doorbell says that there is something new, the store says what.

A ring says "job J is at seq N". It may be lost, repeated, late or somebody else's (stack-traps 6): a process
that misses it finds out by the hub's safety poll, and whatever it says is looked up in the store before it
counts. The processes also tell each other how many viewers they have, and whether anybody there waits for
news: a ring that nobody waits for is not sent.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Sequence
from math import nan

import gevent
from gevent.event import Event as Wakeup

from chef.domain.batches import Stored
from chef.domain.model import StateEntry
from chef.live.background import BackgroundTask
from chef.live.bellmessages import NewHeads, NewRemovals, NotOurs, Presence, decode, encode, rings
from chef.live.broadcast import Broadcast
from chef.live.hub import Hub
from chef.live.otherprocesses import TELL_EVERY_S, OtherProcesses
from chef.live.rooms import Key
from chef.metrics import CountByLabel

log = logging.getLogger(__name__)

# So soon the others learn that viewers came or went.
_LOOK_S = 0.2
_RETRY_S = 1.0
# Where messages can never come it is tried again after this time: a pooler may be taken away.
_RETRY_RARELY_S = 300.0
_CLOSE_S = 1.0
# So long a process that followed a log says that it still does: they come and go.
_LINGER_S = 10.0
# Entries that were stored this long before another process began to follow a log are rung for, too.
_REMEMBER_S = 2.0
# All that is stored within this time is one ring. It is the most that a ring is late.
_REST_S = 0.01
# Messages may come without a pause: after so many of them other greenlets have their turn.
_HEARD_AT_ONCE = 20
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
        self._others = OtherProcesses()
        self._listening: gevent.Greenlet[..., None] | None = None
        self._tasks: list[gevent.Greenlet[..., None]] = []
        self._quiet = False
        # News to tell the others, with their wake-up, and news of theirs that are to be looked up.
        self._stored: dict[Key, int] = {}
        self._earlier: dict[Key, int] = {}
        self._rotate_at = 0.0
        self._rings = False
        self._has_erased = False
        self._news = Wakeup()
        self._claimed: dict[Key, int] = {}
        self._look_at_all = False
        self._look_up = BackgroundTask(self._look, "what other processes rang for cannot be looked up")
        self._listens = False
        self._is_of_no_use = False
        self._unheard_since: float | None = None
        self._heard_in_a_row = 0
        # The presence that the others know, until when they do, and whether they are asked for theirs.
        self._told: tuple[int, bool] | None = None
        self._tell_at = 0.0
        self._follows_until = 0.0
        self._asks = False
        self._changed = Wakeup()
        hub.on_following = self._changed.set

    def start(self) -> None:
        """Begin to ring and to listen; needs the event loop."""
        self._listening = gevent.spawn(self._listen_for_ever)
        self._tasks = [gevent.spawn(loop) for loop in (self._ring_for_ever, self._tell_for_ever)]
        self._look_up.start(None)

    def close(self) -> None:
        """Stop, and take this process's viewers out of the count."""
        gevent.killall(self._tasks)
        self._look_up.close()
        if self._listens and self._told is not None and any(self._told):
            # It runs out by itself where this takes longer.
            goodbye = encode(Presence(self._id, 0, follows=False, asks=False))
            gevent.spawn(self._publish, [goodbye]).join(_CLOSE_S)
        if self._listening is not None:
            self._listening.kill()
        self._broadcast.close()

    @property
    def viewers(self) -> int:
        """How many viewers all processes have, as far as they have said lately."""
        return self._count() + self._others.viewers

    @property
    def is_up(self) -> float:
        """1 while this process listens and what it last said got through, else 0; NaN where it never can."""
        return nan if self._is_of_no_use else float(self._listens and not self._quiet)

    @property
    def age(self) -> float:
        """For how many seconds messages of this process have not come back to it; 0 where all have."""
        return 0.0 if self._unheard_since is None else time.monotonic() - self._unheard_since

    # Ringing

    def ring(self, stored: Sequence[Stored]) -> None:
        """Tell the other processes of new entries, if anybody there waits for some. Never waits."""
        for item in stored:
            self._stored["job", item.job.job_id] = item.entry.seq
            if isinstance(item.entry, StateEntry):
                self._stored["project", item.job.project_id] = item.entry.project_seq
        if len(self._stored) > _MOST_WAITING:
            self._stored.clear()
        if self._rings:
            self._news.set()

    def _look_at_others(self) -> None:
        """Begin to ring with the first that follows a log, and with what was stored just before."""
        rings, self._rings = self._rings, self._listens and self._others.follow
        if self._rings and not rings:
            self._stored = self._earlier | self._stored
            self._earlier = {}
            self._news.set()

    def _rotate(self) -> None:
        """While nobody is rung for, remember what was stored in the last seconds, and not more."""
        self._look_at_others()
        now = time.monotonic()
        if not self._rings and now >= self._rotate_at:
            self._rotate_at = now + _REMEMBER_S
            self._earlier, self._stored = self._stored, {}

    def ring_removal(self) -> None:
        """Tell the other processes that something was erased. Never waits."""
        self._has_erased = True
        self._news.set()

    def _ring_for_ever(self) -> None:
        while True:
            self._news.wait()
            self._news.clear()
            heads, self._stored = self._stored, {}
            messages = list(rings(self._id, heads)) if heads else []
            if self._has_erased:
                self._has_erased = False
                messages.append(encode(NewRemovals(self._id)))
            if messages:
                self._publish(messages)
            gevent.sleep(_REST_S)

    def _publish(self, messages: Sequence[bytes]) -> bool:
        if self._unheard_since is None:
            self._unheard_since = time.monotonic()
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
            self._is_of_no_use = False
            try:
                self._is_away(self._broadcast.listen(self._begin, self._hear))
                self._is_of_no_use = True
            except Exception as error:  # noqa: BLE001
                self._is_away(error)
            self._listens = False
            gevent.sleep(_RETRY_RARELY_S if self._is_of_no_use else _RETRY_S)

    def _begin(self) -> None:
        self._listens, self._unheard_since = True, None
        self._asks = self._look_at_all = True  # For news that came while nobody listened.
        self._look_up.wake()
        self._changed.set()

    def _hear(self, data: bytes) -> None:
        self._heard_in_a_row += 1
        if self._heard_in_a_row % _HEARD_AT_ONCE == 0:
            gevent.sleep(0)
        try:
            message = decode(data)
        except NotOurs as found:
            self._ignore(found.reason)
            return
        if message.sender == self._id:
            self._unheard_since = None
            return
        if isinstance(message, NewHeads):
            self._hear_heads(message)
        elif isinstance(message, NewRemovals):
            self._look_at_all = True
            self._look_up.wake()
        else:
            self._others.hear(message.sender, message.viewers, follows=message.follows)
            self._look_at_others()
            if message.asks:
                self._told = None
                self._changed.set()

    def _hear_heads(self, told: NewHeads) -> None:
        for kind, name, head in told.heads:
            key: Key = kind, name
            if self._hub.is_behind(key, head):
                self._claimed[key] = max(head, self._claimed.get(key, 0))
        if self._claimed:
            self._look_up.wake()

    def _look(self) -> None:
        """Ask the store how far the logs are that were rung for, and wake their followers."""
        claimed, self._claimed = self._claimed, {}
        if self._hub.closed:
            return
        others = self._hub.followed() if self._look_at_all else []
        if self._look_at_all:
            self._look_at_all = False
            self._hub.look_for_removals()
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

    # Presence

    def _tell_for_ever(self) -> None:
        while True:
            self._rotate()
            now, state = time.monotonic(), self._presence()
            if self._listens and (self._asks or state != self._told or (any(state) and now >= self._tell_at)):
                self._tell(state, now)
            self._changed.wait(_LOOK_S)
            self._changed.clear()

    def _presence(self) -> tuple[int, bool]:
        """This process's viewers, and whether anybody follows a log here, or did so just now."""
        now = time.monotonic()
        if self._hub.rooms:
            self._follows_until = now + _LINGER_S
        return self._count(), now < self._follows_until

    def _tell(self, state: tuple[int, bool], now: float) -> None:
        asks, self._asks = self._asks, False
        self._told, self._tell_at = state, now + TELL_EVERY_S
        if not self._publish([encode(Presence(self._id, *state, asks))]):
            self._asks = asks
            gevent.sleep(_RETRY_S)

    # The service

    def _is_away(self, reason: object) -> None:
        """One log line when it goes away and one when it is back."""
        if not self._quiet:
            log.warning(
                "no doorbell over %s (%s): other processes learn within two seconds",
                self._broadcast.service,
                " ".join(str(reason).split()),
            )
        self._quiet = True

    def _is_back(self) -> None:
        if self._quiet:
            log.info("the doorbell over %s is back", self._broadcast.service)
        self._quiet = False

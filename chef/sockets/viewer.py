"""One viewer: its rights, its subscriptions, and what it needs to come back to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from chef.access.principals import Principal
from chef.live.cursors import Cursor
from chef.live.events import Event, Form
from chef.live.rooms import Key
from chef.live.sinks import Wire
from chef.sockets.forms import offset_frame
from chef.transport.channel import Channel
from chef.wire.recovery import Kept, make_offset


class Subscription:
    """A viewer's connection as the sink of one cursor: forms differ between subscriptions.

    It takes nothing until it is `open`, which is when the acknowledgement has been sent.
    """

    __slots__ = ("_channel", "cursor", "form", "open")

    def __init__(self, channel: Channel, form: Form) -> None:
        self.form = form
        self.open = False
        self.cursor: Cursor | None = None
        self._channel = channel

    @property
    def wire(self) -> Wire | None:
        """The viewer's WebSocket, where it has one."""
        return self._channel.websocket

    def ready(self) -> bool:
        """Whether the viewer's connection takes more now."""
        return self.open and self._channel.ready

    def send(self, frames: Sequence[Any]) -> None:
        """Send frames to the viewer; never waits."""
        self._channel.send_frames(frames)

    def leave(self) -> None:
        """Follow no longer."""
        cursor, self.cursor = self.cursor, None
        if cursor is not None:
            cursor.leave()

    def finish(self) -> None:
        """Follow no longer, having had what was there before: the answer to an unsubscribe comes after it."""
        if self.cursor is not None:
            self.cursor.finish()
        self.leave()


class RecoverableSubscription(Subscription):
    """The same for a viewer that asked for recovery: each packet carries its offset.

    `resumes_after` is the place of the last event that the viewer had before its connection broke: where
    that is in the middle of the first entry, the events up to it are left out.
    """

    __slots__ = ("_recovery", "_resumes_after", "kept")

    def __init__(
        self, channel: Channel, form: Form, recovery: Recovery, kept: Kept, resumes_after: str | None = None
    ) -> None:
        super().__init__(channel, form)
        self.kept = kept
        self._recovery = recovery
        self._resumes_after = resumes_after

    @property
    def wire(self) -> None:
        """Its frames are made for it alone."""

    def send(self, frames: Sequence[Any]) -> None:
        """Send events as packets with an offset each; never waits."""
        places = [event.place for event in frames] if self._resumes_after is not None else []
        sent_before = places.index(self._resumes_after) + 1 if self._resumes_after in places else 0
        self._resumes_after = None
        events = frames[sent_before:]
        packets = [self._recovery.packet(self.kept.number, event) for event in events]
        super().send([b"".join(packets)])

    def leave(self) -> None:
        """Follow no longer, and say no more of it in offsets."""
        super().leave()
        self._recovery.places.pop(self.kept.number, None)


@dataclass(slots=True)
class Recovery:
    """Needed to come back: the viewer's private id, and how far each subscription has come."""

    pid: str
    places: dict[int, str] = field(default_factory=dict)
    last_number: int = -1

    def next_number(self) -> int:
        """The number that names a new subscription in offsets; none is used twice."""
        self.last_number += 1
        return self.last_number

    def packet(self, number: int, event: Event) -> bytes:
        """The frame of an event, and the note that the viewer will have had it."""
        if event.place:
            self.places[number] = event.place
        return offset_frame(event, make_offset(self.places))


@dataclass(slots=True)
class Viewer:
    """One connection: its rights and its subscriptions. `unwatch` is of one that came by a share link."""

    sid: str
    eio_sid: str
    principal: Principal
    channel: Channel
    recovery: Recovery | None = None
    unwatch: Callable[[], None] | None = None
    subscriptions: dict[Key, Subscription] = field(default_factory=dict)

    @property
    def kept(self) -> list[Kept]:
        """The subscriptions that the store keeps for it."""
        found = self.subscriptions.values()
        return [one.kept for one in found if isinstance(one, RecoverableSubscription)]

    def leave_all(self) -> None:
        """Follow nothing any more."""
        for subscription in self.subscriptions.values():
            subscription.leave()
        self.subscriptions.clear()
        self.recovery = None

    def drained(self) -> None:
        """The connection takes more: go on where each cursor stopped."""
        for subscription in list(self.subscriptions.values()):
            if subscription.cursor is not None:
                subscription.cursor.wake()

"""Subscriptions as viewers ask for them, and their answers (contract section 3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from chef.access.levels import at_level
from chef.domain.clock import Clock
from chef.domain.clockback import not_after
from chef.domain.model import Job, Kind
from chef.domain.payloads import job_json, state_events
from chef.domain.wiretypes import as_dict
from chef.errors import ChefError, TooManyRequests
from chef.live.events import Event, encoded_in, make_event
from chef.live.following import Bookmark, History, Start, find_start
from chef.live.forecaster import Forecaster
from chef.live.rooms import Key, Room
from chef.sockets.joining import Joiner
from chef.sockets.refusals import refusal
from chef.sockets.registry import ViewerRegistry
from chef.sockets.requests import SubscriptionRequest, parse_request
from chef.sockets.viewer import Viewer
from chef.transport.handling import Reply


class Subscriber:
    """Does what `subscribe:*` and `unsubscribe:*` ask for. `count` is told the reason of a refusal."""

    def __init__(
        self,
        viewers: ViewerRegistry,
        joiner: Joiner,
        clock: Clock,
        forecaster: Forecaster,
        max_subscriptions: int,
        count: Callable[[str], None],
    ) -> None:
        self._viewers = viewers
        self._joiner = joiner
        self._clock = clock
        self._forecaster = forecaster
        self._max_subscriptions = max_subscriptions
        self._count = count

    def subscribe(self, kind: Kind, sid: str, arguments: Sequence[Any]) -> Reply:
        """Have a viewer follow a job or project, or tell it why not."""
        try:
            return self._subscribe(self._viewers[sid], kind, arguments)
        except ChefError as error:
            return refusal(error, kind, arguments)

    def unsubscribe(self, kind: Kind, sid: str, arguments: Sequence[Any]) -> Reply:
        """Have a viewer follow it no longer; one that was not subscribed to is no error.

        `unsubscribe:project` may name no project: that is all of them.
        """
        try:
            return self._unsubscribe(self._viewers[sid], kind, arguments)
        except ChefError as error:
            return refusal(error, kind, arguments)

    def _subscribe(self, viewer: Viewer, kind: Kind, arguments: Sequence[Any]) -> Reply:
        wanted = parse_request(kind, arguments)
        most = self._max_subscriptions
        if len(viewer.subscriptions) >= most and wanted.key not in viewer.subscriptions:
            self._count("subscriptions")
            raise TooManyRequests(f"a viewer can have {most} subscriptions")
        with self._joiner.room(wanted.key) as room:
            if kind == "project":
                return self._subscribe_project(viewer, wanted, room)
            return self._subscribe_job(viewer, wanted, room)

    def _unsubscribe(self, viewer: Viewer, kind: Kind, arguments: Sequence[Any]) -> Reply:
        if kind == "project" and not arguments:
            self._leave(viewer, [key for key in viewer.subscriptions if key[0] == kind])
            return Reply({"ok": True})
        wanted = parse_request(kind, arguments)
        self._leave(viewer, [wanted.key])
        return Reply({"ok": True, f"{kind}Id": wanted.id})

    def _leave(self, viewer: Viewer, keys: Sequence[Key]) -> None:
        left = [one for key in keys if (one := viewer.subscriptions.pop(key, None)) is not None]
        for subscription in left:
            subscription.finish()
        if left:
            self._joiner.save(viewer)

    def _subscribe_job(self, viewer: Viewer, wanted: SubscriptionRequest, room: Room) -> Reply:
        job, history = self._joiner.read_job(viewer, wanted.id)
        start = find_start(history, Bookmark(wanted.after, wanted.epoch), otherwise=history.seq)
        payload = _acceptance(wanted, history, start)
        estimate = self._forecaster.estimate(job) if job else None
        now = self._clock()
        shown = as_dict(job_json(not_after(job, now), now, estimate=estimate)) if job else None
        payload["job"] = None if shown is None else at_level(viewer.principal.level, shown)
        payload["eta"] = payload["job"]["eta"] if job else None
        if start.first_seq is not None:
            payload["firstSeq"] = start.first_seq
        if wanted.key in viewer.subscriptions:
            return Reply(payload)
        room.raise_head(history.seq)
        first = job if wanted.after is None else None
        return Reply(payload, self._begin(viewer, wanted, room, start.position, first))

    def _subscribe_project(self, viewer: Viewer, wanted: SubscriptionRequest, room: Room) -> Reply:
        history = self._joiner.read_project(viewer, wanted.id)
        start = find_start(history, Bookmark(), otherwise=history.seq)
        payload = _acceptance(wanted, history, start)
        if wanted.key in viewer.subscriptions:
            return Reply(payload)
        room.raise_head(history.seq)
        return Reply(payload, self._begin(viewer, wanted, room, start.position, None))

    def _begin(
        self, viewer: Viewer, wanted: SubscriptionRequest, room: Room, position: int, first: Job | None
    ) -> Callable[[], None]:
        """Join the room at a position now; what is returned lets the events flow, after the answer."""
        # A viewer that recovers is sent again the state that was lost with its connection.
        kept_from = position if first is None else first.state_seq - 1
        subscription = self._joiner.new_subscription(viewer, wanted.key, wanted.batch, kept_from)
        let_flow = self._joiner.join(viewer, wanted.key, room, position, subscription)
        try:
            self._joiner.save(viewer)
        except ChefError:
            viewer.subscriptions.pop(wanted.key, None)  # Refused, so not half subscribed either.
            subscription.leave()
            raise
        if first is None:
            return let_flow
        state = encoded_in(subscription.form, _state_events(first))

        def show_state_first() -> None:
            subscription.send(state.frames)
            room.deliveries.events.inc(state.events)
            let_flow()

        return show_state_first


def _acceptance(wanted: SubscriptionRequest, history: History, start: Start) -> dict[str, Any]:
    """The fields that all acknowledgements of a subscription have."""
    return {
        "ok": True,
        f"{wanted.kind}Id": wanted.id,
        "seq": history.seq,
        "epoch": history.epoch,
        "complete": start.complete,
    }


def _state_events(job: Job) -> list[Event]:
    """The events that show a job's newest state; a viewer that has had the last one is at the job's end."""
    events = list(state_events(job))
    places = [f"{job.state_seq - 1}+{count}" for count in range(1, len(events))] + [str(job.seq)]
    return [
        make_event(f"job:{name}", payload, place)
        for (name, payload), place in zip(events, places, strict=True)
    ]

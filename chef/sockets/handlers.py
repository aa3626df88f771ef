"""Viewers on Socket.IO (contract section 3): who connects, what they subscribe to, what they are sent."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from functools import partial
from typing import Any
from urllib.parse import parse_qs

import gevent
from flask import Flask
from flask_socketio import ConnectionRefusedError as Refused

from chef.access.auth import Credentials, Gate
from chef.access.credentials import socket_credentials
from chef.domain.clock import Clock
from chef.domain.model import Job, Kind
from chef.domain.payloads import as_dict, job_json, state_events
from chef.errors import (
    ChefError,
    NotFound,
    StoreUnavailable,
    TooManyRequests,
)
from chef.live.cursors import Cursor
from chef.live.events import Event, make_event
from chef.live.following import Bookmark, History, find_start
from chef.live.hub import Hub
from chef.live.rooms import Key, Room
from chef.metrics import Metrics
from chef.settings.config import Settings
from chef.sockets.forms import EventForm, FrameForm
from chef.sockets.requests import Request, parse_request
from chef.sockets.together import Together
from chef.sockets.viewer import RecoverableSubscription, Recovery, Subscription, Viewer
from chef.store import Store
from chef.transport.engine import MOST_POLLING
from chef.transport.limits import Places, Rate
from chef.transport.socketio import Answer, Extension, Welcome
from chef.wire.recovery import Kept, Place, is_pid, new_pid, parse_offset

log = logging.getLogger(__name__)

_KINDS: dict[str, Kind] = {
    "subscribe:job": "job",
    "unsubscribe:job": "job",
    "subscribe:project": "project",
    "unsubscribe:project": "project",
}
# A viewer whose connection takes nothing for so long is closed; it comes back and resumes.
STALLED_S = 60
# A token that expires ends its connection within 60 s (contract section 6).
SWEEP_S = 10


class Viewers:
    """All viewers of this process, and the handlers of their events.

    They are registered with python-socketio itself: of Flask-SocketIO's request context, which costs more
    than the rest of a subscription, they need nothing.
    """

    def __init__(
        self,
        extension: Extension,
        store: Store,
        hub: Hub,
        gate: Gate,
        clock: Clock,
        max_subscriptions: int,
        count: Callable[[str], None],
    ) -> None:
        self._extension = extension
        self._max_subscriptions = max_subscriptions
        self._count = count
        self._store = store
        self._hub = hub
        self._gate = gate
        self._clock = clock
        self._viewers: dict[str, Viewer] = {}
        self._forms = {batch: FrameForm(batch=batch) for batch in (False, True)}
        self._recoverable_forms = {batch: EventForm(batch=batch) for batch in (False, True)}
        self._sweeper: gevent.Greenlet[..., None] | None = None
        self._job = Together(store.job)
        self._project = Together(store.project)

    @property
    def count(self) -> int:
        """How many viewers are connected to this process."""
        return len(self._viewers)

    def connect(self, sid: str, environ: dict[str, Any], auth: Any = None) -> Welcome:
        """Let a viewer in, or refuse it as the contract says; one that comes back gets its rooms again."""
        auth = auth if isinstance(auth, dict) else {}
        credentials = socket_credentials(environ, auth.get("token"))
        try:
            principal = self._gate.reader(credentials)
        except ChefError:
            raise Refused("Authentication error") from None
        if credentials.token and self._gate.knows(credentials):
            # Known where our own server serves (chef.http.environ).
            environ.get("chef.authenticated", lambda: None)()
        eio_sid = self._extension.server.manager.eio_sid_from_sid(sid, "/")
        connection = self._extension.server.connection(eio_sid)
        viewer = self._viewers[sid] = Viewer(sid, eio_sid, principal, connection)
        connection.on_drain = viewer.drained
        if self._sweeper is None:
            self._sweeper = gevent.spawn(self._sweep)
        if auth.get("recovery") is not True and not _asks_for_recovery(environ):
            return Welcome({})
        let_flow = self._restore(viewer, auth.get("pid"), auth.get("offset"))
        if viewer.recovery is None:
            viewer.recovery = Recovery(new_pid())
        return Welcome({"pid": viewer.recovery.pid}, let_flow)

    def _restore(self, viewer: Viewer, pid: object, offset: object) -> Callable[[], None] | None:
        """Join a returning viewer's rooms where its offset left them; `None` where not all can be had."""
        places = parse_offset(offset)
        if not places or not is_pid(pid):
            return None
        for other in [one for one in self._viewers.values() if one.recovery and one.recovery.pid == pid]:
            self._extension.server.disconnect(other.sid)  # Its broken connection was not noticed yet.
        try:
            kept = self._store.session(pid, self._clock()) or []
            viewer.recovery = Recovery(pid, last_number=max((one.number for one in kept), default=-1))
            steps = [self._rejoin(viewer, viewer.recovery, one, places) for one in kept]
            self._save(viewer)
        except ChefError:
            steps = []
        if not steps:
            viewer.leave_all()
            return None

        def let_flow() -> None:
            for step in steps:
                step()

        return let_flow

    def _rejoin(
        self, viewer: Viewer, recovery: Recovery, kept: Kept, places: dict[int, Place]
    ) -> Callable[[], None]:
        """Join one room again; raises NotFound where what it had is gone, Forbidden where it may not."""
        place = places.get(kept.number, Place(kept.position))
        wanted = Request(kept.kind, kept.id, batch=kept.batch)
        with self._hub.room(wanted.key) as room:
            history = self._readable_history(viewer, wanted)
            start = find_start(history, Bookmark(place.position, skip=place.skip), otherwise=0)
            if not start.complete:
                raise NotFound("removed meanwhile, or this is another history")
            room.raise_head(history.seq)
            kept = Kept(kept.number, kept.kind, kept.id, kept.batch, place.position)
            form = self._recoverable_forms[kept.batch]
            subscription = RecoverableSubscription(viewer.connection, form, recovery, kept, str(place))
            recovery.places[kept.number] = str(place)
            return self._join(viewer, wanted.key, room, place.position, subscription)

    def _readable_history(self, viewer: Viewer, wanted: Request) -> History:
        """What there is of a job or project; raises Forbidden where the viewer may not see it."""
        if wanted.kind == "job":
            job = self._job(wanted.id)
            viewer.principal.check_may_see(job.project_id if job else None)
            return History.of_job(self._store.epoch, job)
        viewer.principal.check_may_read(wanted.id)
        found = self._project(wanted.id)
        return History(self._store.epoch, found.project.seq if found else 0)

    def _save(self, viewer: Viewer) -> None:
        """Keep what a viewer follows, if it asked for recovery."""
        if viewer.recovery is not None:
            self._store.save_session(viewer.recovery.pid, viewer.kept, self._clock())

    def disconnect(self, sid: str, *_reason: Any) -> None:
        """A viewer is gone: so are its cursors."""
        viewer = self._viewers.pop(sid, None)
        if viewer is not None:
            recovery = viewer.recovery
            viewer.leave_all()
            if recovery is not None:
                with suppress(StoreUnavailable):
                    self._store.end_session(recovery.pid, self._clock())

    def subscribe(self, kind: Kind, sid: str, *arguments: Any) -> Answer:
        """`subscribe:job` and `subscribe:project`."""
        try:
            wanted = parse_request(kind, arguments)
            return self._subscribe(self._viewers[sid], wanted)
        except ChefError as error:
            return _refusal(error, kind, arguments)

    def unsubscribe(self, kind: Kind, sid: str, *arguments: Any) -> Answer:
        """`unsubscribe:job` and `unsubscribe:project`; one that was not subscribed to is no error.

        `unsubscribe:project` may say no project: that is all of them.
        """
        viewer = self._viewers[sid]
        try:
            if kind == "project" and not arguments:
                self._leave(viewer, [key for key in viewer.subscriptions if key[0] == kind])
                return Answer({"ok": True})
            wanted = parse_request(kind, arguments)
            self._leave(viewer, [wanted.key])
        except ChefError as error:
            return _refusal(error, kind, arguments)
        return Answer({"ok": True, f"{kind}Id": wanted.id})

    def _leave(self, viewer: Viewer, keys: Sequence[Key]) -> None:
        left = [one for key in keys if (one := viewer.subscriptions.pop(key, None)) is not None]
        for subscription in left:
            subscription.finish()
        if left:
            self._save(viewer)

    def unknown(self, event: object, _sid: str, *_arguments: Any) -> Answer:
        """Any other event: an answer for who asked for one."""
        message = f"unknown event {event[:64]!r}" if isinstance(event, str) else "unknown event"
        return Answer({"ok": False, "error": {"code": "unknown_event", "message": message}})

    def _subscribe(self, viewer: Viewer, wanted: Request) -> Answer:
        most = self._max_subscriptions
        if len(viewer.subscriptions) >= most and wanted.key not in viewer.subscriptions:
            self._count("subscriptions")
            raise TooManyRequests(f"a viewer can have {most} subscriptions")
        if wanted.kind == "project":
            return self._subscribe_project(viewer, wanted)
        return self._subscribe_job(viewer, wanted)

    def _subscribe_job(self, viewer: Viewer, wanted: Request) -> Answer:
        with self._hub.room(wanted.key) as room:
            job = self._job(wanted.id)
            viewer.principal.check_may_see(job.project_id if job else None)
            history = History.of_job(self._store.epoch, job)
            start = find_start(history, Bookmark(wanted.after, wanted.epoch), otherwise=history.seq)
            payload = {
                "ok": True,
                "jobId": wanted.id,
                "seq": history.seq,
                "epoch": history.epoch,
                "complete": start.complete,
                "job": as_dict(job_json(job, self._clock())) if job else None,
            }
            if start.first_seq is not None:
                payload["firstSeq"] = start.first_seq
            if wanted.key in viewer.subscriptions:
                return Answer(payload)
            room.raise_head(history.seq)
            first = job if wanted.after is None else None
            return Answer(payload, self._begin(viewer, wanted, room, start.position, first))

    def _subscribe_project(self, viewer: Viewer, wanted: Request) -> Answer:
        viewer.principal.check_may_read(wanted.id)
        with self._hub.room(wanted.key) as room:
            found = self._project(wanted.id)
            history = History(self._store.epoch, found.project.seq if found else 0)
            start = find_start(history, Bookmark(), otherwise=history.seq)
            payload = {
                "ok": True,
                "projectId": wanted.id,
                "seq": history.seq,
                "epoch": history.epoch,
                "complete": start.complete,
            }
            if wanted.key in viewer.subscriptions:
                return Answer(payload)
            room.raise_head(history.seq)
            return Answer(payload, self._begin(viewer, wanted, room, start.position, None))

    def _begin(
        self, viewer: Viewer, wanted: Request, room: Room, position: int, first: Job | None
    ) -> Callable[[], None]:
        """Join the room at a position now; what is returned lets the events flow, after the answer."""
        # A state that is lost with the connection is sent again to who recovers.
        kept_from = position if first is None else first.state_seq - 1
        subscription = self._new_subscription(viewer, wanted, kept_from)
        let_flow = self._join(viewer, wanted.key, room, position, subscription)
        try:
            self._save(viewer)
        except ChefError:
            viewer.subscriptions.pop(wanted.key, None)  # Refused, so not half subscribed either.
            subscription.leave()
            raise
        if first is None:
            return let_flow
        events = [subscription.form.encode(event) for event in _state_events(first)]

        def show_state_first() -> None:
            subscription.send(events)
            let_flow()

        return show_state_first

    def _new_subscription(self, viewer: Viewer, wanted: Request, position: int) -> Subscription:
        recovery = viewer.recovery
        if recovery is None:
            return Subscription(viewer.connection, self._forms[wanted.batch])
        kept = Kept(recovery.next_number(), wanted.kind, wanted.id, wanted.batch, position)
        form = self._recoverable_forms[wanted.batch]
        return RecoverableSubscription(viewer.connection, form, recovery, kept)

    def _join(
        self, viewer: Viewer, key: Key, room: Room, position: int, subscription: Subscription
    ) -> Callable[[], None]:
        if viewer.sid not in self._viewers:
            return lambda: None  # It left while the store was read.
        cursor = subscription.cursor = Cursor(room, position, subscription)
        # Another job that gets a removed one's id may be of another project.
        cursor.stays = viewer.principal.projects is None or key[0] == "project"
        viewer.subscriptions[key] = subscription
        room.join(cursor)

        def let_flow() -> None:
            subscription.open = True
            cursor.wake()

        return let_flow

    def _sweep(self) -> None:
        while True:
            gevent.sleep(SWEEP_S)
            now = self._clock()
            for viewer in list(self._viewers.values()):
                try:
                    self._look_after(viewer, now)
                except Exception:  # one that cannot be closed must not keep all others open
                    log.exception("a viewer's connection could not be closed")

    def _look_after(self, viewer: Viewer, now: int) -> None:
        if viewer.principal.expired(now):
            self._extension.server.disconnect(viewer.sid)
            self._extension.server.eio.sessions.disconnect(viewer.eio_sid)
        elif viewer.connection.stalled_for() > STALLED_S:
            log.info("a viewer took nothing for %d s: closed, it can resume", STALLED_S)
            viewer.connection.close()

    def close(self) -> None:
        """Stop looking after viewers."""
        if self._sweeper is not None:
            self._sweeper.kill()
            self._sweeper = None


def _state_events(job: Job) -> list[Event]:
    """The events that show a job's newest state; who has had the last one is at the job's end."""
    events = list(state_events(job))
    places = [f"{job.state_seq - 1}+{count}" for count in range(1, len(events))] + [str(job.seq)]
    return [
        make_event(f"job:{name}", payload, place)
        for (name, payload), place in zip(events, places, strict=True)
    ]


def _asks_for_recovery(environ: dict[str, Any]) -> bool:
    """Whether the handshake's query says `recovery=1`."""
    query: str = environ.get("QUERY_STRING", "")
    return "recovery" in query and parse_qs(query).get("recovery", [""])[0] == "1"


def _refusal(error: ChefError, kind: Kind, arguments: Sequence[Any]) -> Answer:
    argument = arguments[0] if arguments else None
    name = f"{kind}Id"
    given = argument.get(name) if isinstance(argument, dict) else argument
    payload: dict[str, Any] = {"ok": False, "error": {"code": error.code, "message": error.detail}}
    if isinstance(given, str):
        payload[name] = given[:128]
    return Answer(payload, refusal="subscribe:error")


def _over_limit(event: object, arguments: Sequence[Any]) -> Answer:
    """What is answered to a viewer that sends faster than it may."""
    error = TooManyRequests("too many events: send fewer per second")
    kind = _KINDS.get(event) if isinstance(event, str) else None
    if kind is not None:
        return _refusal(error, kind, arguments)
    return Answer({"ok": False, "error": {"code": error.code, "message": error.detail}})


def _home_and(origins: Collection[str]) -> Callable[[str | None, dict[str, Any]], bool]:
    """Which origins may connect where some are named: those, and this server's own, whose pages are live."""

    def may_connect(origin: str | None, environ: dict[str, Any]) -> bool:
        return origin in origins or not Credentials.from_environ(environ).foreign_origin

    return may_connect


def install(
    app: Flask, settings: Settings, store: Store, hub: Hub, gate: Gate, metrics: Metrics, clock: Clock
) -> Viewers:
    """Add the Socket.IO endpoint to an application; the extension is at `app.extensions["socketio"]`."""
    origins = settings.websocket_cors_origin
    per_second = settings.max_events_per_second

    def count(reason: str) -> None:
        metrics.refused.labels(reason).inc()

    extension = Extension(
        app,
        # In the order in which they came: a subscribe before the unsubscribe that follows it.
        async_handlers=False,
        cors_allowed_origins=_home_and(origins) if isinstance(origins, tuple) else origins,
        ping_interval=settings.ping_interval,
        ping_timeout=settings.ping_timeout,
        max_http_buffer_size=settings.max_frame_bytes,
        places=Places(settings.max_connections or MOST_POLLING, settings.max_connections_per_address),
        connect_timeout=settings.connect_timeout,
        # Ten seconds' worth, and whatever a page follows that has just connected.
        rate=Rate(per_second, burst=10 * per_second + settings.max_subscriptions),
        over_limit=_over_limit,
        count=count,
        logger=logging.getLogger("socketio"),
    )
    viewers = Viewers(extension, store, hub, gate, clock, settings.max_subscriptions, count)
    server = extension.server
    server.on("connect", viewers.connect)
    server.on("disconnect", viewers.disconnect)
    for event, kind in _KINDS.items():
        handler = viewers.subscribe if event.startswith("subscribe") else viewers.unsubscribe
        server.on(event, partial(handler, kind))
    server.on("*", viewers.unknown)
    return viewers

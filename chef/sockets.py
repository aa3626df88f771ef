"""Viewers on Socket.IO (contract section 3): who connects, what they subscribe to, what they are sent."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import gevent
from flask import Flask, request
from flask_socketio import ConnectionRefusedError as Refused

from chef.auth import Gate, Principal
from chef.clock import Clock
from chef.config import Settings
from chef.credentials import socket_credentials
from chef.errors import ChefError, FieldError, Forbidden, Invalid, TooManyRequests
from chef.events import make_event
from chef.hub import Cursor, Hub, Key, Kind, Room
from chef.model import ID, Job
from chef.payloads import job_json, state_events
from chef.store import Store
from chef.transport.outbox import Outbox
from chef.transport.socketio import Answer, Extension, PacketForm

log = logging.getLogger(__name__)

MAX_SUBSCRIPTIONS = 1000
# A token that expires ends its connection within 60 s (contract section 6).
_EXPIRY_SWEEP_S = 20
_ID_RULE = "must be 1 to 128 characters of A-Z a-z 0-9 . _ ~ : @ + -"


@dataclass(frozen=True, slots=True)
class Request:
    """A subscription as it was asked for. `after` `None` is the plain form: newest state, then live."""

    kind: Kind
    id: str
    after: int | None = None
    epoch: str | None = None
    batch: bool = False

    @property
    def key(self) -> Key:
        return (self.kind, self.id)


def parse_request(kind: Kind, arguments: Sequence[Any]) -> Request:
    """The argument of a subscribe or unsubscribe event. Raises Invalid, which names what is wrong."""
    name = f"{kind}Id"
    if len(arguments) != 1:
        raise _wrong(name, f"must be the one argument, as a string or in an object, not {len(arguments)}")
    argument = arguments[0]
    if not isinstance(argument, dict):
        return Request(kind, _checked_id(name, argument))
    after, epoch, batch = argument.get("after"), argument.get("epoch"), argument.get("batch", False)
    if after is not None and (not isinstance(after, int) or isinstance(after, bool) or after < 0):
        raise _wrong("after", "must be a whole number from 0")
    if epoch is not None and not isinstance(epoch, str):
        raise _wrong("epoch", "must be a string")
    if not isinstance(batch, bool):
        raise _wrong("batch", "must be true or false")
    return Request(kind, _checked_id(name, argument.get(name)), after, epoch, batch)


def _checked_id(name: str, value: object) -> str:
    if not isinstance(value, str) or not ID.fullmatch(value):
        raise _wrong(name, _ID_RULE)
    return value


def _wrong(name: str, message: str) -> Invalid:
    return Invalid(f"{name} {message}", errors=(FieldError(message, name),))


class _Subscription:
    """A viewer's connection as the sink of one cursor: forms differ between subscriptions.

    It takes nothing until it is `open`, which is when the acknowledgement has been sent.
    """

    def __init__(self, viewer: _Viewer, viewers: Viewers, form: PacketForm) -> None:
        self.form = form
        self.open = False
        self.cursor: Cursor | None = None
        self._viewer = viewer
        self._viewers = viewers

    def ready(self) -> bool:
        return self.open and self._viewers.is_ready(self._viewer)

    def send(self, frames: Sequence[Any]) -> None:
        self._viewers.send(self._viewer, frames)

    def leave(self) -> None:
        if self.cursor is not None:
            self.cursor.leave()


@dataclass(slots=True)
class _Viewer:
    """One connection: what it may read and what it follows."""

    sid: str
    eio_sid: str
    principal: Principal
    subscriptions: dict[Key, _Subscription] = field(default_factory=dict)

    def drained(self) -> None:
        """The connection takes more: go on where each cursor stopped."""
        for subscription in list(self.subscriptions.values()):
            if subscription.cursor is not None:
                subscription.cursor.wake()


class Viewers:
    """All viewers of this process, and the handlers that Flask-SocketIO calls."""

    def __init__(self, extension: Extension, store: Store, hub: Hub, gate: Gate, clock: Clock) -> None:
        self._extension = extension
        self._store = store
        self._hub = hub
        self._gate = gate
        self._clock = clock
        self._viewers: dict[str, _Viewer] = {}
        self._line_form = PacketForm(batch=False)
        self._batch_form = PacketForm(batch=True)
        self._sweeper: gevent.Greenlet[..., None] | None = None

    @property
    def count(self) -> int:
        """How many viewers are connected to this process."""
        return len(self._viewers)

    def connect(self, auth: Any = None) -> None:
        """Let a viewer in, or refuse it as the contract says."""
        token = auth.get("token") if isinstance(auth, dict) else None
        try:
            principal = self._gate.reader(socket_credentials(request.environ, token))
        except ChefError:
            raise Refused("Authentication error") from None
        sid = request.sid  # type: ignore[attr-defined]
        eio_sid = self._extension.server.manager.eio_sid_from_sid(sid, "/")
        viewer = self._viewers[sid] = _Viewer(sid, eio_sid, principal)
        outbox = self._outbox(viewer)
        if outbox is not None:
            outbox.on_drain = viewer.drained
        if self._sweeper is None:
            self._sweeper = gevent.spawn(self._disconnect_expired)

    def disconnect(self, *_reason: Any) -> None:
        """A viewer is gone: so are its cursors."""
        viewer = self._viewers.pop(request.sid, None)  # type: ignore[attr-defined]
        if viewer is not None:
            for subscription in viewer.subscriptions.values():
                subscription.leave()

    def subscribe(self, kind: Kind, *arguments: Any) -> Answer:
        """`subscribe:job` and `subscribe:project`."""
        try:
            wanted = parse_request(kind, arguments)
            return self._subscribe(self._viewers[request.sid], wanted)  # type: ignore[attr-defined]
        except ChefError as error:
            return _refusal(error, kind, arguments)

    def unsubscribe(self, kind: Kind, *arguments: Any) -> Answer:
        """`unsubscribe:job` and `unsubscribe:project`; one that was not subscribed to is no error."""
        try:
            wanted = parse_request(kind, arguments)
        except ChefError as error:
            return _refusal(error, kind, arguments)
        viewer = self._viewers[request.sid]  # type: ignore[attr-defined]
        subscription = viewer.subscriptions.pop(wanted.key, None)
        if subscription is not None:
            subscription.leave()
        return Answer({"ok": True, f"{kind}Id": wanted.id})

    def unknown(self, event: object, *_arguments: Any) -> Answer:
        """Any other event: an answer for who asked for one."""
        message = f"unknown event {event[:64]!r}" if isinstance(event, str) else "unknown event"
        return Answer({"ok": False, "error": {"code": "unknown_event", "message": message}})

    def _subscribe(self, viewer: _Viewer, wanted: Request) -> Answer:
        if len(viewer.subscriptions) >= MAX_SUBSCRIPTIONS and wanted.key not in viewer.subscriptions:
            raise TooManyRequests(f"a viewer can have {MAX_SUBSCRIPTIONS} subscriptions")
        if wanted.kind == "project":
            return self._subscribe_project(viewer, wanted)
        return self._subscribe_job(viewer, wanted)

    def _subscribe_job(self, viewer: _Viewer, wanted: Request) -> Answer:
        with self._hub.room(wanted.key) as room:
            job = self._store.job(wanted.id)
            _check_may_see(viewer.principal, job)
            seq = job.seq if job else 0
            complete, after = self._resume_from(wanted, seq)
            payload = {
                "ok": True,
                "jobId": wanted.id,
                "seq": seq,
                "epoch": self._store.epoch,
                "complete": complete,
                "job": job_json(job) if job else None,
            }
            if wanted.key in viewer.subscriptions:
                return Answer(payload)
            room.head = max(room.head, seq)
            first = job if after is None else None
            return Answer(payload, self._begin(viewer, wanted, room, seq if after is None else after, first))

    def _resume_from(self, wanted: Request, seq: int) -> tuple[bool, int | None]:
        """Whether a resumed history is whole, and the seq to go on after (`None`: from now on).

        A position of another store, or one that this store has not reached, is of another history:
        the replay starts from the beginning and says so.
        """
        if wanted.after is None:
            return True, None
        other_epoch = wanted.epoch is not None and wanted.epoch != self._store.epoch
        if other_epoch or wanted.after > seq:
            return False, 0
        return True, wanted.after

    def _subscribe_project(self, viewer: _Viewer, wanted: Request) -> Answer:
        if not viewer.principal.may_read(wanted.id):
            raise Forbidden("this token is not for this project")
        with self._hub.room(wanted.key) as room:
            found = self._store.project(wanted.id)
            seq = found.project.seq if found else 0
            payload = {
                "ok": True,
                "projectId": wanted.id,
                "seq": seq,
                "epoch": self._store.epoch,
                "complete": True,
            }
            if wanted.key in viewer.subscriptions:
                return Answer(payload)
            room.head = max(room.head, seq)
            return Answer(payload, self._begin(viewer, wanted, room, seq, None))

    def _begin(
        self, viewer: _Viewer, wanted: Request, room: Room, position: int, first: Job | None
    ) -> Callable[[], None]:
        """Join the room at a position now; what is returned lets the events flow, after the answer."""
        if viewer.sid not in self._viewers:
            return lambda: None  # It left while the store was read.
        form = self._batch_form if wanted.batch else self._line_form
        subscription = _Subscription(viewer, self, form)
        cursor = subscription.cursor = Cursor(room, position, subscription)
        viewer.subscriptions[wanted.key] = subscription
        room.join(cursor)

        def let_flow() -> None:
            if first is not None:
                events = [make_event(f"job:{name}", payload) for name, payload in state_events(first)]
                self.send(viewer, [form.encode(event) for event in events])
            subscription.open = True
            cursor.wake()

        return let_flow

    def _outbox(self, viewer: _Viewer) -> Outbox | None:
        socket = self._extension.server.eio.sockets.get(viewer.eio_sid)
        return socket.queue if socket is not None else None

    def is_ready(self, viewer: _Viewer) -> bool:
        """Whether the viewer's connection takes more now."""
        outbox = self._outbox(viewer)
        return outbox is None or outbox.ready()

    def send(self, viewer: _Viewer, frames: Sequence[Any]) -> None:
        """Queue packets for a viewer that is still there; never waits."""
        if viewer.sid not in self._viewers:
            return
        for frame in frames:
            self._extension.server._send_eio_packet(viewer.eio_sid, frame)

    def _disconnect_expired(self) -> None:
        while True:
            gevent.sleep(_EXPIRY_SWEEP_S)
            now = self._clock()
            for viewer in list(self._viewers.values()):
                if viewer.principal.expired(now):
                    self._extension.server.disconnect(viewer.sid)

    def close(self) -> None:
        """Stop looking after viewers."""
        if self._sweeper is not None:
            self._sweeper.kill()
            self._sweeper = None


def _check_may_see(principal: Principal, job: Job | None) -> None:
    """A token limited to projects may not learn whether a job of another project exists."""
    if principal.projects is None:
        return
    if job is None or not principal.may_read(job.project_id):
        raise Forbidden("this token is not for this job's project")


def _refusal(error: ChefError, kind: Kind, arguments: Sequence[Any]) -> Answer:
    argument = arguments[0] if arguments else None
    name = f"{kind}Id"
    given = argument.get(name) if isinstance(argument, dict) else argument
    payload: dict[str, Any] = {"ok": False, "error": {"code": error.code, "message": error.detail}}
    if isinstance(given, str):
        payload[name] = given[:128]
    return Answer(payload, refusal="subscribe:error")


def install(app: Flask, settings: Settings, store: Store, hub: Hub, gate: Gate, clock: Clock) -> Viewers:
    """Add the Socket.IO endpoint to an application; the extension is at `app.extensions["socketio"]`."""
    origins = settings.websocket_cors_origin
    extension = Extension(
        app,
        async_mode="gevent",
        # In the order in which they came: a subscribe before the unsubscribe that follows it.
        async_handlers=False,
        cors_allowed_origins=list(origins) if isinstance(origins, tuple) else origins,
        cors_credentials=False,
        ping_interval=settings.ping_interval,
        ping_timeout=settings.ping_timeout,
        max_http_buffer_size=64 * 1024,
        logger=logging.getLogger("socketio"),
        engineio_logger=logging.getLogger("engineio"),
    )
    viewers = Viewers(extension, store, hub, gate, clock)
    extension.on("connect")(viewers.connect)
    extension.on("disconnect")(viewers.disconnect)
    extension.on("subscribe:job")(lambda *arguments: viewers.subscribe("job", *arguments))
    extension.on("unsubscribe:job")(lambda *arguments: viewers.unsubscribe("job", *arguments))
    extension.on("subscribe:project")(lambda *arguments: viewers.subscribe("project", *arguments))
    extension.on("unsubscribe:project")(lambda *arguments: viewers.unsubscribe("project", *arguments))
    extension.on("*")(viewers.unknown)
    return viewers

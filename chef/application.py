"""The wiring of one application; nothing else wires."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from flask import Flask, Response, request

from chef import pages, sockets
from chef.access.auth import Gate
from chef.access.denials import Denials
from chef.access.origins import AllowedOrigins
from chef.access.writelimit import WriteLimit
from chef.api import (
    admission,
    clientfiles,
    control,
    digests,
    edge,
    erasing,
    hooks,
    novelty,
    problems,
    questions,
    reading,
    reporter,
    runs,
    server,
    sharing,
    streams,
    testing,
    writing,
)
from chef.api.hosts import AllowedHosts, HostCheck
from chef.api.negotiation import Negotiation
from chef.api.openapi import document
from chef.digest.errors import ErrorLines
from chef.domain.clock import Clock, now_ms
from chef.greenlets import SideThread
from chef.live.abandoning import Abandoning
from chef.live.broadcast import Broadcast
from chef.live.control import Control
from chef.live.doorbell import Doorbell
from chef.live.erasing import Eraser
from chef.live.etatelling import EtaTeller
from chef.live.failurelooks import look_at_failures
from chef.live.failurereviews import FailureReviews
from chef.live.forecaster import Forecaster
from chef.live.hub import Hub
from chef.live.loopwatch import LoopWatch
from chef.live.noveltyreviews import NoveltyReviews
from chef.live.readiness import Readiness
from chef.live.recent import Recent
from chef.live.removals import Forget, Removals
from chef.live.retention import Retention
from chef.live.sharebook import ShareBook
from chef.live.steadyclock import SteadyClock
from chef.live.storelimit import StoreLimit
from chef.live.tracker import Publish, Tracker
from chef.live.uploads import Uploads
from chef.live.waiting import EndWatches
from chef.mcp import endpoint
from chef.mcp.versions import MCP_HEADERS
from chef.metrics import Metrics
from chef.outbox.channel import NotifyChannel
from chef.outbox.kinds import make_channels
from chef.pages.sharedaddresses import SharedAddresses
from chef.services import BadgeAnswer, Services
from chef.settings.config import Settings
from chef.store import Removed, Store

if TYPE_CHECKING:
    from chef.outbox.notifier import Notifier

_BLUEPRINTS = (
    writing.blueprint,
    erasing.blueprint,
    control.blueprint,
    questions.blueprint,
    reading.blueprint,
    runs.blueprint,
    digests.blueprint,
    testing.blueprint,
    hooks.blueprint,
    novelty.blueprint,
    sharing.blueprint,
    streams.blueprint,
    server.blueprint,
    reporter.blueprint,
    clientfiles.blueprint,
    document.blueprint,
    endpoint.blueprint,
)
# What pages of other origins may read, besides the endpoint of agents.
_OPEN_TO_PAGES = re.compile(r"/api/|/client[./]|/health\Z|/embed\.js\Z")
_ALLOWED_HEADERS = ["Authorization", "Content-Type", "Last-Event-ID"]
_EXPOSED_HEADERS = [
    "Retry-After",
    *admission.RATE_FIELDS,
    "Upload-Offset",
    "Chef-Epoch",
    "Chef-Complete",
    "Date",  # A page's own clock may be wrong.
]


def create_app(settings: Settings, clock: Clock | None = None) -> Flask:
    """An application over the store that the settings name, which it brings to the newest schema.

    May be called several times in a process. The Flask-SocketIO object is at
    `app.extensions["socketio"]` (not with `WEBSOCKET_ENABLED=false`), the parts at
    `app.extensions["chef"]`, whose `close` ends what the application holds.
    """
    app = Flask("chef", template_folder="../templates", static_folder="../static")
    app.json.sort_keys = False  # type: ignore[attr-defined]
    # An empty $JOB in `/api/jobs/$JOB/progress` is a 404: a redirect would look like success to curl.
    app.url_map.merge_slashes = False
    app.extensions["chef"] = _services(app, settings, clock or SteadyClock(), clock or now_ms)
    refusals = problems.install(app, app.extensions["chef"].denials)
    admission.install(app)
    app.url_map.converters["run"] = runs.RunConverter
    for blueprint in _BLUEPRINTS:
        app.register_blueprint(blueprint)
    pages.install(app)
    _allow_origins(app, settings)
    addresses = SharedAddresses(app.wsgi_app, Negotiation(app.wsgi_app))
    app.wsgi_app = edge.Edge(addresses, app.extensions["chef"], refusals, _headers_for_all(settings))  # type: ignore[method-assign]
    if settings.allowed_hosts:
        hosts = AllowedHosts(settings.allowed_hosts)
        app.wsgi_app = HostCheck(app.wsgi_app, hosts, refusals)  # type: ignore[method-assign]
    return app


def _services(app: Flask, settings: Settings, clock: Clock, clock_of_tokens: Clock) -> Services:
    channels, store, metrics = make_channels(settings), Store(settings), Metrics()
    access = _access(settings, metrics, clock_of_tokens, store)
    hub, forecaster = Hub(store), Forecaster(store, clock)
    sockets_of = sockets.install if settings.websocket_enabled else _no_sockets
    viewers = sockets_of(app, settings, store, hub, *access.of_viewers, metrics, clock, forecaster)
    count = (lambda: viewers.count) if viewers else (lambda: 0)
    doorbell = _doorbell(settings, hub, metrics, count)
    outbox = _outbox(channels, settings, store, forecaster, clock, metrics)
    followers = _followers(store, hub, forecaster, clock, outbox, is_controlled=settings.control)
    publish = (forecaster.note, hub.publish, *([doorbell.ring] if doorbell else []), *followers.notes)
    tracker = Tracker(store, metrics, clock, *publish, pace=hub.pace, look=partial(look_at_failures, store))
    error_lines, end_watches, loop_watch = ErrorLines(store), EndWatches(hub), LoopWatch()
    _count(metrics, count, hub, end_watches, store, loop_watch, followers.control)
    store.on_removal(partial(_tell_all, (hub.forget, *followers.forget_removed)))
    return Services(
        settings,
        store,
        hub,
        doorbell,
        tracker,
        access.shares,
        access.gate,
        access.write_limit,
        access.denials,
        metrics,
        clock,
        viewers,
        Retention(store, settings.retention_days, clock),
        Abandoning(store, tracker, settings.abandon_hours, clock),
        _eraser(store, hub, doorbell, clock, forecaster.forget, error_lines.forget, *followers.forget),
        _store_limit(store, settings, metrics),
        Uploads(),
        error_lines,
        end_watches,
        loop_watch,
        Readiness(),
        forecaster,
        *followers,
    )


class _Access(NamedTuple):
    """Who may come in and write, and how often; fields of `Services`."""

    shares: ShareBook
    gate: Gate
    write_limit: WriteLimit
    denials: Denials

    @property
    def of_viewers(self) -> tuple[Gate, ShareBook, Denials]:
        """What Socket.IO needs of them."""
        return self.gate, self.shares, self.denials


def _access(settings: Settings, metrics: Metrics, clock: Clock, store: Store) -> _Access:
    shares = ShareBook(store, clock)
    return _Access(
        shares,
        Gate(settings, clock, metrics.refuse, shares.find),
        WriteLimit(settings.rate_writes, metrics.refuse),
        Denials(lambda reason: metrics.denied.labels(reason).inc()),
    )


class _Followers(NamedTuple):
    """Whatever goes on from what was stored, viewers excepted; fields of `Services`."""

    reviews: FailureReviews
    novelty: NoveltyReviews
    eta_teller: EtaTeller
    badges: Recent[BadgeAnswer]
    outbox: Notifier | None
    side_thread: SideThread
    control: Control

    @property
    def notes(self) -> list[Publish]:
        """Are told of each commit."""
        told = (self.reviews, self.novelty, self.eta_teller, self.badges, self.control, self.outbox)
        return [one.note for one in told if one is not None]

    @property
    def forget(self) -> list[Forget]:
        """Are told of what was erased."""
        return [one.forget for one in (self.eta_teller, self.badges, self.outbox) if one is not None]

    @property
    def forget_removed(self) -> list[Callable[[Removed], None]]:
        """Are told of what was removed by age."""
        return [self.badges.forget, *([self.outbox.forget_removed] if self.outbox is not None else [])]


def _followers(
    store: Store,
    hub: Hub,
    forecaster: Forecaster,
    clock: Clock,
    outbox: Notifier | None,
    *,
    is_controlled: bool,
) -> _Followers:
    side_thread = SideThread()
    return _Followers(
        FailureReviews(store, clock),
        NoveltyReviews(store, side_thread, clock),
        EtaTeller(hub, store, forecaster),
        Recent(clock),
        outbox,
        side_thread,
        Control(store, hub, clock, is_on=is_controlled),
    )


def _outbox(
    channels: Sequence[NotifyChannel],
    settings: Settings,
    store: Store,
    forecaster: Forecaster,
    clock: Clock,
    metrics: Metrics,
) -> Notifier | None:
    """Nothing where there is no target."""
    if not channels:
        return None
    from chef.outbox.making import make_notifier  # Loads urllib3.

    return make_notifier(channels, settings, store, forecaster.estimate, clock, metrics)


def _store_limit(store: Store, settings: Settings, metrics: Metrics) -> StoreLimit:
    limit = StoreLimit(store, settings.max_store_bytes)
    for name, text, value in (
        ("chef_store_bytes", "Bytes that the store takes, looked at once a minute.", lambda: limit.size),
        ("chef_store_bytes_limit", "Bytes that it may take; 0: any.", lambda: settings.max_store_bytes),
    ):
        metrics.watch(name, text, value)
    metrics.show("chef_store_jobs_removed", "Jobs removed since they are too many bytes.", limit.removed)
    return limit


def _eraser(store: Store, hub: Hub, doorbell: Doorbell | None, clock: Clock, *forget: Forget) -> Eraser:
    """`forget` are told of what was erased, here or by another process."""
    removals = Removals(hub, store, *forget)
    return Eraser(store, hub, removals, clock, *([doorbell.ring_removal] if doorbell else []))


def _tell_all(listeners: Sequence[Callable[[Removed], None]], removed: Removed) -> None:
    for listener in listeners:
        listener(removed)


def _no_sockets(*_: object) -> None:
    """Without WebSocket there are no viewers but those of event streams."""


def _count(
    metrics: Metrics,
    viewers: Callable[[], int],
    hub: Hub,
    end_watches: EndWatches,
    store: Store,
    loop_watch: LoopWatch,
    control: Control,
) -> None:
    """Show what the parts count, and how much of what there is at a scrape."""
    metrics.show("chef_commit_seconds", "Time of a commit.", store.counts.commits)
    metrics.show("chef_store_errors", "Reads and writes given up, by operation.", store.counts.errors)
    metrics.show("chef_events_sent", "Events handed to followers.", hub.deliveries.events)
    metrics.show("chef_replays", "Followers that began behind the end of a log.", hub.deliveries.replays)
    metrics.show("chef_log_pages_read", "Pages read for followers that were behind.", hub.deliveries.pages)
    metrics.show("chef_event_loop_lag_seconds", "Lateness of the event loop.", loop_watch.lateness)
    metrics.watch("chef_viewers", "Viewers connected by Socket.IO to this process.", viewers)
    metrics.watch("chef_rooms", "Jobs and projects that somebody follows.", lambda: hub.rooms)
    metrics.watch("chef_cursors", "Followers of a job or a project.", lambda: hub.followers)
    metrics.watch("chef_cursors_behind", "Followers that have not had all.", lambda: hub.followers_behind)
    metrics.watch("chef_ring_bytes", "Newest events kept in memory.", lambda: hub.ring_bytes)
    metrics.watch("chef_waiting", "Requests that wait for the end of a job.", lambda: len(end_watches))
    metrics.watch("chef_controls_waiting", "Requests that wait for news of a job.", lambda: control.waiting)
    metrics.watch("chef_writes_waiting", "Writes that wait for their commit.", lambda: store.waiting)


def _doorbell(settings: Settings, hub: Hub, metrics: Metrics, count: Callable[[], int]) -> Doorbell | None:
    broadcast = _redis(settings.redis_url, hub.store.epoch) if settings.redis_url else hub.store.broadcast()
    if broadcast is None:
        return None
    doorbell = Doorbell(broadcast, hub, count, metrics.ignored)
    metrics.watch("chef_doorbell_up", "Whether the doorbell works.", lambda: doorbell.is_up)
    metrics.watch("chef_doorbell_age_seconds", "Time that messages do not come back.", lambda: doorbell.age)
    return doorbell


def _redis(url: str, epoch: str) -> Broadcast:
    from chef.live.redisbroadcast import RedisBroadcast  # Loads redis, which takes long.

    return RedisBroadcast(url, epoch)


def _allow_origins(app: Flask, settings: Settings) -> None:
    """CORS by the rule that holds for Socket.IO: never with credentials, nothing where it is not set."""
    if settings.websocket_cors_origin is None:
        return
    from flask_cors import CORS

    allowed = AllowedOrigins(settings.websocket_cors_origin)
    CORS(
        app,
        resources={
            _OPEN_TO_PAGES: {},
            "/mcp": {"allow_headers": [*_ALLOWED_HEADERS, *MCP_HEADERS]},
        },
        origins="*" if allowed.is_any else allowed.patterns,
        send_wildcard=allowed.is_any,
        vary_header=False,
        allow_headers=_ALLOWED_HEADERS,
        expose_headers=_EXPOSED_HEADERS,
        supports_credentials=False,
        max_age=600,
    )
    if not allowed.is_any:
        app.after_request(_vary_by_origin)


def _vary_by_origin(response: Response) -> Response:
    """Say to caches that another origin gets another answer, also where this request names none."""
    if request.path == "/mcp" or _OPEN_TO_PAGES.match(request.path):
        response.vary.add("Origin")
    return response


def _headers_for_all(settings: Settings) -> dict[str, str]:
    """The CORS headers of requests without an origin; the short way sends them by itself."""
    if settings.websocket_cors_origin is None:
        return {}
    if settings.websocket_cors_origin != "*":
        return {"Vary": "Origin"}
    exposed = ", ".join(sorted(_EXPOSED_HEADERS))
    return {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": exposed}

"""The parts of one application, for its edges: made in `create_app`, kept at `app.extensions["chef"]`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from flask import current_app

from chef.access.auth import Gate
from chef.access.denials import Denials
from chef.access.writelimit import WriteLimit
from chef.digest.errors import ErrorLines
from chef.domain.clock import Clock
from chef.domain.clockback import not_after
from chef.domain.failure import MAX_STORED, FailureLimits
from chef.domain.model import Job
from chef.domain.payloads import JobJson, job_json
from chef.greenlets import SideThread
from chef.live.abandoning import Abandoning
from chef.live.control import Control
from chef.live.doorbell import Doorbell
from chef.live.erasing import Eraser
from chef.live.etatelling import EtaTeller
from chef.live.failurereviews import FailureReviews
from chef.live.forecaster import Forecaster
from chef.live.hub import Hub
from chef.live.loopwatch import LoopWatch
from chef.live.noveltyreviews import NoveltyReviews
from chef.live.readiness import Readiness
from chef.live.recent import Recent
from chef.live.retention import Retention
from chef.live.sharebook import ShareBook
from chef.live.storelimit import StoreLimit
from chef.live.tracker import Tracker
from chef.live.uploads import Uploads
from chef.live.waiting import EndWatches
from chef.metrics import Metrics
from chef.settings.config import Settings
from chef.store import Store

if TYPE_CHECKING:
    from chef.outbox.notifier import Notifier


class BadgeAnswer(NamedTuple):
    """A badge as it is answered; `project_id` is empty where there is no such job."""

    project_id: str
    status: int
    body: bytes
    etag: str


class ConnectedViewers(Protocol):
    """The viewers of this process, as far as the other edges know them."""

    @property
    def count(self) -> int:
        """How many are connected."""
        ...

    def close(self) -> None:
        """Stop looking after them."""
        ...


@dataclass(frozen=True, slots=True)
class Services:
    """One application's parts. `viewers` is `None` where WebSocket is off, `doorbell` with SQLite alone,
    `outbox` where there is no target.
    """

    settings: Settings
    store: Store
    hub: Hub
    doorbell: Doorbell | None
    tracker: Tracker
    shares: ShareBook
    gate: Gate
    write_limit: WriteLimit
    denials: Denials
    metrics: Metrics
    clock: Clock
    viewers: ConnectedViewers | None
    retention: Retention
    abandoning: Abandoning
    eraser: Eraser
    store_limit: StoreLimit
    uploads: Uploads
    error_lines: ErrorLines
    end_watches: EndWatches
    loop_watch: LoopWatch
    readiness: Readiness
    forecaster: Forecaster
    reviews: FailureReviews
    novelty: NoveltyReviews
    eta_teller: EtaTeller
    badges: Recent[BadgeAnswer]
    outbox: Notifier | None
    side_thread: SideThread
    control: Control

    def job_json(self, job: Job, failure_limits: FailureLimits = MAX_STORED) -> JobJson:
        """A job as it is now, with how long it still takes; in lists it has less of its failure."""
        now = self.clock()
        return job_json(not_after(job, now), now, failure_limits, self.forecaster.estimate(job))

    def connected_clients(self) -> int:
        """How many viewers are connected by Socket.IO, over all processes of this store."""
        if self.doorbell is not None:
            return self.doorbell.viewers
        return self.viewers.count if self.viewers is not None else 0

    def start(self) -> None:
        """Begin what runs beside requests; called once by the server."""
        if self.doorbell is not None:
            self.doorbell.start()
        self.retention.start()
        self.abandoning.start()
        self.eraser.start()
        self.store_limit.start()
        self.novelty.start()
        self.eta_teller.start()
        self.control.start()
        if self.outbox is not None:
            self.outbox.start()
        self.loop_watch.start()

    def close(self) -> None:
        """Stop all that asks the store, store what waits, then let go of everything."""
        self.loop_watch.close()
        if self.viewers is not None:
            self.viewers.close()
        self.hub.close()
        if self.outbox is not None:
            self.outbox.close()
        self.retention.close()
        self.abandoning.close()
        self.eraser.close()
        self.store_limit.close()
        self.eta_teller.close()
        self.control.close()
        self.reviews.close()
        self.novelty.close()
        self.side_thread.close()
        self.shares.close()
        self.store.close()
        # Behind the store, for what was stored last.
        if self.doorbell is not None:
            self.doorbell.close()


def services() -> Services:
    """The services of the application that handles the present request."""
    found: Services = current_app.extensions["chef"]
    return found

"""Rooms and how viewers get into them: what subscribing and coming back have in common."""

from __future__ import annotations

from collections.abc import Callable

from chef.access.levels import LEVELS
from chef.domain.clock import Clock
from chef.domain.model import Job
from chef.live.cursors import Cursor
from chef.live.following import History
from chef.live.hub import Hub
from chef.live.rooms import Key, Room
from chef.live.sharedreads import SharedReads
from chef.sockets.forms import EventForm, FrameForm
from chef.sockets.registry import ViewerRegistry
from chef.sockets.viewer import RecoverableSubscription, Subscription, Viewer
from chef.store import Store
from chef.wire.recovery import Kept


class Joiner:
    """Reads what viewers may see of jobs and projects, and puts them into rooms."""

    def __init__(self, store: Store, hub: Hub, registry: ViewerRegistry, clock: Clock) -> None:
        self._store = store
        self._hub = hub
        self._registry = registry
        self._clock = clock
        wanted = [(batch, level) for batch in (False, True) for level in LEVELS]
        self._forms = {(batch, level): FrameForm(batch=batch, level=level) for batch, level in wanted}
        self._recoverable_forms = {
            (batch, level): EventForm(batch=batch, level=level) for batch, level in wanted
        }
        self._jobs = SharedReads(store.job)
        self._projects = SharedReads(store.project)

    def room(self, key: Key) -> Room:
        """The room of a job or project, to be kept (`with`) while a viewer joins it."""
        return self._hub.room(key)

    def read_job(self, viewer: Viewer, job_id: str) -> tuple[Job | None, History]:
        """A job, if there is one, and its history. Raises Forbidden where the viewer may not see it."""
        job = self._jobs(job_id)
        viewer.principal.check_may_see(job.project_id if job else None, job_id)
        return job, History.of_job(self._store.epoch, job)

    def read_project(self, viewer: Viewer, project_id: str) -> History:
        """A project's history. Raises Forbidden where the viewer may not see it."""
        viewer.principal.check_may_read(project_id)
        found = self._projects(project_id)
        return History(self._store.epoch, found.project.seq if found else 0)

    def new_subscription(self, viewer: Viewer, key: Key, batch: bool, position: int) -> Subscription:
        """A subscription of a viewer; with recovery it begins again at `position` if it is lost at once."""
        recovery = viewer.recovery
        if recovery is None:
            return Subscription(viewer.channel, self._forms[batch, viewer.principal.level])
        kept = Kept(recovery.next_number(), *key, batch, position)
        form = self._recoverable_forms[batch, viewer.principal.level]
        return RecoverableSubscription(viewer.channel, form, recovery, kept)

    def old_subscription(self, viewer: Viewer, kept: Kept, place: str) -> Subscription:
        """A subscription that a viewer with recovery had, resumed after this place."""
        recovery = viewer.recovery
        assert recovery is not None, "only a viewer with recovery has kept subscriptions"  # noqa: S101
        recovery.places[kept.number] = place
        form = self._recoverable_forms[kept.batch, viewer.principal.level]
        return RecoverableSubscription(viewer.channel, form, recovery, kept, place)

    def join(
        self,
        viewer: Viewer,
        key: Key,
        room: Room,
        position: int,
        subscription: Subscription,
        told: int | None = None,
    ) -> Callable[[], None]:
        """Put a viewer into a room at a position; what is returned lets the events flow.

        `told` is the number of the newest note that it has had; `None`: the answer says as much as all do.
        """
        if viewer.sid not in self._registry:
            return lambda: None  # It left while the store was read.
        cursor = subscription.cursor = Cursor(room, position, subscription, told)
        # Another job that gets a removed one's id may be of another project.
        cursor.stays = viewer.principal.projects is None or key[0] == "project"
        viewer.subscriptions[key] = subscription
        room.join(cursor)

        def let_flow() -> None:
            subscription.open = True
            cursor.wake()

        return let_flow

    def save(self, viewer: Viewer) -> None:
        """Keep what a viewer follows, if it asked for recovery."""
        if viewer.recovery is not None:
            self._store.save_session(viewer.recovery.pid, viewer.kept, self._clock())

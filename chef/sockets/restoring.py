"""Connection state recovery: a viewer that comes back gets its rooms again (contract section 3)."""

from __future__ import annotations

from collections.abc import Callable

from chef.domain.clock import Clock
from chef.errors import ChefError, NotFound
from chef.live.following import Bookmark, History, find_start
from chef.live.notes import COMES_BACK
from chef.live.rooms import Key
from chef.metrics import CountByLabel
from chef.sockets.joining import Joiner
from chef.sockets.registry import ViewerRegistry
from chef.sockets.viewer import Recovery, Viewer
from chef.store import Store
from chef.transport.socketio import SocketServer
from chef.wire.recovery import Kept, Place, is_pid, parse_offset


class Restorer:
    """Puts viewers that come back where their offset left them; `recoveries` counts them by result."""

    def __init__(
        self,
        joiner: Joiner,
        store: Store,
        registry: ViewerRegistry,
        server: SocketServer,
        clock: Clock,
        recoveries: CountByLabel,
    ) -> None:
        self._joiner = joiner
        self._store = store
        self._registry = registry
        self._server = server
        self._clock = clock
        self._recoveries = recoveries

    def restore(self, viewer: Viewer, pid: object, offset: object) -> Callable[[], None] | None:
        """Join a returning viewer's rooms; what is returned lets the events flow.

        `None` where not all can be had: then it has none of them, and begins anew.
        """
        places = parse_offset(offset)
        if not places or not is_pid(pid):
            return None
        for other in self._registry:
            if other.recovery is not None and other.recovery.pid == pid:
                self._server.disconnect(other.sid)  # Its broken connection was not noticed yet.
        try:
            kept = self._store.session(pid, self._clock()) or []
            viewer.recovery = Recovery(pid, last_number=max((one.number for one in kept), default=-1))
            steps = [self._rejoin(viewer, one, places) for one in kept]
            self._joiner.save(viewer)
        except ChefError:
            steps = []
        self._recoveries.labels("recovered" if steps else "lost").inc()
        if not steps:
            viewer.leave_all()
            return None

        def let_flow() -> None:
            for step in steps:
                step()

        return let_flow

    def _rejoin(self, viewer: Viewer, kept: Kept, places: dict[int, Place]) -> Callable[[], None]:
        """Join one room again; raises NotFound where what it had is gone, Forbidden where it may not."""
        place = places.get(kept.number, Place(kept.position))
        key = (kept.kind, kept.id)
        with self._joiner.room(key) as room:
            history = self._read(viewer, key)
            start = find_start(history, Bookmark(place.position, skip=place.skip), otherwise=0)
            if not start.complete:
                raise NotFound("removed meanwhile, or this is another history")
            room.raise_head(history.seq)
            kept = Kept(kept.number, kept.kind, kept.id, kept.batch, place.position)
            subscription = self._joiner.old_subscription(viewer, kept, str(place))
            return self._joiner.join(viewer, key, room, place.position, subscription, told=COMES_BACK)

    def _read(self, viewer: Viewer, key: Key) -> History:
        kind, name = key
        if kind == "project":
            return self._joiner.read_project(viewer, name)
        return self._joiner.read_job(viewer, name)[1]

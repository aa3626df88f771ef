"""Every viewer is a cursor on a log: late, live, slow or back again, there is one path to it.

A room is one job's or one project's log as this process knows it: how far it goes (`head`) and its
newest entries (`ring`). A cursor is a viewer's position in it. Whenever a room's head moves or a
viewer's socket drains, the cursor advances: out of the ring if that reaches back far enough, else out
of the store, until it is at the head or the viewer takes no more. Order, exactly-once and bounded
memory follow from that; a ring only saves reading.

Nearly all cursors of a room are at its end. Those that take events in one form stand in a `Lane`, which
has one position for all: what is new is joined once, and handed to each as the same bytes.

Everything here runs on the event loop's thread. What waits for the store is
`Feed.page` and everything named `load…`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence

from chef.domain.batches import Stored
from chef.domain.model import StateEntry
from chef.domain.removals import Removal
from chef.live.background import BackgroundTask
from chef.live.deliveries import Deliveries
from chef.live.events import Event, Published
from chef.live.flusher import Flusher
from chef.live.rooms import Key, Member, Room
from chef.store import Removed, Store

# Without a doorbell (another process wrote, Redis was away) a viewer waits at most this long.
SAFETY_POLL_S = 2.0
# So long is a writer held up at most while its viewers are served (`Hub.pace`).
PACE_S = 0.05


class Hub:
    """All rooms of this process."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.deliveries = Deliveries()
        self._rooms: dict[Key, Room] = {}
        self._flusher = Flusher()
        # Called before the store is asked how far each log is; it may wait.
        self.look_for_removals: Callable[[], None] = lambda: None
        self._safety_poll = BackgroundTask(self.load_heads, "viewers wait for what other processes wrote")
        self.closed = False
        self.on_following: Callable[[], None] = lambda: None
        """Called when a first log is followed here, where none was. It must not wait."""
        self.on_close: Callable[[], None] = lambda: None
        """Called when nobody is served any more. It must not wait."""

    def publish(self, stored: Sequence[Stored]) -> None:
        """New entries are on disk. Never waits: viewers are served right after."""
        for item in stored:
            job = item.job
            self._append(("job", job.job_id), item, "job")
            if isinstance(item.entry, StateEntry):
                self._append(("project", job.project_id), item, "project")

    def forget(self, removed: Removed) -> None:
        """Jobs and projects are gone, with their names free for others. Never waits."""
        keys: list[Key] = [("job", name) for name in removed.jobs]
        keys += [("project", name) for name in removed.projects]
        for key in keys:
            room = self._rooms.get(key)
            if room is not None:
                room.restart(0)

    def remove(self, removal: Removal, event: Event) -> None:
        """A job, its log or a project was erased: nothing of it stays here, followers are told. Never waits.

        What a project's followers were sent of a job is read anew, too: it may tell of the job's log.
        """
        project = self._rooms.get(("project", removal.project_id))
        if removal.job_id is not None:
            job = self._rooms.get(("job", removal.job_id))
            self.drop_notes(removal.job_id, removal.project_id)
            for room in (job, project):
                if room is not None:
                    room.forget_entries()
            if job is not None and removal.gap is None:
                job.restart(0, event)
            if job is not None:
                job.notes.put_removal(removal.job_id, event, again=removal.gap is not None)
        if project is not None:
            project.notes.put_removal(removal.job_id or "", event, again=True)
            project.flush_soon()

    def _append(self, key: Key, item: Stored, prefix: str) -> None:
        room = self._rooms.get(key)
        if room is not None:
            room.append(Published(item.entry, item.job.job_id, item.job.project_id, prefix))

    def room(self, key: Key) -> Room:
        """The room of a job or project, made when there is none. Use it as a context while joining."""
        # It finds what other processes wrote, with one query for all rooms.
        self._safety_poll.start(SAFETY_POLL_S)
        room = self._rooms.get(key)
        if room is None:
            begins = not self._rooms
            room = self._rooms[key] = Room(self.store, key, self._flusher.soon, self.drop, self.deliveries)
            if begins:
                self.on_following()
        return room

    def drop(self, room: Room) -> None:
        """Forget a room that nobody follows."""
        if self._rooms.get(room.key) is room:
            del self._rooms[room.key]
            room.end()

    def tell(self, key: Key, job_id: str, event: Event) -> None:
        """Tell the followers of a log something of a job that is no part of it. Never waits."""
        room = self._rooms.get(key)
        if room is not None:
            room.notes.put(job_id, event)
            room.flush_soon()

    def drop_notes(self, job_id: str, project_id: str) -> None:
        """There is nothing more to be told of a job."""
        keys: list[Key] = [("job", job_id), ("project", project_id)]
        for key in keys:
            if key in self._rooms:
                self._rooms[key].notes.drop(job_id)

    def follows(self, key: Key) -> bool:
        """Whether somebody follows a job or project in this process."""
        return key in self._rooms

    def followed(self) -> list[tuple[Key, int]]:
        """All that is followed in this process, with how far each log goes."""
        return [(key, room.head) for key, room in self._rooms.items()]

    @property
    def rooms(self) -> int:
        """How many logs are followed in this process."""
        return len(self._rooms)

    @property
    def followers(self) -> int:
        """How many follow something in this process; whoever follows two logs counts twice."""
        return sum(len(room.members) for room in self._rooms.values())

    @property
    def followers_behind(self) -> int:
        """How many of them have not had all that is stored."""
        return sum(room.behind for room in self._rooms.values())

    @property
    def ring_bytes(self) -> int:
        """About how many bytes the newest entries of all followed logs keep in memory."""
        return sum(room.ring.size for room in self._rooms.values())

    def viewers(self, key: Key) -> int:
        """How many follow a job or project in this process."""
        room = self._rooms.get(key)
        return len(room.members) if room else 0

    def close(self) -> None:
        """Serve nobody any more; a reader in `Reader.wait` goes on and finds `closed`."""
        self.closed = True
        self._flusher.close()
        self._safety_poll.close()
        for member in _members(list(self._rooms.values())):
            member.wake()
        self.on_close()

    def pace(self, stored: Iterable[Stored]) -> None:
        """Hold up the writer of this a little, while its viewers are still being served what came before.

        Whoever writes in a tight loop would else be ahead of its own viewers for ever. Others do not wait.
        """
        if not self._rooms:
            return
        keys: set[Key] = {("job", item.job.job_id) for item in stored}
        keys |= {("project", item.job.project_id) for item in stored}
        rooms = [room for key in keys if (room := self._rooms.get(key)) is not None]
        deadline = time.monotonic() + PACE_S
        for served in [room.served for room in rooms if room.served is not None]:
            served.wait(max(deadline - time.monotonic(), 0))

    def load_heads(self, keys: Collection[Key] | None = None) -> dict[Key, int]:
        """Read how far each followed log, or each of `keys`, is in the store; wake followers that are behind.

        Returns the heads of the logs that are not empty.
        """
        if keys is None:
            self.look_for_removals()
        known = {key: room.head for key, room in self._rooms.items() if keys is None or key in keys}
        heads = self._stored_heads(known if keys is None else keys)
        for key, head_before in known.items():
            head = heads.get(key, 0)
            room = self._rooms.get(key)
            if room is not None and head < head_before:
                # A log never gets shorter: another process removed it.
                room.restart(head)
            self.raise_head(key, head)
        return heads

    def _stored_heads(self, keys: Collection[Key]) -> dict[Key, int]:
        heads: dict[Key, int] = {}
        for part in _slices([name for kind, name in keys if kind == "job"]):
            heads |= {("job", name): seq for name, seq in self.store.job_seqs(part).items()}
        for part in _slices([name for kind, name in keys if kind == "project"]):
            heads |= {("project", name): seq for name, seq in self.store.project_seqs(part).items()}
        return heads

    def is_behind(self, key: Key, head: int) -> bool:
        """Whether a log is followed here that is not known yet to go up to `head`."""
        room = self._rooms.get(key)
        return room is not None and room.head < head

    def raise_head(self, key: Key, head: int) -> None:
        """Somebody says that a log goes up to `head`: wake its followers that are behind."""
        room = self._rooms.get(key)
        if room is not None:
            room.raise_head(head)


def _members(rooms: Iterable[Room]) -> Iterable[Member]:
    return [member for room in rooms for member in room.members]


def _slices(names: Sequence[str], size: int = 500) -> Iterable[Sequence[str]]:
    return (names[start : start + size] for start in range(0, len(names), size))

"""Stored entries as events: encoded once per form, shared by all that follow a job or project."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple, Protocol

from chef.access.levels import Level, event_at
from chef.domain.model import Entry, LogEntry, StateEntry
from chef.domain.payloads import EventPayload, log_events, logs_event
from chef.domain.wiretypes import encode


class Event(NamedTuple):
    """An event as a viewer receives it: a name with its room's prefix, a seq, and the payload as JSON text.

    `place` is where in its room a viewer is that has had it: a position, or, before the last event of an
    entry, the position before the entry with the number of its events that it has had (`122+1`). One that is
    no part of the log has the seq 0 and no place.
    """

    name: str
    seq: int
    data: str
    place: str


class Form(Protocol):
    """How some viewers take events: log lines one by one or in batches, and the frame of each event.

    `level` is how much of them they are shown. Forms are compared by identity: viewers that share one share
    the encoded frames.
    """

    batch: bool
    level: Level

    def encode(self, event: Event) -> Any:
        """The frame of one event."""
        ...

    def join(self, frames: Sequence[Any]) -> Sequence[Any]:
        """Frames that are sent together, as few as they can be."""
        ...


def make_event(name: str, payload: EventPayload, place: str | None = None) -> Event:
    """The event of a payload. Its seq is the payload's, and so is its place unless given."""
    return Event(name, payload.seq, encode(payload), place or str(payload.seq))


def shown_events(level: Level, events: Iterable[Event]) -> Iterator[Event]:
    """The events that a level shows, as far as it shows them."""
    if level == "log":
        yield from events
        return
    for event in events:
        data = event_at(level, event.name, event.data)
        if data is not None:
            yield event._replace(data=data)


class Encoded(NamedTuple):
    """Events in a form: their frames, about how many bytes those are, and how many events are shown."""

    frames: Sequence[Any]
    size: int
    events: int


def encoded_in(form: Form, events: Iterable[Event]) -> Encoded:
    """Events in a form, which may not show all of them."""
    shown = list(shown_events(form.level, events))
    frames = form.join([form.encode(event) for event in shown]) if shown else ()
    return Encoded(frames, sum(map(_size_of, shown)), len(shown))


def _size_of(event: Event) -> int:
    data = event.data
    # The rest of the packet has some 20 bytes besides the event's name.
    return (len(data) if data.isascii() else len(data.encode())) + len(event.name) + 20


class Published:
    """An entry on its way to viewers, with the frames that some viewer has needed already.

    In its room's order it follows on the position `before` and ends at `position`. `prefix` tells which
    room that is: a job's or a project's.
    """

    __slots__ = ("_encoded", "before", "entry", "job_id", "position", "prefix", "project_id", "size")

    def __init__(self, entry: Entry, job_id: str, project_id: str, prefix: str) -> None:
        self.entry = entry
        self.job_id = job_id
        self.project_id = project_id
        self.prefix = prefix
        if prefix == "project" and isinstance(entry, StateEntry):
            self.position = entry.project_seq
            self.before = entry.project_seq - 1
        else:
            self.position = entry.seq
            self.before = entry.first_seq - 1
        # About how many bytes this keeps in memory, once encoded.
        self.size = entry.size
        self._encoded: dict[int, Encoded] = {}

    def encoded(self, form: Form) -> Encoded:
        """All its events in a form, encoded at the first call."""
        encoded = self._encoded.get(id(form))
        if encoded is None:
            encoded = encoded_in(form, events_of([self], 0, form.batch))
            self._encoded[id(form)] = encoded
        return encoded


def events_of(page: Sequence[Published], after: int, batch: bool) -> Iterator[Event]:
    """The events of a page with a seq above `after`, in order; in batches what follows each other."""
    if not batch:
        for published in page:
            yield from _single_events(published, after)
        return
    for are_logs, group in groupby(page, lambda published: isinstance(published.entry, LogEntry)):
        run = list(group)
        if are_logs:
            entries = [item.entry for item in run if isinstance(item.entry, LogEntry)]
            yield make_event("job:logs", logs_event(entries, run[0].job_id, run[0].project_id, after))
        else:
            for published in run:
                yield from _single_events(published, after)


def _single_events(published: Published, after: int) -> Iterator[Event]:
    entry = published.entry
    if isinstance(entry, LogEntry):
        for payload in log_events(entry, published.job_id, published.project_id, after):
            yield make_event("job:log", payload)
    else:
        for count, (name, data) in enumerate(entry.events, 1):
            is_last = count == len(entry.events)
            place = f"{published.position}" if is_last else f"{published.before}+{count}"
            yield Event(f"{published.prefix}:{name}", entry.seq, data, place)

"""Event streams (contract section 5): the events of Socket.IO for curl, and where WebSocket is off."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, request
from msgspec import Raw

from chef.access.levels import event_at
from chef.access.principals import Principal
from chef.api.answers import (
    answer,
    check_id,
    check_project,
    number_in_query,
    reader,
    switch_in_query,
    text_in_query,
    wrong,
)
from chef.api.shapes import Events
from chef.domain.payloads import state_events
from chef.domain.wiretypes import encode
from chef.errors import NotAcceptable, NotFound
from chef.live.ending import EndDelay
from chef.live.etatelling import eta_event
from chef.live.events import Event
from chef.live.following import Bookmark, History, find_start
from chef.live.readers import Reader
from chef.live.rooms import Key
from chef.services import services
from chef.wire.strict import dumps

blueprint = Blueprint("streams", __name__)

HEARTBEAT_S = 15
# How often a stream without news looks whether somebody is still there.
_LOOK_S = 1.0
# Of a page's events so many are sent by themselves, since somebody may look at an empty log meanwhile.
_SOON = 64
_SSE, _NDJSON, _JSON = "text/event-stream", "application/x-ndjson", "application/json"
_MAX_SEQ = 2**53
_ENDINGS = ("job:completed", "job:error")


@dataclass(frozen=True, slots=True)
class _Format:
    """How events are written. `heartbeat` is what keeps the connection open and means nothing.

    `opening` goes before the first event: what a browser's EventSource takes as alive. A client that reads
    JSON line by line is sent nothing but events as long as there are some.
    """

    event: Callable[[str, str | None, str], bytes]
    heartbeat: bytes
    opening: bytes


# JSON text has no newline of its own, but strings may hold what many a reader of lines takes for one.
_LINE_ENDS = {end: f"\\u{ord(end):04x}" for end in "\x85\u2028\u2029"}


def _one_line(data: str) -> str:
    if not data.isascii():
        for end, escaped in _LINE_ENDS.items():
            data = data.replace(end, escaped)
    return data


def _sse(name: str, place: str | None, data: str) -> bytes:
    # One data line. Source: the HTML standard, server-sent events.
    head = f"event: {name}\n" if place is None else f"event: {name}\nid: {place}\n"
    return f"{head}data: {_one_line(data)}\n\n".encode()


def _ndjson(name: str, _place: str | None, data: str) -> bytes:
    return f'{{"event":"{name}","data":{_one_line(data)}}}\n'.encode()


# A blank before an event's JSON belongs to it, while an empty line would be one that is no event.
_FORMATS = {
    # A comment line alone: with a blank line behind it, it is an empty message to many a client.
    _SSE: _Format(_sse, b": still here\n", b": still here\n"),
    _NDJSON: _Format(_ndjson, b" ", b""),
}


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The wishes of a request: where to go on, and whether to stay."""

    bookmark: Bookmark
    follow: bool

    @classmethod
    def from_request(cls) -> _Wanted:
        """`Last-Event-ID` of a client that reconnects, else `after`; `epoch`; `follow`."""
        epoch, follow = text_in_query("epoch"), _follow()
        last = request.headers.get("Last-Event-ID")
        if not last:
            return cls(Bookmark(number_in_query("after", None, 0, _MAX_SEQ), epoch), follow)
        if not (last.isascii() and last.isdigit()) or len(last) > 17:
            raise wrong("Last-Event-ID", "must be the id of an event of this stream")
        within = last.startswith("0") and int(last) > 0  # See `_project_id_of`.
        return cls(Bookmark(int(last) - within, epoch, skip=int(within)), follow)


@blueprint.get("/api/jobs/<job_id>/events")
def job_events(job_id: str) -> Response:
    """A job's events with a seq above `after`, then live ones until the job ends."""
    principal = reader("progress")
    key: Key = ("job", check_id(job_id, "jobId"))
    wanted = _Wanted.from_request()
    hub = services().hub
    with hub.room(key) as room:
        job = services().store.job(job_id)
        principal.check_may_see(job.project_id if job else None, job_id)
        if job is None and not wanted.follow:
            raise NotFound(f"there is no job {job_id!r}")
        history = History.of_job(services().store.epoch, job)
        start = find_start(history, wanted.bookmark, otherwise=0)
        room.raise_head(history.seq)
        position = Reader(room, start.position, start.skip, principal.level)
        # Another job that gets a removed one's id may be of another project.
        position.stays = principal.projects is None
        room.join(position)
    ended = bool(job and job.ended)
    if job is not None and (estimate := services().forecaster.estimate(job)) is not None:
        position.say_first(eta_event("job", job, estimate))
    return _respond(position, principal, wanted.follow, start.complete, ended=ended, is_job=True)


@blueprint.get("/api/projects/<project_id>/events")
def project_events(project_id: str) -> Response:
    """The progress and endings of a project's jobs, live, or above a position in the project's order."""
    principal = reader("progress")
    check_project(principal, project_id)
    wanted = _Wanted.from_request()
    hub = services().hub
    with hub.room(("project", project_id)) as room:
        found = services().store.project(project_id)
        if found is None and not wanted.follow:
            raise NotFound(f"there is no project {project_id!r}")
        history = History(services().store.epoch, found.project.seq if found else 0)
        start = find_start(history, wanted.bookmark, otherwise=history.seq if wanted.follow else 0)
        room.raise_head(history.seq)
        position = Reader(room, start.position, start.skip, principal.level)
        room.join(position)
    return _respond(position, principal, wanted.follow, start.complete, ended=False, is_job=False)


def _job_id_of(event: Event) -> str:
    return str(event.seq)


def _project_id_of(event: Event) -> str:
    """Its place in the project's order.

    The two events of an ending share it. So that a client that got only the first is sent just the second
    when it comes back, the first one's id has a zero before it: the same number, and another text.
    """
    position, _, is_within = event.place.partition("+")
    return f"0{int(position) + 1}" if is_within else position


def _follow() -> bool:
    return switch_in_query("follow", default=True) and _mimetype() != _JSON


def _mimetype() -> str:
    accepted = request.accept_mimetypes
    best = accepted.best_match([_SSE, _NDJSON, _JSON]) if accepted else _SSE
    if best is None:
        raise NotAcceptable(f"events come as {_SSE}, {_NDJSON} or {_JSON}")
    return best


def _respond(
    position: Reader, principal: Principal, follow: bool, complete: bool, *, ended: bool, is_job: bool
) -> Response:
    """The answer. `complete`: nothing is missing between where one asked to go on and what is sent."""
    mimetype, epoch = _mimetype(), services().store.epoch
    if mimetype == _JSON:
        try:
            events, more = _all_now(position)
            return answer(Events(events, more, epoch, complete))
        finally:
            position.leave()
    stream = _EventStream(position, principal, _FORMATS[mimetype], follow, ended, is_job)
    response = Response(stream, content_type=f"{mimetype}; charset=utf-8")
    # Else a proxy that compresses (webpack-dev-server, Next.js) holds it back to its end.
    response.headers["Cache-Control"] = "no-store, no-transform"
    response.headers["X-Accel-Buffering"] = "no"
    response.headers["Chef-Epoch"] = epoch
    response.headers["Chef-Complete"] = "true" if complete else "false"
    return response


def _all_now(position: Reader) -> tuple[list[dict[str, Any]], int | None]:
    """The stored events above the position, at most some pages of them, and where to go on (`None`: end)."""
    events: list[Event] = []
    while len(events) < 1000 and position.position < position.room.head and (page := position.load()):
        events += page
    more = position.position if position.position < position.room.head else None
    return [{"event": event.name, "data": Raw(event.data)} for event in events], more


class _EventStream:
    """The body of an event stream. It leaves its room when the connection goes, however that happens."""

    def __init__(
        self,
        position: Reader,
        principal: Principal,
        form: _Format,
        follow: bool,
        ended: bool,
        is_job: bool,
    ) -> None:
        self._position = position
        self._principal = principal
        self._services = services()
        # Known where our own server serves (chef.http.environ).
        self._is_gone: Callable[[], bool] = request.environ.get("chef.peer_is_gone", lambda: False)
        self._send_head: Callable[[], None] = request.environ.get("chef.send_head", lambda: None)
        self._form = form
        self._follow = follow
        # Only jobs end.
        self._ended = ended
        self._life = position.room.life if is_job else None
        self._id_of = _job_id_of if is_job else _project_id_of
        self._end_told = False
        self._delay = EndDelay()
        self._said_at = time.monotonic()
        # A link that is ended ends what is followed by it.
        self._share_ended = False
        share = principal.share
        self._unwatch = None if share is None else self._services.shares.watch(share, self._end_share)

    def _end_share(self) -> None:
        self._share_ended = True
        self._position.wake()

    def __iter__(self) -> Iterator[bytes]:
        # The head goes out at once where no event can bring it.
        if self._form.opening:
            yield self._form.opening
        elif not self._is_behind:
            self._send_head()
        while True:
            yield from self._news()
            if self._life not in (None, self._position.room.life):
                yield self._form.event("end", None, "{}")  # Nothing more comes of a job that was removed.
                return
            pause = self._pause()
            if pause is None:
                yield from self._news()
                if self._ended:
                    yield self._form.event("end", None, self._end())
                return
            comes = self._something_comes(pause)
            if self._is_over():
                return
            if not comes and self._until_heartbeat() <= 0:
                yield self._form.heartbeat
                self._said_at = time.monotonic()

    @property
    def _is_behind(self) -> bool:
        return self._position.position < self._position.room.head and not self._share_ended

    def _news(self) -> Iterator[bytes]:
        """All that is known to be stored behind the position."""
        while self._is_behind:
            events = self._load()
            if not events:
                break
            yield b"".join(map(self._written, events[:_SOON]))
            if len(events) > _SOON:
                yield b"".join(map(self._written, events[_SOON:]))
            self._said_at = time.monotonic()
        for note in self._position.notes() if self._follow else ():
            yield self._form.event(note.name, None, note.data)
            self._said_at = time.monotonic()

    def _load(self) -> list[Event]:
        """The next events of the log, with which the head goes out, or without any."""
        events: list[Event] = []
        try:
            events = self._position.load()
            return events
        finally:
            if not events:
                self._send_head()

    def _pause(self) -> float | None:
        """Seconds to wait for events before the next look; `None` where the stream is at its end."""
        if not self._follow:
            return None
        if not self._ended:
            return self._until_heartbeat()
        name, room = self._position.room.key[1], self._position.room
        job = self._services.store.job(name)
        if job is None:
            return None
        if not job.ended:  # It was taken up again.
            self._ended = self._end_told = False
            return self._until_heartbeat()
        room.raise_head(job.seq)
        is_uploading = self._services.uploads.are_open(name)
        left = self._delay.left(job, self._services.clock(), is_uploading, time.monotonic())
        return min(left, self._until_heartbeat()) if left else None

    def _until_heartbeat(self) -> float:
        return self._said_at + HEARTBEAT_S - time.monotonic()

    def _end(self) -> str:
        """The payload of `end`: nothing, or the ending where this stream began behind it.

        An ending's two events share an id. A client that was cut off between them goes on behind both, and
        finds the one that it missed here.
        """
        job = None if self._end_told else self._services.store.job(self._position.room.key[1])
        if job is None or not job.ended:
            return "{}"
        name, payload = state_events(job)[-1]
        data = event_at(self._principal.level, f"job:{name}", encode(payload)) or "{}"
        return dumps({"event": f"job:{name}", "data": Raw(data.encode())}).decode()

    def _is_over(self) -> bool:
        """Whether nobody is there, nobody may be there any more, or the server stops."""
        expired = self._share_ended or self._principal.expired(self._services.clock())
        return expired or self._services.hub.closed or self._is_gone()

    def _something_comes(self, seconds: float) -> bool:
        """Wait for events for so long; False where there are none."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self._is_over():
            if self._position.wait(min(_LOOK_S, left)):
                return True
        return False

    def _written(self, event: Event) -> bytes:
        if event.name in _ENDINGS:
            self._ended = self._end_told = True
        return self._form.event(event.name, self._id_of(event), event.data)

    def close(self) -> None:
        """Called by the WSGI server at the end, also when the client went away."""
        if self._unwatch is not None:
            self._unwatch()
        self._position.leave()

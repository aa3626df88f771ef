"""Jobs, logs and projects over HTTP, for anyone with the right to read (contract section 4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import chain

from flask import Blueprint, Response, request, stream_with_context
from msgspec import UNSET

from chef.access.principals import Principal
from chef.access.shares import Share
from chef.api.answers import (
    DEFAULT_LIMIT,
    MAX_LIMIT,
    answer,
    answer_at,
    check_id,
    check_project,
    cursor_in_query,
    limit_in_query,
    number_in_query,
    reader,
    switch_in_query,
    text_in_query,
    visible_job,
    wrong,
)
from chef.api.filters import filter_in_query, list_reader, project_in_query
from chef.api.postponing import answer_at_end
from chef.api.shapes import Jobs, LogLines, Projects, RemovedLines
from chef.api.texts import project_answer, projects_answer, wanted_text
from chef.domain.clock import rfc3339
from chef.domain.failure import IN_LISTS
from chef.domain.model import Gap, Job
from chef.domain.payloads import CountsJson, LogLine, ProjectJson, line_text, listed_line
from chef.domain.projects import Project
from chef.domain.text import clean_text
from chef.errors import NotFound, ShareEnded
from chef.http.heads import Refused
from chef.services import Services, services
from chef.store import ListedProject, NumberedLine
from chef.wire.paging import make_cursor

blueprint = Blueprint("reading", __name__)

MAX_WAIT_S = 3600
"""The longest `wait` for the end of a job, in seconds."""

_MAX_LINE = 2**53
_MAX_QUERY = 1000
_NO_GAP = Gap(0, 0, 0, -1, 0, 0)


@blueprint.get("/api/jobs")
def list_jobs() -> Response:
    """Jobs, newest first, of all projects or one, that a filter asks for."""
    principal = list_reader()
    project_id = project_in_query(principal)
    page = services().store.jobs(
        filter_in_query(project_id),
        allowed=principal.projects,
        before=cursor_in_query(),
        limit=limit_in_query(),
    )
    more = None if page.next is None else make_cursor(page.next)
    return answer_at(principal, Jobs([services().job_json(job, IN_LISTS) for job in page.jobs], more))


@blueprint.get("/api/jobs/<job_id>")
def get_job(job_id: str) -> Response:
    """One job as it stands, or with `wait` as it stands at its end; with `fail` the status tells how."""
    chef, fails = services(), switch_in_query("fail", default=False)
    seconds = number_in_query("wait", None, 0, MAX_WAIT_S)
    principal = reader("progress")
    if seconds is None and not fails:
        return answer_at(principal, chef.job_json(visible_job(principal, check_id(job_id, "jobId"))))
    with chef.hub.room(("job", check_id(job_id, "jobId"))) as room:
        job = visible_job(principal, job_id)
        if job.ended or not seconds:
            return _outcome(job, chef, principal, fails)
        seconds = min(seconds, chef.settings.max_wait)
        make = partial(_outcome, chef=chef, principal=principal, fails=fails)
        return answer_at_end(room, job, principal, seconds, make, same=(fails, principal.level))


_FAILED = {"completed": 200, "failed": 417, "cancelled": 410, "abandoned": 410}


def _outcome(job: Job, chef: Services, principal: Principal, fails: bool) -> Response:
    """A job with the status of the request for it: 202 while it has not ended."""
    status = (_FAILED[job.status] if fails else 200) if job.ended else 202
    return answer_at(principal, chef.job_json(job), status)


@blueprint.get("/api/projects")
def list_projects() -> Response:
    """Projects, the one with the newest job first."""
    principal = list_reader()
    limit = limit_in_query()
    found = services().store.projects(allowed=principal.projects, before=cursor_in_query(), limit=limit + 1)
    page = found[:limit]
    projects = [_project_json(listed) for listed in page]
    form = wanted_text(principal)
    if form is not None:
        return projects_answer(projects, principal.projects, form)
    more = make_cursor(page[-1].place) if len(found) > limit else None
    return answer_at(principal, Projects(projects, more))


@blueprint.get("/api/projects/<project_id>")
def get_project(project_id: str) -> Response:
    """One project with its counts and its newest job."""
    principal = list_reader()
    check_project(principal, project_id)
    found = services().store.project(project_id)
    if found is None:
        raise NotFound(f"there is no project {project_id!r}")
    form, shown = wanted_text(principal), _project_json(found)
    return answer_at(principal, shown) if form is None else project_answer(shown, form)


def _project_json(listed: ListedProject) -> ProjectJson:
    project: Project = listed.project
    now = services().clock()
    return ProjectJson(
        project.project_id,
        rfc3339(min(project.created_at, now)),
        rfc3339(min(project.updated_at, now)),
        CountsJson(
            project.total,
            project.running,
            project.completed,
            project.failed,
            project.cancelled,
            project.abandoned,
        ),
        services().job_json(listed.newest, IN_LISTS) if listed.newest else None,
    )


@blueprint.get("/api/jobs/<job_id>/logs")
def get_logs(job_id: str) -> Response:
    """The log: a range of lines as JSON, the clean text, the exact bytes, or what a search finds."""
    principal = reader("log")
    job = visible_job(principal, check_id(job_id, "jobId"))
    if switch_in_query("raw", default=False):
        _refuse_beside("raw", "after", "before", "limit", "tail", "q")
        return _stream(_raw(job, _stream_in_query()), "application/octet-stream", principal.share)
    if "stream" in request.args:
        raise wrong("stream", "cannot be combined with lines, which are numbered over all streams: add raw=1")
    needle = text_in_query("q")
    if needle is not None:
        return _found(job, needle)
    wanted = _Range.from_query(job)
    if _wants_text():
        return _stream(_clean(job, wanted.first, wanted.last), "text/plain; charset=utf-8", principal.share)
    lines = wanted.of(services().store.lines(job_id, wanted.first, wanted.last))
    removed = _removed(job.gap) if job.gap is not None and job.gap.lines else UNSET
    return answer(LogLines([_line(line) for line in lines], job.lines, removed=removed))


def _removed(gap: Gap) -> RemovedLines:
    """The marker in the log, for programs."""
    return RemovedLines(gap.first_line, gap.last_line, gap.lines, gap.bytes)


class _Range:
    """The lines that a request asks for: `first` to `last`, both included, at most `limit` if given.

    What was removed from the log counts as one line, in whose place a marker stands. `is_end`: of more
    than `limit` lines the last ones are meant.
    """

    def __init__(self, first: int, last: int, limit: int | None, is_end: bool) -> None:
        self.first = first
        self.last = last
        self._limit = limit
        self._is_end = is_end

    def of(self, lines: list[NumberedLine]) -> list[NumberedLine]:
        """The lines to show of those that were found in the range."""
        if self._limit is None or len(lines) <= self._limit:
            return lines
        return lines[-self._limit :] if self._is_end else lines[: self._limit]

    @classmethod
    def from_query(cls, job: Job) -> _Range:
        """`after` and `before` are line numbers, exclusive; `limit` counts from the end that was named.

        Text has no default limit: it is streamed.
        """
        after = number_in_query("after", None, 0, _MAX_LINE)
        before = number_in_query("before", None, 0, _MAX_LINE)
        limit = number_in_query("limit", None, 1, MAX_LIMIT)
        tail = number_in_query("tail", None, 1, _MAX_LINE if _wants_text() else MAX_LIMIT)
        if tail is not None:
            _refuse_beside("tail", "after", "before", "limit")
        if limit is None and not _wants_text():
            limit = DEFAULT_LIMIT
        first = (after or 0) + 1
        last = min(job.lines, _MAX_LINE if before is None else before - 1)
        count = tail if tail is not None else limit
        is_end = tail is not None or (after is None and before is not None)
        gap = job.gap or _NO_GAP
        if is_end and gap.first_line <= last < gap.last_line:
            last = gap.first_line - 1  # The marker stands behind this; before it comes the head.
        if count is not None and is_end:
            first = max(1, gap.first_of(last, count))
        elif count is not None:
            last = min(last, gap.last_of(first, count))
        return cls(first, last, count, is_end)


def _wants_text() -> bool:
    best = request.accept_mimetypes.best_match(["application/json", "text/plain"], "application/json")
    return best == "text/plain"


def _line(numbered: NumberedLine) -> LogLine:
    number, entry, line = numbered
    return listed_line(entry, line, number)


def _refuse_beside(name: str, *others: str) -> None:
    both = [other for other in others if other in request.args]
    if both:
        raise wrong(name, f"cannot be combined with {both[0]}")


def _found(job: Job, needle: str) -> Response:
    """The lines that a search finds; `next` is the line to go on after, or null at the end."""
    if not 1 <= len(needle) <= _MAX_QUERY:
        raise wrong("q", f"must be 1 to {_MAX_QUERY} characters")
    _refuse_beside("q", "tail")
    limit = limit_in_query()
    after = number_in_query("after", None, 0, _MAX_LINE) or 0
    before = number_in_query("before", None, 0, _MAX_LINE)
    lines = services().store.search(job.job_id, needle, after, limit + 1)
    lines = [line for line in lines if before is None or line[0] < before]
    more = lines[limit - 1][0] if len(lines) > limit else None
    return answer(LogLines([_line(line) for line in lines[:limit]], job.lines, more))


def _clean(job: Job, first: int, last: int) -> Iterator[bytes]:
    """The text that a person reads: newest form of each line, no escape sequences."""
    for _, _, line in services().store.walk_lines(job.job_id, first, last, job.gap):
        yield clean_text(line_text(line)).encode() + b"\n"


def _stream_in_query() -> str | None:
    name = text_in_query("stream")
    return None if name is None else check_id(name, "stream")


def _raw(job: Job, only: str | None) -> Iterator[bytes]:
    """The exact bytes that came, of all streams as they came or of one."""
    store = services().store
    streams: dict[str, None] = {}
    for entry in store.walk_entries(job.job_id, job.seq):
        if only is not None and entry.stream != only:
            continue
        streams[entry.stream] = None
        yield b"".join([line.raw for line in entry.lines])
    # Line ends after the newest line are of no line yet.
    waiting = b"".join(store.stream(job.job_id, stream).pending for stream in streams)
    newest = store.job(job.job_id)
    if newest is not None and newest.seq == job.seq:
        yield waiting


def _stream(parts: Iterable[bytes], mimetype: str, share: Share | None) -> Response:
    """Send parts as they are read, joined into blocks; the first is read before the head is sent.

    What is read by a share link breaks off when that ends.
    """
    blocks = _blocks(parts)
    first = next(blocks, b"")
    return Response(
        stream_with_context(chain([first] if first else [], _while_it_holds(share, blocks))),
        content_type=mimetype,
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
    )


def _while_it_holds(share: Share | None, blocks: Iterable[bytes]) -> Iterator[bytes]:
    for block in blocks:
        try:
            services().shares.check(share)
        except ShareEnded as error:
            # An answer that ended as it should would pass for all of the log.
            raise Refused(error.status, error.detail) from None
        yield block


def _blocks(parts: Iterable[bytes], size: int = 64 * 1024) -> Iterator[bytes]:
    waiting = bytearray()
    for part in parts:
        waiting += part
        if len(waiting) >= size:
            yield bytes(waiting)
            waiting.clear()
    if waiting:
        yield bytes(waiting)

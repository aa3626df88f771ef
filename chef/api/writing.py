"""The requests of build scripts (contract section 2)."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint, Response, request
from msgspec import UNSET

from chef.access.credentials import http_credentials
from chef.access.principals import Principal
from chef.api.admission import writer_of_request
from chef.api.answers import answer, check_id, number_in_query, text_in_query
from chef.api.bodies import check_log_body, read_body, read_fields, update_body_kind
from chef.api.heartbeats import take_heartbeat
from chef.api.live_body import BLOCK_BYTES, read_live
from chef.api.receipts import receipts, shown_stop
from chef.api.shapes import Accepted, LogAccepted
from chef.api.unfinished import Unfinished
from chef.domain.asking import StopRequest
from chef.domain.model import LogPiece, UpdateType
from chef.domain.segments import Segment, Segmenter
from chef.errors import Invalid, StoreUnavailable
from chef.services import Services, services
from chef.wire.findings import Findings
from chef.wire.parse import Parsed, parse_exit, parse_fields, parse_heartbeat, parse_updates
from chef.wire.strict import MAX_INTEGER

blueprint = Blueprint("writing", __name__)

_MOST_HELD = 4096


@blueprint.post("/api/updates")
def post_updates() -> Response:
    """One update, a JSON array of them, or NDJSON: taken whole or not at all."""
    writer = writer_of_request()
    kind = update_body_kind(request)
    body = read_body(request, services().settings.max_body_bytes)
    return _record(parse_updates(body, kind), writer)


@blueprint.post("/api/jobs/<job_id>/progress")
def post_progress(job_id: str) -> Response:
    """A progress update by hand."""
    return _record_by_hand(job_id, "progress")


@blueprint.post("/api/jobs/<job_id>/completed")
def post_completed(job_id: str) -> Response:
    """End a job well."""
    return _record_by_hand(job_id, "completed")


@blueprint.post("/api/jobs/<job_id>/error")
def post_error(job_id: str) -> Response:
    """End a job as failed."""
    return _record_by_hand(job_id, "error")


@blueprint.post("/api/jobs/<job_id>/cancelled")
def post_cancelled(job_id: str) -> Response:
    """End a job as cancelled."""
    return _record_by_hand(job_id, "cancelled")


@blueprint.post("/api/jobs/<job_id>/exit")
def post_exit(job_id: str) -> Response:
    """End a job by an exit status: 0 completed, 130 and 143 cancelled, else failed."""
    writer = writer_of_request()
    fields = read_fields(request, services().settings.max_body_bytes)
    return _record(parse_exit(fields, check_id(job_id, "jobId")), writer)


@blueprint.post("/api/jobs/<job_id>/heartbeat")
def post_heartbeat(job_id: str) -> Response:
    """The build's reporter is there, whether or not there is anything to say."""
    writer = writer_of_request()
    fields = read_fields(request, services().settings.max_body_bytes)
    heartbeat, warnings = parse_heartbeat(fields, check_id(job_id, "jobId"))
    return take_heartbeat(heartbeat, warnings, writer)


def _record_by_hand(job_id: str, kind: UpdateType) -> Response:
    writer = writer_of_request()
    fields = read_fields(request, services().settings.max_body_bytes)
    return _record(parse_fields(fields, type=kind, job_id=check_id(job_id, "jobId")), writer)


def _record(parsed: Parsed, writer: Principal) -> Response:
    return answer(record_parsed(services(), parsed, writer))


def record_parsed(chef: Services, parsed: Parsed, writer: Principal) -> Accepted:
    """Store the parsed updates, all or none. Raises what refuses them."""
    receipt = chef.tracker.record(parsed.updates, writer.projects)
    return Accepted(receipt.accepted, receipt.duplicates, receipts(chef, receipt), parsed.warnings or UNSET)


@blueprint.route("/api/jobs/<job_id>/logs", methods=["POST", "PUT"])
def post_logs(job_id: str) -> Response:
    """A log body: text, chunked or not, stored line by line while it comes."""
    body = _LogBody(check_id(job_id, "jobId"), writer_of_request())
    with services().uploads.during(job_id):
        return body.take()


class _LogBody:
    """One log request on its way into the store."""

    def __init__(self, job_id: str, writer: Principal) -> None:
        self._job_id = job_id
        self._writer = writer
        self._project_id = id_in_query("projectId")
        self._stream = id_in_query("stream") or "stdout"
        self._position = _offset_in_query()
        self._lines = 0
        self._seq = 0
        self._offset: int | None = None
        self._stop: StopRequest | None = None
        self._held: list[Segment] = []

    def take(self) -> Response:
        """Store the body line by line while it comes.

        Where the connection breaks, what was stored until then is kept, and only that is in `offset`, from
        which the sender goes on: whole lines, and of an unfinished one what was shown already.
        """
        check_log_body(request)
        max_line_bytes = services().settings.max_log_line_bytes
        # Nothing of the body is needed to refuse a job that has ended, or an offset past the end.
        stored = 0 if _is_short(max_line_bytes) else self._skip_to(self._stored_offset())
        segmenter = Segmenter(max_line_bytes)
        unfinished = Unfinished(segmenter)
        hub = services().hub
        for block in read_live(request, lambda: hub.closed, lambda: hub.viewers(("job", self._job_id)) > 0):
            # Bytes that are stored already must not count in the length of a line.
            new, stored = block[stored:], max(0, stored - len(block))
            if segments := unfinished.feed(new):
                self._store(segments)
        segments = segmenter.finish()
        if segments or self._offset is None:
            self._store(segments)
        return self._answer()

    def _skip_to(self, offset: int) -> int:
        """Go on from where the stream is; returns how many bytes of the body it has already."""
        if self._position is None:
            return 0
        stored, self._position = offset - self._position, offset
        return stored

    def _stored_offset(self) -> int:
        return services().tracker.log_offset(self._piece(()), self._writer.projects)

    def _piece(self, segments: Sequence[Segment]) -> LogPiece:
        goes_on = self._seq > 0
        return LogPiece(self._job_id, segments, self._project_id, self._stream, self._position, goes_on)

    def _store(self, segments: Sequence[Segment]) -> None:
        """Store a piece of the body. One without a line makes no job, so it waits for the next piece."""
        piece = self._piece([*self._held, *segments] if self._held else segments)
        try:
            receipt = services().tracker.record([piece], self._writer.projects)
        except StoreUnavailable as error:
            # Earlier pieces are kept, and the cause is for the server's log.
            because = "" if error.reason is None else f" ({error.reason})"
            detail = f"the store cannot be written now{because}: go on from the offset that HEAD tells"
            raise StoreUnavailable(detail, error.reason) from error.__cause__
        self._lines += receipt.lines
        self._seq = receipt.seqs.get(self._job_id, 0)
        self._stop = receipt.stops.get(self._job_id)
        self._offset = receipt.streams[self._job_id, self._stream].offset
        self._held = [] if self._seq else list(piece.segments)
        if len(self._held) > _MOST_HELD:
            raise Invalid(f"a log cannot begin with more than {_MOST_HELD} carriage returns")
        if self._position is not None and not self._held:
            self._position += piece.size

    def _answer(self) -> Response:
        viewers = services().hub.viewers(("job", self._job_id))
        warnings = unknown_in_query(("projectId", "stream", "offset"))
        stop = shown_stop(services(), self._stop)
        return answer(
            LogAccepted(self._offset or 0, self._lines, self._seq, viewers, warnings or UNSET, stop)
        )


def _is_short(max_line_bytes: int) -> bool:
    """Whether a log body is refused as well once it is there, which saves looking first.

    No line of it can be too long, also where the stream has a part of it already.
    """
    length = request.content_length
    if length is None or "Expect" in request.headers:
        return False
    return length <= min(BLOCK_BYTES, max_line_bytes)


@blueprint.route("/api/jobs/<job_id>/logs", methods=["HEAD"])
def head_logs(job_id: str) -> Response:
    """How far a stream's log bodies are: the header `Upload-Offset`."""
    writer = services().gate.writer(http_credentials(request.environ))  # It writes nothing: no rate.
    stream = id_in_query("stream") or "stdout"
    job = services().store.job(check_id(job_id, "jobId"))
    offset = 0
    if job is not None and writer.covers(job.project_id):
        offset = services().store.stream(job_id, stream).offset
    response = answer({})
    response.headers["Upload-Offset"] = str(offset)
    return response


def unknown_in_query(names: tuple[str, ...]) -> tuple[str, ...]:
    """Warnings about parameters that mean nothing: a misspelt `offset` would store a body twice."""
    findings = Findings()
    findings.check_names(request.args, names)
    return findings.warnings()


def id_in_query(name: str) -> str | None:
    """An id of the query, or Invalid."""
    value = text_in_query(name)
    return None if value is None else check_id(value, name)


def _offset_in_query() -> int | None:
    rule = "must be a whole number from 0: a byte position in the stream"
    return number_in_query("offset", None, 0, MAX_INTEGER, rule)

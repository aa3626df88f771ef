"""The answers of the API as Structs; some hold payloads of chef.domain.payloads."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from chef.access.levels import Level
from chef.domain.controlpayloads import QuestionJson, StopJson
from chef.domain.novelty import MOST_NEW
from chef.domain.payloads import JobJson, LogLine, ProjectJson
from chef.domain.removals import RemovedLog
from chef.domain.runpayloads import RunJson
from chef.domain.testreports import MOST_SLOW, OutcomeCounts
from chef.domain.testreports.shapes import CaseJson
from chef.domain.wiretypes import Count, Id, JsonObject, PhaseName, Seq, Time

Warnings = Annotated[tuple[str, ...], Meta(min_length=1)]
Cursor = Annotated[str, Meta(min_length=1)]
Next = Annotated[Cursor | None, Meta(description="`cursor` of the next page")]
_MOST = Meta(max_length=1000)


class JobReceipt(JsonObject, frozen=True):
    """The newest seq that a body's updates got in a job, and the number of the job's viewers.

    `stop` while somebody wants the job to stop and it has not ended.
    """

    seq: Seq
    viewers: Count
    stop: StopJson | UnsetType = UNSET


class Accepted(JsonObject, frozen=True):
    """Updates were stored."""

    accepted: Count
    duplicates: Count
    jobs: dict[Id, JobReceipt]
    warnings: Warnings | UnsetType = UNSET


class HeartbeatAccepted(Accepted, frozen=True, kw_only=True):
    """A reporter is known to be there. `hold`: so many seconds a heartbeat can wait for a stop request."""

    hold: Annotated[Count | UnsetType, Meta(description="the `wait` that a heartbeat may have here")] = UNSET


class ReportAccepted(Accepted, frozen=True, kw_only=True):
    """A test report was stored: what it counts, and what all of the job's reports add up to."""

    report: OutcomeCounts
    tests: OutcomeCounts | None


class HookAccepted(JsonObject, frozen=True):
    """A webhook's delivery was taken: the jobs that it told of, and what of it was not used and why."""

    accepted: Count
    jobs: tuple[Id, ...]
    ignored: tuple[str, ...]


class LogAccepted(JsonObject, frozen=True):
    """A log body was stored."""

    offset: Count
    lines: Count
    seq: Count
    viewers: Count
    warnings: Warnings | UnsetType = UNSET
    stop: StopJson | UnsetType = UNSET


class StopAsked(JsonObject, frozen=True):
    """A stop request is kept. `reporter` tells whether anybody reports for the job who may learn of it."""

    job_id: Id
    project_id: Id
    stop: StopJson
    reporter: Literal["alive", "lost"] | None
    warnings: Warnings | UnsetType = UNSET


class QuestionState(JsonObject, frozen=True):
    """A question, and what came of it so far.

    `answered`: the option is in `answer` of the question. `expired`: its time is over, `ended`: the job is.
    """

    job_id: Id
    project_id: Id
    state: Literal["open", "answered", "expired", "ended"]
    question: QuestionJson
    warnings: Warnings | UnsetType = UNSET


class QuestionList(JsonObject, frozen=True):
    """All questions of a job, oldest first."""

    questions: list[QuestionJson]


class ShareJson(JsonObject, frozen=True):
    """A share link: what it shows, until when, and its token. A link to a whole project has no job."""

    id: Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{22}$")]
    project_id: Id
    job_id: Id | None
    level: Level
    created_at: Time
    expires_at: Time
    token: Annotated[str, Meta(description="also taken as a Bearer token")]
    url: Annotated[str, Meta(description="the address of its page")]


class NewShare(ShareJson, frozen=True, kw_only=True):
    """A share link that was made."""

    warnings: Warnings | UnsetType = UNSET


class Shares(JsonObject, frozen=True):
    """Share links that hold, the newest first."""

    shares: Annotated[list[ShareJson], Meta(max_length=200)]


class EndedShare(JsonObject, frozen=True):
    """A share link was ended."""

    id: str


class FieldFault(JsonObject, frozen=True):
    """One thing that is wrong with a request."""

    message: str
    field: str | UnsetType = UNSET
    index: Annotated[int, Meta(ge=0, description="which update of the body")] | UnsetType = UNSET


class Problem(JsonObject, frozen=True):
    """A refusal (RFC 9457)."""

    type: Annotated[str, Meta(extra_json_schema={"format": "uri-reference"})]
    title: str
    status: Annotated[int, Meta(ge=400, le=599)]
    code: Annotated[str, Meta(pattern="^[a-z_]+$")]
    detail: str
    errors: list[FieldFault]
    request_id: Annotated[str | UnsetType, Meta(description="also in X-Request-Id and in the log")] = UNSET


class OffsetProblem(Problem, frozen=True, kw_only=True):
    """A refusal of a log body that begins past the end of its stream (RFC 9457)."""

    offset: Annotated[int, Meta(ge=0, description="the place to go on from")]


class Jobs(JsonObject, frozen=True):
    """A page of jobs."""

    jobs: Annotated[list[JobJson], _MOST]
    next: Next


class Projects(JsonObject, frozen=True):
    """A page of projects."""

    projects: Annotated[list[ProjectJson], _MOST]
    next: Next


class Runs(JsonObject, frozen=True):
    """A page of runs."""

    runs: Annotated[list[RunJson], _MOST]
    next: Next


class RemovedLines(JsonObject, frozen=True):
    """The part that is missing in the middle of a log that grew beyond its limit."""

    first_line: Count
    last_line: Count
    lines: Count
    bytes: Count


class LogLines(JsonObject, frozen=True):
    """Lines of a log."""

    lines: Annotated[list[LogLine], _MOST]
    total: Annotated[int, Meta(ge=0, description="lines of the whole log")]
    next: Annotated[Count | None, Meta(description="of a search: the line to go on after")] | UnsetType = (
        UNSET
    )
    removed: RemovedLines | UnsetType = UNSET


class Cases(JsonObject, frozen=True):
    """A page of a job's tests, failed ones first; the first page has the slowest, too."""

    tests: OutcomeCounts | None
    cases: Annotated[list[CaseJson], _MOST]
    next: Next
    slowest: Annotated[list[CaseJson], Meta(max_length=MOST_SLOW)] | UnsetType = UNSET


class NewLine(JsonObject, frozen=True):
    """A kind of line that no green run printed: the first line of it, and how many there are."""

    line: Count
    text: str
    count: Count


class PhaseAgainstGreen(JsonObject, frozen=True):
    """How much longer a phase took than in the median green run; negative where it was shorter."""

    phase: PhaseName
    delta_ms: int


class NewInJob(JsonObject, frozen=True):
    """What is new in a failed job against the newest green runs of its kind."""

    state: Annotated[
        Literal["pending", "ready", "none"],
        Meta(description="pending: not compared yet; none: not failed, or nothing to compare it with"),
    ]
    runs: Annotated[Count, Meta(description="green runs that it was compared with, at most 5")]
    kinds: Annotated[Count, Meta(description="kinds of lines that are new")]
    lines: Annotated[list[NewLine], Meta(max_length=MOST_NEW, description="the most telling kinds first")]
    phases: list[PhaseAgainstGreen]


_Clean = Annotated[bool, Meta(description="whether nothing of it is left in the store's files, either")]


class ErasedJob(JsonObject, frozen=True):
    """A job was erased."""

    job_id: Id
    project_id: Id
    clean: _Clean
    detail: str


class ErasedLog(JsonObject, frozen=True):
    """A job's log was erased; `null` where it had none."""

    job_id: Id
    project_id: Id
    log: RemovedLog | None
    clean: _Clean
    detail: str


class ErasedProject(JsonObject, frozen=True):
    """A project was erased, with so many jobs."""

    project_id: Id
    jobs: Count
    clean: _Clean
    detail: str


class Events(JsonObject, frozen=True):
    """Events that are stored by now."""

    events: list[Annotated[dict[str, Any], Meta(title="Event")]]
    next: Annotated[Count | None, Meta(description="`after` of the next page")]
    epoch: Annotated[str, Meta(description="which store's history this is")]
    complete: Annotated[
        bool, Meta(description="`false` where it cannot go on as asked, or a part was removed")
    ]


class WebsocketHealth(JsonObject, frozen=True, rename=None):
    """The Socket.IO endpoint; clients are counted over all processes."""

    enabled: bool
    connected_clients: Count


class Ready(JsonObject, frozen=True):
    """A server that takes requests."""

    status: Literal["ready"]


class Health(JsonObject, frozen=True):
    """Whether the server can do its work."""

    status: Literal["ok", "degraded"]
    websocket: WebsocketHealth
    version: str
    store: Literal["ok", "unreachable", "unwritable"]
    detail: Annotated[str | UnsetType, Meta(description="why it is degraded")] = UNSET


class SeenRequest(JsonObject, frozen=True):
    """A request as the server sees it: what the proxies before it made of it."""

    scheme: Literal["http", "https"]
    host: str
    address: Annotated[str, Meta(description="the client's, as far as it is believed")]
    trusted_proxies: Annotated[int, Meta(ge=0, description="CHEF_TRUSTED_PROXIES")]
    forwarded: Annotated[dict[str, str], Meta(description="what proxies say, by header")]

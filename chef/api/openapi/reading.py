"""The requests of readers, as OpenAPI operations (contract sections 4 and 5)."""

from __future__ import annotations

from chef.api.answers import DEFAULT_LIMIT, MAX_LIMIT
from chef.api.filters import MOST_CHARACTERS, MOST_WORDS
from chef.api.openapi import examples
from chef.api.openapi.parts import (
    BYTES,
    JSON,
    MARKDOWN,
    NDJSON,
    SSE,
    TEXT,
    Part,
    Rights,
    header,
    json_answer,
    operation,
    parameter_ref,
    query,
)
from chef.api.reading import MAX_WAIT_S
from chef.digest.markdown import DEFAULT_BUDGET, LEAST_BUDGET, MOST_BUDGET
from chef.domain.model import STATUSES
from chef.domain.testreports import OUTCOMES
from chef.wire.jsonschema import ref, text

_MAX_LINE = 2**53


def reading(rights: Rights) -> dict[str, Part]:
    """The operations by path and method."""
    operations = {
        "/api/jobs": _list_jobs(rights.read),
        "/api/jobs/{jobId}": _get_job(rights.read),
        "/api/jobs/{jobId}/digest": _get_digest(rights.read),
        "/api/jobs/{jobId}/logs": _get_logs(rights.read),
        "/api/jobs/{jobId}/tests": _get_tests(rights.read),
        "/api/jobs/{jobId}/new": _get_new(rights.read),
        "/api/jobs/{jobId}/events": _events("job", rights.read),
        "/api/projects": _list_projects(rights.read),
        "/api/projects/{projectId}": _get_project(rights.read),
        "/api/projects/{projectId}/events": _events("project", rights.read),
        "/api/runs": _list_all_runs(rights.read),
        "/api/projects/{projectId}/runs": _list_runs(rights.read),
        "/api/projects/{projectId}/runs/{run}": _get_run(rights.read),
        "/api/jobs/{jobId}/neighbours": _get_neighbours(rights.read),
        "/api/openapi.json": _get_openapi(),
        "/health": _get_health(),
        "/health/ready": _get_ready(),
        "/health/seen": _get_seen(rights.write),
        "/metrics": _get_metrics(rights.read),
    }
    return {path: {"get": found} for path, found in operations.items()}


def _list_jobs(security: list[Part]) -> Part:
    return operation(
        "reading",
        "listJobs",
        "Jobs, newest first",
        {"200": json_answer("a page of jobs", "Jobs", examples.JOBS)},
        "401 403 422 503",
        parameters=[query("projectId", ref("Id")), *_filters(), *_paging()],
        security=security,
    )


def _filters() -> list[Part]:
    status = {"type": "string", "enum": [*STATUSES, "running"]}
    entry = text(least=1, most=MOST_CHARACTERS)
    words = f"up to {MOST_WORDS} words, all of them in the title, branch, commit, message or id, in any case"
    return [
        query("status", status, "`running` is any that has not ended; of a run: its own"),
        *(query(name, entry, f"`meta.{name}`") for name in ("branch", "author", "kind", "run")),
        query("q", entry | {"pattern": r"\S"}, words),
    ]


def _list_runs(security: list[Part]) -> Part:
    return operation(
        "reading",
        "listRuns",
        "A project's runs, the one that began last first; those of which one job is as asked for",
        {"200": json_answer("a page of runs", "Runs", examples.RUNS)},
        "401 403 404 422 503",
        parameters=[*_filters(), _active(), *_paging()],
        security=security,
    )


def _active() -> Part:
    words = "1: runs in which a job still runs, whatever the run's own status"
    return query("active", {"enum": ["0", "1"]}, words)


def _list_all_runs(security: list[Part]) -> Part:
    return operation(
        "reading",
        "listAllRuns",
        "The runs of all projects one may see, the one that began last first",
        {"200": json_answer("a page of runs", "Runs", examples.RUNS)},
        "401 403 422 503",
        parameters=[query("projectId", ref("Id")), *_filters(), _active(), *_paging()],
        security=security,
    )


def _get_run(security: list[Part]) -> Part:
    name = {"name": "run", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    limit = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": MAX_LIMIT}
    return operation(
        "reading",
        "getRun",
        "One run with its jobs, the first one first",
        {"200": _with_text(json_answer("the run", "WholeRun", examples.RUN))},
        "401 403 404 422 503",
        parameters=[
            name | {"description": "`meta.run`, with `%2F` for `/`"},
            query("limit", limit, "of its jobs"),
            parameter_ref("cursor"),
        ],
        security=security,
    )


def _get_neighbours(security: list[Part]) -> Part:
    return operation(
        "reading",
        "getNeighbours",
        "The jobs around a job among those of its kind",
        {"200": json_answer("the jobs", "Neighbours", examples.NEIGHBOURS)},
        "401 403 404 422 503",
        security=security,
    )


def _get_job(security: list[Part]) -> Part:
    wait = {"type": "integer", "minimum": 0, "maximum": MAX_WAIT_S}
    return operation(
        "reading",
        "getJob",
        "One job as it stands",
        {
            "200": json_answer(
                "the job; with `wait` and `fail`: it has ended (completed)", "Job", examples.JOB
            ),
            "202": json_answer("with `wait` or `fail`: it has not ended yet", "Job", examples.JOB),
            "410": json_answer("with `fail`: it was cancelled or abandoned", "Job", examples.JOB),
            "417": json_answer("with `fail`: it failed", "Job", examples.JOB),
        },
        "401 403 404 422 503",
        parameters=[
            query("wait", wait, "answer at the job's end, after so many seconds at the latest"),
            query("fail", {"enum": ["0", "1"]}, "1: the status tells how the job ended"),
        ],
        security=security,
    )


def _get_digest(security: list[Part]) -> Part:
    budget = {
        "type": "integer",
        "minimum": LEAST_BUDGET,
        "maximum": MOST_BUDGET,
        "default": DEFAULT_BUDGET,
    }
    text = {
        MARKDOWN: {"schema": {"type": "string"}, "example": examples.DIGEST},
        TEXT: {"schema": {"type": "string"}, "example": "Failed: Add retry to the uploader\n"},
    }
    return operation(
        "reading",
        "getDigest",
        "One job in a page of text: outcome, reason, errors with the lines around them, last lines, phases",
        {"200": {"description": "the digest", "content": text}},
        "401 403 404 422 503",
        parameters=[query("budget", budget, "how long it may be, in characters")],
        security=security,
    )


def _get_logs(security: list[Part]) -> Part:
    line = {"type": "integer", "minimum": 0, "maximum": _MAX_LINE}
    log = {
        "description": "lines as JSON, the clean text, or the exact bytes",
        "content": {
            JSON: {"schema": ref("LogLines"), "example": examples.LOG_LINES},
            TEXT: {"schema": {"type": "string"}, "example": "npm ci\nadded 412 packages in 9s\n"},
            BYTES: {"schema": {"type": "string"}},
        },
    }
    limits = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT}
    return operation(
        "reading",
        "getLogs",
        "A range of the log, its end, all of it as text, or what a search finds",
        {"200": log},
        "401 403 404 422 503",
        parameters=[
            query("after", line, "lines with a higher number"),
            query("before", line, "lines with a lower number; alone: the last ones of these"),
            query("limit", limits, f"{DEFAULT_LIMIT} unless given; a text has no limit by itself"),
            query("tail", limits, "the last N lines (not with after, before, limit)"),
            query("q", {"type": "string", "minLength": 1, "maxLength": 1000}, "lines that hold this text"),
            query("raw", {"enum": ["0", "1"]}, "1: the exact bytes that came (with stream alone)"),
            query("stream", ref("Id"), "with raw=1: of this stream, else of all as they came"),
        ],
        security=security,
    )


def _get_tests(security: list[Part]) -> Part:
    return operation(
        "reading",
        "getTests",
        "The tests of a job's reports, failed ones first",
        {"200": json_answer("a page of tests", "Cases", examples.CASES)},
        "401 403 404 422 503",
        parameters=[query("status", {"type": "string", "enum": list(OUTCOMES)}), *_paging()],
        security=security,
    )


def _get_new(security: list[Part]) -> Part:
    return operation(
        "reading",
        "getNew",
        "The kinds of lines of a failed job that the newest green runs of its kind never printed",
        {"200": json_answer("what is new", "NewInJob", examples.NEW)},
        "401 403 404 422 503",
        security=security,
    )


def _list_projects(security: list[Part]) -> Part:
    return operation(
        "reading",
        "listProjects",
        "Projects, the one with the newest job first",
        {"200": _with_text(json_answer("a page of projects", "Projects", examples.PROJECTS))},
        "401 403 422 503",
        parameters=_paging(),
        security=security,
    )


def _get_project(security: list[Part]) -> Part:
    return operation(
        "reading",
        "getProject",
        "One project with its counts and its newest job",
        {"200": _with_text(json_answer("the project", "Project", examples.PROJECT))},
        "401 403 404 422 503",
        security=security,
    )


def _with_text(part: Part) -> Part:
    """An answer that is also to be had as text."""
    texts = {kind: {"schema": {"type": "string"}} for kind in (TEXT, MARKDOWN)}
    return part | {"content": part["content"] | texts}


def _paging() -> list[Part]:
    return [parameter_ref("limit"), parameter_ref("cursor")]


def _events(whose: str, security: list[Part]) -> Part:
    position = {"type": "integer", "minimum": 0, "maximum": 2**53}
    streams = {
        SSE: {"schema": {"type": "string"}, "example": examples.SSE},
        NDJSON: {"schema": {"type": "string"}, "example": examples.EVENTS_NDJSON},
        JSON: {"schema": ref("Events"), "example": examples.EVENTS},
    }
    return operation(
        "events",
        f"get{whose.capitalize()}Events",
        f"The events of a {whose}: a stream that stays open, or JSON without waiting",
        {"200": {"description": "the events", "content": streams, "headers": _resuming()}},
        "401 403 404 406 422 503",
        parameters=[
            query("after", position, "events after this position"),
            query("epoch", {"type": "string"}, "of which history `after` is, as an earlier answer told it"),
            query("follow", {"enum": ["0", "1"]}, "0: close after the newest event"),
            {
                "name": "Last-Event-ID",
                "in": "header",
                "schema": {"type": "string", "pattern": "^[0-9]{0,17}$"},
                "description": "what a browser's EventSource sends when it reconnects",
            },
        ],
        security=security,
    )


def _resuming() -> Part:
    return {
        "Chef-Epoch": header("of a stream: which store's history this is", {"type": "string"}),
        "Chef-Complete": header(
            "of a stream: `false` where it cannot go on as asked, or a part was removed",
            {"enum": ["true", "false"]},
        ),
    }


def _get_openapi() -> Part:
    document_schema = {"type": "object", "required": ["openapi", "info", "paths"]}
    return operation(
        "server",
        "getOpenapi",
        "This document",
        {"200": {"description": "OpenAPI 3.1", "content": {JSON: {"schema": document_schema}}}},
        "",
        security=[],
    )


def _get_health() -> Part:
    return operation(
        "server",
        "getHealth",
        "Whether the server can do its work",
        {
            "200": json_answer("it can", "Health", examples.HEALTH),
            "503": json_answer("the store does not answer or cannot be written", "Health", examples.DEGRADED),
        },
        "",
        security=[],
    )


def _get_ready() -> Part:
    return operation(
        "server",
        "getReady",
        "Whether a balancer is to send requests here",
        {"200": json_answer("it is", "Ready", examples.READY)},
        "503",
        security=[],
    )


def _get_seen(security: list[Part]) -> Part:
    return operation(
        "server",
        "getSeen",
        "This request as the server sees it, behind its proxies",
        {"200": json_answer("what it sees", "SeenRequest", examples.SEEN)},
        "401 403",
        security=security,
    )


def _get_metrics(security: list[Part]) -> Part:
    return operation(
        "server",
        "getMetrics",
        "Metrics for Prometheus",
        {"200": {"description": "Prometheus text", "content": {TEXT: {"schema": {"type": "string"}}}}},
        "401 403",
        security=security,
    )

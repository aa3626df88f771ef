"""Examples for the OpenAPI document: one build, as it is sent and as it is answered."""

from __future__ import annotations

import json
from typing import Any

UPDATE: dict[str, Any] = {
    "type": "progress",
    "jobId": "job-id-123",
    "projectId": "project-id-456",
    "status": "building",
    "progress": 50,
    "message": "Running build...",
    "phase": "building",
}
LOG_UPDATE: dict[str, Any] = {
    "type": "log",
    "jobId": "job-id-123",
    "message": "src/main.c: In function 'main':",
    "stream": "stderr",
    "level": "warning",
}
NDJSON = f"{json.dumps(UPDATE)}\n{json.dumps(LOG_UPDATE)}\n"
BY_HAND: dict[str, dict[str, Any]] = {
    "progress": {"projectId": "project-id-456", "phase": "installing"},
    "completed": {"projectId": "project-id-456", "message": "Deployed"},
    "error": {"projectId": "project-id-456", "message": "tests failed", "code": 2},
    "exit": {"projectId": "project-id-456", "code": 0},
    "heartbeat": {"projectId": "project-id-456", "every": 30},
}
ACCEPTED: dict[str, Any] = {
    "accepted": 3,
    "duplicates": 0,
    "jobs": {"job-id-123": {"seq": 42, "viewers": 5}},
    "warnings": ["update 0: unknown field 'progres', did you mean 'progress'?"],
}
LOG_ACCEPTED: dict[str, Any] = {"offset": 32, "lines": 2, "seq": 44, "viewers": 5}

_BEGAN, _TESTED, _ENDED = "2026-03-02T09:30:00.000Z", "2026-03-02T09:31:10.250Z", "2026-03-02T09:32:05.500Z"
JOB: dict[str, Any] = {
    "jobId": "job-id-123",
    "projectId": "project-id-456",
    "status": "completed",
    "progress": 100,
    "phase": "completed",
    "message": "Deployed",
    "seq": 45,
    "lines": 41,
    "createdAt": _BEGAN,
    "updatedAt": _ENDED,
    "seenAt": _ENDED,
    "reporter": None,
    "startedAt": _BEGAN,
    "finishedAt": _ENDED,
    "durationMs": 125500,
    "phases": [
        {"phase": "building", "startedAt": _BEGAN, "finishedAt": _TESTED, "durationMs": 70250},
        {"phase": "completed", "startedAt": _TESTED, "finishedAt": _ENDED, "durationMs": 55250},
    ],
    "artifacts": [{"name": "site.tar.gz", "url": "https://builds.example.com/site.tar.gz", "size": 48213}],
    "meta": {"branch": "main", "commit": "4f1c2d9", "author": "Ada"},
}
PROJECT: dict[str, Any] = {
    "projectId": "project-id-456",
    "createdAt": _BEGAN,
    "updatedAt": _ENDED,
    "counts": {"total": 1, "running": 0, "completed": 1, "failed": 0, "cancelled": 0},
    "newestJob": JOB,
}
_LINE: dict[str, Any] = {
    "line": 1,
    "at": _BEGAN,
    "stream": "stdout",
    "level": None,
    "message": "npm ci",
}
LOG_LINES: dict[str, Any] = {"lines": [_LINE], "total": 41}
_PROGRESS: dict[str, Any] = {
    "jobId": "job-id-123",
    "projectId": "project-id-456",
    "status": "building",
    "progress": 50,
    "message": "Running build...",
    "phase": "building",
    "seq": 2,
    "at": _TESTED,
}
_LOG = {"jobId": "job-id-123", "projectId": "project-id-456", "seq": 1} | _LINE
EVENTS: dict[str, Any] = {
    "events": [{"event": "job:log", "data": _LOG}, {"event": "job:progress", "data": _PROGRESS}],
    "next": None,
    "epoch": "5f0f9c3e7a1b4d2c",
    "complete": True,
}
EVENTS_NDJSON = "".join(f"{json.dumps(event)}\n" for event in EVENTS["events"])
SSE = f"event: job:progress\nid: 2\ndata: {json.dumps(_PROGRESS)}\n\n"

_WEBSOCKET = {"enabled": True, "connected_clients": 5}
HEALTH: dict[str, Any] = {"status": "ok", "websocket": _WEBSOCKET, "version": "1.0.0", "store": "ok"}
DEGRADED: dict[str, Any] = HEALTH | {"status": "degraded", "store": "unreachable"}


def problem(status: int, code: str) -> dict[str, Any]:
    """A refusal; that of a wrong field names it."""
    errors = {"index": 0, "field": "progress", "message": "must be between 0 and 100"}
    return {
        "type": f"urn:chef:problem:{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": status,
        "code": code,
        "detail": "update 0: progress must be between 0 and 100" if status == 422 else "one sentence",
        "errors": [errors] if status == 422 else [],
    }

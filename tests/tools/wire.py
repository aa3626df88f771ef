"""The events of contract section 3: exactly these keys with exactly these types, and nothing besides."""

from __future__ import annotations

import re
from typing import Any

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def _is_time(value: Any) -> bool:
    return isinstance(value, str) and bool(_TIME.fullmatch(value))


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_text_or_null(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _is_progress(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value <= 100


def _is_progress_or_null(value: Any) -> bool:
    return value is None or _is_progress(value)


def _is_code(value: Any) -> bool:
    return value is None or isinstance(value, str) or type(value) is int


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


_STATE = {
    "jobId": _is_text,
    "projectId": _is_text,
    "status": _is_text,
    "progress": _is_progress,
    "message": _is_text_or_null,
    "phase": _is_text,
    "seq": _is_count,
    "at": _is_time,
}
_ENDING = _STATE | {
    "startedAt": _is_time,
    "finishedAt": _is_time,
    "durationMs": _is_count,
    "meta": _is_object,
}
_LINE = {
    "line": _is_count,
    "at": _is_time,
    "stream": _is_text,
    "level": _is_text_or_null,
    "message": _is_text,
}
_LOG = {"jobId": _is_text, "projectId": _is_text, "seq": _is_count}
_SHAPES: dict[str, dict[str, Any]] = {
    "progress": _STATE | {"phaseProgress": _is_progress_or_null},
    "completed": _ENDING | {"artifacts": _is_list},
    "error": _ENDING | {"code": _is_code},
    "eta": {"jobId": _is_text, "projectId": _is_text, "eta": _is_object},
    "log": _LOG | _LINE,
    "logs": _LOG | {"lines": _is_list},
}


def check_event(event: str, payload: Any) -> None:
    """Fail the test unless the payload is what the contract says of this event."""
    kind = event.partition(":")[2]
    _check(event, payload, _SHAPES[kind], replaces=kind == "log")
    if kind == "completed":
        assert payload["status"] == "completed"
        assert payload["progress"] == 100
    for line in payload["lines"] if kind == "logs" else ():
        _check("a line of job:logs", line, _LINE, replaces=True)


def _check(what: str, payload: Any, shape: dict[str, Any], *, replaces: bool) -> None:
    assert isinstance(payload, dict), what
    given = dict(payload)
    if replaces and "replace" in given:
        assert given.pop("replace") is True, what
    if shape.items() >= _STATE.items() and "progressKnown" in given:
        assert given.pop("progressKnown") is False, what
    assert set(given) == set(shape), what
    wrong = {key: value for key, value in given.items() if not shape[key](value)}
    assert not wrong, f"{what}: {wrong}"


def check_acknowledgement(answer: Any, job_id: str) -> None:
    """Fail the test unless this is the acknowledgement of a subscription to a job."""
    assert set(answer) == {"ok", "jobId", "seq", "epoch", "complete", "job", "eta"}
    assert answer["ok"] is True
    assert answer["jobId"] == job_id
    assert _is_count(answer["seq"])
    assert _is_text(answer["epoch"])
    assert isinstance(answer["complete"], bool)
    assert answer["job"] is None or answer["job"]["jobId"] == job_id


def wire_order(events: list[tuple[str, Any]]) -> list[int]:
    """The seqs of log lines and progress events as they came: without a hole, or something is wrong."""
    return [payload["seq"] for event, payload in events if event in ("job:progress", "job:log")]

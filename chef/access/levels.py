"""How much a share link shows: of each object and event an allow-list of fields. Pure.

A field that is not named here is shown by no link below `log`. One name means the same wherever it stands: in
a job, a run, a project, an event.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import msgspec

Level = Literal["progress", "summary", "log"]
LEVELS: tuple[Level, ...] = ("progress", "summary", "log")
"""Each shows more than those before it: bar, phases and times; texts and reasons; the log and all else."""


def shows(level: Level, least: Level) -> bool:
    """Whether a level shows what is shown from `least` on."""
    return LEVELS.index(level) >= LEVELS.index(least)


class _LeftOut:
    """In place of a field that is not there at all."""


class _Visibility(NamedTuple):
    """From which level on a field is shown, and the value that stands for it below that.

    `within`: its value is an object, or a list of objects, to which the same rules apply.
    """

    least: Level
    blank: Any = _LeftOut
    within: bool = False


_PLAIN = (
    *("jobId", "projectId", "status", "progress", "progressKnown", "phase", "phaseProgress", "progressAt"),
    *("seq", "at", "createdAt", "updatedAt", "seenAt", "startedAt", "finishedAt", "durationMs"),
    *("reporter", "longestPauseMs", "eta", "counts", "next", "epoch", "complete"),
)
_TEXTS = ("message", "run", "title", "branch", "commit", "author", "number", "pullRequest", "repository")
_OBJECTS = ("phases", "jobs", "worst", "runs", "projects", "newestJob", "previous", "lastGreen")

FIELDS: Mapping[str, _Visibility] = {
    **dict.fromkeys(_PLAIN, _Visibility("progress")),
    **dict.fromkeys(_OBJECTS, _Visibility("progress", within=True)),
    **dict.fromkeys(_TEXTS, _Visibility("summary", None)),
    "kind": _Visibility("summary", None),
    "code": _Visibility("summary", None),
    "meta": _Visibility("summary", {}),
    "error": _Visibility("summary"),
    "failure": _Visibility("summary"),
    "tests": _Visibility("summary"),
    "firstLine": _Visibility("log", None),
    "lines": _Visibility("log", 0),
    "artifacts": _Visibility("log", []),
    "pauses": _Visibility("log", []),
    "integrity": _Visibility("log"),
}
"""The fields of jobs, runs, projects and their events."""

_EVENTS = ("progress", "completed", "error", "eta", "removed")


def at_level(level: Level, given: Mapping[str, Any]) -> dict[str, Any]:
    """An object as a level shows it: a job, a run, a project, or lists of them."""
    if level == "log":
        return dict(given)
    found = {}
    for name, value in given.items():
        rule = FIELDS.get(name)
        shown = _LeftOut if rule is None else _value(level, name, value, rule)
        if shown is not _LeftOut:
            found[name] = shown
    return found


def _value(level: Level, name: str, value: Any, rule: _Visibility) -> Any:
    # The next job of a list's page is a text, that of a job's neighbours an object.
    if not shows(level, rule.least):
        return rule.blank
    if name == "failure":
        return _reason(value)
    if isinstance(value, Mapping) and (rule.within or name == "next"):
        return at_level(level, value)
    if rule.within and isinstance(value, list):
        return [at_level(level, one) for one in value]
    return value


def _reason(failure: Mapping[str, Any]) -> dict[str, Any]:
    """Why a job failed, in one sentence: not the tests of its reports, nor the lines of its log."""
    return {"summary": failure["summary"], "lines": []}


def event_at(level: Level, name: str, data: str) -> str | None:
    """An event's payload as a level shows it, as JSON text; `None` for an event that it does not show."""
    if level == "log":
        return data
    payload = msgspec.json.decode(data)
    # A log that was erased is nothing to whoever sees no log.
    if name.partition(":")[2] not in _EVENTS or "log" in payload:
        return None
    return msgspec.json.encode(at_level(level, payload)).decode()

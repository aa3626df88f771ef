"""The shapes of the API as JSON Schema (2020-12), for the OpenAPI document. Data, no behaviour.

What is sent is described as strictly as it is checked (chef.wire.fields); what is received as it is made
(chef.domain.payloads), open for fields that are added later.
"""

from __future__ import annotations

import sys
from typing import Any

from chef.domain.model import ID_PATTERN, PHASE_PATTERN, STATUSES
from chef.domain.rules import MAX_ARTIFACTS, MAX_META_BYTES
from chef.wire.fields import MAX_END_MESSAGE, MAX_EVERY, MAX_PROGRESS_MESSAGE, MAX_STREAMS
from chef.wire.strict import MAX_DEPTH, MAX_INTEGER, MIN_INTEGER

Schema = dict[str, Any]

# What no text may hold: NUL and lone surrogates. The latter cannot be written in a pattern of UTF-8.
_NO_NUL = "^[^\\u0000]*$"


def ref(name: str) -> Schema:
    """A reference to one of the component schemas."""
    return {"$ref": f"#/components/schemas/{name}"}


def schemas() -> dict[str, Schema]:
    """All component schemas by name."""
    return {**_words(), **_sent(), **_received(), **_events()}


def _text(description: str = "", least: int = 0, most: int | None = None) -> Schema:
    schema: Schema = {"type": "string", "pattern": _NO_NUL}
    if least:
        schema["minLength"] = least
    if most is not None:
        schema["maxLength"] = most
    return schema | ({"description": description} if description else {})


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _object(properties: dict[str, Schema], optional: tuple[str, ...] = (), **more: Any) -> Schema:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required, **more}


_COUNT: Schema = {"type": "integer", "minimum": 0}
_SEQ: Schema = {"type": "integer", "minimum": 1, "description": "place in the job's order: 1, 2, 3 …"}
_PERCENT: Schema = {"type": "number", "minimum": 0, "maximum": 100}
_INT64: Schema = {"type": "integer", "minimum": MIN_INTEGER, "maximum": MAX_INTEGER}


def _words() -> dict[str, Schema]:
    """What the rest is made of."""
    return {
        "Id": {"type": "string", "pattern": f"^{ID_PATTERN}$", "minLength": 1, "maxLength": 128},
        "Phase": {
            "type": "string",
            "pattern": f"^{PHASE_PATTERN}$",
            "description": "`queued`, `preparing`, `installing`, `building`, `completed`, or one of your own",
        },
        "Status": {"type": "string", "enum": list(STATUSES)},
        "Time": {"type": "string", "format": "date-time", "description": "UTC, with milliseconds"},
        "JsonValue": {
            "description": f"any JSON, at most {MAX_DEPTH} levels deep in all, integers of 64 bits",
            "anyOf": [
                {"type": ["null", "boolean"]},
                _text(),
                _INT64,
                {"type": "number", "minimum": -sys.float_info.max, "maximum": sys.float_info.max},
                {"type": "array", "items": ref("JsonValue")},
                _open_object({}),
            ],
        },
        "Code": {"anyOf": [_INT64, _text(least=1, most=128)], "description": "exit status or code"},
        "Meta": {
            **_open_object({name: _text() for name in ("branch", "commit", "url", "author", "title")}),
            "description": f"merged into the job's meta; at most {MAX_META_BYTES} bytes as JSON in all",
        },
        "Artifact": _open_object(
            {"name": _text(least=1, most=256), "url": _text(least=1, most=4096), "size": _size()},
            required=["name", "url"],
        ),
        "Claim": _claim(),
    }


def _claim() -> Schema:
    stream = _open_object(
        {
            "bytes": _size(),
            "lines": _size() | {"description": "`\\n`s, and one for what follows the last"},
            "crc32": {"type": "string", "pattern": "^[0-9a-f]{8}$"},
        },
        required=["bytes"],
    )
    return {
        "type": "object",
        "propertyNames": ref("Id"),
        "additionalProperties": stream,
        "maxProperties": MAX_STREAMS,
        "description": "what the whole of each log stream was, by its name, as its sender counted it",
    }


def _size() -> Schema:
    return {"type": "integer", "minimum": 0, "maximum": MAX_INTEGER, "description": "bytes"}


def _open_object(properties: dict[str, Schema], required: list[str] | None = None) -> Schema:
    """An object that may have other fields too, of any JSON."""
    schema: Schema = {
        "type": "object",
        "properties": properties,
        "propertyNames": {"pattern": _NO_NUL},
        "additionalProperties": ref("JsonValue"),
    }
    return schema | ({"required": required} if required else {})


# --- what is sent --------------------------------------------------------------------------


def _sent() -> dict[str, Schema]:
    kinds = fields_by_type()
    names = {kind: f"{kind.capitalize()}Update" for kind in kinds}
    updates = {names[kind]: _update(kind, fields) for kind, fields in kinds.items()}
    return updates | {
        "Update": {
            "oneOf": [ref(name) for name in names.values()],
            "discriminator": {
                "propertyName": "type",
                "mapping": {kind: ref(name)["$ref"] for kind, name in names.items()},
            },
        },
        "Updates": {"type": "array", "items": ref("Update"), "minItems": 1},
    }


def _update(kind: str, fields: dict[str, Schema]) -> Schema:
    properties = {"type": {"const": kind}, "jobId": ref("Id")} | fields
    needed = ["type", "jobId", *(["message"] if kind in ("log", "error") else [])]
    schema = _open_object(properties, needed)
    return schema | ({"not": CONTRADICTION} if kind == "progress" else {})


# A job that has completed is at 100 in phase `completed`.
CONTRADICTION: Schema = {
    "properties": {"status": {"const": "completed"}},
    "required": ["status"],
    "anyOf": [
        {"properties": {"progress": {"not": {"const": 100}}}, "required": ["progress"]},
        {"properties": {"phase": {"not": {"const": "completed"}}}, "required": ["phase"]},
    ],
}


def fields_by_type() -> dict[str, dict[str, Schema]]:
    """The fields of each type of update besides `type` and `jobId`."""
    common: dict[str, Schema] = {
        "projectId": ref("Id") | {"description": "needed in a job's first update"},
        "id": _text("makes the update safe to send again", 1, 128),
    }
    artifacts = {
        "type": "array",
        "items": ref("Artifact"),
        "maxItems": MAX_ARTIFACTS,
        "description": f"added to the job's, one of the same name replaced; {MAX_ARTIFACTS} in all",
    }
    end_message = _text(f"at most {MAX_END_MESSAGE} bytes", most=MAX_END_MESSAGE)
    return {
        "progress": common
        | {
            "phase": ref("Phase"),
            "progress": _PERCENT,
            "status": ref("Status"),
            "message": _text(f"at most {MAX_PROGRESS_MESSAGE} bytes", most=MAX_PROGRESS_MESSAGE),
            "meta": ref("Meta"),
            "artifacts": artifacts,
        },
        "log": common
        | {"message": _text("one or more lines"), "stream": ref("Id"), "level": _text(least=1, most=32)},
        "completed": common
        | {
            "message": end_message,
            "artifacts": artifacts,
            "meta": ref("Meta"),
            "integrity": ref("Claim"),
        },
        "error": common
        | {
            "message": end_message | {"minLength": 1},
            "code": ref("Code"),
            "meta": ref("Meta"),
            "integrity": ref("Claim"),
        },
    }


def heartbeat_fields() -> dict[str, Schema]:
    """The fields of a heartbeat."""
    return {
        "projectId": ref("Id") | {"description": "needed where the job does not exist yet"},
        "id": _text("of no meaning: a heartbeat is safe to send again", 1, 128),
        "every": {
            "type": "integer",
            "minimum": 1,
            "maximum": MAX_EVERY,
            "default": 30,
            "description": "seconds until the next one",
        },
    }


# --- what is received ----------------------------------------------------------------------


def _received() -> dict[str, Schema]:
    return {
        "Accepted": _object(
            {
                "accepted": _COUNT,
                "duplicates": _COUNT,
                "jobs": {
                    "type": "object",
                    "propertyNames": ref("Id"),
                    "additionalProperties": _object({"seq": _SEQ, "viewers": _COUNT}),
                },
                "warnings": {"type": "array", "items": {"type": "string"}, "minItems": 1},
            },
            optional=("warnings",),
        ),
        "LogAccepted": _object(
            {
                "offset": _COUNT,
                "lines": _COUNT,
                "seq": _COUNT,
                "viewers": _COUNT,
                "warnings": {"type": "array", "items": {"type": "string"}, "minItems": 1},
            },
            optional=("warnings",),
        ),
        "Problem": _problem({}),
        "OffsetProblem": _problem({"offset": _COUNT | {"description": "the place to go on from"}}),
        **_jobs(),
        **_projects(),
        "Integrity": _integrity(),
        "LogLine": _object(_line_fields()),
        "LogLines": _object(
            {
                "lines": {"type": "array", "items": ref("LogLine"), "maxItems": 1000},
                "total": _COUNT | {"description": "lines of the whole log"},
                "next": _or_null(_COUNT) | {"description": "of a search: the line to go on after"},
                "removed": _object(
                    dict.fromkeys(("firstLine", "lastLine", "lines", "bytes"), _COUNT),
                    description="what is missing in the middle of a log that grew beyond its limit",
                ),
            },
            optional=("next", "removed"),
        ),
        "Health": _health(),
    }


def _problem(more: dict[str, Schema]) -> Schema:
    error = _object(
        {
            "message": {"type": "string"},
            "field": {"type": "string"},
            "index": _COUNT | {"description": "which update of the body"},
        },
        optional=("field", "index"),
    )
    properties: dict[str, Schema] = {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "code": {"type": "string", "pattern": "^[a-z_]+$"},
        "detail": {"type": "string"},
        "errors": {"type": "array", "items": error},
    }
    return _object(properties | more, description="RFC 9457")


def _jobs() -> dict[str, Schema]:
    span = {"phase": ref("Phase"), "startedAt": ref("Time")} | _ending(("finishedAt", "durationMs"))
    job = {
        "jobId": ref("Id"),
        "projectId": ref("Id"),
        "status": ref("Status"),
        "progress": _PERCENT,
        "phase": ref("Phase"),
        "message": _or_null({"type": "string"}),
        "seq": _SEQ,
        "lines": _COUNT,
        "createdAt": ref("Time"),
        "updatedAt": ref("Time"),
        "seenAt": ref("Time") | {"description": "when anything last came from the build"},
        "reporter": {
            "enum": ["alive", "lost", None],
            "description": "of a running job whose reporter promised heartbeats: whether it keeps to that",
        },
        **_ending(("startedAt", "finishedAt", "durationMs")),
        "phases": {"type": "array", "items": _object(span)},
        "artifacts": {"type": "array", "items": ref("Artifact")},
        "meta": ref("Meta"),
        "error": _object({"message": _or_null({"type": "string"}), "code": _or_null(ref("Code"))}),
        "integrity": ref("Integrity"),
    }
    return {"Job": _object(job, optional=("error", "integrity")), "Jobs": _page("jobs", "Job")}


def _integrity() -> Schema:
    where: dict[str, Schema] = {"stream": ref("Id"), "bytes": _COUNT, "from": _COUNT}
    lists = {
        "missing": _object(where | {"lines": _COUNT}, optional=("lines",), description="has not arrived"),
        "surplus": _object(where, description="is more than was claimed"),
        "differs": _object({"stream": ref("Id")}, description="has the size but not the content"),
        "unchecked": ref("Id") | {"description": "began before checksums were kept: only counted"},
    }
    return _object(
        {"complete": {"type": "boolean"}, "lines": _or_null(_COUNT)}
        | {name: {"type": "array", "items": item, "minItems": 1} for name, item in lists.items()},
        optional=tuple(lists),
        description="whether all has arrived that the sender of the end claimed; absent without a claim",
    )


def _ending(names: tuple[str, ...]) -> dict[str, Schema]:
    """Times that are null until they are known."""
    return {name: _or_null(_COUNT if name == "durationMs" else ref("Time")) for name in names}


def _projects() -> dict[str, Schema]:
    counts = ("total", "running", "completed", "failed", "cancelled")
    project = {
        "projectId": ref("Id"),
        "createdAt": ref("Time"),
        "updatedAt": ref("Time"),
        "counts": _object(dict.fromkeys(counts, _COUNT)),
        "newestJob": _or_null(ref("Job")),
    }
    return {"Project": _object(project), "Projects": _page("projects", "Project")}


def _page(name: str, item: str) -> Schema:
    after = _or_null({"type": "string", "minLength": 1}) | {"description": "`cursor` of the next page"}
    return _object({name: {"type": "array", "items": ref(item), "maxItems": 1000}, "next": after})


def _line_fields() -> dict[str, Schema]:
    return {
        "line": {"type": "integer", "minimum": 1},
        "at": ref("Time"),
        "stream": ref("Id"),
        "level": _or_null({"type": "string"}),
        "message": {"type": "string"},
    }


def _health() -> Schema:
    return _object(
        {
            "status": {"enum": ["ok", "degraded"]},
            "websocket": _object({"enabled": {"type": "boolean"}, "connected_clients": _COUNT}),
            "version": {"type": "string"},
            "store": {"enum": ["ok", "unreachable"]},
        }
    )


# --- events --------------------------------------------------------------------------------


def _events() -> dict[str, Schema]:
    whose: dict[str, Schema] = {"jobId": ref("Id"), "projectId": ref("Id")}
    state = whose | {
        "status": ref("Status"),
        "progress": _PERCENT,
        "message": _or_null({"type": "string"}),
        "phase": ref("Phase"),
        "seq": _SEQ,
        "at": ref("Time"),
    }
    end = state | _ending(("startedAt", "finishedAt", "durationMs"))
    end |= {"meta": ref("Meta"), "integrity": ref("Integrity")}
    replace: Schema = {"const": True, "description": "takes the place of the line before it"}
    log: dict[str, Schema] = whose | {"seq": _SEQ} | _line_fields() | {"replace": replace}
    payloads = {
        "ProgressEvent": _object(state),
        "CompletedEvent": _object(
            end | {"artifacts": {"type": "array", "items": ref("Artifact")}}, optional=("integrity",)
        ),
        "ErrorEvent": _object(end | {"code": _or_null(ref("Code"))}, optional=("integrity",)),
        "LogEvent": _object(log, optional=("replace",)),
    }
    return payloads | {
        "Event": {
            "anyOf": [
                _event("LogEvent", "job:log"),
                _event("ProgressEvent", "job:progress", "project:progress"),
                _event("CompletedEvent", "job:completed", "project:completed"),
                _event("ErrorEvent", "job:error", "project:error"),
            ]
        },
        "Events": _object(
            {
                "events": {"type": "array", "items": ref("Event")},
                "next": _or_null(_COUNT) | {"description": "`after` of the next page"},
                "epoch": {"type": "string", "description": "which store's history this is"},
                "complete": {
                    "type": "boolean",
                    "description": "`false` where it cannot go on as asked, or a part was removed",
                },
            }
        ),
    }


def _event(payload: str, *names: str) -> Schema:
    return _object({"event": {"enum": list(names)}, "data": ref(payload)})

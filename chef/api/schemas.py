"""The shapes of the API as JSON Schema (2020-12), for the OpenAPI document. Data, no behaviour.

What is sent is described by the rows that it is checked by (chef.wire.fields); what is received as it is made
(chef.domain.payloads), open for fields that are added later.
"""

from __future__ import annotations

from typing import Any

from chef.wire.fields import CONTRADICTION, UPDATES, FormType, fields_of
from chef.wire.jsonschema import PERCENT, Schema, open_object, ref
from chef.wire.values import named_schemas


def schemas() -> dict[str, Schema]:
    """All component schemas by name."""
    time = {"type": "string", "format": "date-time", "description": "UTC, with milliseconds"}
    return {**named_schemas(), "Time": time, **_sent(), **_received(), **_events()}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _object(properties: dict[str, Schema], optional: tuple[str, ...] = (), **more: Any) -> Schema:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required, **more}


_COUNT: Schema = {"type": "integer", "minimum": 0}
_SEQ: Schema = {"type": "integer", "minimum": 1, "description": "place in the job's order: 1, 2, 3 …"}

# --- what is sent --------------------------------------------------------------------------


def _sent() -> dict[str, Schema]:
    names = {kind: f"{kind.capitalize()}Update" for kind in UPDATES}
    updates = {name: _update(kind) for kind, name in names.items()}
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


def _update(kind: FormType) -> Schema:
    fields = fields_of(kind)
    properties = {field.name: field.value.schema for field in fields} | {"type": {"const": kind}}
    needed = ["type", *(field.name for field in fields if field.needed)]
    schema = open_object(properties, needed)
    return schema | ({"not": CONTRADICTION} if kind == "progress" else {})


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
        "progress": PERCENT,
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
        "progress": PERCENT,
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

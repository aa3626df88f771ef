"""The component schemas of the OpenAPI document, in JSON Schema (2020-12).

Updates are described by the rows that they are checked by (chef.wire.fields); answers and events by the
Structs that they are (chef.api.shapes, chef.domain.payloads), open for fields that are added later.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec

from chef.api import shapes
from chef.domain import controlpayloads, etas, payloads, removals, runpayloads
from chef.domain.wiretypes import JsonObject
from chef.wire.fields import CONTRADICTION, UPDATES, FormType, fields_of
from chef.wire.jsonschema import Schema, open_object, ref
from chef.wire.values import named_schemas

_RECEIVED: tuple[type[JsonObject], ...] = (
    shapes.Accepted,
    shapes.LogAccepted,
    shapes.ReportAccepted,
    shapes.HeartbeatAccepted,
    shapes.StopAsked,
    shapes.QuestionState,
    shapes.QuestionList,
    shapes.HookAccepted,
    shapes.Cases,
    shapes.NewInJob,
    shapes.Problem,
    shapes.OffsetProblem,
    shapes.Jobs,
    shapes.Projects,
    shapes.Runs,
    runpayloads.WholeRunJson,
    runpayloads.NeighboursJson,
    shapes.LogLines,
    shapes.Health,
    shapes.Ready,
    shapes.SeenRequest,
    shapes.Events,
    shapes.ShareJson,
    shapes.NewShare,
    shapes.Shares,
    shapes.EndedShare,
    shapes.ErasedJob,
    shapes.ErasedLog,
    shapes.ErasedProject,
)
_EVENTS: dict[type[JsonObject], tuple[str, ...]] = {
    payloads.LogEvent: ("job:log",),
    payloads.ProgressEvent: ("job:progress", "project:progress"),
    payloads.CompletedEvent: ("job:completed", "project:completed"),
    etas.EtaEvent: ("job:eta", "project:eta"),
    controlpayloads.StopEvent: ("job:stop", "project:stop"),
    controlpayloads.QuestionsEvent: ("job:questions", "project:questions"),
    payloads.ErrorEvent: ("job:error", "project:error"),
    removals.JobRemovedEvent: ("job:removed",),
    removals.ProjectRemovedEvent: ("project:removed",),
}


def schemas() -> dict[str, Schema]:
    """All component schemas by name."""
    time = {"type": "string", "format": "date-time", "description": "UTC, with milliseconds"}
    named = {**named_schemas(), "Time": time, "Event": _event()}
    return {**named, **_sent(), **_received(named.keys())}


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


def _received(named: Collection[str]) -> dict[str, Schema]:
    """The schemas of all Structs that are answered or sent; `named` are the other component schemas."""
    template = ref("{name}")["$ref"]
    _, components = msgspec.json.schema_components((*_RECEIVED, *_EVENTS), ref_template=template)
    return {_component(name): _tidy(schema, named) for name, schema in components.items()}


def _component(struct: str) -> str:
    return struct.removesuffix("Json")


def _tidy(part: Any, named: Collection[str]) -> Any:
    """A part of msgspec's schemas in Chef's words: a title that is a schema's name becomes a reference."""
    if isinstance(part, list):
        return [_tidy(item, named) for item in part]
    if not isinstance(part, dict):
        return part
    title = part.get("title")
    if isinstance(title, str) and title in named:
        return ref(title) | {key: text for key, text in part.items() if key == "description"}
    if "$ref" in part:
        return part | {"$ref": _component(part["$ref"])}
    # A property may be called `title`, too: then it is a schema and no text.
    kept = {key: value for key, value in part.items() if key != "title" or isinstance(value, dict)}
    return {key: _tidy(value, named) for key, value in kept.items()}


def _event() -> Schema:
    return {"anyOf": [_named_event(ref(_component(kind.__name__)), names) for kind, names in _EVENTS.items()]}


def _named_event(payload: Schema, names: tuple[str, ...]) -> Schema:
    properties = {"event": {"enum": list(names)}, "data": payload}
    return {"type": "object", "properties": properties, "required": list(properties)}

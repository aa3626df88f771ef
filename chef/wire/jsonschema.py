"""JSON Schema (2020-12) in few words: the parts that descriptions of fields and answers are made of."""

from __future__ import annotations

from typing import Any

from chef.wire.strict import MAX_INTEGER, MIN_INTEGER

Schema = dict[str, Any]

# No text may hold NUL or lone surrogates. The latter cannot be written in a pattern of UTF-8.
NO_NUL = "^[^\\u0000]*$"

INT64: Schema = {"type": "integer", "minimum": MIN_INTEGER, "maximum": MAX_INTEGER}
PERCENT: Schema = {"type": "number", "minimum": 0, "maximum": 100}


def ref(name: str) -> Schema:
    """A reference to one of the component schemas of the OpenAPI document."""
    return {"$ref": f"#/components/schemas/{name}"}


def text(description: str = "", least: int = 0, most: int | None = None) -> Schema:
    """A string of `least` to `most` characters."""
    # Not beside the lengths: schemathesis would write them into the pattern, and its validator compiles
    # `{0,65536}` for half a second each time.
    schema: Schema = {"type": "string", "allOf": [{"pattern": NO_NUL}]}
    if least:
        schema["minLength"] = least
    if most is not None:
        schema["maxLength"] = most
    return schema | ({"description": description} if description else {})


def json_text(schema: Schema, description: str) -> Schema:
    """A string that is JSON: how a form sends an object or an array."""
    return text(description) | {"contentMediaType": "application/json", "contentSchema": schema}


def open_object(properties: dict[str, Schema], required: list[str] | None = None) -> Schema:
    """An object that may have other fields too, of any JSON."""
    schema: Schema = {
        "type": "object",
        "properties": properties,
        "propertyNames": {"pattern": NO_NUL},
        "additionalProperties": ref("JsonValue"),
    }
    return schema | ({"required": required} if required else {})

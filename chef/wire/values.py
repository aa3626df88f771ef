"""The kinds of values that fields have: the check of each, its JSON Schema, and how form texts become it."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeGuard

import msgspec

from chef.domain.masking import MAX_CHARS, MIN_CHARS
from chef.domain.model import ID, ID_PATTERN, ID_RULE, PHASE, PHASE_PATTERN, STATUSES
from chef.domain.rules import MAX_ARTIFACTS, MAX_META_BYTES
from chef.errors import NotJson
from chef.wire import jsonschema
from chef.wire.findings import Findings
from chef.wire.jsonschema import INT64, Schema, json_text, open_object, ref
from chef.wire.strict import MAX_DEPTH, MAX_INTEGER, MIN_INTEGER, loads, shown

MAX_STREAMS = 100
MAX_EVERY = 3600
MAX_HEARTBEAT_WAIT = 60

# (value, the field's name, where faults are told) -> the value as the update keeps it.
Check = Callable[[Any, str, Findings], Any]
# The same for the text that a form has in place of a value; a text that cannot be read stays as it is.
ReadText = Callable[[str, str, Findings], Any]


@dataclass(frozen=True, slots=True)
class ValueType:
    """A kind of value. `schema` describes what `check` takes, `text_schema` the texts for `read_text`.

    Where `read_text` is `None`, a form's text is the value; where `text_schema` is, `schema` fits texts too.
    """

    check: Check
    schema: Schema
    read_text: ReadText | None = None
    text_schema: Schema | None = None

    def described(self, description: str) -> ValueType:
        """The same kind of value, for a field that needs a description of its own."""
        return replace(self, schema=self.schema | {"description": description})


# --- words for faults ----------------------------------------------------------------------

_KINDS = {str: "a string", int: "a number", float: "a number", list: "an array", dict: "an object"}


def kind_of(value: Any) -> str:
    """A JSON value's kind, in words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return _KINDS[type(value)]


def is_integer(value: Any) -> TypeGuard[int]:
    """Whether a JSON value is an integer of at most signed 64 bits (`true` is not)."""
    return type(value) is int and MIN_INTEGER <= value <= MAX_INTEGER


def integer_fault(value: Any, wanted: str = "an integer") -> str:
    """The fault of a value that is no integer."""
    # "Not a number" would be wrong of 1.5.
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return f"must be {wanted}" if is_number else f"must be {wanted}, not {kind_of(value)}"


# --- strings -------------------------------------------------------------------------------


def _string_fault(value: Any) -> str:
    return f"must be a string, not {kind_of(value)}"


def _check_string(value: Any, name: str, findings: Findings) -> Any:
    if not isinstance(value, str):
        findings.wrong(name, _string_fault(value))
    return value


TEXT = ValueType(_check_string, jsonschema.text())


def characters(most: int, least: int = 1) -> ValueType:
    """A text of `least` to `most` characters."""

    def check(value: Any, name: str, findings: Findings) -> Any:
        if not isinstance(value, str):
            findings.wrong(name, _string_fault(value))
        elif not least <= len(value) <= most:
            findings.wrong(name, f"must be {least} to {most} characters")
        return value

    return ValueType(check, jsonschema.text(least=least, most=most))


SECRET = characters(MAX_CHARS, MIN_CHARS)


def utf8(least: int, most: int) -> ValueType:
    """A text of at least `least` (0 or 1) characters and at most `most` bytes."""

    def check(value: Any, name: str, findings: Findings) -> Any:
        if not isinstance(value, str):
            findings.wrong(name, _string_fault(value))
        elif len(value) < least:
            findings.wrong(name, "must not be empty")
        # A character has at most 4 bytes: short texts need no encoding to know.
        elif len(value) * 4 > most and len(value.encode()) > most:
            findings.wrong(name, f"must be at most {most} bytes")
        return value

    return ValueType(check, jsonschema.text(f"at most {most} bytes", least, most))


def _matching(pattern: re.Pattern[str], rule: str, schema: Schema) -> ValueType:
    def check(value: Any, name: str, findings: Findings) -> Any:
        if not isinstance(value, str):
            findings.wrong(name, _string_fault(value))
        elif not pattern.fullmatch(value):
            findings.wrong(name, rule)
        return value

    return ValueType(check, schema)


NAME = _matching(ID, ID_RULE, ref("Id"))
"""The id of a job or a project, or a stream's name."""
PHASE_NAME = _matching(PHASE, "must be 1 to 32 characters of a-z 0-9 _ -", ref("Phase"))


def _check_status(value: Any, name: str, findings: Findings) -> Any:
    if not isinstance(value, str):
        findings.wrong(name, _string_fault(value))
    elif value not in STATUSES:
        findings.wrong(name, f"must be one of {', '.join(STATUSES)}")
    return value


STATUS = ValueType(_check_status, ref("Status"))


# --- numbers -------------------------------------------------------------------------------

# As many digits as a double can tell apart, and some.
_DECIMAL = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]{1,40})?")
_WHOLE = re.compile(r"-?[0-9]{1,19}")
# `wc -l` and others pad their numbers.
_PADDING = " \t\r\n"
_PERCENT_TEXT = r"^(100(\.0{1,40})?|[0-9]{1,2}(\.[0-9]{1,40})?)$"


def _check_percent(value: Any, name: str, findings: Findings) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        findings.wrong(name, f"must be a number, not {kind_of(value)}")
    elif not 0 <= value <= 100:
        findings.wrong(name, "must be between 0 and 100")
    # -0.0 is within the range, but no bar should say "-0".
    return value or 0


def _decimal_of_text(text: str, name: str, findings: Findings) -> Any:
    number = text.strip(_PADDING)
    if _DECIMAL.fullmatch(number):
        return float(number) if "." in number else int(number)
    findings.wrong(name, "must be a number such as 50 or 12.5")
    return text


PERCENT = ValueType(
    _check_percent,
    jsonschema.PERCENT,
    _decimal_of_text,
    {"type": "string", "pattern": _PERCENT_TEXT, "description": "0 to 100"},
)


def _whole_of_text(text: str, _name: str, _findings: Findings) -> Any:
    number = text.strip(_PADDING)
    return int(number) if _WHOLE.fullmatch(number) and is_integer(int(number)) else text


def within(least: int, most: int, schema: Schema) -> ValueType:
    """An integer of `least` to `most`; `schema` is what else is said of it."""

    def check(value: Any, name: str, findings: Findings) -> Any:
        if isinstance(value, bool) or not isinstance(value, int):
            findings.wrong(name, integer_fault(value))
        elif not least <= value <= most:
            findings.wrong(name, f"must be between {least} and {most}")
        return value

    return ValueType(check, {"type": "integer", "minimum": least, "maximum": most} | schema, _whole_of_text)


BYTES = within(0, MAX_INTEGER, {"description": "bytes"})
EVERY = within(1, MAX_EVERY, {"default": 30, "description": "seconds until the next one"})
HEARTBEAT_WAIT = within(
    0,
    MAX_HEARTBEAT_WAIT,
    {"default": 0, "description": "answer so many seconds later, or once somebody asks the build to stop"},
)

_CODE_TEXT = characters(128)


def _check_code(value: Any, name: str, findings: Findings) -> Any:
    if isinstance(value, str):
        return _CODE_TEXT.check(value, name, findings)
    if not is_integer(value):
        findings.wrong(name, integer_fault(value, "an integer or a string"))
    return value


CODE = ValueType(_check_code, ref("Code"), _whole_of_text)


def _check_exit_status(value: Any, name: str, findings: Findings) -> Any:
    if not is_integer(value):
        findings.wrong(name, integer_fault(value))
    return value


EXIT_STATUS = ValueType(_check_exit_status, {"description": "the exit status"} | INT64, _whole_of_text)


# --- objects and arrays --------------------------------------------------------------------


def json_of_text(text: str, name: str, findings: Findings) -> Any:
    """The value that a form's text stands for, where it is JSON."""
    try:
        return loads(text.encode())
    except NotJson as error:
        findings.wrong(name, f"must be JSON: {error.detail}")
    return text


def is_object(value: Any, path: str, findings: Findings) -> bool:
    """Whether a value is an object; else that is a fault."""
    if isinstance(value, dict):
        return True
    findings.wrong(path, f"must be an object, not {kind_of(value)}")
    return False


def members(
    value: Any, path: str, findings: Findings, known: Mapping[str, ValueType], needed: tuple[str, ...]
) -> dict[str, Any]:
    """The members of an object that have a meaning; any other is warned about."""
    if not is_object(value, path, findings):
        return {}
    for key in value:
        if key not in known:
            findings.unknown(f"{path}.", key, known)
    for key in needed:
        if key not in value:
            findings.wrong(f"{path}.{key}", "is needed")
    return {
        key: member.check(value[key], f"{path}.{key}", findings)
        for key, member in known.items()
        if key in value
    }


def schema_of(known: Mapping[str, ValueType], needed: tuple[str, ...]) -> Schema:
    """The schema of an object with these members."""
    return open_object({key: member.schema for key, member in known.items()}, list(needed))


_META = dict.fromkeys(("branch", "commit", "url", "author", "title"), TEXT)


def _check_meta(value: Any, name: str, findings: Findings) -> Any:
    if not is_object(value, name, findings):
        return value
    for key in _META.keys() & value.keys():
        _META[key].check(value[key], f"{name}.{key}", findings)
    if len(msgspec.json.encode(value)) > MAX_META_BYTES:
        findings.wrong(name, f"must be at most {MAX_META_BYTES} bytes as JSON")
    return value


META = ValueType(
    _check_meta,
    ref("Meta"),
    json_of_text,
    json_text(ref("Meta"), "an object as JSON; or meta.KEY=TEXT for one entry"),
)

_ARTIFACT = {"name": characters(256), "url": characters(4096), "size": BYTES}
_ARTIFACT_NEEDED = ("name", "url")


def _check_artifacts(value: Any, name: str, findings: Findings) -> Any:
    if not isinstance(value, list):
        findings.wrong(name, f"must be an array, not {kind_of(value)}")
        return value
    if len(value) > MAX_ARTIFACTS:
        findings.wrong(name, f"must be at most {MAX_ARTIFACTS} artifacts")
        return value
    return tuple(
        members(item, f"{name}[{place}]", findings, _ARTIFACT, _ARTIFACT_NEEDED)
        for place, item in enumerate(value)
    )


_ARTIFACTS: Schema = {"type": "array", "items": ref("Artifact")}
ARTIFACTS = ValueType(
    _check_artifacts,
    _ARTIFACTS
    | {
        "maxItems": MAX_ARTIFACTS,
        "description": f"added to the job's, one of the same name replaced; {MAX_ARTIFACTS} in all",
    },
    json_of_text,
    json_text(_ARTIFACTS, "an array as JSON"),
)

_CLAIM = {
    "bytes": BYTES,
    "lines": BYTES.described("`\\n`s, and one for what follows the last"),
    "crc32": _matching(
        re.compile("[0-9a-f]{8}"),
        "must be 8 hex digits in lower case",
        {"type": "string", "pattern": "^[0-9a-f]{8}$"},
    ),
}
_CLAIM_NEEDED = ("bytes",)


def _check_claim(value: Any, name: str, findings: Findings) -> Any:
    if not is_object(value, name, findings):
        return value
    if len(value) > MAX_STREAMS:
        findings.wrong(name, f"must be at most {MAX_STREAMS} streams")
        return value
    return {stream: _claimed(stream, claim, name, findings) for stream, claim in value.items()}


def _claimed(stream: str, value: Any, name: str, findings: Findings) -> dict[str, Any]:
    path = f"{name}.{shown(stream)}"
    if not ID.fullmatch(stream):
        findings.wrong(path, f"is no stream's name: it {ID_RULE}")
    return members(value, path, findings, _CLAIM, _CLAIM_NEEDED)


CLAIM = ValueType(_check_claim, ref("Claim"), json_of_text, json_text(ref("Claim"), "an object as JSON"))


# --- schemas that others refer to ----------------------------------------------------------


def named_schemas() -> dict[str, Schema]:
    """The schemas that are referred to by name, here and in descriptions of answers."""
    return {
        "Id": {"type": "string", "pattern": f"^{ID_PATTERN}$", "minLength": 1, "maxLength": 128},
        "Phase": {
            "type": "string",
            "pattern": f"^{PHASE_PATTERN}$",
            "description": "`queued`, `preparing`, `installing`, `building`, `completed`, or one of your own",
        },
        "Status": {"type": "string", "enum": list(STATUSES)},
        "JsonValue": _json_value(),
        "Code": {"anyOf": [INT64, _CODE_TEXT.schema], "description": "exit status or code"},
        "Meta": schema_of(_META, ())
        | {"description": f"merged into the job's meta; at most {MAX_META_BYTES} bytes as JSON in all"},
        "Artifact": schema_of(_ARTIFACT, _ARTIFACT_NEEDED),
        "Claim": {
            "type": "object",
            "propertyNames": ref("Id"),
            "additionalProperties": schema_of(_CLAIM, _CLAIM_NEEDED),
            "maxProperties": MAX_STREAMS,
            "description": "what the whole of each log stream was, by its name, as its sender counted it",
        },
    }


def _json_value() -> Schema:
    return {
        "description": f"any JSON, at most {MAX_DEPTH} levels deep in all, integers of 64 bits",
        "anyOf": [
            {"type": ["null", "boolean"]},
            jsonschema.text(),
            INT64,
            {"type": "number", "minimum": -sys.float_info.max, "maximum": sys.float_info.max},
            {"type": "array", "items": ref("JsonValue")},
            open_object({}),
        ],
    }

"""The fields of one update (contract section 2): what each type has, what each field may be.

An update is valid by itself, or every fault of it is named. What only the store knows (a job's
project, its end, an id used before) is checked elsewhere.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import islice
from typing import Any, TypeGuard

import msgspec

from chef.domain.model import ID, ID_RULE, PHASE, STATUSES, Heartbeat, Update
from chef.domain.rules import MAX_ARTIFACTS, MAX_META_BYTES
from chef.errors import FieldError, Invalid
from chef.wire import strict
from chef.wire.strict import shown

MAX_ERRORS = 100
MAX_WARNINGS = 20
MAX_PROGRESS_MESSAGE = 4096
MAX_END_MESSAGE = 65536
MAX_STREAMS = 100
MAX_EVERY = 3600
# Names looked through for a misspelt one.
MAX_NAMES = 20

# (value, the field's name, where faults are told) -> the value as the update keeps it.
Check = Callable[[Any, str, "Findings"], Any]


class Findings:
    """Faults and warnings of one body: the first are kept, the rest counted, so that it stays small.

    `index` is the update that is looked at now.
    """

    def __init__(self) -> None:
        self.index = 0
        self._errors: list[FieldError] = []
        self._error_count = 0
        self._warnings: list[str] = []
        self._warning_count = 0

    @property
    def failed(self) -> bool:
        return self._error_count > 0

    def wrong(self, field: str | None, message: str) -> None:
        """A field of the present update is wrong; `None` where the whole update is."""
        self._error_count += 1
        if self._error_count <= MAX_ERRORS:
            self._errors.append(FieldError(message, field, self.index))

    def unknown(self, path: str, name: str, known: Collection[str]) -> None:
        """Warn about a field nobody knows; `path` is where it is, `known` what it may have meant."""
        self._warning_count += 1
        # Looking for a near name is slow, so only where it is told.
        if self._warning_count <= MAX_WARNINGS:
            meant = nearest(name, known)
            question = f", did you mean '{meant}'?" if meant else ""
            self._warnings.append(f"update {self.index}: unknown field '{path}{shown(name)}'{question}")

    def missing(self, field: str, fields: Iterable[str], known: Collection[str]) -> None:
        """A needed field is not among `fields`, perhaps because it is misspelt."""
        meant = None
        if self._error_count < MAX_ERRORS:
            strange = [name for name in islice(fields, MAX_NAMES) if name not in known]
            meant = next((name for name in strange if nearest(name, [field])), None)
        self.wrong(field, f"is needed, did you mean it by '{shown(meant)}'?" if meant else "is needed")

    def unused(self, name: str, kind: str) -> None:
        """Warn about a field that belongs to other types of update."""
        self._warning_count += 1
        if self._warning_count <= MAX_WARNINGS:
            self._warnings.append(f"update {self.index}: field '{name}' is not used by '{kind}' updates")

    def raise_if_failed(self) -> None:
        """Raise Invalid with all faults if there was one."""
        if not self.failed:
            return
        first, errors = self._errors[0], tuple(self._errors)
        if self._error_count > MAX_ERRORS:
            errors += (FieldError(f"… and {self._error_count - MAX_ERRORS} more errors"),)
        name = f"{first.field} " if first.field else ""
        more = f", and {self._error_count - 1} more" if self._error_count > 1 else ""
        raise Invalid(f"update {first.index}: {name}{first.message}{more}", errors=errors)

    def warnings(self) -> tuple[str, ...]:
        """What to tell the sender of an update that was taken."""
        more = self._warning_count - len(self._warnings)
        return (*self._warnings, f"… and {more} more") if more else tuple(self._warnings)


def nearest(name: str, known: Collection[str]) -> str | None:
    """The known name that a misspelt one most likely stands for, if there is one."""
    if len(name) > strict.MAX_SHOWN:
        return None
    by_lower = {candidate.lower(): candidate for candidate in known}
    matches = difflib.get_close_matches(name.lower(), by_lower, n=1)
    return by_lower[matches[0]] if matches else None


def check_update(fields: Mapping[str, Any], findings: Findings) -> Update | None:
    """The update that these typed fields make; `None` if this or an earlier one was wrong.

    Faults and warnings go to `findings`, whose `index` is the update's place in its body.
    """
    kind = fields.get("type")
    if not isinstance(kind, str) or kind not in _CHECKS:
        said = "must be" if "type" in fields else "is needed:"
        findings.wrong("type", f"{said} one of {', '.join(_CHECKS)}")
        _checked(fields, _ANY_TYPE, None, findings)
        return None
    values = _checked(fields, _CHECKS[kind], kind, findings)
    if kind == "progress":
        _check_status(values, findings)
    return None if findings.failed else Update(**values)


def check_heartbeat(fields: Mapping[str, Any], findings: Findings) -> Heartbeat:
    """The heartbeat that these typed fields make; raises Invalid if one is wrong."""
    values = _checked(fields, _HEARTBEAT, "heartbeat", findings)
    values.pop("id", None)  # One that comes twice does no harm.
    findings.raise_if_failed()
    return Heartbeat(**values)


def _checked(
    fields: Mapping[str, Any], checks: Mapping[str, Check], kind: str | None, findings: Findings
) -> dict[str, Any]:
    """The values that passed, by the names of Update's attributes."""
    values: dict[str, Any] = {}
    for name, value in fields.items():
        check = checks.get(name)
        if check is not None:
            values[_ATTRIBUTES.get(name, name)] = check(value, name, findings)
        elif name not in _ANY_TYPE:
            findings.unknown("", name, checks.keys())
        elif kind is not None:
            findings.unused(name, kind)
    for name in _NEEDED.get(kind, _ALWAYS_NEEDED):
        if name not in fields:
            findings.missing(name, fields, _ANY_TYPE)
    return values


def _check_status(values: dict[str, Any], findings: Findings) -> None:
    """A job that has completed is at 100 in phase `completed`: refuse another progress or phase."""
    if values.get("status") != "completed":
        return
    if values.get("progress", 100) != 100:
        findings.wrong("status", "must not be 'completed' with a progress other than 100")
    elif values.get("phase", "completed") != "completed":
        findings.wrong("status", "must not be 'completed' in a phase other than 'completed'")


# --- one field -----------------------------------------------------------------------------

_KINDS = {str: "a string", int: "a number", float: "a number", list: "an array", dict: "an object"}


def kind_of(value: Any) -> str:
    """What a JSON value is, in words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return _KINDS[type(value)]


def is_integer(value: Any) -> TypeGuard[int]:
    """Whether a JSON value is an integer of at most signed 64 bits (`true` is not)."""
    return type(value) is int and strict.MIN_INTEGER <= value <= strict.MAX_INTEGER


def integer_fault(value: Any, wanted: str = "an integer") -> str:
    """What to say of a value that is no integer."""
    # "Not a number" would be wrong of 1.5.
    said = (
        "" if isinstance(value, (int, float)) and not isinstance(value, bool) else f", not {kind_of(value)}"
    )
    return f"must be {wanted}{said}"


def _is_string(value: Any, name: str, findings: Findings) -> bool:
    if isinstance(value, str):
        return True
    findings.wrong(name, f"must be a string, not {kind_of(value)}")
    return False


def _string(value: Any, name: str, findings: Findings) -> Any:
    _is_string(value, name, findings)
    return value


def _characters(most: int) -> Check:
    def check(value: Any, name: str, findings: Findings) -> Any:
        if _is_string(value, name, findings) and not 1 <= len(value) <= most:
            findings.wrong(name, f"must be 1 to {most} characters")
        return value

    return check


def _utf8(least: int, most: int) -> Check:
    def check(value: Any, name: str, findings: Findings) -> Any:
        if not _is_string(value, name, findings):
            return value
        if len(value) < least:
            findings.wrong(name, "must not be empty")
        # A character has at most 4 bytes: short texts need no encoding to know.
        elif len(value) * 4 > most and len(value.encode()) > most:
            findings.wrong(name, f"must be at most {most} bytes")
        return value

    return check


def _pattern(pattern: re.Pattern[str], rule: str) -> Check:
    def check(value: Any, name: str, findings: Findings) -> Any:
        if _is_string(value, name, findings) and not pattern.fullmatch(value):
            findings.wrong(name, rule)
        return value

    return check


def _progress(value: Any, name: str, findings: Findings) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        findings.wrong(name, f"must be a number, not {kind_of(value)}")
    elif not 0 <= value <= 100:
        findings.wrong(name, "must be between 0 and 100")
    # -0.0 is within the range, but no bar should say "-0".
    return value or 0


def _status(value: Any, name: str, findings: Findings) -> Any:
    if _is_string(value, name, findings) and value not in STATUSES:
        findings.wrong(name, f"must be one of {', '.join(STATUSES)}")
    return value


def _code(value: Any, name: str, findings: Findings) -> Any:
    if isinstance(value, str):
        return _code_string(value, name, findings)
    if not is_integer(value):
        findings.wrong(name, integer_fault(value, "an integer or a string"))
    return value


def _every(value: Any, name: str, findings: Findings) -> Any:
    if isinstance(value, bool) or not isinstance(value, int):
        findings.wrong(name, integer_fault(value))
    elif not 1 <= value <= MAX_EVERY:
        findings.wrong(name, f"must be between 1 and {MAX_EVERY}")
    return value


def _size(value: Any, name: str, findings: Findings) -> Any:
    if isinstance(value, bool) or not isinstance(value, int):
        findings.wrong(name, integer_fault(value))
    elif not 0 <= value <= strict.MAX_INTEGER:
        findings.wrong(name, f"must be between 0 and {strict.MAX_INTEGER}")
    return value


def _meta(value: Any, name: str, findings: Findings) -> Any:
    if not isinstance(value, dict):
        findings.wrong(name, f"must be an object, not {kind_of(value)}")
        return value
    for key in _META_STRINGS & value.keys():
        _is_string(value[key], f"{name}.{key}", findings)
    if len(msgspec.json.encode(value)) > MAX_META_BYTES:
        findings.wrong(name, f"must be at most {MAX_META_BYTES} bytes as JSON")
    return value


def _artifacts(value: Any, name: str, findings: Findings) -> Any:
    if not isinstance(value, list):
        findings.wrong(name, f"must be an array, not {kind_of(value)}")
        return value
    if len(value) > MAX_ARTIFACTS:
        findings.wrong(name, f"must be at most {MAX_ARTIFACTS} artifacts")
        return value
    return tuple(_artifact(item, f"{name}[{place}]", findings) for place, item in enumerate(value))


def _artifact(value: Any, path: str, findings: Findings) -> dict[str, Any]:
    if not isinstance(value, dict):
        findings.wrong(path, f"must be an object, not {kind_of(value)}")
        return {}
    for key in value:
        if key not in _ARTIFACT:
            findings.unknown(f"{path}.", key, _ARTIFACT)
    for key in ("name", "url"):
        if key not in value:
            findings.wrong(f"{path}.{key}", "is needed")
    return {
        key: check(value[key], f"{path}.{key}", findings) for key, check in _ARTIFACT.items() if key in value
    }


def _integrity(value: Any, name: str, findings: Findings) -> Any:
    if not isinstance(value, dict):
        findings.wrong(name, f"must be an object, not {kind_of(value)}")
        return value
    if len(value) > MAX_STREAMS:
        findings.wrong(name, f"must be at most {MAX_STREAMS} streams")
        return value
    return {stream: _claim(stream, claim, name, findings) for stream, claim in value.items()}


def _claim(stream: str, value: Any, name: str, findings: Findings) -> dict[str, Any]:
    path = f"{name}.{shown(stream)}"
    if not ID.fullmatch(stream):
        findings.wrong(path, f"is no stream's name: it {ID_RULE}")
    if not isinstance(value, dict):
        findings.wrong(path, f"must be an object, not {kind_of(value)}")
        return {}
    for key in value:
        if key not in _CLAIM:
            findings.unknown(f"{path}.", key, _CLAIM)
    if "bytes" not in value:
        findings.wrong(f"{path}.bytes", "is needed")
    return {
        key: check(value[key], f"{path}.{key}", findings) for key, check in _CLAIM.items() if key in value
    }


_id = _pattern(ID, ID_RULE)
_code_string = _characters(128)
_end_message = _utf8(0, MAX_END_MESSAGE)

_META_STRINGS = frozenset({"branch", "commit", "url", "author", "title"})
_ARTIFACT: dict[str, Check] = {"name": _characters(256), "url": _characters(4096), "size": _size}

_CLAIM: dict[str, Check] = {
    "bytes": _size,
    "lines": _size,
    "crc32": _pattern(re.compile("[0-9a-f]{8}"), "must be 8 hex digits in lower case"),
}

_ATTRIBUTES = {"jobId": "job_id", "projectId": "project_id"}
_ALWAYS_NEEDED = ("jobId",)
_NEEDED: dict[str | None, tuple[str, ...]] = {"log": ("jobId", "message"), "error": ("jobId", "message")}
_COMMON: dict[str, Check] = {"type": _string, "jobId": _id, "projectId": _id, "id": _characters(128)}
_END: dict[str, Check] = {**_COMMON, "meta": _meta, "integrity": _integrity}
_CHECKS: dict[str, dict[str, Check]] = {
    "progress": {
        **_COMMON,
        "phase": _pattern(PHASE, "must be 1 to 32 characters of a-z 0-9 _ -"),
        "progress": _progress,
        "status": _status,
        "message": _utf8(0, MAX_PROGRESS_MESSAGE),
        "meta": _meta,
        "artifacts": _artifacts,
    },
    "log": {**_COMMON, "message": _string, "stream": _id, "level": _characters(32)},
    "completed": {**_END, "message": _end_message, "artifacts": _artifacts},
    "error": {**_END, "message": _utf8(1, MAX_END_MESSAGE), "code": _code},
}
_HEARTBEAT: dict[str, Check] = {
    "jobId": _id,
    "projectId": _id,
    "id": _characters(128),
    "every": _every,
}
# An update whose type is wrong is still checked as far as the types agree: one answer, all faults.
_ANY_TYPE: dict[str, Check] = {
    **{name: check for checks in _CHECKS.values() for name, check in checks.items()},
    "type": lambda value, _name, _findings: value,
    "message": _string,
}

"""Bodies, by-hand fields and forms into updates (contract section 2), and what an update says as a digest."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from chef.domain.model import Heartbeat, Update, UpdateType
from chef.errors import FieldError, Invalid, NotJson
from chef.wire import strict
from chef.wire.fields import Findings, check_heartbeat, check_update, integer_fault, is_integer, kind_of
from chef.wire.strict import shown

ContentType = Literal["json", "ndjson"]


@dataclass(frozen=True, slots=True)
class Parsed:
    """The updates of a body in its order, and what its sender may have meant otherwise."""

    updates: tuple[Update, ...]
    warnings: tuple[str, ...]


# --- bodies --------------------------------------------------------------------------------


def parse_updates(body: bytes, content_type: ContentType) -> Parsed:
    """The updates of a `POST /api/updates` body: an object, an array of objects, or NDJSON.

    Raises NotJson if it is not JSON, Invalid (with every wrong field of every update) if it has no
    update or a wrong one.
    """
    values = _lines(body) if content_type == "ndjson" else _document(body)
    if not values:
        raise Invalid("there is no update in the body")
    findings = Findings()
    updates: list[Update] = []
    for index, value in enumerate(values):
        findings.index = index
        if not isinstance(value, dict):
            findings.wrong(None, f"must be an object, not {kind_of(value)}")
            continue
        update = check_update(value, findings)
        if update is not None:
            updates.append(update)
    return _parsed(updates, findings)


def _parsed(updates: list[Update], findings: Findings) -> Parsed:
    findings.raise_if_failed()
    return Parsed(tuple(updates), findings.warnings())


def parse_object(body: bytes) -> dict[str, Any]:
    """The fields of a by-hand form that came as JSON; an empty body has none.

    Raises NotJson, or Invalid if it is another value than an object.
    """
    if not body.strip():
        return {}
    value = strict.loads(body)
    if not isinstance(value, dict):
        raise Invalid(f"the body must be an object, not {kind_of(value)}")
    return value


def _document(body: bytes) -> list[Any]:
    if not body.strip():
        return []
    value = strict.loads(body)
    return value if isinstance(value, list) else [value]


def _lines(body: bytes) -> list[Any]:
    values: list[Any] = []
    for number, line in enumerate(body.split(b"\n"), 1):
        if not line or line.isspace():
            continue
        try:
            values.append(strict.loads(line, line=number))
        except NotJson as error:
            fault = FieldError(error.detail, index=len(values))
            raise NotJson(f"update {fault.index}: {error.detail}", errors=(fault,)) from None
    return values


# --- by hand -------------------------------------------------------------------------------


def parse_fields(fields: Mapping[str, Any], *, type: UpdateType, job_id: str, index: int = 0) -> Parsed:
    """The one update of a by-hand form, whose path says type and job; `fields` are typed values.

    The fields may say type and job again, but not others: that is Invalid like a wrong field.
    """
    findings = Findings()
    findings.index = index
    return _by_hand(fields, type, job_id, findings)


def parse_exit(fields: Mapping[str, Any], job_id: str) -> Parsed:
    """The end of a build by the exit status `code`: 0 is a `completed` update, all else an `error`.

    An error without a message gets one that names the status.
    """
    findings = Findings()
    code = _exit_status(fields, findings)
    rest = {name: value for name, value in fields.items() if name != "code"}
    kind: UpdateType = "error" if code else "completed"
    if code:
        rest["code"] = code
        # An empty variable in a script must not cost the news that the build failed.
        if rest.get("message", "") == "":
            rest["message"] = f"exited with status {code}"
    return _by_hand(rest, kind, job_id, findings)


def _exit_status(fields: Mapping[str, Any], findings: Findings) -> int:
    if "code" not in fields:
        findings.wrong("code", "is needed: the exit status, an integer")
        return 0
    code = fields["code"]
    if is_integer(code):
        return code
    findings.wrong("code", integer_fault(code))
    return 0


def parse_heartbeat(fields: Mapping[str, Any], job_id: str) -> tuple[Heartbeat, tuple[str, ...]]:
    """The heartbeat of a by-hand form, and warnings."""
    findings = Findings()
    _check_said(fields, {"jobId": job_id}, findings)
    heartbeat = check_heartbeat({**fields, "jobId": job_id}, findings)
    return heartbeat, findings.warnings()


def _check_said(fields: Mapping[str, Any], said: Mapping[str, str], findings: Findings) -> None:
    """What the path says already may be said again, but not otherwise."""
    for name, value in said.items():
        if name in fields and fields[name] != value:
            findings.wrong(name, f"must be '{shown(value)}' here, or left out")


def _by_hand(fields: Mapping[str, Any], kind: UpdateType, job_id: str, findings: Findings) -> Parsed:
    said = {"type": kind, "jobId": job_id}
    _check_said(fields, said, findings)
    update = check_update({**fields, **said}, findings)
    return _parsed([] if update is None else [update], findings)


def coerce_form(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Form or query fields, all strings, as the typed values that JSON would have.

    `progress`, `code` and `every` become numbers, `meta`, `artifacts` and `integrity` are JSON texts, and
    `meta.KEY` sets a string in `meta`. Raises Invalid for what cannot be read and for a name given
    more than once.
    """
    findings = Findings()
    fields: dict[str, Any] = {}
    meta: dict[str, str] = {}
    for name, text in pairs:
        target = meta if name.startswith("meta.") else fields
        key = name.removeprefix("meta.") if target is meta else name
        fault = strict.string_fault(name) or strict.string_fault(text)
        if fault:
            findings.wrong(shown(name), f"must not contain {fault}")
        elif not key:
            findings.wrong(shown(name), "needs a name, such as meta.branch" if name else "needs a name")
        elif key in target:
            findings.wrong(shown(name), "is given more than once")
        else:
            target[key] = text if target is meta else _coerce(name, text, findings)
    _combine_meta(fields, meta, findings)
    findings.raise_if_failed()
    return fields


# As many digits as a double can tell apart, and some.
_DECIMAL = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]{1,40})?")
_WHOLE = re.compile(r"-?[0-9]{1,19}")


def _coerce(name: str, text: str, findings: Findings) -> Any:
    # `wc -l` and others pad their numbers.
    number = text.strip(" \t\r\n")
    if name == "progress":
        if _DECIMAL.fullmatch(number):
            return float(number) if "." in number else int(number)
        findings.wrong(name, "must be a number such as 50 or 12.5")
    elif name in ("code", "every"):
        return int(number) if _WHOLE.fullmatch(number) and is_integer(int(number)) else text
    elif name in ("meta", "artifacts", "integrity"):
        try:
            return strict.loads(text.encode())
        except NotJson as error:
            findings.wrong(name, f"must be JSON: {error.detail}")
    return text


def _combine_meta(fields: dict[str, Any], entries: dict[str, str], findings: Findings) -> None:
    whole = fields.get("meta", {})
    # Another kind of value is told by the check of the field itself.
    if not entries or not isinstance(whole, dict):
        return
    for key in whole.keys() & entries.keys():
        findings.wrong(shown(f"meta.{key}"), "is given more than once: in meta too")
    fields["meta"] = {**whole, **entries}


# --- the same again ------------------------------------------------------------------------


def content_digest(update: Update) -> bytes:
    """SHA-256 over what an update says: equal for the same content, however it was written.

    50 is 50.0, the order of keys means nothing, and a field left out is its default. `id` is what
    the digest is looked up by, and another project is found before: neither is part of it. It is
    stored, so its form must stay: a field that is added later must not change updates without it.
    """
    said = {
        "type": update.type,
        "jobId": update.job_id,
        "phase": update.phase,
        "progress": _plain(update.progress),
        "status": update.status,
        "message": update.message,
        "meta": _plain(update.meta),
        "stream": update.stream if update.type == "log" else None,
        "level": update.level,
        "code": update.code,
        "artifacts": update.artifacts,
        "integrity": update.integrity,
    }
    present = {name: value for name, value in said.items() if value is not None}
    # Standard library: this text outlives any version of a faster one.
    text = json.dumps(present, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).digest()


def _plain(value: Any) -> Any:
    """The value with whole floats as integers, since JSON writers differ in them."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value

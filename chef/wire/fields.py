"""The fields of updates and heartbeats (contract section 2), a row each: `FIELDS`.

A row is all that a field needs: the updates that have it, its kind of value (check, JSON Schema, form
text), whether it is a part of the content digest. Checks, the OpenAPI document, forms and digests are made
from these rows. An update is valid by itself, or every fault of it is named; what only the store knows (a
job's project, its end, an id used before) is checked elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from chef.domain.model import Heartbeat, Update
from chef.wire.findings import Findings
from chef.wire.jsonschema import Schema
from chef.wire.reports.summaries import REPORT
from chef.wire.values import (
    ARTIFACTS,
    CLAIM,
    CODE,
    EVERY,
    EXIT_STATUS,
    HEARTBEAT_WAIT,
    META,
    NAME,
    PERCENT,
    PHASE_NAME,
    SECRET,
    STATUS,
    TEXT,
    Check,
    ValueType,
    characters,
    utf8,
)

MAX_PROGRESS_MESSAGE = 4096
MAX_END_MESSAGE = 65536

FormType = Literal["progress", "log", "completed", "error", "cancelled", "mask", "tests", "exit", "heartbeat"]
"""The types of updates, and the two requests by hand that are none themselves."""

UPDATES: tuple[FormType, ...] = ("progress", "log", "completed", "error", "cancelled", "mask", "tests")
_ENDS: tuple[FormType, ...] = ("completed", "error", "cancelled", "exit")
_UNLESS_LOG: tuple[FormType, ...] = ("progress", *_ENDS)
_ALL: tuple[FormType, ...] = (*UPDATES, "exit", "heartbeat")


@dataclass(frozen=True, slots=True)
class Field:
    """A field of some types of updates. A name has several rows where types take different values."""

    name: str
    types: tuple[FormType, ...]
    value: ValueType
    needed: bool = False
    in_digest: bool = True

    @property
    def attribute(self) -> str:
        """Its name in `Update` and `Heartbeat`: `job_id` for `jobId`."""
        return re.sub("[A-Z]", lambda capital: f"_{capital[0].lower()}", self.name)


_ID = characters(128)

FIELDS: tuple[Field, ...] = (
    Field("type", UPDATES, TEXT),
    Field("jobId", _ALL, NAME, needed=True),
    # A digest is looked up in a job, by the id: of another project or id there is none to compare.
    Field("projectId", (*UPDATES, "exit"), NAME.described("needed in a job's first update"), in_digest=False),
    Field("projectId", ("heartbeat",), NAME.described("needed where the job does not exist yet")),
    Field("id", (*UPDATES, "exit"), _ID.described("makes the update safe to send again"), in_digest=False),
    Field("id", ("heartbeat",), _ID.described("of no meaning: a heartbeat is safe to send again")),
    Field("phase", ("progress",), PHASE_NAME),
    Field("progress", ("progress",), PERCENT),
    Field(
        "phaseProgress",
        ("progress",),
        PERCENT.described("how far the phase is by its own tool; it needs a phase, here or earlier"),
    ),
    Field("status", ("progress",), STATUS),
    Field("message", ("progress",), utf8(0, MAX_PROGRESS_MESSAGE)),
    Field("message", ("log",), TEXT.described("one or more lines"), needed=True),
    Field("message", ("completed", "cancelled", "exit"), utf8(0, MAX_END_MESSAGE)),
    Field("message", ("error",), utf8(1, MAX_END_MESSAGE), needed=True),
    Field("stream", ("log",), NAME),
    Field("level", ("log",), characters(32)),
    Field(
        "value",
        ("mask",),
        SECRET.described("what later lines and messages of the job must not show"),
        needed=True,
    ),
    Field("report", ("tests",), REPORT, needed=True),
    Field("code", ("error", "cancelled"), CODE),
    Field("code", ("exit",), EXIT_STATUS),
    Field("artifacts", ("progress", "completed", "exit"), ARTIFACTS),
    Field("meta", _UNLESS_LOG, META),
    Field("integrity", _ENDS, CLAIM),
    Field("every", ("heartbeat",), EVERY),
    Field("wait", ("heartbeat",), HEARTBEAT_WAIT),
)


def fields_of(kind: FormType) -> tuple[Field, ...]:
    """The fields of a type of update, `type` and `jobId` among them."""
    return tuple(field for field in FIELDS if kind in field.types)


ATTRIBUTES = {field.name: field.attribute for field in FIELDS}
_CHECKS: dict[str, dict[str, Check]] = {
    kind: {field.name: field.value.check for field in fields_of(kind)} for kind in (*UPDATES, "heartbeat")
}
_NEEDED: dict[str, tuple[str, ...]] = {
    kind: tuple(field.name for field in fields_of(kind) if field.needed) for kind in (*UPDATES, "heartbeat")
}
# An update whose type is wrong is still checked as far as the types agree: one answer, all faults.
_ANY_TYPE: dict[str, Check] = {
    **{name: check for kind in UPDATES for name, check in _CHECKS[kind].items()},
    "type": lambda value, _name, _findings: value,
    "message": TEXT.check,
}


def check_update(fields: Mapping[str, Any], findings: Findings) -> Update | None:
    """The update that these typed fields make; `None` if this or an earlier one was wrong.

    Faults and warnings go to `findings`, whose `index` is the update's place in its body.
    """
    kind = fields.get("type")
    if not isinstance(kind, str) or kind not in UPDATES:
        verb = "must be" if "type" in fields else "is needed:"
        findings.wrong("type", f"{verb} one of {', '.join(UPDATES)}")
        _checked(fields, _ANY_TYPE, ("jobId",), None, findings)
        return None
    values = _checked(fields, _CHECKS[kind], _NEEDED[kind], kind, findings)
    if kind == "progress":
        _check_status(values, findings)
    return None if findings.failed else Update(**values)


def check_heartbeat(fields: Mapping[str, Any], findings: Findings) -> Heartbeat:
    """The heartbeat that these typed fields make; raises Invalid if one is wrong."""
    values = _checked(fields, _CHECKS["heartbeat"], _NEEDED["heartbeat"], "heartbeat", findings)
    values.pop("id", None)  # One that comes twice does no harm.
    findings.raise_if_failed()
    return Heartbeat(**values)


def _checked(
    fields: Mapping[str, Any],
    checks: Mapping[str, Check],
    needed: tuple[str, ...],
    kind: str | None,
    findings: Findings,
) -> dict[str, Any]:
    """The values that passed, by the names of Update's attributes."""
    values: dict[str, Any] = {}
    for name, value in fields.items():
        check = checks.get(name)
        if check is not None:
            values[ATTRIBUTES[name]] = check(value, name, findings)
        elif name not in _ANY_TYPE:
            findings.unknown("", name, checks.keys())
        elif kind is not None:
            findings.unused(name, kind)
    for name in needed:
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


CONTRADICTION: Schema = {
    "properties": {"status": {"const": "completed"}},
    "required": ["status"],
    "anyOf": [
        {"properties": {"progress": {"not": {"const": 100}}}, "required": ["progress"]},
        {"properties": {"phase": {"not": {"const": "completed"}}}, "required": ["phase"]},
    ],
}
"""The schema of progress updates that are refused for it."""

"""Bodies and by-hand fields into updates (contract section 2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct

from chef.domain.model import Heartbeat, Update, UpdateType
from chef.errors import FieldError, Invalid, NotJson
from chef.wire import strict
from chef.wire.fields import check_heartbeat, check_update
from chef.wire.findings import Findings
from chef.wire.strict import shown
from chef.wire.values import EXIT_STATUS, kind_of

ContentType = Literal["json", "ndjson"]

# 128 and the signal: SIGINT and SIGTERM. SIGKILL (137) is not among them: out of memory is a failure.
CANCELLED = (130, 143)


class Parsed(Struct, frozen=True):
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
    """The end of a build by the exit status `code`.

    0 is a `completed` update; that of a command that SIGINT or SIGTERM ended a `cancelled` one; all else an
    `error`, which names the status where it comes without a message.
    """
    findings = Findings()
    code = _exit_status(fields, findings)
    rest = {name: value for name, value in fields.items() if name != "code"}
    kind: UpdateType = "completed" if code == 0 else "cancelled" if code in CANCELLED else "error"
    if code:
        rest["code"] = code
    # An empty variable in a script must not cost the news that the build failed.
    if kind == "error" and rest.get("message", "") == "":
        rest["message"] = f"exited with status {code}"
    return _by_hand(rest, kind, job_id, findings)


def _exit_status(fields: Mapping[str, Any], findings: Findings) -> int:
    if "code" not in fields:
        findings.wrong("code", "is needed: the exit status, an integer")
        return 0
    code = EXIT_STATUS.check(fields["code"], "code", findings)
    return 0 if findings.failed else int(code)


def parse_heartbeat(fields: Mapping[str, Any], job_id: str) -> tuple[Heartbeat, tuple[str, ...]]:
    """The heartbeat of a by-hand form, and warnings."""
    findings = Findings()
    _check_repeated(fields, {"jobId": job_id}, findings)
    heartbeat = check_heartbeat({**fields, "jobId": job_id}, findings)
    return heartbeat, findings.warnings()


def _check_repeated(fields: Mapping[str, Any], in_path: Mapping[str, str], findings: Findings) -> None:
    """Fields may repeat what the path says already, but not contradict it."""
    for name, value in in_path.items():
        if name in fields and fields[name] != value:
            findings.wrong(name, f"must be '{shown(value)}' here, or left out")


def _by_hand(fields: Mapping[str, Any], kind: UpdateType, job_id: str, findings: Findings) -> Parsed:
    in_path = {"type": kind, "jobId": job_id}
    _check_repeated(fields, in_path, findings)
    update = check_update({**fields, **in_path}, findings)
    return _parsed([] if update is None else [update], findings)

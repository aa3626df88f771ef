"""The types that payloads and answers are made of: JSON objects as Structs, and their fields' values. Pure.

A `title` in an annotation names the component schema that the OpenAPI document has for such values.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType, field

Id = Annotated[str, Meta(title="Id")]
Time = Annotated[str, Meta(title="Time")]
PhaseName = Annotated[str, Meta(title="Phase")]
ExitCode = Annotated[int | str, Meta(title="Code")]
MetaObject = Annotated[dict[str, Any], Meta(title="Meta")]
ArtifactObject = Annotated[dict[str, Any], Meta(title="Artifact")]
Percent = Annotated[float, Meta(ge=0, le=100)]
Count = Annotated[int, Meta(ge=0)]
Seq = Annotated[int, Meta(ge=1, description="place in the job's order: 1, 2, 3 …")]


class JsonObject(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """A JSON object of the wire; `UNSET` fields are not in it. No payload can be part of a cycle."""


_encoder = msgspec.json.Encoder()


def encode(payload: JsonObject) -> str:
    """A payload as compact JSON. All input was checked to be JSON, so all of it is."""
    return _encoder.encode(payload).decode()


def as_dict(payload: JsonObject) -> dict[str, Any]:
    """A payload as the plain values that its JSON stands for."""
    plain: dict[str, Any] = msgspec.to_builtins(payload)
    return plain


class Missing(JsonObject, frozen=True):
    """A part of a stream that has not arrived."""

    stream: Id
    bytes: Count
    start: Count = field(name="from")
    lines: Count | UnsetType = UNSET


class Surplus(JsonObject, frozen=True):
    """A part of a stream that is more than was claimed."""

    stream: Id
    bytes: Count
    start: Count = field(name="from")


class Different(JsonObject, frozen=True, kw_only=True):
    """A stream of the claimed size with other bytes or lines."""

    stream: Id
    crc32: str | UnsetType = UNSET
    lines: Count | UnsetType = UNSET
    claimed: str | int


class Integrity(JsonObject, frozen=True):
    """Whether all has arrived that the sender of the end claimed; absent without a claim.

    `unchecked` names streams that were only counted: they began before checksums were kept.
    """

    complete: bool
    lines: Count | None
    missing: Annotated[list[Missing], Meta(min_length=1)] | UnsetType = UNSET
    surplus: Annotated[list[Surplus], Meta(min_length=1)] | UnsetType = UNSET
    differs: Annotated[list[Different], Meta(min_length=1)] | UnsetType = UNSET
    unchecked: Annotated[list[Id], Meta(min_length=1)] | UnsetType = UNSET


class FailedTest(JsonObject, frozen=True):
    """A test that failed: its name as its tool has it, and the line of the log that tells of its failure.

    `line` is absent where only a test report tells of it.
    """

    name: str
    line: Count | UnsetType = UNSET
    message: str | UnsetType = UNSET


class ExcerptLine(JsonObject, frozen=True):
    """A line of a log, without what a terminal would obey."""

    line: Count
    text: str


class Failure(JsonObject, frozen=True):
    """Why a job failed, as its log has it: what the tools state at their end, else the first error."""

    summary: str
    lines: list[ExcerptLine]
    tests: Annotated[list[FailedTest], Meta(min_length=1)] | UnsetType = UNSET

"""A delivery of a webhook, and what it tells of a job."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Literal

State = Literal["queued", "running", "completed", "failed", "cancelled", "skipped"]
"""What is skipped ends as cancelled where it had begun, and is no job where it had not."""

_MOST_ID = 128
_MOST_TEXT = 1000
# Ten entries of meta, however they are escaped as JSON, fit into what a job's may have (contract section 2).
_MOST_META_BYTES = 800
# What no update may have, and platforms pass on from commits: NUL and lone surrogates.
_UNFIT = re.compile("[\0\ud800-\udfff]")
_ENDED_BY = "hookEnd"
_NO_ID = re.compile(r"[^A-Za-z0-9._~:@+-]+")


@dataclass(frozen=True, slots=True)
class HookDelivery:
    """A request of a platform. `headers` by their names in lower case; `payload` is what the body says."""

    headers: Mapping[str, str]
    body: bytes
    payload: Mapping[str, Any]

    @property
    def fingerprint(self) -> str:
        """Names the delivery where its platform does not: the same when it is sent again."""
        return sha256(self.body).hexdigest()[:32]

    def text(self, *path: str) -> str | None:
        """A text, or a number as a text, in the payload; `None` where there is none."""
        return text_at(self.payload, *path)


@dataclass(frozen=True, slots=True)
class Heard:
    """What a delivery tells of one job.

    `job_id` names the job. Where the platform does not name a deployment when it ends, `thread` is what
    its deliveries have in common: the end is that of the thread's newest job that runs, and that job
    remembers by which delivery it ended (`ended_by`).
    """

    job_id: str
    state: State
    kind: str
    message: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    thread: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", _cut(self.kind))

    def updates(self, job_id: str, delivery_id: str, platform: str) -> list[dict[str, Any]]:
        """The updates of contract section 2, without a project; `delivery_id` is that of the delivery."""
        meta = {"kind": self.kind, "hook": self.thread or platform, **_given(self.meta)}
        if self.thread and self.state not in ("queued", "running"):
            meta[_ENDED_BY] = delivery_id
        update: dict[str, Any] = {"jobId": job_id, "id": make_id(delivery_id, job_id), "meta": meta}
        if self.message:
            update["message"] = self.message[:_MOST_TEXT]
        if self.state == "failed":
            return [update | {"type": "error", "message": update.get("message", "failed")}]
        if self.state in ("completed", "cancelled", "skipped"):
            return [update | {"type": "completed" if self.state == "completed" else "cancelled"}]
        phases = {"queued": {"phase": "queued"}, "running": {"phase": "deploying", "status": "building"}}
        return [update | {"type": "progress"} | phases[self.state]]


def ended_by(meta: Mapping[str, Any]) -> str | None:
    """The delivery that ended the job of this meta, where the platform did not name the job."""
    return text_at(meta, _ENDED_BY)


def make_id(*parts: str | None) -> str:
    """An id of contract section 1 out of some parts; one that is too long ends in its SHA-256."""
    whole = "-".join(_NO_ID.sub("-", part) for part in parts if part)
    if len(whole) <= _MOST_ID:
        return whole
    return f"{whole[: _MOST_ID - 33]}-{sha256(whole.encode()).hexdigest()[:32]}"


def text_at(value: Any, *path: str) -> str | None:
    """A text, or a number as a text, at a path in JSON; `None` where there is none, or an empty one."""
    found = at(value, *path)
    if isinstance(found, int | float) and not isinstance(found, bool):
        return str(found)
    return (_UNFIT.sub("", found) or None) if isinstance(found, str) else None


def at(value: Any, *path: str) -> Any:
    """What stands at a path in JSON; `None` where the path ends before."""
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def first_line(text: str | None) -> str | None:
    """The first line of a commit's message."""
    return text.strip().splitlines()[0].strip() if text and text.strip() else None


def _given(meta: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _cut(value) if isinstance(value, str) else value
        for name, value in meta.items()
        if value is not None
    }


def _cut(text: str) -> str:
    return text.encode()[:_MOST_META_BYTES].decode(errors="ignore")

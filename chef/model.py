"""The domain: updates (what is sent), events (what is received), jobs. Values and pure rules, no I/O.

Times are integers, milliseconds since 1970 UTC, from the server's clock.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

ID_PATTERN = r"[A-Za-z0-9._~:@+-]{1,128}"
PHASE_PATTERN = r"[a-z0-9_-]{1,32}"
ID = re.compile(ID_PATTERN)
PHASE = re.compile(PHASE_PATTERN)

UpdateType = Literal["progress", "log", "completed", "error"]
Status = Literal["queued", "preparing", "installing", "building", "completed", "failed", "cancelled"]
STATUSES: tuple[Status, ...] = (
    "queued",
    "preparing",
    "installing",
    "building",
    "completed",
    "failed",
    "cancelled",
)
ENDED: frozenset[str] = frozenset({"completed", "failed", "cancelled"})

Meta = dict[str, Any]
Artifact = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Update:
    """One update of a build script, valid by itself; `None` is a field that was not sent.

    Only the fields of its `type` are set (contract section 2). `progress` is within 0 to 100,
    `code` an exit status or a string. `id` makes it safe to send again.
    """

    type: UpdateType
    job_id: str
    project_id: str | None = None
    id: str | None = None
    phase: str | None = None
    progress: float | None = None
    status: Status | None = None
    message: str | None = None
    meta: Meta | None = None
    stream: str = "stdout"
    level: str | None = None
    code: int | str | None = None
    artifacts: tuple[Artifact, ...] | None = None

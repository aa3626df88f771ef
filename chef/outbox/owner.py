"""The name of this process for those that share its store, and whether one of another is known to be gone.

A process that was killed leaves its lease behind. Where it ran on the same kernel, in the same namespace of
processes, that is seen at once (Linux, proc(5)); else the lease has to end.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def own_name() -> str:
    """Boot, namespace, process id and its start, or chance where the system tells none of these."""
    here, started = _here(), _started_at(os.getpid())
    if here is None or started is None:
        return f"-/{secrets.token_hex(8)}"
    return f"{here}/{os.getpid()}/{started}"


def is_gone(name: str) -> bool:
    """Whether a process of this name is certainly not there any more."""
    place, _, rest = name.partition("/")
    pid, _, started = rest.partition("/")
    if place != _here() or not pid.isdigit():
        return False
    return _started_at(int(pid)) != started


def _here() -> str | None:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}.{Path('/proc/self/ns/pid').readlink()}"
    except (OSError, ValueError):
        return None


def _started_at(pid: int) -> str | None:
    """When a process began, in ticks since the boot; `None` where there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    # A zombie was killed, and waits for its parent.
    return None if fields[0] in "ZX" else fields[19]

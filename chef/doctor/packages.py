"""Versions: those that were locked, and whether any has a known hole."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from chef.doctor.diagnosis import Diagnosis, ok, warning, wrong
from chef.version import VERSION

_LOCK = Path(__file__).parents[2] / "requirements.txt"
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+)", re.MULTILINE)
_INSTALL = "pip install -r requirements.txt"
_BY_HAND = "ask by hand: pip-audit -r requirements.txt --no-deps --disable-pip"


def look_at_versions() -> list[Diagnosis]:
    """Whether what is installed is what was locked and tested."""
    says = f"Chef {VERSION}, Python {platform.python_version()}"
    if not _LOCK.is_file():
        return [ok("versions", says)]
    other = [
        f"{name} {installed} instead of {locked}"
        for name, locked in _PINNED.findall(_LOCK.read_text(encoding="utf-8"))
        if (installed := _installed(name)) not in (None, locked)
    ]
    if other:
        return [warning("versions", f"{says}; not as locked: {', '.join(other)}", _INSTALL)]
    return [ok("versions", f"{says}, packages as locked")]


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None  # For another system or an older Python.


def look_for_holes(within: float) -> list[Diagnosis]:
    """What pip-audit knows of the locked versions, where it is installed and reaches its service."""
    if find_spec("pip_audit") is None:
        return [ok("known holes", "not looked for: pip-audit is not installed (pip install pip-audit)")]
    if not _LOCK.is_file():
        return [ok("known holes", "not looked for: there is no requirements.txt here")]
    command = [sys.executable, "-m", "pip_audit", "-r", str(_LOCK), "--no-deps", "--disable-pip"]
    command += ["--format", "json", "--progress-spinner", "off", "--timeout", str(max(1, int(within)))]
    try:
        done = subprocess.run(  # noqa: S603 - our own words
            command, capture_output=True, text=True, timeout=within, check=False, env=_environment()
        )
        audited = json.loads(done.stdout)["dependencies"]
    except subprocess.TimeoutExpired:
        return [warning("known holes", f"pip-audit has no answer within {within:g} s", _BY_HAND)]
    except (ValueError, KeyError):
        return [warning("known holes", "pip-audit does not reach its service", _BY_HAND)]
    return [_judge(audited)]


def _environment() -> dict[str, str]:
    """Without our settings: what is none of pip's goes to no other program."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("CHEF_", "DATABASE_", "REDIS_"))
    }


def _judge(audited: list[dict[str, object]]) -> Diagnosis:
    holes = [
        f"{one['name']} {one.get('version')} ({', '.join(hole['id'] for hole in vulns)})"
        for one in audited
        if isinstance(vulns := one.get("vulns"), list) and vulns
    ]
    if holes:
        return wrong("known holes", "; ".join(holes), "upgrade Chef, or these packages")
    skipped = [str(one["name"]) for one in audited if "vulns" not in one]
    if len(skipped) == len(audited):
        return warning("known holes", "pip-audit's service knows none of the packages", _BY_HAND)
    if skipped:
        says = f"none in {len(audited) - len(skipped)} packages, and not known of {', '.join(skipped)}"
        return warning("known holes", says, _BY_HAND)
    return ok("known holes", f"none in {len(audited)} packages")

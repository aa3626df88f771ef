"""What a check has found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "wrong"]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One finding: about what, how bad, in one sentence, and what to do where something is to be done."""

    check: str
    level: Level
    says: str
    advice: str = ""


def ok(check: str, says: str) -> Diagnosis:
    """All is well."""
    return Diagnosis(check, "ok", says)


def warning(check: str, says: str, advice: str) -> Diagnosis:
    """It works, and may not for long or not as it is meant."""
    return Diagnosis(check, "warning", says, advice)


def wrong(check: str, says: str, advice: str) -> Diagnosis:
    """It does not work."""
    return Diagnosis(check, "wrong", says, advice)


def milliseconds(seconds: float) -> str:
    """A short time for a sentence."""
    return f"{seconds * 1000:.1f} ms"


def size(number: float) -> str:
    """A number of bytes for a sentence."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if number < 1024:
            return f"{number:.0f} {unit}" if unit == "bytes" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} TiB"

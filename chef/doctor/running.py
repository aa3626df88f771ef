"""Checks at the same time, each within the time that there is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chef.doctor.diagnosis import Diagnosis, Level


@dataclass(frozen=True, slots=True)
class Check:
    """A look at one thing. `late` is how bad it is that it does not answer in time, `advice` is for that."""

    name: str
    look: Callable[[], Sequence[Diagnosis]]
    late: Level = "wrong"
    advice: str = "find out why it hangs, or give it more time with --within"


def run(checks: Sequence[Check], within: float) -> list[Diagnosis]:
    """What the checks find, in their order; `within` seconds later nobody is waited for any more."""
    until = time.monotonic() + within
    found: dict[str, Sequence[Diagnosis]] = {}

    def look(check: Check) -> None:
        try:
            found[check.name] = check.look()
        except Exception as error:  # noqa: BLE001 - a check that fails is a finding, and the others go on
            says = f"cannot be looked at: {type(error).__name__}: {first_line(error)}"
            found[check.name] = [Diagnosis(check.name, "wrong", says, "see what the error says")]

    # Daemons: one that hangs must not hold up the end of the program.
    threads = [threading.Thread(target=look, args=(check,), daemon=True) for check in checks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    return [one for check in checks for one in found.get(check.name) or [_late(check, within)]]


def first_line(error: BaseException) -> str:
    """An error in one line."""
    return str(error).strip().partition("\n")[0] or "it says nothing"


def _late(check: Check, within: float) -> Diagnosis:
    return Diagnosis(check.name, check.late, f"did not answer within {within:g} s", check.advice)

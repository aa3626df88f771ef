"""How much of a report did not arrive. Pure."""

from __future__ import annotations

from typing import NamedTuple


class Shortfall(NamedTuple):
    """The part that did not arrive: bytes of output, updates, the end of the job; and the newest problem."""

    bytes: int
    updates: int
    end: bool
    given_up: bool
    problem: str | None

    def text(self, arrived: bool) -> str | None:
        """One line for people, or None where all is well; `arrived`: nothing waited when time was up."""
        parts = ["%d bytes of output" % self.bytes] if self.bytes else []
        if self.end:
            parts.append("the end of the job")
        if self.updates:
            parts.append("%d update%s" % (self.updates, "" if self.updates == 1 else "s"))
        reason = " (%s)" % self.problem if self.problem else ""
        if not parts and self.given_up:
            return "reporting stopped%s" % reason
        if not parts and arrived:
            return None
        return "did not arrive: %s%s" % (", ".join(parts) or "all of it", reason)

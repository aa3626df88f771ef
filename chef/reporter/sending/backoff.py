"""How long to wait before the next attempt, and when it makes no sense any more. Pure.

Times are seconds of `time.monotonic()`.
"""

from __future__ import annotations

import random
from typing import Callable, NamedTuple

from chef.reporter.sending.answers import PATIENCE_WITH_REFUSALS, RefusalKind, ServerAnswer, refusal_kind
from chef.reporter.sending.client import Unreachable

REQUEST_TIMEOUT_S = 10.0
_SHORTEST_TIMEOUT_S = 0.2
_FIRST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 10.0
_LONGEST_PAUSE_AT_END_S = 1.0
_LONGEST_ASKED_S = 60.0
# Before time runs out what is left of it is for the end, even if output still waits.
_HURRY_S = 2.0


class GivenUp(Exception):
    """No attempt can succeed any more; the text says why."""


class Deadline:
    """The time by which sending is over: none before `close`, `linger` seconds after it from then on."""

    def __init__(self) -> None:
        self.closing_since: float | None = None
        self._linger = 0.0

    def close(self, linger: float, now: float) -> None:
        """The command has ended: only so many seconds are left."""
        self._linger = linger
        self.closing_since = now

    def cut_short(self) -> None:
        """Nothing can arrive in the time that is left."""
        self._linger = 0.0

    @property
    def is_closing(self) -> bool:
        return self.closing_since is not None

    @property
    def at(self) -> float:
        return float("inf") if self.closing_since is None else self.closing_since + self._linger

    def is_over(self, now: float) -> bool:
        return now >= self.at

    def request_timeout(self, now: float) -> float:
        """How long a request may take."""
        return max(_SHORTEST_TIMEOUT_S, min(REQUEST_TIMEOUT_S, self.at - now))

    def is_near(self, now: float) -> bool:
        """Whether the end of the job comes before output that waits."""
        closing = self.closing_since
        return closing is not None and now > closing + max(self._linger / 2, self._linger - _HURRY_S)


class Pause(NamedTuple):
    """A pause between two attempts: `length` seconds by our count, not less than the server `asked` for."""

    since: float
    length: float
    asked: float

    def until(self, closing_since: float | None) -> float:
        """When to try again. After the command's end there is no time for long pauses."""
        own = self.since + self.length
        if closing_since is not None:
            own = min(own, max(closing_since, self.since) + _LONGEST_PAUSE_AT_END_S)
        return max(self.since + self.asked, own)

    def outlasts(self, deadline: Deadline) -> bool:
        """Whether the server asked for more time than is left."""
        return self.since + self.asked > deadline.at


class Attempts:
    """The attempts to reach the server. `problem` is the newest thing that went wrong, in words for people.

    Pauses grow exponentially and are spread at random, so that many reporters do not come back in step.
    """

    def __init__(self, spread: Callable[[float, float], float] = random.uniform) -> None:
        self.problem: str | None = None
        self.refusals = 0
        self._failures = 0
        self._asked: float | None = None
        self._spread = spread

    def succeeded(self) -> None:
        """Everything that was due has been sent."""
        self._failures = 0

    def taken(self) -> None:
        """The server has stored something."""
        self.refusals = 0

    def refused(self, answer: ServerAnswer, is_closing: bool) -> None:
        """Raise Unreachable where it should be tried again, GivenUp where nobody has the time for that."""
        kind = refusal_kind(answer)
        if kind is RefusalKind.NOT_CHEF:
            raise Unreachable("the answer is not one of Chef's: is CHEF_URL right?")
        if kind is RefusalKind.PASSING:
            self._asked = answer.retry_after
            raise Unreachable(answer.reason())
        self.refusals += 1
        if is_closing and (answer.is_ours or self.refusals >= PATIENCE_WITH_REFUSALS):
            raise GivenUp(answer.reason())
        raise Unreachable(answer.reason())

    def failed(self, reason: str, now: float) -> Pause:
        """The pause after an attempt that failed: longer each time."""
        self.problem = reason
        self._failures += 1
        length = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(self._failures, 10))
        asked, self._asked = min(self._asked or 0.0, _LONGEST_ASKED_S), None
        return Pause(now, length * self._spread(0.5, 1.0), asked)

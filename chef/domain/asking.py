"""What people ask of a build that runs: to stop, and answers to questions that it asks itself. Values.

They are kept with the job (chef.store.rows), as arrays. Times are milliseconds since 1970 UTC.
"""

from __future__ import annotations

import msgspec

NAMELESS, ON_THIS_MACHINE = "someone with a write token", "someone on the server's machine"
"""The names of those who give none."""


class Person(msgspec.Struct, frozen=True, array_like=True):
    """Somebody who asked or answered. `signed`: the name is a signed token's, not just given."""

    name: str
    signed: bool = False


class StopRequest(msgspec.Struct, frozen=True, array_like=True):
    """Somebody asked the build to stop; whether it did is told by its end alone."""

    by: Person
    at: int


class Choice(msgspec.Struct, frozen=True, array_like=True):
    """The option that somebody chose for a question."""

    option: str
    by: Person
    at: int


class Question(msgspec.Struct, frozen=True, array_like=True):
    """A question of a build, to be answered with one of its options until a time.

    `default` is the option that counts where nobody answers.
    """

    question_id: str
    text: str
    options: tuple[str, ...]
    at: int
    until: int
    default: str | None = None
    choice: Choice | None = None

    def is_open(self, now: int) -> bool:
        """Whether it can be answered still, as far as its own time goes."""
        return self.choice is None and now < self.until

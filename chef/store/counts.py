"""Counts of what a store does and of what it cannot do."""

from __future__ import annotations

from chef.metrics import CountByLabel, Durations

BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class StoreCounts:
    """`commits` is how long each took, from its first statement until it was on disk.

    `errors` are reads and writes that were given up because the store did not answer, by operation.
    """

    __slots__ = ("commits", "errors")

    def __init__(self) -> None:
        self.commits = Durations(BOUNDS_S)
        self.errors = CountByLabel("operation")
        for operation in ("read", "write"):
            self.errors.labels(operation)  # Shown from the beginning: an alert looks at its growth.

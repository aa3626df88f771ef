"""From what was measured to 100,000 viewers and 1,000 jobs at once: which resource runs out first."""

from __future__ import annotations

from dataclasses import dataclass

from bench.report import Table, number

VIEWERS = 100_000
JOBS = 1_000
EVENTS = 1_000
"""A second: each job says something once a second."""
MESSAGES = VIEWERS * EVENTS // JOBS
_PROCESSES = (2, 4, 8, 16, 32)
# More than that of a core, and what waits for it grows.
_FULL = 0.7
_EVENT_BYTES = 280


@dataclass(frozen=True)
class Costs:
    """Seconds of CPU time, and bytes of memory.

    `post` stores an event, `read` is what one more process with viewers of its job takes to hear of it and
    read it, `message` sends it to one viewer. The prefix names who pays: a Chef, PostgreSQL, HAProxy.
    """

    post: float
    read: float
    message: float
    postgres_post: float
    postgres_read: float
    haproxy_post: float
    haproxy_message: float
    viewer_bytes: float
    stored_bytes: float

    def chefs(self, processes: int) -> float:
        """CPU seconds a second of all processes together."""
        return EVENTS * (self.post + (processes - 1) * self.read) + MESSAGES * self.message

    def postgres(self, processes: int) -> float:
        return EVENTS * (self.postgres_post + (processes - 1) * self.postgres_read)

    @property
    def haproxy(self) -> float:
        return EVENTS * self.haproxy_post + MESSAGES * self.haproxy_message


def capacity(costs: Costs) -> Table:
    """Cores that each part keeps busy, by the number of processes."""
    table = Table(
        ["processes", "cores, each Chef", "cores, all Chefs", "cores, PostgreSQL", "connections to it"]
    )
    memory, network = VIEWERS * costs.viewer_bytes / 1e6, MESSAGES * _EVENT_BYTES * 8 / 1e6
    disk = EVENTS * 86_400 * costs.stored_bytes / 1e9
    table.text = (
        f"Worked out of these figures for {VIEWERS:,} viewers and {JOBS:,} jobs at once: {VIEWERS // JOBS} "
        "viewers of each, at every process, and an event of each a second. That makes "
        f"{MESSAGES:,} messages a second or {number(network)} Mbit/s, {number(disk)} GB a day on the disk of "
        f"PostgreSQL, {number(memory)} MB for viewers in all Chefs, and keeps {number(costs.haproxy)} cores "
        f"of HAProxy's busy. {_first_to_run_out(costs)}"
    )
    for processes in _PROCESSES:
        chefs = costs.chefs(processes)
        each = number(chefs / processes) + (" (too much)" if chefs / processes > _FULL else "")
        table.rows.append(
            [str(processes), each, number(chefs), number(costs.postgres(processes)), str(4 * processes)]
        )
    return table


def _first_to_run_out(costs: Costs) -> str:
    floor = EVENTS * costs.read
    enough = next((n for n in range(1, 1000) if costs.chefs(n) / n <= _FULL), None)
    if enough is None:
        return (
            "A Chef's core runs out first, and more processes do not help: each has to read each event, "
            f"which alone keeps {number(floor)} of its core busy."
        )
    return (
        f"A Chef's core runs out first, with fewer than {enough} processes; reading what others stored "
        f"keeps {number(floor)} of the core of each busy, however many there are."
    )

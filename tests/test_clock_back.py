"""A clock that jumped ahead and back: no time stays in the future, and none runs backwards."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from chef import create_app
from chef.domain.clock import now_ms, rfc3339
from chef.live.steadyclock import HOLD_MS, STEP_MS, SteadyClock
from chef.settings.config import Settings

NOW = 1_800_000_000_000
HOUR, DAY = 3_600_000, 86_400_000


class Machine:
    """A machine's two clocks."""

    def __init__(self) -> None:
        self.elapsed = 7_000
        self.ahead = 0

    def wall(self) -> int:
        return NOW + self.elapsed - 7_000 + self.ahead

    def pass_(self, milliseconds: int) -> None:
        self.elapsed += milliseconds


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def clock(machine: Machine) -> SteadyClock:
    return SteadyClock(machine.wall, lambda: machine.elapsed)


def test_it_is_the_machines_clock(machine: Machine, clock: SteadyClock) -> None:
    for milliseconds in (0, 1, HOUR, 3):
        machine.pass_(milliseconds)
        assert clock() == machine.wall()
    assert abs(SteadyClock()() - now_ms()) < 1000


def test_a_jump_ahead_that_is_taken_back_was_none(
    machine: Machine, clock: SteadyClock, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        machine.ahead = 40 * DAY
        for _ in range(5):
            machine.pass_(HOLD_MS // 10)
            assert clock() == machine.wall() - 40 * DAY
        machine.ahead = 0
        assert clock() == machine.wall()
    assert [record.getMessage() for record in caplog.records] == [
        f"the machine's clock jumped ahead by {40 * DAY // 1000} s, it is believed if it stays there"
    ]


def test_a_jump_ahead_that_lasts_is_believed(machine: Machine, clock: SteadyClock) -> None:
    machine.ahead = HOUR
    clock()
    machine.pass_(HOLD_MS - 1)
    assert clock() == machine.wall() - HOUR
    machine.pass_(1)
    assert clock() == machine.wall()


@pytest.mark.parametrize("step", [-DAY, -1, 1, STEP_MS])
def test_steps_back_and_small_ones_are_followed_at_once(
    machine: Machine, clock: SteadyClock, step: int
) -> None:
    machine.ahead = step
    assert clock() == machine.wall()
    machine.ahead += STEP_MS
    assert clock() == machine.wall()


def test_an_application_has_this_clock_unless_it_is_given_another(database_url: str) -> None:
    services = create_app(Settings(database_url=database_url)).extensions["chef"]
    try:
        assert isinstance(services.clock, SteadyClock)
        assert services.retention._clock is services.abandoning._clock is services.clock
        assert services.gate._clock is now_ms, "tokens are judged by the machine's own"
    finally:
        services.close()


# A jump that lasted, or a start with a wrong clock: what is stored then is taken back


class Told:
    """A clock that says what it is told."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def client(make_app: Callable[..., Flask], told: Told) -> FlaskClient:
    return make_app(clock=told).test_client()


def send(client: FlaskClient, **fields: Any) -> None:
    answer = client.post("/api/updates", json={"jobId": "j", "projectId": "p", **fields})
    assert answer.status_code == 200, answer.text


def times_in(value: Any) -> list[str]:
    """Each time in an answer."""
    if isinstance(value, dict):
        return [time for part in value.values() for time in times_in(part)]
    if isinstance(value, list):
        return [time for part in value for time in times_in(part)]
    if isinstance(value, str) and value.endswith("Z"):
        datetime.fromisoformat(value)
        return [value]
    return []


def answers(client: FlaskClient) -> list[Any]:
    paths = ("/api/jobs/j", "/api/jobs", "/api/projects", "/api/projects/p")
    return [client.get(path).get_json() for path in paths]


@pytest.mark.parametrize("ending", ["progress", "completed", "error", "log"])
def test_no_time_of_a_job_stays_in_the_future(client: FlaskClient, told: Told, ending: str) -> None:
    send(client, type="progress", phase="preparing")
    told.now += DAY
    send(client, type="progress", phase="building", progress=60)
    client.post("/api/jobs/j/heartbeat", json={"every": 30})
    told.now += 10_000
    send(client, type="log", message="line")
    told.now += -DAY + 10_000
    check_times(client, told)
    told.now += 1_000
    client.post("/api/jobs/j/heartbeat", json={"every": 30})
    send(client, type=ending, message="x")
    check_times(client, told)
    if ending in ("progress", "log"):
        told.now += 95_000
        assert client.get("/api/jobs/j").get_json()["reporter"] == "lost", "it counts from the right time"


def check_times(client: FlaskClient, told: Told) -> None:
    seen = times_in(answers(client))
    assert len(seen) > 20
    assert max(seen) <= rfc3339(told.now)
    assert min(seen) >= rfc3339(NOW)


def test_what_a_job_tells_after_that_has_the_right_time(client: FlaskClient, told: Told) -> None:
    told.now += DAY
    send(client, type="progress", phase="building")
    told.now += -DAY + 60_000
    send(client, type="progress", progress=70)
    send(client, type="log", message="line")
    told.now += 60_000
    send(client, type="completed")
    events = client.get("/api/jobs/j/events?after=1&follow=0", headers={"Accept": "application/x-ndjson"})
    ended = [json.loads(line)["data"] for line in events.text.splitlines() if line]
    assert [one["at"] for one in ended[:2]] == [rfc3339(NOW + 60_000)] * 2
    (end,) = [one for one in ended if "finishedAt" in one]
    assert (end["finishedAt"], end["durationMs"]) == (rfc3339(NOW + 120_000), 60_000)
    assert max(times_in(ended)) <= rfc3339(told.now)


def test_times_do_not_run_backwards_by_a_little(client: FlaskClient, told: Told) -> None:
    """Machines differ by some milliseconds, and what comes together is stored in any order."""
    send(client, type="progress", phase="building")
    told.now -= 300
    send(client, type="log", message="line")
    send(client, type="progress", progress=70)
    events = client.get("/api/jobs/j/events?after=0&follow=0", headers={"Accept": "application/x-ndjson"})
    seen = [json.loads(line)["data"]["at"] for line in events.text.splitlines() if line]
    assert seen == sorted(seen) == [rfc3339(NOW)] * len(seen)

"""`eta` on the wire: where jobs are shown, in acknowledgements, and what it says (contract section 3)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent
import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_socketio import SocketIOTestClient
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chef.domain.clock import now_ms
from chef.domain.etas import has_changed
from chef.domain.forecast import Estimate, Interval
from chef.live import etatelling
from chef.live.etatelling import EtaTeller
from chef.live.events import Event
from chef.live.notes import Notes
from tests.tools.builds import SECOND, began, run_many
from tests.tools.making import AT, batch, open_store, update
from tests.tools.serving import Served
from tests.tools.wire import check_event

NOW = AT + 3600 * SECOND


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app(make_app: Callable[..., Flask], clock: Clock) -> Flask:
    app = make_app(clock=clock)
    store = app.extensions["chef"].store
    run_many(store, 10)
    store.append(batch(began("now"), at=NOW - 10 * SECOND))
    return app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def get(client: FlaskClient, path: str) -> Any:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return json.loads(answer.data)


def test_a_running_job_says_how_long_it_still_takes(client: FlaskClient) -> None:
    eta = get(client, "/api/jobs/now")["eta"]
    assert eta["at"] == "2023-11-14T23:13:20.000Z"
    assert (eta["runs"], eta["range"], eta["overMs"]) == (10, False, None)
    left = eta["remainingMs"]
    assert 60 * SECOND <= left["low"] <= left["median"] <= left["high"] <= 90 * SECOND
    phase = eta["phaseRemainingMs"]
    assert 8 * SECOND <= phase["low"] <= phase["median"] <= phase["high"] <= 12 * SECOND
    assert set(eta["phases"]) >= {"installing", "building"}
    assert eta["phases"]["installing"] == {"low": 20 * SECOND, "median": 20 * SECOND, "high": 20 * SECOND}
    assert eta["pauses"]["installing"] == 20 * SECOND


def test_beyond_all_runs_it_says_by_how_much(client: FlaskClient, clock: Clock) -> None:
    clock.now += 600 * SECOND
    eta = get(client, "/api/jobs/now")["eta"]
    assert (eta["remainingMs"], eta["phaseRemainingMs"]) == (None, None)
    assert 0 < eta["overMs"] <= 610 * SECOND


def test_ended_jobs_and_those_without_a_history_have_none(client: FlaskClient, app: Flask) -> None:
    assert get(client, "/api/jobs/old-1")["eta"] is None
    app.extensions["chef"].store.append(batch(began("first", project_id="new"), at=NOW))
    assert get(client, "/api/jobs/first")["eta"] is None


def test_lists_of_jobs_and_projects_have_the_same(client: FlaskClient) -> None:
    eta = get(client, "/api/jobs/now")["eta"]
    listed = {job["jobId"]: job["eta"] for job in get(client, "/api/jobs?status=running")["jobs"]}
    assert listed == {"now": eta}
    assert [job["eta"] for job in get(client, "/api/jobs")["jobs"]][1:] == [None] * 10
    assert get(client, "/api/projects")["projects"][0]["newestJob"]["eta"] == eta
    assert get(client, "/api/projects/web")["newestJob"]["eta"] == eta


def test_an_acknowledgement_carries_it_beside_the_job_and_in_it(app: Flask, client: FlaskClient) -> None:
    eta = get(client, "/api/jobs/now")["eta"]
    viewer = app.extensions["socketio"].test_client(app)
    answer = viewer.emit("subscribe:job", "now", callback=True)
    assert answer["eta"] == answer["job"]["eta"] == eta
    assert viewer.emit("subscribe:job", {"jobId": "old-1", "after": 0}, callback=True)["eta"] is None
    unknown = viewer.emit("subscribe:job", "unknown", callback=True)
    assert (unknown["job"], unknown["eta"]) == (None, None)


def test_when_progress_last_moved(client: FlaskClient, app: Flask) -> None:
    store = app.extensions["chef"].store
    assert get(client, "/api/jobs/now")["progressAt"] == "2023-11-14T23:13:10.000Z"
    store.append(batch(update(job_id="now", phase_progress=0, message="still"), at=NOW - 5 * SECOND))
    assert get(client, "/api/jobs/now")["progressAt"] == "2023-11-14T23:13:10.000Z"
    store.append(batch(update(job_id="now", phase_progress=10), at=NOW - 4 * SECOND))
    assert get(client, "/api/jobs/now")["progressAt"] == "2023-11-14T23:13:16.000Z"
    store.append(batch(update(job_id="silent", phase="lint"), at=NOW))
    assert get(client, "/api/jobs/silent")["progressAt"] is None


# The event


@pytest.fixture
def teller(app: Flask, monkeypatch: pytest.MonkeyPatch) -> EtaTeller:
    """The application's teller, which looks when the test says so."""
    monkeypatch.setattr(etatelling, "TICK_S", 1000)
    found: EtaTeller = app.extensions["chef"].eta_teller
    found.start()
    return found


def follow(app: Flask, *subscriptions: tuple[str, Any], **options: Any) -> SocketIOTestClient:
    viewer = SocketIOTestClient(app, app.extensions["socketio"], **options)
    for event, argument in subscriptions:
        assert viewer.emit(event, argument, callback=True)["ok"] is True
    gevent.sleep(0.01)
    viewer.get_received()
    return viewer


def told(viewer: SocketIOTestClient) -> list[tuple[str, Any]]:
    gevent.sleep(0.02)
    events = [(item["name"], item["args"]) for item in viewer.get_received()]
    return [(name, args) for name, args in events if name.endswith(":eta")]


def post(client: FlaskClient, **fields: Any) -> None:
    answer = client.post(
        "/api/updates", json={"type": "progress", "jobId": "now", "projectId": "web"} | fields
    )
    assert answer.status_code == 200, answer.text


def test_followers_are_told_once_of_what_changed_by_more_than_time(
    app: Flask, client: FlaskClient, clock: Clock, teller: EtaTeller
) -> None:
    subscriptions = ("subscribe:job", "now"), ("subscribe:project", "web")
    viewer, other = follow(app, *subscriptions), follow(app, *subscriptions[:1])
    teller.look()
    assert told(viewer) == []  # The answer to the subscription said it.
    clock.now += 5 * SECOND
    post(client, phase="building")
    teller.look()
    payload = {"jobId": "now", "projectId": "web", "eta": get(client, "/api/jobs/now")["eta"]}
    assert sorted(told(viewer)) == [("job:eta", [payload]), ("project:eta", [payload])]
    assert told(other) == [("job:eta", [payload])]
    assert payload["eta"]["at"] == "2023-11-14T23:13:25.000Z"
    for _ in range(20):
        clock.now += SECOND
        teller.look()
    assert told(viewer) == []
    clock.now += 600 * SECOND
    teller.look()
    (_, (late,)), _ = told(viewer)
    assert late["eta"]["remainingMs"] is None
    assert late["eta"]["overMs"] > 0
    clock.now += 60 * SECOND
    teller.look()
    assert told(viewer) == []


def test_a_run_that_completes_changes_the_estimates_of_those_that_go_on(
    app: Flask, client: FlaskClient, teller: EtaTeller
) -> None:
    viewer = follow(app, ("subscribe:project", "web"))
    teller.look()
    assert [name for name, _ in told(viewer)] == ["project:eta"]  # No answer has said it before.
    post(client, message="hello")
    teller.look()
    assert told(viewer) == []
    post(client, jobId="quick", phase="building")
    post(client, type="completed", jobId="quick")
    teller.look()
    events = told(viewer)
    assert [(name, args[0]["jobId"], args[0]["eta"]["runs"]) for name, args in events] == [
        ("project:eta", "now", 11)
    ]


def test_an_ended_job_is_told_of_no_more(app: Flask, client: FlaskClient, teller: EtaTeller) -> None:
    viewer = follow(app, ("subscribe:job", "now"))
    post(client, phase="building")
    post(client, type="completed")
    teller.look()
    assert told(viewer) == []
    assert told(follow(app, ("subscribe:job", "now"))) == []


def test_nothing_is_computed_where_nobody_follows(app: Flask, client: FlaskClient, teller: EtaTeller) -> None:
    before = app.extensions["chef"].forecaster.computed
    post(client, phase="building")
    teller.look()
    assert app.extensions["chef"].forecaster.computed == before


def test_a_thousand_viewers_of_a_job_are_one_computation(
    app: Flask, client: FlaskClient, teller: EtaTeller
) -> None:
    forecaster = app.extensions["chef"].forecaster
    viewers = [follow(app, ("subscribe:job", "now")) for _ in range(30)]
    assert forecaster.computed == 1
    post(client, phase="building")
    teller.look()
    assert [len(told(viewer)) for viewer in viewers] == [1] * 30
    assert forecaster.computed == 2


def test_what_another_process_wrote_is_seen(app: Flask, clock: Clock, teller: EtaTeller) -> None:
    viewer = follow(app, ("subscribe:job", "now"))
    teller.look()
    with open_store(app.extensions["chef"].settings.database_url) as other:
        other.append(batch(update(job_id="now", phase="building"), at=clock.now))
    app.extensions["chef"].hub.load_heads()
    for _ in range(etatelling.READ_EVERY):
        teller.look()
    assert [name for name, _ in told(viewer)] == ["job:eta"]


def test_it_stands_in_no_order_and_moves_no_offset(
    app: Flask, client: FlaskClient, teller: EtaTeller
) -> None:
    viewer = SocketIOTestClient(app, app.extensions["socketio"], auth={"recovery": True})
    assert viewer.emit("subscribe:job", {"jobId": "now", "after": 0}, callback=True)["ok"] is True
    gevent.sleep(0.02)
    *_, (_, before) = [item["args"] for item in viewer.get_received()]
    post(client, phase="building")
    teller.look()
    gevent.sleep(0.02)
    events = [(item["name"], item["args"]) for item in viewer.get_received()]
    assert [name for name, _ in events] == ["job:progress", "job:eta"]
    (_, (_, progressed)), (_, (payload, offset)) = events
    assert "seq" not in payload
    assert offset == progressed != before


def test_a_viewer_that_is_behind_has_the_newest_one_when_it_has_caught_up() -> None:
    notes = Notes()
    for number in range(3):
        notes.put("job", Event("job:eta", 0, str(number), ""))
    notes.put("other", Event("job:eta", 0, "other", ""))
    assert [event.data for event in notes.after(0)] == ["2", "other"]
    assert [event.data for event in notes.after(3)] == ["other"]
    assert notes.after(notes.newest) == []
    notes.drop("other")
    assert [event.data for event in notes.after(0)] == ["2"]
    notes.clear()
    assert notes.after(0) == []


def test_a_stream_begins_with_it_and_has_no_id_for_it(
    start_server: Callable[..., Served], tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'chef.db'}"
    with open_store(url) as store:
        run_many(store, 10, at=now_ms() - 3600 * SECOND)
    served = start_server(DATABASE_URL=url)
    job = {"type": "progress", "jobId": "now", "projectId": "web"}
    served.update(job | {"phase": "installing"})
    with served.session.get(f"{served.url}/api/jobs/now/events", stream=True, timeout=20) as answer:
        sent = map(bytes.decode, answer.iter_lines())
        lines = (line for line in sent if line and not line.startswith(":"))
        assert [next(lines), next(lines)] == ["event: job:progress", "id: 1"]
        assert json.loads(next(lines)[6:])["phase"] == "installing"
        first = next(lines), json.loads(next(lines)[6:])
        served.update(job | {"phase": "building"})
        assert [next(lines), next(lines)] == ["event: job:progress", "id: 2"]
        assert json.loads(next(lines)[6:])["phase"] == "building"
        second = next(lines), json.loads(next(lines)[6:])
    for name, payload in (first, second):
        assert name == "event: job:eta"
        check_event("job:eta", payload)
    assert first[1]["eta"]["phaseRemainingMs"] != second[1]["eta"]["phaseRemainingMs"]


# What counts as a change

TIMES = st.lists(st.integers(0, 10**7), min_size=3, max_size=3).map(lambda times: Interval(*sorted(times)))


def made(at: int, remaining: Interval | None, over: int | None = None) -> Estimate:
    return Estimate(at, 10, False, remaining, remaining, over, {}, {})


@given(TIMES, st.integers(0, 10**7))
def test_time_passing_is_no_change(times: Interval, passed: int) -> None:
    left = Interval(*(max(0, time - passed) for time in times))
    assert not has_changed(made(0, times), made(passed, left))
    assert not has_changed(made(0, None, 5000), made(passed, None, 5000 + passed))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, made(0, Interval(1, 2, 3))),
        (made(0, Interval(1, 2, 3)), None),
        (made(0, Interval(60_000, 70_000, 80_000)), made(5000, Interval(60_000, 70_000, 80_000))),
        (made(0, Interval(60_000, 70_000, 80_000)), made(5000, Interval(55_000, 65_000, 95_000))),
        (made(0, Interval(1000, 2000, 3000)), made(9000, None, 6000)),
        (made(0, None, 1000), made(1000, None, 9000)),
        (made(0, Interval(1, 2, 3)), replace(made(0, Interval(1, 2, 3)), runs=11)),
        (made(0, Interval(1, 2, 3)), replace(made(0, Interval(1, 2, 3)), pauses={"building": 5})),
    ],
)
def test_other_times_are_one(before: Estimate | None, after: Estimate | None) -> None:
    assert has_changed(before, after)


def test_a_clock_that_steps_back_is_none_by_itself() -> None:
    times = Interval(60_000, 70_000, 80_000)
    assert not has_changed(made(9000, times), made(0, times))

"""How the reporter decides: the meaning of answers, pauses, offsets, turns. Without threads and sockets."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chef.reporter.process.exits import Ended
from chef.reporter.sending.answers import (
    OutputOutcome,
    RefusalKind,
    ServerAnswer,
    UpdatesOutcome,
    output_outcome,
    refusal_kind,
    updates_outcome,
)
from chef.reporter.sending.backoff import Attempts, Deadline, GivenUp, Pause
from chef.reporter.sending.client import Unreachable
from chef.reporter.sending.offsets import OffsetState, StreamOffset
from chef.reporter.sending.schedule import HEARTBEAT_S, HeartbeatSchedule, HeartbeatState, Turn, next_turn
from chef.reporter.sending.shortfall import Shortfall
from chef.reporter.sending.uploading import BodySize


def answer(status: int, headers: dict[str, str] | None = None, **data: Any) -> ServerAnswer:
    """Of Chef where it has a `code`, else of whatever stands in between."""
    kind = "application/problem+json" if "code" in data else "text/html"
    return ServerAnswer(status, {"Content-Type": kind, **(headers or {})}, json.dumps(data).encode())


# --- answers -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_answer", "count", "refusals", "outcome"),
    [
        (answer(200, accepted=2), 2, 0, UpdatesOutcome.TAKEN),
        (answer(200), 1, 0, UpdatesOutcome.LATER),
        (answer(200, accepted="2"), 1, 0, UpdatesOutcome.LATER),
        (answer(422, code="invalid"), 2, 0, UpdatesOutcome.SPLIT),
        (answer(422, code="invalid"), 1, 0, UpdatesOutcome.REFUSED),
        (answer(409, code="job_finished"), 1, 0, UpdatesOutcome.REFUSED),
        (answer(400), 1, 9, UpdatesOutcome.LATER),
        (answer(413), 1, 3, UpdatesOutcome.LATER),
        (answer(413), 1, 4, UpdatesOutcome.REFUSED),
        (answer(401, code="unauthorized"), 1, 0, UpdatesOutcome.LATER),
        (answer(503, code="store"), 2, 0, UpdatesOutcome.LATER),
    ],
)
def test_what_becomes_of_updates(
    given_answer: ServerAnswer, count: int, refusals: int, outcome: UpdatesOutcome
) -> None:
    assert updates_outcome(given_answer, count, refusals) is outcome


@pytest.mark.parametrize(
    ("given_answer", "most", "outcome"),
    [
        (answer(200, offset=5), 9999, OutputOutcome.TAKEN),
        (answer(200), 9999, OutputOutcome.LATER),
        (answer(416, code="offset_past_end", offset=3), 9999, OutputOutcome.MOVED),
        (answer(416, code="offset_past_end"), 9999, OutputOutcome.LATER),
        (answer(413), 9999, OutputOutcome.TOO_LARGE),
        (answer(413), 1024, OutputOutcome.LATER),
        (answer(413, code="too_large"), 9999, OutputOutcome.LATER),
        (answer(409, code="job_finished"), 9999, OutputOutcome.REFUSED),
        (answer(409), 9999, OutputOutcome.LATER),
    ],
)
def test_what_becomes_of_output(given_answer: ServerAnswer, most: int, outcome: OutputOutcome) -> None:
    assert output_outcome(given_answer, most) is outcome


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, RefusalKind.NOT_CHEF),
        (408, RefusalKind.PASSING),
        (429, RefusalKind.PASSING),
        (500, RefusalKind.PASSING),
        (599, RefusalKind.PASSING),
        (401, RefusalKind.LASTING),
        (404, RefusalKind.LASTING),
    ],
)
def test_kinds_of_refusals(status: int, kind: RefusalKind) -> None:
    assert refusal_kind(answer(status)) is kind


@pytest.mark.parametrize(
    ("status", "text", "offset"), [(200, " 7 ", 7), (200, "-7", None), (200, "", None), (404, "7", None)]
)
def test_an_offset_is_a_number_in_an_answer_that_is_one(status: int, text: str, offset: int | None) -> None:
    assert answer(status, {"Upload-Offset": text}).upload_offset == offset


# --- pauses --------------------------------------------------------------------------------


def attempts(spread: Callable[[float, float], float] = lambda _low, high: high) -> Attempts:
    return Attempts(spread)


def test_pauses_grow_to_ten_seconds_and_begin_again_after_a_success() -> None:
    tries = attempts()
    lengths = [tries.failed("away", 0.0).length for _ in range(8)]
    assert lengths == [0.5, 1, 2, 4, 8, 10, 10, 10]
    tries.succeeded()
    assert tries.failed("away", 0.0).length == 0.5
    assert tries.problem == "away"


def test_pauses_are_spread_so_that_reporters_do_not_come_in_step() -> None:
    asked_for: list[tuple[float, float]] = []

    def lowest(low: float, high: float) -> float:
        asked_for.append((low, high))
        return low

    assert attempts(lowest).failed("away", 0.0).length == 0.25
    assert asked_for == [(0.5, 1.0)]


@pytest.mark.parametrize(("asked", "waited"), [("3", 3), ("900", 60), ("soon", 0), (None, 0)])
def test_a_server_may_ask_for_a_pause_up_to_a_minute_and_once(asked: str | None, waited: float) -> None:
    tries = attempts()
    with pytest.raises(Unreachable, match="503 Service Unavailable"):
        tries.refused(answer(503, {"Retry-After": asked} if asked else None), is_closing=True)
    assert tries.failed("busy", 0.0).asked == waited
    assert tries.failed("busy", 0.0).asked == 0


def test_a_lasting_refusal_is_waited_for_while_the_command_runs() -> None:
    tries = attempts()
    for _ in range(9):
        with pytest.raises(Unreachable):
            tries.refused(answer(401, code="unauthorized"), is_closing=False)


def test_at_the_end_chefs_own_refusal_is_final_and_a_proxys_after_the_fourth() -> None:
    with pytest.raises(GivenUp):
        attempts().refused(answer(401, code="unauthorized"), is_closing=True)
    tries = attempts()
    for _ in range(3):
        with pytest.raises(Unreachable):
            tries.refused(answer(404), is_closing=True)
    tries.taken()
    for _ in range(3):
        with pytest.raises(Unreachable):
            tries.refused(answer(404), is_closing=True)
    with pytest.raises(GivenUp, match="404 Not Found"):
        tries.refused(answer(404), is_closing=True)


def test_an_answer_of_something_else_is_told_as_that() -> None:
    with pytest.raises(Unreachable, match="not one of Chef's"):
        attempts().refused(answer(200), is_closing=True)


def test_while_the_command_runs_there_is_no_deadline() -> None:
    deadline = Deadline()
    assert not deadline.is_closing
    assert (deadline.is_over(1e9), deadline.is_near(1e9), deadline.request_timeout(0.0)) == (False, False, 10)


@pytest.mark.parametrize(
    ("now", "is_near", "is_over", "timeout"),
    [
        (100, False, False, 10),
        (104, False, False, 6),
        (108.1, True, False, 1.9),
        (109.95, True, False, 0.2),
        (110, True, True, 0.2),
    ],
)
def test_after_the_commands_end_time_runs_out(
    now: float, is_near: bool, is_over: bool, timeout: float
) -> None:
    deadline = Deadline()
    deadline.close(10, 100)
    assert (deadline.is_near(now), deadline.is_over(now)) == (is_near, is_over)
    assert deadline.request_timeout(now) == pytest.approx(timeout)


def test_of_a_short_time_the_second_half_is_for_the_end() -> None:
    deadline = Deadline()
    deadline.close(1, 100)
    assert (deadline.is_near(100.5), deadline.is_near(100.6)) == (False, True)


def test_at_the_end_pauses_are_short_unless_the_server_asks_for_more() -> None:
    assert Pause(since=50, length=8, asked=0).until(None) == 58
    assert Pause(since=50, length=8, asked=9).until(None) == 59
    assert Pause(since=50, length=8, asked=0).until(52) == 53
    assert Pause(since=53, length=8, asked=0).until(52) == 54
    assert Pause(since=53, length=0.5, asked=0).until(52) == 53.5
    assert Pause(since=53, length=0.5, asked=3).until(52) == 56


def test_a_pause_that_is_longer_than_the_time_that_is_left_ends_it() -> None:
    deadline = Deadline()
    assert not Pause(0, 1, 60).outlasts(deadline)
    deadline.close(10, 0)
    assert not Pause(0, 1, 10).outlasts(deadline)
    assert Pause(0, 1, 11).outlasts(deadline)
    deadline.cut_short()
    assert deadline.is_over(0)


# --- offsets -------------------------------------------------------------------------------


def test_a_stream_of_a_new_job_begins_at_nothing() -> None:
    offset = StreamOffset()
    offset.begin()
    offset.advance(5, 5)
    assert (offset.sent, offset.at_server, offset.base, offset.is_shared) == (5, 5, 0, False)


def test_a_stream_that_has_something_already_is_gone_on_with() -> None:
    offset = StreamOffset()
    offset.resume(100, 7)
    offset.advance(7, 107)
    assert (offset.sent, offset.at_server, offset.base, offset.is_shared) == (7, 107, 100, False)


@pytest.mark.parametrize(
    ("server", "sent", "is_shared"),
    [
        (110, 10, False),  # All of a request had arrived whose answer was lost.
        (105, 5, False),  # A part of it had.
        (90, 4, False),  # The server has an older store: what comes is appended.
        (130, 4, True),  # Somebody else has written more than we have.
    ],
)
def test_after_a_break_it_goes_on_from_where_the_server_is(server: int, sent: int, is_shared: bool) -> None:
    offset = StreamOffset()
    offset.resume(100, 20)
    offset.advance(4, 104)
    offset.doubt()
    assert offset.state is OffsetState.DOUBTFUL
    offset.resume(server, 20)
    assert (offset.sent, offset.at_server, offset.is_shared) == (sent, server, is_shared)
    assert (offset.base, offset.state) == (100, OffsetState.CERTAIN)


def test_output_that_was_dropped_moves_our_place_and_not_the_servers() -> None:
    offset = StreamOffset()
    offset.begin()
    offset.skip(1000)
    offset.advance(5, 5)
    assert (offset.sent, offset.at_server, offset.is_shared) == (1005, 5, False)


def test_bytes_of_somebody_else_are_noticed() -> None:
    offset = StreamOffset()
    offset.begin()
    offset.advance(5, 6)
    assert offset.is_shared


@given(st.lists(st.tuples(st.integers(1, 50), st.booleans()), max_size=20))
def test_no_byte_is_sent_twice_or_left_out_whatever_answers_get_lost(steps: list[tuple[int, bool]]) -> None:
    offset, server, end = StreamOffset(), 0, sum(size for size, _ in steps)
    offset.resume(server, end)
    for size, is_answered in steps:
        assert offset.sent == offset.at_server == server
        server += size
        if is_answered:
            offset.advance(size, server)
        else:
            offset.doubt()
            offset.resume(server, end)
    assert (offset.sent, offset.is_shared) == (end, False)


def test_bodies_grow_where_answers_take_long_and_shrink_where_a_proxy_refuses_them() -> None:
    size = BodySize()
    assert size.most == 65_536
    size.answered(0.1, 1_000_000)
    assert size.most == 65_536
    size.answered(0.2, 1_000_000)
    assert size.most == 8 * 65_536
    size.answered(0.01, 40 * 65_536)
    assert size.most == 8 * 65_536
    size.too_large(40_000)
    assert size.most == 20_000


# --- turns ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("updates", "output", "heartbeats", "has_job", "turn"),
    [
        (True, True, HeartbeatState.FIRST, True, Turn.UPDATES),
        (False, True, HeartbeatState.FIRST, True, Turn.HEARTBEAT),
        (False, True, HeartbeatState.FIRST, False, Turn.OUTPUT),
        (False, True, HeartbeatState.REGULAR, True, Turn.OUTPUT),
        (False, False, HeartbeatState.REGULAR, True, Turn.HEARTBEAT),
        (False, False, HeartbeatState.OFF, True, Turn.NOTHING),
    ],
)
def test_whose_turn_it_is(
    updates: bool, output: bool, heartbeats: HeartbeatState, has_job: bool, turn: Turn
) -> None:
    assert next_turn(updates, output, heartbeats, has_job) is turn


def test_heartbeats_begin_with_the_job_and_come_where_nothing_else_is_heard() -> None:
    heartbeats = HeartbeatSchedule(is_wanted=True)
    assert heartbeats.wait(100, has_job=False) > 1000
    assert heartbeats.wait(100, has_job=True) == 0
    heartbeats.sent(100)
    assert heartbeats.wait(105, has_job=True) == HEARTBEAT_S - 5
    heartbeats.heard(105)
    assert heartbeats.wait(105, has_job=True) == HEARTBEAT_S
    assert HeartbeatSchedule(is_wanted=False).wait(0, has_job=True) > 1000


@pytest.mark.parametrize(
    ("status", "goes_on"), [(200, True), (503, True), (429, True), (404, False), (409, False)]
)
def test_heartbeats_end_where_the_server_has_none(status: int, goes_on: bool) -> None:
    heartbeats = HeartbeatSchedule(is_wanted=True)
    heartbeats.sent(0)
    heartbeats.answered(status)
    assert (heartbeats.state is HeartbeatState.REGULAR) is goes_on


# --- what did not arrive -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shortfall", "arrived", "text"),
    [
        (Shortfall(0, 0, False, False, None), True, None),
        (Shortfall(0, 0, False, False, "away once"), True, None),
        (Shortfall(0, 0, False, False, None), False, "did not arrive: all of it"),
        (Shortfall(0, 0, False, True, "409 no"), False, "reporting stopped (409 no)"),
        (
            Shortfall(7, 1, True, False, "away"),
            False,
            "did not arrive: 7 bytes of output, the end of the job, 1 update (away)",
        ),
        (Shortfall(0, 2, False, False, None), True, "did not arrive: 2 updates"),
    ],
)
def test_one_line_tells_what_did_not_arrive(shortfall: Shortfall, arrived: bool, text: str | None) -> None:
    assert shortfall.text(arrived) == text


# --- ends ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ended", "is_cancelled"),
    [
        (Ended(0), False),
        (Ended(0, was_stopped=True), False),
        (Ended(1), False),
        (Ended(1, was_stopped=True), True),
        (Ended(130), True),
        (Ended(143, signal=15), True),
        (Ended(137, signal=9), False),
    ],
)
def test_what_was_stopped_is_cancelled_and_has_not_failed(ended: Ended, is_cancelled: bool) -> None:
    assert ended.is_cancelled is is_cancelled

"""Updates that wait: their order, those that pass, and too many of them. Without threads and sockets."""

from __future__ import annotations

from typing import Any

from chef.reporter.sending.queue import QueuedUpdate, UpdateQueue

FOREVER = float("inf")


def progress(number: int, passing: bool = True, **fields: Any) -> QueuedUpdate:
    return QueuedUpdate(number, {"type": "progress", **fields}, passing)


def waiting(queue: UpdateQueue) -> list[dict[str, Any]]:
    return [one.fields for one in queue.due(FOREVER)]


def test_updates_are_due_up_to_the_oldest_output_and_a_hundred_at_once() -> None:
    queue = UpdateQueue("a-")
    for number in range(1, 251):
        queue.add(progress(number, passing=False, meta={}))
    assert [one.number for one in queue.due(3)] == [1, 2]
    assert len(queue.due(FOREVER)) == 100
    queue.remove(queue.due(FOREVER))
    assert (len(queue), queue.first_number) == (150, 101)


def test_an_update_keeps_the_id_and_the_values_with_which_it_was_first_sent() -> None:
    queue, values = UpdateQueue("a-"), iter([{"bytes": 1}, {"bytes": 2}])
    queue.add(QueuedUpdate(1, {"type": "completed", "integrity": lambda: next(values), "message": None}))
    assert queue.has_end
    first = waiting(queue)
    assert first == [{"type": "completed", "integrity": {"bytes": 1}, "id": "a-1"}]
    assert waiting(queue) == first


def test_of_many_that_pass_the_newest_stays_with_what_the_older_ones_said() -> None:
    queue = UpdateQueue("a-")
    for number in range(1, 31):
        said: dict[str, Any] = {"message": "begun"} if number == 10 else {}
        queue.add(progress(number, phase="building", progress=number, **said))
    assert [one["progress"] for one in waiting(queue)] == [*range(1, 10), 30]
    assert waiting(queue)[-1]["message"] == "begun"
    # Output between them does not part them.
    assert queue.first_number == 30


def test_another_phase_or_a_turn_that_has_come_parts_those_that_pass() -> None:
    queue = UpdateQueue("a-")
    for number, phase in enumerate(["a"] * 12 + ["b"] * 12, 1):
        queue.add(progress(number, phase=phase))
    assert [one["phase"] for one in waiting(queue)] == ["a"] * 10 + ["b"] * 10
    queue = UpdateQueue("a-")
    queue.add(progress(1))
    queue.begin_round(2)
    queue.add(progress(3))
    assert queue.first_number == 1


def test_of_too_many_those_are_left_out_that_say_least() -> None:
    queue = UpdateQueue("a-")
    queue.add(progress(1, passing=False, meta={"branch": "main"}))
    for number in range(2, 601):
        queue.add(progress(number, passing=False))
    assert (len(queue), queue.dropped) == (500, 100)
    assert [one.number for one in queue.due(FOREVER)][:2] == [1, 102]

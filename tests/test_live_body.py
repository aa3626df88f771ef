"""A log body as it comes: a server that stops is not held up by a client that sends on."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import gevent
import pytest

from chef.api import live_body
from chef.api.live_body import BLOCK_BYTES, read_live
from chef.errors import BadRequest, StoreUnavailable


class Endless:
    """A sender that is faster than whoever reads it."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.abandoned = False
        self._fault = fault
        self._blocks = 0

    def read_some(self, most: int) -> bytes:
        gevent.sleep(0)
        self._blocks += 1
        if self._fault is not None and self._blocks > 3:
            raise self._fault
        return b"x" * most

    read = read_some

    def abandon(self) -> None:
        self.abandoned = True


def _request(stream: Endless) -> Any:
    environ = {"wsgi.input": stream, "wsgi.input_terminated": True}
    return SimpleNamespace(environ=environ, content_length=None)


def test_a_body_that_is_refused_in_the_middle_is_let_go_of_at_once() -> None:
    stream = Endless()
    blocks = read_live(_request(stream), lambda: False, lambda: False)
    assert len(next(blocks)) >= BLOCK_BYTES
    gevent.sleep(0.05)  # By now as much waits as may.
    with gevent.Timeout(2):
        blocks.close()  # type: ignore[attr-defined]
    assert stream.abandoned


@pytest.mark.parametrize(("watched", "least", "most"), [(False, 4, 6), (True, 1, 2)])
def test_what_came_during_a_commit_is_one_block_unless_somebody_watches(
    watched: bool, least: int, most: int
) -> None:
    blocks = read_live(_request(Endless()), lambda: False, lambda: watched)
    next(blocks)
    for _ in range(3):
        gevent.sleep(0.05)  # As long as a commit may take: by now as much waits as may.
        assert least * BLOCK_BYTES <= len(next(blocks)) <= most * BLOCK_BYTES
    blocks.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("fault", [OSError("reset"), ValueError("no chunk"), RuntimeError("odd")])
def test_a_body_that_breaks_off_is_told_after_what_had_arrived(fault: Exception) -> None:
    got: list[bytes] = []
    with gevent.Timeout(5), pytest.raises(BadRequest):
        got.extend(read_live(_request(Endless(fault)), lambda: False, lambda: False))
    assert len(b"".join(got)) == 3 * BLOCK_BYTES


def test_a_server_that_stops_does_not_wait_for_a_body_that_goes_on_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live_body, "LEAVE_S", 0.2)
    stream = Endless()
    got: list[bytes] = []
    with gevent.Timeout(5), pytest.raises(StoreUnavailable, match="go on from the offset"):
        got.extend(read_live(_request(stream), lambda: True, lambda: True))
    assert got
    assert stream.abandoned

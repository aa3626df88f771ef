"""Pages speak of silence and of integrity by pure functions of a job's JSON and a moment."""

from __future__ import annotations

from typing import Any

import pytest

from chef.domain.clock import rfc3339
from chef.domain.silence import LOST_MS, QUIET_MS, Silence, shown_status, silence
from chef.pages.verdict import Verdict, verdict

NOW = 1_790_000_000_000
MINUTE = 60_000


def job(silent: int, unheard: int | None = None, **fields: Any) -> dict[str, Any]:
    seen = {} if unheard is None else {"seenAt": rfc3339(NOW - unheard)}
    return {"status": "building", "updatedAt": rfc3339(NOW - silent)} | seen | fields


OPEN_QUESTION = {"until": rfc3339(NOW + MINUTE)}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (job(QUIET_MS - 1), None),
        (job(QUIET_MS), Silence("quiet", QUIET_MS, QUIET_MS)),
        (job(QUIET_MS, 5_000, reporter=None), Silence("quiet", QUIET_MS, 5_000)),
        (job(LOST_MS - 1), Silence("quiet", LOST_MS - 1, LOST_MS - 1)),
        (job(LOST_MS), Silence("lost", LOST_MS, LOST_MS)),
        # A reporter's promise decides, where there is one.
        (job(3 * LOST_MS, 5_000, reporter="alive"), Silence("alive", 3 * LOST_MS, 5_000)),
        (job(MINUTE, 5_000, reporter="alive"), None),
        (job(MINUTE, 2 * MINUTE, reporter="lost"), Silence("lost", MINUTE, MINUTE)),
        (job(9 * MINUTE, 2 * MINUTE, reporter="lost"), Silence("lost", 9 * MINUTE, 2 * MINUTE)),
        # A build that waits for people is not silent; nobody knows of one whose reporter is lost.
        (job(3 * LOST_MS, 5_000, reporter="alive") | {"questions": [OPEN_QUESTION]}, None),
        (
            job(QUIET_MS, 5_000, reporter="alive") | {"questions": [OPEN_QUESTION | {"answer": {}}]},
            Silence("alive", QUIET_MS, 5_000),
        ),
        (
            job(9 * MINUTE, 2 * MINUTE, reporter="lost") | {"questions": [OPEN_QUESTION]},
            Silence("lost", 9 * MINUTE, 2 * MINUTE),
        ),
        # A job that has ended says nothing for ever, and nobody minds.
        (job(LOST_MS, status="completed"), None),
        (job(LOST_MS, status="failed", reporter="lost"), None),
        (None, None),
    ],
)
def test_what_is_said_of_silence(given: dict[str, Any] | None, said: Silence | None) -> None:
    assert silence(given, NOW) == said


def test_a_lost_reporter_is_shown_and_never_as_a_failure() -> None:
    assert shown_status(job(LOST_MS), NOW) == "lost"
    assert shown_status(job(QUIET_MS), NOW) == "building"
    assert shown_status(job(LOST_MS, status="cancelled"), NOW) == "cancelled"
    assert shown_status(None, NOW) == ""


def test_nothing_is_said_of_a_log_that_nobody_vouched_for() -> None:
    assert verdict(None) is None
    assert verdict({"status": "completed"}) is None


def test_a_log_that_is_whole_is_said_to_be() -> None:
    assert verdict({"integrity": {"complete": True, "lines": 12_345}}) == Verdict(
        True, "The log is complete", ["12,345 lines were sent and have arrived"]
    )
    assert verdict({"integrity": {"complete": True, "lines": None, "unchecked": ["stdout"]}}) == Verdict(
        True,
        "The log is complete",
        ["Everything that was sent has arrived", "stdout: only counted, not compared"],
    )


def test_what_is_missing_from_a_log_is_said() -> None:
    found = {
        "complete": False,
        "lines": None,
        "missing": [{"stream": "stdout", "bytes": 1_234, "from": 45_000, "lines": 3_456}],
        "surplus": [{"stream": "stderr", "bytes": 7, "from": 12}],
        "differs": [{"stream": "test"}],
    }
    assert verdict({"integrity": found}) == Verdict(
        False,
        "The log is not complete",
        [
            "stdout: 3,456 lines, 1.2 kB missing from byte 45,000 on",
            "stderr: 7 B more than was sent, from byte 12 on",
            "test: not the content that was sent",
        ],
    )

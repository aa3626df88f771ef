"""What events make of a job in the page (static/state.js), run by Node."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from chef.domain.clock import rfc3339
from chef.domain.jobbar import known_progress
from chef.pages.constants import constants
from tests.tools.modules import run

NOW = 1_790_000_000_000
APPLY = """
import { applyEvent, hasEnded, knownProgress } from "chef/state.js";
const answer = ([job, events]) => {
  for (const [name, event] of events) job = applyEvent(job, name, event);
  return { ...job, ended: hasEnded(job), known: knownProgress(job) };
};
"""


def after(job: dict[str, Any] | None, *events: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """The job after events, given as the name and what differs from event to event."""
    words = deepcopy(constants())
    words["endedStatuses"] = ["abandoned", "cancelled", "completed", "failed"]
    head = {"jobId": "j", "projectId": "web", "at": rfc3339(NOW)}
    found: dict[str, Any] = run(APPLY, [job, [[name, head | event] for name, event in events]], words)
    return found


def line(seq: int) -> tuple[str, dict[str, Any]]:
    return "job:log", {"seq": seq, "line": seq, "stream": "stdout", "level": None, "message": "m"}


def state(name: str, seq: int, status: str, **fields: Any) -> tuple[str, dict[str, Any]]:
    phase = {"queued": "queued"}.get(status, "building")
    return name, {"seq": seq, "status": status, "phase": phase, "progress": 50, "message": None} | fields


def test_a_job_that_begins_with_a_log_line_is_building_and_nobody_knows_how_far() -> None:
    job = after(None, line(1), line(2))
    assert (job["status"], job["phase"], job["known"]) == ("building", "building", None)
    assert [span["phase"] for span in job["phases"]] == ["building"]
    assert after(job, state("job:progress", 3, "building"))["known"] == 50
    assert after(job, state("job:progress", 3, "building", progress=0, progressKnown=False))["known"] is None
    assert after(job, state("job:progress", 3, "completed", progress=100))["known"] == 100


def test_a_job_that_was_given_up_goes_on() -> None:
    given_up = after(
        None,
        state("job:progress", 1, "building"),
        state("job:progress", 2, "abandoned"),
        state("job:error", 2, "abandoned", code=None, message="nothing was heard", finishedAt=rfc3339(NOW)),
    )
    assert given_up["ended"]
    assert given_up["error"] == {"message": "nothing was heard", "code": None}
    again = after(given_up, state("job:progress", 3, "building"), line(4))
    assert not again["ended"]
    assert "error" not in again
    assert (again["finishedAt"], again["durationMs"]) == (None, None)
    assert [(span["phase"], span["finishedAt"]) for span in again["phases"]] == [("building", None)]
    failed = after(again, state("job:error", 5, "failed", message="no", code=1, finishedAt=rfc3339(NOW)))
    assert failed["error"] == {"message": "no", "code": 1}


@pytest.mark.parametrize(
    ("job", "known"),
    [
        ({"status": "building", "progress": 0}, 0),
        ({"status": "building", "progress": 72.5}, 72.5),
        ({"status": "building", "progress": 0, "progressKnown": False}, None),
        ({"status": "failed", "progress": 0, "progressKnown": False}, None),
        ({"status": "completed", "progress": 100, "progressKnown": False}, 100),
        (None, None),
    ],
)
def test_both_say_the_same_of_progress(job: dict[str, Any] | None, known: float | None) -> None:
    script = 'import { knownProgress } from "chef/state.js"; const answer = (job) => knownProgress(job);'
    assert run(script, job) == known
    assert known_progress(job) == known

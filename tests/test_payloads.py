"""The payloads of contract sections 3 and 4, field by field, and the events that carry them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from chef.access.levels import Level
from chef.domain import payloads, rules
from chef.domain.clock import rfc3339
from chef.domain.lines import Line, StreamState
from chef.domain.model import Entry, Job, LogEntry, StateEntry, Update
from chef.domain.payloads import job_json, line_text, log_events, logs_event, sent_line, state_events
from chef.domain.wiretypes import as_dict
from chef.live.events import Event, Published, events_of
from chef.wire.strict import loads
from tests.tools.making import AT, piece, update

AT_TEXT = "2023-11-14T22:13:20.000Z"
ARTIFACT = {"name": "app.whl", "url": "https://example.com/app.whl", "size": 5}


def job_after(*updates: Update) -> Job:
    job = rules.start(updates[0], AT, 0, None)
    for count, one in enumerate(updates):
        job, _ = rules.apply(job, one, AT + 1500 * count, count)
    return job


def log_entry(body: bytes, first_seq: int = 1, stream: str = "stdout") -> LogEntry:
    job = replace(rules.start(update(), AT, 0, None), seq=first_seq - 1, lines=first_seq - 1)
    _, (entry,), _ = rules.apply_log(job, piece(body, stream=stream), StreamState(), AT, 0, 65536)
    return entry


def test_times_are_rfc3339_utc_with_milliseconds() -> None:
    assert rfc3339(AT) == AT_TEXT
    assert rfc3339(AT + 7) == "2023-11-14T22:13:20.007Z"


@pytest.mark.parametrize(("value", "text"), [(50, "50"), (50.0, "50"), (50.5, "50.5"), (0.1, "0.1")])
def test_progress_is_shown_as_a_person_writes_it(value: float, text: str) -> None:
    assert repr(payloads.number(value)) == text


def test_job_progress_has_the_contracts_fields() -> None:
    ((name, payload),) = state_events(job_after(update(phase="building", message="compiling")))
    assert name == "progress"
    assert as_dict(payload) == {
        "jobId": "job",
        "projectId": "web",
        "status": "building",
        "progress": 50,
        "message": "compiling",
        "phase": "building",
        "phaseProgress": None,
        "seq": 1,
        "at": AT_TEXT,
    }


def test_job_completed_has_the_contracts_fields() -> None:
    job = job_after(
        update(phase="building", meta={"branch": "main"}), update("completed", artifacts=(ARTIFACT,))
    )
    (_, progress), (name, payload) = state_events(job)
    assert name == "completed"
    assert (progress.status, progress.progress) == ("completed", 100)
    assert as_dict(payload) == {
        "jobId": "job",
        "projectId": "web",
        "status": "completed",
        "progress": 100,
        "phase": "completed",
        "message": None,
        "seq": 2,
        "at": "2023-11-14T22:13:21.500Z",
        "startedAt": AT_TEXT,
        "finishedAt": "2023-11-14T22:13:21.500Z",
        "durationMs": 1500,
        "artifacts": [ARTIFACT],
        "meta": {"branch": "main"},
    }


def test_job_error_has_the_contracts_fields() -> None:
    job = job_after(update(phase="building"), update("error", message="tests failed", code="E1"))
    _, (name, payload) = state_events(job)
    assert name == "error"
    assert as_dict(payload) == {
        "jobId": "job",
        "projectId": "web",
        "status": "failed",
        "progress": 50,
        "phase": "building",
        "message": "tests failed",
        "code": "E1",
        "seq": 2,
        "at": "2023-11-14T22:13:21.500Z",
        "startedAt": AT_TEXT,
        "finishedAt": "2023-11-14T22:13:21.500Z",
        "durationMs": 1500,
        "meta": {},
    }


def test_a_job_has_the_contracts_fields() -> None:
    assert as_dict(job_json(job_after(update(phase="building")), AT)) == {
        "jobId": "job",
        "projectId": "web",
        "status": "building",
        "progress": 50,
        "phase": "building",
        "phaseProgress": None,
        "progressAt": AT_TEXT,
        "message": None,
        "seq": 1,
        "lines": 0,
        "createdAt": AT_TEXT,
        "updatedAt": AT_TEXT,
        "seenAt": AT_TEXT,
        "reporter": None,
        "startedAt": AT_TEXT,
        "finishedAt": None,
        "durationMs": None,
        "phases": [
            {
                "phase": "building",
                "startedAt": AT_TEXT,
                "finishedAt": None,
                "durationMs": None,
                "firstLine": None,
                "longestPauseMs": 0,
            }
        ],
        "pauses": [],
        "artifacts": [],
        "meta": {},
        "eta": None,
    }


def test_a_failed_job_says_how_and_a_finished_phase_how_long() -> None:
    shown = as_dict(job_json(job_after(update(phase="building"), update("error", message="no", code=2)), AT))
    assert shown["error"] == {"message": "no", "code": 2}
    assert shown["phases"][0]["durationMs"] == shown["durationMs"] == 1500


def test_a_line_has_the_contracts_fields() -> None:
    entry = replace(log_entry(b"10%\r20%\n", stream="stderr"), level="warn")
    assert [
        as_dict(sent_line(entry, line, n)) for line, n in zip(entry.lines, entry.numbers, strict=True)
    ] == [
        {"line": 1, "at": AT_TEXT, "stream": "stderr", "level": "warn", "message": "10%"},
        {"line": 1, "at": AT_TEXT, "stream": "stderr", "level": "warn", "message": "20%", "replace": True},
    ]


def test_bytes_that_are_no_utf8_are_shown_as_replacement_characters() -> None:
    assert line_text(Line(b"a\xff\xc3", b"\n", False, b"")) == "a\ufffd\ufffd"


def test_each_log_line_is_an_event_with_its_own_seq() -> None:
    entry = log_entry(b"one\ntwo\nthree\n", first_seq=7)
    found = [(one.seq, one.line, one.message) for one in log_events(entry, "job", "web", 7)]
    assert found == [(8, 8, "two"), (9, 9, "three")]


def test_lines_together_are_one_event_with_the_last_lines_seq() -> None:
    entries = [log_entry(b"one\ntwo\n"), log_entry(b"three\n", 3, "stderr")]
    event = as_dict(logs_event(entries, "job", "web", 1))
    assert {name: event[name] for name in ("jobId", "projectId", "seq")} == {
        "jobId": "job",
        "projectId": "web",
        "seq": 3,
    }
    assert [(one["line"], one["message"], one["stream"]) for one in event["lines"]] == [
        (2, "two", "stdout"),
        (3, "three", "stderr"),
    ]
    assert "seq" not in event["lines"][0]


# Events


def page() -> list[Published]:
    """Two lines, a line, a state, a line: seq 1 to 5."""
    job = replace(rules.start(update(), AT, 0, None), seq=3, lines=3)
    _, state = rules.apply(job, update(progress=10), AT, 0)
    entries: list[Entry] = [log_entry(b"a\nb\n"), log_entry(b"c\n", 3), state, log_entry(b"e\n", 5)]
    return [Published(entry, "job", "web", "job") for entry in entries]


@pytest.mark.parametrize(
    ("after", "batch", "expected"),
    [
        (0, False, [("job:log", n) for n in (1, 2, 3)] + [("job:progress", 4), ("job:log", 5)]),
        (1, False, [("job:log", n) for n in (2, 3)] + [("job:progress", 4), ("job:log", 5)]),
        (0, True, [("job:logs", 3), ("job:progress", 4), ("job:logs", 5)]),
    ],
)
def test_a_page_is_these_events(after: int, batch: bool, expected: list[tuple[str, int]]) -> None:
    pages = [one for one in page() if one.entry.seq > after]
    assert [(event.name, event.seq) for event in events_of(pages, after, batch)] == expected


def test_a_batch_begins_after_the_position_within_an_entry() -> None:
    (event, *_) = events_of(page(), 1, batch=True)
    assert [line["message"] for line in loads(event.data.encode())["lines"]] == ["b", "c"]


class CountingForm:
    """Encodes into something of its own, and counts."""

    batch = False
    level: Level = "log"

    def __init__(self) -> None:
        self.encoded = 0

    def encode(self, event: Event) -> Any:
        self.encoded += 1
        return object()

    def join(self, frames: Sequence[Any]) -> Sequence[Any]:
        return frames


def test_each_event_is_encoded_once_for_all_viewers_of_a_form() -> None:
    """Invariant 5."""
    published, form, other = page()[0], CountingForm(), CountingForm()
    first = published.encoded(form).frames
    assert all(a is b for a, b in zip(first, published.encoded(form).frames, strict=True))
    assert published.encoded(other).frames[0] is not first[0]
    assert (form.encoded, other.encoded) == (2, 2)


def test_a_project_event_has_the_projects_prefix_and_the_jobs_payload() -> None:
    _, entry = rules.apply(rules.start(update(), AT, 0, None), update("completed"), AT, 0)
    published = Published(entry, "job", "web", "project")
    assert isinstance(published.entry, StateEntry)
    assert [event.name for event in events_of([published], 0, False)] == [
        "project:progress",
        "project:completed",
    ]

"""The effects of updates: the phases table, defaults, endings, messages, meta, times, log entries."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chef.domain import phases, rules
from chef.domain.lines import StreamState, attach
from chef.domain.logentries import MAX_ENTRY_BYTES, log_entries
from chef.domain.model import Job, JobError, LogEntry, LogPiece, PhaseSpan, Update
from chef.domain.segments import Segmenter
from chef.errors import Conflict, Forbidden, Invalid, OffsetPastEnd
from tests.tools.making import AT, log, piece, update

MINUTE = 60_000


def new_job(at: int = AT) -> Job:
    return rules.start(update(), at, 0, None)


def after(*updates: Update, job: Job | None = None, at: int = AT, step: int = 0) -> Job:
    """A job after some updates, `step` ms apart."""
    job = job or new_job(at)
    for count, one in enumerate(updates):
        job, _ = rules.apply(job, one, at + count * step, count)
    return job


def progressed(*fields: dict[str, Any]) -> Job:
    return after(*(update(**one) for one in fields))


def said(job: Job) -> tuple[str, float, str]:
    return job.phase, job.progress, job.status


def logged(
    *items: Update | LogPiece, job: Job | None = None, at: int = AT
) -> tuple[Job, list[LogEntry], dict[str, StreamState]]:
    """A job after some logs, what is stored of them, and its streams."""
    job = job or new_job()
    entries: list[LogEntry] = []
    streams: dict[str, StreamState] = {}
    for item in items:
        stream = streams.get(item.stream, StreamState())
        job, more, streams[item.stream] = rules.apply_log(job, item, stream, at, 0, 65536)
        entries += more
    return job, entries, streams


# A job's first update


def test_a_job_begins_queued_at_nothing() -> None:
    assert said(new_job()) == ("queued", 0, "queued")


def test_a_first_update_needs_a_project() -> None:
    with pytest.raises(Invalid) as refused:
        rules.start(update(project_id=None), AT, 3, None)
    (error,) = refused.value.errors
    assert (error.index, error.field) == (3, "projectId")
    assert "first update" in error.message


@pytest.mark.parametrize("project_id", ["other", None])
def test_a_token_for_some_projects_makes_no_job_elsewhere(project_id: str | None) -> None:
    with pytest.raises(Forbidden):
        rules.start(update(project_id=project_id), AT, 0, frozenset({"web"}))


def test_a_jobs_project_is_fixed_by_its_first_update() -> None:
    job = new_job()
    rules.check_same_project(job, update(project_id="web"), 0, None)
    rules.check_same_project(job, update(project_id=None), 0, frozenset({"web"}))
    with pytest.raises(Conflict) as refused:
        rules.check_same_project(job, update(project_id="other"), 2, None)
    assert refused.value.code == "project_mismatch"
    assert refused.value.errors[0].index == 2


def test_a_token_for_another_project_learns_nothing_of_the_job() -> None:
    """403 comes before 409: whose job it is stays unsaid."""
    with pytest.raises(Forbidden) as refused:
        rules.check_same_project(new_job(), update(project_id="other"), 0, frozenset({"other"}))
    assert "web" not in refused.value.detail


# The phases table


@pytest.mark.parametrize(
    ("phase", "progress", "status"),
    [
        ("queued", 0, "queued"),
        ("preparing", 10, "preparing"),
        ("installing", 30, "installing"),
        ("building", 50, "building"),
        ("completed", 90, "building"),
    ],
)
def test_a_known_phase_takes_the_lowest_progress_of_its_row(phase: str, progress: int, status: str) -> None:
    assert said(progressed({"phase": phase})) == (phase, progress, status)


def test_a_phase_never_lowers_what_was_reached_within_it() -> None:
    assert progressed({"phase": "building", "progress": 70}, {"phase": "building"}).progress == 70


def test_a_phase_that_begins_takes_its_own_progress_even_if_it_is_lower() -> None:
    assert progressed({"phase": "building", "progress": 70}, {"phase": "installing"}).progress == 30


def test_progress_that_is_given_may_go_back() -> None:
    assert said(progressed({"progress": 70}, {"progress": 55})) == ("building", 55, "building")


@pytest.mark.parametrize(
    ("progress", "phase"),
    [
        (0, "queued"),
        (9.99, "queued"),
        (10, "preparing"),
        (29, "preparing"),
        (30, "installing"),
        (50, "building"),
        (70, "building"),
        (89.9, "building"),
        (90, "completed"),
        (99.9, "completed"),
    ],
)
def test_progress_without_phase_takes_the_phase_of_the_table(progress: float, phase: str) -> None:
    job = progressed({"progress": progress})
    assert (job.phase, job.progress, job.ended) == (phase, progress, False)


def test_phase_and_progress_are_both_taken_as_they_are() -> None:
    assert said(progressed({"phase": "installing", "progress": 80})) == ("installing", 80, "installing")


def test_neither_phase_nor_progress_leaves_both() -> None:
    assert said(progressed({"phase": "building", "progress": 63}, {"message": "hello"})) == (
        "building",
        63,
        "building",
    )


def test_a_phase_of_ones_own_leaves_progress() -> None:
    assert said(progressed({"progress": 42}, {"phase": "deploying"})) == ("deploying", 42, "building")


def test_phase_completed_below_100_is_still_building() -> None:
    assert said(progressed({"phase": "completed", "progress": 95})) == ("completed", 95, "building")


def test_a_status_that_is_given_wins_until_the_phase_is_told_again() -> None:
    job = progressed({"phase": "installing", "status": "queued"}, {"message": "still"})
    assert job.status == "queued"
    assert after(update(phase="installing"), job=job).status == "installing"


@settings(deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "phase": st.sampled_from([*phases.PHASES, "deploying"]),
                "progress": st.floats(0, 100),
                "message": st.sampled_from(["a", "b"]),
            },
        )
    )
)
def test_progress_stays_within_the_table_and_times_in_order(fields: list[dict[str, Any]]) -> None:
    job = new_job()
    for count, one in enumerate(fields):
        if job.ended:
            return
        before, job = job, after(update(**one), job=job, at=AT + count)
        assert 0 <= job.progress <= 100
        assert job.seq == before.seq + 1
        if "progress" not in one and "phase" in one and one["phase"] == before.phase:
            assert job.progress >= before.progress
        assert job.phases[-1].phase == job.phase
        assert (job.phases[-1].finished_at is None) == (not job.ended)


# Endings


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "completed"},
        {"status": "completed"},
        {"phase": "completed", "progress": 100},
        {"progress": 100},
        {"phase": "building", "status": "completed"},
        {"progress": 100, "status": "building"},
    ],
)
def test_a_job_is_completed_by(fields: dict[str, Any]) -> None:
    job = after(update(phase="building"), update(**fields), step=1000)
    assert said(job) == ("completed", 100, "completed")
    assert job.finished_at == AT + 1000


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"type": "error", "message": "no"}, "failed"),
        ({"status": "failed"}, "failed"),
        ({"status": "cancelled"}, "cancelled"),
        ({"status": "failed", "progress": 100, "phase": "completed"}, "failed"),
    ],
)
def test_a_job_fails_by(fields: dict[str, Any], status: str) -> None:
    job = after(update(phase="building"), update(**fields), step=1000)
    assert (job.status, job.ended, job.finished_at) == (status, True, AT + 1000)


def test_progress_100_in_another_phase_ends_nothing() -> None:
    assert not progressed({"phase": "building", "progress": 100}).ended
    assert not progressed({"phase": "deploying", "progress": 100}).ended


def test_a_failed_job_keeps_the_phase_and_progress_it_failed_in() -> None:
    job = after(update(phase="building", progress=63), update("error", message="no", code=2))
    assert said(job) == ("building", 63, "failed")
    assert job.error == JobError("no", 2)


def test_a_completed_job_has_its_artifacts_and_no_error() -> None:
    artifact = {"name": "app.whl", "url": "https://example.com/app.whl"}
    job = after(update("completed", artifacts=(artifact,)))
    assert (job.artifacts, job.error) == ((artifact,), None)


def test_artifacts_add_up_and_one_of_the_same_name_is_replaced() -> None:
    def named(name: str, url: str) -> dict[str, str]:
        return {"name": name, "url": url}

    job = after(
        update(artifacts=(named("a", "1"), named("b", "1"))),
        update(progress=20),
        update(artifacts=(named("a", "2"), named("c", "1"), named("c", "2"))),
        update("completed", artifacts=(named("b", "2"),)),
    )
    assert job.artifacts == (named("a", "2"), named("b", "2"), named("c", "2"))
    assert after(update(artifacts=(named("a", "1"),)), update("completed")).artifacts == (named("a", "1"),)


def test_a_job_has_a_limit_of_artifacts_in_all() -> None:
    many = tuple({"name": str(number), "url": "u"} for number in range(1000))
    job = after(update(artifacts=many), update(artifacts=({"name": "7", "url": "new"},)))
    assert (len(job.artifacts), job.artifacts[7]["url"]) == (1000, "new")
    with pytest.raises(Invalid) as refused:
        after(update(artifacts=({"name": "one more", "url": "u"},)), job=job)
    assert refused.value.errors[0].field == "artifacts"
    assert "at most 1000 artifacts, together" in refused.value.errors[0].message


def test_the_artifacts_of_a_job_are_limited_in_bytes() -> None:
    many = tuple({"name": str(number), "url": "u" * 4096} for number in range(200))
    more = tuple({"name": f"more {number}", "url": "u" * 4096} for number in range(100))
    with pytest.raises(Invalid) as refused:
        after(update(artifacts=many), update(artifacts=more))
    assert "at most 1048576 bytes as JSON" in refused.value.errors[0].message


@pytest.mark.parametrize(
    "late", [update(progress=10), update("completed"), update("error", message="no"), update(message="x")]
)
def test_after_the_end_there_are_no_updates(late: Update) -> None:
    job = after(update("completed"))
    with pytest.raises(Conflict) as refused:
        rules.apply(job, late, AT, 5)
    assert refused.value.code == "job_finished"
    assert refused.value.errors[0].index == 5


def test_an_ending_tells_its_state_and_then_its_end() -> None:
    job, entry = rules.apply(new_job(), update("completed"), AT, 0)
    assert [name for name, _ in entry.events] == ["progress", "completed"]
    assert {json.loads(payload)["seq"] for _, payload in entry.events} == {job.seq} == {1}
    for cancelling in (update(status="cancelled"), update("cancelled")):
        job, entry = rules.apply(new_job(), cancelling, AT, 0)
        assert job.status == "cancelled"
        assert [name for name, _ in entry.events] == ["progress", "error"]


def test_a_cancelled_update_keeps_phase_progress_and_whether_all_arrived() -> None:
    job = after(update(phase="building", progress=62), update("cancelled", message="superseded"))
    assert said(job) == ("building", 62, "cancelled")
    assert job.error == JobError("superseded", None)
    job, _, streams = logged(piece(b"one\n"), job=after(update(phase="building")))
    job, _ = rules.apply(job, update("cancelled", integrity={"stdout": {"bytes": 9}}), AT, 0, streams)
    assert job.integrity is not None
    assert not job.integrity.complete


# Messages and meta


def test_a_message_stays_until_the_next_one_or_the_next_phase() -> None:
    job = progressed({"phase": "building", "message": "compiling"}, {"progress": 60})
    assert job.message == "compiling"
    assert after(update(message="linking"), job=job).message == "linking"
    assert after(update(phase="completed"), job=job).message is None


def test_an_ending_without_a_message_has_none() -> None:
    assert after(update(message="compiling"), update("completed")).message is None


def test_meta_is_merged_into_the_job() -> None:
    job = progressed({"meta": {"branch": "main", "commit": "1"}}, {"meta": {"commit": "2", "title": "t"}})
    assert job.meta == {"branch": "main", "commit": "2", "title": "t"}


def test_meta_has_a_limit_for_the_whole_job() -> None:
    job = progressed({"meta": {"a": "x" * 10_000}})
    with pytest.raises(Invalid) as refused:
        rules.apply(job, update(meta={"b": "x" * 10_000}), AT, 1)
    assert refused.value.errors[0].field == "meta"
    exact = {"b": ""}
    exact["b"] = "x" * (rules.MAX_META_BYTES - len(msgspec.json.encode({**job.meta, **exact})))
    assert after(update(meta=exact), job=job).meta == {**job.meta, **exact}


# Times


def test_each_phase_has_its_times() -> None:
    job = after(
        update(phase="queued"),
        update(phase="preparing"),
        update(progress=12),
        update(phase="building"),
        update("completed"),
        step=1000,
    )
    assert job.phases == (
        PhaseSpan("queued", AT, AT + 1000, None, 1000),
        PhaseSpan("preparing", AT + 1000, AT + 3000, None, 1000),
        PhaseSpan("building", AT + 3000, AT + 4000, None, 1000),
        PhaseSpan("completed", AT + 4000, AT + 4000, None, 0),
    )
    assert (job.created_at, job.started_at, job.finished_at) == (AT, AT + 1000, AT + 4000)


def test_a_job_that_ends_at_once_has_started_too() -> None:
    job = after(update("error", message="no"))
    assert (job.started_at, job.finished_at) == (AT, AT)


def test_a_log_line_starts_a_job() -> None:
    assert logged(log("hello"), at=AT + 7)[0].started_at == AT + 7


def test_a_phase_that_comes_back_has_a_span_of_its_own() -> None:
    phases = progressed({"phase": "building"}, {"phase": "deploying"}, {"phase": "building"}).phases
    assert [span.phase for span in phases] == ["building", "deploying", "building"]


def test_a_script_that_flips_between_phases_does_not_grow_its_job_for_ever() -> None:
    flips = [update(phase=phase) for phase in ("building", "deploying") * phases.MAX_PHASE_SPANS]
    job = after(*flips, step=1)
    assert len(job.phases) == phases.MAX_PHASE_SPANS
    assert job.phases[-1].finished_at is not None
    assert job.phase == "deploying"


def test_times_do_not_step_back_with_the_clock() -> None:
    job = after(update(phase="installing"), at=AT)
    job = after(update(phase="building"), job=job, at=AT - MINUTE)
    job = after(update("completed"), job=job, at=AT - 2 * MINUTE)
    assert (job.started_at, job.updated_at, job.finished_at) == (AT, AT, AT)
    assert all(span.finished_at == AT for span in job.phases)


# Logs


def test_lines_are_numbered_over_all_streams() -> None:
    job, entries, _ = logged(log("a\nb"), log("c", stream="stderr"), piece(b"d\n"))
    assert [(entry.stream, entry.numbers) for entry in entries] == [
        ("stdout", [1, 2]),
        ("stderr", [3]),
        ("stdout", [4]),
    ]
    assert (job.lines, job.seq) == (4, 4)


def test_a_replaced_line_has_a_seq_of_its_own_and_the_same_number() -> None:
    job, (entry,), _ = logged(piece(b"10%\r20%\r30%\ndone\n"))
    assert (entry.numbers, entry.first_seq, entry.seq) == ([1, 1, 1, 2], 1, 4)
    assert (job.lines, job.seq) == (2, 4)


def test_a_line_that_reaches_back_over_another_stream_has_an_entry_of_its_own() -> None:
    _, entries, _ = logged(piece(b"10%\r"), log("x\ny", stream="stderr"), piece(b"20%\rdone\nmore\n"))
    assert [(entry.numbers, entry.seq) for entry in entries] == [([1], 1), ([2, 3], 3), ([1, 1], 5), ([4], 6)]


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["stdout", "stderr"]), st.sampled_from([b"a\n", b"b\r", b"c", b"\n", b"d\re\n"])
        ),
        max_size=20,
    )
)
def test_entries_cover_seqs_and_numbers_without_gaps(bodies: list[tuple[str, bytes]]) -> None:
    job, entries, _ = logged(*(piece(body, stream=stream) for stream, body in bodies))
    seqs = [seq for entry in entries for seq in range(entry.first_seq, entry.seq + 1)]
    assert seqs == list(range(1, job.seq + 1))
    for entry in entries:
        assert sorted(set(entry.numbers)) == list(range(entry.first_line, entry.last_line + 1))
    assert {number for entry in entries for number in entry.numbers} == set(range(1, job.lines + 1))


def test_plain_lines_become_the_entries_that_the_whole_way_gives() -> None:
    job = msgspec.structs.replace(new_job(), seq=7, lines=4)
    body = b"x\n\n" * 751
    lines, _ = attach(StreamState(), Segmenter(100).feed(body), 5)
    _, entries, _ = rules.apply_log(job, piece(body), StreamState(), AT, 0, 100)
    assert entries == log_entries(job, lines, 0, AT, "stdout", None, MAX_ENTRY_BYTES)
    assert [len(entry.lines) for entry in entries] == [500, 500, 500, 2]


def test_entries_are_of_bounded_size() -> None:
    _, entries, _ = logged(piece(b"x\n" * 1201), piece(b"y" * 60_000 + b"\n" + b"z" * 60_000 + b"\n"))
    assert [len(entry.lines) for entry in entries] == [500, 500, 201, 1, 1]
    assert [entry.first_seq for entry in entries] == [1, 501, 1001, 1202, 1203]
    assert [entry.first_line for entry in entries] == [1, 501, 1001, 1202, 1203]


def test_a_log_body_goes_on_at_its_offset() -> None:
    job, _, streams = logged(piece(b"one\ntwo\n"))
    again = piece(b"two\nthree\n", offset=4)
    job, (entry,), stream = rules.apply_log(job, again, streams["stdout"], AT, 0, 65536)
    assert [line.text for line in entry.lines] == [b"three"]
    assert stream.offset == 14


def test_a_log_body_that_is_stored_already_changes_nothing() -> None:
    job, _, streams = logged(piece(b"one\ntwo\n"))
    same, entries, stream = rules.apply_log(
        job, piece(b"one\n", offset=0), streams["stdout"], AT + 1, 0, 65536
    )
    assert (same, entries, stream) == (job, [], streams["stdout"])


def test_an_offset_past_the_end_is_refused_with_the_place_to_go_on_from() -> None:
    job, _, streams = logged(piece(b"one\n"))
    with pytest.raises(OffsetPastEnd) as refused:
        rules.apply_log(job, piece(b"x\n", offset=5), streams["stdout"], AT, 0, 65536)
    assert refused.value.extra == {"offset": 4}


def test_log_messages_do_not_move_the_offset_of_log_bodies() -> None:
    assert logged(piece(b"one\n"), log("two"), piece(b"three\n"))[2]["stdout"].offset == 10


def test_a_message_that_is_too_long_is_cut_too() -> None:
    _, (entry,), _ = rules.apply_log(new_job(), log("x" * 100), StreamState(), AT, 0, 10)
    assert entry.lines[0].text == b"x" * 10 + "… [cut: 90 bytes]".encode()


def test_logs_are_taken_for_five_minutes_after_the_end() -> None:
    ended = after(update("completed"))
    job, entries, _ = logged(log("late"), job=ended, at=AT + 5 * MINUTE)
    assert (len(entries), job.seq, job.status) == (1, 2, "completed")
    assert job.phases == ended.phases
    with pytest.raises(Conflict) as refused:
        logged(log("too late"), job=ended, at=AT + 5 * MINUTE + 1)
    assert refused.value.code == "job_finished"


def test_a_late_line_changes_nothing_that_the_end_said() -> None:
    ended = after(update("error", message="no", code=1))
    job, _, _ = logged(log("late"), job=ended, at=AT + MINUTE)
    assert (job.finished_at, job.error, job.message, job.state_seq) == (AT, ended.error, "no", 1)


def test_a_log_update_that_begins_with_a_newline_begins_with_an_empty_line() -> None:
    """Only a log body's first newline can belong to the body before it."""
    _, entries, streams = logged(piece(b"open"), log("\nx"))
    assert [line.text for entry in entries for line in entry.lines] == [b"open", b"", b"x"]
    assert streams["stdout"].offset == 4


def test_a_log_update_between_two_bodies_leaves_the_newline_to_the_line_of_the_first() -> None:
    _, entries, streams = logged(piece(b"open"), log("between"), piece(b"\nnext\n"), piece(b"\n"))
    assert [line.text for entry in entries for line in entry.lines] == [b"open", b"between", b"next", b""]
    assert streams["stdout"].offset == 11
    _, entries, _ = logged(piece(b"open"), log("between"), log("\nmore"), piece(b"next"))
    assert [line.text for entry in entries for line in entry.lines] == [
        b"open",
        b"between",
        b"",
        b"more",
        b"next",
    ]


def test_a_phase_that_is_come_back_to_keeps_what_was_reached_in_it() -> None:
    job = progressed({"phase": "building", "progress": 70}, {"phase": "lint"}, {"phase": "building"})
    assert (job.phase, job.progress) == ("building", 70)


def test_what_was_reached_in_another_phase_does_not_count() -> None:
    job = progressed({"phase": "installing", "progress": 55}, {"phase": "building"})
    assert (job.phase, job.progress) == ("building", 50)

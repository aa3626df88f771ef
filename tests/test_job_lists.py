"""Lists of jobs and runs, whatever they are limited to, page by page, on both databases."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice, product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from chef.domain.filtering import EVERY_JOB, JobFilter, matches, words_of
from chef.domain.model import RUNNING, Job
from chef.domain.runs import WORST_FIRST, worst
from chef.store import Store, matching, runlists, searching, upkeep
from chef.store.removing import remove_step
from chef.store.tables import job_texts, jobs
from chef.store.textindex import index_step
from tests.tools.making import AT, batch, open_store, update
from tests.tools.watching import eventually

CASES = json.loads((Path(__file__).parent / "data" / "filter-cases.json").read_text())
STATUSES: tuple[Any, ...] = ("building", "completed", "failed", "cancelled")


@pytest.fixture
def store(any_database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setattr(upkeep, "TEXTS_S", 3600.0)  # Texts are written when a test says so.
    with open_store(any_database_url) as opened:
        opened._upkeep._texts_at = None
        yield opened


def write_texts(store: Store) -> None:
    """Have all jobs that have ended searched by their texts."""
    while store._run_upkeep(index_step):
        pass


def add(store: Store, job_id: str, project_id: str = "web", status: str | None = None, **meta: Any) -> None:
    """A job that has the status, if one is given."""
    message = meta.pop("message", None)
    first = update(job_id=job_id, project_id=project_id, phase="building", message=message, meta=meta)
    kinds: dict[Any, Any] = {"completed": "completed", "failed": "error", "cancelled": "cancelled"}
    end = {"message": message or "it ended"} if status == "failed" else {"message": message}
    ends = [update(kinds[status], job_id, None, **end)] if status in kinds else []
    store.append(batch(first, *ends))


def every_page(store: Store, wanted: JobFilter, limit: int = 10, **more: Any) -> list[str]:
    page = store.jobs(wanted, limit=limit, **more)
    found = [job.job_id for job in page.jobs]
    while page.next is not None:
        page = store.jobs(wanted, limit=limit, before=page.next, **more)
        found += [job.job_id for job in page.jobs]
    return found


def every_run(store: Store, wanted: JobFilter = EVERY_JOB, limit: int = 2, **more: Any) -> list[list[str]]:
    page = store.runs(wanted, limit=limit, **more)
    found = list(page.runs)
    while page.next is not None:
        page = store.runs(wanted, limit=limit, before=page.next, **more)
        found += page.runs
    return [[job.job_id for job in run.jobs] for run in found]


# --- which jobs ----------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_job_is_in_the_lists_that_its_filters_say(store: Store, case: dict[str, Any]) -> None:
    """The same by the rules, from the store while it runs, and by its text."""
    add(store, **case["job"])
    job = store.job(case["job"]["job_id"])
    assert job is not None
    for expected, texts in product((True, False), (False, True)):
        if texts:
            write_texts(store)
        for wanted in map(filter_of, case["in" if expected else "not in"]):
            assert matches(wanted, job) is expected, wanted
            assert (every_page(store, wanted) == [job.job_id]) is expected, wanted


def filter_of(data: dict[str, Any]) -> JobFilter:
    """A filter of the cases, in which words are the text of a query."""
    statuses = tuple(data["statuses"]) if "statuses" in data else None
    return JobFilter(**{**data, "statuses": statuses, "words": words_of(data.get("words", ""))})


def test_the_store_finds_what_the_rules_say_whatever_is_combined(store: Store) -> None:
    fill(store)
    every: list[Job] = [*store.jobs(limit=1000).jobs]
    assert len(every) == 72
    for texts in (False, True):
        if texts:
            write_texts(store)
        for wanted in combinations():
            expected = [job.job_id for job in every if matches(wanted, job)]
            assert every_page(store, wanted) == expected, wanted
            expected = [job.job_id for job in every if matches(wanted, job) and job.project_id == "web"]
            assert every_page(store, wanted, allowed={"web"}) == expected, wanted


def fill(store: Store) -> None:
    """72 jobs: two projects, three branches, two authors, two kinds, runs of three, all statuses."""
    for number in range(72):
        add(
            store,
            f"job-{number}",
            ("web", "docs")[number // 3 % 2],
            STATUSES[number % 4],
            branch=("main", "topic/a", "topic/b")[number % 3],
            author=("Amina", "Björn")[number // 5 % 2],
            kind=("lint", "test")[number // 7 % 2],
            title=("Fix the upload", "Add retry")[number // 2 % 2],
            run=number // 3 if number < 60 else None,
        )


def combinations() -> Iterator[JobFilter]:
    """A seventh of all: in each of them every part meets every other one."""
    every = product(
        (None, "web"),
        (None, ("failed",), RUNNING),
        (None, "main", "nowhere"),
        (None, "Björn"),
        (None, "lint"),
        ("", "upload", "UPLOAD fix", "nowhere", "1"),
    )
    for project, statuses, branch, author, kind, words in islice(every, 0, None, 7):
        yield JobFilter(project, statuses, kind, None, branch, author, words_of(words))


def test_what_few_jobs_have_and_what_is_not_among_the_newest_is_found_too(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matching, "_FEW", 5)
    monkeypatch.setattr(searching, "_NEWEST", 10)
    test_the_store_finds_what_the_rules_say_whatever_is_combined(store)


def test_without_an_index_of_trigrams_the_texts_are_read(store: Store) -> None:
    store._run_upkeep(lambda connection: connection.exec_driver_sql(drop_index(connection)))
    test_the_store_finds_what_the_rules_say_whatever_is_combined(store)


def drop_index(connection: Any) -> str:
    return f"DROP {'TABLE' if connection.dialect.name == 'sqlite' else 'INDEX'} job_text_index"


def test_a_search_among_jobs_without_texts_stops_and_goes_on(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an upgrade a million jobs have none yet: a page may be short, but none is left out."""
    monkeypatch.setattr(matching, "MOST_LOOKED_AT", 7)
    fill(store)
    wanted = JobFilter(words=("retry",), branch="main")
    page = store.jobs(wanted, limit=10)
    assert len(page.jobs) < 10
    assert page.next is not None
    expected = [job.job_id for job in store.jobs(limit=100).jobs if matches(wanted, job)]
    assert len(expected) == 12
    assert every_page(store, wanted) == expected
    members = every_run(store, wanted)
    assert sorted(name for run in members for name in run if name in expected) == sorted(expected)


def test_texts_follow_a_job_that_is_taken_up_again_or_removed(store: Store) -> None:
    add(store, "job", message="first words", status="completed")
    write_texts(store)
    assert texts(store) == 1
    store._run_upkeep(lambda connection: connection.execute(jobs.update().values(status="abandoned")))
    store.append(batch(update(message="other words", status="building")))
    assert (found(store, "first"), found(store, "other")) == ([], ["job"])
    store.append(batch(update("error", message="last words")))
    write_texts(store)
    assert (found(store, "other"), found(store, "last"), texts(store)) == ([], ["job"], 1)
    store.remove_finished(AT + 1)
    assert (found(store, "last"), texts(store)) == ([], 0)


def test_jobs_that_are_being_removed_are_in_no_list(store: Store) -> None:
    add(store, "a", run="one", status="failed")
    add(store, "b", status="failed")
    store._run_upkeep(lambda connection: remove_step(connection, AT + 1))
    add(store, "c", run="one")
    assert every_page(store, EVERY_JOB, limit=1) == ["c"]
    assert every_run(store, limit=1) == [["c"]]


def found(store: Store, word: str) -> list[str]:
    return every_page(store, JobFilter(words=(word,)))


def texts(store: Store) -> int:
    return store._read(lambda connection: connection.scalar(select(func.count()).select_from(job_texts)) or 0)


def test_texts_are_written_by_themselves_after_the_end(any_database_url: str) -> None:
    with open_store(any_database_url) as store:
        add(store, "runs", message="words")
        add(store, "ended", message="words", status="failed")
        eventually(lambda: texts(store) == 1)
        assert found(store, "words") == ["ended", "runs"]


def test_a_list_is_read_once_through_while_jobs_come(store: Store) -> None:
    fill(store)
    expected = [job.job_id for job in store.jobs(limit=100).jobs if job.meta["branch"] == "main"]
    page = store.jobs(JobFilter(branch="main"), limit=5)
    names = [job.job_id for job in page.jobs]
    while page.next is not None:
        add(store, f"new-{len(names)}", branch="main", status="failed")
        page = store.jobs(JobFilter(branch="main"), limit=5, before=page.next)
        names += [job.job_id for job in page.jobs]
    assert names == expected


# --- runs ----------------------------------------------------------------------------------


def test_the_jobs_of_a_run_are_one_row_where_its_first_job_stands(store: Store) -> None:
    for name, run in (("a1", 1), ("x", None), ("b1", "2"), ("a2", 1), ("y", None), ("b2", 2), ("a3", "1")):
        add(store, name, run=run)
    add(store, "other", "docs", run=1)
    rows = [["other"], ["y"], ["b1", "b2"], ["x"], ["a1", "a2", "a3"]]
    for limit in (1, 2, 3, 9):
        assert every_run(store, limit=limit) == rows
        assert every_run(store, JobFilter("web"), limit=limit) == rows[1:]
        assert every_run(store, allowed={"docs"}, limit=limit) == rows[:1]


def test_a_run_has_what_its_jobs_have(store: Store) -> None:
    store.append(batch(update(job_id="a", phase="building", meta={"run": 7, "kind": "lint"}), at=AT + 5))
    add(store, "b", status="completed", run="7", title="Fix it", number=48, branch="main")
    add(store, "c", status="failed", run=7.0, title="no part of it")
    (alone, run) = store.runs().runs
    assert (alone.run, alone.status) == ("7.0", "failed")
    assert (run.run, run.status, run.counts) == ("7", "building", {"building": 1, "completed": 1})
    assert (run.text("title"), run.entry("number"), run.text("branch")) == ("Fix it", 48, "main")
    assert (run.started_at, run.finished_at) == (AT, None)
    assert [(job.job_id, job.kind) for job in run.jobs] == [("a", "lint"), ("b", None)]
    assert store.run("web", "7") == run
    assert store.run("web", "8") is None
    assert store.run("docs", "7") is None


def test_a_run_that_comes_late_or_changes_moves_its_job(store: Store) -> None:
    add(store, "a", run="one")
    add(store, "b")
    store.append(batch(update(job_id="b", meta={"run": "one"})))
    assert every_run(store) == [["a", "b"]]
    store.append(batch(update(job_id="a", meta={"run": "two"})))
    assert every_run(store) == [["b"], ["a"]]


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (["completed", "failed", "building"], "failed"),
        (["cancelled", "building"], "cancelled"),
        (["completed", "queued", "building"], "building"),
        (["completed"], "completed"),
        (["cancelled", "abandoned"], "abandoned"),
    ],
)
def test_a_run_has_the_worst_status_of_its_jobs(statuses: list[Any], expected: str) -> None:
    assert worst(statuses) == expected
    assert set(WORST_FIRST) == {"queued", "preparing", "installing", *STATUSES, "abandoned"}


def test_a_status_that_is_asked_for_is_the_runs_own(store: Store) -> None:
    add(store, "a1", run="a", status="completed", kind="lint")
    add(store, "a2", run="a", status="failed", kind="test")
    add(store, "b1", run="b", status="completed", kind="lint")
    add(store, "c", status="completed", kind="lint")
    add(store, "d", kind="lint")
    assert every_run(store, JobFilter(statuses=("completed",))) == [["c"], ["b1"]]
    assert every_run(store, JobFilter(statuses=("failed",))) == [["a1", "a2"]]
    assert every_run(store, JobFilter(statuses=RUNNING)) == [["d"]]
    assert every_run(store, JobFilter(kind="lint")) == [["d"], ["c"], ["b1"], ["a1", "a2"]]
    assert every_run(store, JobFilter(kind="lint", statuses=("failed",))) == []


def test_a_large_run_is_one_row_and_is_read_in_parts(store: Store) -> None:
    for number in range(0, 500, 50):
        store.append(
            batch(*(update(job_id=f"leg-{leg}", meta={"run": "big"}) for leg in range(number, number + 50)))
        )
    add(store, "leg-500", status="failed", run="big")
    (run,) = store.runs().runs
    assert (len(run.jobs), len(run.known), run.worst_job.job_id) == (501, 21, "leg-500")
    page = store.run_jobs("web", "big", limit=300)
    assert page.next is not None
    rest = store.run_jobs("web", "big", page.next, 300)
    assert [job.job_id for job in [*page.jobs, *rest.jobs]] == [f"leg-{leg}" for leg in range(501)]
    assert rest.next is None


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    of_runs=st.lists(st.sampled_from([None, "a", "b", "c"]), min_size=1, max_size=12),
    wanted=st.lists(st.booleans(), min_size=12, max_size=12),
    limit=st.integers(1, 4),
    step=st.integers(1, 3),
)
def test_each_run_is_listed_once_in_order_however_runs_overlap(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    of_runs: list[str | None],
    wanted: list[bool],
    limit: int,
    step: int,
) -> None:
    monkeypatch.setattr(runlists, "_STEP", step)
    monkeypatch.setattr(runlists, "_MOST_STEP", step)
    with open_store(f"sqlite:///{tmp_path_factory.mktemp('runs')}/chef.db") as store:
        for number, run in enumerate(of_runs):
            add(store, str(number), run=run, branch="main" if wanted[number] else "other")
        expected: list[list[str]] = []
        for number, run in reversed(list(enumerate(of_runs))):
            members = [n for n, other in enumerate(of_runs) if other == run] if run else [number]
            if members[0] == number and any(wanted[member] for member in members):
                expected.append([str(member) for member in members])
        assert every_run(store, JobFilter(branch="main"), limit=limit) == expected


# --- menus and neighbours ------------------------------------------------------------------


def test_a_menu_offers_what_the_newest_jobs_have(store: Store) -> None:
    assert store.filter_menu("web").branches == []
    for number in range(60):
        add(store, str(number), branch=f"topic/{number}", author="Amina", kind=number % 2 or None)
    menu = store.filter_menu("web")
    assert menu.branches == [f"topic/{number}" for number in range(59, 9, -1)]
    assert (menu.authors, menu.kinds) == (["Amina"], ["1", None])


def test_a_menu_of_all_projects_offers_what_one_may_see(store: Store) -> None:
    add(store, "a", "web", branch="main", kind="lint")
    add(store, "b", "secret", branch="acquisition", author="Chen", kind="audit")
    add(store, "c", "docs", branch="topic", author="Amina")
    assert store.filter_menu().branches == ["topic", "acquisition", "main"]
    menu = store.filter_menu(allowed=["web", "docs"])
    assert (menu.branches, menu.authors, menu.kinds) == (["topic", "main"], ["Amina"], [None, "lint"])
    assert store.filter_menu(allowed=[]).branches == []


def test_neighbours_are_of_the_same_kind_and_project(store: Store) -> None:
    add(store, "a", kind="lint", status="completed")
    add(store, "b", kind="test", status="completed")
    add(store, "c", kind="lint", status="failed")
    add(store, "d", "docs", kind="lint", status="completed")
    add(store, "e", kind="lint")
    add(store, "f", status="completed")
    add(store, "g")

    def around(name: str) -> list[str | None]:
        near = store.neighbours(name)
        assert near is not None
        return [job.job_id if job else None for job in (near.previous, near.next, near.last_green)]

    assert around("c") == ["a", "e", "a"]
    assert around("e") == ["c", None, "a"]
    assert around("a") == [None, "c", None]
    assert around("g") == ["f", None, "f"]
    assert store.neighbours("unknown") is None

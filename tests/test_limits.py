"""Limits of what is stored: each refuses what goes beyond, says which it is, and loses nothing taken."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chef.domain.limits import StoredLimits
from chef.live.storelimit import StoreLimit
from chef.store import Store
from tests.tools.making import AT, batch, log, open_store, piece, update
from tests.tools.reporting import Machine
from tests.tools.serving import Served

HOUR = 60 * 60 * 1000

StartServer = Callable[..., Served]


def post(server: Served, path: str = "/api/updates", **options: Any) -> tuple[int, str, str]:
    answer = server.post(path, **options)
    return answer.status_code, answer.json().get("code", ""), answer.json().get("detail", "")


def of_job(job_id: str, project_id: str = "web", **fields: Any) -> dict[str, Any]:
    return {"type": "progress", "jobId": job_id, "projectId": project_id, **fields}


@pytest.mark.slow
def test_each_limit_refuses_with_its_name_and_is_counted(start_server: StartServer) -> None:
    server = start_server(
        CHEF_MAX_JOBS_PER_HOUR="3", CHEF_MAX_PROJECTS="2", CHEF_MAX_STREAMS="2", CHEF_MAX_PHASES="3"
    )
    if time.time() % 3600 > 3570:
        time.sleep(35)  # The hour is about to end, and with it the count.
    server.update(of_job("a"), of_job("b"), of_job("c"), of_job("d", "docs"))
    refused = server.post("/api/updates", json=[of_job("a", progress=5), of_job("e")])
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_jobs")
    assert "CHEF_MAX_JOBS_PER_HOUR" in refused.json()["detail"]
    assert 1 <= int(refused.headers["Retry-After"]) <= 3601
    # Refused whole, and jobs that are there go on.
    assert server.get("/api/jobs/a").json()["progress"] == 0
    server.update(of_job("a", progress=5), of_job("e", "docs"))
    status, code, detail = post(server, json=of_job("f", "third"))
    assert (status, code) == (422, "too_many_projects")
    assert "CHEF_MAX_PROJECTS" in detail
    for stream in ("stdout", "stderr"):
        assert server.post(f"/api/jobs/a/logs?stream={stream}", data=b"line\n").status_code == 200
    status, code, detail = post(server, "/api/jobs/a/logs?stream=third", data=b"line\n")
    assert (status, code) == (422, "too_many_streams")
    assert "CHEF_MAX_STREAMS" in detail
    assert server.post("/api/jobs/a/logs", data=b"more\n").status_code == 200
    for phase in ("preparing", "installing"):
        server.update(of_job("a", phase=phase))
    status, code, detail = post(server, json=of_job("a", phase="building"))
    assert (status, code) == (422, "too_many_phases")
    assert "CHEF_MAX_PHASES" in detail
    server.update(of_job("a", message="still there"), {"type": "error", "jobId": "a", "message": "no"})
    metrics = server.get("/metrics").text
    for code in ("jobs", "projects", "streams", "phases"):
        assert f'chef_refused_total{{reason="too_many_{code}"}} 1.0' in metrics


@pytest.mark.parametrize("together", [True, False], ids=["one request", "several requests"])
def test_new_ones_count_within_a_request_as_over_several(any_database_url: str, together: bool) -> None:
    limits = {"max_jobs_per_hour": 4, "max_projects": 3, "max_streams": 5, "max_phases": 6}

    def taken(store: Store, items: list[Any]) -> int:
        count = 0
        for part in [items] if together else [[item] for item in items]:
            try:
                count += store.append(batch(*part)).accepted
            except Exception as refusal:
                assert "too_many" in getattr(refusal, "code", "")  # noqa: PT017
        return count

    with open_store(any_database_url, **limits) as store:
        assert taken(store, [update(job_id=f"j{n}") for n in range(4)]) == 4
        assert taken(store, [update(job_id=f"p{n}", project_id=f"p{n}") for n in range(2)]) == 2
        more = [update(job_id=f"k{n}") for n in range(3)]
        assert taken(store, more) == 0
        assert taken(store, [update(job_id="q", project_id="q")]) == 0
        assert taken(store, [log("x", job_id="j1", stream=f"s{n}") for n in range(5)]) == 5
        assert taken(store, [log("x", job_id="j1", stream=f"t{n}") for n in range(2)]) == 0
        assert taken(store, [update(job_id="j2", phase=f"phase-{n}") for n in range(5)]) == 5
        assert taken(store, [update(job_id="j2", phase=f"more-{n}") for n in range(2)]) == 0
        # The next hour of the clock is another one.
        later = batch(*more, at=AT + HOUR)
        assert store.append(later).accepted == 3


def test_0_is_any_number(any_database_url: str) -> None:
    none = {"max_jobs_per_hour": 0, "max_projects": 0, "max_streams": 0, "max_phases": 0}
    with open_store(any_database_url, **none) as store:
        many = [update(job_id=f"j{n}", project_id=f"p{n}") for n in range(300)]
        many += [update(job_id="j0", project_id="p0", phase=f"phase-{n}") for n in range(300)]
        assert store.append(batch(*many)).accepted == 600


# Bytes


def finish(store: Store, number: int, lines: int = 400) -> None:
    text = "".join(f"{number} {line} {hash((number, line))}\n" for line in range(lines))
    name = f"job-{number:03}"
    store.append(batch(piece(text.encode(), name), at=AT + number))
    store.append(batch(update("completed", name), at=AT + number))


def test_the_oldest_finished_jobs_go_until_there_is_room_again(any_database_url: str) -> None:
    with open_store(any_database_url) as store:
        store.append(batch(update(job_id="running"), piece(b"of the running one\n", "running"), at=AT - 1))
        for number in range(120):
            finish(store, number)
        limit = store.size(0)[0] * 3 // 4
        keeper = StoreLimit(store, limit)
        removed = keeper.run()
        assert 20 <= removed <= 100
        left = sorted(job.job_id for job in store.jobs(limit=500).jobs)
        assert left == [*(f"job-{number:03}" for number in range(removed, 120)), "running"]
        # Within the hysteresis nothing more goes, on files that stay as large as well.
        assert keeper.run() == 0
        assert StoreLimit(store, limit).run() == 0
        assert StoreLimit(store, 0).run() == 0


def test_a_store_of_running_jobs_alone_says_that_nothing_can_go(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with open_store(database_url) as store:
        store.append(batch(update(job_id="running")))
        keeper = StoreLimit(store, 1000)
        assert (keeper.run(), keeper.run()) == (0, 0)
        assert store.job("running") is not None
        assert caplog.text.count("CHEF_MAX_STORE_BYTES") == 1


def test_how_much_of_each_limit_is_used(any_database_url: str) -> None:
    with open_store(any_database_url) as store:
        store.append(batch(*(update(job_id=f"j{n}", project_id=f"p{n % 2}") for n in range(5))))
        used = store.usage(StoredLimits(jobs_per_hour=10, projects=7), 99, AT)
        assert [(one.setting, one.limit) for one in used] == [
            ("CHEF_MAX_STORE_BYTES", 99),
            ("CHEF_MAX_PROJECTS", 7),
            ("CHEF_MAX_JOBS_PER_HOUR", 10),
        ]
        assert used[0].used > 1000
        assert (used[1].used, used[2].used) == (2, 3)
        assert store.usage(StoredLimits(), 0, AT + HOUR)[2].used == 0


@pytest.mark.slow
def test_a_server_keeps_within_its_bytes(start_server: StartServer, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'kept.db'}"
    with open_store(url) as store:
        for number in range(60):
            finish(store, number)
        limit = store.size(0)[0] // 2
    server = start_server(DATABASE_URL=url, CHEF_MAX_STORE_BYTES=str(limit), CHEF_RETENTION_DAYS="0")
    deadline = time.monotonic() + 60
    while len(found := server.get("/api/jobs?limit=1000").json()["jobs"]) == 60 or "job-059" not in {
        job["jobId"] for job in found
    }:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert f"chef_store_bytes_limit {float(limit)}" in server.get("/metrics").text


@pytest.mark.slow
def test_a_build_goes_on_beyond_a_limit_and_says_so(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server(CHEF_MAX_STREAMS="1", CHEF_MAX_PHASES="1")
    machine = Machine(tmp_path, CHEF_URL=server.url, CHEF_PROJECT="web", CHEF_JOB="job")
    script = "echo out; echo err >&2; exit 4"
    done = machine.run("run", "--linger", "5", "--phase", "building", "--", "sh", "-c", script)
    assert (done.status, done.out) == (4, b"out\n")
    assert "CHEF_MAX_STREAMS" in done.err
    assert server.get("/api/jobs/job").json()["status"] == "failed"

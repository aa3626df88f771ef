"""The client that the server brings: what a page is told, over breaks, refusals and other histories.

In Node, which has the same `fetch`; with pages, frameworks and hidden tabs in test_client_pages.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from chef.access.jwts import issue_token
from chef.domain.clock import now_ms
from chef.settings.config import Settings
from tests.tools.clientwatching import Clients, WatchInNode, clients_in_node
from tests.tools.serving import Served, Serving, free_port
from tests.tools.swallowing import Swallowing
from tests.tools.watching import eventually

pytestmark = pytest.mark.real

SECRET = "a secret that is long enough for HS256"
WRITE_TOKEN = "write-token-0123456"
GUARDED = {"CHEF_JWT_SECRET": SECRET, "CHEF_API_TOKEN": WRITE_TOKEN}

both_ways = pytest.mark.parametrize("over_socket", [False, True], ids=["fetch", "socket.io"])


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, serving: Serving) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("server"), {"CHEF_CONTROL": "true"}) as served:
        yield served


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, serving: Serving) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("guarded"), GUARDED) as served:
        served.session.headers["Authorization"] = f"Bearer {WRITE_TOKEN}"
        yield served


@pytest.fixture
def clients(tmp_path: Path) -> Iterator[Clients]:
    with clients_in_node(tmp_path) as running:
        yield running


@pytest.fixture
def brisk(tmp_path: Path) -> Iterator[Clients]:
    """Clients whose own waiting is five times shorter."""
    with clients_in_node(tmp_path, speed=5) as running:
        yield running


@pytest.fixture
def hasty(tmp_path: Path) -> Iterator[Clients]:
    """Clients whose own waiting is twenty times shorter."""
    with clients_in_node(tmp_path, speed=20) as running:
        yield running


def progress(job_id: str, **fields: Any) -> dict[str, Any]:
    return {"type": "progress", "jobId": job_id, "projectId": "web"} | fields


def log(job_id: str, message: str) -> dict[str, Any]:
    return {"type": "log", "jobId": job_id, "projectId": "web", "message": message}


def completed(job_id: str) -> dict[str, Any]:
    return {"type": "completed", "jobId": job_id}


def token(*, seconds: int = 600, projects: tuple[str, ...] = ()) -> str:
    return issue_token(Settings(jwt_secret=SECRET), {"read"}, projects, seconds, now_ms())


def has_more_than(watch: WatchInNode, lines: int) -> bool:
    return len(watch.messages) > lines


@both_ways
def test_a_job_is_shown_from_before_its_beginning_to_its_end(
    clients: Clients, shared: Served, over_socket: bool
) -> None:
    job = f"whole-{over_socket}"
    watch = clients.job(shared.url, job, overSocket=over_socket)
    assert watch.wait_for("waiting")["job"] is None
    shared.update(
        progress(job, phase="installing", progress=20, meta={"branch": "main"}), log(job, "one\ntwo")
    )
    eventually(lambda: watch.messages == ["one", "two"])
    eventually(lambda: (watch.state["job"] or {}).get("meta") == {"branch": "main"})
    shared.update(progress(job, phase="building", progress=60))
    eventually(lambda: [phase["phase"] for phase in watch.state["phases"]] == ["installing", "building"])
    shared.update({"type": "error", "jobId": job, "message": "tests failed", "code": 2})
    state = watch.wait_for("ended")
    assert state["job"]["status"] == "failed"
    assert state["job"]["error"] == {"message": "tests failed", "code": 2}
    eventually(lambda: watch.state["job"] == shared.get(f"/api/jobs/{job}").json())
    assert [line["line"] for line in watch.state["lines"]] == [1, 2]


@both_ways
def test_stop_requests_and_questions_are_shown_and_change_nothing_else(
    clients: Clients, shared: Served, over_socket: bool
) -> None:
    """They come as events without a seq, which say nothing of the job's state."""
    job, project = (f"asked-{over_socket}", f"control-{over_socket}")
    shared.update(progress(job, projectId=project, phase="building", progress=60))
    watches = [
        clients.job(shared.url, job, overSocket=over_socket),
        clients.project(shared.url, project, overSocket=over_socket, limit=1),
    ]
    for watch in watches:
        watch.wait_for("live")
    asked = {"id": "q", "text": "Now?", "options": ["yes", "no"]}
    assert shared.post(f"/api/jobs/{job}/questions", json=asked).status_code == 200
    assert shared.post(f"/api/jobs/{job}/stop", json={"by": "Ann"}).status_code == 200

    def shown(watch: WatchInNode) -> dict[str, Any]:
        state = watch.state
        found: dict[str, Any] = state["job"] if "job" in state else state["jobs"][0]
        return found

    def is_told(watch: WatchInNode) -> bool:
        job = shown(watch)
        questions = [one["id"] for one in job.get("questions", [])]
        return (job.get("stop", {}).get("by"), questions) == ("Ann", ["q"])

    for watch in watches:
        eventually(partial(is_told, watch))
        assert shown(watch)["status"] == "building"
        assert watch.state["unsound"] == []
    # Of a job that is not among the newest ones nothing is told.
    shared.update(progress(f"{job}-newer", projectId=project))
    eventually(lambda: shown(watches[1])["jobId"] == f"{job}-newer")
    shared.post(f"/api/jobs/{job}/questions", json=asked | {"id": "r"})
    eventually(lambda: len(shown(watches[0])["questions"]) == 2)
    assert [one["jobId"] for one in watches[1].state["jobs"]] == [f"{job}-newer"]


@both_ways
def test_a_line_that_is_replaced_keeps_its_number(
    clients: Clients, shared: Served, over_socket: bool
) -> None:
    job = f"replaced-{over_socket}"
    watch = clients.job(shared.url, job, overSocket=over_socket)
    shared.post(f"/api/jobs/{job}/logs?projectId=web", data="first\n10 %\r50 %\r")
    shared.post(f"/api/jobs/{job}/logs?projectId=web", data="100 %\nlast\n")
    shared.update(completed(job))
    watch.wait_for("ended")
    stored = shared.get(f"/api/jobs/{job}/logs?limit=1000").json()["lines"]
    assert [(line["line"], line["message"]) for line in watch.state["lines"]] == [
        (line["line"], line["message"]) for line in stored
    ]


@both_ways
def test_a_server_that_is_killed_three_times_leaves_no_hole(
    brisk: Clients, tmp_path: Path, serving: Serving, over_socket: bool
) -> None:
    port = str(free_port())
    watch = brisk.job(f"http://127.0.0.1:{port}", "job", overSocket=over_socket)
    sent = 0
    for _ in range(3):
        has_more = partial(has_more_than, watch, len(watch.messages))
        with serving(tmp_path, {"PORT": port}) as served:
            for _ in range(5):
                text = "".join(f"line {sent + number}\n" for number in range(100))
                assert served.post("/api/jobs/job/logs?projectId=web", data=text).status_code == 200
                sent += 100
            # It is here again before the server is killed again.
            eventually(has_more)
            served.kill()
    with serving(tmp_path, {"PORT": port}) as served:
        served.update(completed("job"))
        state = watch.wait_for("ended")
        assert [line["message"] for line in state["lines"]] == [f"line {number}" for number in range(sent)]
        assert state["connections"].count("reconnecting") >= 3
        watch.close()


@both_ways
def test_another_history_is_shown_without_a_line_of_the_first(
    brisk: Clients, tmp_path: Path, serving: Serving, over_socket: bool
) -> None:
    port = str(free_port())
    watch = brisk.job(f"http://127.0.0.1:{port}", "job", overSocket=over_socket)
    with serving(tmp_path, {"PORT": port}) as served:
        served.update(
            progress("job", phase="building"), *(log("job", f"old {number}") for number in range(9))
        )
        eventually(lambda: len(watch.messages) == 9)
        served.kill()
    for file in tmp_path.glob("chef.db*"):
        file.unlink()
    with serving(tmp_path, {"PORT": port}) as served:
        served.update(log("job", "new"), completed("job"))
        assert [line["message"] for line in watch.wait_for("ended")["lines"]] == ["new"]
        watch.close()


@both_ways
def test_a_store_that_was_put_back_to_an_earlier_state_is_shown_as_it_is(
    brisk: Clients, tmp_path: Path, serving: Serving, over_socket: bool
) -> None:
    port = str(free_port())
    watch = brisk.job(f"http://127.0.0.1:{port}", "job", overSocket=over_socket)
    with serving(tmp_path, {"PORT": port}) as served:
        served.update(log("job", "kept"))
    backup = {file: file.read_bytes() for file in tmp_path.glob("chef.db*")}
    with serving(tmp_path, {"PORT": port}) as served:
        served.update(*(log("job", f"lost {number}") for number in range(9)))
        eventually(lambda: len(watch.messages) == 10)
        served.kill()
    for file in tmp_path.glob("chef.db*"):
        file.unlink()
    for file, content in backup.items():
        file.write_bytes(content)
    with serving(tmp_path, {"PORT": port}) as served:
        served.update(log("job", "new"), completed("job"))
        assert [line["message"] for line in watch.wait_for("ended")["lines"]] == ["kept", "new"]
        watch.close()


@both_ways
def test_a_job_that_is_erased_is_forgotten(clients: Clients, shared: Served, over_socket: bool) -> None:
    job = f"erased-{over_socket}"
    watch = clients.job(shared.url, job, overSocket=over_socket)
    shared.update(progress(job, phase="building"), log(job, "one\ntwo\nthree"))
    eventually(lambda: len(watch.messages) == 3)
    assert shared.session.delete(f"{shared.url}/api/jobs/{job}/logs", timeout=30).status_code == 200
    eventually(lambda: watch.messages == [])
    assert watch.state["job"]["status"] == "building"
    assert shared.session.delete(f"{shared.url}/api/jobs/{job}", timeout=30).status_code == 200
    state = watch.wait_for("waiting")
    assert (state["job"], state["lines"]) == (None, [])
    assert state["connections"][-2:] == ["live", "waiting"]


@both_ways
def test_a_part_that_was_removed_leaves_what_is_there(
    brisk: Clients, tmp_path: Path, serving: Serving, over_socket: bool
) -> None:
    port = str(free_port())
    environment = {"PORT": port, "CHEF_MAX_LOG_BYTES": "65536"}
    watch = brisk.job(f"http://127.0.0.1:{port}", "job", overSocket=over_socket)
    with serving(tmp_path, environment) as served:
        served.update(log("job", "the first"))
        eventually(lambda: watch.messages == ["the first"])
        served.kill()
    watch.wait_for("reconnecting")
    away = {**environment, "PORT": str(free_port())}
    with serving(tmp_path, away) as served:
        for number in range(30):
            served.post("/api/jobs/job/logs?projectId=web", data=f"{number} {'x' * 8000}\n")
        served.update(log("job", "the last"))
    with serving(tmp_path, environment) as served:
        served.update(completed("job"))
        messages = [line["message"] for line in watch.wait_for("ended")["lines"]]
        assert (messages[0], messages[-1]) == ("the first", "the last")
        assert 2 < len(messages) < 32
        watch.close()


@both_ways
def test_a_log_that_is_erased_while_nobody_is_connected_is_forgotten(
    brisk: Clients, tmp_path: Path, serving: Serving, over_socket: bool
) -> None:
    port = str(free_port())
    watch = brisk.job(f"http://127.0.0.1:{port}", "job", overSocket=over_socket)
    with serving(tmp_path, {"PORT": port}) as served:
        served.update(progress("job", phase="building"), log("job", "one\nsecret\nthree"))
        eventually(lambda: len(watch.messages) == 3)
        served.kill()
    watch.wait_for("reconnecting")
    with serving(tmp_path, {"PORT": str(free_port())}) as served:
        assert served.session.delete(f"{served.url}/api/jobs/job/logs", timeout=30).status_code == 200
        served.update(log("job", "four"))
    with serving(tmp_path, {"PORT": port}) as served:
        watch.wait_for("live")
        eventually(lambda: watch.messages[-1:] == ["four"] and "secret" not in watch.messages)
        watch.close()


def test_a_log_that_is_erased_long_after_the_end_is_forgotten(tmp_path: Path, shared: Served) -> None:
    """Nothing tells of it: the stream has ended, and what may come late has been looked for."""
    shared.update(progress("long-over", phase="building"), log("long-over", "one\nsecret"))
    shared.update(completed("long-over"))
    with clients_in_node(tmp_path, speed=100) as clients:
        watch = clients.job(shared.url, "long-over")
        assert len(watch.wait_for("ended")["lines"]) == 2
        time.sleep(4)  # The looks for what comes late are over after 3.2 seconds.
        assert shared.session.delete(f"{shared.url}/api/jobs/long-over/logs", timeout=30).status_code == 200
        eventually(lambda: "secret" not in watch.messages)
        assert shared.session.delete(f"{shared.url}/api/jobs/long-over", timeout=30).status_code == 200
        assert watch.wait_for("waiting")["job"] is None
        watch.close()


@both_ways
def test_a_refusal_is_a_state_and_no_loop(clients: Clients, guarded: Served, over_socket: bool) -> None:
    guarded.update(progress("secret", projectId="other"))
    cases = [
        (clients.job(guarded.url, "secret", overSocket=over_socket), "unauthorized"),
        (clients.job(guarded.url, "secret", overSocket=over_socket, token="wrong"), "unauthorized"),
        (
            clients.job(guarded.url, "secret", overSocket=over_socket, token=token(projects=("web",))),
            "forbidden",
        ),
        (clients.job(guarded.url, "no id", overSocket=over_socket, token=token()), "refused"),
        (
            clients.project(guarded.url, "other", overSocket=over_socket, token=token(projects=("web",))),
            "forbidden",
        ),
    ]
    for watch, expected in cases:
        state = watch.wait_for(expected)
        assert state["connection"]["reason"]
    time.sleep(1)
    for watch, expected in cases:
        assert watch.state["connections"] == [expected]


def test_an_address_without_a_server_of_ours_is_said_to_be_that(clients: Clients, shared: Served) -> None:
    nothing = clients.job(f"{shared.url}/api", "job")
    assert nothing.wait_for("not-found")["connections"] == ["not-found"]
    # A development server answers every address with its page.
    with fake(lambda handler: answer(handler, 200, "text/html", b"<!doctype html>")) as url:
        assert clients.job(url, "job").wait_for("not-found")["connection"]["reason"] == (
            "there is no Chef at this address"
        )


@both_ways
def test_a_refused_token_is_asked_for_anew_once(clients: Clients, guarded: Served, over_socket: bool) -> None:
    guarded.update(progress("anew", phase="building"))
    watch = clients.job(guarded.url, "anew", overSocket=over_socket, tokens=["wrong", token()])
    assert watch.wait_for("live")["asked"] == [False, True]
    still = clients.job(guarded.url, "anew", overSocket=over_socket, tokens=["wrong"])
    assert still.wait_for("unauthorized")["asked"] == [False, True]
    still.retry()
    eventually(lambda: still.state["asked"] == [False, True, False, True])


def test_an_expired_token_is_asked_for_anew_without_a_hole(clients: Clients, guarded: Served) -> None:
    guarded.update(log("expiring", "before"))
    watch = clients.job(guarded.url, "expiring", tokens=[token(seconds=3), token()])
    watch.wait_for("live")
    eventually(lambda: len(watch.state["asked"]) == 2)
    guarded.update(log("expiring", "after"), completed("expiring"))
    assert [line["message"] for line in watch.wait_for("ended")["lines"]] == ["before", "after"]


def test_a_hundred_thousand_lines_are_told_in_few_calls(clients: Clients, shared: Served) -> None:
    count = 100_000
    shared.post("/api/jobs/long/logs?projectId=web", data="".join(f"{number}\n" for number in range(count)))
    shared.update(completed("long"))
    begun = time.monotonic()
    watch = clients.job(shared.url, "long")
    eventually(lambda: watch.connection == "ended")
    seconds = time.monotonic() - begun
    state = watch.state
    assert [line["line"] for line in state["lines"]] == list(range(1, count + 1))
    assert state["calls"] <= seconds * 60 + 10


def test_a_part_of_a_state_is_another_object_only_where_it_is_another(
    clients: Clients, shared: Served
) -> None:
    watch, project = clients.job(shared.url, "same"), clients.project(shared.url, "of-same")
    shared.update(
        progress("same", projectId="of-same", phase="building"), log("same", "one") | {"projectId": "of-same"}
    )
    for percent in range(20, 30):
        shared.update(progress("same", projectId="of-same", phase="building", progress=percent))
    shared.update(completed("same"))
    watch.wait_for("ended")
    eventually(lambda: project.state["jobs"][0]["status"] == "completed")
    assert (watch.state["anew"], project.state["anew"]) == ([], [])


def test_of_a_long_log_the_newest_lines_may_be_enough(clients: Clients, shared: Served) -> None:
    shared.post("/api/jobs/tail/logs?projectId=web", data="".join(f"{number}\n" for number in range(500)))
    newest = clients.job(shared.url, "tail", tail=3)
    none = clients.job(shared.url, "tail", tail=0)
    eventually(lambda: newest.messages == ["497", "498", "499"])
    shared.update(log("tail", "a\nb"), completed("tail"))
    newest.wait_for("ended")
    assert newest.messages == ["499", "a", "b"]
    assert none.wait_for("ended")["lines"] == []
    assert none.state["job"]["lines"] == 502


def test_ten_jobs_at_once_leave_connections_for_others(brisk: Clients, shared: Served) -> None:
    jobs = [f"many-{number}" for number in range(10)]
    watches = [brisk.job(shared.url, job) for job in jobs]
    eventually(lambda: sorted(watch.connection for watch in watches) == ["waiting"] * 10)
    for job in jobs:
        shared.update(progress(job, phase="building"), log(job, f"{job} one\n{job} two"))
    for job, watch in zip(jobs, watches, strict=True):
        eventually(lambda watch=watch, job=job: watch.messages == [f"{job} one", f"{job} two"])  # type: ignore[misc]
    states = sorted(watch.connection for watch in watches)
    assert states == ["live"] * 4 + ["polling"] * 6
    project = brisk.project(shared.url, "web")
    assert {job["jobId"] for job in project.wait_for("polling")["jobs"]} >= set(jobs)
    shared.update(*map(completed, jobs))
    for watch in watches:
        watch.wait_for("ended")
    project.wait_for("live")


@both_ways
def test_a_project_shows_its_newest_jobs(clients: Clients, shared: Served, over_socket: bool) -> None:
    name = f"project-{over_socket}"
    jobs = [f"{name}-{number}" for number in range(4)]
    for job in jobs[:3]:
        shared.update(progress(job, projectId=name))
    watch = clients.project(shared.url, name, overSocket=over_socket, limit=3)
    assert [job["jobId"] for job in watch.wait_for("live")["jobs"]] == [jobs[2], jobs[1], jobs[0]]
    shared.update(progress(jobs[0], projectId=name, phase="building", progress=70))
    eventually(lambda: watch.state["jobs"][2]["progress"] == 70)
    shared.update(progress(jobs[3], projectId=name, meta={"branch": "main"}))
    eventually(lambda: watch.state["jobs"][0]["meta"] == {"branch": "main"})
    assert [job["jobId"] for job in watch.state["jobs"]] == [jobs[3], jobs[2], jobs[1]]
    shared.update(completed(jobs[2]))
    eventually(lambda: watch.state["jobs"][1]["status"] == "completed")
    shared.session.delete(f"{shared.url}/api/jobs/{jobs[2]}", timeout=30)
    eventually(lambda: jobs[2] not in [job["jobId"] for job in watch.state["jobs"]])


@both_ways
def test_a_hidden_page_gives_its_connection_up_and_misses_nothing(
    brisk: Clients, shared: Served, over_socket: bool
) -> None:
    job = f"hidden-{over_socket}"
    shared.update(log(job, "before"))
    watch = brisk.job(shared.url, job, overSocket=over_socket, hiddenAfter=200)
    always = brisk.job(shared.url, job, overSocket=over_socket, hiddenAfter=2**40)
    eventually(lambda: watch.messages == ["before"])
    brisk.look(hidden=True)
    watch.wait_for("paused")
    shared.update(log(job, "meanwhile"))
    eventually(lambda: always.messages == ["before", "meanwhile"])
    assert watch.messages == ["before"]
    brisk.look(hidden=False)
    eventually(lambda: watch.messages == ["before", "meanwhile"])
    assert watch.state["connections"].count("paused") == 1
    assert "reconnecting" not in watch.state["connections"]


def test_a_connection_that_is_silent_is_given_up(hasty: Clients, shared: Served) -> None:
    with Swallowing(shared.port) as proxy:
        watch = hasty.job(f"http://127.0.0.1:{proxy.port}", "silent")
        watch.wait_for("waiting")
        proxy.swallow()
        shared.update(log("silent", "unheard"))
        eventually(lambda: "silent" in (watch.state["connection"]["reason"] or ""))
        proxy.forward()
        eventually(lambda: watch.messages == ["unheard"])


def test_what_comes_after_the_end_is_still_looked_for(hasty: Clients, shared: Served) -> None:
    shared.update(progress("late", phase="building"), completed("late"))
    watch = hasty.job(shared.url, "late")
    watch.wait_for("ended")
    shared.post("/api/jobs/late/logs?projectId=web", data="a late line\n")
    eventually(lambda: watch.messages == ["a late line"])
    assert watch.state["connections"][-1] == "ended"
    assert watch.state["connections"].count("ended") == 1


def test_a_server_that_wants_to_be_left_alone_is(brisk: Clients) -> None:
    times: list[float] = []

    def busy(handler: BaseHTTPRequestHandler) -> None:
        times.append(time.monotonic())
        answer(handler, 503, "application/problem+json", b'{"detail": "come later"}', Retry_After="5")

    with fake(busy) as url:
        watch = brisk.job(url, "job")
        assert watch.wait_for("reconnecting")["connection"]["reason"] == "come later"
        eventually(lambda: len(times) == 3)
        watch.close()
    gaps = [later - earlier for earlier, later in pairwise(times)]
    # By five times the speed five seconds are one.
    assert min(gaps) >= 0.95


def test_without_a_word_of_the_server_tries_become_rarer(hasty: Clients) -> None:
    times: list[float] = []

    def broken(handler: BaseHTTPRequestHandler) -> None:
        times.append(time.monotonic())
        answer(handler, 502, "text/html", b"bad gateway")

    with fake(broken) as url:
        watch = hasty.job(url, "job")
        eventually(lambda: len(times) == 8)
        watch.close()
    # By twenty times the speed the waiting is 25 ms at most, then 50, and so on to 750.
    assert times[7] - times[5] >= 0.5
    assert watch.state["connection"] == {"state": "closed", "reason": None}


def answer(
    handler: BaseHTTPRequestHandler, status: int, content_type: str, body: bytes, **headers: str
) -> None:
    handler.send_response(status)
    for name, value in {"Content-Type": content_type, "Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


class fake:  # noqa: N801
    """A server that is none of ours, for the time of a block; gives its address."""

    def __init__(self, respond: Callable[[BaseHTTPRequestHandler], None]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                respond(self)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> str:
        self._thread.start()
        return f"http://127.0.0.1:{self._server.server_port}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

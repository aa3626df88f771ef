"""`GET /api/jobs/JOB?wait=`: answered at the end of the job, without a greenlet that waits for it."""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from itertools import count
from pathlib import Path
from typing import Any

import gevent
import pytest
from flask import Flask
from flask.testing import FlaskClient
from gevent.socket import create_connection
from greenlet import greenlet

from chef.access.jwts import issue_token
from chef.http.server import Server
from chef.services import Services
from chef.settings.config import Settings
from tests.tools.serving import ROOT, Served, Serving, measured
from tests.tools.until import until

ENDINGS = [
    ("completed", {}, 200, 200),
    ("error", {"message": "no"}, 200, 417),
    ("cancelled", {}, 200, 410),
]
_numbers = count(1)


def begin(client: FlaskClient, job_id: str = "job") -> None:
    update = {"projectId": "web", "phase": "building"}
    assert client.post(f"/api/jobs/{job_id}/progress", data=update).status_code == 200


# --- the server's part: an answer that is given later --------------------------------------


class Later:
    """A WSGI application that postpones its answers; `give` are the functions that give them."""

    def __init__(self) -> None:
        self.give: list[Callable[[Any], None]] = []
        self.gone = 0

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        if environ["PATH_INFO"] == "/now":
            return self.answer(b"now")(environ, start_response)
        self.give.append(environ["chef.postpone"](self._client_left))
        start_response("202 Accepted", [])
        return []

    def _client_left(self) -> None:
        self.gone += 1

    @staticmethod
    def answer(text: bytes) -> Callable[..., list[bytes]]:
        def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
            start_response("200 OK", [("Content-Length", str(len(text)))])
            return [text]

        return application


@pytest.fixture
def later() -> Later:
    return Later()


@pytest.fixture
def server(later: Later) -> Iterator[Server]:
    server = Server(("127.0.0.1", 0), later, lambda environ: False)
    server.start()
    yield server
    server.stop(timeout=1)


def connect(server: Server, path: bytes = b"/later") -> Any:
    client = create_connection(("127.0.0.1", server.server_port), timeout=9)
    client.sendall(b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % path)
    return client


def receive(client: Any, end: bytes) -> bytes:
    answer = b""
    with gevent.Timeout(9):
        while not answer.endswith(end):
            data = client.recv(65536)
            assert data, answer
            answer += data
    return answer


def test_an_answer_can_be_given_later_and_the_connection_goes_on(server: Server, later: Later) -> None:
    with closing(connect(server)) as client:
        for turn in range(3):
            until(lambda turn=turn: len(later.give) == turn + 1)  # type: ignore[misc]
            assert len(server.busy) == 1
            later.give[turn](later.answer(b"late"))
            assert receive(client, b"late").startswith(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n")
            later.give[turn](later.answer(b"twice is once"))
            client.sendall(b"GET /later HTTP/1.1\r\nHost: x\r\n\r\n")
    until(lambda: later.gone == 1)
    assert server.busy == set()


def test_what_a_client_sends_meanwhile_is_answered_behind(server: Server, later: Later) -> None:
    with closing(connect(server)) as client:
        until(lambda: len(later.give) == 1)
        client.sendall(b"GET /now HTTP/1.1\r\nHost: x\r\n\r\n")
        gevent.sleep(0.05)
        later.give[0](later.answer(b"late"))
        assert receive(client, b"\r\n\r\nnow").index(b"\r\n\r\nlate") > 0


def test_a_client_that_goes_frees_everything(server: Server, later: Later) -> None:
    before = len(server.connections)
    client = connect(server)
    until(lambda: len(later.give) == 1)
    client.close()
    until(lambda: later.gone == 1)
    assert (len(server.connections), server.busy) == (before, set())
    later.give[0](later.answer(b"for nobody"))
    gevent.sleep(0.02)
    assert later.gone == 1


def test_a_fault_in_the_later_answer_is_a_500(server: Server, later: Later) -> None:
    def fails(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        raise RuntimeError("on purpose")

    with closing(connect(server)) as client:
        until(lambda: len(later.give) == 1)
        later.give[0](fails)
        assert client.recv(65536).startswith(b"HTTP/1.1 500 ")
    until(lambda: len(server.connections) == 0)


# --- under any WSGI server -----------------------------------------------------------------


@pytest.mark.parametrize(("ending", "fields", "status", "failing"), ENDINGS)
def test_an_ended_job_is_answered_at_once(
    app: Flask, ending: str, fields: dict[str, str], status: int, failing: int
) -> None:
    client = app.test_client()
    begin(client)
    client.post(f"/api/jobs/job/{ending}", data=fields)
    plain = client.get("/api/jobs/job").get_json()
    for query, expected in (("wait=600", status), ("wait=600&fail=1", failing), ("fail=1", failing)):
        answer = client.get(f"/api/jobs/job?{query}")
        assert answer.status_code == expected
        assert answer.get_json() == plain


def test_a_job_that_runs_is_202_when_the_time_is_over(app: Flask) -> None:
    client = app.test_client()
    begin(client)
    began = time.monotonic()
    answer = client.get("/api/jobs/job?wait=1&fail=1")
    assert answer.status_code == 202
    assert answer.get_json()["status"] == "building"
    assert 0.9 < time.monotonic() - began < 5
    assert client.get("/api/jobs/job?wait=0").status_code == 202
    assert len(app.extensions["chef"].end_watches) == 0
    assert app.extensions["chef"].hub.rooms == 0


@pytest.mark.parametrize(
    "query", ["wait=3601", "wait=-1", "wait=soon", "wait=", "wait=1&fail=yes", "wait=1&wait=2"]
)
def test_a_wait_that_is_none_is_refused(app: Flask, query: str) -> None:
    client = app.test_client()
    begin(client)
    assert client.get(f"/api/jobs/job?{query}").status_code == 422


def test_nobody_waits_for_a_job_that_does_not_exist(app: Flask) -> None:
    assert app.test_client().get("/api/jobs/none?wait=600").status_code == 404
    assert app.extensions["chef"].hub.rooms == 0


def test_a_wait_is_for_readers_of_the_project_alone(make_app: Callable[..., Flask]) -> None:
    secret, now = "a secret that is long enough for HS256", [1_700_000_000_000]
    app = make_app(jwt_secret=secret, api_tokens=("a-token-of-the-tests",), clock=lambda: now[0])
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = "Bearer a-token-of-the-tests"
    begin(client)

    def ask(project: str) -> int:
        token = issue_token(Settings(jwt_secret=secret), {"read"}, {project}, 60, now[0])
        return client.get("/api/jobs/job?wait=1", headers={"Authorization": f"Bearer {token}"}).status_code

    assert (ask("web"), ask("shop")) == (202, 403)
    gevent.spawn_later(0.2, now.__setitem__, 0, now[0] + 61_000)
    assert ask("web") == 401  # The token is over before the time is.


def test_a_setting_limits_how_long_anybody_waits(make_app: Callable[..., Flask]) -> None:
    client = make_app(max_wait=1).test_client()
    begin(client)
    began = time.monotonic()
    assert client.get("/api/jobs/job?wait=600").status_code == 202
    assert time.monotonic() - began < 5
    assert Settings.from_env({"DYNO": "web.1"}, None).max_wait == 25
    assert Settings.from_env({"DYNO": "web.1", "CHEF_MAX_WAIT": "50"}, None).max_wait == 50


# --- many who wait -------------------------------------------------------------------------


@pytest.fixture
def waiting(app: Flask) -> Iterator[tuple[Server, Services, FlaskClient]]:
    """An application in Chef's own server, in this process."""
    server = Server(("127.0.0.1", 0), app.wsgi_app, lambda environ: False)
    server.start()
    yield server, app.extensions["chef"], app.test_client()
    server.stop(timeout=1)


def greenlets() -> int:
    gc.collect()
    return sum(isinstance(one, greenlet) and not one.dead for one in gc.get_objects())


@pytest.mark.slow
def test_who_waits_holds_no_greenlet_and_is_answered_within_a_second(
    waiting: tuple[Server, Services, FlaskClient],
) -> None:
    server, services, client = waiting
    begin(client)
    client.get("/api/jobs/job?wait=0")
    before, clients = greenlets(), 300
    path = b"/api/jobs/job?wait=600&fail=1"
    with ExitStack() as stack:
        all_clients = [stack.enter_context(closing(connect(server, path))) for _ in range(clients)]
        until(lambda: len(services.end_watches) == clients)
        gevent.sleep(0.05)
        assert greenlets() - before < 40
        assert services.hub.viewers(("job", "job")) == 1
        client.post("/api/jobs/job/logs", data=b"a line\n" * 1000)
        assert len(services.end_watches) == clients
        began = time.process_time()
        client.post("/api/jobs/job/error", data={"message": "no"})
        answers = [receive(one, b"}\n") for one in all_clients]
        took = time.process_time() - began
    assert took < 1
    assert all(one.startswith(b"HTTP/1.1 417 ") for one in answers)
    assert b'"status":"failed"' in answers[0]
    assert (len(services.end_watches), services.hub.rooms) == (0, 0)


def test_a_client_that_goes_leaves_its_job(waiting: tuple[Server, Services, FlaskClient]) -> None:
    server, services, client = waiting
    begin(client)
    one = connect(server, b"/api/jobs/job?wait=600")
    until(lambda: len(services.end_watches) == 1)
    one.close()
    until(lambda: len(services.end_watches) == 0)
    assert services.hub.rooms == 0


def test_a_job_that_is_removed_is_404(waiting: tuple[Server, Services, FlaskClient]) -> None:
    server, services, client = waiting
    begin(client)
    client.post("/api/jobs/other/progress", data={"projectId": "web", "phase": "building"})
    with closing(connect(server, b"/api/jobs/job?wait=600")) as one:
        until(lambda: len(services.end_watches) == 1)
        client.post("/api/jobs/other/completed")
        gevent.sleep(0.05)
        assert len(services.end_watches) == 1
        remove(services, "job")
        assert one.recv(65536).startswith(b"HTTP/1.1 404 ")


def remove(services: Services, job_id: str) -> None:
    """Remove a job from the store as another process would."""
    with services.store._upkeep_connections.writing() as connection:
        connection.exec_driver_sql(f"DELETE FROM jobs WHERE job_id = '{job_id}'")
    services.hub.load_heads()


# --- served --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, serving: Serving) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("waiting"), measured()) as served:
        yield served
        assert "Traceback" not in served.output.read_text()


def raw(served: Served, path: str) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", served.port), timeout=20)
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    return client


def read_all(client: socket.socket) -> bytes:
    answer = b""
    while data := client.recv(65536):
        answer += data
    client.close()
    return answer


def cpu_seconds(served: Served) -> float:
    """The processor's time that a server has used."""
    fields = Path(f"/proc/{served.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cpu_seconds_at_rest(served: Served) -> float:
    """The same, once the server has nothing to do any more."""
    before, now = -1.0, cpu_seconds(served)
    while now > before:
        time.sleep(0.3)
        before, now = now, cpu_seconds(served)
    return now


def test_a_thousand_who_wait_are_answered_within_a_second(start_server: Callable[..., Served]) -> None:
    served = start_server()
    job_id = f"job-{next(_numbers)}"
    served.update({"type": "progress", "jobId": job_id, "projectId": "web", "phase": "building"})
    clients = [raw(served, f"/api/jobs/{job_id}?wait=600") for _ in range(1000)]
    served.update({"type": "progress", "jobId": job_id, "progress": 60})
    began = cpu_seconds_at_rest(served)
    served.update({"type": "completed", "jobId": job_id, "message": "done"})
    answers = [read_all(client) for client in clients]
    took = cpu_seconds(served) - began
    assert all(one.startswith(b"HTTP/1.1 200 ") for one in answers)
    assert {json.loads(one.partition(b"\r\n\r\n")[2])["message"] for one in answers} == {"done"}
    assert took < 1  # Of the processor: what else runs on this machine is not the server's doing.


def test_a_server_that_stops_sends_everybody_to_the_next(
    start_server: Callable[..., Served],
) -> None:
    served = start_server()
    served.update({"type": "progress", "jobId": "job", "projectId": "web", "phase": "building"})
    clients = [raw(served, "/api/jobs/job?wait=600") for _ in range(5)]
    time.sleep(0.3)
    served.process.send_signal(signal.SIGTERM)
    for answer in map(read_all, clients):
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nRetry-After: 1\r\n" in answer
        assert b'"code":"stopping"' in answer
    assert served.stop() == 0


def test_an_end_in_another_process_is_noticed(start_server: Callable[..., Served], database_url: str) -> None:
    one, other = (start_server(DATABASE_URL=database_url) for _ in range(2))
    one.update({"type": "progress", "jobId": "job", "projectId": "web", "phase": "building"})
    client = raw(one, "/api/jobs/job?wait=600&fail=1")
    time.sleep(0.3)
    other.update({"type": "cancelled", "jobId": "job"})
    assert read_all(client).startswith(b"HTTP/1.1 410 ")


@pytest.mark.parametrize(("ending", "status"), [("completed", 0), ("error", 1)])
def test_the_documented_loop_waits_and_ends_as_the_build_did(
    served: Served, tmp_path: Path, ending: str, status: int
) -> None:
    job_id = f"job-{next(_numbers)}"
    served.update({"type": "progress", "jobId": job_id, "projectId": "web", "phase": "building"})
    text = (ROOT / "docs/ask.md").read_text()
    loop = text.partition("```sh\nuntil")[2].partition("```")[0].replace("wait=25", "wait=1")
    environment = os.environ | {"CHEF": served.url, "JOB": job_id}
    with subprocess.Popen(["sh", "-c", f"until{loop}"], cwd=tmp_path, env=environment) as waiting:
        time.sleep(1.5)
        assert waiting.poll() is None
        served.update({"type": ending, "jobId": job_id, "message": "the end"})
        assert waiting.wait(20) == status
    assert json.loads((tmp_path / "job.json").read_text())["message"] == "the end"

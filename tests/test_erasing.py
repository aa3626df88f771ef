"""Jobs, logs and projects erased: nobody finds them any more, viewers are told, the files have nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import jwt
import psycopg
import pytest
import requests
import socketio
from sqlalchemy import text

from tests.tools.making import open_store
from tests.tools.postgres import Postgres
from tests.tools.redis import Redis
from tests.tools.serving import Served
from tests.tools.watching import eventually

pytestmark = pytest.mark.slow

StartServer = Callable[..., Served]
SECRET = "s3cr3t-Kf8Zq2"


class Place:
    """A store's files, of either database."""

    def __init__(self, url: str, folder: Path, pattern: str) -> None:
        self.url = url
        self._folder = folder
        self._pattern = pattern

    def files_with(self, text: str) -> list[str]:
        """The files that hold a text as it is."""
        if self.url.startswith("postgresql"):
            with psycopg.connect(self.url, autocommit=True) as connection:
                connection.execute("CHECKPOINT")  # Writes what is in memory, removes files that are no more.
        found = [path for path in self._folder.glob(self._pattern) if path.is_file()]
        return [path.name for path in found if text.encode() in content(path)]

    def sample(self) -> None:
        """Have PostgreSQL take samples of all columns, as autovacuum does once a minute."""
        if self.url.startswith("postgresql"):
            with psycopg.connect(self.url, autocommit=True) as connection:
                connection.execute("ANALYZE")


def content(path: Path) -> bytes:
    """The bytes of a file, none of one that is gone by now."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "sqlite":
        return Place(f"sqlite:///{tmp_path / 'kept.db'}", tmp_path, "kept.db*")
    postgres: Postgres = request.getfixturevalue("postgres")
    url = postgres.new_database()
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT oid FROM pg_database WHERE datname = current_database()"
        ).fetchone()
    assert found is not None
    return Place(url, postgres.folder / "data" / "base" / str(found[0]), "*")


def delete(server: Served, path: str, **options: Any) -> requests.Response:
    return server.session.delete(server.url + path, timeout=60, **options)


def build(server: Served, job_id: str = "job", project_id: str = "web", secret: str = SECRET) -> None:
    """A job that tells its secret wherever it can, and has failed."""
    of_job = {"jobId": job_id, "projectId": project_id}
    meta = {"title": f"title {secret}", "kind": "ci", "branch": secret}
    server.update(
        {"type": "progress", "phase": "building", "message": f"with {secret}", "meta": meta, **of_job}
    )
    for number in range(30):
        server.update({"type": "log", "message": f"line {number} {secret}", "id": f"{number}", **of_job})
    server.post(f"/api/jobs/{job_id}/logs", data=f"error: {secret}\nopen {secret}".encode())
    server.update({"type": "error", "message": f"failed: {secret}", **of_job})


def answers(server: Served, job_id: str = "job", project_id: str = "web") -> str:
    """All that the server says of a job and its project."""
    job, project = f"/api/jobs/{job_id}", f"/api/projects/{project_id}"
    paths = [job, f"{job}/logs", f"{job}/logs?raw=1", f"{job}/logs?q=error", f"{job}/digest", f"{job}/new"]
    paths += [f"{job}/events?follow=0", f"{job}/tests", "/api/jobs", f"/api/jobs?q={SECRET}", project]
    paths += [f"{project}/events?follow=0&after=0", f"{project}/runs", "/api/runs", "/", f"/jobs/{job_id}"]
    return "\n".join(server.get(path).text for path in (*paths, f"/projects/{project_id}"))


class Watcher:
    """A Socket.IO client that notes what it is sent, with the answers to its subscriptions."""

    def __init__(self, server: Served, **options: Any) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.client = socketio.Client(**options)
        self.client.on("*", lambda name, data: self.events.append((name, data)))
        self.client.connect(server.url, socketio_path="ws", transports=["websocket"])

    def follow(self, kind: str, name: str, **more: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.client.call(f"subscribe:{kind}", {f"{kind}Id": name, **more})
        assert answer["ok"]
        return answer

    def named(self, name: str) -> list[dict[str, Any]]:
        return [data for event, data in list(self.events) if event == name]

    def __enter__(self) -> Watcher:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.disconnect()


class Stream:
    """An event stream of a job or project, read in a thread to its end."""

    def __init__(self, server: Served, path: str) -> None:
        self.events: list[dict[str, Any]] = []
        accept = {"Accept": "application/x-ndjson"}
        self._response = requests.get(server.url + path, stream=True, timeout=60, headers=accept)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        for line in self._response.iter_lines(chunk_size=1):
            if line.strip():
                self.events.append(json.loads(line))

    @property
    def names(self) -> list[str]:
        return [event["event"] for event in list(self.events)]


def test_nothing_of_an_erased_job_is_left_in_answers_and_files(
    start_server: StartServer, place: Place
) -> None:
    server = start_server(DATABASE_URL=place.url)
    build(server)
    build(server, "other", secret="harmless")
    assert SECRET in answers(server)
    place.sample()
    assert place.files_with(SECRET)
    response = delete(server, "/api/jobs/job?wait=60")
    assert (response.status_code, response.json()["clean"]) == (200, True), response.text
    assert response.json()["projectId"] == "web"
    assert place.files_with(SECRET) == []
    assert server.get("/api/jobs/job").status_code == 404
    assert SECRET not in answers(server).replace(f"q={SECRET}", "")
    assert server.get("/api/projects/web").json()["counts"]["failed"] == 1
    assert "line 29 harmless" in answers(server, "other")
    assert delete(server, "/api/jobs/job").status_code == 404
    # Nor where no row is left, so that nothing takes the place of what is known of those that were.
    build(server, "last")
    place.sample()
    delete(server, "/api/jobs/other")
    assert delete(server, "/api/projects/web?wait=60").json()["clean"] is True
    assert place.files_with(SECRET) == []


def test_of_an_erased_log_nothing_is_left_but_its_numbers(start_server: StartServer, place: Place) -> None:
    server = start_server(DATABASE_URL=place.url)
    server.update({"type": "progress", "jobId": "job", "projectId": "web", "phase": "building"})
    text = "".join(f"line {number} {SECRET}\n" for number in range(40)).encode()
    assert server.post("/api/jobs/job/logs", data=text).status_code == 200
    server.post("/api/jobs/job/logs?stream=stderr", data=f"error: {SECRET}\n\x1b[1Aopen {SECRET}".encode())
    before = server.get("/api/jobs/job").json()
    response = delete(server, "/api/jobs/job/logs?wait=60")
    assert (response.status_code, response.json()["clean"]) == (200, True), response.text
    assert place.files_with(SECRET) == []
    assert SECRET not in answers(server)
    removed = response.json()["log"]
    assert (removed["firstLine"], removed["lastLine"]) == (1, before["lines"])
    assert removed["firstSeq"] == before["seq"] + 1
    after = server.get("/api/jobs/job").json()
    assert (after["seq"], after["lines"], after["status"]) == (before["seq"], before["lines"], "building")
    # What goes on has the next numbers, and the offset is where it was.
    head = server.session.head(f"{server.url}/api/jobs/job/logs", timeout=30)
    assert head.headers["Upload-Offset"] == str(len(text))
    response = server.post(f"/api/jobs/job/logs?offset={len(text) - 5}", data=text[-5:] + b"after\n")
    assert response.json()["lines"] == 1
    (marker, line) = server.get("/api/jobs/job/logs").json()["lines"]
    assert marker["message"].startswith("… [removed: ")
    assert (line["line"], line["message"]) == (before["lines"] + 1, "after")
    asked = "/api/jobs/job/events?follow=0&after=1"
    events = server.get(asked, headers={"Accept": "application/json"}).json()
    assert events["complete"] is False
    assert events["events"][-1]["data"]["seq"] == before["seq"] + 1
    assert delete(server, "/api/jobs/job/logs").json()["log"] is not None
    assert delete(server, "/api/jobs/job/logs").json()["log"] is None


JOB = {"jobId": "job", "projectId": "web"}
RUNNING = {"type": "progress", "phase": "building", **JOB}


@pytest.fixture(params=["sqlite", "postgresql", "redis"])
def two(request: pytest.FixtureRequest, start_server: StartServer, tmp_path: Path) -> Iterator[list[Served]]:
    """Two processes on one database; with Redis one hears of the other at once, else by the safety poll."""
    with ExitStack() as stack:
        environment = {"DATABASE_URL": f"sqlite:///{tmp_path / 'kept.db'}"}
        if request.param != "sqlite":
            environment = {"DATABASE_URL": request.getfixturevalue("postgres_url")}
        if request.param == "redis":
            environment["REDIS_URL"] = stack.enter_context(Redis(tmp_path)).url
        yield [start_server(**environment) for _ in range(2)]


def test_viewers_of_all_processes_are_told_once(two: list[Served]) -> None:
    two[0].update(RUNNING, {"type": "log", "message": f"one\ntwo {SECRET}", **JOB})
    with Watcher(two[0]) as here, Watcher(two[1]) as there:
        for watcher in (here, there):
            watcher.follow("job", "job", after=0)
            watcher.follow("project", "web")
        streams = [Stream(server, "/api/jobs/job/events") for server in two]
        streams += [Stream(server, "/api/projects/web/events") for server in two]
        eventually(lambda: all("job:progress" in stream.names for stream in streams[:2]))
        eventually(lambda: all(len(watcher.named("job:log")) == 2 for watcher in (here, there)))
        log = delete(two[0], "/api/jobs/job/logs").json()["log"]
        assert log == {"firstSeq": 4, "firstLine": 1, "lastLine": 2, "lines": 2, "bytes": log["bytes"]}
        told = {"jobId": "job", "projectId": "web", "log": log}
        # Once as a follower of the job, and once of the project.
        eventually(lambda: all(watcher.named("job:removed") == [told, told] for watcher in (here, there)))
        eventually(lambda: all("job:removed" in stream.names for stream in streams))
        two[1].update({"type": "log", "message": "three", **JOB})
        eventually(lambda: all(watcher.named("job:log")[2:] for watcher in (here, there)))
        assert [line["line"] for line in there.named("job:log")] == [1, 2, 3]
        # Nobody who comes now is sent what was erased, from any process.
        with Watcher(two[1]) as late:
            assert late.follow("job", "job", after=0) | {"job": None, "eta": None} == {
                "ok": True,
                "jobId": "job",
                "seq": 4,
                "complete": False,
                "firstSeq": 4,
                "job": None,
                "eta": None,
                "epoch": late.follow("job", "job")["epoch"],
            }
            eventually(lambda: late.named("job:log")[1:])
            assert SECRET not in json.dumps(late.events)
        assert delete(two[1], "/api/jobs/job").status_code in (200, 202)
        eventually(lambda: all(watcher.named("job:removed")[2:] == [JOB, JOB] for watcher in (here, there)))
        eventually(
            lambda: all(
                watcher.named("project:removed") == [{"projectId": "web"}] for watcher in (here, there)
            )
        )
        # The job's streams end, the project's go on.
        for stream in streams[:2]:
            stream.thread.join(60)
            assert stream.names[-2:] == ["job:removed", "end"]
        assert all(stream.thread.is_alive() for stream in streams[2:])


def test_a_job_that_is_erased_while_it_runs_takes_no_more_updates(
    start_server: StartServer, place: Place
) -> None:
    """Its sender has all of it still, and would send it again."""
    server = start_server(DATABASE_URL=place.url)
    server.update(RUNNING)
    body = threading.Event()

    def lines() -> Iterator[bytes]:
        yield f"first {SECRET}\n".encode()
        body.wait(60)
        yield b"later\n"

    responses: list[requests.Response] = []
    path = "/api/jobs/job/logs?projectId=web"
    sending = threading.Thread(target=lambda: responses.append(server.post(path, data=lines())))
    sending.start()
    eventually(lambda: server.get("/api/jobs/job").json()["lines"] == 1)
    assert delete(server, "/api/jobs/job?wait=60").json()["clean"] is True
    body.set()
    sending.join(60)
    refusals = [responses[0], server.post("/api/updates", json=RUNNING)]
    refusals += [server.post("/api/jobs/job/logs?projectId=web&offset=0", data=SECRET.encode())]
    refusals += [server.post("/api/jobs/job/exit?projectId=web&code=0")]
    refusals += [server.post("/api/jobs/job/heartbeat?projectId=web")]
    assert [(one.status_code, one.json()["code"]) for one in refusals] == [(409, "job_erased")] * 5
    assert "was erased" in refusals[0].json()["detail"]
    server.stop()
    again = start_server(DATABASE_URL=place.url)
    assert again.post("/api/updates", json=RUNNING).status_code == 409
    assert again.get("/api/jobs").json()["jobs"] == []
    assert place.files_with(SECRET) == []


def test_the_id_of_a_job_that_had_ended_is_free(start_server: StartServer) -> None:
    server = start_server()
    build(server)
    with Watcher(server) as viewer:
        seq = viewer.follow("job", "job", after=0)["seq"]
        eventually(lambda: viewer.named("job:error"))
        delete(server, "/api/jobs/job")
        eventually(lambda: viewer.named("job:removed"))
        assert server.update(RUNNING)["jobs"]["job"]["seq"] == 1
        eventually(lambda: viewer.events[-1][0] == "job:progress" and viewer.events[-1][1]["seq"] == 1)
        answer = Watcher(server).follow("job", "job", after=seq)
        assert (answer["complete"], answer["seq"]) == (False, 1)


def test_a_log_upload_goes_on_while_what_it_sent_is_erased(start_server: StartServer, place: Place) -> None:
    server = start_server(DATABASE_URL=place.url)
    server.update(RUNNING, {"type": "mask", "value": SECRET, **JOB})
    may_go_on = threading.Event()

    def lines() -> Iterator[bytes]:
        yield b"one harmless-thing\ntwo harmless-thing, un"
        may_go_on.wait(60)
        yield f"finished\nthree {SECRET}\n".encode()

    answers: list[requests.Response] = []
    sending = threading.Thread(target=lambda: answers.append(server.post("/api/jobs/job/logs", data=lines())))
    sending.start()
    eventually(lambda: server.get("/api/jobs/job").json()["lines"] == 2)  # The unfinished one is shown.
    assert delete(server, "/api/jobs/job/logs?wait=60").json()["clean"] is True
    assert place.files_with("harmless-thing") == []
    may_go_on.set()
    sending.join(60)
    assert answers[0].status_code == 200
    shown = [(line["line"], line["message"]) for line in server.get("/api/jobs/job/logs").json()["lines"]]
    # A job's masks stay as long as it runs: what comes next is to be masked, too.
    assert shown[1:] == [(3, "finished"), (4, "three ***")]
    sent = b"".join([b"one harmless-thing\ntwo harmless-thing, un", f"finished\nthree {SECRET}\n".encode()])
    claim = {"stdout": {"bytes": len(sent), "lines": 3, "crc32": f"{zlib.crc32(sent):08x}"}}
    server.update({"type": "completed", "integrity": claim, **JOB})
    assert server.get("/api/jobs/job").json()["integrity"]["complete"] is True


def test_a_project_is_erased_with_all_its_jobs(start_server: StartServer, place: Place) -> None:
    server = start_server(DATABASE_URL=place.url)
    jobs = [
        {"type": "progress", "jobId": f"job-{n}", "projectId": "web", "message": SECRET} for n in range(450)
    ]
    server.update(*jobs, {"type": "progress", "jobId": "other", "projectId": "docs"})
    with Watcher(server) as viewer:
        viewer.follow("project", "web")
        response = delete(server, "/api/projects/web?wait=60")
        assert (response.status_code, response.json()["jobs"]) == (200, 450)
        eventually(lambda: viewer.named("project:removed"))
        assert {event["jobId"] for event in viewer.named("job:removed")} == {job["jobId"] for job in jobs}
    assert place.files_with(SECRET) == []
    assert [job["jobId"] for job in server.get("/api/jobs").json()["jobs"]] == ["other"]
    assert [one["projectId"] for one in server.get("/api/projects").json()["projects"]] == ["docs"]
    assert delete(server, "/api/projects/web").status_code == 404
    server.update({"type": "progress", "jobId": "new", "projectId": "web"})
    assert server.get("/api/projects/web").json()["counts"]["total"] == 1


def test_only_those_erase_who_may_write_the_project(start_server: StartServer) -> None:
    secret = "a secret of at least 32 bytes, honestly"
    settings = {"CHEF_JWT_SECRET": secret, "CHEF_API_TOKEN": "0123456789abcdef-writes"}
    server = start_server(**settings)
    claims = {"exp": int(time.time()) + 600, "projects": ["docs"]}
    writes, reads = ({**claims, "scope": scope} for scope in ("write", "read"))
    of_docs, reader = (jwt.encode(one, secret, algorithm="HS256") for one in (writes, reads))
    everything = {"Authorization": f"Bearer {settings['CHEF_API_TOKEN']}"}
    server.post("/api/updates", json=RUNNING, headers=everything)

    def statuses(path: str) -> list[int]:
        tokens = [{"Authorization": f"Bearer {token}"} for token in (of_docs, reader)]
        return [delete(server, path, headers=headers).status_code for headers in (*tokens, {})]

    for path in ("/api/jobs/job", "/api/jobs/job/logs", "/api/jobs/none", "/api/jobs/none/logs"):
        # It does not tell whether there is such a job.
        assert statuses(path) == [403, 403, 401], path
    for project in ("web", "none"):
        assert statuses(f"/api/projects/{project}") == [403, 403, 401], project
    assert delete(server, "/api/jobs/none", headers=everything).status_code == 404
    assert delete(server, "/api/jobs/none/logs", headers=everything).status_code == 404
    assert delete(server, "/api/projects/none", headers=everything).status_code == 404
    assert delete(server, "/api/jobs/a%20b", headers=everything).status_code == 422
    assert delete(server, "/api/jobs/job", headers=everything).status_code == 200


def test_without_a_token_only_this_machine_erases(server: Served) -> None:
    server.update(RUNNING)
    assert delete(server, "/api/jobs/job", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 401
    assert delete(server, "/api/jobs/job").status_code == 200


def test_what_a_killed_server_left_is_cleaned_by_the_next_one(
    start_server: StartServer, place: Place
) -> None:
    server = start_server(DATABASE_URL=place.url)
    build(server)
    assert delete(server, "/api/jobs/job?wait=0").status_code in (200, 202)
    server.kill()
    with open_store(place.url) as store:
        # As if it had been a while ago, so that no other process can be at it.
        run = store._run_upkeep
        run(
            lambda connection: connection.execute(
                text("UPDATE about SET value = '9 1' WHERE name = 'unclean'")
            )
        )
    start_server(DATABASE_URL=place.url)
    eventually(lambda: place.files_with(SECRET) == [])


def vacuum(place: Place, folder: Path) -> subprocess.CompletedProcess[str]:
    """The command, as somebody types it beside the store."""
    environment = {**os.environ, "DATABASE_URL": place.url, "PYTHONPATH": str(Path(__file__).parent.parent)}
    command = [sys.executable, "-m", "chef", "vacuum"]
    return subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )


def test_vacuum_cleans_what_a_killed_server_left_and_keeps_the_rest(
    start_server: StartServer, place: Place, tmp_path: Path
) -> None:
    server = start_server(DATABASE_URL=place.url)
    build(server)
    build(server, "other", secret="harmless")
    assert delete(server, "/api/jobs/job?wait=0").status_code in (200, 202)
    server.kill()
    done = vacuum(place, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert place.files_with(SECRET) == []
    assert "line 29 harmless" in answers(start_server(DATABASE_URL=place.url), "other")


@pytest.mark.real
@pytest.mark.parametrize(
    ("file", "says"),
    [
        ("none.db", "there is no store at DATABASE_URL"),
        ("empty.db", "there is no store at DATABASE_URL"),
        ("text.db", "file is not a database"),
        ("text.db/chef.db", "there is no store at DATABASE_URL"),
    ],
)
def test_vacuum_says_in_one_line_that_there_is_no_store(tmp_path: Path, file: str, says: str) -> None:
    (tmp_path / "empty.db").touch()
    (tmp_path / "text.db").write_text("a text, and no database\n" * 100)
    done = vacuum(Place(f"sqlite:///{tmp_path / file}", tmp_path, "*"), tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", says + "\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty.db", "text.db"]

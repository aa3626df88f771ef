"""Official Socket.IO clients on a served application: what users paste works and receives the contract."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from chef.access.jwts import issue_token
from chef.domain.clock import now_ms
from chef.settings.config import Settings
from tests.tools.serving import ROOT, Served, Serving
from tests.tools.watching import KINDS, TRANSPORTS, Kind, Received, Watcher, run_in_node, watch
from tests.tools.wire import check_acknowledgement, check_event, wire_order

SECRET = "a secret that is long enough for HS256"
_numbers = count(1)

# The example as it is pasted, around it what a page has: state, and something to show it.
FRAME = """
const { io } = require(%(package)s);
const jobId = %(job_id)s;
const state = { logs: [] };
const setProgress = (value) => { state.progress = value; };
const setStatus = (value) => { state.status = value; };
const setLogs = (change) => { state.logs = change(state.logs); };
const leave = (how, what) => {
  console.log(JSON.stringify({ ...state, logs: state.logs.map((log) => log.message), [how]: what }));
  socket.emit('unsubscribe:job', jobId);
  socket.disconnect();
};
const finish = (result) => leave('result', result);
const fail = (error) => leave('error', error);
%(example)s
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, serving: Serving) -> Iterator[Served]:
    """One server for all tests here: each has jobs of its own."""
    with serving(tmp_path_factory.mktemp("clients"), {}) as served:
        yield served
        assert "Traceback" not in served.output.read_text()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, serving: Serving) -> Iterator[Served]:
    """A server that lets nobody read without a token."""
    settings = {"CHEF_JWT_SECRET": SECRET, "CHEF_API_TOKEN": "write-token-0123456"}
    with serving(tmp_path_factory.mktemp("guarded"), settings) as served:
        served.session.headers["Authorization"] = "Bearer write-token-0123456"
        yield served
        assert "Traceback" not in served.output.read_text()


@pytest.fixture
def job_id() -> str:
    return f"job-{next(_numbers)}"


def token(scope: str = "read", projects: tuple[str, ...] = (), seconds: int = 600) -> str:
    return issue_token(Settings(jwt_secret=SECRET), scope.split(), projects, seconds, now_ms())


def progress(job_id: str, **fields: Any) -> dict[str, Any]:
    return {"type": "progress", "jobId": job_id, "projectId": "web"} | fields


def log(job_id: str, message: str, **fields: Any) -> dict[str, Any]:
    return {"type": "log", "jobId": job_id, "projectId": "web", "message": message} | fields


def build(server: Served, job_id: str, ending: dict[str, Any]) -> None:
    """A small build with everything in it, in several requests."""
    server.update(progress(job_id, phase="queued", meta={"branch": "main"}))
    server.update(
        progress(job_id, status="building", progress=50.5, message="Running build...", phase="building"),
        log(job_id, "one\ntwo\nthree"),
    )
    server.update(log(job_id, "a warning – ünïcode \x1b[31mred\x1b[0m", stream="stderr", level="warn"))
    server.post(f"/api/jobs/{job_id}/logs?stream=bar", data=b"10%\r20%\rdone\n")
    server.update({"jobId": job_id} | ending)


COMPLETED = {
    "type": "completed",
    "message": "fine",
    "artifacts": [{"name": "wheel", "url": "https://example.com/w.whl", "size": 7}],
    "meta": {"commit": "abc"},
}
FAILED = {"type": "error", "message": "tests failed", "code": 2}


def stored_events(server: Served, job_id: str, after: int = 0) -> list[Received]:
    """A job's events in the store, by the event stream: another path with the same payloads."""
    answer = server.get(f"/api/jobs/{job_id}/events?after={after}", headers={"Accept": "application/json"})
    return [(item["event"], item["data"]) for item in answer.json()["events"]]


def nothing_more_comes(viewer: Watcher, server: Served, subscribed: str) -> None:
    """An update that is sent now is the next that the viewer receives: nothing else was on its way."""
    before = len(viewer.events)
    server.update(log(subscribed, "the end of the line"))
    viewer.wait_until(lambda: len(viewer.events) > before)
    assert [payload["message"] for _, payload in viewer.events[before:]] == ["the end of the line"]


def example(package: str, job_id: str, replacements: dict[str, str]) -> str:
    text = (ROOT / "tests" / "clients" / "example.js").read_text()
    for old, new in replacements.items():
        assert old in text
        text = text.replace(old, new)
    return FRAME % {"package": json.dumps(package), "job_id": json.dumps(job_id), "example": text}


@pytest.mark.parametrize("package", ["socket.io-client", "socket.io-client-3"])
@pytest.mark.parametrize(
    "options",
    [
        "{ path: '/ws' }",
        "{ path: '/ws', transports: ['websocket', 'polling'] }",
        "{ path: '/ws', transports: ['polling'] }",
        "{ path: '/ws', auth: { token: 'ignored where everybody may read' } }",
    ],
)
def test_the_example_works_as_it_is_pasted(server: Served, job_id: str, package: str, options: str) -> None:
    server.update(progress(job_id, phase="installing"))
    # The build goes on once the viewer's bar is right, as the state sent first makes it.
    rest = json.dumps([log(job_id, "one\ntwo"), {"jobId": job_id, "type": "completed"}])
    request = {"method": "POST", "body": rest, "headers": {"Content-Type": "application/json"}}
    script = example(
        package, job_id, {"'http://localhost:3001'": f"'{server.url}'", "{ path: '/ws' }": options}
    )
    script += f"""
    const request = {json.dumps(request)};
    socket.once('job:progress', () => fetch('{server.url}/api/updates', request));
    """
    (shown,) = run_in_node(script)
    assert (shown["progress"], shown["status"], shown["logs"]) == (100, "completed", ["one", "two"])
    check_event("job:completed", shown["result"])


def test_the_example_shows_how_a_build_failed(server: Served, job_id: str) -> None:
    server.update(progress(job_id, phase="building", progress=60), {"jobId": job_id} | FAILED)
    (shown,) = run_in_node(
        example("socket.io-client", job_id, {"'http://localhost:3001'": f"'{server.url}'"})
    )
    assert (shown["progress"], shown["status"]) == (60, "failed")
    assert (shown["error"]["message"], shown["error"]["code"]) == ("tests failed", 2)
    check_event("job:error", shown["error"])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("transports", TRANSPORTS.values(), ids=TRANSPORTS.keys())
def test_every_client_receives_a_whole_build_on_every_transport(
    server: Served, job_id: str, kind: Kind, transports: list[str] | None
) -> None:
    with watch(kind, server.url, transports) as viewer:
        answer = viewer.call("subscribe:job", job_id)
        check_acknowledgement(answer, job_id)
        assert (answer["seq"], answer["complete"], answer["job"]) == (0, True, None)
        build(server, job_id, COMPLETED)
        viewer.wait_for("job:completed")
        # Where builds before it were slow, it may be told how long it still takes, beside the log.
        events = [one for one in viewer.events if one[0] != "job:eta"]
        for event, payload in events:
            check_event(event, payload)
        assert wire_order(events) == [*range(1, 11)]
        assert events == stored_events(server, job_id)
        assert viewer.call("unsubscribe:job", job_id) == {"ok": True, "jobId": job_id}
        server.update(log(job_id, "nobody follows any more"))
        viewer.call("subscribe:job", {"jobId": f"{job_id}-next", "after": 0})
        nothing_more_comes(viewer, server, f"{job_id}-next")


def test_each_field_of_an_event_is_what_was_sent(server: Served, job_id: str) -> None:
    with watch("js4", server.url, ["websocket"]) as viewer:
        viewer.call("subscribe:job", job_id)
        build(server, job_id, COMPLETED)
        (ending,) = viewer.wait_for("job:completed")
        first, building, final = viewer.of("job:progress")
        assert (first["status"], first["progress"], first["phase"]) == ("queued", 0, "queued")
        assert first["message"] is None
        assert building | {"at": ""} == {
            "jobId": job_id,
            "projectId": "web",
            "status": "building",
            "progress": 50.5,
            "message": "Running build...",
            "phase": "building",
            "phaseProgress": None,
            "seq": 2,
            "at": "",
        }
        lines = [(one["line"], one["message"], one["stream"], one["level"]) for one in viewer.of("job:log")]
        assert lines == [
            (1, "one", "stdout", None),
            (2, "two", "stdout", None),
            (3, "three", "stdout", None),
            (4, "a warning – ünïcode \x1b[31mred\x1b[0m", "stderr", "warn"),
            (5, "10%", "bar", None),
            (5, "20%", "bar", None),
            (5, "done", "bar", None),
        ]
        assert [one.get("replace") for one in viewer.of("job:log")] == [None] * 5 + [True, True]
        assert (final["status"], final["progress"], final["seq"]) == ("completed", 100, 10)
        assert (ending["seq"], ending["message"], ending["phase"]) == (10, "fine", "completed")
        assert ending["artifacts"] == COMPLETED["artifacts"]
        assert ending["meta"] == {"branch": "main", "commit": "abc"}


def test_a_failed_build_says_so_in_its_progress_and_then_how(server: Served, job_id: str) -> None:
    with watch("js4", server.url, ["websocket"]) as viewer:
        viewer.call("subscribe:job", job_id)
        server.update(progress(job_id, phase="building", progress=60), {"jobId": job_id} | FAILED)
        (ending,) = viewer.wait_for("job:error")
        assert [name for name, _ in viewer.events] == ["job:progress", "job:progress", "job:error"]
        final = viewer.of("job:progress")[-1]
        assert (final["status"], final["progress"], final["seq"]) == ("failed", 60, ending["seq"])
        assert (ending["message"], ending["code"], ending["progress"]) == ("tests failed", 2, 60)
        check_event("job:error", ending)


@pytest.mark.parametrize("kind", KINDS)
def test_a_project_gets_progress_and_endings_of_all_its_jobs_and_no_logs(
    server: Served, job_id: str, kind: Kind
) -> None:
    project = f"project-{job_id}"
    one, two, other = f"{job_id}-1", f"{job_id}-2", f"{job_id}-3"
    with watch(kind, server.url, ["websocket"]) as viewer:
        answer = viewer.call("subscribe:project", project if kind == "js3" else {"projectId": project})
        assert answer["ok"] is True
        assert answer["projectId"] == project
        server.update(
            progress(one, projectId=project, phase="building"), log(one, "secret", projectId=project)
        )
        server.update(progress(other, projectId="elsewhere", phase="building"))
        server.update(progress(two, projectId=project, phase="queued"), {"jobId": two} | FAILED)
        server.update({"jobId": one} | COMPLETED)
        viewer.wait_for("project:completed")
        assert [(name, payload["jobId"]) for name, payload in viewer.events] == [
            ("project:progress", one),
            ("project:progress", two),
            ("project:progress", two),
            ("project:error", two),
            ("project:progress", one),
            ("project:completed", one),
        ]
        for event, payload in viewer.events:
            check_event(event, payload)
        assert viewer.call("unsubscribe:project", project) == {"ok": True, "projectId": project}


REPLAYS = {
    "the whole": (0, 1, True),
    "from the middle of a multi-line log update": (3, 4, True),
    "from the end": (10, 11, True),
    "from beyond the end": (11, 1, False),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("after", "first", "complete"), REPLAYS.values(), ids=REPLAYS.keys())
def test_after_replays_what_the_viewer_has_not_had_and_goes_on_live(
    server: Served, job_id: str, kind: Kind, after: int, first: int, complete: bool
) -> None:
    build(server, job_id, COMPLETED)
    with watch(kind, server.url, ["polling"] if kind == "js3" else ["websocket"]) as viewer:
        answer = viewer.call("subscribe:job", {"jobId": job_id, "after": after})
        check_acknowledgement(answer, job_id)
        assert (answer["seq"], answer["complete"], answer["job"]["status"]) == (10, complete, "completed")
        server.update(log(job_id, "and live"))
        viewer.wait_until(lambda: bool(viewer.events) and viewer.events[-1][1]["seq"] == 11)
        assert wire_order(viewer.events) == [*range(first, 12)]
        assert viewer.events == stored_events(server, job_id, first - 1)


def test_a_position_of_another_store_is_replayed_from_the_beginning(server: Served, job_id: str) -> None:
    build(server, job_id, FAILED)
    with watch("js4", server.url, ["websocket"]) as viewer:
        answer = viewer.call("subscribe:job", {"jobId": job_id, "after": 4, "epoch": "of another store"})
        assert (answer["ok"], answer["complete"]) == (True, False)
        viewer.wait_for("job:error")
        assert viewer.events == stored_events(server, job_id)
        viewer.call("unsubscribe:job", job_id)
        viewer.events.clear()
        again = viewer.call("subscribe:job", {"jobId": job_id, "after": 9, "epoch": answer["epoch"]})
        assert again["complete"] is True
        viewer.wait_for("job:error")
        assert viewer.events == stored_events(server, job_id, 9)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ending", [None, COMPLETED, FAILED], ids=["running", "completed", "failed"])
def test_a_late_viewer_is_first_shown_how_the_job_stands(
    server: Served, job_id: str, kind: Kind, ending: dict[str, Any] | None
) -> None:
    server.update(progress(job_id, phase="building", progress=70), log(job_id, "old"))
    if ending is not None:
        server.update({"jobId": job_id} | ending)
    newest = [
        (name, payload)
        for name, payload in stored_events(server, job_id)
        if name != "job:log" and (ending is None or payload["seq"] == 3)
    ]
    with watch(kind, server.url, ["websocket"]) as viewer:
        viewer.emit("subscribe:job", job_id)
        viewer.wait_until(lambda: len(viewer.events) == len(newest))
        assert viewer.events == newest
        nothing_more_comes(viewer, server, job_id)


def test_lines_that_came_together_are_one_event_for_a_viewer_that_asks_for_batches(
    server: Served, job_id: str
) -> None:
    with (
        watch("js4", server.url, ["websocket"]) as viewer,
        watch("js3", server.url, ["polling"]) as line_by_line,
    ):
        viewer.call("subscribe:job", {"jobId": job_id, "after": 0, "batch": True})
        line_by_line.call("subscribe:job", job_id)
        build(server, job_id, COMPLETED)
        viewer.wait_for("job:completed")
        line_by_line.wait_for("job:completed")
        for event, payload in viewer.events:
            check_event(event, payload)
        batches = viewer.of("job:logs")
        assert (len(batches[0]["lines"]), batches[0]["seq"]) == (3, 5)
        flat = [line for batch in batches for line in batch["lines"]]
        kept = ("line", "at", "stream", "level", "message", "replace")
        assert flat == [{key: log[key] for key in kept if key in log} for log in line_by_line.of("job:log")]
        assert viewer.of("job:log") == []
        assert [name for name, _ in viewer.events if name != "job:logs"] == [
            name for name, _ in line_by_line.events if name != "job:log"
        ]


def test_a_replay_in_batches_begins_after_the_line_that_was_had(server: Served, job_id: str) -> None:
    build(server, job_id, COMPLETED)
    with watch("js4", server.url, ["websocket"]) as viewer:
        viewer.call("subscribe:job", {"jobId": job_id, "after": 4, "batch": True})
        viewer.wait_for("job:completed")
        lines = [line["message"] for batch in viewer.of("job:logs") for line in batch["lines"]]
        assert [lines[0], lines[-1], len(lines)] == ["three", "done", 5]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "transports", [["websocket"], ["polling"], None], ids=["websocket", "polling", "default"]
)
def test_a_burst_of_lines_breaks_no_client(
    server: Served, job_id: str, kind: Kind, transports: list[str] | None
) -> None:
    with watch(kind, server.url, transports) as viewer:
        viewer.call("subscribe:job", job_id)
        server.update(*[log(job_id, f"line {number}") for number in range(500)])
        viewer.wait_for("job:log", 500)
        # python-socketio's client runs each event in a thread of its own: it keeps no order.
        order = sorted if kind == "python" else list
        assert order(wire_order(viewer.events)) == [*range(1, 501)]
        assert (viewer.disconnects, viewer.connects) == ([], 1)


@pytest.mark.parametrize("transports", [["websocket"], ["polling"]], ids=["websocket", "polling"])
def test_events_go_to_the_subscribers_of_their_job_alone(
    server: Served, job_id: str, transports: list[str]
) -> None:
    other = f"{job_id}-other"
    with watch("js4", server.url, transports) as viewer, watch("js4", server.url, transports) as idle:
        viewer.call("subscribe:job", job_id)
        idle.call("subscribe:job", f"{job_id}-idle")
        build(server, other, FAILED)
        build(server, job_id, FAILED)
        viewer.wait_for("job:error")
        assert {payload["jobId"] for _, payload in viewer.events} == {job_id}
        nothing_more_comes(idle, server, f"{job_id}-idle")


def test_subscribing_twice_changes_nothing(server: Served, job_id: str) -> None:
    server.update(progress(job_id, phase="building"))
    with watch("js4", server.url, ["websocket"]) as viewer:
        first = viewer.call("subscribe:job", job_id)
        assert viewer.call("subscribe:job", job_id) == first
        assert viewer.call("subscribe:job", {"jobId": job_id, "after": 0})["ok"] is True
        server.update(log(job_id, "once"))
        viewer.wait_for("job:log")
        nothing_more_comes(viewer, server, job_id)
        assert [name for name, _ in viewer.events] == ["job:progress", "job:log", "job:log"]
        # One unsubscribe ends it, however often it was asked for.
        assert viewer.call("unsubscribe:job", job_id)["ok"] is True
        server.update(log(job_id, "unseen"))
        assert viewer.call("unsubscribe:job", job_id)["ok"] is True
        assert len(viewer.events) == 3


def test_a_viewer_can_leave_and_come_back_while_a_build_runs(server: Served, job_id: str) -> None:
    with watch("js4", server.url, ["websocket"]) as viewer:
        viewer.call("subscribe:job", job_id)
        for part in range(20):
            server.update(*[log(job_id, f"line {part * 50 + number}") for number in range(50)])
            if part % 4 == 1:
                viewer.call("unsubscribe:job", job_id)
                had = wire_order(viewer.events)[-1] if viewer.events else 0
                viewer.call("subscribe:job", {"jobId": job_id, "after": had})
        viewer.wait_for("job:log", 1000)
        assert wire_order(viewer.events) == [*range(1, 1001)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("transports", [["websocket"], ["polling"]], ids=["websocket", "polling"])
def test_a_viewer_can_subscribe_to_hundreds_of_jobs_at_once(
    server: Served, job_id: str, kind: Kind, transports: list[str]
) -> None:
    jobs = [f"{job_id}-{number}" for number in range(300)]
    with watch(kind, server.url, transports) as viewer:
        for name in jobs:
            viewer.emit("subscribe:job", name)
        viewer.call("subscribe:job", job_id)
        server.update(*[progress(name, phase="building") for name in jobs])
        viewer.wait_for("job:progress", len(jobs))
        assert sorted(payload["jobId"] for payload in viewer.of("job:progress")) == sorted(jobs)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("transports", [["websocket"], ["polling"]], ids=["websocket", "polling"])
def test_a_refusal_is_acknowledged_or_comes_as_an_event(
    server: Served, job_id: str, kind: Kind, transports: list[str]
) -> None:
    with watch(kind, server.url, transports) as viewer:
        refused = viewer.call("subscribe:job", "no/such id")
        assert refused["ok"] is False
        assert set(refused["error"]) == {"code", "message"}
        assert "jobId" in refused["error"]["message"]
        assert viewer.of("subscribe:error") == []
        viewer.emit("subscribe:job", {"jobId": "no/such id", "after": 0})
        (event,) = viewer.wait_for("subscribe:error")
        assert event["error"] == refused["error"]
        assert event["jobId"] == "no/such id"
        viewer.emit("subscribe:project", 17)
        assert viewer.wait_for("subscribe:error", 2)[-1]["error"]["message"].startswith("projectId")
        assert viewer.call("no:such event", {"deep": [1, None]})["ok"] is False
        assert viewer.call("unsubscribe:job", None)["ok"] is False
        assert viewer.call("subscribe:job", job_id)["ok"] is True
        assert viewer.disconnects == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("transports", TRANSPORTS.values(), ids=TRANSPORTS.keys())
def test_a_token_in_the_handshake_opens_and_a_wrong_one_is_an_authentication_error(
    guarded: Served, job_id: str, kind: Kind, transports: list[str] | None
) -> None:
    with watch(kind, guarded.url, transports, auth={"token": token()}) as viewer:
        assert viewer.call("subscribe:job", job_id)["ok"] is True
        guarded.update(progress(job_id, phase="building"))
        viewer.wait_for("job:progress")
    with watch(kind, guarded.url, transports, refused=True, auth={"token": "wrong"}) as viewer:
        assert viewer.refusal == "Authentication error"
        assert viewer.connects == 0


@pytest.mark.parametrize("kind", KINDS)
def test_the_authorization_header_is_as_good_as_the_handshake(
    guarded: Served, job_id: str, kind: Kind
) -> None:
    headers = {"Authorization": f"Bearer {token()}"}
    with watch(kind, guarded.url, ["websocket"], extraHeaders=headers) as viewer:
        assert viewer.call("subscribe:job", job_id)["ok"] is True
    with watch(kind, guarded.url, ["polling"], refused=True) as viewer:
        assert viewer.refusal == "Authentication error"


def test_a_token_for_one_project_sees_nothing_of_another(guarded: Served, job_id: str) -> None:
    guarded.update(progress(job_id, phase="building"), progress(f"{job_id}-x", projectId="other"))
    with watch("js4", guarded.url, ["websocket"], auth={"token": token(projects=("web",))}) as viewer:
        assert viewer.call("subscribe:job", job_id)["ok"] is True
        there = viewer.call("subscribe:job", f"{job_id}-x")
        not_there = viewer.call("subscribe:job", f"{job_id}-y")
        assert there["error"] == not_there["error"]
        assert there["error"]["code"] == "forbidden"
        assert viewer.call("subscribe:project", "web")["ok"] is True
        assert viewer.call("subscribe:project", "other")["error"]["code"] == "forbidden"


def test_a_client_that_leaves_is_no_longer_counted(server: Served, job_id: str) -> None:
    def clients() -> int:
        count: int = server.get("/health").json()["websocket"]["connected_clients"]
        return count

    with watch("js4", server.url, ["websocket"]) as one, watch("python", server.url, ["polling"]) as two:
        one.call("subscribe:job", job_id)
        two.call("subscribe:job", job_id)
        assert server.update(progress(job_id))["jobs"][job_id]["viewers"] == 2
        before = clients()
        assert before >= 2
        one.disconnect()
        two.disconnect()
        two.wait_until(lambda: clients() == before - 2)
        assert server.update(progress(job_id))["jobs"][job_id]["viewers"] == 0


# A proxy that lets no WebSocket through, and a client behind it.
BEHIND_A_PROXY = """
const http = require('http');
const { io } = require('socket.io-client');
const proxy = http.createServer((request, response) => {
  const { method, headers, url } = request;
  const onward = http.request(%(url)s + url, { method, headers }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  onward.on('error', () => response.destroy());
  request.pipe(onward);
});
proxy.on('upgrade', (_, socket) => socket.end('HTTP/1.1 400 Bad Request\\r\\nContent-Length: 0\\r\\n\\r\\n'));
proxy.listen(0, '127.0.0.1', () => {
  const options = { path: '/ws', transports: ['websocket', 'polling'], ...%(options)s };
  const socket = io(`http://127.0.0.1:${proxy.address().port}`, options);
  const tell = (what) => { console.log(JSON.stringify(what)); socket.disconnect(); process.exit(); };
  socket.on('connect', () => tell(socket.io.engine.transport.name));
  socket.on('connect_error', (error) => tell(error.message));
});
"""


@pytest.mark.parametrize(
    ("options", "told"),
    [({}, "websocket error"), ({"tryAllTransports": True}, "polling")],
    ids=["not told to", "told to"],
)
def test_a_client_falls_back_to_polling_only_if_it_is_told_to(
    server: Served, options: dict[str, bool], told: str
) -> None:
    """As docs/watch.md says of `transports: ['websocket', 'polling']`."""
    script = BEHIND_A_PROXY % {"url": json.dumps(server.url), "options": json.dumps(options)}
    assert run_in_node(script) == [told]

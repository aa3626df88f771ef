"""What a plain Flask-SocketIO application on gevent does wrong, and Chef does not; each would fail there.

The numbers are the rows of the table in `docs/design.md`. Rows 1, 2, 19 and 23 have their tests with
HTTP (`test_http_errors.py`, `test_http_limits.py`), the others with what they concern as well.
"""

from __future__ import annotations

import ast
import json
import re
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests
import websocket
from flask import Flask

from tests.tools.protocol import raw
from tests.tools.serving import ROOT, Served, Serving, free_port
from tests.tools.watching import eventually, node, watch

HANDSHAKE = "/ws/?EIO=4&transport=polling"
HOME, LISTED, FOREIGN = "http://127.0.0.1:{port}", "https://app.example.com", "https://evil.example.com"


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory, serving: Serving) -> Iterator[dict[str, Served]]:
    """One server for each form of WEBSOCKET_CORS_ORIGIN."""
    with (
        serving(tmp_path_factory.mktemp("unset"), {"CHEF_PING_INTERVAL": "1"}) as unset,
        serving(tmp_path_factory.mktemp("star"), {"WEBSOCKET_CORS_ORIGIN": "*"}) as star,
        serving(
            tmp_path_factory.mktemp("list"), {"WEBSOCKET_CORS_ORIGIN": f"http://a.example,{LISTED}"}
        ) as listed,
    ):
        yield {"unset": unset, "star": star, "list": listed}


@pytest.fixture
def stock_server(servers: dict[str, Served]) -> Served:
    """A server with nothing set that matters here."""
    return servers["unset"]


def progress(job_id: str, **fields: Any) -> dict[str, Any]:
    return {"type": "progress", "jobId": job_id, "projectId": "web"} | fields


def log(job_id: str, message: str) -> dict[str, Any]:
    return {"type": "log", "jobId": job_id, "projectId": "web", "message": message}


def open_websocket(served: Served, origin: str | None) -> int:
    """Try to upgrade; returns the status of the answer, 101 if the server became a WebSocket."""
    url = f"ws://127.0.0.1:{served.port}/ws/?EIO=4&transport=websocket"
    options: dict[str, Any] = {"suppress_origin": True} if origin is None else {"origin": origin}
    try:
        with closing(websocket.create_connection(url, timeout=30, **options)) as connection:
            return int(connection.getstatus() or 0)
    except websocket.WebSocketBadStatusException as refused:
        return int(refused.status_code)


# 9: stock answers each bad packet with a traceback in the log and goes on, and waits for CONNECT for ever.
@pytest.mark.parametrize("packet", ["4abc", "42{}", '42abc["a"]', '4399["nobody asked"]', "4"])
def test_9_a_bad_packet_closes_on_the_first_with_one_line_in_the_log(
    stock_server: Served, packet: str
) -> None:
    lines = len(stock_server.output.read_text().splitlines())
    with raw(stock_server) as one:
        one.send(*[packet] * 100)
        assert one.is_closed()
    assert len(stock_server.output.read_text().splitlines()) == lines + 1


@pytest.mark.slow
def test_9_who_does_not_say_connect_is_closed(tmp_path: Path, serving: Serving) -> None:
    with serving(tmp_path, {"CHEF_CONNECT_TIMEOUT": "1"}) as served, raw(served, connected=False) as one:
        assert one.is_closed()


# 13: stock reflects any Origin for `*` with `Access-Control-Allow-Credentials: true`, allows every origin
# for `[]`, and upgrades to a WebSocket (101) before it looks at the origin.
CORS = {
    ("unset", None): (True, None),
    ("unset", HOME): (True, HOME),
    ("unset", FOREIGN): (False, None),
    ("unset", "null"): (False, None),
    ("star", None): (True, None),
    ("star", FOREIGN): (True, "*"),
    ("star", "null"): (True, "*"),
    ("list", LISTED): (True, LISTED),
    ("list", "http://a.example"): (True, "http://a.example"),
    ("list", f"{LISTED}.evil.example"): (False, None),
    ("list", FOREIGN): (False, None),
}


@pytest.mark.parametrize(("case", "expected"), CORS.items(), ids=str)
def test_13_an_origin_is_let_in_by_the_setting_alone_and_never_with_credentials(
    servers: dict[str, Served], case: tuple[str, str | None], expected: tuple[bool, str | None]
) -> None:
    served = servers[case[0]]
    origin = case[1].format(port=served.port) if case[1] else None
    accepted, allowed = expected
    headers = {"Origin": origin} if origin else {}
    polled = served.get(HANDSHAKE, headers=headers)
    assert polled.status_code == (200 if accepted else 400)
    shown = allowed.format(port=served.port) if allowed else None
    assert polled.headers.get("Access-Control-Allow-Origin") == shown
    assert "Access-Control-Allow-Credentials" not in polled.headers
    assert open_websocket(served, origin) == (101 if accepted else 400)


@pytest.mark.parametrize("name", ["unset", "star", "list"])
@pytest.mark.parametrize("path", ["/api/jobs", "/health"])
def test_13_the_same_setting_holds_for_the_api(servers: dict[str, Served], name: str, path: str) -> None:
    allowed_to: dict[str, tuple[str | None, str | None]] = {
        "unset": (None, None),
        "star": ("*", "*"),
        "list": (LISTED, None),
    }
    for origin, allowed in zip((LISTED, FOREIGN), allowed_to[name], strict=True):
        answer = servers[name].get(path, headers={"Origin": origin})
        assert answer.status_code == 200
        assert answer.headers.get("Access-Control-Allow-Origin") == allowed
        assert "Access-Control-Allow-Credentials" not in answer.headers


def test_13_a_preflight_of_a_poll_is_answered_to_a_listed_origin(servers: dict[str, Served]) -> None:
    asking = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    url = servers["list"].url + HANDSHAKE
    answer = requests.options(url, headers=asking | {"Origin": LISTED}, timeout=30)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == LISTED
    assert "Origin" in answer.headers["Vary"]
    refused = requests.options(url, headers=asking | {"Origin": FOREIGN}, timeout=30)
    assert "Access-Control-Allow-Origin" not in refused.headers


# 14: stock answers the bare string "Unable to connect", and `error.message` is undefined.
@pytest.mark.parametrize("kind", ["js4", "js3", "python"])
def test_14_an_unknown_namespace_is_refused_with_a_message(stock_server: Served, kind: Any) -> None:
    if kind == "python":
        with closing(websocket.create_connection(_socket_url(stock_server), timeout=30)) as connection:
            receive(connection)
            connection.send("40/admin,")
            assert receive(connection) == '44/admin,{"message":"Invalid namespace"}'
    else:
        with watch(kind, f"{stock_server.url}/admin", ["websocket"], refused=True) as viewer:
            assert viewer.refusal == "Invalid namespace"


def receive(connection: websocket.WebSocket) -> str:
    """The next message of a raw WebSocket."""
    text = connection.recv()
    assert isinstance(text, str)
    return text


def _socket_url(served: Served) -> str:
    return f"ws://127.0.0.1:{served.port}/ws/?EIO=4&transport=websocket"


# 15: a stock handler that returns nothing acknowledges with no argument, and a promise resolves to undefined.
@pytest.mark.parametrize(
    "event", ["subscribe:job", "unsubscribe:job", "subscribe:project", "unsubscribe:project", "anything"]
)
def test_15_every_acknowledgement_carries_one_value(stock_server: Served, event: str) -> None:
    with closing(websocket.create_connection(_socket_url(stock_server), timeout=30)) as connection:
        for packet in ("40", f'420["{event}","an-id"]', f'421["{event}"]'):
            connection.send(packet)
        answers = [text for text in (receive(connection) for _ in range(4)) if text.startswith("43")]
    assert [text[:3] for text in answers] == ["430", "431"]
    for text in answers:
        (value,) = json.loads(text[3:])
        assert isinstance(value["ok"], bool)


# 16: `emit` from another thread waits on stock until something else wakes the hub, or is lost.
def test_16_an_event_leaves_at_once_although_a_thread_stored_it(stock_server: Served) -> None:
    with closing(websocket.create_connection(_socket_url(stock_server), timeout=30)) as connection:
        connection.send("40")
        connection.send('420["subscribe:job","trap-16"]')
        while not receive(connection).startswith("430"):
            pass
        late = []
        for number in range(20):
            begin = time.monotonic()
            stock_server.update(log("trap-16", str(number)))
            while "job:log" not in receive(connection):
                connection.send("3")
            late.append(time.monotonic() - begin)
    assert sorted(late)[5] < 0.25


# 17: stock starts without the patch, and with Redis set its first viewer fails with 401.
def test_17_the_first_statement_of_the_program_patches() -> None:
    body = ast.parse((ROOT / "app.py").read_text()).body
    assert [ast.unparse(statement) for statement in body[1:3]] == [
        "from gevent import monkey",
        "monkey.patch_all()",
    ]
    assert isinstance(body[0], ast.Expr)  # the docstring


def test_17_nothing_but_the_entrances_patches() -> None:
    patching = [
        path.relative_to(ROOT).as_posix()
        for path in [*ROOT.glob("*.py"), *ROOT.glob("chef/**/*.py")]
        if re.search(r"^\s*(?:gevent\.)?monkey\.patch_", path.read_text(), re.MULTILINE)
    ]
    assert sorted(patching) == ["app.py", "chef/__main__.py"]


@pytest.mark.real
def test_17_serving_without_the_patch_is_refused_in_plain_words(tmp_path: Path) -> None:
    script = "from chef.settings.config import Settings; from chef.serve import main; main(Settings())"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode != 0
    assert "gevent.monkey.patch_all() must be the first statement" in done.stderr.splitlines()[-1]


# 18: a module-level SocketIO keeps the first application's handlers and manager.
def test_18_each_application_has_a_socket_server_of_its_own(make_app: Callable[..., Flask]) -> None:
    one, two = make_app(), make_app()
    servers = [app.extensions["socketio"].server for app in (one, two)]
    assert servers[0] is not servers[1]
    assert servers[0].manager is not servers[1].manager
    assert servers[0].handlers["/"]["subscribe:job"] is not servers[1].handlers["/"]["subscribe:job"]


# 20: with a C build of psycopg 3.1.5 to 3.1.13 one waits for the other, and nothing else runs meanwhile.
SLEEPERS = """
from gevent import monkey
monkey.patch_all()
import json, sys, time
import gevent
from sqlalchemy import text
from chef.settings.config import Settings
from chef.store.engine import make_engine

engine = make_engine(Settings(database_url=sys.argv[1]).database_url)
ticks = 0
times = []

def sleep():
    with engine.connect() as connection:
        begin = time.monotonic()
        connection.execute(text("SELECT pg_sleep(2)"))
        times.append((begin, time.monotonic()))

def tick():
    global ticks
    while True:
        gevent.sleep(0.01)
        ticks += 1

connections = [gevent.spawn(sleep) for _ in range(2)]
gevent.spawn(tick)
gevent.joinall(connections, raise_error=True)
print(json.dumps({"times": times, "ticks": ticks}))
"""


@pytest.mark.slow
def test_20_two_queries_overlap_and_the_hub_goes_on(postgres_url: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SLEEPERS, postgres_url],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    measured = json.loads(done.stdout)
    begins, ends = zip(*measured["times"], strict=True)
    assert max(begins) < min(ends)
    assert measured["ticks"] > 10


# 21: stock's sqlite3 stops the whole hub in a commit: no request, no ping, no event.
@pytest.mark.slow
def test_21_the_server_answers_while_a_commit_waits(stock_server: Served, tmp_path: Path) -> None:
    database = stock_server.output.parent / "chef.db"
    answered = threading.Event()

    def post() -> None:
        requests.post(f"{stock_server.url}/api/updates", json=progress("trap-21"), timeout=60)
        answered.set()

    stock_server.update(progress("trap-21-before", phase="building"))
    with closing(sqlite3.connect(database, isolation_level=None)) as blocker:
        blocker.execute("BEGIN IMMEDIATE")
        poster = threading.Thread(target=post)
        poster.start()
        time.sleep(0.2)
        begin = time.monotonic()
        assert stock_server.get("/metrics").status_code == 200
        assert stock_server.get("/api/jobs/trap-21-before").status_code == 200
        assert time.monotonic() - begin < 2
        with closing(websocket.create_connection(_socket_url(stock_server), timeout=30)) as connection:
            connection.send("40")
            connection.send('420["subscribe:job","trap-21-before"]')
            # CHEF_PING_INTERVAL is 1 here.
            missing = {"0{", "40", "43", "42", "2"}
            while missing:
                missing.discard(receive(connection)[:2])
        assert not answered.is_set()
        blocker.execute("ROLLBACK")
    poster.join(60)
    assert answered.is_set()
    assert stock_server.get("/health").status_code == 200
    assert stock_server.get("/api/jobs/trap-21").status_code == 200


# 24: socket.io-client subscribes to nothing again after a reconnect, so what is pasted must.
RESUMING = """
const { io } = require('socket.io-client');
const jobId = 'trap-24';
const socket = io(process.env.CHEF_URL, { path: '/ws', reconnectionDelay: 200, reconnectionDelayMax: 500 });
let last = 0, epoch;
socket.on('connect', async () => {
  const answer = await socket.emitWithAck('subscribe:job', { jobId, after: last, epoch });
  epoch = answer.epoch;
  console.log(JSON.stringify({ complete: answer.complete }));
});
const note = (data) => { last = data.seq; console.log(JSON.stringify({ seq: data.seq })); };
socket.on('job:progress', note);
socket.on('job:log', note);
socket.on('job:completed', () => socket.disconnect());
"""


@pytest.mark.slow
def test_24_a_viewer_that_subscribes_in_connect_has_everything_after_a_restart(
    tmp_path: Path, serving: Serving
) -> None:
    port = str(free_port())
    shown: list[dict[str, Any]] = []

    def read(lines: Any) -> None:
        shown.extend(json.loads(line) for line in lines)

    def seqs() -> list[int]:
        return [line["seq"] for line in list(shown) if "seq" in line]

    with (
        serving(tmp_path, {"PORT": port}) as served,
        subprocess.Popen(
            [node(), "-e", RESUMING],
            cwd=ROOT,
            env={"CHEF_URL": served.url},
            stdout=subprocess.PIPE,
            text=True,
        ) as viewer,
    ):
        reader = threading.Thread(target=read, args=(viewer.stdout,))
        reader.start()
        served.update(*[log("trap-24", f"before {number}") for number in range(5)])
        eventually(lambda: seqs() == [*range(1, 6)])
        served.kill()
        with serving(tmp_path, {"PORT": port}) as again:
            again.update(*[log("trap-24", f"while it was away {number}") for number in range(5)])
            again.update({"jobId": "trap-24", "type": "completed"})
            assert viewer.wait(60) == 0
        reader.join(30)
    assert seqs() == [*range(1, 12)]
    assert [line["complete"] for line in shown if "complete" in line] == [True, True]


def test_24_every_snippet_of_the_documents_subscribes_in_connect() -> None:
    documents = [path for path in (ROOT / "README.md", *ROOT.glob("docs/*.md")) if path.exists()]
    texts = [
        block
        for path in documents
        for block in re.findall(r"^```\w*\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL)
    ]
    texts += [path.read_text() for path in (ROOT / "tests" / "clients").glob("*.js*")]
    blocks = [block for block in texts if re.search(r"\bio\(", block)]
    assert blocks
    outside = [
        block
        for block in blocks
        if not re.search(r"on\(['\"]connect['\"],.{0,120}?subscribe:", block, re.DOTALL)
    ]
    assert outside == []


@pytest.mark.parametrize(
    ("body", "status"), [(b"9", 400), (b"4" + b"x" * 70_000, 413)], ids=["unknown packet", "too large"]
)
def test_10_who_posts_a_packet_that_breaks_the_rules_is_refused_at_once_and_closed(
    servers: dict[str, Served], body: bytes, status: int
) -> None:
    served = servers["unset"]
    session = served.get(HANDSHAKE).text
    url = f"{HANDSHAKE}&sid={json.loads(session[1:])['sid']}"
    assert served.post(url, data="40").status_code == 200
    began = time.monotonic()
    assert served.post(url, data=body).status_code == status
    assert time.monotonic() - began < 15  # Stock: for ever.
    assert served.get(url).status_code == 400

"""Chef behind real proxies, each with the configuration that docs/deploy.md has for it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
import requests
import websocket

from tests.tools.proxies import PROXIES, RunningProxy, make_certificate
from tests.tools.serving import Served, Serving

TOKEN = "a-token-of-some-length"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
PATIENCE_S = 20

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def chef(tmp_path_factory: pytest.TempPathFactory, serving: Serving) -> Iterator[Served]:
    settings = {"CHEF_API_TOKEN": TOKEN, "CHEF_TRUSTED_PROXIES": "1"}
    with serving(tmp_path_factory.mktemp("chef"), settings) as served:
        yield served


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, chef: Served) -> Iterator[dict[str, RunningProxy]]:
    """All proxies, which start at the same time."""
    certificate = make_certificate(tmp_path_factory.mktemp("certificate"))
    started: dict[str, RunningProxy] = {}
    try:
        for name, proxy in PROXIES.items():
            started[name] = RunningProxy(proxy, tmp_path_factory.mktemp(name), certificate, chef.port)
        yield started
    finally:
        for one in started.values():
            one.stop()


@pytest.fixture(params=PROXIES)
def proxy(request: pytest.FixtureRequest, running: dict[str, RunningProxy]) -> RunningProxy:
    found = running[request.param]
    found.wait()
    return found


class Client:
    """Requests to Chef through a proxy."""

    def __init__(self, proxy: RunningProxy) -> None:
        self.url = proxy.url
        self.certificate = str(proxy.certificate)
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = self.certificate

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.session.get(self.url + path, timeout=PATIENCE_S, **options)

    def post(self, path: str, **options: Any) -> requests.Response:
        return self.session.post(self.url + path, timeout=PATIENCE_S, **options)

    def update(self, job_id: str, **fields: Any) -> None:
        update = {"type": "progress", "jobId": job_id, "projectId": "web"} | fields
        answer = self.post("/api/updates", json=update, headers=BEARER)
        assert answer.status_code == 200, answer.text

    def websocket(self) -> websocket.WebSocket:
        return websocket.create_connection(
            self.url.replace("http", "ws", 1) + "/ws/?EIO=4&transport=websocket",
            timeout=PATIENCE_S,
            origin=self.url,
            sslopt={"ca_certs": self.certificate},
        )


def read_until(one: websocket.WebSocket, word: str) -> str:
    """The packet that has this word in it; pings are answered."""
    while word not in (packet := str(one.recv())):
        assert packet, f"the connection ended before {word}"
        if packet == "2":
            one.send("3")
    return packet


def subscription(job_id: str) -> str:
    return f"42{json.dumps(['subscribe:job', {'jobId': job_id, 'after': 0}])}"


def test_a_page_a_viewer_on_a_websocket_and_a_live_log(proxy: RunningProxy) -> None:
    client = Client(proxy)
    client.update("ws", phase="building")
    page = client.get("/jobs/ws", headers={"Accept": "text/html"})
    assert (page.status_code, "Building" in page.text) == (200, True)
    with closing(client.websocket()) as viewer:
        viewer.send("40")
        read_until(viewer, "40{")
        viewer.send(subscription("ws"))
        read_until(viewer, '"building"')
        with subprocess.Popen(
            [
                "curl",
                "-sS",
                "--cacert",
                client.certificate,
                "-NT",
                "-",
                f"{proxy.url}/api/jobs/ws/logs",
                "-H",
                f"Authorization: Bearer {TOKEN}",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as curl:
            assert curl.stdin
            for line in ("the first line", "the second line"):
                curl.stdin.write(f"{line}\n".encode())
                curl.stdin.flush()
                # It is there while the log is still being sent.
                assert "job:log" in read_until(viewer, line)
                assert curl.poll() is None
            answer, _ = curl.communicate(timeout=PATIENCE_S)
        assert (curl.returncode, json.loads(answer)["lines"]) == (0, 2)


def test_a_viewer_that_polls(proxy: RunningProxy) -> None:
    client = Client(proxy)
    client.update("polling", phase="building")
    own = {"Origin": proxy.url}
    path = "/ws/?EIO=4&transport=polling"
    opening = client.get(path, headers=own)
    assert opening.status_code == 200, opening.text
    path = f"{path}&sid={json.loads(opening.text[1:])['sid']}"
    for packet in ("40", subscription("polling")):
        assert client.post(path, data=packet, headers=own).text == "ok"
    client.update("polling", message="told to who polls")
    seen = ""
    while "told to who polls" not in seen:
        polled = client.get(path, headers=own)
        assert polled.status_code == 200, polled.text
        seen += polled.text
    elsewhere = client.get("/ws/?EIO=4&transport=polling", headers={"Origin": "https://evil.example"})
    assert elsewhere.status_code == 400


def test_an_event_stream_comes_at_once(proxy: RunningProxy) -> None:
    client = Client(proxy)
    client.update("stream", phase="building", message="told before")
    headers = {"Accept": "text/event-stream", "Accept-Encoding": "gzip"}
    with client.get("/api/jobs/stream/events", headers=headers, stream=True) as stream:
        lines = stream.iter_lines(chunk_size=1)
        assert any(b"told before" in line for line in lines)
        poster = Client(proxy)
        for number in range(3):
            poster.update("stream", message=f"message {number}")
            assert any(b"message %d" % number in line for line in lines)

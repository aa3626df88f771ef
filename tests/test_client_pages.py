"""The client in a real Chromium, in pages of another origin: React 18 and 19, Vue, Svelte, and without."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from chef.access.jwts import issue_token
from chef.domain.clock import now_ms
from chef.settings.config import Settings
from chef.version import VERSION
from tests.tools.browser import Complaints, watched_context
from tests.tools.clientpackage import put_together
from tests.tools.serving import ROOT, Served, Serving, free_port
from tests.tools.watching import eventually, node

SECRET = "a secret that is long enough for HS256"
WRITE_TOKEN = "write-token-0123456"
PAGE = '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><div id="root"></div>'
FRAMEWORKS = ("react-19", "react-18", "vue", "svelte")
REACTS = pytest.mark.parametrize("react", ["react-19", "react-18"])
# What Chromium says of a server that is away.
AWAY = ("ERR_", "WebSocket connection to", "WebSocket is closed before")
CAN_BE_HIDDEN = "Object.defineProperty(document, 'hidden', { get: () => Boolean(window.isAway) });"
LOOK = "(isAway) => { window.isAway = isAway; document.dispatchEvent(new Event('visibilitychange')); }"
PATIENCE_MS = 60_000
_numbers = count(1)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages of users, built as they build them."""
    made = tmp_path_factory.mktemp("site")
    put_together(made / "chef")
    command = [node(), "tests/tools/clientpages.mjs", str(made)]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    for name in FRAMEWORKS:
        (made / f"{name}.html").write_text(f'{PAGE}<script src="/{name}.js"></script>')
    (made / "plain.html").write_text(PAGE)
    return made


@pytest.fixture(scope="module")
def site(folder: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, site: str, serving: Serving) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("server"), {"WEBSOCKET_CORS_ORIGIN": site}) as served:
        yield served


@pytest.fixture(autouse=True)
def expect_a_job_that_is_not_there_yet(complaints: Complaints) -> None:
    """Chromium says of each such answer that it came."""
    complaints.allow("404")


@pytest.fixture
def job_id() -> str:
    return f"page-{next(_numbers)}"


def progress(job_id: str, **fields: Any) -> dict[str, Any]:
    return {"type": "progress", "jobId": job_id, "projectId": "web"} | fields


def log(job_id: str, message: str) -> dict[str, Any]:
    return {"type": "log", "jobId": job_id, "projectId": "web", "message": message}


def address(site: str, name: str, url: str, *jobs: str, **options: Any) -> str:
    given = {"server": url, "jobs": jobs, "projectId": "web", **options}
    return f"{site}/{name}.html#{quote(json.dumps(given))}"


def lines(page: Page) -> list[str]:
    return (page.locator("#log").text_content() or "").splitlines()


@REACTS
def test_a_build_and_its_project_are_shown_by_the_hooks(
    page: Page, site: str, server: Served, job_id: str, react: str
) -> None:
    page.goto(address(site, react, server.url, job_id))
    expect(page.locator("#status")).to_have_text("there is no such job yet", timeout=PATIENCE_MS)
    server.update(
        progress(job_id, phase="building", progress=45, meta={"branch": job_id}), log(job_id, "one")
    )
    expect(page.locator("#log")).to_have_text("one", timeout=PATIENCE_MS)
    expect(page.locator("#status")).to_have_text("building", timeout=PATIENCE_MS)
    expect(page.locator("progress")).to_have_js_property("value", 45, timeout=PATIENCE_MS)
    expect(page.locator("#jobs li").first).to_have_text(f"{job_id}: building", timeout=PATIENCE_MS)
    server.update({"type": "error", "jobId": job_id, "message": "tests failed", "code": 2})
    expect(page.locator("#outcome")).to_have_text("tests failed", timeout=PATIENCE_MS)
    expect(page.locator("#jobs li").first).to_have_text(f"{job_id}: failed", timeout=PATIENCE_MS)
    expect(page.locator("#connection")).to_have_text("ended", timeout=PATIENCE_MS)


@REACTS
def test_mounted_twice_it_has_one_connection_and_another_job_begins_empty(
    page: Page, site: str, server: Served, job_id: str, react: str
) -> None:
    other, asked = f"{job_id}-other", list[str]()
    page.on("request", lambda request: asked.append(request.url))
    server.update(log(job_id, "of the first"), log(other, "of the other"))
    page.goto(address(site, react, server.url, job_id, other))
    expect(page.locator("#log")).to_have_text("of the first", timeout=PATIENCE_MS)
    assert len([url for url in asked if f"{job_id}/events" in url]) == 1
    page.get_by_role("button", name=other).click()
    expect(page.locator("#log")).to_have_text("of the other", timeout=PATIENCE_MS)
    page.get_by_role("button", name="leave").click()
    expect(page.locator("#connection")).to_have_text("closed", timeout=PATIENCE_MS)
    eventually(lambda: server.update(progress(other))["jobs"][other]["viewers"] == 0)


def test_rendered_on_a_server_it_connects_to_nothing(folder: Path) -> None:
    for version in ("19", "18"):
        done = subprocess.run(
            [node(), folder / f"on-server-{version}.cjs"],
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
        assert '<footer id="connection">connecting</footer>' in done.stdout
        assert done.stderr == ""


@REACTS
def test_a_token_opens_a_protected_server_and_a_wrong_one_is_a_state(
    page: Page, site: str, tmp_path: Path, complaints: Complaints, serving: Serving, react: str
) -> None:
    complaints.allow("401")
    environment = {"WEBSOCKET_CORS_ORIGIN": site, "CHEF_JWT_SECRET": SECRET, "CHEF_API_TOKEN": WRITE_TOKEN}
    token = issue_token(Settings(jwt_secret=SECRET), {"read"}, (), 600, now_ms())
    with serving(tmp_path, environment) as guarded:
        guarded.session.headers["Authorization"] = f"Bearer {WRITE_TOKEN}"
        guarded.update(progress("job", phase="building", progress=60))
        page.goto(address(site, react, guarded.url, "job", token=token))
        expect(page.locator("progress")).to_have_js_property("value", 60, timeout=PATIENCE_MS)
        page.goto("about:blank")
        page.goto(address(site, react, guarded.url, "job", token="wrong"))
        expect(page.locator("#connection")).to_have_text("unauthorized", timeout=PATIENCE_MS)
        page.goto("about:blank")


def test_a_page_without_a_framework_loads_it_from_the_server(
    page: Page, site: str, server: Served, job_id: str
) -> None:
    server.update(log(job_id, "one"), {"type": "completed", "jobId": job_id})
    page.goto(f"{site}/plain.html")
    for module in ("/client.js", f"/client/{VERSION}/client.js"):
        found = page.evaluate(
            """async ([server, module, jobId]) => {
              const { watchJob } = await import(server + module);
              return new Promise((resolve) => watchJob(server, jobId, { onChange({ connection, lines, job }) {
                if (connection.state === 'ended') resolve([lines[0].message, job.status]);
              } }));
            }""",
            [server.url, module, job_id],
        )
        assert found == ["one", "completed"]


def test_ten_thousand_lines_come_once_each_in_order_over_kills_and_a_hidden_tab(
    browser: Browser, complaints: Complaints, site: str, tmp_path: Path, serving: Serving
) -> None:
    """Each framework by `fetch`, and React over Socket.IO, too. The tab is hidden while two kills happen."""
    complaints.allow(*AWAY)
    environment = {"WEBSOCKET_CORS_ORIGIN": site, "PORT": str(free_port())}
    url = f"http://127.0.0.1:{environment['PORT']}"
    with ExitStack() as stack:
        pages = [
            _opened(stack, browser, complaints, address(site, name, url, "job", hiddenAfter=200, **more))
            for name, more in [*((name, {}) for name in FRAMEWORKS), ("react-19", {"overSocket": True})]
        ]
        part = _Parts(2_000)
        for number in range(3):
            with serving(tmp_path, environment) as served:
                part.send(served)
                if number == 1:
                    for page in pages:
                        page.evaluate(LOOK, True)
                        expect(page.locator("#connection")).to_have_text("paused", timeout=PATIENCE_MS)
                elif number == 0:
                    for page in pages:
                        page.wait_for_function(
                            "document.querySelector('#log').textContent", timeout=PATIENCE_MS
                        )
                served.kill()
        with serving(tmp_path, environment) as served:
            part.send(served)
            for page in pages:
                assert page.locator("#connection").text_content() == "paused"
                page.evaluate(LOOK, False)
            part.send(served)
            served.update({"type": "completed", "jobId": "job"})
            for page in pages:
                expect(page.locator("#connection")).to_have_text("ended", timeout=PATIENCE_MS)
                assert lines(page) == [f"line {one}" for one in range(10_000)]
                page.goto("about:blank")


class _Parts:
    """Sends the lines of a job, so many at a time."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._sent = 0

    def send(self, served: Served) -> None:
        numbers = range(self._sent, self._sent + self._size)
        self._sent += self._size
        text = "".join(f"line {number}\n" for number in numbers)
        assert served.post("/api/jobs/job/logs?projectId=web", data=text).status_code == 200


def _opened(stack: ExitStack, browser: Browser, complaints: Complaints, url: str) -> Page:
    context = stack.enter_context(watched_context(browser, complaints))
    context.add_init_script(CAN_BE_HIDDEN)
    page = context.new_page()
    page.goto(url)
    return page

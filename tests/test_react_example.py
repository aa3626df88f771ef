"""The React component of the documented example in a real Chromium, from another origin than Chef's."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from chef.access.jwts import issue_token
from chef.domain.clock import now_ms
from chef.settings.config import Settings
from tests.tools.browser import Complaints
from tests.tools.serving import ROOT, Served, Serving, free_port
from tests.tools.watching import eventually, node

SECRET = "a secret that is long enough for HS256"
PAGE = '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><div id="root"></div>'
_numbers = count(1)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The application of a user: bundled by esbuild, served from an origin of its own."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "index.html").write_text(f'{PAGE}<script src="/main.js"></script>')
    bundle(folder / "main.js")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def bundle(target: Path) -> None:
    # React mounts twice in development only.
    options = [
        "--bundle",
        "--jsx=automatic",
        '--define:process.env.NODE_ENV="development"',
        "--log-level=warning",
    ]
    command = [
        node(),
        "node_modules/esbuild/bin/esbuild",
        "tests/clients/main.jsx",
        *options,
        f"--outfile={target}",
    ]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, site: str, serving: Serving) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("server"), {"WEBSOCKET_CORS_ORIGIN": site}) as served:
        yield served


@pytest.fixture
def job_id() -> str:
    return f"job-{next(_numbers)}"


@pytest.fixture(autouse=True)
def expect_strict_mode(complaints: Complaints) -> None:
    """The first of the two mounts leaves before its connection is there, of which Chromium warns."""
    complaints.allow("WebSocket is closed before the connection is established")


@pytest.fixture
def show(page: Page, site: str, server: Served) -> Callable[..., None]:
    """Open the user's application on some jobs."""

    def open_page(*jobs: str, served: Served = server, **options: Any) -> None:
        given = {"server": served.url, "jobs": jobs, "options": options}
        page.goto(f"{site}/#{quote(json.dumps(given))}")

    return open_page


def progress(job_id: str, **fields: Any) -> dict[str, Any]:
    return {"type": "progress", "jobId": job_id, "projectId": "web"} | fields


def log(job_id: str, message: str) -> dict[str, Any]:
    return {"type": "log", "jobId": job_id, "projectId": "web", "message": message}


def viewers(server: Served, job_id: str) -> int:
    answer = server.update(progress(job_id))
    found: int = answer["jobs"][job_id]["viewers"]
    return found


def lines(page: Page) -> list[str]:
    return page.locator("#log li").all_text_contents()


@pytest.mark.parametrize(
    "transports", [None, ["websocket", "polling"], ["polling"]], ids=["default", "both", "polling"]
)
def test_the_component_shows_a_build_line_by_line(
    page: Page, show: Callable[..., None], server: Served, job_id: str, transports: list[str] | None
) -> None:
    server.update(progress(job_id, phase="installing"))
    show(job_id, **({"transports": transports} if transports else {}))
    expect(page.locator("#status")).to_have_text("installing")
    expect(page.locator("progress")).to_have_js_property("value", 30)
    server.update(progress(job_id, phase="building"), log(job_id, "one\ntwo"))
    server.update(log(job_id, "<b>three</b> & ünïcode 🚀"))
    expect(page.locator("#log li")).to_have_text(["one", "two", "<b>three</b> & ünïcode 🚀"])
    expect(page.locator("progress")).to_have_js_property("value", 50)
    server.update({"type": "completed", "jobId": job_id})
    expect(page.locator("#status")).to_have_text("completed")
    expect(page.locator("#outcome")).to_contain_text("took ")
    expect(page.locator("progress")).to_have_js_property("value", 100)


def test_a_failure_is_shown_with_its_code(
    page: Page, show: Callable[..., None], server: Served, job_id: str
) -> None:
    show(job_id)
    eventually(lambda: viewers(server, job_id) == 1)
    server.update({"type": "error", "jobId": job_id, "message": "tests failed", "code": 2})
    expect(page.locator("#outcome")).to_have_text("failed: tests failed (2)")
    expect(page.locator("#status")).to_have_text("failed")


def test_mounted_twice_by_strict_mode_it_shows_each_line_once(
    page: Page, show: Callable[..., None], server: Served, job_id: str
) -> None:
    show(job_id)
    eventually(lambda: viewers(server, job_id) == 1)
    for part in range(10):
        server.update(*[log(job_id, f"line {part * 20 + number}") for number in range(20)])
    expect(page.locator("#log li")).to_have_count(200)
    assert lines(page) == [f"line {number}" for number in range(200)]


def test_a_late_viewer_sees_the_earlier_lines_and_what_a_break_has_missed(
    page: Page, show: Callable[..., None], site: str, tmp_path: Path, complaints: Complaints, serving: Serving
) -> None:
    complaints.allow("WebSocket", "Failed to load resource", "ERR_CONNECTION_REFUSED")
    environment = {"WEBSOCKET_CORS_ORIGIN": site, "PORT": str(free_port())}
    with serving(tmp_path, environment) as first:
        first.update(progress("job", phase="building"), log("job", "one\ntwo"))
        show("job", served=first, reconnectionDelayMax=300)
        expect(page.locator("#log li")).to_have_text(["one", "two"])
        first.kill()
    expect(page.locator("#status")).not_to_have_text("building")
    with serving(tmp_path, environment) as second:
        second.update(log("job", "three"), {"type": "completed", "jobId": "job"})
        expect(page.locator("#log li")).to_have_text(["one", "two", "three"])
        expect(page.locator("#status")).to_have_text("completed")
        expect(page.locator("#outcome")).to_contain_text("took ")
        page.goto("about:blank")


def test_another_job_is_shown_without_a_line_of_the_first(
    page: Page, show: Callable[..., None], server: Served, job_id: str
) -> None:
    other = f"{job_id}-other"
    show(job_id, other)
    eventually(lambda: viewers(server, job_id) == 1)
    server.update(log(job_id, "of the first"))
    expect(page.locator("#log li")).to_have_text(["of the first"])
    page.get_by_role("button", name=other).click()
    eventually(lambda: viewers(server, other) == 1)
    assert viewers(server, job_id) == 0
    server.update(log(job_id, "of the first"), log(other, "of the other"))
    expect(page.locator("#log li")).to_have_text(["of the other"])
    page.get_by_role("button", name="leave").click()
    eventually(lambda: viewers(server, other) == 0)


def test_a_token_opens_a_protected_server_and_a_wrong_one_says_why(
    page: Page, show: Callable[..., None], site: str, tmp_path: Path, complaints: Complaints, serving: Serving
) -> None:
    settings = Settings(jwt_secret=SECRET)
    token = issue_token(settings, {"read"}, (), 600, now_ms())
    environment = {
        "WEBSOCKET_CORS_ORIGIN": site,
        "CHEF_JWT_SECRET": SECRET,
        "CHEF_API_TOKEN": "write-token-0123456",
    }
    with serving(tmp_path, environment) as guarded:
        guarded.session.headers["Authorization"] = "Bearer write-token-0123456"
        guarded.update(progress("job", phase="building", progress=60))
        show("job", served=guarded, auth={"token": token})
        expect(page.locator("progress")).to_have_js_property("value", 60)
        page.goto("about:blank")
        show("job", served=guarded, auth={"token": "wrong"})
        expect(page.locator("#status")).to_have_text("Authentication error")
        page.goto("about:blank")
        # The browser may complain of the connections that end with the server.
        complaints.allow("WebSocket", "Failed to load resource")


def test_a_page_of_an_origin_that_is_not_listed_gets_nothing(
    page: Page, show: Callable[..., None], complaints: Complaints, tmp_path: Path, serving: Serving
) -> None:
    complaints.allow("CORS policy", "Failed to load resource", "WebSocket connection")
    with serving(tmp_path, {"WEBSOCKET_CORS_ORIGIN": "https://app.example.com"}) as listed:
        listed.update(progress("job", phase="building"))
        show("job", served=listed, transports=["websocket", "polling"])
        expect(page.locator("#status")).to_have_text("websocket error")
        assert listed.get("/health").json()["websocket"]["connected_clients"] == 0
        page.goto("about:blank")

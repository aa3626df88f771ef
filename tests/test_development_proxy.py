"""A page of Vite's development server, which passes Chef's addresses on as docs/watch.md says."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.tools.serving import ROOT, Served, Serving, free_port
from tests.tools.watching import eventually, node

PAGE = """<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">
<p id="transport"></p><p id="socket"></p><p id="lines"></p>
<p id="stream"></p><p id="rest"></p><p id="post"></p>
<script type="module" src="/main.js"></script>
"""
SCRIPT = """
import { io } from 'socket.io-client';

const show = (id, text) => { document.getElementById(id).textContent += `${text} `; };
const socket = io({ path: '/ws' });
// Before it connects: the answer to that may come by the new transport.
socket.io.on('open', () => {
  socket.io.engine.on('upgrade', (transport) => show('transport', transport.name));
});
socket.on('connect', () => {
  socket.emit('subscribe:job', { jobId: 'web-1', after: 0, batch: true });
});
socket.on('job:progress', (data) => show('socket', data.progress));
socket.on('job:logs', (data) => show('lines', data.lines.map((line) => line.message)));
const stream = new EventSource('/api/jobs/web-1/events');
stream.addEventListener('job:progress', (event) => show('stream', JSON.parse(event.data).progress));
stream.addEventListener('end', () => stream.close());
fetch('/api/jobs/web-1').then((answer) => answer.json()).then((job) => show('rest', job.status));
const update = { type: 'log', jobId: 'web-1', message: 'of the page' };
const headers = { 'Content-Type': 'application/json' };
const posted = await fetch('/api/updates', { method: 'POST', headers, body: JSON.stringify(update) });
show('post', posted.status);
"""


def progress(number: int, **fields: Any) -> dict[str, Any]:
    return {"type": "progress", "jobId": "web-1", "projectId": "web", "progress": number} | fields


@contextmanager
def vite(folder: Path, chef: Served) -> Iterator[str]:
    """A real Vite in the folder of an application with the documented configuration; gives its address."""
    text = (ROOT / "docs" / "watch.md").read_text(encoding="utf-8")
    (config,) = re.findall(r"```ts\n(.*?)```", text, re.DOTALL)
    (folder / "vite.config.ts").write_text(config.replace("http://127.0.0.1:3001", chef.url))
    (folder / "package.json").write_text('{"private": true, "type": "module"}')
    (folder / "index.html").write_text(PAGE)
    (folder / "main.js").write_text(SCRIPT)
    packages = folder / "node_modules"  # Vite keeps what it bundles in it.
    packages.mkdir()
    for name in ("vite", "socket.io-client"):
        (packages / name).symlink_to((ROOT / "node_modules" / name).resolve())
    port, output = free_port(), folder / "vite.log"
    command = [
        node(),
        "node_modules/vite/bin/vite.js",
        "--port",
        str(port),
        "--strictPort",
        "--host",
        "localhost",
    ]
    with output.open("wb") as log:
        started = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    url = f"http://localhost:{port}"
    try:
        eventually(lambda: _answers(url), timeout=60)
        yield url
    finally:
        os.killpg(started.pid, signal.SIGKILL)
        started.wait()


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).status_code == 200
    except requests.ConnectionError:
        return False


@pytest.fixture
def chef(tmp_path_factory: pytest.TempPathFactory, serving: Serving) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("chef"), {}) as served:
        yield served


@pytest.mark.slow
def test_a_page_behind_vite_gets_socket_io_rest_and_event_streams_live(
    page: Page, chef: Served, tmp_path: Path
) -> None:
    chef.update(progress(10))
    with vite(tmp_path, chef) as url:
        page.goto(url)
        for part in ("socket", "stream"):
            expect(page.locator(f"#{part}")).to_have_text("10 ", timeout=30_000)
        expect(page.locator("#transport")).to_have_text("websocket ")
        expect(page.locator("#rest")).to_have_text("preparing ")
        # A page of this machine may write as its scripts may, through the proxy, too.
        expect(page.locator("#post")).to_have_text("200 ")
        expect(page.locator("#lines")).to_have_text("of the page ")
        for number in (20, 30):
            chef.update(progress(number))
            for part in ("socket", "stream"):
                expect(page.locator(f"#{part}")).to_contain_text(f"{number} ", timeout=10_000)
        with requests.get(f"{url}/api/jobs/web-1/events?after=0", stream=True, timeout=30) as stream:
            lines = stream.iter_lines(chunk_size=1)
            assert any(b'"progress":30' in line.replace(b" ", b"") for line in lines)
            chef.update(progress(40))
            assert any(b'"progress":40' in line.replace(b" ", b"") for line in lines)
        page.goto("about:blank")  # Vite, which is killed, would cut its stream.

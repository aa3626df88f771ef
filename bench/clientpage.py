"""The client in a page of another origin, in Chromium: its size, a cold page's first line, and a long log."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from playwright.sync_api import Browser, Page, sync_playwright

from bench.chromium import launched
from bench.report import Table, figures, judge, median, number
from bench.servers import CHEF, Server, serve
from bench.web import Web
from chef.api import clientfiles

_OPENINGS = 15
_LINES = 1_000
_LONG_LINES = 100_000
# The time of the frame in which the first line stands, since the page was asked for, and that of the end.
_PAGE = """<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><pre id="log"></pre>
<script type="module">
  import { watchJob } from "SERVER/client.js";
  window.calls = 0;
  const show = (text) => {
    window.first = -1;
    document.getElementById("log").textContent = text;
    requestAnimationFrame(() => setTimeout(() => (window.first = performance.now())));
  };
  const job = location.hash.slice(1);
  if (!job) show("no job");
  else watchJob("SERVER", job, {
    onChange({ lines, connection }) {
      window.calls++;
      window.lines = lines;
      if (lines.length > 0 && !window.first) show(lines[0].message);
      if (connection.state === "ended") window.ended ??= performance.now();
    },
  });
</script>"""


def run(*, quick: bool) -> list[Table]:
    openings = 5 if quick else _OPENINGS
    with sync_playwright() as playwright, serve(CHEF, WEBSOCKET_CORS_ORIGIN="*") as server:
        browser = launched(playwright)
        try:
            with _site(server) as url:
                return [_size(), _cold(browser, server, url, openings), _long(browser, server, url)]
        finally:
            browser.close()


def _size() -> Table:
    table = figures()
    table.text = "What a browser is sent, packed."
    sizes = {name: len(gzip.compress(clientfiles.content(name))) for name in ("client.js", "react.js")}
    judge(table, "`/client.js`", sizes["client.js"], "<= 8192", " bytes")
    judge(table, "with the hooks, `/client/react.js`", sum(sizes.values()), "<= 8192", " bytes")
    return table


def _cold(browser: Browser, server: Server, url: str, openings: int) -> Table:
    _fill(server, "short", _LINES)
    found: dict[str, list[float]] = {"#short": [], "#": []}
    for _ in range(openings):
        for job, times in found.items():
            with _opened(browser, url + job) as page:
                page.wait_for_function("window.first > 0")
                times.append(float(page.evaluate("window.first")))
    table = figures()
    table.text = (
        f"A profile without a cache opens a page that follows a job of {_LINES:,} lines, {openings} times."
    )
    judge(table, "from the page's address to its first line, median", median(found["#short"]), "< 200", " ms")
    table.rows.append(["the slowest", number(max(found["#short"]), " ms"), "", ""])
    alone = number(median(found["#"]), " ms")
    table.rows.append(["a page that loads the client and shows a line of its own", alone, "", ""])
    return table


def _long(browser: Browser, server: Server, url: str) -> Table:
    _fill(server, "long", _LONG_LINES)
    Web(server.port).post("/api/updates", b'{"type":"completed","jobId":"long"}')
    table = figures()
    table.text = f"A finished job of {_LONG_LINES:,} lines, all of which the page has."
    with _opened(browser, f"{url}#long") as page:
        page.wait_for_function("window.ended", timeout=60_000)
        wrong = "lines.filter((one, index) => one.line !== index + 1).length + Math.abs(lines.length - %d)"
        judge(table, "lines missing, twice or not in order", page.evaluate(wrong % _LONG_LINES), "= 0")
        table.rows.append(["until the end", number(page.evaluate("window.ended"), " ms"), "", ""])
        table.rows.append(["calls of `onChange`", number(page.evaluate("window.calls")), "", ""])
    return table


def _fill(server: Server, job: str, count: int) -> None:
    text = "".join(f"{number:07} a line of a build, as long as most of them are\n" for number in range(count))
    Web(server.port).post(f"/api/jobs/{job}/logs?projectId=bench", text.encode(), "text/plain")


@contextmanager
def _opened(browser: Browser, url: str) -> Iterator[Page]:
    context = browser.new_context()
    try:
        page = context.new_page()
        page.goto(url)
        yield page
    finally:
        context.close()


@contextmanager
def _site(server: Server) -> Iterator[str]:
    """A page of another origin than the server's."""
    body = _PAGE.replace("SERVER", f"http://127.0.0.1:{server.port}").encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as site:
        thread = threading.Thread(target=site.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{site.server_port}/"
        finally:
            site.shutdown()
            thread.join()

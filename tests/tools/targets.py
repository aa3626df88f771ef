"""A target of notices in the test's own process: it keeps what it was sent and answers as it is told to."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.tools.serving import free_port


@dataclass(frozen=True)
class Sent:
    """One request that arrived: names of headers in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    at: float

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Reply = tuple[int, Mapping[str, str], bytes]


@dataclass
class FakeTarget:
    """`reply` makes the answer of each request; what arrived is in `sent`, in order."""

    port: int = field(default_factory=free_port)
    sent: list[Sent] = field(default_factory=list)
    reply: Callable[[Sent], Reply] = lambda sent: (204, {}, b"")
    _server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen; may be called again after `stop`, on the same port."""
        target = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                headers = {name.lower(): value for name, value in self.headers.items()}
                sent = Sent(self.command, self.path, headers, body, time.monotonic())
                target.sent.append(sent)
                status, fields, answer = target.reply(sent)
                self.send_response(status)
                for name, value in fields.items():
                    self.send_header(name, value)
                if status not in (204, 304):
                    self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_one  # noqa: N815

            def log_message(self, format: str, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass  # Its client was killed.

        self._server = Server(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Be away: connections are refused."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def wait(self, condition: Callable[[list[Sent]], object], within: float = 30) -> list[Sent]:
        """What arrived, once that is so."""
        deadline = time.monotonic() + within
        while not condition(self.sent):
            assert time.monotonic() < deadline, [(one.method, one.path, one.body[:300]) for one in self.sent]
            time.sleep(0.02)
        return list(self.sent)


@contextmanager
def fake_target() -> Iterator[FakeTarget]:
    """One that listens, until the end."""
    target = FakeTarget()
    target.start()
    try:
        yield target
    finally:
        target.stop()

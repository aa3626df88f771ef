"""The reporter as a build machine has it: the served file, run by a Python that knows nothing of Chef."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from chef.reporter.bundle import python_script, shell_script
from chef.version import VERSION
from tests.tools.serving import Served


def save_scripts(folder: Path) -> Path:
    """Both files as `curl -o` leaves them; returns where chef.py is."""
    (folder / "chef.sh").write_bytes(shell_script(VERSION).text)
    path = folder / "chef.py"
    path.write_bytes(python_script(VERSION).text)
    return path


class Machine:
    """A build machine: a folder with the reporter in it and an environment of its own."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.chef = save_scripts(folder)
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        self.environment = kept | {"HOME": str(folder), "TMPDIR": str(folder)} | environment

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-I", str(self.chef), *arguments]

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
        """Begin `chef.py` with these arguments."""
        environment = self.environment | options.pop("environment", {})
        settings: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "cwd": self.folder}
        return subprocess.Popen(self.command(*arguments), env=environment, **(settings | options))

    def run(self, *arguments: str, timeout: float = 60, **options: Any) -> Done:
        """Run `chef.py` with these arguments to its end."""
        given = options.pop("input", None)
        if given is not None:
            options["stdin"] = subprocess.PIPE
        began = time.monotonic()
        with self.start(*arguments, **options) as process:
            try:
                out, err = process.communicate(given, timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return Done(process.returncode, out or b"", (err or b"").decode(), time.monotonic() - began)


class Done(NamedTuple):
    """How `chef.py` ended, what it and its command wrote, how long it took."""

    status: int
    out: bytes
    err: str
    seconds: float

    @property
    def complaints(self) -> list[str]:
        """Lines of the reporter itself, except the one with the address of the job's page."""
        lines = [line for line in self.err.splitlines() if line.startswith("chef: ")]
        return [line for line in lines if "/jobs/" not in line]


class Request(NamedTuple):
    """A request that a fake server got."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def data(self) -> Any:
        return json.loads(self.body)


Behaviour = Callable[[Request, socket.socket], None]


class FakeServer:
    """A server that answers as it is told, byte by byte. `requests` is what it got."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.requests: list[Request] = []
        self.behaviour = behaviour
        self.wrap: Callable[[socket.socket], socket.socket] = lambda connection: connection
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        # Wakes the thread that waits in accept.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        self._thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError, ValueError, IndexError):
            connection = self.wrap(connection)
            self._open.append(connection)
            stream = connection.makefile("rb")
            while request := _read_request(stream):
                self.requests.append(request)
                self.behaviour(request, connection)


def _read_request(stream: Any) -> Request | None:
    first = stream.readline().decode().split()
    if not first:
        return None
    headers: dict[str, str] = {}
    while line := stream.readline().decode().strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    if headers.get("transfer-encoding") == "chunked":
        body = b""
        while size := int(stream.readline(), 16):
            body += stream.read(size)
            stream.readline()
        stream.readline()
    else:
        body = stream.read(int(headers.get("content-length", "0")))
    return Request(first[0], first[1], headers, body)


def reply(connection: socket.socket, status: str, body: bytes = b"", **headers: str) -> None:
    """Send an answer; names of headers are given with `_` for `-`."""
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *lines])
    connection.sendall(head.encode() + b"\r\n\r\n" + body)


def reply_json(connection: socket.socket, data: Any) -> None:
    reply(connection, "200 OK", json.dumps(data).encode(), Content_Type="application/json")


def reply_problem(connection: socket.socket, status: str, code: str, **more: Any) -> None:
    """Refuse as Chef does."""
    headers = more.pop("headers", {})
    body = json.dumps({"code": code, "detail": f"it is {code}"} | more).encode()
    reply(connection, status, body, Content_Type="application/problem+json", **headers)


class Store:
    """The part of Chef that takes updates and logs, as far as the reporter relies on it, for fakes."""

    def __init__(self) -> None:
        self.updates: list[dict[str, Any]] = []
        self.streams: dict[str, bytes | bytearray] = {}

    def take(self, request: Request, connection: socket.socket) -> None:
        """Store what came and answer as Chef does."""
        path, _, query = request.path.partition("?")
        fields = dict(pair.split("=", 1) for pair in query.split("&") if pair)
        if path == "/api/updates":
            known = {update["id"] for update in self.updates}
            self.updates += [update for update in request.data if update["id"] not in known]
            reply_json(connection, {"accepted": len(request.data), "duplicates": 0, "jobs": {}})
        elif path.endswith("/logs"):
            self._take_log(request, connection, fields)
        else:
            reply_json(connection, {})

    def _take_log(self, request: Request, connection: socket.socket, fields: dict[str, str]) -> None:
        stream, offset = fields["stream"], int(fields.get("offset", "0"))
        had = self.streams.get(stream, bytearray())
        if request.method == "HEAD":
            reply(connection, "200 OK", Upload_Offset=str(len(had)))
        elif offset > len(had):
            reply_problem(connection, "416 Range", "offset_past_end", offset=len(had))
        else:
            had += request.body[len(had) - offset :]
            self.streams[stream] = had
            reply_json(connection, {"offset": len(self.streams[stream]), "lines": 0, "seq": 0, "viewers": 0})


@contextmanager
def pretending(behaviour: Behaviour) -> Iterator[FakeServer]:
    """A fake server, closed at the end."""
    server = FakeServer(behaviour)
    try:
        yield server
    finally:
        server.close()


BUILD = ("sh", "-c", "seq 20000; exit 4")
OUTPUT = "".join(f"{number}\n" for number in range(1, 20_001)).encode()


def build(
    folder: Path, url: str, *options: str, command: tuple[str, ...] = BUILD, **environment: str
) -> Done:
    machine = Machine(folder, CHEF_URL=url, CHEF_PROJECT="web", CHEF_JOB="job", **environment)
    return machine.run("run", *options, "--", *command)


def silent(_request: Request, _connection: socket.socket) -> None:
    threading.Event().wait(30)


def always(status: str, body: bytes = b"", **headers: str) -> Behaviour:
    return lambda _request, connection: reply(connection, status, body, **headers)


def stored(server: Served, job: str) -> dict[str, Any]:
    answer = server.get(f"/api/jobs/{job}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def raw(server: Served, job: str) -> bytes:
    return server.get(f"/api/jobs/{job}/logs?raw=1").content


def lines(server: Served, job: str) -> list[tuple[str, str]]:
    found = server.get(f"/api/jobs/{job}/logs?limit=1000").json().get("lines", [])
    return [(line["stream"], line["message"]) for line in found]


def job_has_line(server: Served, job: str, text: str) -> bool:
    answer = server.get(f"/api/jobs/{job}/logs?tail=1000")
    return answer.status_code == 200 and text in [line["message"] for line in answer.json()["lines"]]

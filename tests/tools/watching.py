"""Viewers on real Socket.IO clients: the official JavaScript ones in Node, and python-socketio.

All have one face, so that a test can be run with each: `with watch(kind, url) as viewer: ...`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Literal

import socketio

from tests.tools.serving import ROOT

Kind = Literal["js4", "js3", "python"]
KINDS: tuple[Kind, ...] = ("js4", "js3", "python")
TRANSPORTS: dict[str, list[str] | None] = {
    "websocket": ["websocket"],
    "polling": ["polling"],
    "both": ["websocket", "polling"],
    "default": None,
}
"""What users give as `transports`; None is the client's default, polling and then an upgrade."""

Received = tuple[str, Any]
"""An event's name and its one argument."""

_PACKAGES = {"js4": "socket.io-client", "js3": "socket.io-client-3"}
_PATIENCE_S = 60


class Watcher(ABC):
    """A connected client. `events` is what it received, in the order in which it came."""

    def __init__(self) -> None:
        self.events: list[Received] = []
        self.transport: str | None = None
        self.refusal: str | None = None
        self.disconnects: list[str] = []
        self.connects = 0
        self._changed = threading.Condition()

    @abstractmethod
    def emit(self, *args: Any) -> None:
        """Emit an event without asking for an acknowledgement."""

    @abstractmethod
    def call(self, *args: Any) -> Any:
        """Emit an event and return its acknowledgement's one argument."""

    @abstractmethod
    def disconnect(self) -> None:
        """Leave, as the client's own `disconnect` does."""

    @abstractmethod
    def close(self) -> None:
        """End the client, however it stands."""

    def note(self, change: Callable[[], None]) -> None:
        """Take note of something that came; wakes who waits."""
        with self._changed:
            change()
            self._changed.notify_all()

    def received(self, event: str, args: Any) -> None:
        """Take note of an event. Every event of Chef has one argument."""
        value = args[0] if len(args) == 1 else ("not one argument", args)
        self.note(lambda: self.events.append((event, value)))

    def wait_until(self, condition: Callable[[], bool], timeout: float = _PATIENCE_S) -> None:
        """Wait for a condition on what came; fails the test at the time limit."""
        with self._changed:
            held = self._changed.wait_for(condition, timeout)
        assert held, f"did not come within {timeout} s; so far: {self.describe()}"

    def wait_for(self, event: str, number: int = 1, timeout: float = _PATIENCE_S) -> list[Any]:
        """Wait until an event has come `number` times; returns their payloads."""
        self.wait_until(lambda: len(self.of(event)) >= number, timeout)
        return self.of(event)

    def of(self, *events: str) -> list[Any]:
        """The payloads of some events, in the order in which they came."""
        return [payload for event, payload in self.events if event in events]

    def describe(self) -> str:
        names = [event for event, _ in self.events]
        shown = f"{names[:5]} … {len(names)} events … {self.events[-3:]}"
        return f"{shown}, refused: {self.refusal}, disconnects: {self.disconnects}"


class Puppet(Watcher):
    """An official JavaScript client in Node, led through `tests/clients/puppet.cjs`."""

    def __init__(self, kind: Kind, url: str, options: dict[str, Any]) -> None:
        super().__init__()
        self._ids = count(1)
        self._answers: dict[int, list[Any]] = {}
        command = [node(), "tests/clients/puppet.cjs", _PACKAGES[kind], url, json.dumps(options)]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def emit(self, *args: Any) -> None:
        self._command("emit", args=args)

    def call(self, *args: Any) -> Any:
        number = next(self._ids)
        self._command("call", args=args, id=number)
        self.wait_until(lambda: number in self._answers)
        (answer,) = self._answers[number]
        return answer

    def disconnect(self) -> None:
        self._command("disconnect")
        self.wait_until(lambda: bool(self.disconnects))

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(5)
        self._process.stdout.close()

    def _command(self, command: str, **rest: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"command": command} | rest) + "\n")
        self._process.stdin.flush()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._take(json.loads(line))

    def _take(self, said: dict[str, Any]) -> None:
        if "event" in said:
            self.received(said["event"], said["args"])
        elif "ack" in said:
            self.note(lambda: self._answers.update({said["ack"]: said["args"]}))
        elif "connected" in said:
            self.note(lambda: self._connected(said["connected"]))
        elif "upgraded" in said:
            self.note(lambda: setattr(self, "transport", said["upgraded"]))
        elif "refused" in said:
            self.note(lambda: setattr(self, "refusal", said["refused"]))
        else:
            self.note(lambda: self.disconnects.append(said["disconnected"]))

    def _connected(self, transport: str) -> None:
        self.transport = transport
        self.connects += 1


class PythonClient(Watcher):
    """python-socketio's client, on threads."""

    def __init__(self, url: str, options: dict[str, Any]) -> None:
        super().__init__()
        self._client = socketio.Client(reconnection=False)
        _take_turns(self._client)
        self._client.on("*", lambda event, *args: self.received(event, args))
        self._client.on("connect_error", self._refused)
        self._client.on("disconnect", lambda *why: self.note(lambda: self.disconnects.append(str(why))))
        self._url = url
        self._options = options
        try:
            self._client.connect(
                url,
                socketio_path=options["path"],
                transports=options.get("transports"),
                auth=options.get("auth"),
                headers=options.get("extraHeaders", {}),
            )
        except socketio.exceptions.ConnectionError:
            return  # `refusal` says why.
        self.transport = self._client.transport()
        self.connects = 1

    def emit(self, *args: Any) -> None:
        self._client.emit(args[0], args[1:])

    def call(self, *args: Any) -> Any:
        return self._client.call(args[0], args[1:], timeout=_PATIENCE_S)

    def disconnect(self) -> None:
        self._client.disconnect()

    def close(self) -> None:
        self._client.disconnect()

    def _refused(self, data: Any) -> None:
        message = data.get("message") if isinstance(data, dict) else data
        self.note(lambda: setattr(self, "refusal", message))


def _take_turns(client: socketio.Client) -> None:
    """Have a client's messages handled in the order in which they came.

    python-socketio gives each a thread of its own, and on a busy machine a later one may be the faster.
    """
    start, handle = client.eio.start_background_task, client.eio.handlers["message"]
    done = threading.Event()
    done.set()

    def start_in_turn(target: Callable[..., None], *args: Any, **options: Any) -> Any:
        nonlocal done
        if target != handle:
            return start(target, *args, **options)
        before, done = done, threading.Event()
        return start(_in_turn, before, done, target, *args)

    client.eio.start_background_task = start_in_turn


def _in_turn(before: threading.Event, done: threading.Event, target: Callable[..., None], *args: Any) -> None:
    before.wait(_PATIENCE_S)
    try:
        target(*args)
    finally:
        done.set()


@contextmanager
def watch(
    kind: Kind, url: str, transports: list[str] | None = None, *, refused: bool = False, **options: Any
) -> Iterator[Watcher]:
    """A client that has connected, or (`refused`) that was refused; further options are the client's.

    With the default transports it has also upgraded to a WebSocket.
    """
    given = {"path": "/ws"} | options | ({"transports": transports} if transports else {})
    viewer: Watcher = PythonClient(url, given) if kind == "python" else Puppet(kind, url, given)
    try:
        if refused:
            viewer.wait_until(lambda: viewer.refusal is not None)
        else:
            wanted = transports[0] if transports else "websocket"
            viewer.wait_until(lambda: viewer.transport == wanted)
        yield viewer
    finally:
        viewer.close()


def run_in_node(script: str, timeout: float = 90) -> list[Any]:
    """Run JavaScript where this project's packages are found; returns the JSON lines that it wrote."""
    done = subprocess.run(
        [node(), "-e", script], cwd=ROOT, check=False, capture_output=True, text=True, timeout=timeout
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def node() -> str:
    """Node, of the machine or of the wheel that `make` installs."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    found = shutil.which("node", path=path)
    assert found, "there is no node: run `make setup`"
    return found


def eventually(condition: Callable[[], object], timeout: float = _PATIENCE_S) -> None:
    """Wait for something that is not a viewer's; fails the test at the time limit."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)

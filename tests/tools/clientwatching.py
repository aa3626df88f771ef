"""The client that the server brings, running in Node: watches that a test opens, looks at and closes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from chef.api import clientfiles
from tests.tools.serving import ROOT
from tests.tools.watching import eventually, node

State = dict[str, Any]


class Clients:
    """A process with as many watches as a test wants. One at a time orders something."""

    def __init__(self, folder: Path, speed: float) -> None:
        path = folder / "client.mjs"
        path.write_bytes(clientfiles.content("client.js"))
        command = [node(), "tests/tools/clientdriver.mjs", path.as_uri(), str(speed)]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )
        self._numbers = count(1)

    def job(self, server: str, job_id: str, **options: Any) -> WatchInNode:
        return self._open("job", server, job_id, options)

    def project(self, server: str, project_id: str, **options: Any) -> WatchInNode:
        return self._open("project", server, project_id, options)

    def look(self, *, hidden: bool) -> None:
        """Hide the page, or show it."""
        self.order("look", isHidden=hidden)

    def _open(self, kind: str, server: str, target: str, options: dict[str, Any]) -> WatchInNode:
        number = next(self._numbers)
        self.order("open", id=number, kind=kind, server=server, target=target, **options)
        return WatchInNode(self, number)

    def order(self, name: str, **about: Any) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"order": name, **about}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()


class WatchInNode:
    """One watch. Its state has `calls` of onChange, `connections` and `asked`, `anew`, `unsound` besides."""

    def __init__(self, clients: Clients, number: int) -> None:
        self._clients = clients
        self._number = number

    @property
    def state(self) -> State:
        state: State = self._clients.order("state", id=self._number)
        return state

    @property
    def connection(self) -> str:
        return str(self.state["connection"]["state"])

    @property
    def messages(self) -> list[str]:
        return [line["message"] for line in self.state["lines"]]

    def wait_for(self, *connections: str) -> State:
        """Wait until the connection is so; the state."""
        eventually(lambda: self.connection in connections)
        return self.state

    def retry(self) -> None:
        self._clients.order("retry", id=self._number)

    def close(self) -> None:
        self._clients.order("close", id=self._number)


@contextmanager
def clients_in_node(folder: Path, speed: float = 1) -> Iterator[Clients]:
    """`speed`: the client's own waiting is so many times shorter."""
    clients = Clients(folder, speed)
    try:
        yield clients
    finally:
        clients.close()

"""Servers that take commit statuses as GitHub, GitLab and Gitea document it, for tests: over HTTP, with their
limits, their refusals, and the states that they let follow each other.
"""

from __future__ import annotations

import json
import re
import ssl
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple
from urllib.parse import unquote

TOKEN = "ghp_17_secret"
SHA = "4f1c2d9e8b7a6c5d4e3f2a1b0c9d8e7f6a5b4c3d"


class ForgeReply(NamedTuple):
    """What a forge answers."""

    status: int
    body: Any
    headers: Mapping[str, str] = MappingProxyType({})


@dataclass
class SaidStatus:
    """A status as a forge has it, and when it came (seconds, monotonic)."""

    state: str
    context: str
    description: str
    target_url: str | None
    at: float
    pipeline: int = 0
    ref: str | None = None


@dataclass
class FakeForge(ABC):
    """A forge with one repository.

    `asked` are all requests, each its path and whether it was taken; `faults` are what the next requests get
    instead, which are then not carried out. At commits that are `broken` it fails. `losing` so many of the
    next are carried out and not answered.
    """

    path: str = "acme/shop"
    commits: set[str] = field(default_factory=lambda: {SHA})
    statuses: dict[str, list[SaidStatus]] = field(default_factory=dict)
    asked: list[tuple[str, int]] = field(default_factory=list)
    faults: list[ForgeReply] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)
    losing: int = 0
    is_away: bool = False
    port: int = 0

    kind: ClassVar[str]
    states: ClassVar[frozenset[str]]
    address: ClassVar[re.Pattern[str]]

    @property
    def setting(self) -> str:
        """The part of CHEF_STATUS_TOKEN for this server."""
        return f"{self.kind}+http://127.0.0.1:{self.port}={TOKEN}"

    @property
    def repository(self) -> str:
        """The address of the repository."""
        return f"http://127.0.0.1:{self.port}/{self.path}"

    def said(self, context: str, commit: str = SHA) -> list[SaidStatus]:
        """All that came under a name, in its order."""
        return [one for one in self.statuses.get(commit, []) if one.context == context]

    def take(self, path: str, headers: Mapping[str, str], body: bytes) -> ForgeReply:
        """A request with POST."""
        reply = self.faults.pop(0) if self.faults else self._carried_out(path, headers, body)
        self.asked.append((path, reply.status))
        return reply

    def _carried_out(self, path: str, headers: Mapping[str, str], body: bytes) -> ForgeReply:
        if not self.knows(headers):
            return ForgeReply(401, {"message": "401 Unauthorized"})
        found = self.address.fullmatch(path)
        if found is None or unquote(found["path"]).lower() != self.path:
            return ForgeReply(404, {"message": "Not Found"})
        if found["sha"] in self.broken:
            return ForgeReply(500, {"message": "object does not exist"})
        said = json.loads(body)
        if said.get("state") not in self.states:
            return ForgeReply(400, {"message": "state does not have a valid value"})
        return self.say(found["sha"], said)

    @abstractmethod
    def knows(self, headers: Mapping[str, str]) -> bool:
        """Whether a request has the token, where this forge looks for it."""

    @abstractmethod
    def say(self, sha: str, said: dict[str, Any]) -> ForgeReply:
        """A status of a commit."""

    def keep(self, sha: str, status: SaidStatus) -> ForgeReply:
        self.statuses.setdefault(sha, []).append(status)
        return ForgeReply(201, {"id": len(self.statuses[sha]), "state": status.state})


def _status(said: dict[str, Any], context: str) -> SaidStatus:
    return SaidStatus(
        said["state"], context, said.get("description", ""), said.get("target_url"), time.monotonic()
    )


@dataclass
class FakeGitHub(FakeForge):
    """GitHub Enterprise Server: 1,000 statuses of a commit and context, short texts without emoji."""

    kind = "github"
    states = frozenset({"error", "failure", "pending", "success"})
    address = re.compile(r"/api/v3/repos/(?P<path>[^/]+/[^/]+)/statuses/(?P<sha>[^/]+)")

    def knows(self, headers: Mapping[str, str]) -> bool:
        return headers.get("authorization") == f"Bearer {TOKEN}" and "user-agent" in headers

    def say(self, sha: str, said: dict[str, Any]) -> ForgeReply:
        if sha not in self.commits:
            return ForgeReply(422, {"message": f"No commit found for SHA: {sha}"})
        texts = (said.get("description", ""), said.get("context", "default"))
        if any(len(text) > limit for text, limit in zip(texts, (140, 255), strict=True)):
            return ForgeReply(422, {"message": "Validation Failed", "errors": [{"code": "too_long"}]})
        if any(one > "\uffff" for text in texts for one in text):
            return ForgeReply(422, {"message": "description doesn't accept 4-byte Unicode"})
        if len(self.said(texts[1], sha)) >= 1000:
            return ForgeReply(422, {"message": "This SHA and context has reached the maximum number"})
        return self.keep(sha, _status(said, texts[1]))


@dataclass
class FakeGitLab(FakeForge):
    """GitLab: a status is a job of a pipeline, and its state a machine."""

    path: str = "acme/deep/shop"
    pipeline: int = 70

    kind = "gitlab"
    states = frozenset({"pending", "running", "success", "failed", "canceled", "skipped"})
    address = re.compile(r"/api/v4/projects/(?P<path>[^/]+)/statuses/(?P<sha>[^/]+)")
    _events: ClassVar = {"pending": "enqueue", "running": "run"}

    def knows(self, headers: Mapping[str, str]) -> bool:
        return headers.get("private-token") == TOKEN

    def say(self, sha: str, said: dict[str, Any]) -> ForgeReply:
        if sha not in self.commits:
            return ForgeReply(404, {"message": "404 Commit Not Found"})
        if any(len(said.get(name) or "") > 255 for name in ("description", "name", "target_url", "ref")):
            return ForgeReply(400, {"error": "is too long (maximum is 255 characters)"})
        state, before = said["state"], self.said(said.get("name", "default"), sha)
        now = before[-1].state if before else ""
        if (now == state and state in self._events) or (now, state) == ("running", "pending"):
            event = self._events[state]
            reason = f'(Reason(s): Status cannot transition via "{event}")'
            return ForgeReply(400, {"message": f"Cannot transition status via :{event} from :{now} {reason}"})
        status = _status(said, said.get("name", "default"))
        status.pipeline, status.ref = said.get("pipeline_id", self.pipeline), said.get("ref")
        self.keep(sha, status)
        return ForgeReply(201, {"status": state, "pipeline_id": status.pipeline})


@dataclass
class FakeGitea(FakeForge):
    """Gitea."""

    kind = "gitea"
    states = frozenset({"pending", "success", "error", "failure", "warning"})
    address = re.compile(r"/api/v1/repos/(?P<path>[^/]+/[^/]+)/statuses/(?P<sha>[^/]+)")

    def knows(self, headers: Mapping[str, str]) -> bool:
        return headers.get("authorization") == f"token {TOKEN}"

    def say(self, sha: str, said: dict[str, Any]) -> ForgeReply:
        if sha not in self.commits:
            return ForgeReply(404, {"message": "object does not exist"})
        return self.keep(sha, _status(said, said.get("context", "default")))


@contextmanager
def served(forge: FakeForge, certificate: tuple[Path, Path] | None = None) -> Iterator[None]:
    """The forge on a port of this machine, with TLS where it has a certificate and its key.

    Where it is away, connections are closed without an answer.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if forge.is_away:
                self.close_connection = True
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = forge.take(self.path, headers, body)
            if forge.losing:
                forge.losing -= 1
                self.close_connection = True
                return
            text = json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: Any) -> None:
            """A test needs no log of it."""

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Clients that do not trust it go away."""

    server = Quiet(("127.0.0.1", forge.port), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    forge.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

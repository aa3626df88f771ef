"""Servers that behave as ntfy, Slack, Discord and Mattermost document it, for tests: over HTTP, with their
limits, their refusals and their edits.
"""

from __future__ import annotations

import itertools
import json
import re
import select
import socket
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, TypeVar
from urllib.parse import parse_qsl, urlsplit

TOKEN = "xoxb-17-secret"


class Reply(NamedTuple):
    """What a server answers."""

    status: int
    body: Any
    headers: Mapping[str, str] = MappingProxyType({})


class Asked(NamedTuple):
    """A request: `path` without its query."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass
class Shown:
    """A message as people see it: each of its versions, and when that came (seconds, monotonic)."""

    name: str
    versions: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    is_deleted: bool = False

    @property
    def newest(self) -> dict[str, Any]:
        return self.versions[-1][1]

    @property
    def gaps(self) -> list[float]:
        """The times between its versions, in seconds."""
        return [later[0] - earlier[0] for earlier, later in itertools.pairwise(self.versions)]


class Chat(ABC):
    """A server with messages by their ids.

    `faults` are replies that the next requests get, which are then not carried out. `losing` so many next
    requests are carried out and not answered; `may_answer` is waited for between the two. At most `burst`
    requests within a second are taken, if set.
    """

    scheme: ClassVar[str]

    def __init__(self) -> None:
        self.messages: dict[str, Shown] = {}
        self.asked: list[Asked] = []
        self.faults: list[Reply] = []
        self.losing = 0
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.burst: int | None = None
        self.refused = 0
        self.is_revoked = False
        self.port = 0
        self._taken: list[float] = []
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    @property
    def at(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    @abstractmethod
    def target(self) -> str:
        """The target's URL, as in CHEF_NOTIFY."""

    @property
    def shown(self) -> list[Shown]:
        """The messages that people see, the oldest first."""
        with self._lock:
            return [one for one in self.messages.values() if not one.is_deleted]

    @abstractmethod
    def text(self, message: Shown) -> str:
        """What a message says."""

    def texts(self) -> list[str]:
        return [self.text(one) for one in self.shown]

    def delete_all(self) -> None:
        """A person deletes every message."""
        for one in self.shown:
            one.is_deleted = True

    def take(self, asked: Asked) -> Reply | None:
        """The reply to a request; `None`: the connection is closed, though the request was carried out."""
        with self._lock:
            self.asked.append(asked)
            if self.faults:
                return self.faults.pop(0)
            if self._is_too_much():
                self.refused += 1
                return self.too_much()
            reply = self.refusal() if self.is_revoked else self.answer(asked)
            if self.losing:
                self.losing -= 1
                return None
            return reply

    def _is_too_much(self) -> bool:
        if self.burst is None:
            return False
        now = time.monotonic()
        self._taken = [at for at in self._taken if at > now - 1]
        if len(self._taken) >= self.burst:
            return True
        self._taken.append(now)
        return False

    def show(self, name: str, version: dict[str, Any]) -> Shown:
        message = self.messages.setdefault(name, Shown(name))
        message.versions.append((time.monotonic(), version))
        return message

    def number(self) -> int:
        return next(self._numbers)

    @abstractmethod
    def answer(self, asked: Asked) -> Reply: ...

    @abstractmethod
    def too_much(self) -> Reply: ...

    @abstractmethod
    def refusal(self) -> Reply:
        """What a token that was revoked gets."""


ChatT = TypeVar("ChatT", bound=Chat)


class Ntfy(Chat):
    """ntfy: `is_old` before 2.16, which knows no sequence ids."""

    scheme = "ntfy"

    def __init__(self, *, is_old: bool = False, authorization: str | None = None, user: str = "") -> None:
        super().__init__()
        self.is_old, self.authorization, self.user = is_old, authorization, user

    @property
    def target(self) -> str:
        return f"ntfy://{self.user}{self.at}/builds"

    def text(self, message: Shown) -> str:
        return f"{message.newest['title']}: {message.newest['message']}"

    def answer(self, asked: Asked) -> Reply:
        if asked.headers.get("authorization") != self.authorization:
            return self.refusal()
        if (asked.method, asked.path) != ("POST", "/") or not isinstance(asked.body, dict):
            return Reply(
                400,
                {"code": 40017, "http": 400, "error": "invalid request: request body must be message JSON"},
            )
        message = asked.body
        sequence = message.get("sequence_id", "")
        if sequence and not re.fullmatch("[-_A-Za-z0-9]{1,64}", sequence):
            return Reply(400, {"code": 40049, "http": 400, "error": "invalid request: sequence ID invalid"})
        if len(message["message"].encode()) > 4096 or len(message["title"].encode()) > 1024:
            return Reply(400, {"code": 41303, "http": 400, "error": "too large"})
        name = f"m{self.number()}"
        self.show(name if self.is_old or not sequence else sequence, message)
        known = {"id": name, "time": int(time.time()), "event": "message", **message}
        if self.is_old:
            del known["sequence_id"]
        return Reply(200, known)

    def too_much(self) -> Reply:
        return Reply(429, {"code": 42901, "http": 429, "error": "limit reached: too many requests"})

    def refusal(self) -> Reply:
        return Reply(403, {"code": 40301, "http": 403, "error": "forbidden"})


class Slack(Chat):
    """Slack's Web API. `scopes` are those of the token."""

    scheme = "slack"

    def __init__(self, scopes: frozenset[str] = frozenset(("chat:write", "channels:history"))) -> None:
        super().__init__()
        self.scopes = scopes

    @property
    def target(self) -> str:
        return f"slack://{TOKEN}@C0123ABCD?api=http://{self.at}/api"

    def text(self, message: Shown) -> str:
        text: str = message.newest["text"]
        return text

    def answer(self, asked: Asked) -> Reply:
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            return Reply(200, {"ok": False, "error": "invalid_auth"})
        method = asked.path.removeprefix("/api/")
        known: dict[str, Callable[[Asked], dict[str, Any]]] = {
            "chat.postMessage": self._post,
            "chat.update": self._update,
            "conversations.history": self._history,
        }
        if method not in known:
            return Reply(200, {"ok": False, "error": "unknown_method"})
        return Reply(200, known[method](asked))

    def _post(self, asked: Asked) -> dict[str, Any]:
        body = asked.body
        if body["channel"] != "C0123ABCD":
            return {"ok": False, "error": "channel_not_found"}
        ts = f"{int(time.time())}.{self.number():06}"
        self.show(ts, body)
        return {"ok": True, "channel": "C0123ABCD", "ts": ts, "message": {"text": body["text"]}}

    def _update(self, asked: Asked) -> dict[str, Any]:
        body = asked.body
        message = self.messages.get(body["ts"])
        if message is None or message.is_deleted:
            return {"ok": False, "error": "message_not_found"}
        if len(body["text"]) > 4000:
            return {"ok": False, "error": "msg_too_long"}
        self.show(body["ts"], {**message.newest, **body})
        return {"ok": True, "channel": body["channel"], "ts": body["ts"], "text": body["text"]}

    def _history(self, asked: Asked) -> dict[str, Any]:
        if "channels:history" not in self.scopes:
            return {"ok": False, "error": "missing_scope", "needed": "channels:history"}
        with_metadata = asked.query.get("include_all_metadata") == "true"
        messages = [
            {"type": "message", "ts": one.name, "text": one.newest["text"]}
            | ({"metadata": one.newest["metadata"]} if with_metadata else {})
            for one in reversed(self.messages.values())
            if not one.is_deleted
        ]
        limit = int(asked.query.get("limit", 100))
        return {"ok": True, "messages": messages[:limit], "has_more": len(messages) > limit}

    def too_much(self) -> Reply:
        return Reply(429, {"ok": False, "error": "ratelimited"}, {"Retry-After": "1"})

    def refusal(self) -> Reply:
        return Reply(200, {"ok": False, "error": "token_revoked"})


# The form that Discord's documentation wants.
_DISCORD_AGENT = re.compile(r"DiscordBot \(https?://[^\s,()]+, \d[\w.+]*\)")


class Discord(Chat):
    """Discord's webhooks."""

    scheme = "discord"

    @property
    def target(self) -> str:
        return f"discord://123456789012345678/{TOKEN}?api=http://{self.at}/api"

    def text(self, message: Shown) -> str:
        text: str = message.newest["content"]
        return text

    def answer(self, asked: Asked) -> Reply:
        base = f"/api/webhooks/123456789012345678/{TOKEN}"
        if not asked.path.startswith(base):
            return Reply(404, {"message": "Unknown Webhook", "code": 10015})
        if not _DISCORD_AGENT.fullmatch(asked.headers.get("user-agent", "")):
            return Reply(403, {"message": "internal network error", "code": 40333})
        if len(asked.body["content"]) > 2000:
            return Reply(400, {"code": 50035, "message": "Invalid Form Body"})
        if asked.method == "POST" and asked.path == base:
            name = str(10**18 + self.number())
            self.show(name, asked.body)
            return (
                Reply(200, {"id": name, **asked.body})
                if asked.query.get("wait") == "true"
                else Reply(204, None)
            )
        message = self.messages.get(asked.path.removeprefix(f"{base}/messages/"))
        if asked.method != "PATCH" or message is None or message.is_deleted:
            return Reply(404, {"message": "Unknown Message", "code": 10008})
        self.show(message.name, {**message.newest, **asked.body})
        return Reply(200, {"id": message.name, **message.newest})

    def too_much(self) -> Reply:
        body = {"message": "You are being rate limited.", "retry_after": 0.42, "global": False}
        return Reply(429, body, {"Retry-After": "1", "X-RateLimit-Remaining": "0"})

    def refusal(self) -> Reply:
        return Reply(401, {"message": "Invalid Webhook Token", "code": 50027})


class Mattermost(Chat):
    """Mattermost's API and its incoming webhooks: `is_hook` says by which it is a target."""

    scheme = "mattermost"

    def __init__(self, *, is_hook: bool = False) -> None:
        super().__init__()
        self.is_hook = is_hook
        self._pending: dict[str, str] = {}

    @property
    def target(self) -> str:
        if self.is_hook:
            return f"mattermost://{self.at}/hooks/abc123"
        return f"mattermost://{TOKEN}@{self.at}/ch4nnel"

    def text(self, message: Shown) -> str:
        return str(message.newest.get("message", message.newest.get("text")))

    def forget_pending(self) -> None:
        """Half a minute has passed: it knows pending posts no longer than that."""
        self._pending.clear()

    def answer(self, asked: Asked) -> Reply:
        if self.is_hook and (asked.method, asked.path) == ("POST", "/hooks/abc123"):
            self.show(f"p{self.number()}", asked.body)
            return Reply(200, "ok")
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            return Reply(401, {"id": "api.context.session_expired.app_error", "status_code": 401})
        if (asked.method, asked.path) == ("POST", "/api/v4/posts"):
            return self._post(asked.body)
        if (asked.method, asked.path) == ("GET", "/api/v4/channels/ch4nnel/posts"):
            posts = {
                one.name: {"id": one.name, **one.newest}
                for one in self.messages.values()
                if not one.is_deleted
            }
            return Reply(200, {"order": [*reversed(posts)], "posts": posts})
        found = re.fullmatch("/api/v4/posts/([a-z0-9]+)/patch", asked.path)
        message = self.messages.get(found[1]) if found and asked.method == "PUT" else None
        if message is None or message.is_deleted:
            return Reply(403, {"id": "api.context.permissions.app_error", "status_code": 403})
        self.show(message.name, {**message.newest, **asked.body})
        return Reply(200, {"id": message.name, **message.newest})

    def _post(self, body: dict[str, Any]) -> Reply:
        if body["channel_id"] != "ch4nnel":
            return Reply(403, {"id": "api.context.permissions.app_error", "status_code": 403})
        pending = body["pending_post_id"]
        name = self._pending.setdefault(pending, f"p{self.number()}")
        if name in self.messages and self.messages[name].is_deleted:
            return Reply(500, {"id": "api.post.deduplicate_create_post.failed_to_get", "status_code": 500})
        if name not in self.messages:
            self.show(name, body)
        return Reply(201, {"id": name, **self.messages[name].newest})

    def too_much(self) -> Reply:
        return Reply(429, {"id": "api.rate_limit", "status_code": 429}, {"X-RateLimit-Reset": "1"})

    def refusal(self) -> Reply:
        return Reply(401, {"id": "api.context.session_expired.app_error", "status_code": 401})


@contextmanager
def serving_chat(chat: ChatT, port: int = 0) -> Iterator[ChatT]:
    """Serve a chat on a port of this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", port), _handler(chat))
    server.daemon_threads = True
    chat.port = server.server_port
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield chat
    finally:
        server.shutdown()
        server.server_close()


def _handler(chat: Chat) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def answer(self) -> None:
            parts = urlsplit(self.path)
            text = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = json.loads(text) if text else None
            reply = chat.take(Asked(self.command, parts.path, dict(parse_qsl(parts.query)), headers, body))
            chat.may_answer.wait(60)
            if reply is None or self._has_left():
                self.close_connection = True
                return
            answer = b"" if reply.body is None else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = do_PUT = do_PATCH = answer  # noqa: N815 - the library's names

        def _has_left(self) -> bool:
            """Whether the client waits no longer: it was killed, say."""
            readable, _, _ = select.select([self.connection], [], [], 0)
            return bool(readable) and not self.connection.recv(1, socket.MSG_PEEK)

        def log_message(self, *_: object) -> None: ...

    return Handler

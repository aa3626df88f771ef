"""Servers that fail `chef run`: a build goes on, and one line says what did not arrive."""

from __future__ import annotations

import socket
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.tools.reporting import (
    BUILD,
    OUTPUT,
    Behaviour,
    Machine,
    Request,
    Store,
    always,
    build,
    pretending,
    reply,
    reply_problem,
    silent,
)
from tests.tools.watching import eventually

pytestmark = [pytest.mark.real, pytest.mark.slow]


def garbage(_request: Request, connection: socket.socket) -> None:
    connection.sendall(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
    connection.shutdown(socket.SHUT_RDWR)


def closing(_request: Request, connection: socket.socket) -> None:
    connection.shutdown(socket.SHUT_RDWR)


def trickling(_request: Request, connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
    threading.Event().wait(30)


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (silent, "no answer in time"),
        (garbage, "this is no HTTP"),
        (closing, "Remote end closed connection without response"),
        (trickling, "no answer in time"),
        (always("500 Internal Server Error"), "500 Internal Server Error"),
        (always("502 Bad Gateway", b"<html>"), "502 Bad Gateway"),
        (always("429 Too Many", Retry_After="1"), "429 Too Many Requests"),
        (always("503 No", Retry_After="900"), "503 Service Unavailable"),
        (always("200 OK", b"<html>log in first</html>"), "the answer is not one of Chef's"),
        (
            always("302 Found", Location="https://elsewhere.example/login"),
            "it redirects to https://elsewhere",
        ),
        (always("404 Not Found", b"no such app"), "404 Not Found"),
    ],
    ids=lambda value: getattr(value, "__name__", None) or str(value)[:20],
)
def test_what_a_server_may_answer(tmp_path: Path, behaviour: Behaviour, reason: str) -> None:
    with pretending(behaviour) as server:
        done = build(tmp_path, server.url, "--linger", "0.8")
        assert server.requests != []
    assert (done.status, done.out) == (4, OUTPUT)
    assert done.seconds < 8
    (complaint,) = done.complaints
    assert complaint.startswith(
        f"chef: did not arrive: {len(OUTPUT)} bytes of output, the end of the job, 1 update ("
    )
    assert reason in complaint


def test_a_body_that_came_too_slowly_is_sent_again(tmp_path: Path) -> None:
    def behave(_request: Request, connection: socket.socket) -> None:
        reply_problem(connection, "408 Request Timeout", "request_timeout")

    with pretending(behave) as server:
        done = build(tmp_path, server.url, "--linger", "3")
        assert len(server.requests) > 3
    (complaint,) = done.complaints
    assert "did not arrive" in complaint


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("401 Unauthorized", "unauthorized"),
        ("403 Forbidden", "forbidden"),
        ("404 Not Found", "not_found"),
        ("409 Conflict", "job_finished"),
        ("409 Conflict", "project_mismatch"),
    ],
)
def test_a_refusal_of_chefs_own_is_not_waited_for_at_the_end(tmp_path: Path, status: str, code: str) -> None:
    with pretending(lambda _request, connection: reply_problem(connection, status, code)) as server:
        done = build(tmp_path, server.url)
        assert len(server.requests) <= 3
    assert (done.status, done.out) == (4, OUTPUT)
    assert done.seconds < 9
    (complaint,) = done.complaints
    assert complaint.startswith(f"chef: did not arrive: {len(OUTPUT)} bytes of output, the end of the job, ")
    assert complaint.endswith(f" ({status[:3]} it is {code})")


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden", "404 Not Found", "413 Too Large"])
@pytest.mark.parametrize("is_chefs_own", [True, False])
def test_a_refusal_that_is_mended_while_the_command_runs_costs_nothing(
    tmp_path: Path, status: str, is_chefs_own: bool
) -> None:
    store = Store()
    with pretending(store.take) as server:

        def refuse(_request: Request, connection: socket.socket) -> None:
            if len(server.requests) == 2:
                server.behaviour = store.take
                (tmp_path / "mended").touch()
            if is_chefs_own and not status.startswith("413"):
                reply_problem(connection, status, "refused")
            else:
                reply(connection, status, b"<html>")

        server.behaviour = refuse
        script = "echo early; until [ -e mended ]; do sleep 0.05; done; echo late; exit 4"
        done = build(tmp_path, server.url, command=("sh", "-c", script))
    assert (done.status, done.complaints) == (4, [])
    assert store.streams["stdout"] == b"early\nlate\n"
    assert [update["type"] for update in store.updates] == ["progress", "error"]


class Unreliable:
    """Takes what is sent, but not always, and does not always say so."""

    def __init__(self, *faults: str) -> None:
        self.store = Store()
        self.faults = list(faults)

    def __call__(self, request: Request, connection: socket.socket) -> None:
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "stored":  # The answer is lost, not the request.
            near, far = socket.socketpair()
            self.store.take(request, far)
            near.close()
            far.close()
            connection.shutdown(socket.SHUT_RDWR)
        elif fault == "half":  # Only a part of a body arrives, up to the end of a line.
            near, far = socket.socketpair()
            kept = request.body[: request.body.rfind(b"\n", 0, len(request.body) // 2) + 1]
            self.store.take(request._replace(body=kept) if "/logs" in request.path else request, far)
            near.close()
            far.close()
            connection.shutdown(socket.SHUT_RDWR)
        elif fault:
            reply(connection, fault, Retry_After="0")
        else:
            self.store.take(request, connection)


def test_all_arrives_once_whatever_gets_lost_on_the_way(tmp_path: Path) -> None:
    faults = [
        "stored",
        "503 No",
        "",
        "half",
        "stored",
        "",
        "half",
        "500 No",
        "",
        "429 No",
        "half",
        "",
        "stored",
        "",
    ]
    server = Unreliable(*faults, *faults, *faults)
    command = ("sh", "-c", "for part in 1 2 3 4; do seq 5000; sleep 0.3; done; exit 4")
    with pretending(server) as fake:
        done = build(tmp_path, fake.url, "--linger", "60", command=command)
    assert done.complaints == []
    assert server.store.streams["stdout"] == done.out
    types = [update["type"] for update in server.store.updates]
    assert types == ["progress", "error"]
    assert server.store.updates[-1]["code"] == 4
    claim = server.store.updates[-1]["integrity"]["stdout"]
    assert (claim["bytes"], claim["lines"]) == (len(done.out), 20_000)


def test_an_offset_that_is_refused_is_mended(tmp_path: Path) -> None:
    """The server has another store than before: what comes is appended to what it has."""
    store = Store()

    def restored(request: Request, connection: socket.socket) -> None:
        if len(store.streams.get("stdout", b"")) > 30_000 and not restored_at:
            restored_at.append(len(store.streams["stdout"]))
            store.streams["stdout"] = b"old\n"
        store.take(request, connection)

    restored_at: list[int] = []
    command = ("sh", "-c", "for part in 1 2 3 4; do seq 5000; sleep 0.4; done")
    with pretending(restored) as server:
        done = build(tmp_path, server.url, command=command)
    assert restored_at != []
    assert store.streams["stdout"] == b"old\n" + done.out[restored_at[0] :]


def test_what_does_not_fit_into_the_spool_is_said_in_its_place(tmp_path: Path) -> None:
    store = Store()
    away = threading.Event()

    def server(request: Request, connection: socket.socket) -> None:
        if away.is_set():
            reply(connection, "503 No")
        else:
            store.take(request, connection)

    machine = Machine(tmp_path, CHEF_PROJECT="web", CHEF_JOB="job")
    command = """
    echo first
    until [ -e go ]; do sleep 0.05; done
    seq 1000000 11300000
    touch written
    until [ -e on ]; do sleep 0.05; done"""
    with pretending(server) as fake:
        away.clear()
        arguments = ("run", "--linger", "60", "--url", fake.url, "--", "sh", "-c", command)
        with machine.start(*arguments, stdout=subprocess.DEVNULL) as process:
            eventually(lambda: store.streams.get("stdout") == b"first\n")
            away.set()
            (tmp_path / "go").touch()
            eventually((tmp_path / "written").exists)
            away.clear()
            (tmp_path / "on").touch()
            _, err = process.communicate(timeout=90)
    assert process.returncode == 0
    (notice,) = [update for update in store.updates if update["type"] == "log"]
    missing = int(notice["message"].split()[1])
    assert notice["message"].startswith(f"[chef] {missing} bytes of output are missing here")
    kept = store.streams["stdout"].removeprefix(b"first\n")
    assert kept.endswith(b"11299999\n11300000\n")
    claim = store.updates[-1]["integrity"]["stdout"]
    assert claim["bytes"] == len(kept) + len(b"first\n") + missing
    assert f"did not arrive: {missing} bytes of output".encode() in err
    assert 60_000_000 < len(kept) < 75_000_000


@pytest.mark.parametrize("fault", ["Masker", "Report", "Sender", "Memory", "LineGate", "MarkerParser"])
def test_a_fault_of_the_reporter_is_none_of_the_build(tmp_path: Path, fault: str) -> None:
    machine = Machine(tmp_path, CHEF_URL="http://127.0.0.1:9", CHEF_JOB="job")
    text = machine.chef.read_text()
    broken = text.replace(
        'if __name__ == "__main__":',
        f"def {fault}(*a, **k):\n    raise RuntimeError('broken')\n\n\nif __name__ == '__main__':",
    )
    assert broken != text
    machine.chef.write_text(broken)
    done = machine.run("run", "--linger", "1", "--", *BUILD)
    assert (done.status, done.out) == (4, OUTPUT)
    assert done.complaints == ["chef: reporting stopped: a fault of the reporter: RuntimeError: broken"]


def test_tokens_and_secrets_never_leave_the_machine(tmp_path: Path) -> None:
    store = Store()
    command = (
        "sh",
        "-c",
        (
            "printf 'in two pie'; printf hunter; sleep 0.4; echo 22-secret; printf hunter22-secret | base64;"
            ' echo "::group::$DEPLOY_KEY"; echo $DEPLOY_KEY >&2; exit 4'
        ),
    )
    with pretending(store.take) as server:
        done = build(
            tmp_path, server.url, command=command, DEPLOY_KEY="hunter22-secret", CHEF_TOKEN="chef-token-123"
        )
        sent = b"".join(request.body + request.path.encode() for request in server.requests)
    assert b"in two piehunter22-secret\n" in done.out
    for secret in (b"hunter22", b"aHVudGVyMjItc2VjcmV0", b"chef-token-123"):
        assert secret not in sent
    assert store.streams["stdout"] == b"in two pie***\n***\n::group::***\n"
    assert store.streams["stderr"] == b"***\n"
    meta: dict[str, Any] = {}
    for update in store.updates:
        meta |= update.get("meta", {})
    assert meta["masked"] == 6  # One each in the command and in the group's message.
    claim = store.updates[-1]["integrity"]["stdout"]
    assert claim["bytes"] == len(store.streams["stdout"])


def test_commands_that_run_at_once_have_streams_of_their_own(tmp_path: Path) -> None:
    store = Store()
    with pretending(store.take) as server:
        machine = Machine(tmp_path, CHEF_URL=server.url, CHEF_JOB="job")
        runs = [
            machine.start("run", "--step", "--stream", name, "--", "sh", "-c", f"seq 5000; echo {name} >&2")
            for name in ("a", "b")
        ]
        outputs = [one.communicate(timeout=60)[0] for one in runs]
    assert [one.returncode for one in runs] == [0, 0]
    assert [store.streams[name] for name in ("a", "b")] == outputs
    assert [store.streams[f"{name}.err"] for name in ("a", "b")] == [b"a\n", b"b\n"]


def test_one_stream_for_two_at_once_is_told(tmp_path: Path) -> None:
    store = Store()

    def shared(request: Request, connection: socket.socket) -> None:
        # Somebody else was faster.
        if request.method == "PUT" and "offset=0" in request.path:
            store.streams["stdout"] = b"of somebody else\n" * 3
        store.take(request, connection)

    with pretending(shared) as server:
        done = build(tmp_path, server.url, command=("echo", "mine"))
    assert done.complaints == [
        "chef: somebody else writes to the same stream of this job: lines may be lost (--stream NAME)"
    ]
    assert "integrity" not in store.updates[-1]

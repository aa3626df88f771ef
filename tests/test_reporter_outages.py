"""Servers and networks that fail `chef run`: a build goes on, and one line says what did not arrive."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.tools.reporting import (
    Behaviour,
    Done,
    Machine,
    Request,
    Store,
    pretending,
    reply,
    reply_problem,
)
from tests.tools.watching import eventually

pytestmark = [pytest.mark.real, pytest.mark.slow]

BUILD = ("sh", "-c", "seq 20000; exit 4")
OUTPUT = "".join(f"{number}\n" for number in range(1, 20_001)).encode()


def build(
    folder: Path, url: str, *options: str, command: tuple[str, ...] = BUILD, **environment: str
) -> Done:
    machine = Machine(folder, CHEF_URL=url, CHEF_PROJECT="web", CHEF_JOB="job", **environment)
    return machine.run("run", *options, "--", *command)


def silent(_request: Request, _connection: socket.socket) -> None:
    threading.Event().wait(30)


def garbage(_request: Request, connection: socket.socket) -> None:
    connection.sendall(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
    connection.shutdown(socket.SHUT_RDWR)


def closing(_request: Request, connection: socket.socket) -> None:
    connection.shutdown(socket.SHUT_RDWR)


def trickling(_request: Request, connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
    threading.Event().wait(30)


def always(status: str, body: bytes = b"", **headers: str) -> Behaviour:
    return lambda _request, connection: reply(connection, status, body, **headers)


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
        done = build(tmp_path, server.url, "--linger", "1.5")
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
            if is_chefs_own and not status.startswith("413"):
                reply_problem(connection, status, "refused")
            else:
                reply(connection, status, b"<html>")

        server.behaviour = refuse
        done = build(tmp_path, server.url, command=("sh", "-c", "echo early; sleep 3; echo late; exit 4"))
    assert (done.status, done.complaints) == (4, [])
    assert store.streams["stdout"] == b"early\nlate\n"
    assert [update["type"] for update in store.updates] == ["progress", "error"]


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://127.0.0.1:9", "Connection refused"),
        ("http://no-such-host.invalid", "Name or service not known|Temporary failure|No address"),
        ("http://127.0.0.1:99999", "no such port"),
    ],
)
def test_a_server_that_is_not_there(tmp_path: Path, url: str, reason: str) -> None:
    done = build(tmp_path, url, "--linger", "1")
    assert (done.status, done.out) == (4, OUTPUT)
    (complaint,) = done.complaints
    assert "did not arrive: 108894 bytes of output, the end of the job, 1 update (" in complaint
    assert any(part in complaint for part in reason.split("|"))


def certificate(folder: Path) -> Path:
    path = folder / "cert.pem"
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost,IP:127.0.0.1",
            "-keyout",
            path,
            "-out",
            folder / "c",
        ],
        check=True,
        capture_output=True,
    )
    path.write_text(path.read_text() + (folder / "c").read_text())
    return path


def test_tls_is_checked_and_works_with_what_the_environment_trusts(tmp_path: Path) -> None:
    path = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    store = Store()
    with pretending(store.take) as server:
        server.wrap = lambda connection: context.wrap_socket(connection, server_side=True)
        url = f"https://localhost:{server.port}"
        refused = build(tmp_path, url, "--linger", "1")
        assert (refused.status, refused.out) == (4, OUTPUT)
        assert "certificate verify failed" in refused.complaints[0]
        assert store.updates == []
        trusted = build(tmp_path, url, SSL_CERT_FILE=str(path))
    assert trusted.complaints == []
    assert store.streams["stdout"] == OUTPUT


def test_a_move_from_http_to_https_or_another_port_is_followed_and_nothing_else(tmp_path: Path) -> None:
    store = Store()
    with pretending(store.take) as new:

        def moved(request: Request, connection: socket.socket) -> None:
            reply(connection, "308 Moved", Location=new.url + request.path)

        with pretending(moved) as old:
            done = build(tmp_path, old.url, CHEF_TOKEN="token-0123456789")
            assert len(old.requests) == 1
    assert done.complaints == []
    assert store.streams["stdout"] == OUTPUT
    assert new.requests[0].headers["authorization"] == "Bearer token-0123456789"


def test_requests_go_through_the_proxy_that_the_environment_names(tmp_path: Path) -> None:
    store = Store()

    def proxy(request: Request, connection: socket.socket) -> None:
        assert request.path.startswith("http://chef.invalid/")
        assert request.headers["proxy-authorization"] == "Basic bWU6cGFzcw=="
        store.take(request._replace(path=request.path.removeprefix("http://chef.invalid")), connection)

    with pretending(proxy) as server:
        address = server.url.replace("//", "//me:pass@")
        done = build(tmp_path, "http://chef.invalid", http_proxy=address)
    assert done.complaints == []
    assert store.streams["stdout"] == OUTPUT


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


def test_a_body_that_a_proxy_finds_too_large_is_sent_in_smaller_ones(tmp_path: Path) -> None:
    store = Store()

    def proxy(request: Request, connection: socket.socket) -> None:
        if len(request.body) > 9000:
            reply(connection, "413 Request Entity Too Large", b"<html>")
        else:
            store.take(request, connection)

    with pretending(proxy) as server:
        done = build(tmp_path, server.url)
    assert done.complaints == []
    assert store.streams["stdout"] == OUTPUT


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
            time.sleep(5)
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


def test_who_is_impatient_ends_the_waiting_with_ctrl_c(tmp_path: Path) -> None:
    with pretending(silent) as server:
        machine = Machine(tmp_path, CHEF_URL=server.url, CHEF_JOB="job")
        began = time.monotonic()
        with machine.start("run", "--linger", "30", "--", "sh", "-c", "touch ended; exit 3") as process:
            eventually((tmp_path / "ended").exists)
            time.sleep(0.5)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=30)
    assert process.returncode == 3
    assert time.monotonic() - began < 10
    assert b"did not arrive" in err


def test_a_build_is_as_fast_without_a_server(tmp_path: Path) -> None:
    """Not a measurement: a build of a second takes no longer than one and the lingering."""
    with pretending(silent) as server:
        done = build(tmp_path, server.url, "--linger", "0", command=("sh", "-c", "sleep 1; exit 4"))
    assert done.status == 4
    assert done.seconds < 9


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


def test_a_quiet_build_costs_next_to_nothing(tmp_path: Path) -> None:
    store = Store()
    with pretending(store.take) as server:
        machine = Machine(tmp_path, CHEF_URL=server.url, CHEF_JOB="job")
        with machine.start("run", "--", "sh", "-c", "for n in 1 2 3 4; do echo $n; sleep 1; done") as process:
            eventually(lambda: b"1\n" in store.streams.get("stdout", b""))
            before, began = cpu_of(process.pid), time.monotonic()
            eventually(lambda: b"3\n" in store.streams["stdout"])
            used, took = cpu_of(process.pid) - before, time.monotonic() - began
            memory = Path(f"/proc/{process.pid}/status").read_text()
            process.communicate(timeout=30)
    assert used / took < 0.1
    resident = int(memory.partition("VmRSS:")[2].split()[0])
    assert resident < 50_000


def cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_heartbeats_say_that_the_reporter_is_there(tmp_path: Path) -> None:
    store = Store()
    with pretending(store.take) as server:
        done = build(tmp_path, server.url, command=("sh", "-c", "sleep 1"))
        beats = [one for one in server.requests if one.path == "/api/jobs/job/heartbeat"]
    assert done.complaints == []
    assert json.loads(beats[0].body) == {"projectId": "web", "every": 30}


def test_no_request_has_more_than_64_kb_unless_answers_take_long(tmp_path: Path) -> None:
    near, far = Store(), Store()

    def slow(request: Request, connection: socket.socket) -> None:
        time.sleep(0.3)
        far.take(request, connection)

    sizes = []
    for behaviour in (near.take, slow):
        with pretending(behaviour) as server:
            done = build(tmp_path, server.url, command=("seq", "150000"))
            assert done.complaints == []
            sizes.append([len(request.body) for request in server.requests if "/logs" in request.path])
    assert max(sizes[0]) <= 65_536
    assert 65_536 < max(sizes[1]) <= 8 * 65_536
    assert near.streams == far.streams


def test_where_much_waits_for_a_busy_server_few_requests_carry_it(tmp_path: Path) -> None:
    store = Store()

    def busy(request: Request, connection: socket.socket) -> None:
        time.sleep(0.02)
        store.take(request, connection)

    with pretending(busy) as server:
        done = build(tmp_path, server.url, command=("seq", "1000000"))
        sizes = [len(request.body) for request in server.requests if "/logs" in request.path]
    assert done.complaints == []
    assert bytes(store.streams["stdout"]) == done.out
    assert max(sizes) <= 8 * 65_536
    assert len(sizes) < len(done.out) / 65_536 * 2 / 3


def test_a_pause_that_is_asked_for_is_kept_and_one_that_is_too_long_is_not_waited_for(tmp_path: Path) -> None:
    store, times = Store(), list[float]()

    def busy(request: Request, connection: socket.socket) -> None:
        times.append(time.monotonic())
        if len(times) == 1:
            reply(connection, "429 Too Many", Retry_After="2")
        else:
            store.take(request, connection)

    with pretending(busy) as server:
        assert build(tmp_path, server.url).complaints == []
    assert times[1] - times[0] >= 2
    with pretending(always("503 No", Retry_After="50")) as server:
        done = build(tmp_path, server.url)
        assert len(server.requests) == 1
    assert done.seconds < 8
    assert done.complaints[0].endswith("(503 Service Unavailable)")


def test_the_end_arrives_even_where_output_is_too_slow(tmp_path: Path) -> None:
    store = Store()

    def slow(request: Request, connection: socket.socket) -> None:
        if "/logs" in request.path:
            time.sleep(0.4)
        store.take(request, connection)

    with pretending(slow) as server:
        done = build(tmp_path, server.url, "--linger", "4", command=("seq", "2000000"))
    end = store.updates[-1]
    assert (end["type"], end["integrity"]["stdout"]["bytes"]) == ("completed", len(done.out))
    missing = len(done.out) - len(store.streams["stdout"])
    (complaint,) = done.complaints
    said = int(complaint.removeprefix("chef: did not arrive: ").split()[0])
    assert complaint.count("the end of the job") == 0
    # A request that was on its way at the last moment may have arrived without an answer.
    assert missing <= said <= missing + 8 * 65_536


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

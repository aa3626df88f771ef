"""Engine.IO as its protocol text says (engine.io-protocol v4), by single requests and raw frames."""

from __future__ import annotations

import base64
import gzip
import http.client
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests
import websocket

from chef.transport.limits import Places
from tests.tools.protocol import PATH, Poller, Raw, raw
from tests.tools.serving import Served, Serving, measured
from tests.tools.watching import eventually, watch

pytestmark = pytest.mark.real

PING_INTERVAL_S, PING_TIMEOUT_S = 1, 2
MAX_BYTES = 65_536


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, serving: Serving) -> Iterator[Served]:
    settings = {"CHEF_PING_INTERVAL": str(PING_INTERVAL_S), "CHEF_PING_TIMEOUT": str(PING_TIMEOUT_S)}
    with serving(tmp_path_factory.mktemp("engineio"), settings) as one:
        yield one


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory, serving: Serving) -> Iterator[Served]:
    """A server whose heartbeat does not come into the way."""
    with serving(tmp_path_factory.mktemp("calm"), measured()) as one:
        yield one


@pytest.fixture
def soon() -> Iterator[Callable[..., Future[Any]]]:
    """Run something in a thread; returns its future."""
    with ThreadPoolExecutor(8) as pool:
        yield pool.submit


def request(served: Served, method: str, query: str, **options: Any) -> requests.Response:
    return requests.request(method, f"{served.url}{PATH}?{query}", timeout=10, **options)


def lines_of(served: Served) -> list[str]:
    return served.output.read_text().splitlines()


def connected(served: Served) -> Poller:
    """A session that polls and is connected to the default namespace."""
    poller = Poller(served)
    assert poller.post("40").text == "ok"
    poller.wait_for("40{")
    return poller


def follow(poller: Poller, job_id: str) -> None:
    assert poller.post(f'421["subscribe:job",{{"jobId":"{job_id}","after":0}}]').status_code == 200
    poller.wait_for("431[")


def viewers(served: Served) -> int:
    return int(served.get("/health").json()["websocket"]["connected_clients"])


def log_line(served: Served, job_id: str, message: str) -> None:
    served.update({"type": "log", "jobId": job_id, "projectId": "web", "message": message})


# Handshake

# Where Linux's `struct tcp_info` counts the segments with data that have come.
_DATA_SEGMENTS_IN = 152

OPENING = {"sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"}


def test_a_session_that_polls_is_opened(served: Served) -> None:
    answer = request(served, "GET", "EIO=4&transport=polling")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/plain; charset=UTF-8"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Length"] == str(len(answer.content))
    assert answer.text.startswith("0")
    opening = json.loads(answer.text[1:])
    assert set(opening) == OPENING
    assert opening["upgrades"] == ["websocket"]
    assert (opening["pingInterval"], opening["pingTimeout"]) == (1000, 2000)
    assert opening["maxPayload"] == MAX_BYTES
    assert isinstance(opening["sid"], str)
    assert len(opening["sid"]) >= 20


def test_the_slash_behind_the_path_may_be_missing(served: Served) -> None:
    """The JavaScript client leaves it out with `addTrailingSlash: false`."""
    url = f"{served.url}{PATH.rstrip('/')}?EIO=4&transport=polling"
    opening = json.loads(requests.get(url, timeout=10).text[1:])
    url += f"&sid={opening['sid']}"
    assert requests.post(url, data="40", timeout=10).text == "ok"
    assert requests.get(url, timeout=10).text.startswith("40{")
    address = f"ws://127.0.0.1:{served.port}{PATH.rstrip('/')}?EIO=4&transport=websocket"
    with closing(websocket.create_connection(address, timeout=10)) as connection:
        assert str(connection.recv()).startswith("0{")
        connection.send("40")
        assert str(connection.recv()).startswith("40{")


def test_a_session_on_a_websocket_is_opened(served: Served) -> None:
    one = Raw(served)
    with closing(one):
        opening = json.loads(one.text()[1:])
    assert set(opening) == OPENING
    assert opening["upgrades"] == []
    assert (opening["pingInterval"], opening["pingTimeout"]) == (1000, 2000)


def test_open_comes_apart_from_the_answer_to_the_upgrade(served: Served) -> None:
    """Clients in Node that wait for "open" before they listen for messages miss what is read with the 101.

    The protocol's own suite has such a test.
    """
    address = ("127.0.0.1", served.port)
    with socket.create_connection(address) as connection, closing(Raw(served)) as one:
        connection.sendall(
            f"GET {PATH}?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
        )
        size = len(one.text())
        received = b""
        while len(received.partition(b"\r\n\r\n")[2]) < size:
            received += connection.recv(4096)
        info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 160)
        (segments,) = struct.unpack_from("I", info, _DATA_SEGMENTS_IN)
        assert segments == 2


REFUSED = {
    "no EIO": ("GET", "transport=polling", 5),
    "EIO is text": ("GET", "EIO=abc&transport=polling", 5),
    "EIO 3": ("GET", "EIO=3&transport=polling", 5),
    "EIO twice, at last 3": ("GET", "EIO=4&EIO=3&transport=polling", 5),
    "no transport": ("GET", "EIO=4", 0),
    "an unknown transport": ("GET", "EIO=4&transport=abc", 0),
    "webtransport": ("GET", "EIO=4&transport=webtransport", 0),
    "transport twice, at last an unknown one": ("GET", "EIO=4&transport=polling&transport=abc", 0),
    "nothing": ("GET", "", 0),
    "POST": ("POST", "EIO=4&transport=polling", 2),
    "PUT": ("PUT", "EIO=4&transport=polling", 2),
    "DELETE": ("DELETE", "EIO=4&transport=polling", 2),
    "a WebSocket without an upgrade": ("GET", "EIO=4&transport=websocket", 3),
    "JSONP": ("GET", "EIO=4&transport=polling&j=0", 3),
    "a sid that is not there": ("GET", "EIO=4&transport=polling&sid=abc", 1),
    "a POST to a sid that is not there": ("POST", "EIO=4&transport=polling&sid=abc", 1),
    "an odd sid": ("GET", "EIO=4&transport=polling&sid=%00%ff/../", 1),
    "very many parameters": ("GET", "EIO=4&transport=polling&" + "&".join(["a=1"] * 200), 3),
}


@pytest.mark.parametrize(("method", "query", "code"), REFUSED.values(), ids=REFUSED.keys())
def test_a_wrong_request_is_refused_in_words(served: Served, method: str, query: str, code: int) -> None:
    answer = request(served, method, query)
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/json"
    refusal = answer.json()
    assert set(refusal) == {"code", "message", "detail"}
    assert refusal["code"] == code
    assert refusal["detail"]


def test_a_poll_that_went_to_the_wrong_process_is_told_of_affinity(tmp_path: Path, serving: Serving) -> None:
    """Row 12 of the stack's traps: what a balancer without affinity does to polling."""
    settings = {"DATABASE_URL": f"sqlite:///{tmp_path / 'one.db'}"}
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    with serving(tmp_path / "a", settings) as one, serving(tmp_path / "b", settings) as other:
        poller = Poller(one)
        answer = request(other, "GET", f"EIO=4&transport=polling&sid={poller.sid}")
    assert answer.status_code == 400
    assert answer.json()["message"] == "Session ID unknown"
    assert "affinity" in answer.json()["detail"]
    assert '["websocket"]' in answer.json()["detail"]


@pytest.mark.parametrize(
    "query",
    [
        "transport=websocket",
        "EIO=abc&transport=websocket",
        "EIO=3&transport=websocket",
        "EIO=4",
        "EIO=4&transport=abc",
        "EIO=4&transport=polling",
        "EIO=4&transport=websocket&sid=abc",
    ],
)
def test_a_wrong_websocket_is_no_websocket(served: Served, query: str) -> None:
    with pytest.raises(websocket.WebSocketBadStatusException):
        Raw(served, query)


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_another_method_is_refused_for_a_session_too(served: Served, transport: str) -> None:
    poller = Poller(served)
    for method in ("PUT", "DELETE", "PATCH"):
        answer = request(served, method, f"EIO=4&transport={transport}&sid={poller.sid}")
        assert answer.status_code == 400
        assert answer.json()["code"] == 2
    assert poller.post("40").status_code == 200


# Messages

CONNECTED = ["40"]


def test_a_body_may_carry_several_packets(calm: Served) -> None:
    poller = Poller(calm)
    body = "\x1e".join(
        ["40", *[f'42{place}["subscribe:job","job-{place}"]' for place in range(40)], "3", "6"]
    )
    answer = poller.post(body, headers={"Content-Type": "text/plain;charset=UTF-8"})
    assert (answer.status_code, answer.text) == (200, "ok")
    packets: list[str] = []
    while len(packets) < 41:
        packets += poller.packets()
    assert packets[0].startswith("40{")
    assert [packet[: packet.index("[")] for packet in packets[1:]] == [f"43{place}" for place in range(40)]


def test_a_client_that_sends_and_takes_no_answers_is_held_up_and_loses_none(
    calm: Served, soon: Callable[..., Future[requests.Response]]
) -> None:
    poller = connected(calm)
    argument = "x" * 100

    def body(start: int) -> str:
        events = [f'42{start + place}["unsubscribe:job","{argument}"]' for place in range(400)]
        return "\x1e".join(["3", *events])

    waiting = soon(poller.post, body(0))
    posted = 1
    while posted < 9 and wait([waiting], timeout=0.5).done:  # Some are taken before one is held up.
        waiting = soon(poller.post, body(posted * 400))
        posted += 1
    assert not waiting.done()
    answers: list[str] = []
    while len(answers) < posted * 400:
        answers += poller.packets()
    assert [text[: text.index("[")] for text in answers] == [f"43{place}" for place in range(posted * 400)]
    assert waiting.result(5).text == "ok"


def test_a_binary_packet_is_in_base64(calm: Served) -> None:
    poller = connected(calm)
    attachment = "b" + base64.b64encode(b"\x00\xffbytes").decode()
    assert poller.post(f'451-7["upload",{{"_placeholder":true,"num":0}}]\x1e{attachment}').status_code == 200
    assert '"unknown_event"' in poller.wait_for("437[")


@pytest.mark.parametrize("content_type", [None, "text/plain", "text/plain;charset=UTF-8", "text/html", ""])
def test_the_type_of_a_text_body_does_not_matter(calm: Served, content_type: str | None) -> None:
    poller = Poller(calm)
    headers = {} if content_type is None else {"Content-Type": content_type}
    assert poller.post("40", headers=headers).text == "ok"
    poller.wait_for("40{")


def test_a_body_may_come_in_chunks(calm: Served) -> None:
    poller = Poller(calm)
    assert requests.post(poller.url, data=iter([b"4", b"0"]), timeout=10).text == "ok"
    poller.wait_for("40{")


def test_text_is_utf8_in_both_directions(calm: Served) -> None:
    poller = connected(calm)
    follow(poller, "utf-8")
    log_line(calm, "utf-8", "grüße 👋 \u2028")
    assert json.loads(poller.wait_for('42["job:log"')[2:])[1]["message"] == "grüße 👋 \u2028"
    assert poller.post('421["subscribe:job","grüße 👋"]').status_code == 200
    assert json.loads(poller.wait_for("431[")[3:])[0]["jobId"] == "grüße 👋"


BAD_BODIES = {
    "no packet": b"",
    "an unknown type": b"abc",
    "another alphabet's digit": "٤".encode(),
    "type 7": b"7",
    "a separator alone": b"\x1e",
    "an empty packet at the end": b"40\x1e",
    "OPEN": b'0{"sid":"x"}',
    "PING": b"2",
    "a probe": b"2probe",
    "UPGRADE": b"5",
    "no base64": b"b!!",
    "base64 without its end": b"bAQI",
    "not UTF-8": b"4\xff\xfe",
    "very many packets": b"\x1e".join([b"3"] * 20_000),
}


@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES.keys())
def test_a_bad_packet_in_a_body_is_refused_and_ends_the_session(calm: Served, body: bytes) -> None:
    poller = connected(calm)
    lines = len(lines_of(calm))
    answer = poller.post(body)
    assert answer.status_code == 400
    assert answer.json()["code"] == 3
    assert poller.is_gone()
    assert poller.post("3").status_code == 400
    (line,) = lines_of(calm)[lines:]
    assert len(line) < 300


def test_binary_data_is_no_text_body(calm: Served) -> None:
    poller = connected(calm)
    assert poller.post(b"40", headers={"Content-Type": "application/octet-stream"}).status_code == 400
    assert poller.is_gone()


@pytest.mark.parametrize("chunked", [False, True], ids=["with a length", "in chunks"])
def test_a_body_that_is_too_large_is_refused_and_ends_the_session(calm: Served, chunked: bool) -> None:
    poller = connected(calm)
    body = b"4" + b"x" * MAX_BYTES
    answer = requests.post(
        poller.url, data=iter([body[:40_000], body[40_000:]]) if chunked else body, timeout=10
    )
    assert answer.status_code == 413
    assert "CHEF_MAX_FRAME_BYTES" in answer.json()["detail"]
    assert poller.is_gone()


def test_a_body_of_exactly_the_limit_is_taken(calm: Served) -> None:
    poller = connected(calm)
    start, end = '421["unsubscribe:job","', '"]'
    assert poller.post(start + "x" * (MAX_BYTES - len(start + end)) + end).status_code == 200
    assert '"ok":false' in poller.wait_for("431[")


def test_a_body_that_breaks_off_ends_the_session(calm: Served) -> None:
    poller = connected(calm)
    with socket.create_connection(("127.0.0.1", calm.port)) as connection:
        path = poller.url.removeprefix(calm.url)
        connection.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n42".encode())
    eventually(poller.is_gone)


def test_a_second_poll_at_a_time_ends_the_session(
    calm: Served, soon: Callable[..., Future[requests.Response]]
) -> None:
    poller = connected(calm)
    first = soon(poller.poll)
    time.sleep(0.2)
    second = poller.poll()
    assert second.status_code == 400
    assert second.json()["code"] == 3
    assert (first.result(5).status_code, first.result().text) == (200, "1")
    assert poller.is_gone()


def test_a_second_post_at_a_time_ends_the_session(calm: Served) -> None:
    poller = connected(calm)
    path = poller.url.removeprefix(calm.url)
    with socket.create_connection(("127.0.0.1", calm.port)) as slow:
        slow.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n42".encode())
        time.sleep(0.2)
        assert poller.post("3").status_code == 400
        assert poller.is_gone()
        slow.sendall(b"[1234567")
        assert slow.recv(100).startswith(b"HTTP/1.1 400 ")


def test_a_poll_that_its_client_breaks_off_ends_the_session(server: Served) -> None:
    poller = connected(server)
    path = poller.url.removeprefix(server.url)
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        time.sleep(0.1)
    eventually(lambda: viewers(server) == 0)
    assert poller.is_gone()


def test_one_connection_may_carry_all_requests(calm: Served) -> None:
    poller = Poller(calm)
    path = poller.url.removeprefix(calm.url)
    with closing(http.client.HTTPConnection("127.0.0.1", calm.port, timeout=10)) as connection:
        for number in range(20):
            connection.request("POST", path, "40" if number == 0 else f'42{number}["unsubscribe:job","a"]')
            assert connection.getresponse().read() == b"ok"
            connection.request("GET", path)
            assert connection.getresponse().read().startswith(b"4")


@pytest.mark.parametrize(
    ("agent", "most"), [("Mozilla/5.0", 50), ("node-XMLHttpRequest", 50), ("python-requests/2", 16), ("", 16)]
)
def test_an_answer_has_as_many_packets_as_its_client_takes(calm: Served, agent: str, most: int) -> None:
    poller = connected(calm)
    assert poller.post("\x1e".join(["42[1]"] + [f'42{place}["x"]' for place in range(50)])).text == "ok"
    packets: list[str] = []
    while len(packets) < 50:
        new = requests.get(poller.url, headers={"User-Agent": agent}, timeout=10).text.split("\x1e")
        assert len(new) == min(most, 50 - len(packets))
        packets += new
    assert [packet[: packet.index("[")] for packet in packets] == [f"43{place}" for place in range(50)]


def test_a_long_answer_is_compressed_for_a_client_that_takes_it(calm: Served) -> None:
    poller = connected(calm)
    for headers, compressed in (
        ({"Accept-Encoding": "gzip, deflate"}, True),
        ({"Accept-Encoding": "identity"}, False),
        ({"Accept-Encoding": "gzip;q=0"}, False),
    ):
        for number in range(20):
            poller.post(f'42{number}["no such event"]')
        answer = requests.get(poller.url, headers=headers, timeout=10, stream=True)
        body = answer.raw.read()
        assert (answer.headers.get("Content-Encoding") == "gzip") is compressed
        text = (gzip.decompress(body) if compressed else body).decode()
        assert text.startswith("430[")
        poller.packets()


# Heartbeat


def test_a_poller_is_pinged_and_stays_as_long_as_it_answers(served: Served) -> None:
    poller = connected(served)
    for _ in range(4):
        answer = poller.poll()
        assert (answer.status_code, answer.text) == (200, "2")
        assert poller.post("3").status_code == 200


def test_a_poller_that_does_not_answer_a_ping_ends(served: Served) -> None:
    poller = connected(served)
    begin = time.monotonic()
    assert poller.poll().text == "2"
    assert poller.poll().text == "1"
    assert time.monotonic() - begin < PING_INTERVAL_S + PING_TIMEOUT_S + 10
    assert poller.is_gone()


def test_a_poller_that_is_away_for_too_long_is_gone(served: Served) -> None:
    poller = connected(served)
    silent = Poller(served)
    time.sleep(PING_INTERVAL_S + PING_TIMEOUT_S)
    assert silent.is_gone()
    time.sleep(0.3)
    assert poller.post("3").status_code == 400
    assert poller.is_gone()


def test_a_websocket_is_pinged_and_closed_if_it_does_not_answer(served: Served) -> None:
    with closing(Raw(served)) as one:
        connection = one.connection
        connection.recv()
        for _ in range(3):
            assert connection.recv() == "2"
            connection.send("3")
        assert connection.recv() == "2"
        begin = time.monotonic()
        assert one.is_closed()
        assert time.monotonic() - begin < PING_TIMEOUT_S + 10


# Closing


def test_a_close_answers_the_poll_that_waits(
    calm: Served, soon: Callable[..., Future[requests.Response]]
) -> None:
    poller = connected(calm)
    waiting = soon(poller.poll)
    time.sleep(0.2)
    assert poller.post("1").status_code == 200
    assert (waiting.result(5).status_code, waiting.result().text) == (200, "6")
    assert poller.is_gone()


def test_a_close_on_a_websocket_closes_it(server: Served) -> None:
    with raw(server) as one:
        assert viewers(server) == 1
        one.send("1")
        assert one.is_closed()
        assert viewers(server) == 0


def test_what_comes_behind_a_close_is_not_looked_at(calm: Served) -> None:
    poller = connected(calm)
    lines = len(lines_of(calm))
    assert poller.post("1\x1e4abc").status_code == 200
    assert poller.is_gone()
    assert len(lines_of(calm)) == lines


def test_a_waiting_poll_is_answered_when_the_server_ends(
    tmp_path: Path, soon: Callable[..., Future[requests.Response]], serving: Serving
) -> None:
    with serving(tmp_path, {}) as served:
        waiting = soon(connected(served).poll)
        time.sleep(0.2)
        assert served.stop() == 0
        assert (waiting.result(5).status_code, waiting.result().text) == (200, "1")


# Upgrade


def upgrading(served: Served, poller: Poller) -> Raw:
    return Raw(served, f"EIO=4&transport=websocket&sid={poller.sid}")


def test_a_session_moves_to_a_websocket(calm: Served) -> None:
    poller = connected(calm)
    with closing(upgrading(calm, poller)) as one:
        one.send("2probe")
        assert one.text() == "3probe"
        assert (poller.poll().text) == "6"
        one.send("5")
        assert one.call(1, "subscribe:job", "moved")["ok"] is True
        answer = poller.poll()
        assert (answer.status_code, answer.json()["code"]) == (400, 3)
        assert poller.post('422["subscribe:job","x"]').status_code == 400
        assert one.call(3, "subscribe:job", "moved-2")["ok"] is True


def test_the_poll_that_waits_is_ended_by_the_probe(
    calm: Served, soon: Callable[..., Future[requests.Response]]
) -> None:
    poller = connected(calm)
    waiting = soon(poller.poll)
    time.sleep(0.2)
    with closing(upgrading(calm, poller)) as one:
        one.send("2probe")
        assert one.text() == "3probe"
        assert waiting.result(5).text == "6"
        one.send("5", '421["unsubscribe:job","a"]')
        assert one.text().startswith("431[")  # and no NOOP before it


def test_a_client_may_move_without_a_probe(
    calm: Served, soon: Callable[..., Future[requests.Response]]
) -> None:
    """elephant.io does, with its default options."""
    poller = connected(calm)
    waiting = soon(poller.poll)
    time.sleep(0.2)
    with closing(upgrading(calm, poller)) as one:
        one.send("5")
        assert one.call(1, "subscribe:job", "moved-at-once")["ok"] is True
        assert (waiting.result(5).status_code, waiting.result().text) == (200, "6")
        log_line(calm, "moved-at-once", "live")
        assert "live" in one.text()
        assert poller.poll().status_code == 400


def test_no_noop_is_left_over_for_the_websocket(calm: Served) -> None:
    poller = connected(calm)
    with closing(upgrading(calm, poller)) as one:
        one.send("2probe", "5", '421["unsubscribe:job","a"]')
        assert [one.text()[:3], one.text()[:3]] == ["3pr", "431"]
        assert poller.poll().status_code == 400


@pytest.mark.parametrize("moved", [False, True], ids=["while it moves", "after it moved"])
def test_a_second_websocket_is_closed_and_the_first_goes_on(calm: Served, moved: bool) -> None:
    poller = connected(calm)
    with closing(upgrading(calm, poller)) as one:
        one.send("2probe")
        assert one.text() == "3probe"
        if moved:
            one.send("5")
            assert one.call(1, "unsubscribe:job", "a")["ok"] is True
        with closing(upgrading(calm, poller)) as other:
            assert other.is_closed()
        if not moved:
            one.send("5")
        assert one.call(2, "unsubscribe:job", "a")["ok"] is True


def test_a_session_that_began_on_a_websocket_has_no_other(calm: Served) -> None:
    with closing(Raw(calm)) as one:
        sid = json.loads(one.text()[1:])["sid"]
        assert request(calm, "GET", f"EIO=4&transport=polling&sid={sid}").json()["code"] == 3
        assert request(calm, "POST", f"EIO=4&transport=polling&sid={sid}", data="40").status_code == 400
        with closing(Raw(calm, f"EIO=4&transport=websocket&sid={sid}")) as other:
            assert other.is_closed()
        one.send("40")
        assert one.text().startswith("40{")


@pytest.mark.parametrize(
    "messages", [[], ["2probe"], ["2"], ["40"], ["2probe", "4hello"], ["3probe"], [b"2probe"]], ids=str
)
def test_an_upgrade_that_comes_to_nothing_leaves_polling_alive(
    calm: Served, messages: list[str | bytes]
) -> None:
    poller = connected(calm)
    follow(poller, "kept")
    with closing(upgrading(calm, poller)) as one:
        one.send(*messages)
        time.sleep(0.1)
    log_line(calm, "kept", "still here")
    poller.wait_for('42["job:log"')
    with closing(upgrading(calm, poller)) as again:
        again.send("2probe")
        assert again.text() == "3probe"
        again.send("5")
        assert again.call(1, "unsubscribe:job", "kept")["ok"] is True


@pytest.mark.parametrize("waits", [False, True], ids=["no poll waits", "a poll waits"])
def test_nothing_is_lost_or_reordered_over_an_upgrade(
    calm: Served, soon: Callable[..., Future[Any]], waits: bool
) -> None:
    job_id = f"upgrade-{waits}"
    poller = connected(calm)
    follow(poller, job_id)
    stop = threading.Event()

    def write() -> int:
        written = 0
        while not stop.is_set():
            log_line(calm, job_id, str(written))
            written += 1
        return written

    writer = soon(write)
    got: list[int] = []

    def note(text: str) -> None:
        if text.startswith('42["job:log"'):
            got.append(json.loads(text[2:])[1]["seq"])

    for _ in range(5):
        for text in poller.packets():
            note(text)
    waiting = soon(poller.packets) if waits else None
    with closing(upgrading(calm, poller)) as one:
        time.sleep(0.05)
        one.send("2probe")
        assert one.text() == "3probe"
        time.sleep(0.2)
        for text in waiting.result(5) if waiting else ():
            note(text)
        one.send("5")
        time.sleep(0.3)
        stop.set()
        written = writer.result(10)
        while got[-1] < written:
            note(one.text())
    assert got == list(range(1, written + 1))


# How many

TOKEN_SECRET = "a secret that is long enough for HS256"


def open_for(served: Served, address: str) -> requests.Response:
    """A handshake through a proxy on this machine."""
    return request(served, "GET", "EIO=4&transport=polling", headers={"X-Forwarded-For": address})


def test_sessions_that_poll_are_counted_for_their_address(tmp_path: Path, serving: Serving) -> None:
    settings = {
        "CHEF_MAX_CONNECTIONS_PER_ADDRESS": "3",
        "CHEF_JWT_SECRET": TOKEN_SECRET,
        "CHEF_PUBLIC_READ": "true",
    }
    with serving(tmp_path, settings) as served:
        sids = [json.loads(open_for(served, "192.0.2.1").text[1:])["sid"] for _ in range(3)]
        refused = open_for(served, "192.0.2.1")
        assert refused.status_code == 429
        assert "CHEF_MAX_CONNECTIONS_PER_ADDRESS" in refused.json()["detail"]
        assert open_for(served, "192.0.2.2").status_code == 200
        # One that ends, one that moves, and one that shows a token make room.
        url = f"EIO=4&transport=polling&sid={sids[0]}"
        assert request(served, "POST", url, data="1").status_code == 200
        assert open_for(served, "192.0.2.1").status_code == 200
        assert open_for(served, "192.0.2.1").status_code == 429
        with closing(Raw(served, f"EIO=4&transport=websocket&sid={sids[1]}")) as one:
            one.send("2probe", "5", "40")
            assert [one.text()[:2] for _ in range(2)] == ["3p", "40"]
            assert open_for(served, "192.0.2.1").status_code == 200
            assert open_for(served, "192.0.2.1").status_code == 429
        token = jwt.encode({"exp": time.time() + 1000, "scope": "read"}, TOKEN_SECRET)
        connect = f"40{json.dumps({'token': token})}"
        url = f"EIO=4&transport=polling&sid={sids[2]}"
        assert request(served, "POST", url, data=connect).status_code == 200
        assert open_for(served, "192.0.2.1").status_code == 200
        assert open_for(served, "192.0.2.1").status_code == 429


def test_there_is_a_largest_number_of_sessions_that_poll() -> None:
    places = Places(most=2, per_address=0)
    for sid in ("a", "b"):
        assert places.refusal("192.0.2.1") is None
        places.take(sid, "192.0.2.1")
    places.free("a")
    assert places.refusal(None) == "connections"
    places.leave("a")
    places.leave("a")
    assert places.refusal("192.0.2.1") is None
    assert len(places) == 1


# Real clients


@pytest.mark.parametrize("kind", ["js4", "js3", "python"])
@pytest.mark.parametrize(
    "transports", [["polling"], ["websocket"], None], ids=["polling", "websocket", "upgrade"]
)
def test_real_clients_outlive_some_heartbeats_and_lose_nothing(
    served: Served, kind: Any, transports: list[str] | None
) -> None:
    job_id = f"clients-{kind}-{'-'.join(transports or ['upgrade'])}"
    with watch(kind, served.url, transports) as viewer:
        assert viewer.call("subscribe:job", {"jobId": job_id, "after": 0})["ok"] is True
        for number in range(40):
            log_line(served, job_id, str(number))
            time.sleep(0.1)
        lines = viewer.wait_for("job:log", 40)
        assert [line["seq"] for line in lines] == list(range(1, 41))
        assert viewer.disconnects == []
        assert viewer.connects == 1


@pytest.mark.parametrize("kind", ["js4", "js3", "python"])
def test_a_real_client_that_polls_may_follow_a_thousand_jobs(
    tmp_path: Path, kind: Any, serving: Serving
) -> None:
    with serving(tmp_path, {}) as served, watch(kind, served.url, ["polling"]) as viewer:
        for number in range(999):
            viewer.emit("subscribe:job", f"job-{number}")
        assert viewer.call("subscribe:job", "job-999")["ok"] is True
        assert viewer.of("subscribe:error") == []
        assert viewer.disconnects == []

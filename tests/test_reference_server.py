"""What clients send that is odd and valid, to our transport and to the reference server of npm.

Whatever `socket.io` takes, ours takes and answers alike, as far as the protocols' suites allow
(`tests/test_echo.py`). The applications are the same: `tests/tools/echo.py` and `tests/tools/reference.mjs`.
"""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
import websocket

from tests.tools.protocol import PATH, Poller, Raw
from tests.tools.serving import ROOT, Served, Serving, free_port, measured
from tests.tools.watching import eventually, node

pytestmark = pytest.mark.real

Servers = tuple[Served, Served]
Transcript = list[Any]
DONE = '439["done"]'
ASK_DONE = '429["message-with-ack","done"]'


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory, serving: Serving) -> Iterator[Servers]:
    """Ours and the reference."""
    folder = tmp_path_factory.mktemp("reference")
    program = ("-m", "tests.tools.echo", "socketio")
    with serving(folder, measured(), program) as ours, _reference(folder) as reference:
        yield ours, reference


@contextmanager
def _reference(folder: Path) -> Iterator[Served]:
    port, output = free_port(), folder / "reference.log"
    command = [node(), str(ROOT / "tests/tools/reference.mjs")]
    with output.open("ab") as log:
        process = subprocess.Popen(command, env={"PORT": str(port)}, stdout=log, stderr=log)
    served = Served(process, port, output)
    try:
        eventually(lambda: _answers(served))
        yield served
    finally:
        served.stop()


def _answers(served: Served) -> bool:
    try:
        return served.get(f"{PATH}?EIO=4&transport=polling").status_code == 200
    except requests.ConnectionError:
        return False


def without_ids(text: str) -> tuple[str, Any] | str:
    """A packet without what differs from one connection to another, its payload as a value."""
    head = text[: min((place for one in "{[" if (place := text.find(one)) >= 0), default=len(text))]
    if head == text:
        return text
    payload = json.loads(text[len(head) :])
    return head, sorted(payload) if head in ("0", "40", "40/custom,") else payload


def heard(raw: Raw, until: Callable[[str | bytes], bool]) -> Transcript:
    """What comes on a WebSocket up to such a message, or to its close."""
    transcript: Transcript = []
    while (message := raw.receive()) is not None:
        transcript.append(without_ids(message) if isinstance(message, str) else message)
        if until(message):
            return transcript
    return [*transcript, "closed"]


def say(raw: Raw, *messages: str | bytes) -> Transcript:
    """Send messages, each CONNECT with a wait for its answer, and hear all that follows from them."""
    transcript: Transcript = []
    for message in messages:
        raw.send(message)
        if isinstance(message, str) and message.startswith("40"):
            transcript += heard(raw, lambda answer: answer[:2] in ("40", "44"))
    raw.send(ASK_DONE)
    return transcript + heard(raw, lambda answer: answer == DONE)


def check_alike(servers: Servers, scenario: Callable[[Served], Transcript]) -> Transcript:
    """Both servers answer alike; what they answer."""
    ours, reference = (scenario(server) for server in servers)
    assert ours == reference
    return ours


PLACEHOLDER = '{"_placeholder":true,"num":%s}'
TAKEN: dict[str, list[str | bytes]] = {
    "CONNECT and a newline": ["40\n"],
    "CONNECT and white space": ["40 \t\r\n"],
    "CONNECT, a payload and a newline": ['40{"token":"t"}\n'],
    "CONNECT with white space within": ['40 { "token" : "t" } '],
    "CONNECT with a null": ['40{"token":null}'],
    "CONNECT to the main namespace by name": ["40/,"],
    "the same without a comma": ["40/"],
    "the same with a payload": ['40/,{"token":"t"}'],
    "another namespace alone": ['40/custom,{"a":1}', "40"],
    "another namespace without a comma": ["40/custom", "40"],
    "an unknown one with a query": ["40/custom?token=t,", "40"],
    "an unknown one and a newline": ["40/custom\n", "40"],
    "DISCONNECT from another namespace": ["40", "40/custom,", "41/custom,\n"],
    "an event to the main namespace by name": ["40", '42/,["message",1]'],
    "an event with white space": ["40", '42[ "message" , 1 ]\r\n'],
    "an event with an id and white space": ["40", '427 ["message-with-ack",1]\n'],
    "an event with a large id": ["40", '429007199254740991["message-with-ack"]'],
    "an id with leading zeros": ["40", '42007["message-with-ack"]'],
    "an event without arguments": ["40", '42["message"]', '42["message",null]'],
    "numbers": ["40", '42["message",1.0,1e2,-0.0,0.1,100000000000000000000]'],
    "escapes": ["40", '42["message","\\u00e9\\/\\ud83d\\udc4b","\u2028"]'],
    "repeated keys": ["40", '42["message",{"a":1,"a":2}]'],
    "an event that nobody handles": ["40", '42["no:such",1]', '42[""]', "42[17]"],
    "bytes": ["40", f'451-["message",{PLACEHOLDER % 0}]', b"\x01\x02"],
    "bytes with an acknowledgement": ["40", f'451-7["message-with-ack",{PLACEHOLDER % 0}]', b"\x01"],
    "bytes to the main namespace by name": ["40", f'451-/,["message",{PLACEHOLDER % 0}]', b"\x01"],
    "a place written as 0.0": ["40", f'451-["message",{PLACEHOLDER % "0.0"}]', b"\x01"],
    "the same bytes twice": ["40", f'451-["message",{PLACEHOLDER % 0},{PLACEHOLDER % 0}]', b"\x01"],
    "bytes that have no place": ["40", '451-["message","a"]', b"\x01"],
    "no bytes": ["40", f'451-["message",{PLACEHOLDER % 0}]', b""],
    "a count of 01": ["40", f'4501-["message",{PLACEHOLDER % 0}]', b"\x01"],
    "bytes as base64 in text": ["40", f'451-["message",{PLACEHOLDER % 0}]', "bAQI="],
    "base64 without its padding": ["40", f'451-["message",{PLACEHOLDER % 0}]', "bAQI"],
    "base64 of the other alphabet": ["40", f'451-["message",{PLACEHOLDER % 0}]', "b-_8="],
    "base64 and a newline": ["40", f'451-["message",{PLACEHOLDER % 0}]', "bAQI=\n"],
    "PONG before any PING": ["3", "40", "3", "3\n"],
    "NOOP": ["6", "40", "6", "6\n"],
}


@pytest.mark.parametrize("messages", TAKEN.values(), ids=TAKEN.keys())
def test_what_is_sent_on_a_websocket_is_answered_alike(servers: Servers, messages: list[str | bytes]) -> None:
    def scenario(served: Served) -> Transcript:
        with closing(Raw(served)) as one:
            return say(one, *messages)

    assert check_alike(servers, scenario)[-1] == without_ids(DONE)


QUERIES = {
    "names twice": "EIO=3&transport=x&EIO=4&transport=websocket&sid=x&sid=",
    "names twice, alike": "EIO=4&transport=websocket&transport=websocket&EIO=4",
    "the other order": "transport=websocket&EIO=4",
    "a cache buster": "EIO=4&transport=websocket&t=Oabc123",
    "escapes": "E%49O=%34&transport=web%73ocket",
    "an empty sid": "EIO=4&transport=websocket&sid=",
    "an empty parameter": "EIO=4&transport=websocket&",
    "empty parameters": "&&EIO=4&&transport=websocket&&",
    "b64": "EIO=4&transport=websocket&b64=1",
    "own parameters": "token=a&EIO=4&x[]=1&x[]=2&transport=websocket&y",
    "a broken escape": "EIO=4&transport=websocket&x=%zz%",
    "a question mark": "EIO=4&transport=websocket&x=a?b",
}


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES.keys())
def test_a_query_may_be_written_in_many_ways(servers: Servers, query: str) -> None:
    def on_a_websocket(served: Served) -> Transcript:
        with closing(Raw(served, query)) as one:
            return say(one, "40")

    def by_polling(served: Served) -> Transcript:
        url = f"{served.url}{PATH}?{query.replace('web%73ocket', 'polling').replace('websocket', 'polling')}"
        answer = requests.get(url, timeout=10)
        sid = json.loads(answer.text[1:])["sid"]
        posted = requests.post(f"{served.url}{PATH}?EIO=4&transport=polling&sid={sid}", data="40", timeout=10)
        return [answer.status_code, without_ids(answer.text), posted.text]

    assert check_alike(servers, on_a_websocket)[-1] == without_ids(DONE)
    assert check_alike(servers, by_polling)[-1] == "ok"


PATHS = ["/ws/", "/ws//", "/ws/socket.io/", "/ws/x"]


@pytest.mark.parametrize("path", PATHS)
def test_what_stands_behind_the_path_is_not_looked_at(servers: Servers, path: str) -> None:
    def on_a_websocket(served: Served) -> Transcript:
        url = f"ws://127.0.0.1:{served.port}{path}?EIO=4&transport=websocket"
        with closing(websocket.create_connection(url, timeout=10)) as connection:
            return [without_ids(str(connection.recv()))]

    def by_polling(served: Served) -> Transcript:
        answer = requests.get(f"{served.url}{path}?EIO=4&transport=polling", timeout=10)
        return [answer.status_code, without_ids(answer.text)]

    check_alike(servers, on_a_websocket)
    check_alike(servers, by_polling)


REQUESTS = {
    "HEAD": ("HEAD", "EIO=4&transport=polling"),
    "POST without a session": ("POST", "EIO=4&transport=polling"),
    "PUT": ("PUT", "EIO=4&transport=polling"),
    "EIO 3": ("GET", "EIO=3&transport=polling"),
    "a name in small letters": ("GET", "eio=4&transport=polling"),
    "a transport in capitals": ("GET", "EIO=4&transport=POLLING"),
    "EIO twice": ("GET", "EIO=4&EIO=3&transport=polling"),
    "a WebSocket without an upgrade": ("GET", "EIO=4&transport=websocket"),
    "no such session": ("GET", "EIO=4&transport=polling&sid=x"),
}


@pytest.mark.parametrize(("method", "query"), REQUESTS.values(), ids=REQUESTS.keys())
def test_what_is_refused_is_refused_with_the_same_code(servers: Servers, method: str, query: str) -> None:
    def scenario(served: Served) -> Transcript:
        answer = requests.request(method, f"{served.url}{PATH}?{query}", timeout=10)
        return [answer.status_code, answer.json()["code"] if answer.text else None]

    assert check_alike(servers, scenario)[0] == 400


BODIES = {
    "a newline": '42["message",1]\n',
    "several packets and a newline": '42["message",1]\x1e42["message",2]\n',
    "a heartbeat with events": '3\x1e42["message",1]\x1e6',
    "bytes": f'451-["message",{PLACEHOLDER % 0}]\x1ebAQI=',
    "bytes without padding": f'451-["message",{PLACEHOLDER % 0}]\x1ebAQI',
}
TYPES = [
    None,
    "text/plain",
    "text/plain;charset=UTF-8",
    "application/x-www-form-urlencoded",
    "application/json",
    "Text/Plain; Charset=utf-8",
]


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
@pytest.mark.parametrize("kind", TYPES, ids=str)
def test_a_body_is_answered_alike_whatever_its_type(servers: Servers, body: str, kind: str | None) -> None:
    def scenario(served: Served) -> Transcript:
        poller = Poller(served)
        headers = {} if kind is None else {"Content-Type": kind}
        transcript: Transcript = []
        for part, until in (("40\n", '42["auth",{}]'), (body, None), (ASK_DONE, DONE)):
            answer = poller.post(part, headers=headers)
            transcript += [answer.status_code, answer.text]
            while until is not None and without_ids(until) not in transcript:
                transcript += map(without_ids, poller.packets())
        return transcript

    check_alike(servers, scenario)


UPGRADES: dict[str, list[str | bytes]] = {
    "with a probe": ["2probe", "5"],
    "without one": ["5"],
    "without one, and a newline": ["5\n"],
    "with two": ["2probe", "2probe", "5"],
}


@pytest.mark.parametrize("waits", [False, True], ids=["no poll waits", "a poll waits"])
@pytest.mark.parametrize("messages", UPGRADES.values(), ids=UPGRADES.keys())
def test_an_upgrade_is_taken_in_any_order(servers: Servers, messages: list[str | bytes], waits: bool) -> None:
    def scenario(served: Served) -> Transcript:
        poller = Poller(served)
        poller.post("40")
        greeting = [*map(without_ids, poller.packets())]
        polled: list[int] = []
        waiting = threading.Thread(target=lambda: polled.append(poller.poll().status_code))
        if waits:
            waiting.start()
            time.sleep(0.1)
        with closing(Raw(served, f"EIO=4&transport=websocket&sid={poller.sid}")) as one:
            for message in messages:
                one.send(message)
                time.sleep(0.15)  # As a client that waits for the answer.
            if waits:
                waiting.join(10)
            return [greeting[0], polled, say(one), poller.poll().status_code]

    check_alike(servers, scenario)

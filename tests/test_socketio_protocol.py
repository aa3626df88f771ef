"""Socket.IO as its protocol text says (socket.io-protocol v5), by raw packets to a served process."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.tools.protocol import Poller, Raw, raw
from tests.tools.serving import Served, Serving, measured
from tests.tools.watching import eventually

CONNECT_TIMEOUT_S = 3


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, serving: Serving) -> Iterator[Served]:
    settings = {"CHEF_CONNECT_TIMEOUT": str(CONNECT_TIMEOUT_S), "CHEF_MAX_SUBSCRIPTIONS": "5"}
    with serving(tmp_path_factory.mktemp("socketio"), settings | measured()) as one:
        yield one


def lines_of(served: Served) -> list[str]:
    return served.output.read_text().splitlines()


def refused(served: Served, reason: str) -> int:
    """How often a limit was hit, by the metrics."""
    for line in served.get("/metrics").text.splitlines():
        if line.startswith(f'chef_refused_total{{reason="{reason}"}}'):
            return int(float(line.split()[-1]))
    return 0


@pytest.mark.parametrize(
    "connect",
    [
        "40",
        "40{}",
        '40{"token":"123"}',
        "40/,",
        "40/,{}",
        '40{"token":[1]}',
        '40["token"]',
        '40"t"',
        "40null",
    ],
)
def test_connect_is_answered_with_a_session_id(served: Served, connect: str) -> None:
    with raw(served, connected=False) as one:
        one.send(connect)
        answer = one.text()
        assert answer.startswith("40{")
        assert list(json.loads(answer[2:])) == ["sid"]
        assert one.call(1, "subscribe:job", "job")["ok"] is True


def test_the_session_ids_of_both_layers_differ(served: Served) -> None:
    """The Engine.IO id lets one take a session over: it must not be what others may learn."""
    with raw(served, connected=False) as one:
        one.send("40")
        sid = json.loads(one.text()[2:])["sid"]
        poller = Poller(served)
        assert sid != poller.sid
        assert len(sid) >= 20


@pytest.mark.parametrize("namespace", ["/admin", "/a-b/c", "/äö", "/" + "x" * 1000, "/admin?token=1"])
@pytest.mark.parametrize("payload", ["", ",", ",{}"], ids=["bare", "comma", "payload"])
def test_an_unknown_namespace_is_refused_and_the_connection_stays(
    served: Served, namespace: str, payload: str
) -> None:
    with raw(served, connected=False) as one:
        one.send(f"40{namespace}{payload}")
        assert one.text() == f'44{namespace},{{"message":"Invalid namespace"}}'
        one.send("40")
        assert one.text().startswith("40{")
        assert one.call(1, "subscribe:job", "job")["ok"] is True


def test_a_connected_client_may_try_another_namespace(served: Served) -> None:
    with raw(served) as one:
        one.send("40/admin")
        assert one.text() == '44/admin,{"message":"Invalid namespace"}'
        assert one.call(1, "subscribe:job", "job")["ok"] is True


@pytest.mark.parametrize(
    "first",
    ['42["subscribe:job","job"]', '420["x"]', "41", "430[]", '451-["x",{"_placeholder":true,"num":0}]'],
)
def test_what_comes_before_connect_closes_at_once(served: Served, first: str) -> None:
    begin = time.monotonic()
    with raw(served, connected=False) as one:
        one.send(first)
        assert one.is_closed()
    assert time.monotonic() - begin < CONNECT_TIMEOUT_S


def test_a_client_that_does_not_connect_in_time_is_closed(served: Served) -> None:
    before = refused(served, "connect_timeout")
    with (
        raw(served, connected=False) as silent,
        raw(served) as connected,
        raw(served, connected=False) as lost,
    ):
        lost.send("40/admin")
        poller = Poller(served)
        assert silent.is_closed()
        assert lost.is_closed()
        eventually(poller.is_gone)
        time.sleep(CONNECT_TIMEOUT_S / 2)
        assert connected.call(1, "subscribe:job", "job")["ok"] is True
    assert refused(served, "connect_timeout") >= before + 3


def test_a_second_connect_closes(served: Served) -> None:
    with raw(served) as one:
        one.send("40")
        assert one.is_closed()


def test_disconnect_ends_the_subscriptions_and_not_the_connection(served: Served) -> None:
    with raw(served) as one:
        assert one.call(1, "subscribe:job", "left")["ok"] is True
        one.send("41")
        eventually(lambda: served.get("/health").json()["websocket"]["connected_clients"] == 0)
        served.update({"type": "progress", "jobId": "left", "projectId": "web", "phase": "building"})
        one.send("40")
        assert one.text().startswith("40{")
        assert one.call(2, "subscribe:job", "other")["ok"] is True


def test_a_client_that_disconnects_and_does_not_come_back_is_closed(served: Served) -> None:
    with raw(served) as one:
        one.send("41")
        assert one.is_closed()


DEEP = "[" * 33 + "]" * 33
BAD = {
    "no packet at all": "4",
    "an unknown type": "4abc",
    "type 7": "47",
    "another alphabet's digit": "4٢[]",
    "an event without a payload": "42",
    "an event that is an object": "42{}",
    "an event that is text": '42"subscribe:job"',
    "an event that is null": "42null",
    "an event that is a number": "421",
    "an event without a name": "42[]",
    "broken JSON": '42["subscribe:job"',
    "two JSON texts": '42["a"]["b"]',
    "an id that is none": '42abc["a"]',
    "an id with a sign": '42-1["a"]',
    "an id of 20 digits": f'42{"9" * 20}["a"]',
    "an id of 5,000 digits": f'42{"9" * 5000}["a"]',
    "NaN": '42["subscribe:job",{"jobId":"job","after":NaN}]',
    "Infinity": '42["subscribe:job",-Infinity]',
    "deep nesting": f'42["subscribe:job",{DEEP}]',
    "a bomb of brackets": "42" + "[" * 60_000,
    "a bomb of objects": '42["a",' + '{"a":' * 10_000,
    "a control character": '42["a\nb"]',
    "attachments of a plain event": '421-["a"]',
    "CONNECT_ERROR": '44{"message":"no"}',
    "an acknowledgement that nobody asked for": '4317["a"]',
    "an acknowledgement without an id": '43["a"]',
    "an acknowledgement without a payload": "430",
    "an acknowledgement that is an object": "430{}",
    "id 0": "430[]",
    "DISCONNECT with a payload": '41{"a":1}',
    "an event to a namespace that is not there": '42/admin,["a"]',
    "DISCONNECT from a namespace that is not there": "41/admin",
    "a binary event without a count": '45["a"]',
    "a binary event of no attachments": '450-["a"]',
    "a binary event of too many attachments": '4511-["a"]',
    "a binary event of very many attachments": f'45{"9" * 100}-["a"]',
    "a binary event with a broken count": '45x-["a"]',
    "a binary event that is an object": "451-{}",
}


@pytest.mark.parametrize("packet", BAD.values(), ids=BAD.keys())
def test_a_malformed_packet_closes_on_the_first_with_one_line_in_the_log(served: Served, packet: str) -> None:
    lines, before = len(lines_of(served)), refused(served, "bad_packet")
    with raw(served) as one:
        one.send(*[packet] * 20)
        assert one.is_closed()
    new = lines_of(served)[lines:]
    assert len(new) == 1
    assert "a viewer's connection was closed: " in new[0]
    assert len(new[0]) < 300
    assert refused(served, "bad_packet") == before + 1


PLACEHOLDER = '{"_placeholder":true,"num":%s}'
BAD_ATTACHMENTS: dict[str, list[str | bytes]] = {
    "one that was not announced": [b"\x01"],
    "text instead of one": ['451-["a",{"_placeholder":true,"num":0}]', '42["a"]'],
    "no such number": ['451-["a",{"_placeholder":true,"num":1}]', b"\x01"],
    "a negative number": ['451-["a",{"_placeholder":true,"num":-1}]', b"\x01"],
    "a number that is text": ['451-["a",{"_placeholder":true,"num":"0"}]', b"\x01"],
    "a number that is true": ['451-["a",{"_placeholder":true,"num":true}]', b"\x01"],
    "no number": ['451-["a",{"_placeholder":true}]', b"\x01"],
    "one too many": ['451-["a",{"_placeholder":true,"num":0}]', b"\x01", b"\x02"],
    "too large together": ['453-["a",{"_placeholder":true,"num":0}]', *[b"x" * 30_000] * 3],
}


@pytest.mark.parametrize("messages", BAD_ATTACHMENTS.values(), ids=BAD_ATTACHMENTS.keys())
def test_a_wrong_attachment_closes(served: Served, messages: list[str | bytes]) -> None:
    lines = len(lines_of(served))
    with raw(served) as one:
        one.send(*messages)
        assert one.is_closed()
    assert len(lines_of(served)) == lines + 1


def test_a_binary_event_is_one_that_chef_does_not_know(served: Served) -> None:
    with raw(served) as one:
        one.send('452-7["upload",{"_placeholder":true,"num":0},{"a":[{"_placeholder":true,"num":1}]}]')
        one.send(b"\x01\x02", b"\x03")
        answer = one.text()
        assert answer.startswith("437[")
        assert json.loads(answer[3:])[0]["error"]["code"] == "unknown_event"
        assert one.call(8, "subscribe:job", "job")["ok"] is True


def test_a_binary_argument_where_an_id_belongs_is_a_wrong_argument(served: Served) -> None:
    with raw(served) as one:
        one.send('451-7["subscribe:job",{"_placeholder":true,"num":0}]', b"job")
        assert json.loads(one.text()[3:])[0]["error"]["code"] == "invalid"
        one.send('451-8["subscribe:job",{"jobId":{"_placeholder":true,"num":0}}]', b"job")
        assert json.loads(one.text()[3:])[0]["error"]["code"] == "invalid"


@pytest.mark.parametrize(
    "argument",
    [
        "1e999",
        "9" * 400,
        "-" + "9" * 5000,
        '"\\ud800"',
        '"\\u0000"',
        '{"jobId":"a","jobId":1}',
        '{"jobId":"job","after":1e400}',
        '{"jobId":"job","after":99999999999999999999999}',
        '{"__proto__":{},"jobId":[]}',
        "[" * 30 + "]" * 30,
    ],
    ids=range(10),
)
def test_an_odd_argument_that_is_json_is_answered_and_the_connection_stays(
    served: Served, argument: str
) -> None:
    with raw(served) as one:
        one.send(f'421["subscribe:job",{argument}]')
        answer = json.loads(one.text().removeprefix("431"))[0]
        assert answer["ok"] is False
        assert answer["error"]["code"] == "invalid"
        one.send(f'42["subscribe:job",{argument}]')
        assert one.text().startswith('42["subscribe:error",')
        assert one.call(2, "subscribe:job", "job")["ok"] is True


@pytest.mark.parametrize(
    "name",
    [
        "connect",
        "connect_error",
        "disconnect",
        "disconnecting",
        "newListener",
        "removeListener",
        "*",
        "message",
    ],
)
def test_a_name_with_a_meaning_of_its_own_is_an_unknown_event(served: Served, name: str) -> None:
    with raw(served) as one:
        answer = one.call(1, name, {"some": "thing"})
        assert answer == {
            "ok": False,
            "error": {"code": "unknown_event", "message": f"unknown event {name!r}"},
        }
        one.send(f'42["{name}"]')  # Who asked for no answer gets none.
        assert one.call(2, "subscribe:job", "job")["ok"] is True


@pytest.mark.parametrize("number", [0, 1, 456, 2**53, 2**63 - 1])
def test_an_acknowledgement_has_the_id_of_its_event(served: Served, number: int) -> None:
    with raw(served) as one:
        assert one.call(number, "unsubscribe:job", "job") == {"ok": True, "jobId": "job"}


def test_events_are_answered_in_the_order_in_which_they_came(served: Served) -> None:
    with raw(served) as one:
        for number in range(100):
            event = ("subscribe:job", "unsubscribe:job")[number % 2]
            one.send(f'42{number}["{event}","order"]')
        answers = [text for text in (one.text() for _ in range(100)) if text.startswith("43")]
    assert [int(text[2 : text.index("[")]) for text in answers] == list(range(100))


def test_a_thousand_bad_packets_are_a_thousand_lines_at_most(served: Served) -> None:
    lines = len(lines_of(served))
    for _ in range(20):
        with raw(served) as one:
            one.send(*['42{"broken"'] * 50)
            assert one.is_closed()
    assert len(lines_of(served)) == lines + 20
    assert "Traceback" not in served.output.read_text()


def test_more_subscriptions_than_allowed_are_refused_with_a_code(served: Served) -> None:
    before = refused(served, "subscriptions")
    with raw(served) as one:
        answers = [one.call(number, "subscribe:job", f"job-{number}") for number in range(7)]
        assert [answer["ok"] for answer in answers] == [True] * 5 + [False] * 2
        assert answers[5]["error"]["code"] == "rate_limited"
        one.send('42["subscribe:project","web"]')
        name, refusal = json.loads(one.text()[2:])
        assert (name, refusal["projectId"], refusal["error"]["code"]) == (
            "subscribe:error",
            "web",
            "rate_limited",
        )
        assert one.call(7, "subscribe:job", "job-0")["ok"] is True
        assert one.call(8, "unsubscribe:job", "job-0")["ok"] is True
        assert one.call(9, "subscribe:job", "job-6")["ok"] is True
    assert refused(served, "subscriptions") == before + 3


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory, serving: Serving) -> Iterator[Served]:
    """Ten seconds' worth of one event a second, and one for each of 20 subscriptions."""
    settings = {"CHEF_MAX_EVENTS_PER_SECOND": "1", "CHEF_MAX_SUBSCRIPTIONS": "20"}
    with serving(tmp_path_factory.mktemp("rate"), settings) as one:
        yield one


def answers_to(one: Raw, number: int) -> list[Any]:
    """The answers to so many events in a row."""
    one.send(*[f'42{place}["unsubscribe:job","job"]' for place in range(number)])
    return [json.loads(one.text().partition("[")[2].removesuffix("]")) for _ in range(number)]


def test_a_client_that_sends_too_many_events_is_told_so(strict: Served) -> None:
    with raw(strict) as one:
        answers = answers_to(one, 40)
        assert [answer["ok"] for answer in answers[:29]] == [True] * 29  # CONNECT was one, too
        assert answers[-1]["ok"] is False
        assert answers[-1]["error"]["code"] == "rate_limited"
        assert answers[-1]["jobId"] == "job"
        one.send('42["subscribe:job","job"]')
        assert one.text().startswith('42["subscribe:error",')
    assert refused(strict, "events_per_second") > 0


def test_a_client_that_goes_on_all_the_same_is_closed(strict: Served) -> None:
    before = refused(strict, "too_many_events")
    with raw(strict) as one:
        one.send(*['42["anything"]'] * 80)
        assert one.is_closed()
    assert refused(strict, "too_many_events") == before + 1


def test_a_client_that_is_quiet_for_a_while_may_send_again(strict: Served) -> None:
    with raw(strict) as one:
        assert answers_to(one, 32)[-1]["ok"] is False
        time.sleep(5)
        assert one.call(99, "unsubscribe:job", "job")["ok"] is True


def test_a_page_may_subscribe_to_a_thousand_jobs_when_it_connects(tmp_path: Any, serving: Serving) -> None:
    with serving(tmp_path, {}) as served, raw(served) as one:
        one.send(*[f'42{number}["subscribe:job","job-{number}"]' for number in range(1000)])
        answers = [one.text() for _ in range(1000)]
        assert all('"ok":true' in answer for answer in answers)
        poller = Poller(served)
        events = [f'42{number}["subscribe:job","job-{number}"]' for number in range(1000)]
        assert poller.post("\x1e".join(["40", *events])).status_code == 200
        seen = 0
        while seen < 1000:
            seen += sum('"ok":true' in packet for packet in poller.packets())


def test_a_viewer_that_polls_and_breaks_the_rules_is_refused_and_closed(served: Served) -> None:
    poller = Poller(served)
    assert poller.post("40").status_code == 200
    poller.wait_for("40{")
    lines = len(lines_of(served))
    assert poller.post("\x1e".join(["42{}"] * 50)).status_code == 400
    assert poller.is_gone()
    assert len(lines_of(served)) == lines + 1

"""Chef extended by a team as Flask-SocketIO's documentation says, seen by the official JavaScript client.

The application is `tests/tools/extended.py`. Chef's own events go on beside the team's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.tools.serving import Served, Serving, measured
from tests.tools.watching import eventually, run_in_node

FRAME = """
const { io } = require('socket.io-client');
const open = (namespace = '/', options = {}) =>
  io(%(url)s + namespace, { path: '/ws', forceNew: true, transports: %(transports)s, ...options });
const once = (socket, event) =>
  new Promise((resolve) => socket.once(event, (...args) => resolve(args.length === 1 ? args[0] : args)));
const ask = (socket, ...args) =>
  new Promise((resolve) => socket.emit(...args, (...answer) => resolve(answer)));
const viewers = async () => (await (await fetch(%(url)s + '/health')).json()).websocket.connected_clients;
(async () => {
  const result = await (async () => { %(body)s })();
  console.log(JSON.stringify(result));
  process.exit(0);
})();
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, serving: Serving) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("extended"), measured(), ("-m", "tests.tools.extended")) as served:
        yield served
        assert "Traceback" not in served.output.read_text()


@pytest.fixture(params=["websocket", "polling"])
def run(served: Served, request: pytest.FixtureRequest) -> Any:
    """Run the body of a function in Node; returns what it returns."""

    def run_body(body: str) -> Any:
        (result,) = run_in_node(
            FRAME % {"url": json.dumps(served.url), "transports": json.dumps([request.param]), "body": body}
        )
        return result

    return run_body


def test_a_handler_has_the_request_with_which_its_client_came(run: Any) -> None:
    seen = run(
        """
        const socket = open('/', { query: { colour: 'red' }, extraHeaders: { 'User-Agent': 'a team' } });
        const hello = await once(socket, 'hello');
        return { hello, id: socket.id, who: await ask(socket, 'who') };
        """
    )
    assert seen["hello"] == {"sid": seen["id"]}
    assert seen["who"] == [
        {"sid": seen["id"], "namespace": "/", "event": "who", "agent": "a team", "colour": "red"}
    ]


def test_a_session_is_one_clients_own_and_lasts_as_long_as_it(run: Any) -> None:
    assert run(
        """
        const one = open(), two = open();
        await Promise.all([once(one, 'connect'), once(two, 'connect')]);
        return [await ask(one, 'count'), await ask(one, 'count'), await ask(two, 'count')];
        """
    ) == [[1], [2], [1]]


def test_what_a_handler_returns_is_the_acknowledgement(run: Any) -> None:
    assert run(
        """
        const socket = open();
        return [await ask(socket, 'nothing'), await ask(socket, 'several', 1, { two: [3] }),
                (await ask(socket, 'no such event'))[0].error.code, await ask(socket, 'extra', 1)];
        """
    ) == [[], [1, {"two": [3]}, "and one"], "unknown_event", [2]]


def test_send_emit_and_callbacks_go_both_ways(run: Any) -> None:
    assert run(
        """
        const socket = open();
        socket.on('question', (asked, answer) => answer(`so (${asked})`));
        const heard = [once(socket, 'message'), once(socket, 'json'), once(socket, 'you said'),
                       once(socket, 'told later')];
        socket.send('a word');
        socket.emit('json', { a: 1 });
        socket.emit('ask');
        socket.emit('later');
        const [message, json, said, later] = await Promise.all(heard);
        return [message, json, said, [...later], await ask(socket, 'interview')];
        """
    ) == ["heard: a word", {"heard": {"a": 1}}, "so (how?)", [1, 2], [["so (1)", "so (2)"]]]


def test_handlers_of_one_client_run_beside_each_other_and_chefs_in_order(run: Any) -> None:
    assert run(
        """
        const socket = open();
        const answers = [];
        const note = (what) => ([first]) => answers.push(typeof first === 'string' ? first : what);
        const slow = ask(socket, 'slow').then(note());
        const quick = ask(socket, 'quick').then(note());
        const chefs = ['subscribe:job', 'unsubscribe:job', 'subscribe:job'].map(
          (event, number) => ask(socket, event, 'in-order').then(note(`${event} ${number}`)));
        await Promise.all([slow, quick, ...chefs]);
        return answers.filter((answer) => answer !== 'quick');
        """
    ) == ["subscribe:job 0", "unsubscribe:job 1", "subscribe:job 2", "slow"]


def test_rooms(run: Any, served: Served) -> None:
    assert run(
        f"""
        const one = open(), two = open();
        await Promise.all([once(one, 'connect'), once(two, 'connect')]);
        const got = [];
        for (const [name, socket] of Object.entries({{ one, two }})) {{
          socket.onAny((event, value) => ['joined', 'shouted', 'announcement'].includes(event)
            && got.push([name, event, value]));
        }}
        const rooms = [await ask(one, 'join', 'a'), await ask(one, 'join', 'b'), await ask(two, 'join', 'a')];
        const announce = (room) => fetch('{served.url}/announce/' + room, {{ method: 'POST' }});
        rooms.push(await ask(one, 'leave', 'a'));
        await announce('a');
        await ask(two, 'close', 'a');
        await announce('a');
        await announce('b');
        await ask(one, 'shout', 'all');
        await ask(two, 'nothing');
        const mine = (name) => got.filter(([who]) => who === name).map(([, event, value]) => [event, value]);
        return {{ rooms, one: mine('one'), two: mine('two') }};
        """
    ) == {
        "rooms": [[["a"]], [["a", "b"]], [["a"]], [["b"]]],
        "one": [["joined", "a"], ["announcement", {"for": "b"}], ["shouted", "all"]],
        "two": [["announcement", {"for": "a"}], ["shouted", "all"]],
    }


def test_a_namespace_is_functions_or_a_class(run: Any) -> None:
    assert run(
        """
        const kitchen = open('/kitchen'), watcher = open();
        const menu = await once(kitchen, 'menu');
        const ordered = once(kitchen, 'ordered');
        const order = await ask(kitchen, 'order', 'soup');
        const secret = open('/private', { auth: { password: 'open' } });
        const anything = await ask(secret, 'any event', 1);
        const refused = await once(open('/private'), 'connect_error');
        const nowhere = await once(open('/nowhere'), 'connect_error');
        return [menu, await ordered, order, anything, refused.message, refused.data, nowhere.message];
        """
    ) == [
        ["soup"],
        "soup",
        [{"dish": "soup", "namespace": "/kitchen"}],
        [["any event", 1]],
        "wrong password",
        {"retry": False},
        "Invalid namespace",
    ]


def test_a_fault_is_handled_by_the_handler_of_errors(run: Any) -> None:
    assert run(
        """
        const secret = open('/private', { auth: { password: 'open' } });
        return [await ask(open(), 'fail'), await ask(secret, 'fail')];
        """
    ) == [["on_error: of the default namespace"], ["on_error_default: of the private one"]]


def test_chef_hears_of_each_client_that_comes_or_goes_as_well(run: Any, served: Served) -> None:
    """A handler of `connect` or `disconnect` in Chef's namespace is added to Chef's, and may refuse."""
    eventually(lambda: viewers(served) == 0)
    assert run(
        """
        const one = open(), two = open();
        await Promise.all([once(one, 'hello'), once(two, 'hello')]);
        const there = await viewers();
        const refused = await once(open('/', { auth: { name: 'a stranger' } }), 'connect_error');
        const still = await viewers();
        const left = once(two, 'left');
        one.disconnect();
        const reasons = [await left];
        const gone = once(two, 'disconnect');
        two.emit('go');
        reasons.push(...(await gone).slice(0, 1));
        return [there, refused.message, still, reasons, await viewers()];
        """
    ) == [2, "Connection rejected by server", 2, ["client disconnect", "io server disconnect"], 0]


def viewers(served: Served) -> int:
    return int(served.get("/health").json()["websocket"]["connected_clients"])


def test_chefs_own_events_go_on(run: Any, served: Served) -> None:
    served.update({"type": "progress", "jobId": "built", "projectId": "web", "phase": "building"})
    seen = run(
        """
        const socket = open();
        const progress = once(socket, 'job:progress');
        const [answer] = await ask(socket, 'subscribe:job', 'built');
        return [answer.ok, (await progress).phase, (await ask(socket, 'unsubscribe:job', 'built'))[0]];
        """
    )
    assert seen == [True, "building", {"ok": True, "jobId": "built"}]

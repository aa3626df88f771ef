"""The doorbell on a Redis that is not ours alone: other Chefs, other programs, a Unix socket."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import gevent
import pytest
import redis as redis_client

from chef.live import doorbell, hub
from chef.live.bellmessages import MOST_BYTES, NewHeads, NotOurs, Presence, decode, encode, rings
from chef.metrics import CountByLabel
from tests.tools.following import Follower, is_prompt, log_line
from tests.tools.making import open_store
from tests.tools.redis import Redis
from tests.tools.serving import Served
from tests.tools.watching import eventually, watch

StartServer = Callable[..., Served]


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    with Redis(tmp_path) as running:
        yield running


@pytest.fixture
def two(start_server: StartServer, redis: Redis) -> list[Served]:
    """Two processes of one Chef."""
    return [start_server(REDIS_URL=redis.url) for _ in range(2)]


def channels(client: redis_client.Redis) -> list[bytes | str]:
    return list(client.pubsub_channels())


def ignored(server: Served) -> dict[str, float]:
    """How many messages were ignored, by reason."""
    text = server.get("/metrics").text
    found = re.findall(r'^chef_doorbell_ignored_total\{reason="([^"]+)"\} ([\d.e+]+)$', text, re.MULTILINE)
    return {reason: float(count) for reason, count in found}


# Two Chefs on one Redis


@pytest.mark.slow
@pytest.mark.parametrize("databases", [(0, 0), (0, 1)])
def test_two_chefs_on_one_redis_know_nothing_of_each_other(
    start_server: StartServer, redis: Redis, tmp_path: Path, databases: tuple[int, int]
) -> None:
    """Both have a job `j`: neither's viewers get anything twice, and each counts its own."""
    chefs = []
    for number, database in enumerate(databases):
        url = redis.url.removesuffix("/0") + f"/{database}"
        chefs.append(start_server(REDIS_URL=url, DATABASE_URL=f"sqlite:///{tmp_path / f'chef-{number}.db'}"))
    one, other = chefs
    with watch("js4", one.url, ["websocket"]) as viewer, watch("js4", other.url, ["websocket"]) as second:
        for watcher in (viewer, second):
            watcher.call("subscribe:job", {"jobId": "j", "after": 0})
        for chef, count in ((one, 5), (other, 40), (one, 1)):
            for _ in range(count):
                log_line(chef)
        viewer.wait_for("job:log", 6)
        second.wait_for("job:log", 40)
        time.sleep(hub.SAFETY_POLL_S + 1)  # A history would be sent again by the poll after a wrong head.
        log_line(one)
        viewer.wait_for("job:log", 7)
        assert [line["seq"] for line in viewer.of("job:log")] == [*range(1, 8)]
        assert [line["seq"] for line in second.of("job:log")] == [*range(1, 41)]
        for chef in chefs:
            assert chef.get("/health").json()["websocket"]["connected_clients"] == 1
        assert ignored(one) == ignored(other) == {}
        with closing(redis_client.Redis.from_url(redis.url)) as client:
            assert len(channels(client)) == 2


# What is not ours


@pytest.mark.slow
def test_a_head_counts_only_if_the_store_has_it(two: list[Served], redis: Redis) -> None:
    follower = Follower(two[0], "j")
    for _ in range(3):
        log_line(two[1])
    follower.wait(3, 30)
    with closing(redis_client.Redis.from_url(redis.url)) as client:
        (channel,) = channels(client)
        for head in (4, 10**6, 2**63 - 1):
            client.publish(channel, encode(NewHeads("somebody", [("job", "j", head)])))
        eventually(lambda: bool(ignored(two[0])))
    time.sleep(hub.SAFETY_POLL_S + 1)
    assert log_line(two[1]) == 4
    follower.wait(4, 30)
    assert follower.seen == [1, 2, 3, 4]
    assert set(ignored(two[0])) == {"a head beyond its log"}


FOREIGN: tuple[bytes, ...] = (
    b"",
    b"hello",
    b"\xff\xfe\x00",
    b"{" * 5000,
    b"[" * 7000,
    b"42",
    b"null",
    b'"text"',
    b'{"job": "j"}',
    b"[]",
    b'["ring"]',
    b'["ring","x",[["job","j"]]]',
    b'["ring","x",[["job","j","many"]]]',
    b'["ring","x",[["job","j",1e99]]]',
    b'["ring","x",[["job","j",-1]]]',
    b'["ring","x",[["job","j",%d]]]' % 10**30,
    b'["ring","x",[["job",7,1]]]',
    b'["ring","x",[["flock","j",1]]]',
    b'["ring","x",{"job": 1}]',
    b'["here","x","three",true,false]',
    b'["here","x",NaN,true,false]',
    b'["here","x",-3,true,false]',
    b'["other","x",1]',
    b'["x",[["viewers","x","three"]]]',
    b'["x",[["job","j",%d]]]' % 10**9,
    json.dumps(["ring", "x", [["job", "j" * 100_000, 1]]]).encode(),
    b"x" * 5_000_000,
)


@pytest.mark.slow
def test_what_others_publish_is_ignored_and_counted(two: list[Served], redis: Redis) -> None:
    follower = Follower(two[0], "j")
    assert is_prompt(two[1], follower)
    with closing(redis_client.Redis.from_url(redis.url)) as client:
        (channel,) = channels(client)
        for _ in range(3):
            for message in FOREIGN:
                assert client.publish(channel, message) == 2, "a subscription was lost"
        for name in ("chef:viewers:x", f"{channel!r}:viewers", "chef:doorbell"):
            client.rpush(name, "a list")
        client.set("chef:viewers:y", "many")
        eventually(lambda: sum(ignored(two[0]).values()) == 3 * len(FOREIGN))
    assert set(ignored(two[0])) == {"no JSON", "another form", "too long"}
    assert two[0].get("/health").json()["websocket"]["connected_clients"] == 0
    assert is_prompt(two[1], follower)
    assert follower.seen == [*range(1, len(follower.seen) + 1)]
    lines = two[0].output.read_text().splitlines()
    assert len([line for line in lines if "is ignored" in line]) == 3
    assert not [line for line in lines if "Traceback" in line or "does not answer" in line]


@pytest.mark.slow
def test_a_message_that_redis_itself_ends_the_subscription_for_costs_seconds(
    two: list[Served], redis: Redis
) -> None:
    """Of 33 MB, beyond its limit for a subscriber: the listener comes back by itself."""
    follower = Follower(two[0], "j")
    assert is_prompt(two[1], follower)
    with closing(redis_client.Redis.from_url(redis.url, socket_timeout=30)) as client:
        (channel,) = channels(client)
        client.publish(channel, b"x" * 33_000_000)
        eventually(lambda: is_prompt(two[1], follower), timeout=30)
        assert client.pubsub_numsub(channel) == [(channel, 2)]


class Chatter:
    """A channel on which messages come without a pause, as long as `lasts` says."""

    service = "a test"

    def __init__(self, lasts: Callable[[], bool]) -> None:
        self._lasts = lasts
        self.heard = 0

    def publish(self, messages: Sequence[bytes]) -> None:
        """Nobody listens."""

    def listen(self, begun: Callable[[], None], hear: Callable[[bytes], None]) -> str:
        begun()
        while self._lasts() and self.heard < 100_000:
            hear(b"garbage")
            self.heard += 1
        return "it is over"

    def close(self) -> None:
        """There is nothing to close."""


def test_messages_that_come_without_a_pause_leave_the_others_their_turn(tmp_path: Path) -> None:
    served: list[str] = []
    chatter = Chatter(lambda: not served)
    with open_store(f"sqlite:///{tmp_path}/chef.db") as store:
        bell = doorbell.Doorbell(chatter, hub.Hub(store), lambda: 0, CountByLabel("reason"))
        bell.start()
        gevent.sleep(0)  # It hears the first message.
        gevent.spawn(lambda: served.append("a request")).join(60)
        bell.close()
    assert chatter.heard < 1000


@pytest.mark.parametrize("message", FOREIGN)
def test_a_foreign_message_is_none_of_ours(message: bytes) -> None:
    with pytest.raises(NotOurs):
        decode(message)


def test_our_messages_fit_into_a_notification_and_are_read_again() -> None:
    heads = {("job" if number % 2 else "project", f"{number:*<128}"): 2**63 - 1 for number in range(100)}
    messages = list(rings("0123456789abcdef", heads))  # type: ignore[arg-type]
    assert max(map(len, messages)) <= MOST_BYTES
    told = [message for data in messages if isinstance(message := decode(data), NewHeads)]
    assert {(kind, name): head for one in told for kind, name, head in one.heads} == heads
    assert decode(encode(Presence("x", 3, follows=True, asks=True))) == Presence(
        "x", 3, follows=True, asks=True
    )


# Addresses


@pytest.mark.slow
@pytest.mark.parametrize("parameters", ["", "?db=1&decode_responses=True"])
def test_redis_is_reached_by_a_unix_socket(start_server: StartServer, redis: Redis, parameters: str) -> None:
    servers = [start_server(REDIS_URL=redis.socket_url + parameters) for _ in range(2)]
    assert is_prompt(servers[1], Follower(servers[0], "j"))
    for server in servers:
        assert server.stop() == 0
        output = server.output.read_text()
        assert "does not answer" not in output
        assert "Traceback" not in output

"""How many connections there may be, and whose they are."""

from __future__ import annotations

import ctypes
from types import SimpleNamespace
from typing import Any

import gevent
import pytest

from chef import serve
from chef.http.connection import Connection
from chef.http.connections import Connections, Limits, client_of_proxy

TOKEN = {"HTTP_AUTHORIZATION": "Bearer right"}


class House:
    """Connections with a limit of three for an address; what was refused is in `refused`."""

    def __init__(self, **limits: int) -> None:
        self.refused: list[str] = []
        self.asked = 0
        self.connections = Connections(
            Limits(**({"connections": 1000, "per_address": 3} | limits)),
            self.refused.append,
            self._is_known,
            b"full",
            b"too many",
        )

    def _is_known(self, environ: dict[str, Any]) -> bool:
        self.asked += 1
        return environ.get("HTTP_AUTHORIZATION") == "Bearer right"

    def come(self, peer: str) -> Connection:
        return self.connections.open(SimpleNamespace(_sock=None, fileno=lambda: -1), (peer, 1))

    def ask(self, peer: str, forwarded: str | None = None, **environ: str) -> bool:
        return self.again(self.come(peer), forwarded, **environ)

    def again(self, connection: Connection, forwarded: str | None = None, **environ: str) -> bool:
        said = {} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded}
        asked = said | environ
        return self.connections.admit(connection, asked, client_of_proxy(asked, connection.peer))


@pytest.fixture
def house() -> House:
    return House()


def test_an_address_has_so_many_connections_and_no_more(house: House) -> None:
    assert [house.ask("8.8.4.1") for _ in range(5)] == [True, True, True, False, False]
    assert house.refused == ["connections_per_address"] * 2
    assert house.ask("8.8.4.2")


def test_who_is_in_stays_in(house: House) -> None:
    inside = [house.come("8.8.4.1") for _ in range(3)]
    assert all(map(house.again, inside))
    assert not house.ask("8.8.4.1")
    assert all(map(house.again, inside))


def test_a_place_is_free_again_when_its_connection_ends(house: House) -> None:
    inside = [house.come("8.8.4.1") for _ in range(3)]
    assert all(map(house.again, inside))
    refused = house.come("8.8.4.1")
    assert not house.again(refused)
    house.connections.close(inside[0])
    house.connections.close(inside[0])  # twice is once
    assert house.ask("8.8.4.1")
    assert not house.ask("8.8.4.1")


def test_a_connection_that_was_given_away_counts_until_it_is_released(house: House) -> None:
    inside = [house.come("8.8.4.1") for _ in range(3)]
    assert all(map(house.again, inside))
    release = house.connections.detach(inside[0])
    assert house.connections.detached == 1
    assert not house.ask("8.8.4.1")
    release()
    release()
    assert house.connections.detached == 0
    assert house.ask("8.8.4.1")


@pytest.mark.parametrize(
    "peer",
    ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1", "", "172.17.0.1", "10.0.0.9", "fe80::1%eth0"],
)
def test_who_is_nearby_may_stand_for_many_and_is_not_counted(house: House, peer: str) -> None:
    assert all(house.ask(peer) for _ in range(50))


def test_a_valid_token_does_not_count(house: House) -> None:
    assert all(house.ask("8.8.4.1", **TOKEN) for _ in range(50))
    assert all(house.ask("8.8.4.1") for _ in range(3))
    assert not house.ask("8.8.4.1")
    assert not house.ask("8.8.4.1", HTTP_AUTHORIZATION="Bearer wrong")
    assert house.ask("8.8.4.1", **TOKEN)


def test_a_token_is_looked_at_once_for_a_connection(house: House) -> None:
    for peer, forwarded in (("8.8.4.1", None), ("127.0.0.1", "8.8.4.9")):
        connection = house.come(peer)
        house.asked = 0
        for _ in range(10):
            assert house.again(connection, forwarded, **TOKEN)
            house.connections.idle(connection)
        assert house.asked == 1


def test_a_token_that_came_another_way_frees_the_place(house: House) -> None:
    inside = [house.come("8.8.4.1") for _ in range(3)]
    assert all(map(house.again, inside))
    house.connections.uncount(inside[0])
    assert house.ask("8.8.4.1")


@pytest.mark.parametrize("proxy", ["127.0.0.1", "10.1.2.3", "fd00::1", "100.64.0.9"])
def test_behind_a_proxy_nearby_the_last_forwarded_address_counts(house: House, proxy: str) -> None:
    assert [house.ask(proxy, "1.1.1.1, 8.8.4.1") for _ in range(4)] == [True] * 3 + [False]
    assert house.ask(proxy, "8.8.4.1, 1.1.1.1")


def test_a_public_address_cannot_say_that_it_is_somebody_else(house: House) -> None:
    assert [house.ask("8.8.8.8", f"8.8.4.{number}") for number in range(4)] == [True] * 3 + [False]


def test_a_proxys_connection_is_for_whom_it_asks_and_for_nobody_between(house: House) -> None:
    pool = [house.come("127.0.0.1") for _ in range(3)]
    assert all(house.again(one, "8.8.4.1") for one in pool)
    assert not house.ask("127.0.0.1", "8.8.4.1")
    for one in pool:
        house.connections.idle(one)
    assert all(house.again(one, "8.8.4.2") for one in pool)
    assert house.ask("127.0.0.1", "8.8.4.1")


def test_a_direct_connection_counts_between_its_requests(house: House) -> None:
    for _ in range(3):
        connection = house.come("8.8.4.4")
        assert house.again(connection)
        house.connections.idle(connection)
    assert not house.ask("8.8.4.4")


def test_one_subscribers_network_is_one_address(house: House) -> None:
    peers = ["2600:db8:1:1::1", "2600:db8:1:1::2", "2600:db8:1:1:ffff::", "2600:db8:1:1:1:1:1:1"]
    assert [house.ask(peer) for peer in peers] == [True] * 3 + [False]
    assert house.ask("2600:db8:1:2::1")


@pytest.mark.parametrize("forwarded", ["", "unknown", "a" * 5000, "1.2.3.4:5678", "\xff"])
def test_what_is_no_address_is_counted_as_what_it_is(house: House, forwarded: str) -> None:
    assert [house.ask("127.0.0.1", forwarded) for _ in range(4)] == [True] * 3 + [False]


def test_without_a_limit_any_number_may_come() -> None:
    house = House(per_address=0)
    assert all(house.ask("8.8.4.1") for _ in range(100))


def test_nothing_is_kept_of_who_has_gone(house: House) -> None:
    for number in range(500):
        for connection in [house.come(f"10.0.{number % 200}.1") for _ in range(5)]:
            house.again(connection, f"8.8.4.{number % 250}" if number % 2 else None)
            if number % 3 == 0:
                house.connections.idle(connection)
            house.connections.close(connection)
    assert len(house.connections) == 0
    assert not house.connections._places
    assert not house.connections._asking


def test_memory_is_given_back_when_a_crowd_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    trims: list[int] = []
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace(malloc_trim=trims.append))
    monkeypatch.setattr(serve, "_TRIM_EVERY_S", 0.01)
    there = [100]
    watching = gevent.spawn(serve._give_memory_back, lambda: there[-1])
    for left in (95, 100, 100):
        there.append(left)
        gevent.sleep(0.05)
    assert trims == []
    there.append(10)
    gevent.sleep(0.2)
    watching.kill()
    assert trims == [0]

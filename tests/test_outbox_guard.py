"""Where the outbox sends: to no internal address that was not named, and to that which was checked."""

from __future__ import annotations

import ipaddress
import socket

import pytest
from gevent import monkey

from chef.outbox.guard import Guard, HttpPlace, NoAddress, is_internal, place_of
from chef.outbox.sending import MOST_BYTES, GuardedSender, TargetSilent
from chef.outbox.values import Answer, Request
from tests.tools.targets import fake_target


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1",
        "127.8.9.10",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "192.0.0.8",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "192.88.99.1",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::10.0.0.1",
        "2002:7f00:1::1",
        "fe80::1",
        "2001::1",
        "fec0::1",
        "fd00:ec2::254",
        "ff02::1",
    ],
)
def test_internal_addresses_are_known_in_every_form(text: str) -> None:
    assert is_internal(ipaddress.ip_address(text))


@pytest.mark.parametrize(
    "text", ["8.8.8.8", "172.32.0.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"]
)
def test_public_addresses_are_none(text: str) -> None:
    assert not is_internal(ipaddress.ip_address(text))


def found(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Have every name stand for these addresses."""

    def getaddrinfo(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in addresses]

    monkeypatch.setattr(monkey, "get_original", lambda module, name: getaddrinfo)


NAME = HttpPlace("https", "git.example.com", 443)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "10.0.0.8", "169.254.169.254"])
def test_an_internal_address_is_asked_where_it_was_named(host: str) -> None:
    shown = f"[{host}]" if ":" in host else host
    place = place_of(f"http://{shown}:9000/x")
    with pytest.raises(NoAddress, match="internal address that is not named") as caught:
        Guard().addresses(place)
    assert caught.value.is_forbidden
    assert Guard([f"http://{shown}:9000/other"]).addresses(place) == [host]
    with pytest.raises(NoAddress):  # Another port is another place.
        Guard([f"http://{shown}:9001/x"]).addresses(place)


def test_a_name_that_stands_for_an_internal_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    found(monkeypatch, "10.0.0.1", "::ffff:127.0.0.1")
    guard = Guard()
    with pytest.raises(NoAddress) as caught:
        guard.addresses(NAME)
    assert caught.value.is_forbidden
    found(monkeypatch, "10.0.0.1", "8.8.8.8")
    assert guard.addresses(NAME) == ["8.8.8.8"]
    guard.close()


def test_a_named_name_may_be_internal_but_not_where_clouds_keep_secrets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    guard = Guard(["https://git.example.com/"])
    found(monkeypatch, "10.0.0.1", "169.254.169.254")
    assert guard.addresses(NAME) == ["10.0.0.1"]
    found(monkeypatch, "169.254.169.254")
    with pytest.raises(NoAddress) as caught:
        guard.addresses(NAME)
    assert caught.value.is_forbidden
    guard.close()


def test_a_name_that_there_is_not_may_be_there_later(monkeypatch: pytest.MonkeyPatch) -> None:
    found(monkeypatch)
    guard = Guard()
    with pytest.raises(NoAddress, match="not found") as caught:
        guard.addresses(NAME)
    assert not caught.value.is_forbidden
    guard.close()


@pytest.mark.parametrize(
    "url", ["ftp://x.example/", "https:///x", "https://x.example:70000/", "//x", "file:///x"]
)
def test_what_is_no_address_is_not_asked(url: str) -> None:
    with pytest.raises(NoAddress) as caught:
        place_of(url)
    assert caught.value.is_forbidden


def test_the_connection_goes_to_the_address_that_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name means this machine at the first look, and nothing at all at any later one."""
    with fake_target() as target:
        url = f"http://rebinding.example:{target.port}/hook?x=1"
        sender = GuardedSender([url])
        looks = list[str]()

        def getaddrinfo(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
            looks.append(host)
            assert len(looks) == 1
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

        monkeypatch.setattr(monkey, "get_original", lambda module, name: getaddrinfo)
        assert sender.send(Request("POST", url, {"X-Test": "1"}, b"{}")).status == 204
        sender.close()
    assert looks == ["rebinding.example"]
    (sent,) = target.sent
    assert sent.headers["host"] == f"rebinding.example:{target.port}"
    assert (sent.path, sent.headers["x-test"], sent.body) == ("/hook?x=1", "1", b"{}")


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    with fake_target() as target, fake_target() as inside:
        target.reply = lambda sent: (302, {"Location": f"{inside.url}/"}, b"")
        sender = GuardedSender([target.url, inside.url])
        answer = sender.send(Request("GET", target.url))
        assert answer.status == 302
        assert inside.sent == []


def test_of_an_answer_only_so_much_is_read() -> None:
    with fake_target() as target:
        target.reply = lambda sent: (200, {"X-Some": "Thing"}, b"x" * (MOST_BYTES + 5000))
        answer = GuardedSender([target.url]).send(Request("GET", target.url))
        assert answer == Answer(200, answer.headers, b"x" * MOST_BYTES)
        assert answer.headers["x-some"] == "Thing"


def test_a_port_on_which_nobody_listens_was_sent_nothing() -> None:
    with fake_target() as target:
        pass
    with pytest.raises(TargetSilent) as caught:
        GuardedSender([target.url]).send(Request("POST", f"{target.url}/hunter2"))
    assert not caught.value.is_sent
    assert "hunter2" not in str(caught.value)


def test_a_certificate_is_asked_for() -> None:
    with fake_target() as target:
        url = f"https://127.0.0.1:{target.port}/"
        with pytest.raises(TargetSilent, match="SSLError"):
            GuardedSender([url]).send(Request("GET", url))

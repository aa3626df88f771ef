"""The client of a request, and how many proxies are believed about it (`CHEF_TRUSTED_PROXIES`)."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask, request

from chef.access.addresses import of_proxies
from chef.http.addresses import client_address, client_network
from chef.http.connections import Connections, Limits, client_of_proxy
from chef.settings.config import SettingError, Settings

PLATFORMS = ("DYNO", "RENDER", "FLY_APP_NAME", "RAILWAY_PROJECT_ID", "K_SERVICE", "WEBSITE_SITE_NAME")


def client(forwarded: str | None, trusted: int, peer: str = "10.0.0.1", **more: str) -> str:
    said = {} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded}
    return client_address(of_proxies(Settings(trusted_proxies=trusted)) | {"REMOTE_ADDR": peer} | said | more)


def on(environ: dict[str, str], **headers: str) -> str:
    """The client behind a platform's router."""
    return client_address(
        of_proxies(Settings.from_env(environ, None)) | {"REMOTE_ADDR": "10.0.0.1"} | headers
    )


def test_unless_a_proxy_is_believed_the_client_is_the_peer() -> None:
    assert client("192.0.2.1", 0) == "10.0.0.1"
    assert client("192.0.2.1", 0, HTTP_X_REAL_IP="192.0.2.2", HTTP_FORWARDED="for=192.0.2.3") == "10.0.0.1"
    assert client_address({"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "192.0.2.1"}) == "10.0.0.1"


@pytest.mark.parametrize(
    ("trusted", "expected"), [(1, "192.0.2.3"), (2, "192.0.2.2"), (3, "192.0.2.1"), (4, "192.0.2.1")]
)
def test_of_a_list_the_entry_of_the_outermost_believed_proxy_counts(trusted: int, expected: str) -> None:
    assert client("192.0.2.1, 192.0.2.2,192.0.2.3", trusted) == expected


def test_what_a_client_puts_before_the_proxys_entry_changes_nothing() -> None:
    for made_up in ("", "198.51.100.1, ", "unknown,, ,", "\t198.51.100.1 ,198.51.100.2,"):
        assert client(f"{made_up}192.0.2.9", 1) == "192.0.2.9"


def test_a_proxy_that_names_nobody_leaves_the_peer() -> None:
    assert client(None, 1) == client("", 1) == client(" , ", 2) == "10.0.0.1"


@pytest.mark.parametrize(
    ("written", "address", "network"),
    [
        ("192.0.2.1:4711", "192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1", "192.0.2.1"),
        ("[2001:DB8:0:1::2]:4711", "2001:db8:0:1::2", "2001:db8:0:1::/64"),
        ("[2001:db8:0:1::2]", "2001:db8:0:1::2", "2001:db8:0:1::/64"),
        ("2001:db8:0:1::3", "2001:db8:0:1::3", "2001:db8:0:1::/64"),
        ("unknown", "unknown", "unknown"),
        ("_hidden" + "x" * 100, "_hidden" + "x" * 57, "_hidden" + "x" * 57),
    ],
)
def test_addresses_have_one_form(written: str, address: str, network: str) -> None:
    assert client(written, 1) == address
    assert client(None, 0, peer=written) == address
    assert client_network({"REMOTE_ADDR": written}) == network


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_platforms_router_is_believed_unless_the_setting_says_otherwise(platform: str) -> None:
    forwarded = {"HTTP_X_FORWARDED_FOR": "198.51.100.1, 192.0.2.1"}
    assert Settings.from_env({platform: "x"}, None).trusted_proxies == 1
    assert on({platform: "x"}, **forwarded) == "192.0.2.1"
    assert on({platform: "x", "CHEF_TRUSTED_PROXIES": "0"}, **forwarded) == "10.0.0.1"
    assert on({platform: "x", "CHEF_TRUSTED_PROXIES": "2"}, **forwarded) == "198.51.100.1"
    assert on({platform: ""}, **forwarded) == "10.0.0.1"


def test_where_a_platform_has_a_header_of_its_own_that_names_the_client() -> None:
    said = {"HTTP_X_FORWARDED_FOR": "192.0.2.1, 66.241.124.1", "HTTP_FLY_CLIENT_IP": "192.0.2.1"}
    assert on({"FLY_APP_NAME": "chef"}, **said) == "192.0.2.1"
    # Elsewhere anybody can send it.
    assert on({"DYNO": "web.1"}, **said) == "66.241.124.1"
    assert on({"FLY_APP_NAME": "chef", "CHEF_TRUSTED_PROXIES": "1"}, **said) == "66.241.124.1"


def test_an_operator_may_name_a_header_for_a_proxy_that_has_one() -> None:
    said = {"HTTP_X_FORWARDED_FOR": "192.0.2.1, 192.0.2.2", "HTTP_CF_CONNECTING_IP": "192.0.2.3"}
    named = {"CHEF_CLIENT_HEADER": "CF-Connecting-IP"}
    assert on(named | {"CHEF_TRUSTED_PROXIES": "1"}, **said) == "192.0.2.3"
    assert on(named, **said) == "10.0.0.1"
    with pytest.raises(SettingError, match=r"^CHEF_CLIENT_HEADER='a_b' must be the name of a header"):
        Settings.from_env({"CHEF_CLIENT_HEADER": "a_b"}, None)


def test_views_know_it_under_any_wsgi_server(make_app: Callable[..., Flask]) -> None:
    app = make_app(trusted_proxies=2)
    app.add_url_rule("/who", view_func=lambda: client_address(request.environ))
    answer = app.test_client().get("/who", headers={"X-Forwarded-For": "192.0.2.1, 192.0.2.2"})
    assert answer.text == "192.0.2.1"


def test_connections_count_for_the_client_whom_believed_proxies_name() -> None:
    connections = Connections(Limits(per_address=1), lambda _: None, lambda _: False, b"", b"")

    def ask(peer: str, forwarded: str, trusted: int) -> bool:
        sock: Any = SimpleNamespace(fileno=lambda: -1)
        environ = of_proxies(Settings(trusted_proxies=trusted)) | {
            "REMOTE_ADDR": peer,
            "HTTP_X_FORWARDED_FOR": forwarded,
        }
        connection = connections.open(sock, (peer, 1))
        return connections.admit(connection, environ, client_of_proxy(environ, peer))

    # Two proxies, the outer one with a public address, as a content delivery network has.
    assert ask("10.0.0.1", "8.8.4.1, 8.8.8.8", 2)
    assert not ask("10.0.0.1", "1.1.1.1, 8.8.4.1, 8.8.8.8", 2)
    assert ask("10.0.0.1", "8.8.4.2, 8.8.8.8", 2)
    # One that has a public address itself.
    assert ask("8.8.8.8", "8.8.4.3", 1)
    assert not ask("8.8.8.8", "1.1.1.1, 8.8.4.3", 1)

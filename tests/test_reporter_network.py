"""The way to the server: addresses, TLS, redirects, proxies."""

from __future__ import annotations

import socket
import ssl
import subprocess
from pathlib import Path

import pytest

from tests.tools.reporting import (
    OUTPUT,
    Request,
    Store,
    build,
    pretending,
    reply,
)

pytestmark = [pytest.mark.real, pytest.mark.slow]


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

"""HTTP to the server: one connection that is kept, with time limits, through proxies, over redirects."""

from __future__ import annotations

import base64
import http.client
import json
import os
import socket
import sys
import urllib.parse
from typing import Any, Iterator

from chef.reporter.sending.answers import ServerAnswer

_MAX_ANSWER = 1024 * 1024
_MAX_REDIRECTS = 3
_REDIRECTS = (301, 302, 307, 308)
_SEND_BYTES = 64 * 1024


class Unreachable(Exception):
    """No answer, or none that is one; the text says why in some words."""


class HttpClient:
    """Requests to one server, one after the other, for one thread."""

    def __init__(self, url: str, token: str | None, version: str) -> None:
        self._url = url
        self._headers = {"User-Agent": "chef-reporter/" + version, "Accept": "application/json"}
        if token:
            self._headers["Authorization"] = "Bearer " + token
        self._connection: http.client.HTTPConnection | None = None
        self._target = ""
        self._proxy_headers: dict[str, str] = {}
        self._is_fresh = True

    def post(self, path: str, data: Any, timeout: float) -> ServerAnswer:
        """Send JSON."""
        body = json.dumps(data).encode()
        return self.request("POST", path, body, timeout, {"Content-Type": "application/json"})

    def request(
        self, method: str, path: str, body: Any, timeout: float, headers: dict[str, str] | None = None
    ) -> ServerAnswer:
        """Send a request; `body` is bytes, or an iterator of parts whose end is not known yet.

        Raises Unreachable. Where a kept connection turns out to be closed, it is sent over a new one:
        all that we send can be sent twice.
        """
        for _ in range(_MAX_REDIRECTS):
            was_kept = self._connection is not None
            try:
                response = self._send(method, path, body, timeout, headers or {})
            except _Closed as error:
                if not was_kept or not isinstance(body, (bytes, type(None))):
                    raise Unreachable(_words(error.__cause__)) from error.__cause__
                response = self._send_again(method, path, body, timeout, headers or {})
            answer = self._answer(response)
            if answer.status not in _REDIRECTS or not isinstance(body, (bytes, type(None))):
                return answer
            self._follow(answer.headers.get("Location"), path)
        raise Unreachable("too many redirects")

    def open(self, path: str, headers: dict[str, str], timeout: float) -> http.client.HTTPResponse:
        """Begin a GET whose answer is read as it comes. Raises Unreachable."""
        for _ in range(_MAX_REDIRECTS):
            self.close()
            try:
                response = self._send("GET", path, None, timeout, headers)
            except _Closed as error:
                raise Unreachable(_words(error.__cause__)) from error.__cause__
            if response.status not in _REDIRECTS:
                return response
            self._follow(response.headers.get("Location"), path)
        raise Unreachable("too many redirects")

    def close(self) -> None:
        """Let the connection go."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except OSError:
                pass

    def _send_again(
        self, method: str, path: str, body: Any, timeout: float, headers: dict[str, str]
    ) -> http.client.HTTPResponse:
        try:
            return self._send(method, path, body, timeout, headers)
        except _Closed as error:
            raise Unreachable(_words(error.__cause__)) from error.__cause__

    def _send(
        self, method: str, path: str, body: Any, timeout: float, headers: dict[str, str]
    ) -> http.client.HTTPResponse:
        try:
            connection = self._connected(timeout)
            self._write_head(connection, method, path, headers)
            self._write_body(connection, body)
            return connection.getresponse()
        except (socket.timeout, TimeoutError) as error:
            self.close()
            raise Unreachable("no answer in time") from error
        except (http.client.HTTPException, OSError) as error:
            self.close()
            raise _Closed from error
        except ValueError as error:  # http.client raises it for an answer that is none.
            self.close()
            raise Unreachable(_words(error)) from error

    def _write_head(
        self, connection: http.client.HTTPConnection, method: str, path: str, headers: dict[str, str]
    ) -> None:
        connection.putrequest(method, self._target + path, skip_accept_encoding=True)
        for name, value in {**self._headers, **self._proxy_headers, **headers}.items():
            connection.putheader(name, value)

    def _write_body(self, connection: http.client.HTTPConnection, body: Any) -> None:
        try:
            if body is None:
                connection.endheaders()
            elif isinstance(body, bytes):
                connection.putheader("Content-Length", str(len(body)))
                # The head with the beginning of the body: one packet where it is short.
                connection.endheaders(body[:_SEND_BYTES])
                for start in range(_SEND_BYTES, len(body), _SEND_BYTES):
                    connection.send(body[start : start + _SEND_BYTES])
            else:
                connection.putheader("Transfer-Encoding", "chunked")
                connection.endheaders()
                self._write_chunks(connection, body)
        except (BrokenPipeError, ConnectionResetError):
            pass  # A server that refuses without reading the whole body has answered before.

    def _write_chunks(self, connection: http.client.HTTPConnection, parts: Iterator[bytes]) -> None:
        for part in parts:
            connection.send(b"%x\r\n%s\r\n" % (len(part), part))
        connection.send(b"0\r\n\r\n")

    def _answer(self, response: http.client.HTTPResponse) -> ServerAnswer:
        try:
            body = response.read(_MAX_ANSWER)
            if not response.isclosed():
                self.close()
            return ServerAnswer(response.status, response.headers, body)
        except (http.client.HTTPException, OSError, ValueError) as error:
            self.close()
            raise Unreachable(_words(error)) from error

    def _connected(self, timeout: float) -> http.client.HTTPConnection:
        if self._connection is None:
            self._connection = self._connect(timeout)
        if self._connection.sock is not None:
            self._connection.sock.settimeout(timeout)
        return self._connection

    def _connect(self, timeout: float) -> http.client.HTTPConnection:
        place = urllib.parse.urlsplit(self._url)
        try:
            host, port = place.hostname or "", place.port
        except ValueError as error:
            raise Unreachable("the address has no such port") from error
        self._target = place.path
        self._proxy_headers = {}
        proxy = _proxy_for(place)
        if proxy is None:
            connection = self._connection_to(place.scheme, host, port, timeout)
        else:
            connection = self._through(proxy, place, timeout)
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    @staticmethod
    def _connection_to(
        scheme: str, host: str, port: int | None, timeout: float
    ) -> http.client.HTTPConnection:
        if scheme == "https":
            return http.client.HTTPSConnection(host, port, timeout=timeout)
        return http.client.HTTPConnection(host, port, timeout=timeout)

    def _through(
        self, proxy: urllib.parse.SplitResult, place: urllib.parse.SplitResult, timeout: float
    ) -> http.client.HTTPConnection:
        """A connection by way of a proxy: as a tunnel for https, else by whole addresses."""
        headers = {}
        if proxy.username:
            user = urllib.parse.unquote(proxy.username) + ":" + urllib.parse.unquote(proxy.password or "")
            headers["Proxy-Authorization"] = "Basic " + base64.b64encode(user.encode()).decode()
        host, port = proxy.hostname or "", proxy.port
        if place.scheme == "https":
            tunnel = http.client.HTTPSConnection(host, port, timeout=timeout)
            tunnel.set_tunnel(place.hostname or "", place.port or 443, headers)
            return tunnel
        self._target = "http://%s%s" % (place.netloc.rpartition("@")[2], place.path)
        self._proxy_headers = headers
        return http.client.HTTPConnection(host, port or 80, timeout=timeout)

    def _follow(self, location: str | None, path: str) -> None:
        """Go on at another address: the same host, never from https to http, since we send a token."""
        old = urllib.parse.urlsplit(self._url)
        new = urllib.parse.urlsplit(urllib.parse.urljoin(self._url + path, location or ""))
        same = (new.hostname or "").lower() == (old.hostname or "").lower()
        whole = urllib.parse.urlunsplit(new)
        if not same or (old.scheme, new.scheme) == ("https", "http") or not whole.endswith(path):
            raise Unreachable("it redirects to %s: should CHEF_URL be that?" % whole.partition("?")[0][:200])
        self.close()
        self._url = whole[: -len(path)]


class _Closed(Exception):
    """The connection broke; the cause says how."""


def _proxy_for(place: urllib.parse.SplitResult) -> urllib.parse.SplitResult | None:
    """The proxy that the environment names (`https_proxy`, `no_proxy`, …)."""
    if sys.platform == "linux" and not any(name.lower().endswith("_proxy") for name in os.environ):
        return None
    # Only where it is needed: the import takes longer than most of our own modules.
    import urllib.request

    found = urllib.request.getproxies().get(place.scheme)
    if not found or urllib.request.proxy_bypass(place.netloc.rpartition("@")[2]):
        return None
    return urllib.parse.urlsplit(found if "//" in found else "//" + found)


def _words(error: BaseException | None) -> str:
    """An exception as some words for people."""
    said = error.strerror if isinstance(error, OSError) and error.strerror else error
    text = str(said) or type(error).__name__
    return " ".join(text.split())[:200]

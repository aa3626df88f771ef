"""The WSGI environ of a request (PEP 3333), and the keys of our own in it.

Every handler that reads one of these also works under another WSGI server, which has none of them.

| key | value |
|---|---|
| `chef.address` | the address that the connection counts for, `None` where it does not count |
| `chef.authenticated` | called without arguments for a valid token that HTTP does not show: the connection counts no more |
| `chef.peer_is_gone` | called without arguments: whether the client has closed its connection |
| `chef.send_head` | called without arguments: sends the head of the answer before there is any of its body |
| `chef.postpone` | called with a function for when the client goes meanwhile, it returns one that is called once, with a WSGI application that answers; nothing waits until then |
| `chef.head` | a dict that lives as long as the client repeats its head: for what an application finds out from that alone |
| `chef.trusted_proxies` | how many proxies are believed |
| `chef.client_header` | the key of a header in which a proxy that is believed names the client; `None`: `X-Forwarded-For` alone |
| `chef.request_id` | the request's id; the answer has it in `X-Request-Id` |
| `chef.detach` | only after an upgrade; called once, without arguments: the connection, as `Detached` |
"""  # noqa: E501 - a row is a line

from __future__ import annotations

import logging
import sys
from typing import Any
from urllib.parse import quote, unquote

import gevent
from gevent.pywsgi import LoggingLogAdapter

from chef.http.heads import Head

ADDRESS, AUTHENTICATED, PEER_IS_GONE = "chef.address", "chef.authenticated", "chef.peer_is_gone"
SEND_HEAD, HEAD, DETACH = "chef.send_head", "chef.head", "chef.detach"
POSTPONE = "chef.postpone"
REQUEST_ID = "chef.request_id"
TRUSTED_PROXIES, CLIENT_HEADER = "chef.trusted_proxies", "chef.client_header"

_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))


def of_server(host: str, port: str, log: logging.Logger) -> dict[str, Any]:
    """The part that is the same for all requests of a server."""
    return {
        "GATEWAY_INTERFACE": "CGI/1.1",
        "SERVER_SOFTWARE": f"gevent/{gevent.__version__} Python/{sys.version_info[0]}.{sys.version_info[1]}",
        "SERVER_NAME": host,
        "SERVER_PORT": port,
        "SCRIPT_NAME": "",
        "wsgi.version": (1, 0),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.url_scheme": "http",
        "wsgi.errors": LoggingLogAdapter(log, logging.ERROR),
        "wsgi.input_terminated": True,
        TRUSTED_PROXIES: 0,
        CLIENT_HEADER: None,
    }


def of_head(head: Head, of_server: dict[str, Any]) -> dict[str, Any]:
    """The part that all requests with this head have in common."""
    environ = of_server | head.fields
    path, _, query = head.target.partition("?")
    if not query.isascii():
        # Bytes that are no URL are for the routes to refuse or to take; werkzeug would fail on them.
        query = quote(query, safe=_PRINTABLE, encoding="latin-1")
    cookie = head.fields.get("HTTP_COOKIE", "")
    if not cookie.isascii():
        # So it does on a cookie that is not UTF-8.
        text = cookie.encode("latin-1").decode(errors="replace")
        environ["HTTP_COOKIE"] = text.encode().decode("latin-1")
    environ["REQUEST_METHOD"] = head.method
    environ["PATH_INFO"] = unquote(path, "latin-1") if "%" in path else path
    environ["QUERY_STRING"] = query
    environ["SERVER_PROTOCOL"] = head.version
    return environ

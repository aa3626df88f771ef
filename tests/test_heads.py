"""The head of a request: what RFC 9112 and RFC 9110 let a server take, and what it must refuse."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chef.http.heads import MOST_FIELDS, TOKEN, Head, Refused, parse, parse_trailer
from chef.http.names import KEYS, environ_key

HOST = b"Host: chef.example"


def head(*lines: bytes, first: bytes = b"GET / HTTP/1.1", host: bytes = HOST) -> Head:
    return parse(b"\r\n".join([first, host, *lines]))


def refused(*lines: bytes, first: bytes = b"GET / HTTP/1.1", host: bytes = HOST) -> int:
    with pytest.raises(Refused) as caught:
        head(*lines, first=first, host=host)
    return caught.value.status


def test_a_head_is_read_as_wsgi_names_it() -> None:
    found = head(b"Accept:  */* \t", b"content-type: text/plain", b"X-One: a", b"x-one:b", b"Empty:")
    assert (found.method, found.target, found.version) == ("GET", "/", "HTTP/1.1")
    assert found.fields == {
        "HTTP_HOST": "chef.example",
        "HTTP_ACCEPT": "*/*",
        "CONTENT_TYPE": "text/plain",
        "HTTP_X_ONE": "a,b",
        "HTTP_EMPTY": "",
    }
    assert not found.has_body
    assert found.persistent


def test_cookies_that_came_apart_are_joined_as_cookies_are() -> None:
    assert head(b"Cookie: a=1", b"Cookie: b=2").fields["HTTP_COOKIE"] == "a=1; b=2"


def test_bytes_beyond_ascii_stay_as_they_are() -> None:
    assert head(b"X-Name: f\xc3\xbcnf").fields["HTTP_X_NAME"].encode("latin-1") == b"f\xc3\xbcnf"


def test_an_underscore_is_not_taken_for_a_hyphen() -> None:
    found = head(b"X_Forwarded_For: 127.0.0.1", b"Content_Length: 5", b"a_b: 1", b"c_d: 2")
    assert found.fields == {"HTTP_HOST": "chef.example"}
    assert found.length is None


@pytest.mark.parametrize(
    "line",
    [
        b" folded: one",
        b"\tfolded: one",
        b"Blank : before the colon",
        b"Tab\t: before the colon",
        b": no name",
        b"no colon",
        b"",
        b"N\xc3\xa4me: not ASCII",
        b"Na(me: a delimiter",
        b"Na\x00me: NUL",
        b"Name: NUL \x00",
        b"Name: a bare \r CR",
        b"Name: a bare \n LF",
        b"Name: an escape \x1b[31m",
        b"Name: \x7f",
    ],
)
def test_a_line_that_is_no_field_is_refused(line: bytes) -> None:
    assert refused(line) == 400
    assert refused(b"Accept: */*", line, b"Accept: */*") == 400


@pytest.mark.parametrize("host", [b"Host", b"Host ", b"hOST"])
def test_a_known_name_without_a_colon_is_refused_too(host: bytes) -> None:
    head()  # so that the name is known
    assert refused(host) == 400


@pytest.mark.parametrize(
    ("first", "status"),
    [
        (b"GET /", 400),  # HTTP/0.9
        (b"GET", 400),
        (b"", 400),
        (b"GET  / HTTP/1.1", 400),
        (b"GET / HTTP/1.1 ", 400),
        (b" GET / HTTP/1.1", 400),
        (b"GET\t/\tHTTP/1.1", 400),
        (b"GET / x HTTP/1.1", 400),
        (b"GET / http/1.1", 400),
        (b"GET / HTTP/1.1.1", 400),
        (b"GET / HTTP/11", 400),
        (b"GET / HTTP/1.", 400),
        (b"GET / HTTP/+1.1", 400),
        (b"G@T / HTTP/1.1", 400),
        (b"G" * 33 + b" / HTTP/1.1", 400),
        (b"GET / HTTP/0.9", 505),
        (b"GET / HTTP/2.0", 505),
        (b"PRI * HTTP/2.0", 505),
        (b"GET * HTTP/1.1", 400),
        (b"GET chef.example HTTP/1.1", 400),
        (b"GET ftp://chef.example/ HTTP/1.1", 400),
        (b"GET http:// HTTP/1.1", 400),
        (b"GET http://user@chef.example/ HTTP/1.1", 400),
        (b"CONNECT chef.example:443 HTTP/1.1", 501),
        (b"GET /" + b"a" * 8200 + b" HTTP/1.1", 414),
    ],
)
def test_a_first_line_that_is_no_request_is_refused(first: bytes, status: int) -> None:
    assert refused(first=first) == status


def test_a_later_minor_version_is_answered_as_the_newest_known() -> None:
    assert head(first=b"GET / HTTP/1.9").version == "HTTP/1.1"


@pytest.mark.parametrize(
    ("target", "path", "host"),
    [
        (b"http://other.example/api?x=1", "/api?x=1", "other.example"),
        (b"HTTPS://other.example:8443", "/", "other.example:8443"),
        (b"http://other.example?x=1", "/?x=1", "other.example"),
        (b"/http://x/", "/http://x/", "chef.example"),
    ],
)
def test_a_target_may_name_the_host_and_that_counts(target: bytes, path: str, host: str) -> None:
    found = head(first=b"GET %b HTTP/1.1" % target)
    assert (found.target, found.fields["HTTP_HOST"]) == (path, host)


@pytest.mark.parametrize("host", [b"Host: a.example:80", b"Host: [::1]:3001", b"Host: my_service", b"Host:"])
def test_a_host_may_be_any_name_or_address(host: bytes) -> None:
    assert head(host=host).fields["HTTP_HOST"] == host[5:].strip().decode()


@pytest.mark.parametrize(
    "host",
    [
        b"Accept: no host",
        b"Host: a\r\nHost: a",
        b"Host: a\r\nHost: b",
        b"Host: a, b",
        b"Host: a/b",
        b"Host: user@a",
        b"Host: a:port",
        b"Host: [::1",
        b"Host: a b",
    ],
)
def test_a_host_that_leaves_doubts_is_refused(host: bytes) -> None:
    assert refused(host=host) == 400


def test_http_1_0_needs_no_host_and_closes_unless_asked() -> None:
    first = b"GET / HTTP/1.0"
    assert not parse(first).persistent
    assert "HTTP_HOST" not in parse(first).fields
    assert head(b"Connection: Keep-Alive", first=first).persistent
    assert not head(b"Connection: close, keep-alive", first=first).persistent


@pytest.mark.parametrize("value", [b"close", b"Close", b"keep-alive, close", b"x ,\tCLOSE"])
def test_a_client_may_say_that_it_closes(value: bytes) -> None:
    assert not head(b"Connection: " + value).persistent
    assert head(b"Connection: keep-alive").persistent


@pytest.mark.parametrize(
    "lines",
    [
        [b"Content-Length: +5"],
        [b"Content-Length: -5"],
        [b"Content-Length: 5,5"],
        [b"Content-Length: 5, 5"],
        [b"Content-Length: 0x5"],
        [b"Content-Length: 5 5"],
        [b"Content-Length: 5.0"],
        [b"Content-Length: \xb2"],
        [b"Content-Length: 1_000"],
        [b"Content-Length:"],
        [b"Content-Length: " + b"9" * 19],
        [b"Content-Length: 5", b"Content-Length: 5"],
        [b"Content-Length: 5", b"Content-Length: 6"],
        [b"Content-Length: 5", b"Transfer-Encoding: chunked"],
        [b"Transfer-Encoding: chunked", b"Content-Length: 5"],
        [b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"],
        [b"Transfer-Encoding: chunked, chunked"],
        [b"Transfer-Encoding: gzip, chunked"],
        [b"Transfer-Encoding: chunked, identity"],
        [b"Transfer-Encoding: identity"],
        [b"Transfer-Encoding: xchunked"],
        [b"Transfer-Encoding: chunked;x=1"],
        [b"Transfer-Encoding:"],
        [b"Transfer-Encoding: \x0bchunked"],
    ],
)
def test_a_body_whose_end_is_in_doubt_is_refused(lines: list[bytes]) -> None:
    assert refused(*lines, first=b"POST / HTTP/1.1") == 400


def test_a_chunked_body_in_http_1_0_is_refused() -> None:
    assert refused(b"Transfer-Encoding: chunked", first=b"POST / HTTP/1.0") == 400


def test_a_body_has_a_length_or_chunks() -> None:
    assert head(b"Content-Length: 005").length == 5
    assert not head(b"Content-Length: 0").has_body
    assert head(b"Transfer-Encoding: Chunked").chunked


@pytest.mark.parametrize("name", [b"Authorization", b"Content-Type"])
def test_what_may_be_said_once_is_refused_twice(name: bytes) -> None:
    assert refused(name + b": one", name.lower() + b": two") == 400


def test_the_only_expectation_is_100_continue() -> None:
    assert head(b"Expect: 100-Continue").expects
    assert not head().expects
    assert not head(b"Expect: 100-continue", first=b"POST / HTTP/1.0").expects
    assert refused(b"Expect: a-miracle") == 417
    assert refused(b"Expect: 100-continue", b"Expect: 100-continue") == 417


def test_only_what_can_become_a_websocket_upgrades() -> None:
    asks = (b"Connection: keep-alive, Upgrade", b"Upgrade: WebSocket")
    assert head(*asks).upgrades
    assert not head(asks[0]).upgrades
    assert not head(asks[1]).upgrades
    assert not head(*asks, first=b"POST / HTTP/1.1").upgrades
    assert not head(*asks, first=b"GET / HTTP/1.0").upgrades
    assert not head(*asks, b"Content-Length: 5").upgrades
    assert not head(*asks, b"Transfer-Encoding: chunked").upgrades
    assert not head(asks[0], b"Upgrade: h2c").upgrades


def test_fields_are_counted() -> None:
    lines = [b"X-%d: a" % number for number in range(MOST_FIELDS - 1)]
    assert len(head(*lines).fields) == MOST_FIELDS
    assert refused(*lines, b"X: a") == 431


def test_nothing_is_kept_of_the_names_that_clients_make_up() -> None:
    before = dict(KEYS)
    head(b"X-Made-Up: a")  # so that what is made once is there
    tracemalloc.start()
    try:
        for number in range(3000):
            head(b"X-Made-Up-%d: a" % number)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert before == KEYS
    assert kept < 10_000  # Three thousand names would be more than a hundred thousand.


def test_known_names_are_read_like_all_others() -> None:
    assert all(TOKEN.fullmatch(name) for name in KEYS)
    assert {name: environ_key(name) for name in KEYS} == KEYS
    assert KEYS["Content-Length"] == KEYS["content-length"] == "CONTENT_LENGTH"
    assert KEYS["x-forwarded-for"] == KEYS["X-Forwarded-For"] == "HTTP_X_FORWARDED_FOR"


@pytest.mark.parametrize("line", [b"no colon", b"a b: c", b" a: b", b"a: \x00", b"\x01bad"])
def test_a_trailer_is_made_of_fields(line: bytes) -> None:
    parse_trailer(b"Digest: x")
    with pytest.raises(Refused):
        parse_trailer(line)


@given(st.binary(max_size=300))
def test_no_bytes_are_anything_but_a_head_or_a_refusal(block: bytes) -> None:
    for start in (b"", b"GET / HTTP/1.1\r\nHost: x\r\n", b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length:"):
        try:
            found: Head | Refused = parse(start + block)
        except Refused as refusal:
            found = refusal
        if isinstance(found, Refused):
            assert 400 <= found.status < 600
            assert found.detail.isprintable()
        else:
            assert found.target.startswith("/") or found.target == "*"
            assert not (found.chunked and found.length is not None)
            assert all("\n" not in value and "\0" not in value for value in found.fields.values())

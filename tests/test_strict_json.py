"""JSON as Chef takes and gives it: chef.wire.strict."""

from __future__ import annotations

import json
import math
import sys
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chef.errors import NotJson
from chef.wire import strict

_COMMA = "Expecting value" if sys.version_info < (3, 13) else "Illegal trailing comma before end of array"
REFUSED = {
    "nothing": (b"", "Expecting value at line 1, column 1"),
    "a word": (b"[1,\n2, nul]", "Expecting value at line 2, column 4"),
    "two values": (b"{} {}", "Extra data at line 1, column 4"),
    "a cut off object": (b'{"a": ', "Expecting value"),
    "a cut off string": (b'"abc', "Unterminated string starting at line 1, column 1"),
    # Python says it in other words from 3.13 on.
    "a comma too much": (b"[1,]", _COMMA),
    "a control character": (b'"a\x01"', "Invalid control character at line 1, column 3"),
    "a raw newline in a string": (b'"a\nb"', "Invalid control character"),
    "single quotes": (b"{'a': 1}", "Expecting property name"),
    "a leading zero": (b"01", "Extra data"),
    "a hexadecimal number": (b"0x10", "Extra data"),
    "a byte order mark": (b"\xef\xbb\xbf{}", "byte order mark"),
    "latin-1": (b'"caf\xe9"', "not UTF-8: byte 0xe9 at offset 4"),
    "utf-16": ('{"a":1}'.encode("utf-16"), "not UTF-8: byte 0xff at offset 0"),
    "a surrogate in utf-8": (b'"\xed\xa0\x80"', "not UTF-8"),
    "an overlong NUL": (b'"\xc0\x80"', "not UTF-8"),
    "NaN": (b'{"progress": NaN}', "NaN is not a JSON number"),
    "Infinity": (b"[Infinity]", "Infinity is not a JSON number"),
    "-Infinity": (b"-Infinity", "-Infinity is not a JSON number"),
    "1e999": (b"1e999", "the number 1e999 is too large for a double"),
    "-1e999": (b"[-1e999]", "the number -1e999 is too large"),
    "a long float": (b"9" * 5000 + b".0", "…"),
    "2**63": (b"9223372036854775808", "the integer 9223372036854775808 does not fit into 64 bits"),
    "-2**63-1": (b"-9223372036854775809", "does not fit into 64 bits"),
    "20 digits": (b"[10000000000000000000]", "does not fit into 64 bits"),
    "5,000 digits": (b'{"code": ' + b"9" * 5000 + b"}", "does not fit into 64 bits"),
    "a lone high surrogate": (rb'"\ud83d"', "a lone surrogate in a string"),
    "a lone low surrogate": (rb'["\uDC00"]', "a lone surrogate in a string"),
    "surrogates the wrong way round": (rb'"\ude00\ud83d"', "a lone surrogate in a string"),
    "a surrogate in a key": (rb'{"a": {"\uD800": 1}}', "a lone surrogate in a string"),
    "a NUL": (rb'[["\u0000"]]', "a NUL character in a string"),
    "a NUL in a key": (rb'{"a\u0000": 1}', "a NUL character in a string"),
    "a repeated key": (b'{"a": 1, "b": 2, "a": 1}', "the key 'a' is repeated"),
    "a repeated key, escaped": (rb'[{"a": 1, "\u0061": 2}]', "the key 'a' is repeated"),
    "a long repeated key": (
        b'{"%s": 1, "%s": 2}' % (b"k" * 999, b"k" * 999),
        "'" + "k" * 63 + "…' is repeated",
    ),
    "33 arrays": (b"[" * 33 + b"]" * 33, "nested deeper than 32 levels"),
    "33 objects": (b'{"a":' * 33 + b"1" + b"}" * 33, "nested deeper than 32 levels"),
    "deep behind strings": (rb'["\\", "\"]", ' + b"[" * 32 + b"]" * 33, "nested deeper than 32 levels"),
}


@pytest.mark.parametrize(("data", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_json_here_is_refused_with_its_reason(data: bytes, message: str) -> None:
    with pytest.raises(NotJson) as refusal:
        strict.loads(data)
    assert message in refusal.value.detail
    assert refusal.value.status == 400
    assert len(refusal.value.detail) < 200


TAKEN = {
    "whitespace": b' \t\r\n{"a" : [ ] }\n',
    "the largest integer": b"9223372036854775807",
    "the smallest integer": b"-9223372036854775808",
    "the largest double": b"1.7976931348623157e308",
    "a number too small for a double": b"1e-999",
    "an emoji as a pair of escapes": rb'"\ud83d\uDE00"',
    "an emoji as utf-8": '"\U0001f600"'.encode(),
    "an escaped backslash before u0000": rb'"\\u0000"',
    "an escaped backslash before ud800": rb'"\\ud800"',
    "32 levels": b"[" * 32 + b"]" * 32,
    "brackets in strings": b'["' + b"[{" * 999 + b'"]',
    "brackets behind escaped quotes": rb'["\\\"' + b"[" * 99 + rb'\\", [], "\\"]',
    "many flat arrays": b"[" + b"[]," * 999 + b"[]]",
    "the same key in two objects": b'[{"a": 1}, {"a": {"a": 2}}]',
    "keys that differ in case": b'{"a": 1, "A": 2}',
}


@pytest.mark.parametrize("data", TAKEN.values(), ids=TAKEN.keys())
def test_what_every_reader_takes_alike_is_taken_like_the_standard_library_does(data: bytes) -> None:
    assert strict.loads(data) == json.loads(data)


def test_integers_stay_integers_and_floats_floats() -> None:
    assert [type(value) for value in strict.loads(b"[50, 50.0, 5e1, -0, -0.0, true]")] == [
        int,
        float,
        float,
        int,
        float,
        bool,
    ]


@pytest.mark.parametrize("bomb", [b"[", b'{"a":', b'[{"a":', b"[[],"])
def test_a_million_open_brackets_are_refused_at_once(bomb: bytes) -> None:
    started = time.process_time()
    with pytest.raises(NotJson, match="nested deeper"):
        strict.loads(bomb * 1_000_000)
    assert time.process_time() - started < 20


@pytest.mark.parametrize("text", [rb"\"", rb'"\"', rb"\\", b'"', b'["', b"[]", b"]", rb'"\u00', b'{"":'])
def test_no_repeated_piece_makes_reading_slow(text: bytes) -> None:
    data = text * (1_000_000 // len(text))
    started = time.process_time()
    with pytest.raises(NotJson):
        strict.loads(data)
    assert time.process_time() - started < 20


def test_a_full_body_of_updates_is_read_fast() -> None:
    update = {"type": "progress", "jobId": "job-1", "progress": 50, "message": "[\U0001f600] compiling"}
    data = json.dumps([update] * 10_000).encode()
    started = time.process_time()
    assert strict.loads(data) == [update] * 10_000
    assert time.process_time() - started < 20


def test_a_line_of_a_larger_body_is_named_by_its_number() -> None:
    with pytest.raises(NotJson, match="at line 7, column 2"):
        strict.loads(b"[nul]", line=7)


# --- any input ---------------------------------------------------------------------------------

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(strict.MIN_INTEGER, strict.MAX_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(
            st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), inner, max_size=5
        )
    ),
)
PIECES = [*'[]{}",:\\ \n1-.aé', "e9", "NaN", "null", '"a":', '"a"', '\\"', "\\u0000", "\\ud83d", "\\ude00"]
PIECES += ["[" * 31, "]" * 31, "9" * 19, "1e999"]
NEARLY_JSON = st.lists(st.sampled_from(PIECES), max_size=30).map("".join)


@settings(deadline=None)
@given(st.binary())
def test_any_bytes_give_a_value_or_not_json(data: bytes) -> None:
    value_or_refusal(data)


@settings(deadline=None)
@given(NEARLY_JSON)
def test_a_text_is_taken_exactly_when_the_standard_library_takes_it_and_no_rule_forbids_it(text: str) -> None:
    assert (value_or_refusal(text.encode()) is not NotJson) == allowed(text)


@settings(deadline=None)
@given(JSON, st.booleans(), st.none() | st.integers(0, 2))
def test_any_json_value_is_read_like_the_standard_library_reads_it(
    value: Any, ascii_only: bool, indent: int | None
) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    assert strict.loads(text.encode()) == json.loads(text) == value


@settings(deadline=None)
@given(JSON)
def test_what_is_written_is_read_back_equal(value: Any) -> None:
    assert strict.loads(strict.dumps(value)) == value


def value_or_refusal(data: bytes) -> Any:
    """The value, or the class NotJson; any other exception fails the test."""
    try:
        return strict.loads(data)
    except NotJson:
        return NotJson


def allowed(text: str) -> bool:
    """The rules once more, slowly: a walk over what the standard library makes of the text."""
    try:
        return allowed_value(json.loads(text, object_pairs_hook=Pairs))
    except (ValueError, RecursionError):
        return False


class Pairs(list[tuple[str, Any]]):
    """An object's keys and values, repeated keys included."""


def allowed_value(value: Any, level: int = 1) -> bool:
    if isinstance(value, Pairs):
        keys = [key for key, _ in value]
        inner = [item for pair in value for item in pair]
        return len(set(keys)) == len(keys) and level <= 32 and all(allowed_value(x, level + 1) for x in inner)
    if isinstance(value, list):
        return level <= 32 and all(allowed_value(item, level + 1) for item in value)
    if isinstance(value, str):
        return "\0" not in value and not any("\ud800" <= character <= "\udfff" for character in value)
    if isinstance(value, float):
        return math.isfinite(value)
    return not isinstance(value, int) or -(2**63) <= value < 2**63


# --- output ------------------------------------------------------------------------------------


def test_output_is_compact_utf8() -> None:
    value = {"a": [1, 2.5, None, True], "ü": "\U0001f600"}
    assert strict.dumps(value) == '{"a":[1,2.5,null,true],"ü":"\U0001f600"}'.encode()


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_no_number_that_is_not_finite_goes_out(number: float) -> None:
    for value in (number, [number], {"a": (1, {"b": [None, number]})}):
        with pytest.raises(ValueError, match="is not a JSON number"):
            strict.dumps(value)


def test_no_lone_surrogate_goes_out() -> None:
    with pytest.raises(ValueError, match="surrogates"):
        strict.dumps({"message": "\ud800"})


def test_a_senders_text_is_shown_short_and_on_one_line() -> None:
    assert strict.shown("progres") == "progres"
    assert strict.shown("a\nb\x1b[31m") == "a\\nb\\x1b[31m"
    assert strict.shown("x" * 64) == "x" * 64
    assert strict.shown("x" * 65) == "x" * 63 + "…"
    assert len(strict.shown("\U000e0001" * 64)) == 64

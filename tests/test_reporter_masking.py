"""Secrets: values that must not leave the machine, in all their forms."""

from __future__ import annotations

import base64
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chef.reporter.output.masking import Masker

SECRET = "s3cr3t-Value/42"


def masked(text: bytes, names: str | None = None, **environ: str) -> bytes:
    return Masker(environ, names).mask(text)


@pytest.mark.parametrize(
    "name", ["API_TOKEN", "TOKENS", "MySecret", "DB_PASSWORD", "SSH_KEY_2", "npm_authtoken"]
)
def test_values_of_variables_that_are_named_so_are_masked(name: str) -> None:
    assert masked(b"a s3cr3t-Value/42 b", **{name: SECRET}) == b"a *** b"


@pytest.mark.parametrize("name", ["HOME", "TOK", "PASSPHRASE"])
def test_other_values_are_not(name: str) -> None:
    assert masked(b"a s3cr3t-Value/42 b", **{name: SECRET}) == b"a s3cr3t-Value/42 b"


def test_nothing_shorter_than_six_characters_is_masked() -> None:
    assert masked(b"abcde abcdef", A_KEY="abcde") == b"abcde abcdef"
    assert masked(b"abcde abcdef", A_KEY="abcdef") == b"abcde ***"


@pytest.mark.parametrize(
    ("names", "plain"),
    [("MY_*", False), ("!MINE*", True), ("=OTHER", True), ("=", True), ("mine_too", False)],
)
def test_which_variables_is_for_the_user_to_say(names: str, plain: bool) -> None:
    environ = {"MY_OWN": SECRET} if "MY" in names else {"MINE_TOO": SECRET}
    environ |= {"MINE_KEY": SECRET} if plain else {}
    assert (masked(SECRET.encode(), names, **environ) == SECRET.encode()) is plain


def test_a_value_of_several_lines_is_masked_line_by_line() -> None:
    key = "-----BEGIN KEY-----\nMIIBOgIBAAJB\nshort\n-----END KEY-----\n"
    text = b"x\r\n-----BEGIN KEY-----\r\nMIIBOgIBAAJB\r\nshort\r\n-----END KEY-----\r\n"
    assert masked(text, DEPLOY_KEY=key) == b"x\r\n***\r\n***\r\nshort\r\n***\r\n"


def test_a_secret_that_is_a_part_of_another_leaves_nothing_of_it() -> None:
    assert masked(b"secret-long secret", A_KEY="secret", B_KEY="secret-long") == b"*** ***"


def test_maskings_are_counted() -> None:
    masker = Masker({"A_KEY": SECRET})
    masker.mask(SECRET.encode() * 2 + b"\n" + base64.b64encode(SECRET.encode()))
    assert masker.count == 3


@given(
    secret=st.binary(min_size=6, max_size=40).filter(
        lambda text: not set(text) & set(b"\r\n \t\0\x0b\x0c\x1c\x1d\x1e\x85")
    ),
    before=st.binary(max_size=7),
    after=st.binary(max_size=7),
    urlsafe=st.booleans(),
)
def test_base64_of_a_text_with_a_secret_shows_nothing_of_it(
    secret: bytes, before: bytes, after: bytes, urlsafe: bool
) -> None:
    masker = Masker({"A_KEY": secret.decode("utf-8", "surrogateescape")})
    encode = base64.urlsafe_b64encode if urlsafe else base64.b64encode
    found = masker.mask(encode(before + secret + after))
    # The characters that it shares with its neighbours are left of it.
    left = len(found.replace(b"***", b"").rstrip(b"="))
    assert b"***" in found
    assert left <= -(-len(before) * 4 // 3) + -(-len(after) * 4 // 3) + 4


def test_base64_that_is_wrapped_is_found_too() -> None:
    secret = bytes(random.Random(3).randrange(33, 127) for _ in range(300))
    masker = Masker({"A_KEY": secret.decode()})
    text = base64.encodebytes(b"user:" + secret + b" and more")
    left = masker.mask(text).split(b"\n")
    assert left[:-1].count(b"***") >= 5
    assert b"".join(left).count(b"***") == masker.count
    assert masker.mask(b"bm90aGluZyBvZiBhIHNlY3JldCBoZXJlIGF0IGFsbCwgcmVhbGx5\n").startswith(b"bm90")


@pytest.mark.parametrize(
    ("part", "kept"),
    [
        (b"nothing", 0),
        (b"x s3cr", 4),
        (b"x s3cr3t-Value/4", 14),
        (b"s", 1),
        (b"s3cr3t-Value/42", 0),
        (b"czNj", 4),
    ],
)
def test_what_may_begin_a_secret_is_held_back(part: bytes, kept: int) -> None:
    assert Masker({"A_KEY": SECRET}).held(part) == kept


def test_holding_back_cuts_no_secret_in_two() -> None:
    masker = Masker({"A_KEY": "abcabc", "B_KEY": "abcabcdef"}, None)
    assert masker.held(b"x abcabc") == 6
    assert Masker({"A_KEY": "abcabc"}).held(b"x abcabc") == 6
    assert Masker({"A_KEY": "xyzabc", "B_KEY": "abcdef"}).held(b"xyzabcd") == 7


def test_holding_back_looks_at_few_places_and_finds_the_same() -> None:
    chance = random.Random(5)
    for _ in range(300):
        values = ["".join(chance.choices("abc", k=chance.randint(6, 12))) for _ in range(3)]
        masker = Masker({f"KEY{n}": value for n, value in enumerate(values)})
        part = "".join([*chance.choices("abc", k=9), chance.choice(values)[: chance.randint(0, 12)]]).encode()
        quick = masker.held(part)
        masker._heads = {part[place : place + 4] for place in range(len(part))}  # every place is looked at
        assert masker.held(part) == quick


def test_secrets_that_overlap_leave_nothing_of_each_other() -> None:
    masker = Masker({"A_TOKEN": "AAAABBBBCCCC", "B_TOKEN": "CCCCDDDDEEEE", "C_TOKEN": "xyxyxy"})
    assert masker.mask(b"1 AAAABBBBCCCCDDDDEEEE 2 xyxyxyxy 3") == b"1 *** 2 *** 3"
    assert masker.count == 2

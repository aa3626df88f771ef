"""Log bytes into lines: ends, progress bars, what is cut, and that no way of cutting a body up matters."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chef.domain.lines import (
    Line,
    PlainLines,
    StreamState,
    attach,
    in_parts,
    raw_bytes,
    replacing,
)
from chef.domain.segments import PlainSegments, Segment, Segmenter, body_bytes, segment_text, skip

NO_LIMIT = 10**6


def segments_of(*pieces: bytes, limit: int = NO_LIMIT) -> list[Segment]:
    segmenter = Segmenter(limit)
    found = [segment for piece in pieces for segment in segmenter.feed(piece)]
    return found + segmenter.finish()


def after_bodies(*bodies: bytes) -> tuple[list[Line], StreamState]:
    """All lines of some bodies of one stream, one after the other."""
    lines: list[Line] = []
    state = StreamState()
    for body in bodies:
        more, state = attach(state, segments_of(body), 1 + sum(not line.replaces for line in lines))
        lines += more
    return lines, state


def shown(*bodies: bytes) -> list[bytes]:
    """The log as it stands: what was replaced is gone."""
    lines: list[bytes] = []
    for line in after_bodies(*bodies)[0]:
        if line.replaces:
            lines.pop()
        lines.append(line.text)
    return lines


def raw(lines: Iterable[Line], state: StreamState) -> bytes:
    return b"".join(line.raw for line in lines) + state.pending


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        (b"", []),
        (b"one\ntwo\n", [b"one", b"two"]),
        (b"one\r\ntwo\r\n", [b"one", b"two"]),
        (b"one\ntwo", [b"one", b"two"]),
        (b"one\n\n\ntwo\n", [b"one", b"", b"", b"two"]),
        (b"\n", [b""]),
        (b"\r\n\r\n", [b"", b""]),
        (b"one\r\r\ntwo\n", [b"one", b"two"]),
        (b"\rone\n", [b"one"]),
        (b"one\n\r\rtwo\n", [b"one", b"two"]),
        (b"\x00\x07\xff\xfe\x0b\x0c\x1b[0m\x85\n", [b"\x00\x07\xff\xfe\x0b\x0c\x1b[0m\x85"]),
    ],
)
def test_a_body_is_these_lines(body: bytes, lines: list[bytes]) -> None:
    assert shown(body) == lines


def test_a_progress_bar_is_one_line_that_is_replaced() -> None:
    lines, state = after_bodies(b"start\n10%\r20%\r30%\ndone\n")
    assert [(line.text, line.replaces) for line in lines] == [
        (b"start", False),
        (b"10%", False),
        (b"20%", True),
        (b"30%", True),
        (b"done", False),
    ]
    assert state.line == 3


def test_a_progress_bar_goes_on_in_the_next_body() -> None:
    assert shown(b"10%\r", b"20%\r", b"30%\nnext\n") == [b"30%", b"next"]


def test_a_carriage_return_and_a_newline_in_two_pieces_are_one_line_end() -> None:
    segments = segments_of(b"one\r", b"\ntwo\r", b"\n")
    lines, state = attach(StreamState(), segments, 1)
    assert [(line.text, line.replaces) for line in lines] == [(b"one", False), (b"two", False)]
    assert state.tail == "closed"


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_newline_at_the_start_of_the_next_body_belongs_to_the_open_line(end: bytes) -> None:
    assert shown(b"one", end + b"two\n") == [b"one", b"two"]
    assert shown(b"one\n", end + b"two\n") == [b"one", b"", b"two"]


def test_only_the_first_newline_after_an_open_line_belongs_to_it() -> None:
    assert shown(b"one", b"\n\ntwo") == [b"one", b"", b"two"]


def test_what_follows_an_open_line_continues_it_under_its_number() -> None:
    lines, state = after_bodies(b"before\none", b" two", b" three\nfour")
    shown_so_far = [(line.text, line.replaces, line.number) for line in lines]
    assert shown_so_far == [
        (b"before", False, 0),
        (b"one", False, 0),
        (b"one two", True, 0),
        (b"one two three", True, 0),
        (b"four", False, 0),
    ]
    assert raw(lines, state) == b"before\none two three\nfour"


def test_an_open_line_that_grows_beyond_the_limit_says_how_much_is_cut() -> None:
    state, lines = StreamState(), list[Line]()
    for body in (b"a" * 8, b"b" * 8, b"c" * 8 + b"\n"):
        more, state = attach(state, segments_of(body, limit=10), 1, 10)
        lines += more
    assert [line.text for line in lines] == [
        b"a" * 8,
        b"a" * 8 + b"bb" + "… [cut: 6 bytes]".encode(),
        b"a" * 8 + b"bb" + "… [cut: 14 bytes]".encode(),
    ]


def test_an_open_line_is_replaced_after_a_carriage_return() -> None:
    assert shown(b"10%", b"\r20%\n") == [b"20%"]


def test_offset_counts_every_byte() -> None:
    assert after_bodies(b"one\r\n", b"\r", b"two", b"\n")[1].offset == 10


def test_what_is_pending_is_bounded() -> None:
    assert len(after_bodies(b"\r" * 100_000)[1].pending) == 4096


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("x" * 10, "x" * 10),
        ("x" * 11, "x" * 10 + "… [cut: 1 bytes]"),
        ("x" * 9 + "é", "x" * 9 + "… [cut: 2 bytes]"),
        ("x" * 8 + "é", "x" * 8 + "é"),
        ("x" * 8 + "€!", "x" * 8 + "… [cut: 4 bytes]"),
        ("x" * 7 + "🎂", "x" * 7 + "… [cut: 4 bytes]"),
        ("x" * 6 + "🎂!", "x" * 6 + "🎂" + "… [cut: 1 bytes]"),
    ],
)
def test_a_line_over_the_limit_is_cut_at_a_character_border(text: str, kept: str) -> None:
    (segment,) = segments_of(text.encode() + b"\n", limit=10)
    assert segment[:3] == (kept.encode(), b"\n", len(text.encode()) + 1)


def test_the_cut_names_all_bytes_that_are_missing_however_they_came() -> None:
    (segment,) = segments_of(*[b"x" * 1000] * 50, b"\r\n", limit=10)
    assert segment[:3] == (b"x" * 10 + "… [cut: 49990 bytes]".encode(), b"\r\n", 50_002)


def test_bytes_that_are_no_utf8_are_cut_near_the_limit() -> None:
    (segment,) = segments_of(b"\x80" * 100, limit=10)
    assert segment.text == b"\x80" * 6 + "… [cut: 94 bytes]".encode()


def test_a_segmenter_holds_no_more_than_a_line_of_the_limit() -> None:
    segmenter = Segmenter(10)
    for _ in range(100):
        assert segmenter.feed(b"x" * 1000) == []
    assert len(segmenter._kept) < 20
    assert segmenter.held == 100_000


@pytest.mark.parametrize(
    ("message", "lines"),
    [
        ("one", [b"one"]),
        ("one\n", [b"one"]),
        ("one\ntwo", [b"one", b"two"]),
        ("", [b""]),
        ("one\n\n", [b"one", b""]),
        ("50%\r", [b"50%"]),
        ("naïve", ["naïve".encode()]),
    ],
)
def test_a_message_is_these_whole_lines(message: str, lines: list[bytes]) -> None:
    segments = segment_text(message, NO_LIMIT)
    assert [segment.text for segment in segments] == lines
    assert all(segment.end for segment in segments)


bodies = st.lists(
    st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b"bc", b"\xc3\xa9", b"\xff", b"\x00"]), max_size=12
).map(b"".join)
tails = st.sampled_from([StreamState(), StreamState(3, 1, "cr"), StreamState(3, 1, "open", b"")])


def cut_up(body: bytes, cuts: list[int]) -> list[bytes]:
    borders = sorted({0, len(body), *(cut % (len(body) + 1) for cut in cuts)})
    return [body[start:end] for start, end in pairwise(borders)]


@settings(deadline=None)
@given(bodies, st.lists(st.integers(0, 30)), st.integers(1, 30), tails)
def test_how_a_body_is_cut_into_pieces_does_not_matter(
    body: bytes, cuts: list[int], limit: int, state: StreamState
) -> None:
    def lines_and_state(pieces: list[bytes]) -> tuple[list[tuple[bytes, bool]], bytes, StreamState]:
        lines, after = attach(state, segments_of(*pieces, limit=limit), 2)
        ends = raw(lines, after)
        return (
            [(line.text, line.replaces) for line in lines],
            ends,
            StreamState(after.offset, after.line, after.tail),
        )

    assert lines_and_state(cut_up(body, cuts)) == lines_and_state([body])


@settings(deadline=None)
@given(st.lists(bodies, max_size=4))
def test_no_byte_is_lost_or_added(parts: list[bytes]) -> None:
    lines, state = after_bodies(*parts)
    assert raw(lines, state) == b"".join(parts)
    assert state.offset == len(b"".join(parts))


@settings(deadline=None)
@given(bodies, st.integers(0, 30), tails)
def test_skipping_what_is_stored_already_is_the_same_as_sending_the_rest(
    body: bytes, count: int, state: StreamState
) -> None:
    lines, after = attach(state, skip(segments_of(body), count), 2)
    expected, expected_after = attach(state, segments_of(body[count:]), 2)
    assert [(line.text, line.replaces) for line in lines] == [(line.text, line.replaces) for line in expected]
    assert raw(lines, after) == raw(expected, expected_after)
    assert (after.offset, after.line, after.tail) == (
        expected_after.offset,
        expected_after.line,
        expected_after.tail,
    )


@settings(deadline=None)
@given(bodies, st.integers(0, 30), st.integers(0, 30))
def test_a_body_sent_again_from_an_earlier_offset_stores_nothing_twice(
    body: bytes, stored: int, back: int
) -> None:
    """The stored part may end anywhere, also within a line and within its end."""
    stored = min(stored, len(body))
    start = max(0, stored - back)
    lines, state = after_bodies(body[:stored])
    more, state = attach(state, skip(segments_of(body[start:]), stored - start), 100)
    assert raw([*lines, *more], state) == body


plain_bodies = st.lists(st.sampled_from([b"\n", b"a", b"bcd", b"\xff", b"\n\n"]), max_size=12).map(b"".join)


@settings(deadline=None)
@given(plain_bodies | bodies, st.lists(st.integers(0, 30)), st.integers(1, 30), tails)
def test_the_quick_way_for_plain_lines_gives_what_the_whole_way_gives(
    body: bytes, cuts: list[int], limit: int, state: StreamState
) -> None:
    quick, whole = Segmenter(limit), Segmenter(limit)
    for part in cut_up(body, cuts):
        segments = quick.feed(part)
        assert segments == whole._feed_any(part)
        assert all(type(segment) is Segment for segment in segments)
        assert body_bytes(segments) == sum(segment.size for segment in segments)
        assert attach(state, segments, 2) == attach(state, list(segments), 2)
    assert quick.finish() == whole.finish()


def test_plain_lines_stay_one_text_also_where_a_piece_begins_within_a_line() -> None:
    segmenter = Segmenter(10)
    assert segmenter.feed(b"be") == []
    segments = segmenter.feed(b"gun\ntwo\nthr")
    lines, _ = attach(StreamState(), segments, 1)
    assert isinstance(segments, PlainSegments)
    assert isinstance(lines, PlainLines)
    assert (segments.data, lines.data) == (b"begun\ntwo\n", b"begun\ntwo\n")
    assert segmenter.finish() == [Segment(b"thr", b"", 3)]


@settings(deadline=None)
@given(st.lists(st.sampled_from([b"", b"a", b"bcd", b"\xff"]), min_size=1, max_size=12), st.integers(1, 5))
def test_plain_lines_are_the_lines_that_they_stand_for(texts: list[bytes], most: int) -> None:
    plain = PlainLines(b"".join(text + b"\n" for text in texts))
    lines = tuple(Line(text, b"\n", False, b"") for text in texts)
    assert plain == lines
    assert (len(plain), hash(plain)) == (len(lines), hash(lines))
    assert list(reversed(plain)) == list(reversed(lines))
    assert (plain[-1], plain[1:]) == (lines[-1], lines[1:])
    assert (raw_bytes(plain), replacing(plain)) == (raw_bytes(lines), replacing(lines))
    assert list(in_parts(plain, most)) == in_parts(lines, most)
    assert plain != PlainLines(plain.data + b"\n")

"""A stream that moves the cursor: its lines are what a terminal shows, held against pyte's screen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chef.domain.lines import Line, StreamState, attach, needs_recent
from chef.domain.segments import Segmenter
from chef.domain.terminal import MOST_ROWS, TerminalState, draw, moves_cursor
from chef.domain.terminal.frames import without_superseded
from tests.tools.terminals import pieces_of, screen_of_pyte, without_colours

COLUMNS = 300


class Log:
    """A stream's log, as it grows: each line as it stands now, by its number."""

    def __init__(self) -> None:
        self.lines: dict[int, str] = {}
        self.events: list[tuple[int, bool, str]] = []
        self.raw = b""
        self._terminal = TerminalState()

    def add(self, data: bytes) -> None:
        self._terminal, rows = draw(self._terminal, data, len(self.lines) + 1)
        for number, replaces, text in rows:
            assert replaces == (number in self.lines)
            assert replaces or number == len(self.lines) + 1
            self.lines[number] = text
            self.events.append((number, replaces, text))

    @property
    def texts(self) -> list[str]:
        return [text for _, text in sorted(self.lines.items())]


def drawn(*pieces: bytes) -> list[str]:
    log = Log()
    for piece in pieces:
        log.add(piece)
    return log.texts


def seen(texts: Iterable[str]) -> list[str]:
    """What a person sees of some lines: no colours, no blanks at an end."""
    rows = [without_colours(text).expandtabs(8).rstrip() for text in texts]
    while rows and not rows[-1]:
        rows.pop()
    return rows


@pytest.mark.parametrize(
    ("output", "lines"),
    [
        (b"10%\x08\x08\x0820%\n", ["20%"]),
        (b"abc\x1b[1G\x1b[0Kx\x1b[1G\x1b[0Ky\n", ["y"]),
        (b"abcdef\x1b[3D\x1b[K\n", ["abc"]),
        (b"abcdef\x1b[3D\x1b[2P\n", ["abcf"]),
        (b"abcdef\x1b[3D\x1b[2@\n", ["abc  def"]),
        (b"abcdef\x1b[1G\x1b[3X\n", ["   def"]),
        (b"ab\x1b[3Ccd\n", ["ab   cd"]),
        (b"\ta\r\x1b[P\n", ["       a"]),
        (b"a\tb\r\x1b[P\n", ["       b"]),
        (b"\ta\r\x1b[2C\x1b[@b\n", ["  b      a"]),
        (b"one\ntwo\nthree\n\x1b[2A\x1b[2KTWO\n", ["one", "TWO", "three"]),
        (b"one\ntwo\n\x1b[2FONE\x1b[2Eend\n", ["ONE", "two", "end"]),
        (b"one\ntwo\n\x1bMTWO\n", ["one", "TWO"]),
        (b"one\x1b7two\x1b8TWO\n", ["oneTWO"]),
        (b"one\x1b[stwo\x1b[uTWO\n", ["oneTWO"]),
        (b"one\n\x1b[?1049hall of it\nis elsewhere\x1b[?1049ltwo\n\x08", ["one", "two"]),
        (b"\x1b(0lqk\x1b(B\x08!\n", ["┌─!"]),
        (b"\x1b]0;a title\x07one\x1b[?25l\x1b[J\n", ["one"]),
        (b"one\x1bPany string\x1b\\ two\x1b[J\n", ["one two"]),
        ("日本\x1b[2Dx\n".encode(), ["日x"]),
        ("e\u0301x\x08y\n".encode(), ["e\u0301y"]),
    ],
)
def test_a_line_is_what_a_terminal_shows_of_it(output: bytes, lines: list[str]) -> None:
    assert moves_cursor(output)
    assert drawn(output) == lines
    assert drawn(*(output[place : place + 1] for place in range(len(output)))) == lines


def test_colours_stay_with_the_text_that_they_were_written_with() -> None:
    assert drawn(b"\x1b[31mred\x1b[0m plain\x1b[3D\x1b[1;38;5;9mbold\x1b[0m\n") == [
        "\x1b[31mred\x1b[0m pl\x1b[1;38;5;9mbold\x1b[0m"
    ]


def test_links_to_the_web_stay_and_no_others() -> None:
    link = "\x1b]8;;https://example.com/a\x1b\\here\x1b]8;;\x1b\\"
    assert drawn(b"see \x1b]8;id=1;https://example.com/a\x07here\x1b]8;;\x07\x1b[K\n") == [f"see {link}"]
    assert drawn(b"see \x1b]8;;file:///etc\x07here\x1b]8;;\x07\x1b[K\n") == ["see here"]


erasures = st.sampled_from(
    [
        *(b"\x1b[2K%b\r\n", b"\r\x1b[2K%b\n", b"%b\x1b[K\n", b"%b\x1b[K\r\n"),
        *(b"%b\n", b"\r\x1b[2K%b\r\n"),
    ]
)
words = st.sampled_from(
    [
        b"",
        b"a",
        *[b"\x1b[31mred\x1b[0m", b"long \x1b[0mtext"] * 3,
        b"\x1b[1mbold",
        b"\x1b[0mplain",
        b"\x1b]0;t\x07x",
    ]
)


@st.composite
def frames_of_one_display(draw_: st.DrawFn) -> list[bytes]:
    """Frames that nearly all have the same height and go up by it."""
    erasure = draw_(erasures)
    height = draw_(st.integers(1, 3))
    frames = []
    for _ in range(draw_(st.sampled_from([0, 2, 5, 6, 7, 8]))):
        rows = draw_(st.lists(words, min_size=height, max_size=height))
        up = draw_(st.sampled_from([height] * 20 + [height - 1, height + 1]))
        frames.append(b"".join(erasure % word for word in rows) + b"\x1b[%dA" % up)
    return frames


@settings(deadline=None)
@given(frames_of_one_display(), st.sampled_from([b"", b"first\nsecond\n", b"begun", b"\x1b[1mbold\n"]))
def test_frames_that_come_together_leave_what_they_leave_one_by_one(
    frames: list[bytes], before: bytes
) -> None:
    together, apart = drawn(before + b"".join(frames) + b"end"), drawn(before, *frames, b"end")
    # A row that was erased is a line only where it had been one.
    assert "\n".join(together).rstrip("\n") == "\n".join(apart).rstrip("\n")


def test_of_frames_that_come_together_one_is_shown() -> None:
    frame = b"\x1b[2K\x1b[32mone\x1b[0m %d\r\n\x1b[2Ktwo %d\r\n"
    output = b"\x1b[2A".join(frame % (number, number) for number in range(1000))
    assert len(without_superseded(output)) < 6 * len(frame)
    assert seen(drawn(output)) == ["one 999", "two 999"]


def test_a_row_that_was_redrawn_is_sent_again_under_its_number_and_no_other() -> None:
    log = Log()
    log.add(b"one\ntwo\nthree\n")
    log.add(b"\x1b[2A\x1b[2Ktwo again\n\n")
    log.add(b"\x1b[2A\x1b[2Ktwo again\n\n")
    log.add(b"four")
    assert log.events == [
        (1, False, "one"),
        (2, False, "two"),
        (3, False, "three"),
        (2, True, "two again"),
        (4, False, "four"),
    ]


def test_a_line_that_was_erased_stays_as_an_empty_one() -> None:
    assert drawn(b"one\ntwo\nthree\n", b"\x1b[3A\x1b[Jall\n") == ["all", "", ""]
    assert drawn(b"one\ntwo\nthree\n\x1b[3A\x1b[Jall\n") == ["all"]


def test_what_a_carriage_return_alone_does_needs_no_screen() -> None:
    assert not moves_cursor(
        b"10%\r\x1b[K20%\r\x1b[2K30%\x1b[K\r40%\x1b[2K\r\x1b[01;31m\x1b[Kerror\x1b[m\x1b[K\n"
    )
    assert moves_cursor(b"10%\x1b[2Kx\n")


def test_a_marker_that_its_name_writes_over_is_told_first() -> None:
    log = Log()
    log.add(b"\x1b[1A\nsection_start:1:build\r\x1b[0Kbuilding\n")
    assert log.events == [(1, False, ""), (2, False, "section_start:1:build"), (2, True, "building")]


def test_a_tab_stays_a_tab_until_it_is_written_over() -> None:
    assert drawn(b"\x08a\tb\n") == ["a\tb"]
    assert drawn(b"a\tb\n", b"\x1b[1A\x1b[9Cc\n") == ["a\tbc"]
    assert drawn(b"a\tb\n", b"\x1b[1A\x1b[3Cc\n") == ["a  c    b"]


def test_only_the_newest_rows_can_change() -> None:
    log = Log()
    log.add(b"".join(b"%d\n" % number for number in range(1, 301)))
    log.add(b"\x1b[999A\x1b[2Kup here")
    changed = [number for number, replaces, _ in log.events if replaces]
    assert changed == [300 - MOST_ROWS + 2]  # The row of the cursor is one of them.


def test_a_bar_below_the_lines_that_scroll_is_no_line() -> None:
    bar = b"\x1b7\x1b[24;1f Progress: [ 10%]\x1b8"
    output = b"\x1b[1;23r" + bar + b"one\n" + bar + b"two\n" + b"\x1b[1;24r"
    assert drawn(output) == ["one", "two"]
    assert drawn(*pieces_of(output, range(len(output)))) == ["one", "two"]


def test_what_comes_after_the_bars_below_is_in_the_log() -> None:
    bars = b"\x1b[23;1H\r\x1b[Kbuild 10%\x1b[22;1H\x1b[24;1H\r\x1b[Ktest 10%\x1b[22;1H"
    output = b"one\n\x1b[1;22r" + bars + b"two\n" + bars + b"three\n\x1b[1;24r\x1b[25;1H\r\nfour\n"
    for texts in (drawn(output), drawn(*pieces_of(output, range(len(output))))):
        assert [text for text in texts if text] == ["one", "two", "three", "four"]


def test_a_screen_that_is_cleared_begins_in_the_row_that_has_nothing_yet() -> None:
    lines, _ = joined([b"before\n\x1b]0;a", b" title\x07\x1b[2J\x1b[Hrow\n"])
    assert [(line.text, line.replaces) for line in lines] == [
        (b"before", False),
        (b"", False),
        (b"row", True),
    ]


def test_what_stood_before_a_screen_was_cleared_stays_and_later_screens_take_one_place() -> None:
    frame = b"\x1b[2J\x1b[H%d\nrow\n"
    assert drawn(b"before\n" + frame % 1, frame % 2, frame % 3) == ["before", "3", "row"]


def test_rows_that_are_filled_up_to_the_margin_take_no_line_of_what_stood_before() -> None:
    back = b"\x1b[1A\r\x1b[2K\x1b[1B\r\x1b[2K\x1b[1A"
    frames = [b"a %d%%".ljust(61) % percent + b"b %d%%".ljust(61) % percent for percent in (10, 20, 30)]
    output = b"before\n" + back.join(frames) + b"\r\nafter" + b"!" * 100 + b"\n"
    lines = ["before", "a 30%", "b 30%", "after" + "!" * 100]
    assert drawn(output) == lines
    assert drawn(*pieces_of(output, range(len(output)))) == lines


@pytest.mark.parametrize("text", [b"x" * 120, b"x".ljust(59) + b"y", b"x\x1b[119C"])
def test_a_long_row_that_nobody_filled_up_is_one(text: bytes) -> None:
    assert drawn(b"one\ntwo\n" + text + b"\x1b[1A\r\x1b[2KTWO\n\n")[:2] == ["one", "TWO"]


def test_a_sequence_that_never_ends_is_not_waited_for_for_ever() -> None:
    texts = drawn(b"one\x1b]0;", *[b"x" * 1000] * 10, b"\ntwo\x1b[K\n")
    assert texts[-1] == "two"
    assert sum(map(len, texts)) < 12_000


small = st.integers(0, 5)
controls = st.sampled_from(
    [
        *(b"\n", b"\r\n", b"\r", b"\b", b"\t", "é".encode()),
        *(b"\x1b[K", b"\x1b[1K", b"\x1b[2K", b"\x1b[J", b"\x1b[31m", b"\x1b[0m"),
        *(b"\x1b]0;title\x07", b"\x1b[?25l", b"\x1b[?2026h"),
    ]
)
sequences = st.tuples(small, st.sampled_from("ABCDEFGXP@")).map(
    lambda one: f"\x1b[{one[0] or ''}{one[1]}".encode()
)
outputs = st.lists(
    st.one_of(st.text("abc xyz", min_size=1, max_size=8).map(str.encode), controls, sequences), max_size=25
).filter(lambda parts: sum(part in (b"\n", b"\r\n") for part in parts) < 18)


@settings(deadline=None)
@given(outputs, st.lists(st.integers(0, 150), max_size=4))
def test_whatever_comes_and_however_it_is_cut_the_lines_are_those_of_pyte(
    parts: list[bytes], cuts: list[int]
) -> None:
    output = b"".join(parts)
    assert seen(drawn(*pieces_of(output, cuts))) == screen_of_pyte(output, COLUMNS)


def joined(pieces: Sequence[bytes], limit: int = 1000) -> tuple[list[Line], StreamState]:
    """A stream's lines as they are stored, from pieces that were cut into segments."""
    state, lines = StreamState(), list[Line]()
    numbers: dict[int, str] = {}
    segmenter = Segmenter(limit)
    for piece in pieces:
        segments = segmenter.feed(piece)
        if rest := segmenter.finish():
            segments = [*segments, *rest]
        recent = list(numbers.items())[-MOST_ROWS:] if needs_recent(state, segments) else ()
        more, state = attach(state, segments, len(numbers) + 1, limit, recent)
        newest = state.line
        for line in more:
            number = line.number or (newest if line.replaces else len(numbers) + 1)
            numbers[number] = line.text.decode(errors="replace")
        lines += more
    return lines, state


@settings(deadline=None)
@given(outputs, st.lists(st.integers(0, 150), max_size=4))
def test_the_bytes_that_came_are_all_there(parts: list[bytes], cuts: list[int]) -> None:
    output = b"".join(parts)
    lines, state = joined(pieces_of(output, cuts))
    assert b"".join(line.raw for line in lines) + state.pending == output
    assert state.offset == len(output)
    assert state.tally is not None
    assert state.tally.lines == output.count(b"\n") + (bool(output) and not output.endswith(b"\n"))


def test_a_screen_begins_with_the_lines_that_came_before_it() -> None:
    lines, _ = joined([b"one\ntwo\nthr", b"ee\n", b"\x1b[2A\x1b[2KTWO\n"])
    assert [(line.text, line.replaces, line.number) for line in lines] == [
        (b"one", False, 0),
        (b"two", False, 0),
        (b"thr", False, 0),
        (b"three", True, 0),
        (b"TWO", True, 2),
    ]


@pytest.mark.parametrize("cut", range(1, 4))
def test_a_sequence_that_is_cut_by_the_end_of_a_piece_moves_the_cursor_and_is_no_text(cut: int) -> None:
    up = b"\x1b[1A"
    lines, _ = joined([b"one\ntwo\n" + up[:cut], up[cut:] + b"\x1b[2KTWO\n"])
    assert [(line.text, line.replaces, line.number) for line in lines[2:]] == [
        (b"", False, 0),
        (b"TWO", True, 2),
    ]


def test_after_many_plain_lines_there_is_no_screen() -> None:
    plain = b"".join(b"line %d\n" % number for number in range(MOST_ROWS))
    _, state = joined([b"\x1b[Jone\n", plain])
    assert state.terminal is None
    _, state = joined([b"\x1b[Jone\n", b"\x1b[31m" + plain])
    assert state.terminal is None
    _, state = joined([b"\x1b[Jone\x1b[31m", b"\n" + plain])
    assert state.terminal is not None  # It is red, and who goes on must know.


def test_frames_that_never_end_their_line_are_not_too_long_for_one() -> None:
    lines, _ = joined([b"".join(b"\x1b[1G\x1b[0K%d" % number for number in range(1000)) + b"\n"], limit=50)
    assert lines[-1].text == b"999"


def test_a_row_beyond_the_limit_is_cut() -> None:
    lines, _ = joined([b"\x1b[J" + b"x" * 10, b"x" * 20 + b"\n"], limit=20)
    lines = lines[1:]
    assert lines[0].text == b"x" * 20 + "… [cut: 10 bytes]".encode()


def test_output_that_shows_nothing_is_kept_and_does_not_wait_for_ever() -> None:
    lines, state = joined([b"\x1b[?25l\x1b[J" * 10] * 100)
    assert sum(len(line.raw) for line in lines) + len(state.pending) == 9 * 10 * 100
    assert len(state.pending) <= 4096
    assert {line.text for line in lines} == {b""}

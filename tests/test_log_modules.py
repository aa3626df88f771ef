"""The pure modules behind the log, run by Node: which lines are shown, what is drawn of a line."""

from __future__ import annotations

import re
from typing import Any

import pytest

from chef.domain.text import clean_text, drawn_text
from tests.tools.modules import run
from tests.tools.serving import ROOT

PIECES = """
import { needleFor, piecesOf } from "chef/log-text.js";
const answer = (sent) => sent.map(([message, needle]) => piecesOf(message, needleFor(needle)));
"""


def pieces(message: str, needle: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = run(PIECES, [[message, needle]])[0]
    return found


def texts(message: str) -> list[tuple[str, bool]]:
    """The texts that are drawn of a line, and whether each is drawn in a style."""
    return [(piece["text"], piece["style"] is not None) for piece in pieces(message)]


@pytest.mark.parametrize(
    ("message", "drawn"),
    [
        ("plain", [("plain", False)]),
        ("", []),
        ("\x1b[31mred\x1b[0mplain", [("red", True), ("plain", False)]),
        # An empty sequence resets, in whatever order codes stand, and a reset may be the last of them.
        ("\x1b[1;31mred\x1b[mplain", [("red", True), ("plain", False)]),
        ("\x1b[31;0mplain", [("plain", False)]),
        ("\x1b[0;31mred", [("red", True)]),
        ("\x1b[38:2::255:0:0mred\x1b[39mplain", [("red", True), ("plain", False)]),
        ("\x1b[38:5:9mred\x1b[58;5;1;39mplain", [("red", True), ("plain", False)]),
        ("\x1b[38;5;999mplain\x1b[38;2;1mplain", [("plainplain", False)]),
        ("\x1b[4:3mcurly\x1b[4:0mplain", [("curly", True), ("plain", False)]),
        ("\x9b32mgreen\x9b0m", [("green", True)]),
        # A sequence that hides text does nothing: a log is there to be read.
        ("\x1b[8mshown", [("shown", False)]),
        ("\x1b[2J\x1b[10;10H\x1b[?25l\x1b(B\x1b=plain\x1b[K", [("plain", False)]),
        ("\x1b]8;;ftp://x.example\x1b\\link\x1b]8;;\x07 \x1bPdcs\x1b\\end", [("link end", False)]),
        ("\x9d0;title\x9cplain \x90never ended", [("plain never ended", False)]),
        ("nul\x00bell\x07tab\tend", [("nulbelltab\tend", False)]),
        ("\x1b[31mno m at the end \x1b[3", [("no m at the end 3", True)]),
    ],
)
def test_only_colours_are_drawn(message: str, drawn: list[tuple[str, bool]]) -> None:
    assert texts(message) == drawn


def test_found_text_and_links_are_cut_out_across_colours() -> None:
    found = pieces("go \x1b[31mto http://x.exa\x1b[32mmple/ERR\x1b[0mor now", "error")
    assert "".join(piece["text"] for piece in found) == "go to http://x.example/ERRor now"
    assert "".join(piece["text"] for piece in found if piece["isFound"]) == "ERRor"
    link = [piece for piece in found if piece["href"]]
    assert {piece["href"] for piece in link} == {"http://x.example/ERRor"}
    assert "".join(piece["text"] for piece in link) == "http://x.example/ERRor"


@pytest.mark.parametrize(
    ("message", "links"),
    [
        ("\x1b]8;;https://x.example/a\x1b\\here\x1b]8;;\x1b\\ and on", [("here", "https://x.example/a")]),
        ("see \x1b]8;id=1;http://x.example\x07 a \x1b[1mb\x1b[m\x1b]8;;\x07", [(" a b", "http://x.example")]),
        # The next one begins, or the line ends.
        (
            "\x1b]8;;https://x.example/1\x07one\x1b]8;;https://x.example/2\x07two",
            [("one", "https://x.example/1"), ("two", "https://x.example/2")],
        ),
        # An address that is a link's text leads where the link leads, and others lead where they say.
        (
            "\x1b]8;;https://x.example\x07https://y.example\x1b]8;;\x07 https://z.example.",
            [("https://y.example", "https://x.example"), ("https://z.example", "https://z.example")],
        ),
        ("\x1b]8;;javascript:alert(1)\x07here\x1b]8;;\x07", []),
        ("\x1b]8;;file:///etc/passwd\x07here\x1b]8;;\x07", []),
        ("\x1b]8;;https://\x07here\x1b]8;;\x07", []),
        ("\x1b]8;;https://x.example\x07\x1b]8;;\x07nothing", []),
        # Within another sequence it is a part of that.
        ("\x1bP\x1b]8;;https://x.example\x07here", []),
    ],
)
def test_links_that_a_line_tells_of(message: str, links: list[tuple[str, str]]) -> None:
    found: list[tuple[str, str]] = []
    for piece in pieces(message, "e"):
        if piece["href"] is None:
            continue
        if found and found[-1][1] == piece["href"]:
            found[-1] = (found[-1][0] + piece["text"], piece["href"])
        else:
            found.append((piece["text"], piece["href"]))
    assert found == links
    drawn = drawn_text(message)
    assert pieces(drawn, "e") == pieces(message, "e")
    assert "".join(piece["text"] for piece in pieces(message)) == clean_text(message)


def test_what_is_searched_for_is_no_pattern() -> None:
    assert [piece["text"] for piece in pieces("a.b [x] (c)", ".b [x]") if piece["isFound"]] == [".b [x]"]


def test_rows_without_holes_over_lines_with_holes() -> None:
    script = """
    import { RowMap } from "chef/row-map.js";
    const answer = ({ ranges, total }) => {
      const map = new RowMap();
      map.hide(ranges);
      const numbers = Array.from({ length: map.rows(total) }, (_, row) => map.numberAt(row));
      const every = Array.from({ length: total }, (_, index) => index + 1);
      const rows = (some) => some.map((number) => map.rowOf(number));
      return [numbers, rows(numbers), rows(every), every.filter((number) => map.isHidden(number))];
    };
    """
    for ranges in ([], [[3, 5]], [[1, 2], [9, 10]], [[4, 6], [5, 8], [7, 7], [9, 9], [2, 1]]):
        hidden = {number for first, last in ranges for number in range(first, last + 1)}
        shown = [number for number in range(1, 11) if number not in hidden]
        numbers, rows, all_rows, told = run(script, {"ranges": ranges, "total": 10})
        assert numbers == shown
        assert rows == list(range(len(shown)))
        assert told == sorted(hidden)
        assert all_rows == [max(0, sum(one <= number for one in shown) - 1) for number in range(1, 11)]


LINES = """
import { LogLines } from "chef/log-lines.js";
const wait = () => new Promise((then) => setTimeout(then, 0));
const line = (number, message = `line ${number}`) => ({ line: number, message });
const reads = [];
const waiting = [];
const lines = new LogLines({
  read: async ({ after, before }) => {
    reads.push(after + 1);
    await new Promise((then) => waiting.push(then));
    const found = [];
    for (let number = after + 1; number < before && number <= 100_000; number++) {
      if (number < 500 || number > 600) found.push(line(number));
    }
    return { lines: found, total: 100_000, removed: { firstLine: 500, lastLine: 600 } };
  },
  changed: () => {},
  failed: () => {},
});
lines.total = 100_000;
"""


def test_lines_are_read_in_blocks_where_one_looks_and_live_ones_are_newer() -> None:
    script = f"""{LINES}
    const answer = async () => {{
      lines.want([450, 451, 620]);
      await wait();
      // It comes while the block is read, and is newer than what that answers.
      lines.put({{ ...line(451, "newer"), replace: true }});
      for (let turn = 0; turn < 6; turn++) {{ waiting.splice(0).forEach((then) => then()); await wait(); }}
      const [read, live] = [450, 451].map((number) => lines.get(number).message);
      return [reads, read, live, lines.get(550), lines.get(5) === undefined];
    }};"""
    reads, read, live, removed, unknown = run(script)
    assert reads == [401, 601]
    assert (read, live, removed, unknown) == ("line 450", "newer", None, True)


def test_lines_that_the_server_does_not_have_are_not_asked_for_again_and_again() -> None:
    script = f"""{LINES}
    const answer = async () => {{
      lines.total = 100_050;
      lines.want([100_040]);
      for (let turn = 0; turn < 20; turn++) {{ waiting.splice(0).forEach((then) => then()); await wait(); }}
      setTimeout(() => process.exit(), 50);
      return reads.length;
    }};"""
    assert run(script) == 1


def test_lines_are_forgotten_where_nobody_looks_any_more() -> None:
    script = f"""{LINES}
    const answer = () => {{
      for (let number = 1; number <= 100_000; number++) lines.put(line(number, "x".repeat(1_000)));
      const known = [];
      for (let number = 1; number <= 100_000; number++) if (lines.get(number)) known.push(number);
      return [known.length, known.at(-1)];
    }};"""
    known, last = run(script)
    assert last == 100_000
    assert 1_000 < known < 10_000


def test_the_grounds_that_colours_are_made_for_are_those_of_the_style() -> None:
    css = (ROOT / "static" / "chef.css").read_text("utf-8")
    module = (ROOT / "static" / "log-colors.js").read_text("utf-8")
    light, dark = re.findall(r"--panel: (#\w+);.*?--text: (#\w+);.*?--mark: (#\w+);", css, re.DOTALL)
    told = re.findall(r'panel: "(#\w+)", hard: "(#\w+)", text: "(#\w+)"', module)
    assert [(panel, text) for panel, _, text in told] == [light[:2], dark[:2]]
    assert told[1][1] == dark[2]


GEOMETRY = """
import { RowGeometry } from "chef/row-geometry.js";
const geometry = ({ heights, top, wraps = true }) => {
  const rows = new RowGeometry((row) => row + 1);
  [rows.rowHeight, rows.wraps, rows.count, rows.view, rows.top] = [20, wraps, heights.length, 100, top];
  heights.forEach((height, row) => rows.setHeight(row + 1, height));
  return rows;
};
"""


def test_rows_that_wrap_are_in_view_by_their_heights() -> None:
    heights = [20, 60, 20, 20, 200, 20, 20, 20]
    script = f"""{GEOMETRY}
    const answer = ({{ heights, tops }}) => tops.map((top) => {{
      const rows = geometry({{ heights, top }});
      return [rows.inView, heights.map((_, row) => row).filter((row) => rows.shows(row))];
    }});"""
    assert run(script, {"heights": heights, "tops": [0, 0.5, 1, 3, 4.5]}) == [
        [[0, 2], [0, 1, 2]],
        [[0, 3], [1, 2]],
        [[1, 3], [1, 2, 3]],
        # A row that is higher than the view counts as shown where it is the first.
        [[3, 4], [3]],
        [[4, 4], []],
    ]


def test_a_movement_by_pixels_can_be_taken_back() -> None:
    heights = [20, 60, 20, 20, 200, 20, 20, 20]
    script = f"""{GEOMETRY}
    const answer = (heights) => [10, 25, 79, 80, 150, 310].map((pixels) => {{
      const rows = geometry({{ heights, top: 0 }});
      rows.moveBy(pixels);
      const there = rows.top;
      rows.moveBy(-pixels);
      return [there, Math.round(rows.top * 1e9)];
    }});"""
    tops, back = zip(*run(script, heights), strict=True)
    above = [sum(heights[: int(top)]) + (top % 1) * heights[int(top)] for top in tops]
    assert [round(one) for one in above] == [10, 25, 79, 80, 150, 310]
    assert set(back) == {0}


def test_rows_of_one_height_have_the_place_of_the_scroll_bar_while_they_fit_into_an_element() -> None:
    script = """
    import { RowGeometry } from "chef/row-geometry.js";
    const answer = (counts) => counts.map((count) => {
      const rows = new RowGeometry((row) => row);
      [rows.count, rows.view] = [count, 500];
      return [rows.isExact, rows.wantedSpacerHeight, rows.lastTop];
    });
    """
    assert run(script, [10, 1_000, 750_000, 750_001]) == [
        [True, 200, 0],
        [True, 20_000, 975],
        [True, 15_000_000, 749_975],
        [False, 15_000_000, 749_976],
    ]

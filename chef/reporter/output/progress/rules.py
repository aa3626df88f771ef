"""Rows in which tools say how far they are: a table, of which the first row that fits decides.

Each pattern is of the beginning of a row, as `plain_row` makes it. A rule that reads nothing is of rows that
look like a whole and are none. Tools whose word is made of several rows are in `counters`.
"""

from __future__ import annotations

import functools
import re
from typing import Callable, Match, NamedTuple, Pattern

from chef.reporter.output.progress.reading import Reading, of_count, of_percent

ReadRow = Callable[["Match[bytes]"], "Reading | None"]


class RowRule(NamedTuple):
    """A tool's row: the characters that it begins with (none: any), its pattern, and what it says.

    `ended`: only a row that has ended, since its end tells.
    """

    tool: str
    starts: bytes
    pattern: bytes
    read: ReadRow
    ended: bool = False


def _text_in(found: Match[bytes]) -> str | None:
    """The group `text`, where a pattern has one."""
    text = found.groupdict().get("text")
    return text.decode("utf-8", "replace") if text else None


def _sides(found: Match[bytes]) -> tuple[int, int]:
    return int(found["done"].replace(b",", b"")), int(found["total"].replace(b",", b""))


def _counted(found: Match[bytes]) -> Reading | None:
    return of_count(*_sides(found), _text_in(found))


def _counted_of_more(found: Match[bytes]) -> Reading | None:
    return of_count(*_sides(found), _text_in(found), grows=True)


def _percent_of(found: Match[bytes]) -> Reading | None:
    return of_percent(float(found["percent"]), _text_in(found))


def _nothing(_found: Match[bytes]) -> Reading | None:
    return None


def _begun(found: Match[bytes]) -> Reading | None:
    """A part that begins; those before it are done."""
    done, total = _sides(found)
    return of_count(done - 1, total, _text_in(found)) if done <= total else None


def _stage_and_step(found: Match[bytes]) -> Reading | None:
    """A step of a stage of several: the stages before it are done."""
    (done, total), stage, stages = _sides(found), int(found["stage"]), int(found["stages"])
    return of_count((stage - 1) * total + done, stages * total, _text_in(found)) if stage else None


def _summary(found: Match[bytes]) -> Reading | None:
    """`1 failed | 2 passed (6)`: all that have a result, of the total."""
    return of_count(sum(map(int, re.findall(rb"(\d+) [a-z]", found["results"]))), int(found["total"]))


def _suites(found: Match[bytes]) -> Reading | None:
    return of_count(int(found["done"] or found["total"]), int(found["total"]))


def _rsync(found: Match[bytes]) -> Reading | None:
    """With `progress2` the percent is of all; of a single file it is 100 while others are to come."""
    percent, left, total = int(found["percent"]), int(found["left"]), int(found["total"])
    return of_count(total - left, total) if percent == 100 and left else of_percent(percent)


def _pnpm(found: Match[bytes]) -> Reading | None:
    """Packages are added once all are resolved."""
    done, total = _sides(found)
    return of_percent(100) if found["end"] else of_count(done, total) if done else None


def _drawn(found: Match[bytes]) -> Reading | None:
    """A bar of blocks, and of dots for what is to come."""
    done = found["done"].count(b"\xe2")
    return of_count(done, done + len(found["left"]))


_DIGITS = b"0123456789"
_SIDES = rb"(?P<done>\d{1,7})/(?P<total>\d{1,7})"
_OF = rb"(?P<done>\d{1,7}) of (?P<total>\d{1,7})"
# Words with one space between two of them: a run of spaces is not tried at each of its places.
_TEXT = rb"(?P<text>\S+(?: \S+)*?)"
_PERCENT = rb"(?P<percent>\d{1,3})%"
_WEBPACK = rb"(?:setup|building|sealing|emitting|cache)\b"
_TESTED = rb"(?:[.,sSFEexXpPuUfRr-]+|(?:PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS|RERUN)(?: \(.*\))?)"
_DNF = rb"(?:Verify|Prepare|Install|Upgrad|Updat|Downgrad|Reinstall|Remov|Eras|Obsolet|Clean|Running|Replac)"
_CHANGED = rb"(?:[Ii]nstall|[Uu]pgrad|[Rr]einstall|[Dd]owngrad|[Rr]emov|[Rr]eplac|[Uu]pdat|Purg)ing"
_LIT = rb"(?:X?PASS|X?FAIL|FLAKYPASS|UNRESOLVED|UNSUPPORTED|TIMEOUT|SKIPPED|EXCLUDED)"
_DBT = rb"(?:OK|PASS|WARN|ERROR|FAIL|SKIP|NO-OP)"
_MESON = rb"(?:OK|FAIL|SKIP|TIMEOUT|ERROR|EXPECTEDFAIL|UNEXPECTEDPASS|INTERRUPT)"

RULES = (
    RowRule(
        "Bazel",
        b"([",
        rb"(?:\(\d\d:\d\d:\d\d\) )?\[(?P<done>[\d,]{1,9}) / (?P<total>[\d,]{1,9})\](?: (?P<text>.*))?$",
        _counted_of_more,
    ),
    RowRule(
        "buildah",
        b"[",
        rb"\[(?P<stage>\d+)/(?P<stages>\d+)\] STEP %s: (?P<text>.*)" % _SIDES,
        _stage_and_step,
    ),
    RowRule("Meson, running", b"[", rb"\[(?:\d+-)?\d+/\d+\] (?:\xf0\x9f\x8c.|[-\\|/]) .*s$", _nothing),
    RowRule("DNF 5", b"[", rb"\[ *%s\] (?P<text>%s\S*(?: \S+)*?) +\d+%% \|" % (_SIDES, _DNF), _counted),
    RowRule("DNF 5, a download", b"[", rb"\[ *\d+/\d+\] .*\d+% \|", _nothing),
    RowRule("CMake, Make", b"[", rb"\[ *%s\]\s*(?P<text>.*)" % _PERCENT, _percent_of),
    RowRule("Soong", b"[", rb"\[ *%s \d+/\d+[^\]]*\] *(?P<text>.*)" % _PERCENT, _percent_of),
    RowRule("pytest-xdist", b"[", rb"\[gw\d+\] *\[ *%s\] " % _PERCENT, _percent_of),
    RowRule("Ninja, Playwright", b"[", rb"\[ *%s\](?! *\d\d?:\d\d)(?: +(?P<text>.*))?$" % _SIDES, _counted),
    RowRule("run-clang-tidy", b"[", rb"\[ *%s\]\[\d+\.\d+s\] " % _SIDES, _counted),
    RowRule("GHC", b"[", rb"\[ *(?P<done>\d+) of *(?P<total>\d+)\] (?P<text>[A-Z].*)", _counted),
    RowRule("Maven", b"[", rb"\[INFO\] Building %s +\[%s\]$" % (_TEXT, _SIDES), _counted),
    RowRule(
        "Docker Compose",
        b"[",
        rb"\[\+\] (?:Running|Pulling|Pushing|Stopping|up|pull) %s\b" % _SIDES,
        _counted_of_more,
        ended=True,
    ),
    RowRule("Mocha", b"[", rb"\[(?P<done>(?:\xe2\x96\xac)+)(?P<left>\.*)\]$", _drawn),
    RowRule("buildah", b"S", rb"STEP %s: (?P<text>.*)" % _SIDES, _counted),
    RowRule("Docker", b"S", rb"Step %s : (?P<text>.*)" % _SIDES, _counted),
    RowRule("CTest", _DIGITS, rb"%s Test +#\d+: " % _SIDES, _counted),
    RowRule("Meson", _DIGITS, rb"%s +\S.* %s(?: |$)" % (_SIDES, _MESON), _counted),
    RowRule(
        "rsync",
        _DIGITS,
        rb"[\d,.]+[KMGT]? +%s .*\(xfr#\d+, to-chk=(?P<left>\d+)/(?P<total>\d+)\)$" % _PERCENT,
        _rsync,
    ),
    RowRule("webpack", _DIGITS, rb"%s (?P<text>(?:\[\S+\] )?%s.*)" % (_PERCENT, _WEBPACK), _percent_of),
    RowRule("7-Zip", _DIGITS, rb"%s(?: \d+)? [-+UT=] (?P<text>\S.*)" % _PERCENT, _percent_of),
    RowRule("Cppcheck", _DIGITS, rb"\d+/\d+ files checked %s done$" % _PERCENT, _percent_of, ended=True),
    RowRule("cspell", _DIGITS, rb"%s (?P<text>\S.*?) \d+\.\d\dms(?: X)?$" % _SIDES, _counted, ended=True),
    RowRule(
        "CPython's tests", _DIGITS, rb"\d+:\d\d:\d\d (?:load avg: \S+ )?\[ *%s(?:/\d+)?\] " % _SIDES, _counted
    ),
    RowRule("dbt", _DIGITS, rb"\d\d:\d\d:\d\d +%s %s .*\[%s" % (_OF, _DBT, _DBT), _counted),
    RowRule("GNU parallel", _DIGITS, rb"%s \d+:\d+=\d+" % _PERCENT, _percent_of),
    RowRule("lit", _DIGITS, rb"%s \[[=-]{20,}\]$" % _PERCENT, _percent_of, ended=True),
    RowRule(
        "PHPStan",
        _DIGITS,
        rb"\d+/\d+ \[(?:\xe2\x96[\x91-\x93])+\] +%s" % _PERCENT,
        _percent_of,
    ),
    RowRule("Snakemake", _DIGITS, rb"%s steps \(\d+%%\) done$" % _OF, _counted, ended=True),
    RowRule("any", _DIGITS, rb"(?P<percent>\d{1,3}(?:\.\d{1,6})?) ?%$", _percent_of, ended=True),
    RowRule("webpack", b"<", rb"<s> \[webpack\.Progress\] %s(?: (?P<text>.*))?$" % _PERCENT, _percent_of),
    RowRule("Gradle", b"<", rb"<[=-]{1,60}> %s(?: EXECUTING \[|$)" % _PERCENT, _percent_of),
    RowRule("cargo", b"B", rb"Building \[[=> ]*\] %s(?:: (?P<text>.*))?$" % _SIDES, _counted, ended=True),
    RowRule(
        "cargo-nextest",
        b"PFTLA",
        rb"(?:PASS|FAIL|TIMEOUT|LEAK|ABORT) \[[^\]]*\] \( *%s\) " % _SIDES,
        _counted,
    ),
    RowRule("lit", b"XPFUTSE", rb"%s: .* \(%s\)$" % (_LIT, _OF), _counted, ended=True),
    RowRule(
        "pacman, Zypper, apk",
        b"(",
        rb"\( *%s\) (?P<text>%s:? \S+(?: \([^)]*\))?)" % (_SIDES, _CHANGED),
        _counted,
    ),
    RowRule("Cypress", b"R", rb"Running: +%s +\(%s\)$" % (_TEXT, _OF), _begun, ended=True),
    RowRule("Stryker", b"M", rb"Mutation testing +(?:\[[= ]*\] )?%s \(elapsed" % _PERCENT, _percent_of),
    RowRule("Turborepo", b"T", rb"Tasks: +(?P<results>\d+ successful), (?P<total>\d+) total$", _summary),
    RowRule("Vitest", b"T", rb"Test Files +(?P<results>\d[^(]*)\((?P<total>\d+)\)$", _summary),
    RowRule("Jest", b"T", rb"Test Suites: .*?(?:(?P<done>\d+) of )?(?P<total>\d+) total", _suites),
    RowRule("dpkg", b"P", rb"Progress: \[ *%s\]" % _PERCENT, _percent_of),
    RowRule(
        "pnpm",
        b"P",
        rb"Progress: resolved (?P<total>\d+), .*added (?P<done>\d+)(?P<end>, done)?$",
        _pnpm,
        ended=True,
    ),
    RowRule("DNF", b"VIUDREOCr", rb"(?!Prepar)%s[a-z ]* *: .* %s$" % (_DNF, _SIDES), _counted, ended=True),
    RowRule("BitBake", b"N", rb"NOTE: Running (?:noexec )?task (?P<done>\d+) of (?P<total>\d+) ", _counted),
    RowRule("PHPUnit", b".FEWRSIDN", rb"[.FEWRSIDN]+ +\d+ / \d+ \( *%s\)$" % _PERCENT, _percent_of),
    RowRule("pip", b"\xe2", rb"(?:\xe2[\x94\x95][\x80-\xbf]| )+ %s \[(?P<text>[^\]]*)\]" % _SIDES, _counted),
    RowRule(
        "Rspack",
        b"\xe2",
        rb"\xe2\x97\x8f .*\xe2\x94[\x80-\xbf] \(%s\)(?: (?P<text>.*))?$" % _PERCENT,
        _percent_of,
    ),
    RowRule("uv", b"\xe2", rb"(?:\xe2\x96[\x80-\xbf])+ \[%s\] ?(?P<text>.*)" % _SIDES, _counted),
    RowRule(
        "uv",
        b"\xe2PBI",
        rb"(?:\xe2\S+ )?(?:Preparing|Building|Installing) packages\.\.\. \(%s\)" % _SIDES,
        _counted,
    ),
    RowRule("pytest", b"", rb"(?:\S.* )?%s *\[ *%s\]$" % (_TESTED, _PERCENT), _percent_of),
    RowRule("pytest-sugar", b"", rb"\S+ .*\xe2\x9c.* %s (?:\xe2\x96[\x88-\x8f])+$" % _PERCENT, _percent_of),
    RowRule("pytest", b"", rb"\S+\.py\b.* \[ *%s\]$" % _SIDES, _counted),
)


_BAR_REMOVED = b"\n\x020"
_BARS_BEHIND = (b"\n\x021", b"\n\x022", b"\n\x024")
# Rows of the tools that are counted (`counters`).
_COUNTED_ROWS = (
    *(
        rb"#\d+ (?:\[|exporting to )",
        rb"=> ",
        rb"\[\+\] Building",
        rb"[0-9a-f]{12}: ",
        rb"Running \d+ tests? using",
        rb"(?:NX|Lerna) ",
    ),
    *(
        rb"Package operations: ",
        rb"(?:-|\xe2\x80\xa2) [A-Z][a-z]+ing \S+ \(",
        rb"\xe2\x97\x8f \S.*? \xe2\x96\x88",
    ),
    rb"(?:\xe2[\x80-\xbf]{2}|ok|x|-|\xc2[\x80-\xbf]) +(?:\d+ |nx run |[^\s:]+:\S)",
)
_BROWSER_SIGN = b": Executed "
_PYTEST_ENDS = rb"(?:\[ *\d{1,3}(?:%|/\d{1,7})\]|\d% (?:\xe2\x96[\x88-\x8f])+)[ \t]*(?=\n)"


@functools.lru_cache(maxsize=None)
def _row_with_a_word() -> Pattern[bytes]:
    """Any row that begins as a rule has it. One search for all of them, since most rows are none."""
    begins = [re.sub(rb"\(\?P<\w+>", b"(?:", rule.pattern) for rule in RULES if rule.starts]
    begins = [rb"%s[ \t]*$" % one[:-1] if one.endswith(b"$") else one for one in begins]
    return re.compile(rb"\n[ \t]*(?:\x02|%s)" % b"|".join([*begins, *_COUNTED_ROWS]), re.MULTILINE)


def rows_with_a_word(rows: bytes) -> list[bytes]:
    """Of plain rows those that may say something, in their order.

    Of a row and a terminal's bar in one line the bar speaks; where it is removed there, the row does.
    """
    begins = {found.start() + 1 for found in _row_with_a_word().finditer(rows)}
    if b"%]" in rows or b".py" in rows:
        begins.update(rows.rfind(b"\n", 0, found.start()) + 1 for found in re.finditer(_PYTEST_ENDS, rows))
    if _BROWSER_SIGN in rows:
        begins.update(rows.rfind(b"\n", 0, found.start()) + 1 for found in re.finditer(_BROWSER_SIGN, rows))
    found: list[bytes] = []
    for begin in sorted(begins):
        end = _line_end(rows, begin)
        behind = rows[end : end + 3]
        if behind == _BAR_REMOVED:
            found.append(behind[1:])
        if behind not in _BARS_BEHIND:
            found.append(rows[begin:end])
    return found


def _line_end(rows: bytes, begin: int) -> int:
    end = rows.find(b"\n", begin)
    return end if end >= 0 else len(rows)


@functools.lru_cache(maxsize=None)
def _rules_for(start: int) -> tuple[tuple[RowRule, Pattern[bytes]], ...]:
    """The rules of rows that begin with this character, compiled once there is such a row."""
    return tuple(
        (rule, re.compile(rule.pattern)) for rule in RULES if not rule.starts or start in rule.starts
    )


def read_row(row: bytes, has_ended: bool) -> tuple[str, Reading] | None:
    """What a plain row says, and which tool; None of nothing."""
    for rule, pattern in _rules_for(row[0]) if row else ():
        found = pattern.match(row)
        if found and (has_ended or not rule.ended):
            reading = rule.read(found)
            return (rule.tool, reading) if reading else None
    return None

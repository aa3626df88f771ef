"""Test reports of real tools, and what is none: JUnit XML and CTRF JSON into results."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chef.domain.testreports import MAX_CASES, MAX_FAILURES, CaseResult, ReportedTests
from chef.domain.testreports.collecting import MAX_MESSAGE, MAX_NAME, MAX_OUTPUT, MAX_TEXTS
from chef.errors import BadRequest, ChefError, Invalid, NotJson, UnsupportedMediaType
from chef.wire.reports.junithandler import MAX_ATTRIBUTES, MAX_DEPTH, MAX_ELEMENTS
from chef.wire.reports.reading import read_report

RECORDINGS = Path(__file__).parent / "recordings" / "reports"


def read(body: bytes | str) -> ReportedTests:
    data = body.encode() if isinstance(body, str) else body
    return read_report(io.BytesIO(data), "fingerprint")


def junit(cases: str) -> ReportedTests:
    return read(f'<testsuites><testsuite name="suite">{cases}</testsuite></testsuites>')


def only(report: ReportedTests) -> CaseResult:
    (case,) = report.cases
    return case


def by_outcome(report: ReportedTests) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for case in report.cases:
        found.setdefault(case.outcome, []).append(case.name)
    return found


# --- real tools ------------------------------------------------------------------------------

EXPECTED: dict[str, dict[str, list[list[str]]]] = json.loads(
    (RECORDINGS / "expected.json").read_text("utf-8")
)


@pytest.mark.parametrize("name", EXPECTED)
def test_the_report_of_a_real_tool_has_its_tests_with_their_outcomes_and_reasons(name: str) -> None:
    """Suite, name and reason; each suite has a test for each outcome that its tool can write."""
    report = read((RECORDINGS / name).read_bytes())
    found: dict[str, list[list[str | None]]] = {}
    for case in report.cases:
        reason = [case.message] if case.message else []
        found.setdefault(case.outcome, []).append([case.suite, case.name, *reason])
    assert found == EXPECTED[name]
    assert all(case.output for case in report.cases if case.outcome == "failed")
    assert not report.counts.unlisted


def test_each_recording_has_its_expectation() -> None:
    assert {path.name for path in RECORDINGS.iterdir()} - {"expected.json"} == set(EXPECTED)


# --- JUnit XML -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("inside", "outcome"),
    [
        ("", "passed"),
        ('<failure message="m">text</failure>', "failed"),
        ('<error message="m"/>', "failed"),
        ("<skipped/>", "skipped"),
        ("<skipped/><failure/>", "failed"),
        ("<failure/><skipped/>", "failed"),
        ('<flakyFailure message="m"/>', "flaky"),
        ('<flakyError message="m"/>', "flaky"),
        ('<flakyFailure message="m"/><failure message="n"/>', "failed"),
        ('<failure message="m"/><rerunFailure message="n"/>', "failed"),
        ('<properties><property name="a" value="b"/></properties><system-out>text</system-out>', "passed"),
    ],
)
def test_what_stands_in_a_test_case_is_its_outcome(inside: str, outcome: str) -> None:
    assert only(junit(f'<testcase name="a">{inside}</testcase>')).outcome == outcome


@pytest.mark.parametrize("attribute", ['status="notrun"', 'status="disabled"', 'result="skipped"'])
def test_a_test_that_an_attribute_says_was_not_run_is_skipped(attribute: str) -> None:
    assert only(junit(f'<testcase name="a" {attribute}/>')).outcome == "skipped"


def test_a_failure_has_its_message_what_the_tool_says_of_it_and_what_the_test_wrote() -> None:
    case = only(
        junit(
            '<testcase name="divides" classname="sums" file="sums.py" time="1.5">'
            '<failure message="3.5 is not 3" type="AssertionError">line 7\nline 8</failure>'
            "<system-out>about to divide</system-out><system-err>a warning</system-err></testcase>"
        )
    )
    assert case == CaseResult(
        "divides",
        "failed",
        "sums",
        "sums.py",
        1500,
        "3.5 is not 3",
        "line 7\nline 8\nabout to divide\na warning",
    )


def test_what_the_tool_says_of_a_failure_comes_before_what_the_test_wrote() -> None:
    case = only(
        junit(
            '<testcase name="a"><system-out>written</system-out><failure message="m">said</failure>'
            "</testcase>"
        )
    )
    assert case.output == "said\nwritten"


def test_a_failure_without_a_message_has_the_first_line_that_says_something() -> None:
    case = only(junit('<testcase name="a"><failure>\n\n  Failed asserting  \nmore</failure></testcase>'))
    assert (case.message, case.output) == ("Failed asserting", "Failed asserting  \nmore")


def test_a_message_that_says_nothing_gives_way_to_what_the_test_said() -> None:
    """Go's reporters have the same message for each failure, PHPUnit has none and names the test first."""
    said = [
        "=== RUN   TestA",
        "    a_test.go:3: started",
        "    a_test.go:4: 3 is not 4",
        "--- FAIL: TestA (0.00s)",
    ]
    go = "&#10;".join(said)
    failed = f'<failure message="Failed">{go}</failure>'
    assert only(junit(f'<testcase name="TestA">{failed}</testcase>')).message == "a_test.go:4: 3 is not 4"
    named = "<failure>SumsTest::testA\nFailed asserting</failure>"
    assert only(junit(f'<testcase name="testA" classname="SumsTest">{named}</testcase>')).message == (
        "Failed asserting"
    )


def test_the_reason_of_a_skipped_test_is_its_message() -> None:
    reasons = ['<skipped message="no network"/>', "<skipped>no network</skipped>"]
    assert {only(junit(f'<testcase name="a">{one}</testcase>')).message for one in reasons} == {"no network"}


def test_what_a_test_that_passed_wrote_is_not_kept() -> None:
    case = only(junit('<testcase name="a"><system-out>text</system-out></testcase>'))
    assert (case.message, case.output) == (None, None)


def test_the_suite_is_the_class_or_else_the_suite_around_the_test() -> None:
    text = '<testsuite name="outer"><testsuite name="inner"><testcase name="a" {}/></testsuite></testsuite>'
    assert only(read(text.format('classname="Class"'))).suite == "Class"
    assert only(read(text.format('class="Class"'))).suite == "Class"
    assert only(read(text.format(""))).suite == "inner"


@pytest.mark.parametrize(
    ("time", "milliseconds"),
    [
        ("0.0125", 12),
        ("1,234.5", 1_234_500),
        ("1,234", 1_234_000),
        ("12,345,678.5", 12_345_678_500),
        ("0,25", 250),
        ("0,125", 125),
        ("12,5", 12_500),
        ("1,2,3", None),
        ("2", 2000),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("nan", None),
        ("inf", None),
        ("1e300", None),
    ],
)
def test_a_duration_is_seconds_as_tools_write_them(time: str, milliseconds: int | None) -> None:
    assert only(junit(f'<testcase name="a" time="{time}"/>')).duration_ms == milliseconds


def test_prefixes_of_namespaces_mean_nothing() -> None:
    text = '<j:testsuites xmlns:j="urn:j"><j:testcase name="a"><j:failure/></j:testcase></j:testsuites>'
    assert by_outcome(read(text)) == {"failed": ["a"]}


def test_a_report_without_a_test_counts_nothing() -> None:
    assert read('<testsuites tests="0"/>').counts.total == 0


@pytest.mark.parametrize(
    ("encoding", "name"),
    [
        ("UTF-8", "fünf"),
        ("ISO-8859-1", "fünf"),
        ("windows-1252", "“fünf”"),
        ("UTF-16", "fünf"),
        ("KOI8-R", "пять"),
        ("Shift_JIS", "五つ"),
        ("GBK", "五个"),
        ("Big5", "五個"),
        ("EUC-KR", "다섯"),
    ],
)
def test_the_encoding_that_the_document_declares_is_its_encoding(encoding: str, name: str) -> None:
    text = f'<?xml version="1.0" encoding="{encoding}"?>\n<testsuite><testcase name="{name}"/></testsuite>'
    assert only(read(text.encode(encoding))).name == name


def test_a_byte_order_mark_and_blanks_before_the_document_do_no_harm() -> None:
    text = '<?xml version="1.0"?><testsuite><testcase name="a"/></testsuite>'
    for begin in (b"\xef\xbb\xbf", b"\n ", b"\xef\xbb\xbf\r\n"):
        assert only(read(begin + text.encode())).name == "a"


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("&#27;[31mred&#x1B;[0m", "red"),
        ("bell\x07 &#0;&#x1;&#031;end", "bell end"),
        ("kept &#10;&#13;&#9;&#128; &amp;#27;", "kept \n\t &#27;"),
    ],
)
def test_what_a_test_printed_for_a_terminal_is_no_reason_to_refuse_its_report(
    written: str, read_as: str
) -> None:
    """A raw escape sequence is no XML, but tools write it into reports: the whole of one was lost for it."""
    case = f'<testcase name="a"><failure message="m"><![CDATA[\x1b[1m]]>{written}</failure></testcase>'
    assert (only(junit(case)).output or "").strip() == read_as


@pytest.mark.parametrize("name", ["utf-16", "UTF-16LE"])
def test_a_report_in_utf8_that_says_it_is_utf16_is_read(name: str) -> None:
    """Writers of strings in .NET say so, whatever the file is."""
    text = f'<?xml version="1.0" encoding="{name}"?><testsuite><testcase name="fünf"/></testsuite>'
    assert only(read(text.encode())).name == "fünf"


def test_a_report_that_is_not_mended_is_refused_where_it_is_wrong() -> None:
    for text in ("\x1b[1m<testsuite>", "<testsuite>\x1b[1m</testsuites>", "<testsuite>&#27;"):
        with pytest.raises((BadRequest, Invalid)) as refused:
            read(text)
        assert "line 1" in refused.value.detail or "begins with" in refused.value.detail


def test_a_word_for_failed_counts_as_an_element_does() -> None:
    words = (("a", "failed"), ("b", "Error"), ("c", "run"))
    cases = "".join(f'<testcase name="{name}" status="{word}"/>' for name, word in words)
    assert by_outcome(junit(cases)) == {"failed": ["a", "b"], "passed": ["c"]}


def test_nothing_that_a_terminal_obeys_is_left_in_a_text() -> None:
    case = only(read(ctrf({"name": "a\x1b[31mb", "status": "failed", "message": "\x1b]0;t\x07c\x00"})))
    assert (case.name, case.message) == ("ab", "c")


# --- attempts --------------------------------------------------------------------------------


def test_a_test_that_failed_and_passes_within_its_suite_is_flaky() -> None:
    report = junit(
        '<testcase name="a" time="1"><failure message="first"/></testcase>'
        '<testcase name="b"/><testcase name="a" time="2"/>'
    )
    assert by_outcome(report) == {"flaky": ["a"], "passed": ["b"]}
    assert (report.cases[0].message, report.cases[0].duration_ms) == ("first", 3000)
    assert (report.counts.total, report.counts.duration_ms) == (2, 3000)


def test_a_test_that_fails_again_is_one_failed_test_with_its_newest_message() -> None:
    report = junit(
        '<testcase name="a"><failure message="first"/></testcase>'
        '<testcase name="a"><failure message="second"/></testcase>'
    )
    assert (only(report).outcome, only(report).message) == ("failed", "second")


def test_a_teardown_that_fails_behind_a_failed_test_does_not_hide_why_it_failed() -> None:
    """pytest writes such a test twice."""
    report = junit(
        '<testcase name="a"><failure message="assert 0">x = 1</failure></testcase>'
        '<testcase name="a"><error message="failed on teardown with &quot;E&quot;">y</error></testcase>'
        '<testcase name="b"><error message="failed on teardown with &quot;E&quot;"/></testcase>'
    )
    assert by_outcome(report) == {"failed": ["a", "b"]}
    a, b = report.cases
    assert (a.message, a.output) == ("assert 0", "x = 1")
    assert (b.message, b.output) == ('failed on teardown with "E"', None)


def test_tests_of_one_name_in_several_suites_are_several_tests() -> None:
    """Playwright writes a suite for each browser, whose tests have the same names."""
    browser = (
        '<testsuite name="a.spec.ts" hostname="{}"><testcase classname="a" name="b">{}</testcase></testsuite>'
    )
    report = read(
        f"<testsuites>{browser.format('chromium', '<failure/>')}{browser.format('firefox', '')}</testsuites>"
    )
    assert by_outcome(report) == {"failed": ["b"], "passed": ["b"]}
    assert [case.ordinal for case in report.cases] == [0, 1]


def test_a_test_that_passed_and_comes_again_is_another_one() -> None:
    report = junit('<testcase name="a"/><testcase name="a"><failure/></testcase>')
    assert by_outcome(report) == {"passed": ["a"], "failed": ["a"]}


def test_a_test_that_was_tried_again_and_is_written_as_one_that_passed() -> None:
    """pytest-rerunfailures writes a failed attempt without a word; only the suite's number tells of it."""
    attempts = (
        '<testcase classname="t" name="flaky" time="1"/><testcase classname="t" name="flaky" time="2"/>'
        '<testcase classname="t" name="ok"/>'
        '<testcase classname="t" name="red"/><testcase classname="t" name="red"/>'
        '<testcase classname="t" name="red"><failure message="no"/></testcase>'
    )
    report = read(f'<testsuites><testsuite tests="3">{attempts}</testsuite></testsuites>')
    assert by_outcome(report) == {"flaky": ["flaky"], "passed": ["ok"], "failed": ["red"]}
    assert (report.counts.total, report.counts.duration_ms) == (3, 3000)
    assert [(case.name, case.ordinal) for case in report.cases if case.ordinal] == []
    for number in ("6", "4", "-3", "many"):
        others = read(f'<testsuites><testsuite tests="{number}">{attempts}</testsuite></testsuites>')
        assert others.counts.total == 6


# --- CTRF ------------------------------------------------------------------------------------


def ctrf(*tests: dict[str, Any]) -> str:
    return json.dumps({"reportFormat": "CTRF", "results": {"tool": {"name": "t"}, "tests": tests}})


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        ({"status": "passed"}, "passed"),
        ({"status": "failed"}, "failed"),
        ({"status": "skipped"}, "skipped"),
        ({"status": "pending"}, "skipped"),
        ({"status": "other"}, "skipped"),
        ({"status": "passed", "flaky": True, "retries": 1}, "flaky"),
        ({"status": "failed", "flaky": True}, "failed"),
        ({"status": "passed", "flaky": None}, "passed"),
    ],
)
def test_a_status_of_ctrf_is_an_outcome(said: dict[str, Any], outcome: str) -> None:
    assert only(read(ctrf({"name": "a", **said}))).outcome == outcome


def test_a_failure_of_ctrf_has_its_message_its_trace_and_what_the_test_wrote() -> None:
    case = only(
        read(
            ctrf(
                {
                    "name": "divides",
                    "status": "failed",
                    "suite": ["sums", "whole"],
                    "filePath": "sums.ts",
                    "duration": 11.4,
                    "message": "3.5 is not 3",
                    "trace": "at sums.ts:7",
                    "stdout": ["about to divide"],
                    "stderr": ["a warning"],
                }
            )
        )
    )
    assert case == CaseResult(
        "divides",
        "failed",
        "sums > whole",
        "sums.ts",
        11,
        "3.5 is not 3",
        "at sums.ts:7\nabout to divide\na warning",
    )


def test_a_flaky_test_of_ctrf_has_the_message_of_its_attempt_that_failed() -> None:
    attempts = [
        {"status": "failed", "message": "first"},
        {"status": "failed", "message": "second", "trace": "at"},
    ]
    case = only(read(ctrf({"name": "a", "status": "passed", "flaky": True, "retryAttempts": attempts})))
    assert (case.outcome, case.message, case.output) == ("flaky", "second", "at")


# --- limits ----------------------------------------------------------------------------------


def test_long_texts_keep_their_beginning_and_end_and_say_how_much_is_missing() -> None:
    inside = f'<failure message="{"m" * 5000}">begin{"x" * 50_000}end</failure>'
    case = only(junit(f'<testcase name="{"n" * 5000}">{inside}</testcase>'))
    assert len(case.name) < MAX_NAME + 50
    assert len(case.message or "") < MAX_MESSAGE + 50
    assert len(case.output or "") < MAX_OUTPUT + 50
    assert (case.output or "").startswith("beginxx")
    assert (case.output or "").endswith("xxend")
    assert f"[cut: {50_000 + 9 - (MAX_OUTPUT * 3 // 4 - 64)} characters]" in (case.output or "")
    assert (case.output or "").count("[cut: ") == 1


def test_all_outputs_of_a_report_together_are_bounded_and_no_failure_is_without_its_message() -> None:
    report = read(
        ctrf(
            *(
                {"name": str(n), "status": "failed", "message": f"m{n}", "trace": "x" * MAX_OUTPUT}
                for n in range(100)
            )
        )
    )
    assert sum(len(case.output or "") for case in report.cases) < MAX_TEXTS + 100 * 50
    assert [case.message for case in report.cases] == [f"m{n}" for n in range(100)]


def test_more_tests_than_are_listed_are_counted() -> None:
    passed = '<testcase name="a"/>' * (MAX_CASES + 5)
    report = junit(passed)
    assert (len(report.cases), report.counts.passed, report.counts.unlisted) == (MAX_CASES, MAX_CASES + 5, 5)
    failed = "".join(f'<testcase name="{n}"><failure/></testcase>' for n in range(MAX_FAILURES + 5))
    report = junit(failed)
    assert (len(report.cases), report.counts.failed) == (MAX_FAILURES, MAX_FAILURES + 5)
    assert report.counts.unlisted == 5


@pytest.mark.parametrize(
    ("body", "refusal", "words"),
    [
        ("", Invalid, "there is no test report in the body"),
        (" \n", Invalid, "there is no test report in the body"),
        ("ok 1 - adds\n", Invalid, "this begins with 'ok 1 - adds'"),
        ("[]", Invalid, "this begins with '[]'"),
        (b"\x1f\x8b\x08\x00", UnsupportedMediaType, "must not be compressed"),
        ("--boundary\r\n", UnsupportedMediaType, "curl -T FILE"),
        ("<html></html>", Invalid, "not with <html>, line 1, column 1"),
        ("<testsuite>\n  <testcase>", BadRequest, "no element found, line 2, column 13"),
        ("<testsuite>\n</testsuites>", BadRequest, "mismatched tag, line 2, column 3"),
        ("<testsuite>&other;</testsuite>", BadRequest, "undefined entity, line 1, column 12"),
        ('<!DOCTYPE testsuite SYSTEM "a.dtd"><testsuite/>', Invalid, "no document type (DTD)"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><testsuite>&b;</testsuite>', Invalid, "no document type (DTD)"),
        ('<?xml version="1.0" encoding="nothing"?><testsuite/>', BadRequest, "unknown encoding: nothing"),
        ('<?xml version="1.0" encoding="base64"?><testsuite/>', BadRequest, "encoding of the XML"),
        (b"<testsuite name='\xff'/>", BadRequest, "line 1, column 18"),
        ("<testsuite>" + "<a>" * MAX_DEPTH, Invalid, f"deeper than {MAX_DEPTH} levels, line 1"),
        ("<testsuite/>" + "<testsuite/>", BadRequest, "junk after document element"),
        ("{", NotJson, "truncated"),
        ("{}", Invalid, "missing required field `results`"),
        ('{"results": {"tests": [{"name": 1}]}}', Invalid, "results.tests[0].name: Expected `str`"),
        ('{"results": {"tests": [{"name": "a", "status": "ok"}]}}', Invalid, "results.tests[0].status"),
        ('{"results": {"tests": [{"name": "\\ud800", "status": "passed"}]}}', NotJson, "surrogate"),
        ('{"results": ' + "[" * 40, NotJson, "nested deeper than 32 levels"),
        ("{\xe9}".encode("latin-1"), NotJson, ""),
    ],
)
def test_what_is_no_report_is_refused_with_what_is_wrong_and_where(
    body: bytes | str, refusal: type[ChefError], words: str
) -> None:
    with pytest.raises(refusal) as refused:
        read(body)
    assert words in refused.value.detail


def test_elements_and_attributes_are_bounded() -> None:
    many = " ".join(f'a{n}=""' for n in range(MAX_ATTRIBUTES + 1))
    with pytest.raises(Invalid, match=f"<testcase> has more than {MAX_ATTRIBUTES} attributes, line 1"):
        junit(f"<testcase {many}/>")
    with pytest.raises(Invalid, match=f"at most {MAX_ELEMENTS} elements"):
        junit("<a/>" * MAX_ELEMENTS)


def parts(*texts: bytes) -> st.SearchStrategy[bytes]:
    return st.lists(st.sampled_from(texts) | st.binary(max_size=8), max_size=40).map(b"".join)


@given(
    st.binary(max_size=300)
    | parts(
        b"<testsuites>",
        b"<testsuite name='a'>",
        b"<testcase name='b'>",
        b"<failure>",
        b"</failure>",
        b"<skipped/>",
    )
    | parts(
        b'{"results":',
        b'{"tests":',
        b"[",
        b'{"name":"a",',
        b'"status":"passed"',
        b"}",
        b"]",
        b"null",
        b"1e999",
    )
)
def test_no_input_is_anything_but_taken_or_refused(body: bytes) -> None:
    try:
        report = read(body)
    except (BadRequest, Invalid, NotJson, UnsupportedMediaType):
        return
    assert report.counts.total == len(report.cases)

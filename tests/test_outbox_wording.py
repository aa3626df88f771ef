"""The words of messages, and that nothing a build wrote is more than words in them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chef.domain.forecast import Estimate
from chef.domain.model import Job, JobError
from chef.domain.testreports import OutcomeCounts
from chef.domain.wiretypes import Failure
from chef.outbox.markup import link_in, markdown, slack, without_mentions
from chef.outbox.values import Word
from chef.outbox.wording import words_of
from tests.tools.notices import AT, FAILURE, ended_job, estimated, notice_of, told_job


def said(of: Job, word: Word = Word.PROGRESS, estimate: Estimate | None = None) -> str:
    words = words_of(notice_of(of, word, estimate))
    return f"{words.place}: {words.state}"


def failed(**fields: Any) -> str:
    return said(ended_job("failed", **fields), Word.FAILED)


def recovered(failed_before: int) -> str:
    green = ended_job("completed", progress=100)
    words = words_of(notice_of(green, Word.RECOVERED, failed_before=failed_before))
    return f"{words.place}: {words.state}"


NOT_A_FUNCTION = Failure(summary="TypeError: x is not a function", lines=FAILURE.lines)
SILENT: dict[str, Any] = {"heartbeat_at": AT - 900_000, "heartbeat_every": 10, "updated_at": AT - 900_000}


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (said(told_job(), estimate=estimated(180_000)), "building 62 %, about 3 min"),
        (said(told_job()), "building 62 %"),
        (said(told_job(phase="deploy")), "deploy 62 %"),
        (said(told_job(progress_known=False, progress=50)), "building"),
        (said(told_job(phase="completed", progress=90)), "finishing 90 %"),
        (said(told_job(), estimate=estimated(180_000, is_range=True)), "building 62 %, 2 min to 6 min"),
        (said(told_job(), estimate=estimated(None, over=240_000)), "building 62 %, 4 min over the usual"),
        (said(told_job(**SILENT)), "building 62 %, reporter lost"),
        (failed(failure=FAILURE), "failed: 3 tests, L21236"),
        (failed(tests=OutcomeCounts(failed=1)), "failed: 1 test"),
        (failed(failure=NOT_A_FUNCTION), "failed: TypeError: x is not a function, L21236"),
        (
            failed(error=JobError("pytest ended with exit status 2", 2)),
            "failed: pytest ended with exit status 2",
        ),
        (failed(), "failed"),
        (said(ended_job("completed", progress=100), Word.COMPLETED), "completed, took 3 min 12 s"),
        (said(ended_job("completed", progress=100), Word.RECOVERED), "recovered, took 3 min 12 s"),
        (recovered(1), "recovered after 1 failed run, took 3 min 12 s"),
        (recovered(3), "recovered after 3 failed runs, took 3 min 12 s"),
        (said(ended_job("cancelled", message="superseded")), "cancelled: superseded"),
        (said(ended_job("abandoned")), "abandoned"),
    ],
)
def test_a_job_in_a_few_words(shown: str, words: str) -> None:
    assert shown == f"web · main: {words}"


def test_a_job_without_a_branch_is_named_by_its_project() -> None:
    assert said(told_job(meta={})) == "web: building 62 %"


def test_an_end_comes_with_its_title_its_reason_and_where_and_when_it_stopped() -> None:
    words = words_of(
        notice_of(ended_job("failed", failure=FAILURE, meta={"title": "Faster start"}), Word.FAILED)
    )
    assert words.details == (
        "Faster start",
        "3 failed, 120 passed",
        "stopped in phase building at 62 %, took 3 min 12 s",
    )
    assert words.tone == "bad"


EVIL = "a\r\nX-Title: b\n\x1b[31m\u202e@everyone <!channel> <@U1> [x](http://e.vil) `c` **d** :boom:"


def test_what_a_build_wrote_is_one_line_without_commands_or_hidden_signs() -> None:
    evil = ended_job("failed", meta={"branch": EVIL, "title": EVIL}, error=JobError(EVIL, 1))
    words = words_of(notice_of(evil, Word.FAILED))
    for text in (words.place, words.state, *words.details):
        assert not set(text) & set("\r\n\x1b\u202e"), text


@given(st.text(max_size=600), st.text(max_size=200))
def test_words_are_bounded_whatever_a_build_wrote(text: str, branch: str) -> None:
    long = ended_job(
        "failed", meta={"branch": branch, "title": text}, error=JobError(text, None), message=text
    )
    words = words_of(notice_of(long, Word.FAILED))
    assert len(words.place) <= 100
    assert len(words.state) <= 200
    assert len(words.details) <= 3
    assert all(len(one) <= 200 for one in words.details)


@pytest.mark.parametrize(
    "text",
    [
        "@everyone", "@channel", "@here fix it", "<@1234>", "<!channel>", "~town-square", "#general", "**b**",
        "_i_", "`c`", "```c```", "~~s~~", "||x||", "[x](http://e.vil)", "<http://e.vil>", "http://e.vil",
        "www.e.vil", "> quote", "# big", "- item", "1. item", ":boom:", "<:a:123>", "<t:1:R>", "\\", "$x$",
        "a `b`` c", "`", "tail `",
    ],
)  # fmt: skip
def test_markup_of_a_build_is_code_that_it_cannot_end(text: str) -> None:
    shown = markdown(text)
    fence = shown[: len(shown) - len(shown.lstrip("`"))]
    inside = shown[len(fence) : -len(fence)]
    assert fence
    assert shown.endswith(fence)
    assert inside.strip() == text.strip()
    # No run of ticks inside is as long as the fence: none ends it (CommonMark 6.1).
    assert fence not in re.findall("`+", inside)


@pytest.mark.parametrize(
    "text",
    [
        "failed: 3 tests, L21236",
        "building ~62 %, about 3 min",
        "web · main",
        "took 3 min 12 s",
        "2 min over the usual",
    ],
)
def test_plain_words_stay_as_they_are(text: str) -> None:
    assert markdown(text) == slack(text) == without_mentions(text) == text


def test_a_text_for_slack_has_no_control_sequence() -> None:
    assert slack("<!channel> & <@U1>") == "&lt;!channel&gt; &amp; &lt;@U1&gt;"
    assert not set(without_mentions(EVIL)) & set("@<>")


def test_an_address_cannot_end_its_link() -> None:
    assert link_in("https://c.example/jobs/a)|<b>(") == "https://c.example/jobs/a%29%7C%3Cb%3E%28"
    assert link_in(f"https://c.example/{'a' * 700}") == ""


def test_a_long_reason_is_cut_and_its_line_is_still_told() -> None:
    shown = failed(failure=Failure(summary="x" * 2000, lines=FAILURE.lines))
    assert len(shown) < 220
    assert shown.endswith("…, L21236")

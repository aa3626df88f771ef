"""The time that is left, the bar and the usual silence, said by Python and by JavaScript alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from chef.domain.clock import rfc3339
from chef.domain.silence import Silence, silence
from chef.pages.shownbar import shown_bar
from chef.pages.silencewords import silence_more, silence_words
from chef.pages.timeleft import time_short, time_words
from tests.tools.modules import run

CASES = json.loads((Path(__file__).parent / "data" / "bar-cases.json").read_text("utf-8"))
NOW = 1_790_000_000_000
S, MIN, H = 1_000, 60_000, 3_600_000


def interval(times: list[int] | None) -> dict[str, int] | None:
    return dict(zip(("low", "median", "high"), times, strict=True)) if times else None


def eta(
    remaining: list[int] | None = None, over: int | None = None, runs: int = 18, **more: Any
) -> dict[str, Any]:
    times = interval(remaining)
    return {
        "at": rfc3339(NOW),
        "runs": runs,
        "range": runs < 10,
        "remainingMs": times,
        "phaseRemainingMs": times,
        "overMs": over,
        "phases": {},
        "pauses": {},
    } | more


def job(**fields: Any) -> dict[str, Any]:
    began = rfc3339(NOW - 10 * MIN)
    return {
        "jobId": "j",
        "status": "building",
        "phase": "building",
        "progress": 50,
        "startedAt": began,
        "createdAt": began,
        "updatedAt": rfc3339(NOW),
        "progressAt": rfc3339(NOW),
        "eta": None,
    } | fields


def test_the_bar_in_the_page_goes_by_the_same_cases() -> None:
    script = """
    import { shownProgress } from "chef/forecast.js";
    const answer = (cases) => cases.map(({ bar, now }) => shownProgress(bar, now));
    """
    cases = []
    for case in CASES:
        found = case["eta"]
        estimate = found and {
            "at": rfc3339(found["at"]),
            "remainingMs": interval(found["remaining"]),
            "phaseRemainingMs": interval(found["phaseRemaining"]),
            "pauses": found["pauses"],
        }
        bar = {"phase": case["phase"], "said": case["said"], "saidAt": case["saidAt"], "shown": case["shown"]}
        cases.append({"bar": bar | {"eta": estimate}, "now": case["now"]})
    for shown, case in zip(run(script, cases), CASES, strict=True):
        assert shown["percent"] == pytest.approx(case["percent"]), case["name"]
        assert shown["isExpected"] == case["isExpected"], case["name"]


WORDS: list[tuple[dict[str, Any] | None, int, str, str]] = [
    (eta([2 * MIN, 3 * MIN, 5 * MIN]), 0, "about 3 min left (2 to 5, from 18 runs)", "~3 min"),
    # The viewer counts down.
    (eta([2 * MIN, 3 * MIN, 5 * MIN]), MIN, "about 2 min left (1 to 4, from 18 runs)", "~2 min"),
    (
        eta([2 * MIN, 3 * MIN, 5 * MIN]),
        150 * S,
        "about 30 s left (5 s to 3 min, from 18 runs)",
        "~30 s",
    ),
    (eta([2 * MIN, 3 * MIN, 5 * MIN]), 3 * MIN, "less than 2 min left (from 18 runs)", "<2 min"),
    (eta([2 * MIN, 3 * MIN, 5 * MIN]), 7 * MIN, "2 min over the usual", "+2 min"),
    (eta(None, over=2 * MIN), 0, "2 min over the usual", "+2 min"),
    (eta(None, over=2 * MIN), 3 * MIN, "5 min over the usual", "+5 min"),
    (eta([4 * MIN, 5 * MIN, 6 * MIN], runs=5), 0, "4 to 6 min in 5 runs", "~5 min"),
    (eta([4 * MIN, 4 * MIN, 4 * MIN], runs=9), 0, "4 min in 9 runs", "~4 min"),
    (eta([4 * MIN, 4 * MIN, 4 * MIN], runs=1), MIN, "about 3 min left, as the last time", "~3 min"),
    (eta([50 * S, 60 * S, 120 * S], runs=7), 0, "50 s to 2 min in 7 runs", "~1 min"),
    (eta([12 * S, 22 * S, 40 * S]), 0, "about 20 s left (10 to 40, from 18 runs)", "~20 s"),
    (eta([20 * S, 20 * S, 20 * S]), 0, "about 20 s left (from 18 runs)", "~20 s"),
    (
        eta([H, 80 * MIN, 2 * H], runs=50),
        0,
        "about 1 h 20 min left (1 h to 2 h, from 50 runs)",
        "~1 h 20 min",
    ),
    # Never below zero, and before the estimate's own time as at it: clocks differ.
    (eta([0, 0, 3 * S]), 0, "less than 5 s left (from 18 runs)", "<5 s"),
    (eta([2 * MIN, 3 * MIN, 5 * MIN]), -MIN, "about 3 min left (2 to 5, from 18 runs)", "~3 min"),
    (None, 0, "", ""),
]


@pytest.mark.parametrize(("estimate", "passed", "words", "short"), WORDS)
def test_the_time_that_is_left_in_words(
    estimate: dict[str, Any] | None, passed: int, words: str, short: str
) -> None:
    assert time_words(estimate, NOW + passed) == words
    assert time_short(estimate, NOW + passed) == short


def test_both_say_the_same_of_the_time_that_is_left() -> None:
    times = [0, 2 * S, 17 * S, 58 * S, 61 * S, 90 * S, 150 * S, 9 * MIN, 59 * MIN, 61 * MIN, 5 * H]
    estimates = [
        eta(sorted([low, low + more, low + 2 * more]), runs=runs)
        for low in times
        for more in times
        for runs in (5, 1_234)
    ]
    asked: list[tuple[dict[str, Any] | None, int]] = [
        (one, NOW + passed) for one in estimates for passed in (0, 31 * S, 4 * MIN, 70 * MIN)
    ]
    asked += [(one, NOW + passed) for one, passed, _, _ in WORDS]
    script = """
    import { timeShort, timeWords } from "chef/time-left.js";
    const answer = (asked) => asked.map(([eta, at]) => [timeWords(eta, at), timeShort(eta, at)]);
    """
    assert run(script, asked) == [[time_words(one, at), time_short(one, at)] for one, at in asked]


def test_what_is_said_aloud_changes_with_the_minute_and_not_each_second() -> None:
    script = """
    import { timeSpoken } from "chef/time-left.js";
    const answer = ({ eta, moments }) => [...new Set(moments.map((at) => timeSpoken(eta, at)))];
    """
    moments = [NOW + passed for passed in range(0, 8 * MIN, S)]
    said = run(script, {"eta": eta([2 * MIN, 3 * MIN, 5 * MIN]), "moments": moments})
    assert said == [
        "about 3 minutes left",
        "about 2 minutes left",
        "about 1 minute left",
        "less than a minute left",
        "less than 2 minutes left",
        "longer than usual",
    ]
    assert run(script, {"eta": eta([H, 2 * H, 3 * H]), "moments": [NOW]}) == ["about 2 hours left"]
    assert run(script, {"eta": None, "moments": [NOW]}) == [""]


def test_the_time_that_is_left_is_french(app: Flask) -> None:
    with app.test_request_context(headers={"Accept-Language": "fr"}):
        assert time_words(WORDS[0][0], NOW) == "encore 3 min environ (2 à 5, d’après 18 builds)"
        assert time_words(eta(None, over=2 * MIN), NOW) == "2 min de plus que d’habitude"
        assert time_words(eta([4 * MIN, 5 * MIN, 6 * MIN], runs=5), NOW) == "4 à 6 min dans 5 builds"


# The bar


@pytest.mark.parametrize(
    ("given", "passed", "shown"),
    [
        # Without history the script's word, or nothing.
        (job(), MIN, (50, 50, False, "50%")),
        (job(progressKnown=False, progress=0), MIN, None),
        (None, 0, None),
        # It stands as long as it usually does, then goes on to the phase's end.
        (job(eta=eta([MIN, 2 * MIN, 3 * MIN])), 10 * S, (50, 50, False, "50%")),
        (job(eta=eta([MIN, 2 * MIN, 3 * MIN])), 65 * S, (68, 50, True, "~68%")),
        # Beyond the usual it stands, and says so in words instead of a number.
        (job(eta=eta([MIN, 2 * MIN, 3 * MIN])), 9 * MIN, (90, 50, True, "")),
        # Nobody told a progress: all of it is an expectation.
        (
            job(progressKnown=False, progress=0, startedAt=rfc3339(NOW), eta=eta([MIN, 2 * MIN, 3 * MIN])),
            MIN,
            (44.55, 0, True, "~44%"),
        ),
        # A job that ended is where it ended, and a lost one stands.
        (job(status="failed", eta=eta([MIN, 2 * MIN, 3 * MIN])), 65 * S, (50, 50, False, "50%")),
        (
            job(reporter="lost", eta=eta([MIN, 2 * MIN, 3 * MIN])),
            65 * S,
            (50, 50, False, "50%"),
        ),
    ],
)
def test_what_a_bar_shows_of_a_job(
    given: dict[str, Any] | None, passed: int, shown: tuple[float, float, bool, str] | None
) -> None:
    script = """
    import { shownBar } from "chef/shown-bar.js";
    const answer = ({ job, at }) => shownBar(job, at);
    """
    found = shown_bar(given, NOW + passed)
    in_page = run(script, {"job": given, "at": NOW + passed})
    if shown is None:
        assert found is None
        assert in_page is None
        return
    assert found
    assert (found.percent, found.said, found.is_expected, found.number) == shown
    assert [in_page[name] for name in ("percent", "said", "isExpected", "number")] == list(shown)


def test_a_bar_never_goes_back_but_where_its_script_does() -> None:
    slow, quick = eta([MIN, 2 * MIN, 3 * MIN]), eta([5 * MIN, 6 * MIN, 7 * MIN], at=rfc3339(NOW + MIN))
    steps = [
        (job(eta=slow), 65 * S),
        # A new estimate, none, a word that is lower than what was shown: it stands.
        (job(eta=quick), 66 * S),
        (job(), 67 * S),
        (job(progress=55, progressAt=rfc3339(NOW + 68 * S), eta=quick), 68 * S),
        # Lost it stands as well.
        (job(progress=55, reporter="lost", eta=quick), 69 * S),
        # Its script begins again.
        (job(progress=10, phase="preparing", progressAt=rfc3339(NOW + 70 * S), eta=quick), 70 * S),
    ]
    script = """
    import { shownBar } from "chef/shown-bar.js";
    const answer = (steps) => steps.map(([job, at]) => shownBar(job, at).percent);
    """
    shown = run(script, [[one, NOW + passed] for one, passed in steps])
    assert shown == [68, 68, 68, 68, 68, 10]


# Silence


def silent(milliseconds: int, usual: int | None, **fields: Any) -> dict[str, Any]:
    pauses = {} if usual is None else {"building": usual}
    return job(updatedAt=rfc3339(NOW - milliseconds), eta=eta([MIN, MIN, MIN], pauses=pauses), **fields)


@pytest.mark.parametrize(
    ("given", "found", "word", "more"),
    [
        (
            silent(40 * S, 40 * S - 1),
            Silence("quiet", 40 * S, 40 * S, 40 * S - 1),
            "No output for 40 s",
            "40 s.",
        ),
        (silent(4 * MIN, 40 * S), Silence("quiet", 4 * MIN, 4 * MIN, 40 * S), "No output for 4 min", "40 s."),
        (silent(39 * S, 40 * S), None, "", ""),
        # A phase that is hardly ever silent has half a minute, one that often is has more than 4 minutes.
        (silent(29 * S, 100), None, "", ""),
        (silent(5 * MIN, 10 * MIN), None, "", ""),
        # Without enough runs the rule for all.
        (silent(3 * MIN, None), None, "", ""),
        (
            silent(4 * MIN, None),
            Silence("quiet", 4 * MIN, 4 * MIN),
            "No update for 4 min",
            "still be running",
        ),
        (
            silent(4 * MIN, 40 * S, reporter="alive", seenAt=rfc3339(NOW - 5 * S)),
            Silence("alive", 4 * MIN, 5 * S, 40 * S),
            "No output for 4 min",
            "at most 40 s. No output, but the reporter",
        ),
        (
            silent(4 * MIN, 40 * S, reporter="lost"),
            Silence("lost", 4 * MIN, 4 * MIN),
            "Reporter lost",
            "Nothing received for 4 min",
        ),
        (silent(4 * MIN, 40 * S, status="failed"), None, "", ""),
        # Names that every object of JavaScript knows.
        (silent(3 * MIN, 40 * S, phase="constructor"), None, "", ""),
        (silent(3 * MIN, 40 * S, phase="__proto__"), None, "", ""),
    ],
)
def test_a_silence_is_judged_by_what_is_usual(
    given: dict[str, Any], found: Silence | None, word: str, more: str
) -> None:
    assert silence(given, NOW) == found
    script = """
    import { silenceOf } from "chef/silence.js";
    import { silenceMore, silenceWords } from "chef/silence-words.js";
    const answer = ({ job, at }) => {
      const found = silenceOf(job, at);
      return found && [silenceWords(found), silenceMore(found)];
    };
    """
    in_page = run(script, {"job": given, "at": NOW})
    if found is None:
        assert in_page is None
        return
    assert silence_words(found) == word
    assert more in silence_more(found)
    assert in_page == [silence_words(found), silence_more(found)]

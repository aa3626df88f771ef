"""Constants that server and modules share: a page carries them, and the modules read them there."""

from __future__ import annotations

import json
from copy import deepcopy

import pytest
from flask import Flask

from chef.domain.clock import rfc3339
from chef.domain.silence import LOST_MS, QUIET_MS, shown_status, silence
from chef.domain.text import clean_text
from chef.pages.constants import constants
from tests.tools.modules import run
from tests.tools.rendered import carried

NOW = 1_790_000_000_000


@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_live_page_carries_the_constants(app: Flask, language: str) -> None:
    headers = {"Accept-Language": language}
    with app.test_request_context(headers=headers):
        expected = json.loads(json.dumps(constants()))
    for path in ("/", "/projects/web", "/jobs/j"):
        assert carried(app.test_client().get(path, headers=headers).text, "constants") == expected
    assert expected["words"]["statuses"]["failed"] == {"en": "Failed", "fr": "Échec"}[language]


def test_the_modules_have_these_constants_from_the_page_alone() -> None:
    """With other constants in the page they do other things."""
    other = deepcopy(constants())
    other["endedStatuses"] = ["gone"]
    other["silence"] = {"quietMs": 1_000, "lostMs": 2_000}
    other["errorLevels"] = ["loud"]
    other["patterns"] = {
        "error": "OOPS",
        "noError": "^OOPS not",
        "mark": "^== ",
        "escape": "<[^>]*>",
        "style": "<([^>]*)>",
    }
    script = """
    import { cleanText } from "chef/escapes.js";
    import { Outline } from "chef/log-outline.js";
    import { piecesOf } from "chef/log-text.js";
    import { silenceOf } from "chef/silence.js";
    import { hasEnded } from "chef/state.js";
    const answer = (now) => {
      const silent = (milliseconds) => {
        const job = { status: "failed", updatedAt: new Date(now - milliseconds).toISOString() };
        return silenceOf(job, now)?.kind ?? null;
      };
      const outline = new Outline();
      const lines = [["== a"], ["OOPS"], ["b", "loud"], ["an error"], ["::group::c"], ["OOPS not"]];
      lines.forEach(([message, level], index) => outline.take({ line: index + 1, message, level }));
      return {
        ended: ["gone", "failed"].map((status) => hasEnded({ status })),
        silences: [999, 1_000, 2_000].map(silent),
        text: cleanText("a<b>c"),
        drawn: piecesOf("a\\u0007<b>c").map(({ text }) => text).join(""),
        errors: outline.errors,
        groups: outline.groups().map(({ first }) => first),
      };
    };
    """
    assert run(script, NOW, other) == {
        "ended": [True, False],
        "silences": [None, "quiet", "lost"],
        "text": "ac",
        "drawn": "a\x07c",
        "errors": [2, 3],
        "groups": [1],
    }


def test_both_say_the_same_of_silence() -> None:
    moments = (0, QUIET_MS - 1, QUIET_MS, LOST_MS - 1, LOST_MS, 3 * LOST_MS)
    jobs = [
        {"status": status, "updatedAt": rfc3339(NOW - silent), "reporter": reporter}
        | ({"seenAt": rfc3339(NOW - heard)} if heard is not None else {})
        for status in constants()["words"]["statuses"]
        for silent in moments
        for reporter in (None, "alive", "lost")
        for heard in (None, 0, silent)
    ]
    asked = {"until": rfc3339(NOW + 1)}
    for questions in ([asked], [{"until": rfc3339(NOW)}], [{**asked, "answer": {}}, asked]):
        jobs += [{**jobs[place], "questions": questions} for place in range(0, len(jobs), 7)]
    script = """
    import { shownStatus, silenceOf } from "chef/silence.js";
    const answer = ({ jobs, now }) => jobs.map((job) => {
      const found = silenceOf(job, now);
      return [found && [found.kind, found.silent, found.unheard], shownStatus(job, now)];
    });
    """
    said = [(silence(job, NOW), shown_status(job, NOW)) for job in jobs]
    expected = [[found and [found.kind, found.silent, found.unheard], status] for found, status in said]
    assert run(script, {"jobs": jobs, "now": NOW}) == expected


def test_both_clean_a_line_alike() -> None:
    """The sources of the patterns mean the same in both languages, with the flags that each uses."""
    alphabet = [
        "\x1b",
        "\x9b",
        "\x9c",
        "\x9d",
        "\x90",
        "\x98",
        "[",
        "]",
        "P",
        "m",
        "1;31",
        ":",
        " ",
        "\\",
        "\x07",
    ]
    alphabet += ["\t", "\n", "\r", "\x00", "\x7f", "\x80", "a", "é", "\u2028", "👍", "("]
    lines = [first + second + third + "x" for first in alphabet for second in alphabet for third in alphabet]
    script = """
    import { cleanText } from "chef/escapes.js";
    const answer = (parts) => parts.flatMap((first) => parts.flatMap((second) =>
      parts.map((third) => cleanText(`${first}${second}${third}x`))));
    """
    assert run(script, alphabet) == [clean_text(line) for line in lines]

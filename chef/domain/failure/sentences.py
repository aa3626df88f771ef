"""Tools that end in one sentence: too little is covered, files are not formatted, no test was found. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from chef.domain.failure.statements import Statement, ToolReader


class FinalSentence(NamedTuple):
    """A sentence with which a tool refuses what it saw, though nothing in it failed.

    The pattern's group is what is said. A `last_resort` counts where nothing else tells of an error:
    scripts often go on behind it.
    """

    tool: str
    words: tuple[str, ...]
    pattern: str
    last_resort: bool = False


FINAL_SENTENCES = (
    FinalSentence(
        "coverage",
        ("Required test coverage of ", "Coverage failure: ", " threshold (", " threshold for "),
        r"^(?:FAIL |ERROR:? |Jest: )*("
        r"Required test coverage of .* not reached\..*|Coverage failure: total of .*"
        r"|Coverage for .* does not meet .*threshold \(.*|\".*\" coverage threshold for .* not met: .*)$",
    ),
    FinalSentence("eslint", ("found too many warnings",), r"^(ESLint found too many warnings \(.*\))\.?$"),
    FinalSentence(
        "prettier",
        ("Code style issues ",),
        r"^(?:\[\w+\] )?(Code style issues (?:found )?in .*?)\. Run Prettier",
    ),
    FinalSentence("black, ruff", (" would be reformatted",), r"^(\d+ files? would be reformatted)\b"),
    FinalSentence("rustfmt", ("\nDiff in ",), r"^(Diff in \S+?(?::| at line )\d+):?$"),
    FinalSentence(
        "pytest",
        ("no tests ran in ", " deselected in "),
        r"^(?:=+ )?((?:\d+ deselected|no tests ran)) in \d[\d.]*s(?: =+)?$",
        last_resort=True,
    ),
    FinalSentence(
        "jest, vitest",
        ("files found, exiting", "tests found, exiting"),
        r"^(No test(?:s| files) found), exiting with code 1$",
        last_resort=True,
    ),
    FinalSentence(
        "shell",
        (": unbound variable", "(core dumped)"),
        r"^(\S+: line \d+: .*: unbound variable"
        r"|Aborted \(core dumped\)|.*: +\d+ Aborted +\(core dumped\).*)$",
        last_resort=True,
    ),
    FinalSentence("ssh", ("ssh: connect to ",), r"^(ssh: connect to host .*)$", last_resort=True),
    FinalSentence("mkdocs", ("Aborted with ",), r"^(Aborted with \d+ .*)$", last_resort=True),
)
"""What they say. Tools that count what they found have rows in `checking.py`."""


@dataclass(slots=True)
class SentenceReader(ToolReader):
    """Reads for one row of the table: what is said first counts, a run for many packages says it often."""

    sentence: FinalSentence = FINAL_SENTENCES[0]

    def take(self, number: int, text: str) -> None:
        said = re.match(self.sentence.pattern, text)
        if said is not None and not self.statements:
            one = Statement(self.sentence.tool, {}, [], number, text=said[1])
            one.last_resort = self.sentence.last_resort
            self.statements.append(one)

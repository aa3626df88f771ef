r"""Lines of a log that tell of an error: rules for what the usual build tools print. Pure.

Each rule stands for what a tool was seen to write; recordings are in `tests/recordings/errors/`. A rule has
words, one of which stands in each of its lines in lower case. In each word is one of a few `STEMS`: to
look for those is quick, and most logs have none.

The patterns are case-sensitive and see a line without what a terminal takes as a command. They are written so
that Python and JavaScript understand them alike: a page carries them as data for `static/log-outline.js`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

IGNORED = "...ignoring"
"""A line of Ansible that takes back the error of the line before it."""


class Rule(NamedTuple):
    """What a tool writes when something is wrong. `words` are in lower case."""

    tool: str
    words: tuple[str, ...]
    pattern: str


class Harmless(NamedTuple):
    """What is no error, whatever stands in it."""

    what: str
    pattern: str


# A count that is not zero, and what is counted.
_COUNT = r"(?<![\w.,:/-])[1-9]\d* "
# What may stand before a level: times, and names in brackets.
_PREFIX = r"(?:[\d\[(][\w.,:/+\[\]()-]*\s+){0,3}"
_NOT_FOUND = r"(?:(?:command )?not found|inaccessible or not found)"

RULES = (
    Rule("GitHub, Gitea", ("::error",), r"^\s*::error(?: [^:].*?)?::"),
    Rule("GitHub, Azure", ("##[error]",), r"^\s*##\[error\]"),
    Rule("Azure", ("##vso[task.logissue",), r"^\s*##vso\[task\.logissue [^\]]*\btype=error\b"),
    Rule(
        "TeamCity",
        ("##teamcity[",),
        r"^\s*##teamcity\[(?:buildProblem|testFailed|message .*status *= *'ERROR')",
    ),
    Rule(
        "compilers, git, docker, and most others",
        ("error", "fatal", "panic"),
        r"(?<![\w./-])(?<!\b0 )(?<!\b[Nn]o )(?<!\bwithout )"
        r"(?:[Ee]rror|ERROR|[Ff]atal|FATAL|[Pp]anic|PANIC)(?:\[\w+\])?: "
        r"(?!(?:0|[Nn]one|null|nil|false|undefined)\b)",
    ),
    Rule("exceptions", ("error", "exception"), r"(?:\w|^)(?:Error|Exception)(?: \[\w+\])?(?=: )"),
    Rule("exceptions", ("error", "exception"), r"^(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception)$"),
    Rule(
        "webpack, and scripts",
        ("error ",),
        r"^(?:[Ee]rror|ERROR) (?:in|at|while|during|occurred)\b",
    ),
    Rule("Node", ("this error originated",), r"^UnhandledPromiseRejection: "),
    Rule("Ruby", ("error)", "exception)"), r"^\S.*:\d+:in .* \((?:\w+::)*\w*(?:Error|Exception)\)$"),
    Rule("Rake", ("command failed with status",), r"^Command failed with status \(\d"),
    Rule("Perl", ("begin failed",), r"^BEGIN failed--compilation aborted at "),
    Rule(
        "Elixir", ("error) ", "failed ", "could not "), r"^\*\* \((?:[\w.]+Error|Mix|exit|EXIT from \S+)\) "
    ),
    Rule("Java", ("exception in thread",), r"^Exception in thread "),
    Rule("Python", ("traceback",), r"Traceback \(most recent call last\):"),
    Rule(
        "levels",
        ("error", "fatal"),
        rf"^{_PREFIX}\[?(?:ERROR|FATAL)\]?[\s:]",
    ),
    Rule("sbt, cargo", ("[error]",), r"^\[error\] "),
    Rule(
        "logfmt, JSON",
        ("=error", "=fatal", "=panic", '"error"', '"fatal"'),
        r"\blevel=(?:error|fatal|panic)\b|\"level\": ?\"(?:error|fatal)\"",
    ),
    Rule(
        "summaries of tests and compilers",
        ("fail", "error"),
        rf"{_COUNT}(?:[a-z]+ )?(?:failed|failing|failures?|errors?)(?: generated\.)?"
        r"(?=$|[,;|)]| in \S| \||\.$| \(| out of)",
    ),
    Rule("JUnit, Maven", ("fail", "errors: "), r"\b(?:Failures|Errors|Failed|failures|errors)[:=] ?[1-9]"),
    Rule(
        "pytest",
        ("\nfailed ", "\nerror ", "failures =", "errors ="),
        r"^(?:FAILED|ERROR) \S+\.py\b|^=+ (?:FAILURES|ERRORS) =+$",
    ),
    Rule(
        "pytest",
        (" failed ", " error "),
        r"::.* (?:FAILED|ERROR)\s*(?:\[ *\d+%\])?$|^(?:\[gw\d+\].*)?FAILED \S+\.py",
    ),
    Rule("pytest", ("\ne  ",), r"^E   +\S"),
    Rule(
        "unittest, Rust", ("failed", " ... fail", " ... error"), r" \.\.\. (?:FAIL|FAILED|ERROR)$|^FAILED \("
    ),
    Rule("unittest", ("\nfail: ", "\nerror: "), r"^(?:FAIL|ERROR): \S"),
    Rule("Rust", ("panicked at",), r"\bpanicked at "),
    Rule("Rust", ("test result: failed",), r"^test result: FAILED"),
    Rule("Go", ("--- fail",), r"^\s*--- FAIL"),
    Rule("Go", ("fail",), r"^FAIL(?:\t.*)?$"),
    Rule("Go", (".go:",), r"^(?:vet: )?[\w./-]+\.go:\d+:\d+: "),
    Rule("Google Test", ("[  failed  ]", ": failure"), r"^\[  FAILED  \] |^\S+:\d+: Failure$"),
    Rule("pre-commit", ("...failed",), r"^\S.*\.{3}Failed$"),
    Rule("tox", (": fail ",), r"^ *\S+: FAIL (?:code \d|✖ in )"),
    Rule("Jest, Vitest", ("fail ", "●"), r"^\s*FAIL\s+\S+[./]\S|^\s*● (?!Console$|.* Warning:)"),
    Rule(
        "Jest, Mocha, Vitest, node:test, ESLint",
        ("✗", "✖", "✘", "✕", "❌", "\u00d7"),
        r"^\s*(?:[✗✖✘✕❌]|\u00d7 )",
    ),
    Rule("Mocha", ("1) ",), r"^ {2,}1\) \S"),
    Rule("TAP", ("not ok",), r"^\s*not ok\b"),
    Rule(
        "TAP",
        ("failed ",),
        r"^\s*#   Failed test|^\s*Failed tests?:  ?\d|^Failed \d+/\d+ subtests",
    ),
    Rule("ESLint", (" error ",), r"^\s*\d+:\d+\s+error\s"),
    Rule("TypeScript, MSBuild", ("error ",), r"(?<![\w./-])error [A-Z]{2,}\d+: "),
    Rule("Maven, Gradle", ("build fail",), r"\bBUILD FAIL(?:ED|URE)\b"),
    Rule(
        "Gradle",
        ("failed", "failure: "),
        r"^FAILURE: |^(?:> Task )?:\S+ FAILED$|^\S.* > .* FAILED$|^Execution failed for task ",
    ),
    Rule("npm", ("npm err",), r"\bnpm (?:ERR!|error(?= |$))"),
    Rule("pnpm", ("command failed", "err_pnpm"), r"^\s*\[?(?:ELIFECYCLE\]? +Command failed|ERR_PNPM_)"),
    Rule("Yarn", ("error", "failed"), r"^error (?:[A-Z\"]|\S+@)|^➤ YN\d+: .*(?:Error|failed)"),
    Rule(
        "Composer, Bundler, Poetry",
        ("could not ", "solving failed"),
        r"^Your requirements could not be resolved|^Could not find gem |\bversion solving failed\.$",
    ),
    Rule("doit", ("taskfailed",), r"^TaskFailed - "),
    Rule(
        "Vite, webpack, esbuild",
        ("error during build", "failed to compile"),
        r"^error during build:|\bFailed to compile\b",
    ),
    Rule(
        "commands",
        ("failed with ",),
        r"\b[Ff]ailed with (?:error )?(?:exit )?(?:code|status):? [1-9]",
    ),
    Rule(
        "builds",
        ("failed",),
        r"^\W*(?:[Bb]uild|[Cc]ompilation|[Tt]ests?|[Ll]inting|[Dd]eploy(?:ment)?|[Ii]nstallation) failed\b",
    ),
    Rule("builds", ("failed to ",), r"^\W*Failed to (?!.*\b(?:retry|optional|ignor))"),
    Rule("make", ("***",), r"^\S*make(?:\[\d+\])?: \*\*\* |^\S+:\d+: \*\*\* .*\.  Stop\.$"),
    Rule("Ninja", ("failed: ", "subcommand failed"), r"^FAILED: |^ninja: build stopped: subcommand failed"),
    Rule("CMake", ("cmake error",), r"^CMake Error\b"),
    Rule(
        "ld",
        ("undefined reference", "undefined symbol", "multiple definition"),
        r": (?:undefined reference to|multiple definition of) |[Uu]ndefined symbols?(?: for architecture|:)",
    ),
    Rule("ld", ("cannot find",), r"\bld: cannot find "),
    Rule(
        "Ansible",
        ("failed: [", "failed="),
        r"^failed: \[|\bfailed=[1-9]",
    ),
    Rule("Terraform", ("error: ",), r"^[│╷ ]*Error: "),
    Rule("apt, dpkg", ("\ne: ",), r"^E: \S"),
    Rule("curl", ("error", "failed to ", "not "), r"^curl: \(\d+\) (?:.*\berror\b|Failed to |.* not )"),
    Rule(
        "shell",
        ("not found",),
        rf"^\S+: (?:line )?(?:\d+: )?[^:]+: {_NOT_FOUND}$|^[\w.-]*sh: [^:]+: {_NOT_FOUND}$"
        r"|: command not found(?:$|: \S)",
    ),
    Rule("shell", ("denied",), r"^(?!(?:find|grep|du): )\S+: (?:line )?(?:\d+: )?[^:]+: Permission denied$"),
    Rule("shell", ("syntax error",), r"^\S+: (?:-c: )?(?:line )?\d+: [Ss]yntax error\b"),
    Rule("ssh", ("denied (", "not resolve"), r"^ssh: \S.*|^\S+@\S+: Permission denied \("),
    Rule("shell", ("is not recognized as",), r"'.+' is not recognized as an internal or external command"),
    Rule(
        "commands",
        ("no such file", "cannot "),
        r"^[\w./+-]+: (?:.+: )?(?:cannot "
        r"|\S.*: No such file or directory$|No such file or directory$)",
    ),
    Rule(
        "system",
        ("killed",),
        r"^Killed\b(?!:)|: +\d+ Killed\b|\b[Oo]ut of memory: Killed|\bsignal: killed\b|\*\*\* .* Killed$",
    ),
    Rule(
        "system",
        ("segmentation fault", "bus error"),
        r"\b[Ss]egmentation fault\b|^Bus error",
    ),
    Rule("C", ("' failed.",), r": Assertion [`'].+' failed\.$"),
    Rule(
        "PHP",
        ("failures!", "failure:", "failures:", "error:", "errors:"),
        r"^FAILURES!$|^There (?:was|were) \d+ (?:failure|error)s?:",
    ),
)
"""What is an error. A tool can have several rules."""

HARMLESS = (
    Harmless("tests that are known to fail, or skipped", r"^\s*not ok\b.*# (?:TODO|SKIP|todo|skip)\b"),
    Harmless(
        "tests that passed", r"^\s*(?:[✓✔√☑✅·]|ok \d|=== (?:RUN|PAUSE|CONT|NAME) |--- (?:PASS|SKIP|BENCH))"
    ),
    Harmless(
        "tests that passed, in the words of pytest",
        r" (?:PASSED|SKIPPED|XFAIL|XPASS)\b|^\[gw\d+\].* (?:PASSED|SKIPPED|XFAIL)",
    ),
    Harmless(
        "tests that passed, and checks of autoconf",
        r"\.\.\. ?(?:ok|OK|passed|skipped .*|ignored.*|expected failure|yes|no|none)$",
    ),
    Harmless("tests of Google Test", r"^\[(?: RUN {6}| {7}OK |  PASSED  |  SKIPPED |-+|=+) ?\]"),
    Harmless("what Go's tests write with t.Log", r"^\s{4,}[\w-]+_test\.go:\d+: "),
    Harmless("comments of TAP: names of tests, and sums", r"^\s*# \S"),
    Harmless("what CMake finds out about the system", r"^-- (?!Configuring incomplete)"),
    Harmless(
        "names of Ansible's tasks, and what they did",
        r"^(?:TASK|PLAY|RUNNING HANDLER|HANDLER) \[|^(?:ok|changed|skipping|included|rescued): ",
    ),
    Harmless("what Ansible says again behind it", r"^\[ERROR\]: Task failed: "),
    Harmless(
        "warnings",
        r"(?:^|[\s:\]\[(])(?:[Ww]arning|WARNING|WARN|warn)\]?(?:: |\s+\[|$)"
        r"|^(?:npm (?:warn|WARN|notice)|[Ww]arn(?:ing)?) "
        rf"|^{_PREFIX}\[?(?:WARN|WARNING|INFO(?!\] BUILD FAIL)|DEBUG|TRACE|NOTICE)\]?[\s:]",
    ),
    Harmless(
        "warnings and notices of CI systems",
        r"^\s*(?:::(?:warning|notice|debug)|##\[(?:warning|debug|section|command|group)\]"
        r"|##vso\[task\.logissue [^\]]*type=warning)",
    ),
    Harmless("findings of linters that are only warnings", r"\(0 errors?, "),
    Harmless("what make ignores", r"\(ignored\)$"),
    Harmless("commands that a shell shows before it runs them", r"^\++ \S"),
    Harmless("output that Jest shows of tests", r"^ {6,}(?:[A-Z]\w*)?Error(?: \[\w+\])?: "),
)
"""Lines that are no errors, whatever stands in them."""

ERROR = "|".join(f"(?:{rule.pattern})" for rule in RULES)
NO_ERROR = "|".join(f"(?:{pattern})" for _, pattern in HARMLESS)

# ASCII: as JavaScript takes letters and digits.
_NO_ERROR = re.compile(NO_ERROR, re.ASCII)


class Sought(NamedTuple):
    """A word in lower case, the stem in it, and the pattern of the errors that have the word."""

    word: bytes
    stem: bytes
    pattern: re.Pattern[str]


def _by_words() -> Iterator[Sought]:
    patterns: dict[str, list[str]] = {}
    for rule in RULES:
        for word in rule.words:
            patterns.setdefault(word, []).append(f"(?:{rule.pattern})")
    for word, those in patterns.items():
        stem = next(stem for stem in STEMS if stem in word)
        yield Sought(word.encode(), stem.encode(), re.compile("|".join(those), re.ASCII))


STEMS = (
    *("err", "fail", "fatal", "panic", "exception", "traceback", "not ", "***", "##", "\ne", "1) ", "defin"),
    *("no such", "killed", "denied"),
    *(".go:", "segmentation", "●", "✗", "✖", "✘", "✕", "❌", "\u00d7"),
)
"""Parts of words: without one of them a text has no error. Each costs time for all that is ever scanned."""

SOUGHT = tuple(_by_words())
"""The rules by their words. A word that begins with a newline begins its line."""


def is_harmless(text: str) -> bool:
    """Whether a line is no error, whatever stands in it."""
    return _NO_ERROR.search(text) is not None

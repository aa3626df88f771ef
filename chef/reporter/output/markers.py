r"""Markers: words of a build's output about the build itself, such as sections. The output is not changed.

| in the output | becomes |
|---|---|
| `::group::TITLE`, `##[group]TITLE`, `##teamcity[blockOpened name='TITLE']` | a message (the page folds) |
| `section_start:TIME:NAME[OPTIONS]\r\e[0KTITLE`, `section_end:…` (GitLab) | a phase, its message, its end |
| `--- TITLE`, `+++ TITLE`, `~~~ TITLE` (Buildkite, where they are wanted) | a phase with a message |
| `##vso[task.setprogress value=45;]TEXT` (Azure) | progress within the phase, with a message |
| `##teamcity[progressMessage 'TEXT']` | a message |
| `##[section]Starting: TITLE`, `Finishing:` (Azure), `travis_fold:start:NAME`, `end` | a phase, its end |
| `[Pipeline] { (TITLE)` (Jenkins), `[Container] … Entering phase NAME` (CodeBuild) | a phase |
| `===> NAME` in capitals (Cloud Native Buildpacks) | a phase |
| `-----> TEXT` (Heroku), `==> TEXT` (Render) | a message |
| `::stop-commands::TOKEN` … `::TOKEN::` | nothing in between is a marker |
| `::add-mask::VALUE` | the value is masked from here on |
| `##vso[task.setsecret]VALUE`, `##vso[task.setvariable …;issecret=true]VALUE` (Azure) | the same |
"""

from __future__ import annotations

import re
from typing import Callable, NamedTuple

from chef.reporter.output.headings import HEADING_SIGNS, HeadingFinder

MAX_TITLE = 200
# Phases that mean something to the server: a section of that name would end or rewind the job.
_NOT_A_PHASE = frozenset({"completed", "queued"})

# Without one of these there is no marker, and most output has none. A single character, the one in front, is
# looked for many times faster than several are.
_SIGNS = (
    (b":", b"::"),
    (b"#", b"##"),
    (b"_", b"section_"),
    (b"_", b"travis_fold:"),
    (b">", b"==> "),
    (b">", b"---> "),
    (b"]", b"[Container] "),
    (b"]", b"[Pipeline] "),
)
# A marker begins its line, after blanks and colours. (The line end comes first here, since
# a pattern that begins with few characters is searched for quickly.)
_BEGINS = re.compile(
    rb"[\r\n](?:[ \t]|\x1b\[[0-9;]*[mK])*"
    rb"((?:::[^\r\n]|\#\#(?:vso|teamcity)?\[|(?:section_|travis_fold:)(?:start|end):"
    rb"|-----> |={2,3}> |\[Container\] |\[Pipeline\] )[^\r\n]*(?:\r\x1b\[[0-9]*K[^\r\n]*)?)"
)
# Of lines with one of these the order counts: another phase, an end of all markers, a percent of its own.
_TURNS = (
    *((b"_", b"section_"), (b"_", b"travis_fold:"), (b"#", b"##[section]"), (b"]", b"[Pipeline]")),
    *((b"]", b"[Container]"), (b">", b"==> "), (b":", b"::stop-commands")),
    (b"#", b"##vso[task.setprogress"),
)
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-_])|[\x00-\x1f\x7f]")
# The same without single characters, which part words.
_SEQUENCES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-_])")

_COMMAND = re.compile(r"::([A-Za-z0-9_-]+)(?: [^:]*)?::(.*)")
_SECTION = re.compile(
    r"section_(start|end):\d+:([\w.*-]+)(?:\[[^\]]*\])?(?:\r(?:\x1b\[0?K)?(.*))?", re.DOTALL
)
_HEADING = re.compile(r"(---|\+\+\+|~~~) (.*)")
# The same signs as a diff has them, and as Go's tests print them.
_NO_HEADING = re.compile(
    r"(?:---|\+\+\+) (?:[ab]/|/dev/null|\S+\t|(?:FAIL|PASS|SKIP|BENCH)\b|\d+(?:,\d+)? ----)|.*-{3,}\s*$"
)
_AZURE = re.compile(r"##vso\[task\.setprogress([^\]]*)\](.*)", re.IGNORECASE)
_AZURE_VALUE = re.compile(r"\bvalue=(\d{1,3}(?:\.\d{1,6})?)", re.IGNORECASE)
_AZURE_SECRET = re.compile(
    r"##vso\[task\.(?:setsecret[^\]]*|setvariable (?=[^\]]*\bissecret=true\b)[^\]]*)\](.*)", re.IGNORECASE
)
_AZURE_GROUP = re.compile(r"##\[group\](.*)")
_TEAMCITY = re.compile(
    r"##teamcity\[(?:progressMessage|progressStart|blockOpened)\s+"
    # The text alone, or among attributes in any order.
    r"(?:\w+\s*=\s*'(?:[^'|]|\|.)*'\s+)*?(?:name\s*=\s*|(?<=\s)(?='))'((?:[^'|]|\|.)*)'"
)
_TRAVIS = re.compile(r"travis_fold:(start|end):([\w-]+)")
_AZURE_SECTION = re.compile(r"##\[section\](Starting|Finishing): (.+)")
_JENKINS = re.compile(r"\[Pipeline\] \{ \((.+)\)")
_CODEBUILD = re.compile(r"\[Container\] .*\bEntering phase ([A-Z_]+)")
_BUILDPACK = re.compile(r"===> ([A-Z]+)\s*$")
_STEP = re.compile(r"(?:-----|==)> (.+)")
_TEAMCITY_ESCAPE = re.compile(r"\|(0x[0-9A-Fa-f]{4}|.)")
_TEAMCITY_CHARACTERS = {"n": " ", "r": " ", "x": " ", "l": " ", "p": " "}
_EMOJI = re.compile(r":[a-z0-9_+-]+:")


class Marker(NamedTuple):
    """What output says; None is no word about it. `ends` is a section that is over.

    `progress` is how far a tool is, in percent, within the phase that runs.
    """

    phase: str | None = None
    progress: float | None = None
    message: str | None = None
    ends: str | None = None


class MarkerParser:
    """Finds markers in whole lines. One for all streams of a build: a stop holds for all of them."""

    def __init__(
        self, add_mask: Callable[[str], None], mask: Callable[[str], str] = str, headings: bool = True
    ) -> None:
        self._add_mask = add_mask
        self._mask = mask
        self._headings = HeadingFinder() if headings else None
        self._stopped_by: str | None = None
        self._is_traced = False

    def find(self, lines: bytes) -> list[Marker]:
        """The markers in these lines, in their order."""
        headings = self._find_headings(lines)
        if not headings and not any(character in lines and sign in lines for character, sign in _SIGNS):
            return []
        text = b"\n" + lines
        found = [(one.start(1) - 1, one.group(1)) for one in _BEGINS.finditer(text)]
        in_order = sorted([*found, *headings], key=lambda one: one[0])
        markers = (self._read(line.decode("utf-8", "replace")) for _, line in in_order)
        return [marker for marker in markers if marker is not None]

    @property
    def wants_headings(self) -> bool:
        """Whether Buildkite's headings are markers."""
        return self._headings is not None

    @property
    def is_stopped(self) -> bool:
        """Whether nothing in the output counts for now."""
        return self._stopped_by is not None

    def may_turn(self, output: bytes) -> bool:
        """Whether output may have a marker behind which its lines mean something else."""
        if self.is_stopped or any(character in output and sign in output for character, sign in _TURNS):
            return True
        return self._headings is not None and any(sign in output for sign in HEADING_SIGNS)

    def title(self, text: str | None) -> str | None:
        """A text of the output as a message: without secrets, colours and controls, and not too long."""
        return clean(self._mask(text)) or None if text else None

    def _find_headings(self, lines: bytes) -> list[tuple[int, bytes]]:
        if self._headings is None:
            return []
        # As `set -x` writes: its third level looks like a heading, and comes with the second.
        if not self._is_traced and b"+" in lines:
            self._is_traced = b"\n++ " in lines or lines.startswith(b"++ ")
        return self._headings.find(lines)

    def _read(self, line: str) -> Marker | None:
        if self._stopped_by is not None:
            if line.strip() == "::%s::" % self._stopped_by:
                self._stopped_by = None
            return None
        if self._obeys(line):
            return None
        # Before a title is cut, or made a name: what is left of a secret then is no longer found.
        line = self._mask(line)
        if self._is_traced and line.startswith("+++ "):
            return None
        command = _COMMAND.match(line)
        if command:
            return _group(command.group(1), command.group(2))
        for read in _READERS:
            marker = read(line)
            if marker is not None:
                return marker
        return None

    def _obeys(self, line: str) -> bool:
        """Whether it was a command that says something to us, and nothing of the build."""
        secret = _AZURE_SECRET.match(line)
        if secret:
            self._add_mask(_azure_unescaped(secret.group(1)).strip())
            return True
        command = _COMMAND.match(line)
        name, token = (command.group(1), command.group(2).strip()) if command else ("", "")
        if name.lower() == "add-mask":
            self._add_mask(_unescaped(token))
            return True
        # A word that is a command itself would be ended by that command.
        if name.lower() == "stop-commands" and token and token.lower() not in ("pause-logging", "true"):
            self._stopped_by = token
            return True
        return False


def clean(text: str) -> str:
    """A title without colours and controls, not too long."""
    plain = " ".join(_ESCAPES.sub(" ", _SEQUENCES.sub("", text)).split())
    return plain if len(plain) <= MAX_TITLE else plain[: MAX_TITLE - 1] + "…"


def phase_named(text: str) -> str | None:
    """A title as a phase's name, or None where it cannot be one."""
    words = re.sub(r"[^a-z0-9_-]+", "-", _EMOJI.sub(" ", clean(text)).lower()).strip("-_")[:32].strip("-_")
    return words if words and words not in _NOT_A_PHASE else None


def masked_phase(mask: Callable[[str], str], phase: str) -> str:
    """A phase's name without secrets, and still a name."""
    masked = mask(phase)
    return phase if masked == phase else phase_named(masked) or "building"


def _unescaped(value: str) -> str:
    return value.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")


def _azure_unescaped(value: str) -> str:
    return _unescaped(value.replace("%5D", "]").replace("%3B", ";").replace("%AZP25", "%25"))


def _group(name: str, value: str) -> Marker | None:
    title = clean(_unescaped(value.replace("%3A", ":").replace("%2C", ","))) if name == "group" else ""
    return Marker(message=title) if title else None


def _section(line: str) -> Marker | None:
    found = _SECTION.match(line)
    if not found:
        return None
    name = phase_named(found.group(2))
    if name is None:
        return None
    if found.group(1) == "end":
        return Marker(ends=name)
    return Marker(phase=name, message=clean(found.group(3) or "") or clean(found.group(2)))


def _heading(line: str) -> Marker | None:
    found = _HEADING.match(line)
    if not found or _NO_HEADING.match(line):
        return None
    phase, title = phase_named(found.group(2)), clean(_EMOJI.sub("", found.group(2)))
    return Marker(phase=phase, message=title or None) if phase else None


def _azure(line: str) -> Marker | None:
    found = _AZURE.match(line)
    if found:
        value = _AZURE_VALUE.search(found.group(1))
        return _at(value.group(1), found.group(2)) if value else None
    group = _AZURE_GROUP.match(line)
    return Marker(message=clean(group.group(1))) if group and clean(group.group(1)) else None


def _teamcity(line: str) -> Marker | None:
    found = _TEAMCITY.match(line)
    if not found:
        return None
    text = clean(_TEAMCITY_ESCAPE.sub(_teamcity_character, found.group(1)))
    return Marker(message=text) if text else None


def _teamcity_character(found: re.Match[str]) -> str:
    escape = found.group(1)
    if len(escape) > 1:
        return chr(int(escape[2:], 16)) if not 0xD800 <= int(escape[2:], 16) < 0xE000 else "�"
    return _TEAMCITY_CHARACTERS.get(escape, escape)


def _fold(line: str) -> Marker | None:
    """Travis folds `install.1`, `install.2`: both are the phase `install`."""
    found = _TRAVIS.match(line)
    name = phase_named(found.group(2)) if found else None
    if found is None or name is None:
        return None
    return Marker(ends=name) if found.group(1) == "end" else Marker(phase=name, message=found.group(2))


def _stage(line: str) -> Marker | None:
    """Stages of Azure Pipelines and Jenkins."""
    found = _AZURE_SECTION.match(line)
    if found and found.group(1) == "Finishing":
        name = phase_named(found.group(2))
        return Marker(ends=name) if name else None
    title = clean(found.group(2)) if found else ""
    if not found:
        stage = _JENKINS.match(line)
        title = clean(stage.group(1)) if stage else ""
    phase = phase_named(title)
    return Marker(phase=phase, message=title) if phase else None


def _platform_step(line: str) -> Marker | None:
    """Phases of CodeBuild and of Cloud Native Buildpacks, steps of Heroku and Render."""
    line = _ESCAPES.sub("", line)
    found = _CODEBUILD.match(line) or _BUILDPACK.match(line)
    phase = phase_named(found.group(1)) if found else None
    if phase:
        return Marker(phase=phase)
    step = _STEP.match(line)
    title = clean(step.group(1)) if step else ""
    return Marker(message=title) if title else None


_READERS = (_section, _heading, _azure, _teamcity, _fold, _stage, _platform_step)


def _at(percent: str, message: str | None) -> Marker | None:
    value = float(percent)
    if not 0 <= value <= 100:
        return None
    return Marker(progress=int(value) if value == int(value) else value, message=clean(message or "") or None)

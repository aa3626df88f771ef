"""The bodies of stop requests, questions and answers (contract section 8)."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from chef.domain.model import ID, ID_RULE
from chef.domain.text import clean_text
from chef.wire.findings import Findings
from chef.wire.forms import whole_of_form
from chef.wire.values import characters, is_integer, kind_of

MAX_NAME, MAX_QUESTION, MAX_OPTION = 100, 500, 60
MIN_OPTIONS, MAX_OPTIONS = 2, 8
MAX_SECONDS = 24 * 60 * 60
SECONDS = 600
"""So long a question can be answered, unless it says otherwise."""

_NAME = characters(MAX_NAME)


class AskedQuestion(NamedTuple):
    """A question as it was sent."""

    question_id: str
    text: str
    options: tuple[str, ...]
    default: str | None
    seconds: int
    warnings: tuple[str, ...]


def parse_by(fields: Mapping[str, Any]) -> tuple[str | None, tuple[str, ...]]:
    """How the caller of a stop request calls itself, if it does, and warnings. Raises Invalid."""
    findings = Findings()
    name = _by(fields, findings)
    _check_names(fields, ("by",), findings)
    return name, findings.warnings()


def parse_answer(fields: Mapping[str, Any]) -> tuple[str, str | None, tuple[str, ...]]:
    """The option that an answer is, how its sender calls itself, and warnings. Raises Invalid."""
    findings = Findings()
    option = _needed_text(fields, "answer", MAX_OPTION, findings)
    name = _by(fields, findings)
    _check_names(fields, ("answer", "by"), findings)
    return option, name, findings.warnings()


def parse_question(fields: Mapping[str, Any]) -> AskedQuestion:
    """A question that a build asks. Raises Invalid."""
    findings = Findings()
    question_id = fields.get("id", "q-" + secrets.token_hex(6))
    if not isinstance(question_id, str) or not ID.fullmatch(question_id):
        findings.wrong("id", ID_RULE)
    text = _needed_text(fields, "text", MAX_QUESTION, findings)
    options = _options(fields.get("options"), findings)
    default = fields.get("default")
    default = one_line(default) if isinstance(default, str) else default
    if default is not None and default not in options:
        findings.wrong("default", "must be one of the options")
    seconds = whole_of_form(fields.get("timeout", SECONDS))
    if not is_integer(seconds) or not 1 <= seconds <= MAX_SECONDS:
        findings.wrong("timeout", f"must be a whole number of seconds from 1 to {MAX_SECONDS}")
    _check_names(fields, ("id", "text", "options", "default", "timeout"), findings)
    return AskedQuestion(question_id, text, options, default, seconds, findings.warnings())


def _options(value: Any, findings: Findings) -> tuple[str, ...]:
    """The options: an array, or in a form words separated by commas."""
    given = value.split(",") if isinstance(value, str) else value
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        findings.wrong("options", "is needed: an array of texts, or texts separated by commas")
        return ()
    options = tuple(one_line(one) for one in given)
    if not MIN_OPTIONS <= len(options) <= MAX_OPTIONS or len(set(options)) < len(options):
        findings.wrong("options", f"must be {MIN_OPTIONS} to {MAX_OPTIONS} different texts")
    elif not all(1 <= len(one) <= MAX_OPTION for one in options):
        findings.wrong("options", f"must each be 1 to {MAX_OPTION} characters")
    return options


def _needed_text(fields: Mapping[str, Any], name: str, most: int, findings: Findings) -> str:
    if name not in fields:
        findings.missing(name, fields, (name,))
        return ""
    text = fields[name]
    if not isinstance(text, str):
        findings.wrong(name, f"must be a string, not {kind_of(text)}")
        return ""
    text = one_line(text)
    if not 1 <= len(text) <= most:
        findings.wrong(name, f"must be 1 to {most} characters")
    return text


def _by(fields: Mapping[str, Any], findings: Findings) -> str | None:
    if fields.get("by") in (None, ""):
        return None
    return one_line(str(_NAME.check(fields["by"], "by", findings))) or None


def one_line(text: str) -> str:
    """A text as one line that neither a terminal obeys nor a reader takes for another direction."""
    return " ".join(clean_text(text.translate(_NO_DIRECTIONS)).split())


_NO_DIRECTIONS = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C])


def _check_names(fields: Mapping[str, Any], names: Collection[str], findings: Findings) -> None:
    findings.check_names(fields, names)
    findings.raise_if_failed()

"""Secrets that the output itself names, and the forms that a secret takes elsewhere."""

from __future__ import annotations

import json
import shlex
import urllib.parse
from pathlib import Path

import pytest

from chef.reporter.output.markers import MarkerParser
from chef.reporter.output.masking import Masker
from chef.reporter.output.secretcommands import hide_secret_commands
from tests.tools.reporting import Store, build, pretending

SECRET = """pa"ss'w\\ord 100%/é$x"""


@pytest.mark.parametrize(
    "form",
    [
        urllib.parse.quote(SECRET, safe=""),
        urllib.parse.quote(SECRET),
        urllib.parse.quote_plus(SECRET),
        urllib.parse.quote(SECRET, safe="")
        .replace("%2F", "%2f")
        .replace("%C3%A9", "%c3%a9")
        .replace("%5C", "%5c"),
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        json.dumps(SECRET)[1:-1].replace("/", "\\/"),
        shlex.quote(SECRET)[1:-1],
        SECRET.replace("'", "'\\''"),
        "".join("\\" + one if one in '\\"$`' else one for one in SECRET),
        "".join(one if one.isalnum() or one in "%/" else "\\" + one for one in SECRET),
        SECRET.replace("%", "%25"),
        SECRET.replace("%", "%AZP25"),
        SECRET,
    ],
)
def test_a_secret_is_masked_in_the_forms_that_it_takes_elsewhere(form: str) -> None:
    assert Masker({"A_KEY": SECRET}).text(f"a {form} b") == "a *** b"


def test_a_value_of_several_lines_is_masked_in_json() -> None:
    text = json.dumps({"key": "one\nt\nthree-and-more"})
    assert Masker({"A_KEY": "one\nt\nthree-and-more"}).text(text) == '{"key": "***"}'


@pytest.mark.parametrize(
    ("line", "value", "shown"),
    [
        ("::add-mask::100%25secret", "100%secret", "::add-mask::***"),
        ("::ADD-MASK::some value", "some value", "::ADD-MASK::***"),
        ("  \x1b[36m::add-mask::some value", "some value", "  \x1b[36m::add-mask::***"),
        ("##vso[task.setsecret]some%3Bvalue", "some;value", "##vso[task.setsecret]***"),
        ("##vso[task.setsecret]100%AZP25", "100%", "##vso[task.setsecret]***"),
        (
            "##vso[task.setvariable variable=x;issecret=true]some value",
            "some value",
            "##vso[task.setvariable variable=x;issecret=true]***",
        ),
        (
            "##vso[task.setvariable issecret=True;variable=x;]some value",
            "some value",
            "##vso[task.setvariable issecret=True;variable=x;]***",
        ),
        ("::add-mask::abc", "abc", "::add-mask::***"),
    ],
)
def test_what_a_command_names_is_masked_and_so_is_its_own_line(line: str, value: str, shown: str) -> None:
    values: list[str] = []
    MarkerParser(values.append).find(line.encode() + b"\n")
    assert values == [value]
    assert hide_secret_commands(f"a\n{line}\r\nb\n".encode()) == f"a\n{shown}\r\nb\n".encode()


@pytest.mark.parametrize(
    "line",
    [
        "##vso[task.setvariable variable=x;issecret=false]some value",
        "##vso[task.setvariable variable=x]issecret=true",
        "text ::add-mask::x",
        "::add-mask::",
        "std::vector add-mask",
    ],
)
def test_other_lines_are_left_as_they_are(line: str) -> None:
    values: list[str] = []
    MarkerParser(values.append).find(line.encode() + b"\n")
    assert [value for value in values if value] == []
    assert hide_secret_commands(line.encode() + b"\n") == line.encode() + b"\n"


@pytest.mark.real
@pytest.mark.slow
def test_no_named_secret_leaves_the_machine(tmp_path: Path) -> None:
    store = Store()
    script = (
        "echo '::add-mask::100%25secret'; echo 'a 100%secret b 100%25secret c';"
        " echo '##vso[task.setsecret]azure+value'; echo 'https://x/?q=azure%2Bvalue'"
    )
    with pretending(store.take) as server:
        build(tmp_path, server.url, command=("sh", "-c", script))
    assert store.streams["stdout"] == (
        b"::add-mask::***\na *** b *** c\n##vso[task.setsecret]***\nhttps://x/?q=***\n"
    )

"""English and French: every text is there, and numbers, times and plurals are right in both."""

from __future__ import annotations

import ast
import html
import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser, expect

from chef.domain.clock import now_ms
from chef.errors import Unauthorized
from chef.pages.language import catalogue_file, gettext, in_language, ngettext
from chef.pages.refusals import in_words
from chef.pages.verdict import verdict
from chef.pages.words import age, duration, moment, number, percent, size
from tests.tools.browser import Complaints, watched_context
from tests.tools.serving import ROOT, Served
from tests.tools.texts import extracted, french, update

FRENCH = {"Accept-Language": "fr-CA,fr;q=0.9,en;q=0.5"}
# Narrow and wide spaces that do not break, as French has them before `%` and `:`.
NARROW, WIDE = "\u202f", "\u00a0"


def placeholders(text: str) -> list[str]:
    return sorted(re.findall(r"%\(\w+\)s", text))


def forms(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


# No text is missing


def test_the_french_file_has_the_texts_of_the_sources_and_no_others() -> None:
    """If this fails: `make texts`, then translate what is empty."""
    assert catalogue_file("fr").read_text("utf-8") == update()


def test_every_text_is_translated_with_its_placeholders() -> None:
    faults = [
        (message.id, message.string)
        for message in french()
        if message.id
        for said in forms(message.string)
        if message.fuzzy or not said or placeholders(said) != placeholders(forms(message.id)[-1])
    ]
    assert faults == []


def test_french_is_set_as_french_is() -> None:
    """No plain space before `:`, `;`, `?` and `!`, no typewriter's apostrophe."""
    said = [one for message in french() if message.id for one in forms(message.string)]
    assert [one for one in said if re.search(r" [:;?!»]|« |\w'\w|\.\.\.", one)] == []


class Words(HTMLParser):
    """The words that are read in a template, without those that its expressions compute."""

    READ = ("aria-label", "title", "placeholder", "alt")

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._within: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in self.READ and value]
        if tag in ("code", "script", "style", "symbol"):
            self._within.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._within and self._within[-1] == tag:
            self._within.pop()

    def handle_data(self, data: str) -> None:
        if not self._within:
            self.found.append(data)


@pytest.mark.parametrize("path", sorted((ROOT / "templates").glob("*.html")), ids=lambda path: path.name)
def test_no_template_says_anything_past_the_translation(path: Path) -> None:
    words = Words()
    names = r"\{% block (?:kind|icon) %\}.*?\{% endblock %\}"
    computed = r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}"
    words.feed(re.sub(f"{names}|{computed}", "", path.read_text("utf-8"), flags=re.DOTALL))
    said = [one.replace("Chef", "").strip() for one in words.found]
    assert [one for one in said if re.search(r"[A-Za-z]{2,}", one)] == []


def test_modules_say_nothing_past_the_translation() -> None:
    """All words of the modules are in texts.js, and there each is an argument of `_` or `ngettext`."""
    source = (ROOT / "static/texts.js").read_text("utf-8")
    source = re.sub(r"^import .*$|//.*$|/\*.*?\*/", "", source, flags=re.MULTILINE)
    source = re.sub(r'\b(?:_|ngettext)\(\s*"[^"]*"(?:,\s*"[^"]*")?', "", source)
    source = re.sub(r'"[^"]+":', "", source)
    assert re.findall(r'"[^"]+"', source) == []
    for path in (ROOT / "static").glob("*.js"):
        if path.name not in ("i18n.js", "texts.js"):
            assert "chef/i18n.js" not in path.read_text("utf-8") or "_," not in path.read_text("utf-8")


def sentences_of_refusals() -> Iterator[str]:
    """How the sentences begin that refuse a reader, up to where they name particulars."""
    sources = [path.read_text("utf-8") for path in sorted((ROOT / "chef/access").glob("*.py"))]
    for node in ast.walk(ast.parse("\n".join(sources).replace("from __future__ import annotations", ""))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
            if node.func.id not in ("Unauthorized", "MissingToken", "WrongToken", "Forbidden"):
                continue
            text = node.args[0]
            first = text.values[0] if isinstance(text, ast.JoinedStr) else text
            if isinstance(first, ast.Constant):
                yield str(first.value) + ("exp" if isinstance(text, ast.JoinedStr) else "")


def test_what_a_reader_is_refused_with_is_said_in_french(app: Flask) -> None:
    sentences = list(sentences_of_refusals())
    assert len(sentences) > 12
    with app.test_request_context(headers=FRENCH):
        generic = gettext("this is not allowed")
        for sentence in sentences:
            assert in_words(Unauthorized(sentence)) not in (sentence, generic), sentence
    with app.test_request_context():
        assert [in_words(Unauthorized(one)) for one in sentences] == sentences


# Which language


@pytest.mark.parametrize(
    ("asked", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("fr", "fr"),
        ("fr-CA,fr;q=0.8", "fr"),
        ("de,fr;q=0.5,en;q=0.4", "fr"),
        ("de", "en"),
        ("en-GB,en;q=0.9,fr;q=0.8", "en"),
        ("*", "en"),
        ("fr;q=0", "en"),
        ("nonsense;;q=x,", "en"),
    ],
)
def test_a_page_is_in_the_language_that_the_browser_prefers(
    app: Flask, asked: str | None, language: str
) -> None:
    headers = {} if asked is None else {"Accept-Language": asked}
    for path in ("/", "/jobs/none", "/projects/none", "/nowhere"):
        answer = app.test_client().get(path, headers=headers)
        assert f'<html lang="{language}">' in answer.text
        assert answer.headers["Content-Language"] == language
        assert "Accept-Language" in answer.headers["Vary"]


def test_the_api_speaks_to_programs_in_one_language(app: Flask) -> None:
    answer = app.test_client().get("/api/jobs/none", headers=FRENCH)
    assert answer.json["title"] == "Not found"  # type: ignore[index]
    assert "Accept-Language" not in answer.headers.get("Vary", "")


# Texts


def text_of(client: FlaskClient, path: str, **headers: str) -> str:
    page = client.get(path, headers=headers or FRENCH).text
    return html.unescape(re.sub(r"<script.*?</script>|<code.*?</code>|<[^>]+>", " ", page, flags=re.DOTALL))


def test_a_page_is_french_throughout(app: Flask) -> None:
    client = app.test_client()
    client.post(
        "/api/updates",
        json=[
            {"type": "progress", "jobId": "j", "projectId": "web", "phase": "installing"},
            {"type": "progress", "jobId": "j", "phase": "building", "progress": 72.5},
            {"type": "error", "jobId": "j", "message": "xyz", "code": 3},
        ],
    )
    page = text_of(client, "/jobs/j")
    for words in ("Échec", "code 3", f"72{WIDE}%", "installation", "construction", "Raccourcis clavier"):
        assert words in page
    english = {text for message in extracted() if message.id for text in forms(message.id)}
    same = {one for message in french() for one in forms(message.string)}
    for path in ("/", "/projects/web", "/jobs/j", "/jobs/none", "/projects/none", "/nowhere"):
        page = text_of(client, path)
        said = {one for one in english - same if len(one) > 3 and re.search(rf"\b{re.escape(one)}\b", page)}
        assert said == set(), path


def test_the_login_is_french(make_app: Callable[..., Flask]) -> None:
    app = make_app(jwt_secret="a secret of more than thirty-two bytes, for tests", public_read=False)
    client = app.test_client()
    assert "Il faut un jeton pour lire ici." in text_of(client, "/login")
    answer = client.post("/login", data={"token": "nonsense"}, headers=FRENCH)
    assert f"La connexion a échoué{WIDE}: ce jeton n’est pas valable." in html.unescape(answer.text)


def test_numbers_times_and_plurals_are_french(app: Flask) -> None:
    with app.test_request_context(headers=FRENCH):
        assert [duration(one) for one in (0, 4_249, 42_300, 125_000, 7_390_000)] == [
            "0 s", "4,2 s", "42 s", "2 min 05 s", "2 h 03 min",
        ]  # fmt: skip
        assert [age(one) for one in (4_000, 240_000, 7_200_000, 3 * 86_400_000)] == [
            "4 s", "4 min", "2 h", "3 j",
        ]  # fmt: skip
        assert [size(one) for one in (999, 14_200, 3e9)] == ["999 o", "14,2 ko", "3,0 Go"]
        assert (percent(72.9), number(12_345)) == (f"72{WIDE}%", f"12{NARROW}345")
        assert moment("2026-11-24T01:40:26.000Z") == "24 nov. 2026, 01:40:26 UTC"
        said = [verdict({"integrity": {"complete": True, "lines": count}}) for count in (0, 1, 2)]
        assert [one.faults[0] for one in said if one] == [
            "0 ligne a été envoyée et est arrivée",
            "1 ligne a été envoyée et est arrivée",
            "2 lignes ont été envoyées et sont arrivées",
        ]


def test_texts_and_numbers_may_be_those_of_another_language_for_a_while(app: Flask) -> None:
    """A badge is in English, whoever asks first for the page that shows it."""
    with app.test_request_context(headers=FRENCH):
        assert (gettext("Failed"), number(1234)) == ("Échec", f"1{NARROW}234")
        with in_language("en"):
            assert (gettext("Failed"), number(1234)) == ("Failed", "1,234")
            with in_language("fr"):
                assert gettext("Failed") == "Échec"
            assert gettext("Failed") == "Failed"
        assert (gettext("Failed"), number(1234)) == ("Échec", f"1{NARROW}234")


@pytest.mark.parametrize(("language", "said"), [("fr", "il y a 4 min"), ("en", "4 min ago")])
def test_how_old_things_are_is_told_without_javascript(
    make_app: Callable[..., Flask], language: str, said: str
) -> None:
    at = now_ms()
    app = make_app(clock=lambda: at)
    client = app.test_client()
    client.post("/api/jobs/j/progress", data={"projectId": "web"})
    at += 245_000
    for path in ("/", "/projects/web"):
        text = client.get(path, headers={"Accept-Language": language}).text
        assert re.findall(r'<time [^>]*title="[^"]+ UTC">([^<]*)<', text)[0] == said


def test_times_are_english_by_default(app: Flask) -> None:
    with app.test_request_context():
        assert moment("2026-11-24T01:40:26.000Z") == f"Nov 24, 2026, 1:40:26{NARROW}AM UTC"
        assert (number(12_345), age(61_000), age(90_000_000)) == ("12,345", "1 min", "1 d")


# In a browser

SAY = """async (given) => {
  const say = await import("chef/format.js");
  return {
    durations: given.times.map(say.duration), ages: given.times.map(say.age),
    percents: given.percents.map(say.percent), sizes: given.sizes.map(say.fileSize),
    lines: (await import("chef/texts.js")).texts.lines(12345),
  };
}"""


@pytest.mark.parametrize(("locale", "live"), [("en-GB", "Live"), ("fr-FR", "En direct")])
def test_server_and_browser_say_the_same(
    app: Flask, server: Served, browser: Browser, complaints: Complaints, locale: str, live: str
) -> None:
    server.update({"type": "progress", "jobId": "j", "projectId": "web", "phase": "building"})
    given: dict[str, list[float]] = {
        "times": [
            0,
            49,
            50,
            950,
            4_249,
            4_250,
            4_350,
            9_949,
            9_950,
            42_300,
            59_999,
            125_000,
            3_599_600,
            10**9,
        ],
        "percents": [0, 0.9, 29, 57.9, 72.5, 99.99, 100],
        "sizes": [0, 512, 999, 1_000, 1_250, 14_200, 999_949, 999_960, 3_400_000_000, 5e12],
    }
    with watched_context(browser, complaints, locale=locale) as context:
        page = context.new_page()
        page.goto(f"{server.url}/jobs/j")
        expect(page.locator("#chip-word")).to_have_text(live)
        said = page.evaluate(SAY, given)
        waiting = context.new_page()
        waiting.goto(f"{server.url}/")
        expect(waiting.locator("#chip-word")).to_have_text(live)
    with app.test_request_context(headers={"Accept-Language": locale}):
        assert said == {
            "durations": [duration(int(one)) for one in given["times"]],
            "ages": [age(int(one)) for one in given["times"]],
            "percents": [percent(one) for one in given["percents"]],
            "sizes": [size(one) for one in given["sizes"]],
            "lines": ngettext("%(count)s line", "%(count)s lines", 12_345),
        }

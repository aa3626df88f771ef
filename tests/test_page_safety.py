"""Nothing that a build sends executes or is a link to what executes; all is shown as it was sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from chef.domain.text import clean_text
from tests.tools.serving import Served

Start = Callable[..., Served]

MARKUP = '</script><script>alert(1)</script><img src=x onerror="alert(2)">\'"&amp;<b>{{7*7}}${alert(3)}'
ESCAPES = "\x1b[31mred\x1b[0m \x1b]8;;javascript:alert(4)\x07link\x1b]8;;\x07 \x1b]0;title\x07 \x9b2J"
ODD = "\u202egnp.exe\u202c \u200fעברית\u200e \ufeff\u2028\u2029 e\u0301 \U0001f525"
ATTACKS = [MARKUP, ESCAPES, ODD, "javascript:alert(5)", "data:text/html,<script>alert(6)</script>"]
# Whatever the ids' rule allows.
ID = "constructor.__proto__:~@+-"

FIELDS = """() => {
  const text = (selector) => [...document.querySelectorAll(selector)].map((one) => one.textContent);
  const list = (id) => [...document.getElementById(id).children];
  // A long text shows its begin in a summary, and opens whole.
  const whole = (part) => [...(part.querySelector("details") ?? part).childNodes]
    .filter((one) => one.nodeName !== "SUMMARY").map((one) => one.textContent).join("");
  return {
    name: text("#name")[0],
    phases: text("#phases [data-field=phase]"),
    source: list("source").map((one) => [one.dataset.kind, one.querySelector("bdi").textContent]),
    details: list("details").map((one) => [...one.children].map(whole)),
    artifacts: text("#artifacts bdi"),
    links: [...document.querySelectorAll("main a")].map((a) => a.getAttribute("href")),
    elements: document.querySelectorAll("main :is(img, script, iframe, b, style)").length,
  };
}"""


@pytest.fixture(params=["true", "false"], ids=["socket", "stream"])
def either(request: pytest.FixtureRequest, start_server: Start) -> Served:
    return start_server(WEBSOCKET_ENABLED=request.param)


def check_links(links: list[str]) -> None:
    assert [one for one in links if not one.startswith(("/", "#", "https://files.example.com/"))] == []


def meta_of(attack: str) -> dict[str, Any]:
    kinds = {"title": attack, "branch": attack, "commit": attack, "author": attack, "url": attack}
    return kinds | {attack: attack, "nested": {attack: [attack]}, "number": 1.5, "nothing": None}


@pytest.mark.parametrize("attack", ATTACKS, ids=["markup", "escapes", "odd", "javascript", "data"])
def test_every_field_is_text(either: Served, page: Page, attack: str) -> None:
    where = {"jobId": ID, "projectId": ID}
    either.update({"type": "progress", "phase": "queued", **where})
    page.goto(f"{either.url}/jobs/{ID}")
    expect(page.locator("#chip-word")).to_have_text("Live")
    either.update(
        {"type": "progress", "phase": "constructor", "message": attack, "meta": meta_of(attack), **where},
        {"type": "log", "message": "plain", "stream": "__proto__", "level": attack[:32], **where},
    )
    # Nothing that a terminal would obey is in messages and in what names a build.
    expect(page.locator("#message")).to_have_text(clean_text(attack))
    artifacts = [{"name": attack, "url": attack}, {"name": "fine", "url": "https://files.example.com/a b"}]
    either.update({"type": "completed", "message": attack, "artifacts": artifacts, **where})
    expect(page.locator("#chip-word")).to_have_text("Ended")
    page.wait_for_timeout(700)
    live = page.evaluate(FIELDS)
    page.reload()
    expect(page.locator("#chip-word")).to_have_text("Ended")
    for seen in (live, page.evaluate(FIELDS)):
        assert seen["name"] == clean_text(attack)
        assert seen["source"] == [
            [kind, clean_text(attack)] for kind in ("branch", "commit", "author", "url")
        ]
        assert seen["phases"] == ["queued", "constructor", "completed"]
        assert sorted(seen["details"]) == sorted(
            [[attack, attack], ["nested", _json({attack: [attack]})], ["number", "1.5"], ["nothing", "null"]]
        )
        assert seen["artifacts"] == [clean_text(attack), "fine"]
        assert seen["elements"] == 0
        check_links(seen["links"])
    for path in ("/", f"/projects/{ID}"):
        page.goto(either.url + path)
        expect(page.locator("#chip-word")).to_have_text("Live")
        expect(page.get_by_role("main")).to_contain_text(ID)
        check_links(
            page.evaluate(FIELDS.replace('list("source")', "[]").replace('list("details")', "[]"))["links"]
        )


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@pytest.mark.parametrize("attack", ATTACKS, ids=["markup", "escapes", "odd", "javascript", "data"])
def test_a_failure_is_text(either: Served, page: Page, attack: str) -> None:
    either.update({"type": "progress", "jobId": "j", "projectId": "web"})
    page.goto(f"{either.url}/jobs/j")
    expect(page.locator("#chip-word")).to_have_text("Live")
    either.update({"type": "error", "jobId": "j", "message": attack, "code": attack})
    for _ in ("live", "read anew"):
        expect(page.locator("#failure-message")).to_have_text(clean_text(attack))
        expect(page.locator("#failure-code")).to_have_text(f"code {clean_text(attack)}")
        check_links(page.evaluate(FIELDS)["links"])
        page.reload()
    expect(page).to_have_title("Failed · j")


def test_a_title_with_markup_is_the_tabs_title(server: Served, page: Page) -> None:
    server.update(
        {"type": "progress", "jobId": "j", "projectId": "web", "progress": 0, "meta": {"title": MARKUP}}
    )
    page.goto(f"{server.url}/jobs/j")
    for _ in ("live", "read anew"):
        expect(page).to_have_title(f"0% Queued · {MARKUP}")
        page.reload()

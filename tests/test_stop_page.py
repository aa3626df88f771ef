"""The button that asks a build to stop, and the questions of a build, on its page."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from flask import Flask

from tests.tools.browser import Complaints, watched_context
from tests.tools.serving import Served, Serving
from tests.tools.watching import eventually

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

TOKEN = "a-token-that-may-write-all"
SECRET = "a secret of at least 32 characters, for tests"
WRITE = {"Authorization": f"Bearer {TOKEN}"}


def begin(server: Served, job: str, headers: dict[str, str] | None = None) -> None:
    update = {"type": "progress", "jobId": job, "projectId": "web", "phase": "building", "progress": 60}
    assert server.post("/api/updates", json=update, headers=headers or {}).status_code == 200


def found(server: Served, job: str) -> dict[str, Any]:
    shown: dict[str, Any] = server.get(f"/api/jobs/{job}").json()
    return shown


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory, serving: Serving) -> Any:
    """A server on this machine, where no token is needed."""
    with serving(tmp_path_factory.mktemp("local"), {"CHEF_CONTROL": "true"}) as running:
        yield running


@pytest.fixture(scope="module")
def protected(tmp_path_factory: pytest.TempPathFactory, serving: Serving) -> Any:
    """A server that takes writes with a token alone."""
    environment = {"CHEF_CONTROL": "true", "CHEF_API_TOKEN": TOKEN}
    with serving(tmp_path_factory.mktemp("protected"), environment) as running:
        yield running


# Whom it is offered


def offered(app: Flask, path: str = "/jobs/job", cookie: str = "", **options: Any) -> str | None:
    client = app.test_client()
    if cookie:
        client.set_cookie("chef_token", cookie)
    page = client.get(path, headers={"Accept": "text/html"}, **options).text
    match = re.search(r'"control": ?("token"|"open"|"sign-in"|null)', page)
    assert match is not None
    return None if match[1] == "null" else match[1].strip('"')


def test_the_button_is_for_whoever_may_write(make_app: Callable[..., Flask]) -> None:
    here: dict[str, Any] = {}
    away: dict[str, Any] = {"environ_base": {"REMOTE_ADDR": "192.0.2.7"}}
    assert offered(make_app(), **here) is None
    assert offered(make_app(control=True), **here) == "open"
    assert offered(make_app(control=True), **away) is None
    # Where anybody may read, whoever may write says so first: else everybody would see the buttons.
    assert offered(make_app(control=True, api_tokens=(TOKEN,)), **away) == "sign-in"
    # A frame may be in a page that has somebody click what they do not see.
    framed = make_app(control=True, frame_ancestors=("*",))
    assert offered(framed, "/embed/jobs/job", **here) is None


@pytest.mark.parametrize(
    ("claims", "control"),
    [
        ({"scope": "read write"}, "token"),
        ({"scope": "read"}, None),
        ({"scope": "read write", "projects": ["web"]}, "token"),
    ],
)
def test_a_cookie_that_only_reads_is_offered_nothing(
    make_app: Callable[..., Flask], claims: dict[str, Any], control: str | None
) -> None:
    app = make_app(control=True, jwt_secret=SECRET)
    writer = jwt.encode({"exp": 2**32, "scope": "write"}, SECRET)
    update = {"type": "progress", "jobId": "job", "projectId": "web"}
    headers = {"Authorization": f"Bearer {writer}"}
    assert app.test_client().post("/api/updates", json=update, headers=headers).status_code == 200
    token = jwt.encode({"exp": 2**32, **claims}, SECRET)
    away = {"REMOTE_ADDR": "192.0.2.7"}
    assert offered(app, cookie=token, environ_base=away) == control


# Pressing it


def test_it_asks_before_it_asks_and_shows_who_asked(local: Served, page: Page) -> None:
    begin(local, "mine")
    page.goto(f"{local.url}/jobs/mine")
    stop = page.get_by_role("button", name="Stop…")
    stop.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Stop this build?")
    assert dialog.is_visible()
    assert not page.get_by_label("Token that may write").is_visible()
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    assert "stop" not in found(local, "mine")
    page.keyboard.press("Enter")  # The keyboard is where it was.
    page.get_by_label("Your name").fill("Ann")
    page.keyboard.press("Enter")
    page.locator("#stop-asked", has_text="asked this build").wait_for()
    assert found(local, "mine")["stop"]["by"] == "Ann"
    words = page.locator("#stop-asked").inner_text()
    assert words.startswith("Ann (name as given) asked this build to stop, ")
    # Nobody promised heartbeats of this job.
    assert words.endswith("Nobody has confirmed it: no reporter of this build is heard of.")
    assert not stop.is_visible()
    local.post("/api/jobs/mine/heartbeat")
    page.reload()
    assert page.locator("#stop-asked").inner_text().endswith("The build has not confirmed it yet.")
    local.post("/api/jobs/mine/cancelled")
    page.locator("#stop-asked", has_text="had asked").wait_for()


def test_others_see_it_at_once_in_lists_too(local: Served, page: Page, plain: Page) -> None:
    begin(local, "seen")
    page.goto(f"{local.url}/projects/web")
    row = page.locator('[data-job="seen"]').first
    row.wait_for()
    page.locator("#chip[data-state=live]").wait_for()
    local.post("/api/jobs/seen/stop", json={"by": "Ann"})
    page.locator('[data-job="seen"] [data-field="status"]', has_text="asked to stop").first.wait_for()
    for path in ("/projects/web", "/jobs/seen"):
        plain.goto(local.url + path)
        assert "asked to stop" in plain.inner_text("body") or "asked this build to stop" in plain.inner_text(
            "body"
        )
    plain.goto(f"{local.url}/jobs/seen")
    assert not plain.get_by_role("button", name="Stop…").is_visible()


def test_the_row_of_a_run_says_it_of_any_job_that_runs(local: Served, page: Page, plain: Page) -> None:
    for job in ("lint", "test"):
        begin(local, job)
        local.update({"type": "progress", "jobId": job, "meta": {"run": "r-7", "title": "A run"}})
    page.goto(f"{local.url}/projects/web")

    def shown(tab: Page, words: str) -> None:
        tab.locator('#jobs [data-run="r-7"] [data-field="status"]', has_text=words).wait_for()

    shown(page, "Building")
    page.locator("#chip[data-state=live]").wait_for()
    local.post("/api/jobs/test/stop", json={"by": "Ann"})  # The row is made of the first job.
    shown(page, "asked to stop")
    plain.goto(f"{local.url}/projects/web")
    shown(plain, "asked to stop")
    local.post("/api/jobs/test/cancelled")
    shown(page, "Cancelled")
    plain.reload()
    shown(plain, "Cancelled")


def test_a_token_is_asked_for_once_in_a_tab(protected: Served, page: Page, complaints: Complaints) -> None:
    complaints.allow("Failed to load resource")
    begin(protected, "first", WRITE)
    begin(protected, "second", WRITE)
    ask(protected, "first", WRITE)
    page.goto(f"{protected.url}/jobs/first")
    page.get_by_text("Migrate <b>now</b>?").wait_for()
    page.get_by_role("button", name="Sign in", exact=True).click()
    # Nobody who only reads has buttons that write.
    assert page.locator("#stop").is_hidden()
    assert page.locator("#questions button").count() == 0
    field = page.get_by_label("Token that may write")
    assert field.is_visible()
    confirm = page.locator("#control-confirm")
    field.fill("a-token-that-nobody-gave")
    confirm.click()
    page.get_by_role("alert").get_by_text("This needs a token").wait_for()
    field.fill(TOKEN)
    confirm.click()
    page.get_by_role("button", name="Stop…").click()
    assert not field.is_visible()
    assert page.locator("#questions button").count() == 2
    assert page.locator("#sign-in").is_hidden()
    page.get_by_role("button", name="Stop the build").click()
    eventually(lambda: "stop" in found(protected, "first"))
    page.goto(f"{protected.url}/jobs/second")
    page.get_by_role("button", name="Stop…").click()
    assert not field.is_visible()
    page.get_by_role("button", name="Stop the build").click()
    eventually(lambda: "stop" in found(protected, "second"))
    assert page.evaluate("JSON.stringify(localStorage) + document.cookie").find(TOKEN) == -1


# Questions


def ask(server: Served, job: str, headers: dict[str, str] | None = None, **fields: Any) -> None:
    asked = {"id": "q", "text": "Migrate <b>now</b>?", "options": ["yes", "no"], **fields}
    assert server.post(f"/api/jobs/{job}/questions", json=asked, headers=headers or {}).status_code == 200


def test_a_question_is_answered_by_a_click(local: Served, page: Page) -> None:
    begin(local, "asks")
    page.goto(f"{local.url}/jobs/asks")
    page.locator("#chip[data-state=live]").wait_for()
    ask(local, "asks")
    ask(local, "asks", id="where", text="Where to?", options=["here", "there"])
    page.get_by_text("Migrate <b>now</b>?").wait_for()
    assert "left to answer" in page.locator("#questions").inner_text()
    page.get_by_role("button", name="no", exact=True).click()
    page.locator("#questions", has_text="no, chosen by").wait_for()
    answer = found(local, "asks")["questions"][0]["answer"]
    assert (answer["option"], answer["by"]) == ("no", "someone on the server's machine")
    assert page.get_by_role("button", name="there").is_visible()
    local.post("/api/jobs/asks/completed")
    page.locator("#questions", has_text="not answered").wait_for()
    assert page.locator("#questions button").count() == 0


def test_a_reader_sees_questions_and_no_buttons(local: Served, plain: Page) -> None:
    begin(local, "read")
    ask(local, "read")
    plain.goto(f"{local.url}/jobs/read")
    assert "Migrate <b>now</b>?" in plain.locator("#questions").inner_text()
    assert "waits for an answer" in plain.locator("#questions").inner_text()
    assert plain.locator("#questions button").count() == 0


def test_on_a_phone_all_that_is_pressed_is_large_enough(
    local: Served, browser: Browser, complaints: Complaints
) -> None:
    begin(local, "phone")
    ask(local, "phone", options=["yes", "an answer that is long enough to need more than one line"])
    phone: dict[str, Any] = {"viewport": {"width": 360, "height": 700}, "has_touch": True, "is_mobile": True}
    with watched_context(browser, complaints, **phone) as context:
        page = context.new_page()
        page.goto(f"{local.url}/jobs/phone")
        page.locator("#questions button").first.wait_for()
        check_sizes(page, "#questions button, #stop")
        page.locator("#stop").tap()
        check_sizes(page, "#control-dialog button, #control-dialog input")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


def check_sizes(page: Page, selector: str) -> None:
    shown = page.locator(selector).locator("visible=true").all()
    assert shown
    for one in shown:
        box = one.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 44

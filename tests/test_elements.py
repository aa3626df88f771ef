"""The elements of `/embed.js` in pages of other origins, under the strictest policy that lets them in."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from chef.access.jwts import issue_token
from chef.domain.clock import now_ms
from chef.settings.config import Settings
from tests.test_page_forecast import Past
from tests.tools.browser import Complaints, watched_context
from tests.tools.elements import opened, strict
from tests.tools.elsewhere import page_elsewhere
from tests.tools.pages import log, progress, wait_until
from tests.tools.serving import ROOT, Served, Serving

SECRET = "a secret of more than thirty-two bytes, for tests"
AXE = "node_modules/axe-core/axe.min.js"
ALL = """
<chef-progress job="a"></chef-progress><chef-log job="a"></chef-log>
<chef-project project="web"></chef-project>
"""
Start = Callable[..., Served]


@pytest.fixture
def open_server(start_server: Start) -> Served:
    """A server whose builds pages of any origin may show."""
    return start_server(WEBSOCKET_CORS_ORIGIN="*")


def token(*projects: str, secret: str = SECRET) -> str:
    return issue_token(Settings(jwt_secret=secret), ("read",), projects, 3600, now_ms())


def guarded(start_server: Start) -> Served:
    """A server that asks for a token to read, and has two projects with a job each."""
    server = start_server(WEBSOCKET_CORS_ORIGIN="*", CHEF_JWT_SECRET=SECRET)
    server.update(progress("a", phase="building"), progress("b", projectId="other", phase="building"))
    return server


class Streams:
    """The addresses of the event streams that a page opens from now on, and of those that it closes."""

    def __init__(self, page: Page) -> None:
        self.opened: list[str] = []
        self.closed: list[str] = []
        page.on("request", lambda request: self._note(request, self.opened))
        page.on("requestfailed", lambda request: self._note(request, self.closed))

    def _note(self, request: Request, noted: list[str]) -> None:
        if "/events" in request.url:
            noted.append(request.url)


@pytest.mark.parametrize("script", ['type="module"', "", "async", "defer", 'type="module" async'])
def test_one_script_tag_is_all_that_a_page_needs(open_server: Served, page: Page, script: str) -> None:
    """Under `default-src 'none'`: what the page complains of, a violation too, fails the test."""
    open_server.update(
        progress("a", phase="building", message="compiling", meta={"title": "Fix it"}), log("one\ntwo", "a")
    )
    with opened(page, open_server, ALL, strict(open_server), script=script):
        expect(page.locator("chef-progress .name")).to_have_text("Fix it")
        expect(page.locator("chef-progress .status")).to_have_text("Building")
        expect(page.locator("chef-progress .message")).to_have_text("compiling")
        expect(page.locator("chef-log .row")).to_have_text(["one", "two"])
        expect(page.locator("chef-project .job .name")).to_have_text(["Fix it"])
        open_server.update(progress("a", progress=62.4), log("three", "a"), progress("c", phase="installing"))
        expect(page.locator("chef-progress .percent")).to_have_text("62%")
        expect(page.locator("chef-log .row")).to_have_text(["one", "two", "three"])
        expect(page.locator("chef-project .job .percent")).to_have_text(["30%", "62%"])
        bar = page.get_by_role("progressbar", name="Fix it").first
        expect(bar).to_have_attribute("aria-valuenow", "62.4")
        expect(bar).to_have_attribute("aria-valuetext", "62%, phase building")


def test_the_address_of_a_version_does_the_same(open_server: Served, page: Page) -> None:
    open_server.update(progress("a", phase="building"))
    version = open_server.get("/health").json()["version"]
    tag = f'<script type="module" src="{open_server.url}/client/{version}/embed.js"></script>'
    # The page names both, as one may by mistake.
    with opened(page, open_server, ALL, strict(open_server), head=tag):
        expect(page.locator("chef-progress .percent")).to_have_text("50%")


def test_the_end_of_a_job_is_shown_with_its_reason(open_server: Served, page: Page) -> None:
    open_server.update(
        progress("a", phase="building", progress=62), log("src/a.c:1:2: error: no such thing", "a")
    )
    with opened(page, open_server, ALL, strict(open_server)):
        expect(page.locator("chef-progress .status")).to_have_text("Building")
        open_server.update({"type": "error", "jobId": "a", "message": "make ended with 2", "code": 2})
        expect(page.locator("chef-progress .status")).to_have_text("Failed while building, at 62%")
        expect(page.locator("chef-progress .percent")).to_be_hidden()
        wait_until(page, lambda: "failure" in open_server.get("/api/jobs/a").json())
        reason = open_server.get("/api/jobs/a").json()["failure"]["summary"]
        expect(page.locator("chef-progress .message")).to_have_text(reason, timeout=20_000)
        expect(page.locator("chef-project .message")).to_have_text(reason, timeout=20_000)
        expect(page.locator("chef-progress .said")).to_have_text("Failed")
        open_server.update(progress("b", phase="building"), {"type": "completed", "jobId": "b"})
        expect(page.locator("chef-project .status").first).to_have_text("Completed")
        expect(page.locator("chef-project .percent").first).to_be_hidden()


def test_a_job_that_is_asked_to_stop_says_so(start_server: Start, page: Page) -> None:
    server = start_server(WEBSOCKET_CORS_ORIGIN="*", CHEF_CONTROL="true")
    server.update(progress("a", phase="building"))
    with opened(page, server, ALL, strict(server)):
        for element in ("chef-progress", "chef-project"):
            expect(page.locator(f"{element} .status")).to_have_text("Building")
        server.post("/api/jobs/a/stop", json={"by": "Ann"})
        for element in ("chef-progress", "chef-project"):
            expect(page.locator(f"{element} .status")).to_have_text("asked to stop")
        server.post("/api/jobs/a/cancelled")
        expect(page.locator("chef-progress .status")).to_have_text("Cancelled while building, at 50%")


def test_elements_of_one_job_share_a_connection_and_a_move_keeps_it(open_server: Served, page: Page) -> None:
    open_server.update(progress("a", phase="building"), log("one", "a"), progress("b", phase="installing"))
    streams = Streams(page)
    with opened(page, open_server, f"<div id='here'></div>{ALL}<chef-progress job='a'></chef-progress>"):
        expect(page.locator("chef-log .row")).to_have_text(["one"])
        expect(page.locator("chef-project .percent")).to_have_text(["30%", "50%"])
        page.evaluate("""() => {
          const here = document.getElementById("here");
          here.append(document.querySelector("chef-log"), document.querySelector("chef-progress"));
        }""")
        open_server.update(log("two", "a"))
        expect(page.locator("#here chef-log .row")).to_have_text(["one", "two"])
        # Out of the document, and back a moment later, as frameworks do.
        page.evaluate("""async () => {
          const log = document.querySelector("chef-log");
          log.remove();
          await new Promise((then) => setTimeout(then, 200));
          document.getElementById("here").prepend(log);
        }""")
        open_server.update(log("three", "a"))
        expect(page.locator("chef-log .row")).to_have_text(["one", "two", "three"])
        assert len([one for one in streams.opened if "/jobs/a/" in one]) == 1, streams.opened
        assert len(streams.opened) == 2
        assert streams.closed == []


def test_other_attributes_are_another_connection_and_the_first_one_ends(
    open_server: Served, page: Page
) -> None:
    open_server.update(progress("a", phase="building"), progress("b", phase="installing"))
    streams = Streams(page)
    with opened(page, open_server, '<chef-progress job="a"></chef-progress>'):
        expect(page.locator(".percent")).to_have_text("50%")
        page.evaluate("document.querySelector('chef-progress').job = 'b'")
        expect(page.locator(".percent")).to_have_text("30%")
        wait_until(page, lambda: ["/jobs/a/" in one for one in streams.closed] == [True])
        page.evaluate("document.querySelector('chef-progress').remove()")
        wait_until(page, lambda: len(streams.closed) == len(streams.opened) == 2)


def test_a_job_that_is_not_there_yet_is_waited_for(
    open_server: Served, page: Page, complaints: Complaints
) -> None:
    complaints.allow("status of 404")
    with opened(page, open_server, ALL, strict(open_server)):
        expect(page.locator("chef-progress .connection")).to_contain_text("Waiting for the first update")
        expect(page.locator("chef-progress .status")).to_have_text("Waiting")
        expect(page.locator("chef-progress .percent")).to_be_hidden()
        expect(page.locator("chef-project .empty")).to_have_text("No builds yet. The first one appears here.")
        expect(page.locator("chef-log .connection")).to_contain_text("There is no job with", timeout=20_000)
        open_server.update(progress("a", phase="building"), log("one", "a"))
        expect(page.locator("chef-progress .percent")).to_have_text("50%")
        expect(page.locator("chef-progress .connection")).to_have_text("")
        expect(page.locator("chef-log .row")).to_have_text(["one"])
        expect(page.locator("chef-project .job")).to_have_count(1)


def test_a_page_that_may_not_read_says_so(start_server: Start, page: Page, complaints: Complaints) -> None:
    complaints.allow("status of 401", "status of 403")
    server = guarded(start_server)
    body = f'<chef-progress job="a"></chef-progress><chef-log job="b" token="{token("web")}"></chef-log>'
    with opened(page, server, body, strict(server)):
        expect(page.locator("chef-progress .connection")).to_contain_text(
            "shows builds only to those with a token"
        )
        expect(page.locator("chef-log .connection")).to_contain_text("does not cover this build")
        assert "Building" not in page.locator("main").inner_text()
        # A token that is given later is taken.
        page.locator("chef-progress").evaluate("(one, token) => { one.token = token; }", token("web"))
        expect(page.locator("chef-progress .percent")).to_have_text("50%")
        page.locator("chef-log").evaluate("(one, token) => one.setAttribute('token', token)", token("other"))
        expect(page.locator("chef-log .empty")).to_contain_text("Log lines appear here")


def test_a_function_is_asked_for_the_token(start_server: Start, page: Page, complaints: Complaints) -> None:
    """One that was set before the script came, as by frameworks; again where the server refuses the token."""
    complaints.allow("status of 401")
    server = guarded(start_server)
    server.update(log("one", "a"))
    head = """<script>
      window.asked = [];
      addEventListener("DOMContentLoaded", () => {
        for (const one of document.querySelectorAll("[job]"))
          one.token = window.give ??= (about) => { window.asked.push(about); return window.given; };
      });
    </script>"""
    body = '<chef-progress job="a"></chef-progress><chef-log job="a"></chef-log>'
    page.add_init_script(f"window.given = {token('web', secret=SECRET[::-1])!r}")
    with opened(page, server, body, head=head):
        expect(page.locator("chef-progress .connection")).to_contain_text("only to those with a token")
        assert [one["refused"] for one in page.evaluate("window.asked")][:2] == [False, True]
        page.evaluate("(token) => { window.given = token; }", token("web"))
        page.evaluate(
            "for (const one of document.querySelectorAll('[job]')) one.token = (about) => window.give(about)"
        )
        expect(page.locator("chef-progress .percent")).to_have_text("50%")
        expect(page.locator("chef-log .row")).to_have_text(["one"])


def test_a_new_function_at_each_rendering_is_no_new_connection(
    start_server: Start, page: Page, complaints: Complaints
) -> None:
    complaints.allow("status of 401")
    server = guarded(start_server)
    streams = Streams(page)
    with opened(page, server, '<chef-progress job="a"></chef-progress>'):
        give = """(give) => {
          document.querySelector("chef-progress").token = (about) => { window.asked = true; return give; };
        }"""
        page.evaluate(give, token("web"))
        expect(page.locator("chef-progress .percent")).to_have_text("50%")
        for _ in range(5):
            page.evaluate(give, token("web"))
        server.update(progress("a", progress=62))
        expect(page.locator("chef-progress .percent")).to_have_text("62%")
        # The first one was without a token.
        assert len(streams.opened) <= 2
        assert len(streams.opened) - len(streams.closed) == 1


def test_an_address_that_is_none_of_the_web_is_no_server(
    open_server: Served, page: Page, complaints: Complaints
) -> None:
    complaints.allow("ERR_")
    open_server.update(progress("a", phase="building"))
    body = '<chef-progress job="a" server="javascript:alert(1)//"></chef-progress>'
    with opened(page, open_server, body):
        expect(page.locator(".percent")).to_have_text("50%")
        expect(page.locator(".name")).to_have_attribute("href", f"{open_server.url}/jobs/a")
        page.evaluate(
            "document.querySelector('chef-progress').server = location.origin.replace(/\\d+$/, '1') + '/'"
        )
        expect(page.locator(".name")).to_have_attribute("href", "http://127.0.0.1:1/jobs/a")


def test_a_lost_connection_is_shown_and_nothing_goes_on_without_it(
    start_server: Start, page: Page, complaints: Complaints
) -> None:
    complaints.allow("ERR_", "Failed to load resource")
    server = start_server(WEBSOCKET_CORS_ORIGIN="*")
    server.update(progress("a", phase="building"), log("one", "a"))
    with opened(page, server, ALL, strict(server)):
        expect(page.locator("chef-log .row")).to_have_text(["one"])
        expect(page.locator("chef-progress .times")).to_contain_text("building · ")
        server.kill()
        for element in ("chef-progress", "chef-log", "chef-project"):
            expect(page.locator(f"{element} .connection")).to_contain_text("Reconnecting… · updated")
        expect(page.locator("chef-progress .times")).to_have_text("building")
        expect(page.locator("chef-progress .progress")).to_have_attribute("data-stale", "")
        again = start_server(WEBSOCKET_CORS_ORIGIN="*", PORT=str(server.port))
        again.update(log("two\nthree", "a"), progress("a", progress=70))
        expect(page.locator("chef-log .row")).to_have_text(["one", "two", "three"], timeout=40_000)
        expect(page.locator("chef-progress .percent")).to_have_text("70%")
        for element in ("chef-progress", "chef-log", "chef-project"):
            expect(page.locator(f"{element} .connection")).to_have_text("", timeout=40_000)


def test_each_element_speaks_its_language(open_server: Served, page: Page) -> None:
    open_server.update(progress("a", phase="building"))
    body = """<chef-progress job="a" id="one"></chef-progress>
    <div lang="fr-CA"><chef-progress job="a" id="two"></chef-progress></div>
    <chef-progress job="a" id="three" lang="fr"></chef-progress>"""
    with opened(page, open_server, body, strict(open_server), lang="de"):
        expect(page.locator("#one .status")).to_have_text("Building")
        expect(page.locator("#two .status")).to_have_text("Construction")
        expect(page.locator("#two .percent")).to_have_text("50 %")
        expect(page.locator("#three .times")).to_contain_text("construction")
        page.evaluate("document.getElementById('three').lang = 'en'")
        expect(page.locator("#three .status")).to_have_text("Building")


def test_a_page_themes_the_elements(open_server: Served, page: Page) -> None:
    open_server.update(progress("a", phase="building"), log("one", "a"))
    head = """<style>
      chef-progress { --chef-running: rgb(120, 0, 160); --chef-radius: 0; color-scheme: dark; }
      chef-progress::part(name) { letter-spacing: 2px; }
      chef-log { height: 100px; } chef-log::part(row) { font-style: italic; }
    </style>"""
    with opened(page, open_server, ALL, head=head):
        expect(page.locator("chef-progress .fill")).to_have_css("background-color", "rgb(120, 0, 160)")
        expect(page.locator("chef-progress .progress")).to_have_css("background-color", "rgb(21, 26, 33)")
        expect(page.locator("chef-project .project")).to_have_css("background-color", "rgb(255, 255, 255)")
        expect(page.locator("chef-progress .name")).to_have_css("letter-spacing", "2px")
        expect(page.locator("chef-log .row")).to_have_css("font-style", "italic")
        expect(page.locator("chef-log .frame")).to_have_css("height", "100px")


LOOKS = [
    {"color_scheme": "light", "viewport": {"width": 1280, "height": 900}},
    {"color_scheme": "dark", "viewport": {"width": 1280, "height": 900}},
    {"color_scheme": "dark", "viewport": {"width": 320, "height": 900}, "locale": "fr-FR"},
]


@pytest.mark.parametrize("look", LOOKS, ids=["light", "dark", "narrow"])
def test_axe_finds_no_fault_in_the_elements(
    open_server: Served, browser: Browser, complaints: Complaints, look: dict[str, object]
) -> None:
    complaints.allow("status of 404")
    server = open_server
    server.update(progress("a", phase="building", message="compiling"), log("plain \x1b[31mred\x1b[0m", "a"))
    server.update(log("wrong https://x.example/", "a", level="error"), log("warned", "a", level="warning"))
    server.update(
        progress("b", phase="building"), {"type": "error", "jobId": "b", "message": "no", "code": 1}
    )
    server.update(
        progress("c", phase="building", meta={"title": "A title that is as long as some people write them"})
    )
    server.update({"type": "completed", "jobId": "c"}, progress("d", status="cancelled"))
    jobs = "".join(f'<chef-progress job="{one}"></chef-progress>' for one in "bcde")
    head = '<meta name="color-scheme" content="light dark">'
    with watched_context(browser, complaints, **look) as context:
        page = context.new_page()
        with opened(page, server, f"{ALL}{jobs}", head=head, lang=""):
            expect(page.locator("chef-log .row")).to_have_count(3)
            expect(page.locator("chef-project .job")).to_have_count(4)
            expect(page.locator("chef-progress[job=e] .connection")).not_to_be_empty()
            page.add_script_tag(path=AXE)
            page.evaluate("document.documentElement.lang = 'en'")
            found = page.evaluate("async () => (await axe.run()).violations")
            assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_time_that_is_left_is_shown_whatever_the_viewers_clock_says(
    serving: Serving, tmp_path: Path, page: Page
) -> None:
    clock = tmp_path / "clock"
    clock.write_text("0", "ascii")
    settings = {"CLOCK_FILE": str(clock), "WEBSOCKET_CORS_ORIGIN": "*"}
    told = re.compile(r"building · ([3-9]\d s|\d min \d\d s) · (about|less than) .* left \(.*from 12 runs\)")
    with serving(tmp_path, settings, ("-m", "tests.tools.clocked")) as server:
        past = Past(server, clock)
        past.runs(12)
        past.running(building=10)
        for hours in (0, -5, 5):
            one = page.context.new_page()
            one.add_init_script(f"{{ const now = Date.now; Date.now = () => now() + {hours} * 3_600_000; }}")
            with opened(one, server, '<chef-progress job="j"></chef-progress>', strict(server)):
                expect(one.locator("chef-progress .times")).to_have_text(told)
                expect(one.locator("chef-progress .percent")).to_have_text(re.compile(r"~?[5-9]\d%"))
            one.close()


def test_without_leave_to_load_it_a_page_is_told_which_setting_lets_it_in(
    start_server: Start, page: Page, complaints: Complaints
) -> None:
    """A classic script comes through, and the modules behind it do not."""
    complaints.allow("CORS", "ERR_FAILED", "WEBSOCKET_CORS_ORIGIN")
    server = start_server()
    with opened(page, server, ALL, script="", loads=False) as address:
        wait_until(
            page,
            lambda: any(f"Does WEBSOCKET_CORS_ORIGIN let {address} in?" in one for one in complaints.all),
        )


def test_the_documented_page_works_as_it_stands(open_server: Served, page: Page) -> None:
    server = open_server
    server.update(
        progress("job-id-123", projectId="project-id-456", phase="building"), log("one", "job-id-123")
    )
    text = (ROOT / "docs/watch.md").read_text("utf-8")
    shown = re.findall(r"^```html\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)[0]
    with page_elsewhere(shown.replace("http://localhost:3001", server.url)) as address:
        page.goto(address)
        expect(page.locator("chef-progress .percent")).to_have_text("50%")
        expect(page.locator("chef-log .row")).to_have_text(["one"])
        expect(page.locator("chef-project .job")).to_have_count(1)


def test_the_documented_parts_and_properties_are_those_that_there_are(
    open_server: Served, page: Page
) -> None:
    text = (ROOT / "docs/watch.md").read_text("utf-8").split("## In a page of your own")[1].split("\n## ")[0]
    style = (ROOT / "static/embed/styles.js").read_text("utf-8")
    assert set(re.findall(r"--chef-[a-z-]+", text)) == set(re.findall(r"var\((--chef-[a-z-]+)", style))
    open_server.update(progress("a", phase="building"), {"type": "error", "jobId": "a", "message": "no"})
    open_server.update(log("one", "a"))
    hidden = {"said", "lines"}
    with opened(page, open_server, ALL):
        expect(page.locator("chef-log .row")).to_have_count(1)
        for element in ("chef-progress", "chef-log", "chef-project"):
            expect(page.locator(f"{element} .connection")).to_have_text("")
            found = page.locator(element).evaluate(
                "(one) => [...one.shadowRoot.querySelectorAll('[part]')].flatMap((part) => [...part.part])"
            )
            documented = next(row for row in text.splitlines() if row.startswith(f"| `<{element}>` | `"))
            assert set(re.findall(r"`([a-z-]+)`", documented)) == set(found) - hidden, element

"""Every state of the pages, as a picture: `make screenshots`. Look at them before you change how pages look.

Real Chromium before a real server, whose clock alone is set, so that builds took their time.
"""

from __future__ import annotations

import random
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from tests.tools.browser import running_browser
from tests.tools.serving import ROOT, Served, serving

FOLDER = ROOT / "screenshots"
SECRET = "a secret of more than thirty-two bytes, for pictures"
CLOCKED = ("-m", "tests.tools.clocked")
SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
WIDE, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
COMMIT = "9fceb02d0ae598e95dc970b74767f19372d61af8"
HEAD = {
    "title": "Show the delivery date in the basket",
    "branch": "feature/delivery-date",
    "commit": COMMIT,
    "author": "Ada Lovelace",
    "url": f"https://git.example.com/acme/web/commit/{COMMIT[:10]}",
}
CI_JOBS = (
    ("lint", 0, 40),
    ("unit 3.11", 5, 160),
    ("unit 3.12", 5, 190),
    ("docker", 170, 120),
    ("deploy", 300, 60),
)
"""Jobs of a CI run: when they begin and how long they take, in seconds."""


@dataclass
class Kitchen:
    """A server with a clock of its own, and builds that can be made on it."""

    server: Served
    clock: Path

    def at(self, past: int) -> None:
        """From now on it is so many milliseconds before the present."""
        self.clock.write_text(str(-past), "ascii")

    def say(self, *updates: dict[str, Any]) -> None:
        self.server.update(*updates)

    def history(self) -> None:
        """Projects with builds of the last days."""
        chance = random.Random(7)
        titles = [
            "Fix the header",
            "Upgrade Vite",
            "Add search",
            "Cache prices",
            "Docs for v2",
            "Sort by rating",
        ]
        for number in range(11):
            for project in ("docs", "api", "web"):
                ago = (11 - number) * 7 * HOUR + chance.randrange(HOUR)
                self._build(f"{project}-{1290 + number}", project, chance.choice(titles), ago, chance)

    def _build(self, job_id: str, project: str, title: str, ago: int, chance: random.Random) -> None:
        about = HEAD | {"title": title, "branch": "main"}
        self.at(ago)
        self.say(progress(job_id, project, phase="preparing", meta=about))
        self.at(ago - chance.randrange(20, 200) * SECOND)
        kind = chance.choices(["completed", "error", "cancelled"], [8, 2, 1])[0]
        if kind == "cancelled":
            self.say(
                progress(job_id, phase="building", status="cancelled", message="Superseded by a newer push")
            )
        elif kind == "error":
            self.say({"type": "error", "jobId": job_id, "message": "3 tests failed", "code": 1})
        else:
            self.say({"type": "completed", "jobId": job_id, "message": "Deployed to production"})

    def ci_runs(self) -> None:
        """Three runs of a workflow of several jobs: one green, one red, one that goes on."""
        for number, began in (("480", 3 * HOUR), ("481", HOUR), ("482", 4 * MINUTE)):
            for kind, begin, seconds in CI_JOBS:
                job_id, start = f"ci-{number}-{kind.split()[-1]}", began - begin * SECOND
                if start <= 0:
                    continue
                about = HEAD | {"kind": f"CI / {kind}", "run": number, "number": number, "branch": "main"}
                self.at(start)
                self.say(progress(job_id, "web", phase="queued", meta=about))
                self.at(start - 4 * SECOND)
                self.say(progress(job_id, phase="installing"))
                self.at(start - 20 * SECOND)
                self.say(progress(job_id, phase="building", message="pytest -q"))
                if start > seconds * SECOND:
                    self.at(start - seconds * SECOND)
                    is_red = number == "481" and kind == "unit 3.12"
                    end = (
                        {"type": "error", "message": "3 failed, 41 passed"}
                        if is_red
                        else {"type": "completed"}
                    )
                    self.say(end | {"jobId": job_id})
        self.at(0)

    def past_runs(self, kind: str, count: int, last: str = "completed") -> None:
        """Finished builds like `running`, of a kind; some failed, and the last one ended as is said."""
        chance = random.Random(kind)
        for number in range(count):
            job_id, past = f"{kind.replace(' / ', '-')}-{number}", (count - number) * 5 * HOUR
            about = HEAD | {"kind": kind, "number": str(1300 - count + number), "branch": "main"}
            for phase, seconds in (("preparing", 8), ("installing", 48), ("building", 150)):
                self.at(past)
                self.say(progress(job_id, "web", phase=phase, meta=about))
                end = past - round(seconds * SECOND * chance.uniform(0.7, 1.4))
                for moment in range(past - 8 * SECOND, end, -8 * SECOND):
                    self.at(moment)
                    self.say(log(job_id, testing(1)))
                past = end
            self.at(past)
            outcome = last if number == count - 1 else ("failed" if number % 9 == 4 else "completed")
            ending = (
                {"type": "error", "message": "3 tests failed"} if outcome == "failed" else {"type": outcome}
            )
            self.say(ending | {"jobId": job_id})

    def running(
        self, job_id: str = "web-1301", until: int = 0, tests: int = 10, kind: str | None = None
    ) -> None:
        """A build in the middle of its tests, whose newest word was `until` ago."""
        self.at(until + 161 * SECOND)
        self.say(
            progress(job_id, "web", phase="queued", meta=HEAD | {"runner": "linux-large-3", "node": "24.4.0"})
        )
        if kind:
            self.say(progress(job_id, meta={"kind": kind}))
        self.at(until + 154 * SECOND)
        self.say(progress(job_id, phase="preparing", message="Checking out the sources"))
        self.at(until + 146 * SECOND)
        self.say(progress(job_id, phase="installing", message="npm ci"), log(job_id, INSTALLING))
        self.at(until + 98 * SECOND)
        self.say(progress(job_id, phase="building", message="vite build"), log(job_id, BUILDING))
        self.at(until + 41 * SECOND)
        self.say(progress(job_id, phase="building", progress=70, message="Running the tests"))
        for second in range(40, 0, -4):
            self.at(until + second * SECOND)
            self.say(log(job_id, testing(tests)))
        self.at(0)

    def end(self, job_id: str, *updates: dict[str, Any]) -> None:
        self.at(0)
        self.say(*updates)


def progress(job_id: str, project: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"type": "progress", "jobId": job_id} | ({"projectId": project} if project else {}) | fields


def log(job_id: str, message: str, **fields: Any) -> dict[str, Any]:
    return {"type": "log", "jobId": job_id, "message": message} | fields


_CODES = {"g": 32, "r": 31, "y": 33, "c": 36, "m": 35, "b": 1, "d": 2, "R": "41;97;1", "": 0}


def painted(text: str) -> str:
    """A log as tools write it: `<g>` and so on become colours, `<>` ends them."""
    return re.sub(r"<(\w?)>", lambda code: f"\x1b[{_CODES[code[1]]}m", text.strip("\n"))


INSTALLING = painted("""
::group::npm ci
<b>npm<> <y>warn<> deprecated inflight@1.0.6: This module is not supported
<d>fetched<> react@19.3.1
<d>fetched<> vite@8.1.0
<d>fetched<> vitest@4.2.0
added 412 packages, and audited 413 packages in 46s
<g>found 0 vulnerabilities<>
::endgroup::
""")
BUILDING = painted("""
<c>vite v8.1.0 <g>building for production...<>
<g>✓<> 1742 modules transformed.
<d>dist/<><g>index.html                <><d>  0.46 kB<>
<d>dist/<><m>assets/index-D8b4DHJx.css <><d> 14.20 kB<>
<d>dist/<><c>assets/index-BTkXuU0c.js  <><d>188.05 kB<>
<y>(!) Some chunks are larger than 150 kB after minification.<>
<g>✓ built in 56.31s<>
See https://git.example.com/acme/web/wiki/bundles for what to do about large chunks
""")
FAILURE = painted("""
 <r>❯<> src/delivery/date.spec.ts <d>(14 tests | <><r>1 failed<><d>)<>
   <r>×<> says tomorrow on the eve of a holiday <g>12<d>ms<>

<R> FAIL <> src/delivery/date.spec.ts > says tomorrow on the eve of a holiday
<r><b>AssertionError<><r>: expected 'Thursday' to be 'Friday' // Object.is equality<>
  <g>- Friday<>
  <r>+ Thursday<>
 <c>❯<> src/delivery/date.spec.ts:<d>48:31<>

<d> Test Files <> <b><r>1 failed<><d> | <><b><g>88 passed<>
""")
_NAMES = ("basket", "checkout", "delivery", "prices", "search", "account", "header", "stock", "coupons")
_chance = random.Random(3)


def testing(count: int) -> str:
    """The next lines of a test run."""
    choose, number = _chance.choice, _chance.randrange
    return "\n".join(
        painted(
            f" <g>✓<> src/{choose(_NAMES)}/{choose(_NAMES)}.spec.ts <d>({number(3, 40)} tests)<> "
            f"<g>{number(4, 900)}<d>ms<>"
        )
        for _ in range(count)
    )


ARTIFACTS = [
    {"name": "web-1301.tar.gz", "url": "https://files.example.com/web-1301.tar.gz", "size": 14_200_000},
    {"name": "coverage report", "url": "https://files.example.com/coverage/", "size": 312_000},
]


# Scenes: what is prepared on a new server, and what is then looked at


@dataclass
class Camera:
    """Takes pictures of one server's pages."""

    browser: Browser
    server: Served

    def take(self, name: str, path: str, act: Callable[[Page], None] | None = None, **options: Any) -> None:
        options = {"viewport": WIDE, "color_scheme": "light"} | options
        context = self.browser.new_context(**options)
        page = context.new_page()
        page.goto(self.server.url + path)
        page.wait_for_timeout(900)
        if act:
            act(page)
            page.wait_for_timeout(400)
        page.screenshot(path=FOLDER / f"{name}.png")
        context.close()
        print(name)  # noqa: T201

    def take_all_ways(self, name: str, path: str) -> None:
        """Light, dark, on a phone, and in French."""
        self.take(name, path)
        self.take(f"{name}-dark", path, color_scheme="dark")
        self.take(f"{name}-phone", path, viewport=PHONE, device_scale_factor=2)
        self.take(f"{name}-french", path, locale="fr-FR")


def show_lists(kitchen: Kitchen, camera: Camera) -> None:
    camera.take("empty", "/")
    camera.take("empty-phone", "/", viewport=PHONE)
    kitchen.history()
    kitchen.running()
    kitchen.at(0)
    kitchen.ci_runs()
    camera.take_all_ways("overview", "/")
    camera.take_all_ways("filtered", "/?q=delivery&branch=main")
    camera.take_all_ways("run", "/projects/web/runs/482")
    camera.take("project-full-hd", "/projects/web", viewport={"width": 1920, "height": 1080})
    camera.take_all_ways("project", "/projects/web")
    for number, until in enumerate((0, 6 * MINUTE, 52 * MINUTE, 0, 0, 0, 0)):
        kitchen.running(f"api-{1400 + number}", until=until)
    kitchen.at(3 * HOUR)
    kitchen.say(progress("docs-1400", "docs", status="abandoned", message="nothing was heard for 24 hours"))
    kitchen.at(0)
    kitchen.say(log("docs-1401", BUILDING, projectId="docs"))
    camera.take_all_ways("busy", "/")
    camera.take_all_ways("wall", "/wall")
    camera.take("abandoned", "/jobs/docs-1400")
    camera.take("project-docs-phone-french", "/projects/docs", viewport=PHONE, locale="fr-FR")
    camera.take("project-filtered", "/projects/web?status=failed")
    camera.take("not-found", "/nowhere")
    camera.take("not-found-french-dark", "/nowhere", locale="fr-FR", color_scheme="dark")


def show_running(kitchen: Kitchen, camera: Camera) -> None:
    kitchen.running()
    job = "/jobs/web-1301"
    camera.take_all_ways("running", job)
    camera.take("waiting", "/jobs/web-1302")
    camera.take("no-job", "/jobs/web-1302", lambda page: page.wait_for_timeout(6_000))
    kitchen.say(log("logs-only", INSTALLING, projectId="web"))
    camera.take_all_ways("no-percent", "/jobs/logs-only")
    camera.take("keys", job, lambda page: page.keyboard.press("?"))
    camera.take("forced-colors", job, forced_colors="active")
    camera.take("without-javascript", job, java_script_enabled=False)
    camera.take("print", job, lambda page: page.emulate_media(media="print"))
    kitchen.running("web-1303", until=6 * MINUTE)
    camera.take("quiet", "/jobs/web-1303")
    kitchen.running("web-1304", until=52 * MINUTE)
    camera.take("reporter-lost", "/jobs/web-1304")
    camera.take("reporter-lost-phone-dark", "/jobs/web-1304", viewport=PHONE, color_scheme="dark")


def show_forecasts(kitchen: Kitchen, camera: Camera) -> None:
    """What earlier runs tell: of a running build, of a silent one, and of all of them in a chart."""
    kitchen.past_runs("CI / test", 18)
    kitchen.past_runs("nightly", 7, last="failed")
    kitchen.running("web-1301", kind="CI / test")
    wide = {"width": 1920, "height": 1080}
    camera.take_all_ways("left", "/jobs/web-1301")
    camera.take("left-1920", "/jobs/web-1301", viewport=wide)
    camera.take("phase-begins", "/jobs/web-1301#phase=installing")
    camera.take("left-forced-colors", "/jobs/web-1301", forced_colors="active")
    camera.take("left-without-javascript", "/jobs/web-1301", java_script_enabled=False)
    kitchen.running("web-1302", kind="nightly")
    camera.take("left-5-runs", "/jobs/web-1302")
    kitchen.running("web-1303", kind="first of its kind")
    camera.take("left-no-history", "/jobs/web-1303")
    kitchen.running("web-1304", until=5 * MINUTE, kind="CI / test")
    kitchen.say(log("web-1304", testing(3)))
    camera.take_all_ways("over-the-usual", "/jobs/web-1304")
    kitchen.running("web-1305", until=95 * SECOND, kind="CI / test")
    camera.take_all_ways("quieter-than-usual", "/jobs/web-1305")
    kitchen.running("web-1306", kind="CI / test")
    kitchen.say(
        progress("web-1306", phaseProgress=30), {"type": "error", "jobId": "web-1306", "message": "no"}
    )
    camera.take_all_ways("failed-at", "/jobs/web-1306")
    camera.take_all_ways("durations", "/projects/web?kind=CI+/+test")
    camera.take("durations-1920", "/projects/web?kind=CI+/+test", viewport=wide)
    camera.take("durations-5-runs", "/projects/web?kind=nightly")
    camera.take("left-in-lists", "/")


def show_the_readme(kitchen: Kitchen, camera: Camera) -> None:
    """The picture for docs/page.png, whose log has some of everything."""
    kitchen.running(tests=1)
    camera.take("readme", "/jobs/web-1301", viewport={"width": 1200, "height": 660}, device_scale_factor=1.5)


def show_ended(kitchen: Kitchen, camera: Camera) -> None:
    kitchen.running("web-1301")
    failure = {"type": "error", "jobId": "web-1301", "message": "1 of 1,204 tests failed", "code": 1}
    kitchen.end("web-1301", log("web-1301", FAILURE), failure)
    camera.take_all_ways("failed", "/jobs/web-1301")
    kitchen.running("web-1302")
    kitchen.server.post("/api/jobs/web-1302/logs?stream=deploy", data=b"uploading\ndone\n")
    done = {
        "type": "completed",
        "jobId": "web-1302",
        "message": "Deployed to production",
        "artifacts": ARTIFACTS,
    }
    kitchen.end("web-1302", done | {"integrity": {"deploy": {"bytes": 15, "lines": 2}}})
    camera.take_all_ways("completed", "/jobs/web-1302")
    kitchen.running("web-1303")
    kitchen.end(
        "web-1303", done | {"jobId": "web-1303", "integrity": {"deploy": {"bytes": 5_000, "lines": 90}}}
    )
    camera.take("incomplete", "/jobs/web-1303")
    kitchen.running("web-1304")
    cancelled = progress("web-1304", status="cancelled", message="Superseded by a newer push")
    kitchen.end("web-1304", cancelled)
    camera.take("cancelled", "/jobs/web-1304")
    kitchen.running("web-1305")
    traceback = "".join(
        f'  File "/srv/app/module_{n}.py", line {n * 7}, in step_{n}\n    step_{n + 1}(order)\n'
        for n in range(1, 14)
    )
    reason = f"Traceback (most recent call last):\n{traceback}ValueError: no such warehouse: 'north-2'"
    kitchen.end("web-1305", {"type": "error", "jobId": "web-1305", "message": reason, "code": 1})
    camera.take_all_ways("traceback", "/jobs/web-1305")
    camera.take("traceback-whole", "/jobs/web-1305", lambda page: page.locator("#failure-whole").click())


def show_a_million_lines(kitchen: Kitchen, camera: Camera) -> None:
    kitchen.say(progress("long", "web", phase="building", meta=HEAD | {"title": "A million lines"}))
    for start in range(0, 1_000_000, 50_000):
        lines = "".join(
            f"[{n:07}] \x1b[32m✓\x1b[39m case {n} passed\n" for n in range(start + 1, start + 50_001)
        )
        kitchen.server.post("/api/jobs/long/logs", data=lines.encode())
    camera.take("million-lines", "/jobs/long")
    camera.take("million-lines-middle", "/jobs/long#L500000")


def show_disconnected(kitchen: Kitchen, camera: Camera) -> None:
    kitchen.running()

    def cut(page: Page) -> None:
        kitchen.server.kill()
        page.wait_for_timeout(6_000)

    camera.take("disconnected", "/jobs/web-1301", cut)


def show_login(kitchen: Kitchen, camera: Camera) -> None:
    def refused(page: Page) -> None:
        page.locator("#token").fill("nonsense")
        page.locator("form .main-button").click()

    camera.take("login", "/login")
    camera.take("login-refused-french-phone", "/login", refused, locale="fr-FR", viewport=PHONE)
    camera.take("login-dark", "/login", color_scheme="dark")


SCENES: dict[str, tuple[Callable[[Kitchen, Camera], None], dict[str, str]]] = {
    "lists": (show_lists, {}),
    "readme": (show_the_readme, {}),
    "running": (show_running, {}),
    "forecasts": (show_forecasts, {}),
    "ended": (show_ended, {}),
    "disconnected": (show_disconnected, {}),
    "login": (show_login, {"CHEF_JWT_SECRET": SECRET}),
    "long": (show_a_million_lines, {}),
}


@contextmanager
def new_kitchen(environment: dict[str, str]) -> Iterator[Kitchen]:
    with tempfile.TemporaryDirectory(prefix="chef-screenshots-") as folder:
        clock = Path(folder) / "clock"
        clock.write_text("0", "ascii")
        with serving(Path(folder), {"CLOCK_FILE": str(clock)} | environment, CLOCKED) as server:
            yield Kitchen(server, clock)


def main(names: list[str]) -> None:
    """Take the pictures of some scenes, or of all."""
    FOLDER.mkdir(exist_ok=True)
    with running_browser() as browser:
        for name in names or SCENES:
            scene, environment = SCENES[name]
            with new_kitchen(environment) as kitchen:
                scene(kitchen, Camera(browser, kitchen.server))


if __name__ == "__main__":
    main(sys.argv[1:])

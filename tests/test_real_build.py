"""A real build, live, end to end: a C library becomes a wheel, curl reports it, people watch."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.tools.browser import Complaints
from tests.tools.pages import shown_lines
from tests.tools.serving import ROOT, Served
from tests.tools.watching import Watcher, watch
from tests.tools.wire import check_event, wire_order

pytestmark = pytest.mark.slow

DATA = ROOT / "tests" / "data"
JOB = "native-1"
SHOWN = """() => ({
  progress: document.getElementById("bar").value,
  status: document.getElementById("summary").dataset.status,
  message: document.getElementById("message").textContent,
  phases: [...document.querySelectorAll("#phases [data-field=phase]")].map((one) => one.textContent),
  artifacts: [...document.querySelectorAll("#artifacts a")].map((one) => [one.textContent, one.href]),
})"""


def pack(folder: Path, source: Path) -> Path:
    """A source distribution, as a build gets it."""
    sdist = folder / "native-1.0.tar.gz"
    with tarfile.open(sdist, "w:gz") as archive:
        archive.add(source, "native-1.0", filter=lambda one: None if "__pycache__" in one.name else one)
    return sdist


def build(server: Served, folder: Path, sdist: Path) -> tuple[int, list[str]]:
    """Run the build; returns its exit status and the lines that it printed."""
    environment = {"CHEF": server.url, "JOB": JOB, "SDIST": str(sdist), "PYTHON": sys.executable}
    kept = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8"}
    done = subprocess.run(
        ["bash", str(DATA / "build.bash")],
        cwd=folder,
        env=kept | environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stderr == ""
    return done.returncode, lines_of((folder / "build.log").read_text("utf-8"))


def lines_of(text: str) -> list[str]:
    # Not splitlines(): it also parts at characters that end no line of a log.
    return text.removesuffix("\n").split("\n")


def messages(viewer: Watcher) -> list[str]:
    return [line["message"] for line in viewer.of("job:log")]


def test_a_real_build_is_seen_by_all_who_watch(
    server: Served, page: Page, complaints: Complaints, tmp_path: Path
) -> None:
    complaints.allow("status of 404")  # The page is opened before there is a job.
    folder = tmp_path / "build"
    folder.mkdir()
    with (
        watch("js4", server.url) as viewer,
        watch("js4", server.url, ["websocket"]) as of_project,
    ):
        viewer.call("subscribe:job", JOB)
        of_project.call("subscribe:project", "native")
        page.goto(f"{server.url}/jobs/{JOB}")
        expect(page.locator("#chip-word")).to_have_text("Live")
        status, printed = build(server, folder, pack(tmp_path, DATA / "native-1.0"))
        assert status == 0
        assert len(printed) > 300
        (ending,) = viewer.wait_for("job:completed")

        assert messages(viewer) == printed
        assert wire_order(viewer.events) == [*range(1, ending["seq"] + 1)]
        for event, payload in viewer.events:
            check_event(event, payload)
        bars = [(one["phase"], one["progress"]) for one in viewer.of("job:progress")]
        assert bars == [
            ("queued", 0),
            ("preparing", 10),
            ("installing", 30),
            ("building", 50),
            ("building", 70),
            ("completed", 90),
            ("completed", 100),
        ]
        of_project.wait_for("project:completed")
        assert of_project.of("project:progress") == viewer.of("job:progress")
        assert len(of_project.events) == len(bars) + 1

    job: dict[str, Any] = server.get(f"/api/jobs/{JOB}").json()
    assert (job["status"], job["lines"], job["seq"]) == ("completed", len(printed), ending["seq"])
    text = server.get(f"/api/jobs/{JOB}/logs", headers={"Accept": "text/plain"}).content.decode()
    assert lines_of(text) == printed
    see_the_end(page, job)
    assert [text for _, text in shown_lines(page)] == printed


def see_the_end(page: Page, job: dict[str, Any]) -> None:
    """The page's final state is that of the API."""
    expect(page.locator("#chip-word")).to_have_text("Ended")
    # What events do not say, such as when a phase ended, the page reads a little later.
    expect(page.locator("#phases [data-field=phase]")).to_have_count(len(job["phases"]))
    shown = page.evaluate(SHOWN)
    assert (shown["progress"], shown["status"]) == (job["progress"], job["status"])
    assert shown["message"] == ("" if "error" in job else job["message"])
    assert shown["phases"] == [span["phase"] for span in job["phases"]]
    assert shown["artifacts"] == [[one["name"], one["url"]] for one in job["artifacts"]]


def test_a_build_that_breaks_says_where_and_with_which_status(
    server: Served, page: Page, complaints: Complaints, tmp_path: Path
) -> None:
    complaints.allow("status of 404")
    source, folder = tmp_path / "source", tmp_path / "build"
    shutil.copytree(DATA / "native-1.0", source)
    folder.mkdir()
    (source / "src" / "broken.c").write_text("int broken( { return 1; }\n")
    with watch("js3", server.url, ["websocket"]) as viewer:
        viewer.call("subscribe:job", JOB)
        page.goto(f"{server.url}/jobs/{JOB}")
        expect(page.locator("#chip-word")).to_have_text("Live")
        status, printed = build(server, folder, pack(tmp_path, source))
        assert status != 0
        (ending,) = viewer.wait_for("job:error")
        assert messages(viewer) == printed
        assert any("broken.c:1" in line and "error" in line for line in printed)
        assert (ending["code"], ending["phase"], ending["progress"]) == (status, "building", 50)
    job = server.get(f"/api/jobs/{JOB}").json()
    assert (job["status"], job["error"]["code"]) == ("failed", status)
    see_the_end(page, job)
    assert [text for _, text in shown_lines(page)] == printed
    expect(page.locator("#failure")).to_contain_text(str(status))

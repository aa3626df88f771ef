"""The reporter's snippets in the documents, each run in a shell with its system's variables set."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import textwrap
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.test_docs import Block, blocks
from tests.tools.ci_systems import SYSTEMS
from tests.tools.reporting import save_scripts
from tests.tools.serving import Served, Serving

pytestmark = [pytest.mark.real, pytest.mark.slow]

DOCUMENT = "docs/publish.md"
TOKEN = "write-token-0123456"
# Written in the README, for a server on this machine.
README_URL = "http://localhost:3001"
# The programs that the snippets build with: each says its arguments, and fails where a test wants that.
TOOL = """#!/bin/sh
echo "$(basename "$0") $*"
[ ! -e fails ] || exit 3
"""
_numbers = count(1)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, serving: Serving) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("served"), {"CHEF_API_TOKEN": TOKEN}) as running:
        yield running
        assert "Traceback" not in running.output.read_text()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A build machine with the programs that the snippets call."""
    programs = tmp_path / "bin"
    programs.mkdir()
    work = tmp_path / "shop"
    work.mkdir()
    for path in (programs / "make", programs / "npm", work / "migrate.sh", work / "backup.sh"):
        path.write_text(TOOL)
        path.chmod(0o755)
    return work


def environment(folder: Path, url: str, **more: str) -> dict[str, str]:
    path = os.pathsep.join([str(folder.parent / "bin"), os.environ["PATH"]])
    return {"PATH": path, "TMPDIR": str(folder), "CHEF_URL": url, "CHEF_TOKEN": TOKEN} | more


def run(
    text: str, folder: Path, settings: dict[str, str], shell: str = "bash -e"
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*shell.split(), "-c", text],
        cwd=folder,
        env=settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def snippet(language: str, place: int = 0) -> Block:
    return blocks(DOCUMENT, language)[place]


def job(server: Served, job_id: str) -> dict[str, Any]:
    found: dict[str, Any] = server.get(f"/api/jobs/{job_id}").json()
    return found


def log_of(server: Served, job_id: str) -> list[str]:
    found = server.get(f"/api/jobs/{job_id}/logs").json()["lines"]
    return [line["message"] for line in found]


def job_in(err: str) -> str:
    """The job whose page was printed."""
    pages: list[str] = re.findall(r"^chef: \S+/jobs/(\S+)$", err, re.MULTILINE)
    return pages[-1]


def commands(block: Block) -> str:
    """The shell commands of a system's file, as that system runs them: one after the other in one shell."""
    text = block.text
    if block.language == "groovy":
        return textwrap.dedent(text.split("'''")[1])
    if block.language == "procfile":
        return text.removeprefix("release: ")
    if "run: |" in text:
        return textwrap.dedent(text.partition("run: |\n")[2])
    return "\n".join(re.findall(r"^    - (.*)$", text, re.MULTILINE))


CI = [("github", "yaml", 0), ("gitlab", "yaml", 1), ("jenkins", "groovy", 0), ("heroku", "procfile", 0)]


@pytest.mark.parametrize(("system", "language", "place"), CI)
@pytest.mark.parametrize("fails", [False, True], ids=["builds", "fails"])
def test_a_ci_system_builds_and_reports(
    served: Served, folder: Path, system: str, language: str, place: int, fails: bool
) -> None:
    variables, job_id, project, meta = SYSTEMS[system]
    number = str(next(_numbers))
    # A run of its own for each test.
    key = {"github": "GITHUB_RUN_ID", "gitlab": "CI_JOB_ID", "jenkins": "BUILD_NUMBER", "heroku": "DYNO"}[
        system
    ]
    expected_id = job_id.replace(variables[key], number)
    settings = environment(folder, served.url, RUNNER_TEMP=str(folder), **(variables | {key: number}))
    if fails:
        (folder / "fails").touch()
    done = run(commands(snippet(language, place)), folder, settings)
    assert done.returncode == (3 if fails else 0), done.stderr
    built = "migrate.sh " if system == "heroku" else "make -j4"
    assert done.stdout == f"{built}\n"
    found = job(served, expected_id)
    assert (found["status"], found["projectId"]) == ("failed" if fails else "completed", project)
    expected = {**meta, "run": meta["run"].replace(variables[key], number)}
    if system == "jenkins":
        expected["number"] = number
    if system == "heroku":
        expected["kind"] = number
    expected.pop("url", None)
    assert {name: found["meta"][name] for name in expected} == expected
    assert log_of(served, expected_id) == [built]
    assert found["integrity"] == {"complete": True, "lines": 1}


@pytest.mark.parametrize(("system", "language", "place"), CI)
def test_a_ci_system_builds_without_a_server(folder: Path, system: str, language: str, place: int) -> None:
    settings = environment(folder, "http://127.0.0.1:9", RUNNER_TEMP=str(folder), **SYSTEMS[system][0])
    done = run(commands(snippet(language, place)), folder, settings)
    assert done.returncode == 0
    assert done.stdout == ("migrate.sh \n" if system == "heroku" else "make -j4\n")


@pytest.mark.parametrize("place", [0, 2], ids=["chef.py", "chef.sh"])
def test_the_first_lines_work_as_written(served: Served, folder: Path, place: int) -> None:
    block = snippet("shell", place)
    done = run(block.text, folder, environment(folder, served.url))
    assert (done.returncode, done.stdout) == (0, "make -j4\n"), done.stderr
    found = job(served, job_in(done.stderr))
    assert (found["status"], found["projectId"]) == ("completed", "web")


def test_the_readmes_line_works_as_written(served: Served, folder: Path) -> None:
    (block,) = blocks("README.md", "shell")
    done = run(block.text.replace(README_URL, served.url), folder, environment(folder, "http://127.0.0.1:9"))
    assert (done.returncode, done.stdout) == (0, "make -j4\n"), done.stderr
    assert job(served, job_in(done.stderr))["status"] == "completed"


def first_lines() -> list[Block]:
    return [snippet("shell", 0), snippet("shell", 2), *blocks("README.md", "shell")]


@pytest.mark.parametrize("place", range(3), ids=["chef.py", "chef.sh", "README"])
def test_the_first_lines_build_without_a_server(folder: Path, place: int) -> None:
    text = first_lines()[place].text.replace(README_URL, "http://127.0.0.1:9")
    done = run(text, folder, environment(folder, "http://127.0.0.1:9"))
    assert (done.returncode, done.stdout) == (0, "make -j4\n"), done.stderr


@pytest.mark.parametrize("shell", ["bash -euo pipefail", "sh -eu"])
@pytest.mark.parametrize("fails", [False, True], ids=["builds", "fails"])
def test_a_script_of_several_steps_works_as_written(
    served: Served, folder: Path, shell: str, fails: bool
) -> None:
    if fails:
        (folder / "fails").touch()
    done = run(snippet("shell", 1).text, folder, environment(folder, served.url), shell)
    assert done.returncode == (3 if fails else 0), done.stderr
    found = job(served, job_in(done.stderr))
    if fails:
        assert (found["status"], found["error"]["code"]) == ("failed", 3)
        return
    assert (found["status"], found["projectId"]) == ("completed", "web")
    assert [span["phase"] for span in found["phases"]] == ["preparing", "installing", "building", "completed"]
    assert log_of(served, found["jobId"]) == ["npm ci", "npm run build"]
    assert found["integrity"] == {"complete": True, "lines": 2}
    assert [one["name"] for one in found["artifacts"]] == ["site.tar.gz"]


def test_a_script_of_several_steps_builds_without_a_server(folder: Path) -> None:
    done = run(snippet("shell", 1).text, folder, environment(folder, "http://127.0.0.1:9"))
    assert (done.returncode, done.stdout) == (0, "npm ci\nnpm run build\n"), done.stderr


@pytest.mark.parametrize("reported", [True, False])
def test_the_makefile_works_as_written(served: Served, folder: Path, reported: bool) -> None:
    (folder / "Makefile").write_text(snippet("makefile").text + "\nall:\n\t@echo made\n")
    if reported:
        save_scripts(folder)
    (folder.parent / "bin" / "make").unlink()
    assert shutil.which("make")
    done = run("make -s report", folder, environment(folder, served.url))
    assert (done.returncode, "made\n" in done.stdout) == (0, True), done.stderr
    if reported:
        assert job(served, job_in(done.stderr))["status"] == "completed"


def test_the_crontab_works_as_written(served: Served, folder: Path) -> None:
    save_scripts(folder)
    *variables, line = snippet("cron").text.splitlines()
    assert variables == ["CHEF_URL=https://chef.example.com"]
    command = re.sub(r"^(\S+ ){5}", "", line).replace("/srv/shop", str(folder))
    # cron gives a shell hardly anything.
    settings = environment(folder, served.url)
    done = run(command, folder, settings, shell="sh")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    newest = served.get("/api/jobs?projectId=backup").json()["jobs"][0]
    assert newest["status"] == "completed"

"""The documents: what they tell people to paste works as it stands, and what they name is there."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Page

from chef.access.jwts import issue_token
from chef.domain.clock import now_ms
from chef.settings.config import Settings
from tests.tools.browser import Complaints
from tests.tools.proxies import PROXIES
from tests.tools.serving import ROOT, Served, Serving, free_port
from tests.tools.watching import eventually, node

real = pytest.mark.real

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
URL = "http://localhost:3001"
SECRET = "a secret that is long enough for HS256"
WRITE_TOKEN = "write-token-0123456"
_numbers = count(1)


class Block(NamedTuple):
    """A fenced block: where it stands, in which language, what it says."""

    document: str
    heading: str
    language: str
    text: str


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(document: str, language: str) -> list[Block]:
    found: list[Block] = []
    heading, begun, lines = "", "", list[str]()
    for line in read(document).splitlines():
        if begun and line == "```":
            found.append(Block(document, heading, begun.removeprefix("```"), "\n".join(lines) + "\n"))
            begun, lines = "", []
        elif begun:
            lines.append(line)
        elif line.startswith("```"):
            begun = line
        elif line.startswith("#"):
            heading = line.lstrip("# ")
    assert not begun, f"{document}: a block does not end"
    return [block for block in found if block.language == language]


def block(document: str, heading: str, language: str, place: int = 0) -> Block:
    return [one for one in blocks(document, language) if one.heading == heading][place]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, serving: Serving) -> Iterator[Served]:
    """One server for all tests here: each has jobs of its own."""
    with serving(tmp_path_factory.mktemp("docs"), {}) as served:
        yield served
        assert "Traceback" not in served.output.read_text()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, serving: Serving) -> Iterator[Served]:
    """A server where nobody reads or writes without a token."""
    settings = {"CHEF_JWT_SECRET": SECRET, "CHEF_API_TOKEN": WRITE_TOKEN}
    with serving(tmp_path_factory.mktemp("guarded"), settings) as served:
        served.session.headers["Authorization"] = f"Bearer {WRITE_TOKEN}"
        yield served


@pytest.fixture
def job_id() -> str:
    return f"doc-{next(_numbers)}"


# --- links and names -----------------------------------------------------------------------


def anchors(document: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_link_between_documents_leads_somewhere() -> None:
    broken = []
    for document in DOCUMENTS:
        for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8")):
            if target.startswith("https://"):
                continue
            name, _, anchor = target.partition("#")
            path = document.parent / name if name else document
            if not path.exists() or (anchor and anchor not in anchors(path)):
                broken.append(f"{document.name}: {target}")
    assert broken == []


def test_every_file_that_a_document_names_is_there() -> None:
    pattern = r"`((?:chef|tests|static|templates|docs|bench|findings)/[\w./-]*|\w+\.(?:py|toml|txt|json))`"
    made_by_running = {"chef.db", "build.log", "chef.py"}
    missing = [
        f"{document.name}: {name}"
        for document in DOCUMENTS
        for name in re.findall(pattern, document.read_text(encoding="utf-8"))
        if name not in made_by_running | {"chef/dom.js"} and not (ROOT / name).exists()
    ]
    assert missing == []


def test_the_design_names_every_room() -> None:
    text = read("docs/design.md")
    found = [path for path in sorted((ROOT / "chef").iterdir()) if path.suffix == ".py" or path.is_dir()]
    rooms = [f"chef/{path.name}" + "/" * path.is_dir() for path in found if path.name != "__pycache__"]
    assert len(rooms) > 10
    assert [room for room in rooms if f"`{room}`" not in text] == []


def sources() -> Iterator[Path]:
    for folder in ("chef", "static", "templates", "tests", "bench"):
        yield from (path for path in (ROOT / folder).rglob("*") if path.suffix in {".py", ".js", ".html"})


def test_every_part_of_the_contract_that_is_cited_is_there() -> None:
    contract = read("docs/contract.md")
    sections = set(re.findall(r"^## (\d)\. ", contract, re.MULTILINE))
    invariants = set(re.findall(r"^(\d)\. ", contract.partition("\n## Invariants\n")[2], re.MULTILINE))
    cited: dict[str, set[str]] = {"section": set(), "invariant": set()}
    for path in sources():
        for word, numbers in re.findall(
            r"(section|invariant)s? ((?:\d(?:, | and )?)+)", path.read_text("utf-8"), re.IGNORECASE
        ):
            cited[word.lower()] |= set(re.findall(r"\d", numbers))
    assert len(cited["section"]) > 5
    assert len(cited["invariant"]) > 5
    assert cited["section"] <= sections
    assert cited["invariant"] <= invariants


@pytest.mark.parametrize(
    ("document", "fewest"),
    [("docs/design.md", 16), ("docs/compatibility.md", 12), ("docs/security.md", 60)],
)
def test_every_test_that_a_document_names_is_there(document: str, fewest: int) -> None:
    named = re.findall(r"`(tests/\w+\.py)::(\w+)`", read(document))
    assert len(named) >= fewest
    assert [f"{path}::{name}" for path, name in named if f"def {name}(" not in read(path)] == []


def test_whatever_stops_an_attacker_is_shown_by_a_test() -> None:
    text = read("docs/security.md")
    kinds = re.findall(r"^## .*\n(?:(?!## ).*\n)*?\| tries \|", text, re.MULTILINE)
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| tries")]
    assert len(kinds) == 8
    assert len(rows) > 30
    assert [
        row for row in rows if not re.fullmatch(r"\|[^|]+\|[^|]+\|(?: `tests/\w+\.py::\w+`,?)+ \|", row)
    ] == []


def test_the_readme_is_short_and_shows_the_page() -> None:
    text = read("README.md")
    assert len(text.splitlines()) <= 130
    assert "](docs/page.png)" in text.split("##")[0]


def test_the_readme_names_targets_that_make_has() -> None:
    targets = re.findall(r"^([a-z]+):.*##", read("Makefile"), re.MULTILINE)
    named = re.findall(r"\bmake ([a-z]+)", read("README.md"))
    assert {"run", "test", "check"} <= set(named) <= set(targets)
    assert block("README.md", "Try it: one minute", "sh").text == "make run\n"


def test_the_example_is_the_same_everywhere() -> None:
    readme = block("README.md", "In your own page", "js").text
    assert block("docs/watch.md", "Subscribing", "js").text == readme
    plain = re.sub(r"\s*//.*", "", readme.replace("http://", "http:")).replace("http:", "http://")
    assert plain.split() == read("tests/clients/example.js").split()


def test_the_react_components_are_the_tested_ones() -> None:
    assert block("docs/watch.md", "React", "jsx").text == read("tests/clients/Builds.jsx")
    tested = re.sub(r"^//.*\n", "", read("tests/clients/BuildProgress.jsx"), flags=re.MULTILINE)
    assert block("docs/watch.md", "React with Socket.IO alone", "jsx").text == tested


def test_no_snippet_is_in_a_language_that_is_not_run() -> None:
    run = {"sh", "bash", "js", "jsx", "json"}
    # This is opened by tests/test_elements.py.
    run |= {"html"}
    # These are run by tests/test_reporter_docs.py.
    run |= {"shell", "yaml", "groovy", "procfile", "makefile", "cron"}
    # And these by tests/test_proxies.py.
    run |= {proxy.language for proxy in PROXIES.values()}
    # And this by tests/test_development_proxy.py.
    run |= {"ts"}
    # A real Next takes minutes to install: it is tried by hand.
    shown = {"text", "dockerfile", "mermaid", "mjs"}
    languages = {
        (document.name, language)
        for document in DOCUMENTS
        for language in re.findall(r"^```(\w*)\n(?!$)", document.read_text(encoding="utf-8"), re.MULTILINE)
    }
    unknown = {(name, language) for name, language in languages if language not in run | shown | {""}}
    assert unknown == set()
    # Where the text is run in order, none may stand outside of what is run.
    assert {name for name, language in languages if language == "sh"} == {
        "README.md",
        "ask.md",
        "publish.md",
        "watch.md",
    }


# --- shell ---------------------------------------------------------------------------------

# Each request must be taken; nobody waits for the pauses that are for the eye.
PRELUDE = """
set -euo pipefail
curl() { command curl -sS --fail-with-body "$@"; echo; }
sleep() { command sleep 0.1; }
"""


def run_shell(text: str, server: Served, folder: Path) -> str:
    """Run documented commands in bash; returns what they print."""
    done = subprocess.run(
        ["bash", "-c", PRELUDE + text.replace(URL, server.url)],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_try_out_works_as_written(server: Served, tmp_path: Path) -> None:
    commands = [one.text for one in blocks("README.md", "sh") if one.heading == "Try it: one minute"][1:]
    output = run_shell("".join(commands), server, tmp_path)
    job_id = re.findall(r"now open \S+/jobs/(\S+)", output)[0]
    (shown,) = blocks("README.md", "json")
    expected = shown.text.replace("hello-1790000000", job_id)
    assert json.loads(output.splitlines()[0]) == json.loads(expected)
    job = server.get(f"/api/jobs/{job_id}").json()
    assert (job["status"], job["progress"], job["lines"]) == ("completed", 100, 5)
    assert "compiling one\ncompiling two\ncompiling three\ncompiling four\ncompiling five\n" in output
    assert server.get(f"/jobs/{job_id}").status_code == 200


def test_what_is_told_to_publishers_works_as_written(server: Served, tmp_path: Path) -> None:
    commands = "".join(one.text for one in blocks("docs/publish.md", "sh"))
    output = run_shell(f"{commands}\necho {{}}", server, tmp_path)
    answers = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    assert [answer["lines"] for answer in answers if "offset" in answer] == [1, 2, 3, 0, 2, 1]
    missing = {"stream": "stdout", "bytes": 6, "from": 8, "lines": 1}
    assert [answer["integrity"] for answer in answers if "integrity" in answer] == [
        {"complete": False, "lines": 2, "missing": [missing]},
        {"complete": True, "lines": 3},
    ]
    assert [answer["duplicates"] for answer in answers if "duplicates" in answer][-2:] == [0, 1]
    assert "Upload-Offset: 14" in output
    jobs = server.get("/api/jobs?projectId=web&limit=9").json()["jobs"]
    by_part = {job["jobId"].rpartition("-")[2]: job for job in jobs}
    assert by_part["3"]["error"] == {"message": "tests failed", "code": 2}
    assert by_part["3"]["lines"] == 3
    first = next(job for name, job in by_part.items() if len(name) > 2)
    assert first["meta"] == {"branch": "main", "commit": "4f1c2d9"}
    assert (first["status"], first["message"], len(first["artifacts"])) == ("completed", "deployed", 1)


def test_the_answers_shown_to_publishers_are_those_that_come(server: Served) -> None:
    warned, refused = [json.loads(one.text) for one in blocks("docs/publish.md", "json")]
    update = {"type": "progress", "jobId": "web-1", "projectId": "web"}
    assert server.post("/api/updates", json=update | {"progres": 50}).json() == warned
    named = {"X-Request-Id": refused["requestId"]}
    assert server.post("/api/updates", json=update | {"progress": 150}, headers=named).json() == refused


def test_what_is_told_to_those_who_ask_works_as_written(server: Served, tmp_path: Path, job_id: str) -> None:
    server.update(
        {"type": "log", "jobId": job_id, "projectId": "asked", "message": "all is well"},
        {"type": "completed", "jobId": job_id},
    )
    commands = "".join(one.text for one in blocks("docs/ask.md", "sh"))
    output = run_shell(f"CHEF={URL} JOB={job_id}\n{commands}", server, tmp_path)
    assert output.count("all is well") >= 1
    assert json.loads((tmp_path / "job.json").read_text())["status"] == "completed"


def test_what_is_told_to_readers_with_curl_works_as_written(server: Served, tmp_path: Path) -> None:
    output = run_shell("".join(one.text for one in blocks("docs/watch.md", "sh")), server, tmp_path)
    for shown in (
        "event: job:completed\nid: 4\n",
        "event: end\n",
        '{"event":"end","data":{}}',
        '{"events":[{"event":"job:progress"',
        "event: project:completed\n",
        '"total":2,"next":null}',
        "one\ntwo\n",
        '"newestJob":',
    ):
        assert shown in output, shown


# --- the script that reports a build -------------------------------------------------------


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """The documented script, as one would save it."""
    (one,) = blocks("docs/publish.md", "bash")
    path = tmp_path / "reported.sh"
    path.write_text(one.text)
    return path


def environment(url: str, job_id: str, **more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "CHEF_URL": url, "JOB": job_id} | more


@contextmanager
def building(script: Path, command: str, settings: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A build that the script reports, in a process group of its own."""
    with subprocess.Popen(
        ["bash", str(script), "bash", "-c", command],
        cwd=script.parent,
        env=settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def outcome(server: Served, job_id: str) -> tuple[Any, ...]:
    job = server.get(f"/api/jobs/{job_id}").json()
    return job["status"], (job.get("error") or {}).get("code"), job["lines"]


def stored_lines(server: Served, job_id: str) -> list[str]:
    lines = server.get(f"/api/jobs/{job_id}/logs", params={"limit": 1000}).json().get("lines", [])
    return [line["message"] for line in lines]


@pytest.mark.slow
@pytest.mark.parametrize(("status", "ending"), [(0, ("completed", None, 2)), (3, ("failed", 3, 2))])
def test_the_script_reports_a_build_and_ends_as_it_does(
    guarded: Served, script: Path, job_id: str, status: int, ending: tuple[Any, ...]
) -> None:
    settings = environment(guarded.url, job_id, CHEF_TOKEN=WRITE_TOKEN)
    with building(script, f"echo out; echo err >&2; exit {status}", settings) as process:
        output, complaints = process.communicate(timeout=30)
    assert (process.returncode, output, complaints) == (status, "out\nerr\n", "")
    assert outcome(guarded, job_id) == ending
    assert list(script.parent.glob("tmp.*")) == []


@pytest.mark.slow
def test_the_script_shows_lines_while_the_build_runs(server: Served, script: Path, job_id: str) -> None:
    command = "echo first; until [ -e go ]; do sleep 0.05; done; echo last"
    with building(script, command, environment(server.url, job_id)) as process:
        eventually(lambda: stored_lines(server, job_id) == ["first"])
        (script.parent / "go").touch()
        process.communicate(timeout=30)
    assert (process.returncode, stored_lines(server, job_id)) == (0, ["first", "last"])


@pytest.mark.slow
def test_the_script_sends_what_a_restart_of_the_server_cut_off(
    script: Path, job_id: str, tmp_path: Path, serving: Serving
) -> None:
    port = str(free_port())
    command = "for n in $(seq 50); do echo line $n; done; until [ -e go ]; do sleep 0.05; done; echo last"
    expected = [f"line {number}" for number in range(1, 51)]
    with (
        serving(tmp_path, {"PORT": port}) as first,
        building(script, command, environment(first.url, job_id)) as process,
    ):
        eventually(lambda: stored_lines(first, job_id) == expected)
        first.kill()
        with serving(tmp_path, {"PORT": port}) as again:
            (script.parent / "go").touch()
            process.communicate(timeout=30)
            assert process.returncode == 0
            assert stored_lines(again, job_id) == [*expected, "last"]
            assert outcome(again, job_id) == ("completed", None, 51)


@pytest.mark.slow
def test_the_script_tells_of_a_cancelled_build(server: Served, script: Path, job_id: str) -> None:
    with building(script, "echo begun; sleep 60", environment(server.url, job_id)) as process:
        eventually(lambda: stored_lines(server, job_id) == ["begun"])
        os.killpg(process.pid, signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == 143
    assert outcome(server, job_id) == ("cancelled", 143, 1)


@real
@pytest.mark.slow
@pytest.mark.parametrize("answers", [False, True], ids=["no server", "a server that hangs"])
def test_the_script_neither_fails_nor_stops_a_build_that_it_cannot_report(
    script: Path, job_id: str, answers: bool
) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if answers:
            listener.listen()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        began = time.monotonic()
        # A second's worth of output, far more than any pipe holds.
        with building(script, "seq 200000; exit 4", environment(url, job_id)) as process:
            output, _ = process.communicate(timeout=60)
        took = time.monotonic() - began
    assert process.returncode == 4
    assert output.count("\n") == 200_000
    assert took < (20 if answers else 10)


# --- JavaScript ----------------------------------------------------------------------------

# What a page has around a snippet: each call is told as a line of JSON.
FRAME = """
import { io } from 'socket.io-client';
const [jobId, projectId, token] = %s;
const plain = (value) => value instanceof Map ? [...value.values()] : value;
const tell = (name) => (...args) => console.log(JSON.stringify([name, ...args.map(plain)]));
const keep = (name, state) => (change) => {
  state = typeof change === 'function' ? change(state) : change;
  tell(name)(state);
};
const names = ['progress', 'status', 'finish', 'fail', 'show'];
const [setProgress, setStatus, finish, fail, show] = names.map(tell);
const setLogs = keep('logs', []);
const setLines = keep('lines', new Map());
%s
"""
LINES = ["early", "late", "later"]

Calls = list[list[Any]]


def logged(calls: Calls) -> list[str]:
    return [log["message"] for log in [call for call in calls if call[0] == "logs"][-1][1]]


def shown(calls: Calls, *first: Any) -> list[Any]:
    """The last arguments of the calls of `show` that begin with these."""
    return [call[-1] for call in calls if call[0] == "show" and call[1 : 1 + len(first)] == list(first)]


# What each snippet has told when a build is over that began before it and went on beside it.
TOLD: dict[tuple[str, str, int], Callable[[Calls], bool]] = {
    ("README.md", "In your own page", 0): lambda calls: (
        ["progress", 60] in calls
        and ["status", "completed"] in calls
        and logged(calls)[-2:] == ["late", "later"]
        and calls[-1][0] == "finish"
    ),
    ("README.md", "In your own page", 1): lambda calls: (
        ["lines", LINES] in calls and ["progress", 100] in calls and ["status", "completed"] in calls
    ),
    ("docs/watch.md", "Subscribing", 0): lambda calls: (
        logged(calls)[-2:] == ["late", "later"] and calls[-1][0] == "finish"
    ),
    ("docs/watch.md", "Acknowledgements", 0): lambda calls: shown(calls)[0]["progress"] == 30,
    ("docs/watch.md", "Resuming", 0): lambda calls: (
        shown(calls, "state")[0]["progress"] == 30
        and shown(calls, "lines")[-1] == LINES
        and shown(calls, "completed")[0]["status"] == "completed"
    ),
    ("docs/watch.md", "Connection state recovery", 0): lambda calls: (
        [call[1:] for call in calls] == [[number, text] for number, text in enumerate(LINES, 1)]
    ),
    ("docs/watch.md", "A whole project", 0): lambda calls: (
        60 in [call[2] for call in calls] and len(calls) >= 3 and calls[-1][2] >= 0
    ),
    ("docs/watch.md", "Tokens and origins", 0): lambda calls: ["show", 60] in calls,
    ("docs/watch.md", "Event streams", 1): lambda calls: (
        [log["message"] for log in shown(calls, "job:log")] == LINES
        and shown(calls, "job:completed") != []
        and calls[-1] == ["show", "end", {}]
    ),
}
IN_A_BROWSER = ("docs/watch.md", "Event streams", 0)
AS_A_MODULE = ("docs/watch.md", "The client", 0)
NEEDS_A_TOKEN = {("docs/watch.md", "Tokens and origins", 0), ("docs/watch.md", "Event streams", 1)}


def test_every_script_is_run() -> None:
    found: set[tuple[str, str, int]] = set()
    for document in DOCUMENTS:
        name = document.relative_to(ROOT).as_posix()
        seen: dict[str, int] = {}
        for one in blocks(name, "js"):
            found.add((name, one.heading, seen.setdefault(one.heading, 0)))
            seen[one.heading] += 1
    assert found == {*TOLD, IN_A_BROWSER, AS_A_MODULE}


class Script:
    """A snippet running in Node. `calls` are what it told so far."""

    def __init__(self, text: str) -> None:
        self.calls: Calls = []
        self.process = subprocess.Popen(
            [node(), "--input-type=module", "-e", text],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.calls.extend(json.loads(line) for line in self.process.stdout)

    def close(self) -> str:
        """End it; returns what it complained of."""
        self.process.kill()
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        complaints = self.process.stderr.read()
        self.process.wait()
        self._reader.join(5)
        self.process.stdout.close()
        self.process.stderr.close()
        return complaints


@contextmanager
def running(text: str) -> Iterator[Script]:
    script = Script(text)
    complaints = None
    try:
        yield script
    finally:
        complaints = script.close()
    assert complaints == ""


def progress(job_id: str, **fields: Any) -> dict[str, Any]:
    return {"type": "progress", "jobId": job_id, "projectId": f"project-{job_id}"} | fields


def log(job_id: str, message: str) -> dict[str, Any]:
    return {"type": "log", "jobId": job_id, "message": message}


def begin(server: Served, job_id: str) -> None:
    server.update(progress(job_id, phase="installing"), log(job_id, "early"))


def go_on(server: Served, job_id: str) -> None:
    server.update(progress(job_id, phase="building", progress=60), log(job_id, "late\nlater"))
    server.update({"type": "completed", "jobId": job_id})


def is_followed(server: Served) -> bool:
    """Whether somebody follows a job or a project: its state was read, and all from then on is sent."""
    cursors = re.search(r"^chef_cursors ([\d.]+)$", server.get("/metrics").text, re.MULTILINE)
    assert cursors
    return float(cursors[1]) > 0


@real
@pytest.mark.parametrize("place", TOLD, ids=lambda place: f"{place[0]} {place[1]} {place[2]}")
def test_a_script_shows_a_build(
    request: pytest.FixtureRequest, place: tuple[str, str, int], job_id: str
) -> None:
    served: Served = request.getfixturevalue("guarded" if place in NEEDS_A_TOKEN else "server")
    token = issue_token(Settings(jwt_secret=SECRET), {"read"}, (), 600, now_ms())
    snippet = block(place[0], place[1], "js", place[2]).text.replace(URL, served.url)
    eventually(lambda: not is_followed(served))
    begin(served, job_id)
    with running(FRAME % (json.dumps([job_id, f"project-{job_id}", token]), snippet)) as script:
        eventually(lambda: is_followed(served))
        go_on(served, job_id)
        eventually(lambda: _holds(TOLD[place], list(script.calls)))


def _holds(told: Callable[[Calls], bool], calls: Calls) -> bool:
    try:
        return told(calls)
    except LookupError:
        return False  # It has not told enough yet.


def test_a_wrong_token_is_told_as_documented(guarded: Served, job_id: str) -> None:
    snippet = block("docs/watch.md", "Tokens and origins", "js").text.replace(URL, guarded.url)
    with running(FRAME % (json.dumps([job_id, "p", "wrong"]), snippet)) as script:
        eventually(lambda: ["show", "Authentication error"] in script.calls)


def test_an_event_source_in_a_browser_shows_a_build_and_stops(
    server: Served, page: Page, complaints: Complaints, job_id: str
) -> None:
    snippet = block(*IN_A_BROWSER[:2], "js", IN_A_BROWSER[2]).text.replace(URL, server.url)
    begin(server, job_id)
    page.goto(f"{server.url}/health")
    page.evaluate(
        "([jobId, text]) => { window.calls = []; const show = (...args) => calls.push(args);"
        "  window.stream = new Function('jobId', 'show', text + '; return stream;')(jobId, show); }",
        [job_id, snippet],
    )
    page.wait_for_function("calls.length >= 2")
    go_on(server, job_id)
    page.wait_for_function("stream.readyState === EventSource.CLOSED")
    calls = page.evaluate("calls")
    assert [data["message"] for name, data in calls if name == "job:log"] == LINES
    assert calls[-1][0] == "job:completed"


def test_the_client_of_the_server_shows_a_build(server: Served, page: Page, job_id: str) -> None:
    snippet = block(*AS_A_MODULE[:2], "js", AS_A_MODULE[2]).text.replace(URL, server.url)
    begin(server, job_id)
    page.goto(f"{server.url}/health")
    page.evaluate(
        "(jobId) => { window.jobId = jobId; window.calls = []; window.show = (...a) => calls.push(a) }",
        job_id,
    )
    page.add_script_tag(type="module", content=snippet)
    page.wait_for_function("calls.at(-1)?.[2] === 1")
    go_on(server, job_id)
    page.wait_for_function("calls.at(-1)[0] === 'ended'")
    assert page.evaluate("calls.at(-1)") == ["ended", 100, 3]

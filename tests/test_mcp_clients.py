"""`POST /mcp` against the protocol's own conformance suite and its own client, both from npm."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.test_digest import RECORDINGS
from tests.tools.serving import ROOT, Served, Serving, measured
from tests.tools.watching import node

pytestmark = pytest.mark.real

MODERN, LEGACY = "2026-07-28", "2025-11-25"

APPLICABLE = [
    ("server-initialize", LEGACY),
    ("server-session-lifecycle", LEGACY),
    ("ping", LEGACY),
    ("tools-list", LEGACY),
    ("dns-rebinding-protection", LEGACY),
    ("server-stateless", MODERN),
    ("tools-list", MODERN),
    ("caching", MODERN),
    ("http-header-validation", MODERN),
    ("dns-rebinding-protection", MODERN),
    ("server-sse-multiple-streams", MODERN),
    ("input-required-result-unsupported-methods", MODERN),
]
"""The suite's scenarios for what this server offers: tools, over HTTP, without a session.

The others want prompts, resources, completion, sampling, elicitation, logging, streams or tasks: none of
these is offered. Or they call tools of the suite's own (`test_simple_text`), which a product does not have.
"""

NOT_OFFERED = {
    # Each needs a tool of the suite's own: one that asks for sampling, one for elicitation, one that logs.
    "sep-2575-server-rejects-undeclared-capability",
    "sep-2575-missing-capability-http-400",
    "sep-2575-http-server-no-independent-requests-on-stream",
    "sep-2575-server-no-log-without-loglevel",
    # There are neither prompts nor resources to list.
    "sep-2549-prompts-list-caching-hints",
    "sep-2549-resources-list-caching-hints",
    "sep-2549-resources-templates-list-caching-hints",
}
"""Checks within those scenarios that fail because what they need is not there."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, serving: Serving) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("mcp"), measured()) as served:
        recording = (RECORDINGS / "gcc-failed.log").read_bytes()
        served.post("/api/jobs/red/logs?projectId=web", data=recording)
        served.update({"type": "error", "jobId": "red", "message": "make failed", "code": 2})
        yield served
        assert "Traceback" not in served.output.read_text()


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The suite in one file: a part of it that no scenario uses needs a newer Node than some have."""
    bundle = tmp_path_factory.mktemp("conformance") / "suite.cjs"
    subprocess.run(
        [
            "node_modules/esbuild/bin/esbuild",
            "node_modules/@modelcontextprotocol/conformance/dist/index.js",
            *("--bundle", "--platform=node", "--format=cjs", "--log-level=error", f"--outfile={bundle}"),
            "--define:import.meta.url=bundleUrl",
            "--banner:js=const bundleUrl = require('url').pathToFileURL(__filename).href;",
        ],
        cwd=ROOT,
        check=True,
        timeout=120,
    )
    return bundle


def checks(suite: Path, server: Served, scenario: str, version: str, folder: Path) -> list[dict[str, Any]]:
    """Run a scenario; returns its checks."""
    command = [node(), str(suite), "server", "--url", f"{server.url}/mcp", "--scenario", scenario]
    done = subprocess.run(
        [*command, "--spec-version", version, "--output-dir", str(folder)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    (results,) = folder.rglob("checks.json")
    found: list[dict[str, Any]] = json.loads(results.read_text())
    assert found, done.stdout + done.stderr
    return found


@pytest.mark.parametrize(("scenario", "version"), APPLICABLE)
def test_the_conformance_suite_passes_for_what_is_offered(
    suite: Path, server: Served, tmp_path: Path, scenario: str, version: str
) -> None:
    found = checks(suite, server, scenario, version, tmp_path)
    failed = {
        one["id"]: str(one.get("errorMessage")) for one in found if one["status"] in ("FAILURE", "WARNING")
    }
    assert {name: why for name, why in failed.items() if name not in NOT_OFFERED} == {}
    # What is excused is excused for a reason that the suite itself gives.
    for why in failed.values():
        assert "Not testable: server does not list the diagnostic tool" in why or "Method not found" in why


def test_the_official_client_finds_what_is_at_fault(server: Served) -> None:
    command = [node(), "tests/clients/mcp-agent.mjs", f"{server.url}/mcp"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    told = json.loads(done.stdout)
    assert told["tools"][:3] == ["find_jobs", "find_runs", "get_digest"]
    assert told["job"] == "red"
    assert "bad.c:2:33: error: ‘total’ undeclared" in told["digest"]
    assert told["refused"] is True

"""Fixtures of the reporter's tests: one served Chef for all of them, and a job of its own for each.

A test module asks for them by `pytest_plugins`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.tools.reporting import Machine
from tests.tools.serving import Served, Serving

_numbers = count(1)


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory, serving: Serving) -> Iterator[Served]:
    """A server that nothing but jobs of one's own is sent to. It never fails."""
    with serving(tmp_path_factory.mktemp("served"), {}) as running:
        yield running
        assert "Traceback" not in running.output.read_text()


@pytest.fixture
def job() -> str:
    """The id of a job that no other test has."""
    return f"job-{next(_numbers)}"


@pytest.fixture
def machine(served: Served, job: str, tmp_path: Path) -> Machine:
    """A build machine whose reporter knows the server and the job."""
    return Machine(tmp_path, CHEF_URL=served.url, CHEF_PROJECT="web", CHEF_JOB=job)

"""`chef erase`: what a build machine may erase, against a served Chef."""

from __future__ import annotations

import pytest

from tests.tools.reporting import Machine
from tests.tools.serving import Served

pytest_plugins = ["tests.tools.reporter_fixtures"]
pytestmark = [pytest.mark.real, pytest.mark.slow]


def begin(served: Served, job: str, project: str = "web") -> None:
    served.update({"type": "log", "jobId": job, "projectId": project, "message": "a secret\nanother"})


def test_a_build_erases_its_own_log(served: Served, machine: Machine, job: str) -> None:
    begin(served, job)
    done = machine.run("erase", "--logs", environment={"CHEF_JOB": job})
    assert (done.status, done.out) == (0, b"")
    assert done.err == f"chef: the log of job {job} is erased: nothing of it is left\n"
    (marker,) = served.get(f"/api/jobs/{job}/logs").json()["lines"]
    assert marker["message"] == "… [removed: 2 lines, 17 bytes]"
    assert machine.run("erase", "--logs", "-q", job).err == ""


def test_a_job_and_a_project_are_erased_by_name(served: Served, machine: Machine, job: str) -> None:
    begin(served, job)
    begin(served, f"{job}-2", f"project-of-{job}")
    assert machine.run("erase", job).status == 0
    assert served.get(f"/api/jobs/{job}").status_code == 404
    assert machine.run("erase", "--project", f"project-of-{job}").status == 0
    assert served.get(f"/api/jobs/{job}-2").status_code == 404


def test_what_cannot_be_erased_is_said_in_one_line(served: Served, machine: Machine, job: str) -> None:
    done = machine.run("erase", job)
    assert (done.status, done.err) == (1, f"chef: job {job} is not erased: 404 there is no job '{job}'\n")
    # The job of the environment is the build that runs: it is not erased as a whole by a slip.
    for arguments in ([], ["--project", "p", job], ["--project", "p", "--logs"]):
        refused = machine.run("erase", *arguments, environment={"CHEF_JOB": job})
        assert (refused.status, refused.err.count("\n")) == (2, 1), arguments
    away = machine.run("erase", job, environment={"CHEF_URL": "http://127.0.0.1:9"})
    assert away.status == 1
    assert away.err.startswith(f"chef: job {job} is not erased: ")


def test_a_build_that_was_erased_goes_on_and_is_not_sent_again(
    served: Served, machine: Machine, job: str
) -> None:
    """Its reporter has all of the output still, and says that the server takes no more of it."""
    address = f"{served.url}/api/jobs/{job}"
    once_it_is_there = f"until curl -sSf {address} >/dev/null 2>&1; do sleep 0.1; done"
    erase = f"curl -sS -X DELETE {address} >&2"
    script = f"echo one; {once_it_is_there}; {erase}; echo two; sleep 2; echo three; exit 3"
    done = machine.run("run", "--linger", "20", "--", "sh", "-c", script, environment={"CHEF_JOB": job})
    assert (done.status, done.out) == (3, b"one\ntwo\nthree\n")
    assert served.get(f"/api/jobs/{job}").status_code == 404
    assert "was erased, and takes nothing more" in done.err

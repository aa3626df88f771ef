"""The `end` of an event stream comes behind the log, also where the job's end was stored first."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest
import requests
from msgspec.structs import replace

from chef.domain.model import Job
from chef.live.ending import LONGEST_S, QUIET_S, EndDelay
from chef.live.uploads import Uploads
from tests.test_log_streams import Upload
from tests.tools.reporting import Machine
from tests.tools.serving import Served

pytest_plugins = ["tests.tools.reporter_fixtures"]
_numbers = count(1)
SSE, NDJSON = "text/event-stream", "application/x-ndjson"
JOB = Job("j", "p", created_at=0, updated_at=10_000, finished_at=10_000, status="completed", seq=5)


# The rule


def left(delay: EndDelay, now: float, job: Job = JOB, *, uploading: bool = False, ahead: float = 0) -> float:
    """What the rule says at a time in seconds, on a server whose clock shows the same."""
    return delay.left(job, int((now - ahead) * 1000), uploading, now)


def test_a_job_that_has_been_quiet_ends_at_once() -> None:
    assert left(EndDelay(), 12.0) == 0
    assert left(EndDelay(), 4000.0) == 0


def test_a_job_that_has_just_been_heard_of_ends_when_it_has_been_quiet() -> None:
    delay = EndDelay()
    assert left(delay, 10.5) == pytest.approx(QUIET_S - 0.5)
    late = replace(JOB, seq=6, updated_at=11_900)
    assert left(delay, 12.0, late) == pytest.approx(QUIET_S - 0.1)
    assert left(delay, 13.9, late) == 0


def test_an_upload_that_is_open_holds_the_end_back_but_not_for_ever() -> None:
    delay = EndDelay()
    began = 20.0
    assert 0 < left(delay, began, uploading=True) <= 1
    assert 0 < left(delay, began + LONGEST_S - 0.1, uploading=True) <= 0.1 + 1e-9
    assert left(delay, began + LONGEST_S, uploading=True) == 0
    other = EndDelay()
    assert left(other, began, uploading=True) > 0
    assert left(other, began + 1) == 0


def test_lines_without_a_rest_do_not_hold_the_end_back_for_ever() -> None:
    delay, now = EndDelay(), 10.0
    while left(delay, now, replace(JOB, seq=int(now * 100), updated_at=int(now * 1000))):
        now += 0.5
    assert now == 10.0 + LONGEST_S


def test_a_clock_that_is_behind_costs_no_more_than_the_quiet_time() -> None:
    """Another process stamped the update, with a clock a minute ahead of this one's."""
    delay = EndDelay()
    assert left(delay, 70.0, ahead=60) == pytest.approx(QUIET_S)
    assert left(delay, 72.0, ahead=60) == 0


def test_uploads_are_counted_by_job() -> None:
    uploads = Uploads()
    with uploads.during("a"):
        with pytest.raises(OSError, match="broken"), uploads.during("a"):
            raise OSError("broken")
        assert uploads.are_open("a")
        assert not uploads.are_open("b")
    assert not uploads.are_open("a")


# The rule at work


@pytest.fixture
def job_id() -> str:
    return f"ending-{next(_numbers)}"


@dataclass
class Followed:
    """A job's event stream as it comes: names of events, messages of lines, and when the end came."""

    names: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    ended_at: float = 0.0

    def read(self, answer: requests.Response) -> None:
        for line in answer.iter_lines(chunk_size=1):
            if line.strip():
                event = json.loads(line)
                self.names.append(event["event"])
                self.messages += [event["data"]["message"]] if event["event"] == "job:log" else []
        self.ended_at = time.monotonic()


@contextmanager
def following(server: Served, job_id: str, query: str = "") -> Iterator[Callable[[], Followed]]:
    """Follow a job; what is given waits for the stream's end."""
    url = f"{server.url}/api/jobs/{job_id}/events{query}"
    followed = Followed()
    with requests.get(url, headers={"Accept": NDJSON}, stream=True, timeout=60) as answer:
        thread = threading.Thread(target=followed.read, args=(answer,))
        thread.start()

        def wait() -> Followed:
            thread.join(60)
            assert not thread.is_alive()
            assert followed.names[-1] == "end", followed.names
            return followed

        yield wait


def run_shell(script: str) -> None:
    assert (
        subprocess.run([shutil.which("bash") or "bash", "-c", script], timeout=60, check=False).returncode
        == 0
    )


def end_job(server: Served, job_id: str) -> None:
    assert server.post(f"/api/jobs/{job_id}/exit", data={"projectId": "p", "code": "0"}).status_code == 200


@pytest.mark.real
@pytest.mark.parametrize("late", ["", "sleep 1; "], ids=["at once", "late"])
def test_a_log_that_comes_by_tee_is_in_the_stream_before_its_end(
    served: Served, job_id: str, late: str
) -> None:
    """The upload's connection may be made when the exit status is stored already."""
    job = shlex.quote(f"{served.url}/api/jobs/{job_id}")
    upload = f"{late}curl -sS -o /dev/null -T - '{served.url}/api/jobs/{job_id}/logs?projectId=p'"
    with following(served, job_id) as wait:
        run_shell(
            f"seq 301 | tee >({upload}) >/dev/null; curl -sS -o /dev/null -d projectId=p -d code=0 {job}/exit"
        )
        followed = wait()
    assert followed.messages == [str(number) for number in range(1, 302)]
    assert followed.names.count("job:completed") == 1


@pytest.mark.real
@pytest.mark.parametrize("before", [True, False], ids=["since before the end", "since after the end"])
def test_a_stream_ends_when_the_upload_has(served: Served, job_id: str, before: bool) -> None:
    """An upload that is quiet for longer than the quiet time is open all the same."""
    upload = Upload(served, f"/api/jobs/{job_id}/logs?projectId=p")
    upload.send(b"early\n")
    if not before:
        end_job(served, job_id)
    with following(served, job_id) as wait:
        if before:
            end_job(served, job_id)
        time.sleep(QUIET_S + 1.5)
        upload.send(b"late\n")
        time.sleep(QUIET_S + 0.5)
        upload.send(b"latest\n")
        upload.finish()
        finished = time.monotonic()
        followed = wait()
    assert followed.messages == ["early", "late", "latest"]
    assert QUIET_S - 0.5 < followed.ended_at - finished < QUIET_S + 8


@pytest.mark.real
def test_a_stream_of_a_job_that_ended_long_ago_ends_at_once(served: Served, job_id: str) -> None:
    end_job(served, job_id)
    time.sleep(QUIET_S + 0.1)
    began = time.monotonic()
    with following(served, job_id) as wait:
        assert wait().ended_at - began < QUIET_S - 0.5


@pytest.mark.real
def test_who_does_not_follow_does_not_wait(served: Served, job_id: str) -> None:
    end_job(served, job_id)
    began = time.monotonic()
    with following(served, job_id, "?follow=0") as wait:
        assert wait().ended_at - began < QUIET_S - 0.5


@pytest.mark.slow
def test_what_another_process_takes_is_in_the_stream_before_its_end(
    start_server: Callable[..., Served], postgres_url: str
) -> None:
    """Without Redis: the store alone says that something came."""
    here, there = (start_server(DATABASE_URL=postgres_url) for _ in range(2))
    with following(here, "two") as wait:
        end_job(there, "two")
        for number in range(4):
            time.sleep(QUIET_S / 2)
            log = {"type": "log", "jobId": "two", "projectId": "p", "message": f"{number}"}
            there.update(log)
        assert wait().messages == ["0", "1", "2", "3"]


@pytest.mark.real
def test_tail_shows_what_comes_behind_the_end(served: Served, machine: Machine, job: str) -> None:
    def late(text: str) -> dict[str, Any]:
        return {"type": "log", "jobId": job, "message": text}

    served.update({"type": "progress", "jobId": job, "projectId": "web"})
    with machine.start("tail", job) as process:
        time.sleep(0.5)
        served.update({"type": "error", "jobId": job, "message": "no", "code": 3})
        time.sleep(QUIET_S / 2)
        served.update(late("late"))
        # The job has ended for this one.
        again = machine.start("tail", "-n", "5", job)
        time.sleep(QUIET_S / 2)
        served.update(late("latest"))
        out, err = process.communicate(timeout=30)
        assert (process.returncode, out) == (3, b"late\nlatest\n")
        assert err.decode().splitlines()[-1].startswith("== failed after ")
        assert err.count(b"== failed") == 1
        out, _ = again.communicate(timeout=30)
        assert (again.returncode, out) == (3, b"late\nlatest\n")


# Heartbeats


@pytest.mark.real
def test_a_heartbeat_is_a_comment_line_alone(served: Served, job_id: str) -> None:
    """With a blank line behind it, it is an empty message to fetch-event-source and sseclient."""
    url = f"{served.url}/api/jobs/{job_id}/events"
    with requests.get(url, headers={"Accept": SSE}, stream=True, timeout=60) as answer:
        lines = answer.iter_lines(chunk_size=1)
        assert next(lines) == b": still here"
        end_job(served, job_id)
        assert next(lines) == b"event: job:progress"

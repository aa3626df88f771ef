"""Over kill -9 at random moments, and while targets are away: nothing is lost, and little is told twice."""

from __future__ import annotations

import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.tools.chats import Ntfy, Shown, Slack, serving_chat
from tests.tools.serving import Serving, free_port
from tests.tools.targets import FakeTarget, Sent, fake_target

pytestmark = [pytest.mark.slow, pytest.mark.real]

JOBS, KILLS = 10, 4
SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"


def outcome(number: int) -> str:
    return "error" if number % 2 else "completed"


def updates(number: int) -> list[dict[str, Any]]:
    """A job's: it begins, moves and ends. Each branch fails, then recovers."""
    job = {"jobId": f"job-{number}", "projectId": "web", "meta": {"branch": f"b{(number + 1) // 2}"}}
    moving = {**job, "type": "progress", "phase": "building", "progress": 30 + number}
    end = {**job, "type": outcome(number), "message": "boom"}
    return [
        {**moving, "id": f"{number}-begins"},
        {**moving, "id": f"{number}-moves", "progress": 60 + number},
        {**end, "id": f"{number}-ends"} if outcome(number) == "error" else {**job, "type": "completed"},
    ]


EXPECTED = {
    *((f"job-{number}", "job.started") for number in range(1, JOBS + 1)),
    *((f"job-{number}", "job.failed") for number in range(1, JOBS + 1, 2)),
    *((f"job-{number}", "job.completed") for number in range(2, JOBS + 1, 2)),
    *((f"job-{number}", "job.recovered") for number in range(2, JOBS + 1, 2)),
}


class Builds(threading.Thread):
    """Posts all updates of all jobs, each until it is taken, to a server that is killed now and then."""

    def __init__(self, url: str, chance: random.Random) -> None:
        super().__init__(daemon=True)
        self._url = url
        self._chance = chance

    def run(self) -> None:
        for number in range(1, JOBS + 1):
            for update in updates(number):
                self._post(update)
                time.sleep(self._chance.uniform(0, 0.25))

    def _post(self, update: dict[str, Any]) -> None:
        while True:
            try:
                answer = requests.post(f"{self._url}/api/updates", json=update, timeout=10)
            except requests.RequestException:
                time.sleep(0.05)
                continue
            # An end that was stored before the kill is refused when it comes again.
            if answer.status_code in (200, 409, 422):
                return


def names(sent: list[Sent]) -> list[tuple[str, str]]:
    return [(one.json["data"]["jobId"], one.json["type"]) for one in sent]


def sometimes(chance: random.Random) -> Callable[[Sent], Any]:
    """A target that is overloaded now and then."""
    return lambda sent: (503 if chance.random() < 0.2 else 204, {}, b"")


def test_nothing_is_lost_and_a_job_has_one_message_over_kills(
    tmp_path: Path, serving: Serving, any_database_url: str
) -> None:
    chance = random.Random(4)
    port = free_port()
    with ExitStack() as stack:
        hook = stack.enter_context(fake_target())
        slack = stack.enter_context(serving_chat(Slack()))
        ntfy = stack.enter_context(serving_chat(Ntfy()))
        hook.reply = sometimes(chance)
        environment = {
            "PORT": str(port),
            "DATABASE_URL": any_database_url,
            "CHEF_ALLOWED_HOSTS": "*",
            "CHEF_HOOK_SECRET": SECRET,
            "CHEF_NOTIFY": f"{hook.url}/hook#started,completed,failed,recovered "
            f"{slack.target}#progress,completed,failed {ntfy.target}#progress,completed,failed",
        }
        builds = Builds(f"http://127.0.0.1:{port}", chance)
        for kill in range(KILLS + 1):
            with serving(tmp_path, environment) as served:
                if kill == 0:
                    builds.start()
                if kill < KILLS:
                    time.sleep(chance.uniform(0.1, 1.2))
                    served.kill()
                    continue
                builds.join()
                wait_until_all_is_told(hook, slack, ntfy)
        told = list(hook.sent)
    assert set(names(told)) == EXPECTED
    ids = {(one.json["data"]["jobId"], one.json["type"], one.headers["webhook-id"]) for one in told}
    assert len(ids) == len(EXPECTED)
    for chat in (slack, ntfy):
        assert Counter(job_of(one) for one in chat.shown) == Counter(f"job-{n}" for n in range(1, JOBS + 1))


def job_of(message: Shown) -> str:
    """The job that a message leads to."""
    (name,) = set(re.findall(r"/jobs/(job-[0-9]+)", str(message.newest)))
    return str(name)


def wait_until_all_is_told(hook: FakeTarget, slack: Slack, ntfy: Ntfy) -> None:
    hook.wait(lambda sent: set(names(sent)) >= EXPECTED, within=90)
    deadline = time.monotonic() + 60
    while not all(is_final(chat.texts()) for chat in (slack, ntfy)):
        assert time.monotonic() < deadline, (slack.texts(), ntfy.texts())
        time.sleep(0.1)


def is_final(texts: list[str]) -> bool:
    return sum("failed" in text or "completed" in text for text in texts) >= JOBS

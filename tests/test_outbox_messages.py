"""A served Chef and chats: one message a job, whatever happens to the server, the chat or the message."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from hashlib import sha256
from pathlib import Path

import pytest

from tests.tools.chats import TOKEN, Chat, Discord, Mattermost, Ntfy, Slack, serving_chat
from tests.tools.serving import Served, Serving, free_port
from tests.tools.watching import eventually

pytestmark = pytest.mark.real

ALL = (Ntfy, Slack, Discord, Mattermost)
LEAST_GAP_S = 2.95


@pytest.fixture
def chats() -> Iterator[list[Chat]]:
    """One of each kind."""
    with ExitStack() as stack:
        yield [stack.enter_context(serving_chat(made())) for made in ALL]


def told(*chats: Chat, words: str) -> dict[str, str]:
    """The setting that names chats as targets."""
    return {"CHEF_NOTIFY": " ".join(f"{chat.target}#{words}" for chat in chats), "CHEF_ALLOWED_HOSTS": "*"}


def progress(server: Served, job: str, percent: float) -> None:
    update = {"type": "progress", "jobId": job, "projectId": "web", "phase": "building", "progress": percent}
    server.update(update | {"meta": {"branch": "main"}})


def fail(server: Served, *jobs: str, project: str = "web") -> None:
    server.update(*({"type": "error", "jobId": job, "projectId": project, "message": "boom"} for job in jobs))


def complete(server: Served, job: str) -> None:
    server.update({"type": "completed", "jobId": job, "projectId": "web"})


def is_final(chat: Chat, count: int = 1) -> bool:
    texts = chat.texts()
    return len(texts) == count and all("failed: boom" in text for text in texts)


def kept(chat: Chat, folder: Path) -> tuple[int, int]:
    """How often a chat was told something, as far as is kept, and of how many jobs more is to be told."""
    query = (
        "SELECT sum(requests), sum(is_open) FROM outbox_tellings"
        " JOIN outbox_targets ON pk = target_pk WHERE digest = ?"
    )
    digest = sha256(chat.target.encode()).hexdigest()
    with closing(sqlite3.connect(folder / "chef.db", timeout=20)) as database:
        ((requests, left),) = database.execute(query, (digest,)).fetchall()
    return int(requests), int(left)


def until(chats: Iterable[Chat], condition: Callable[[Chat], bool], timeout: float = 60) -> None:
    """Wait until it holds for each chat."""
    waiting = list(chats)

    def is_reached() -> bool:
        waiting[:] = [chat for chat in waiting if not condition(chat)]
        return not waiting

    eventually(is_reached, timeout)


def test_one_message_follows_a_job_to_its_end_by_edits_three_seconds_apart(
    tmp_path: Path, serving: Serving, chats: list[Chat]
) -> None:
    with serving(tmp_path, told(*chats, words="progress,failed")) as server:
        deadline, percent = time.monotonic() + 60, 50.0
        while not all(chat.shown and len(chat.shown[0].versions) >= 2 for chat in chats):
            assert time.monotonic() < deadline
            progress(server, "web-1", percent := percent + 0.25)
            time.sleep(0.2)
        fail(server, "web-1")
        until(chats, is_final)
        for chat in chats:
            (message,) = chat.shown
            assert len(message.versions) >= 3
            assert min(message.gaps) >= LEAST_GAP_S, (chat.scheme, message.gaps)
        time.sleep(0.5)
        assert all(is_final(chat) for chat in chats), "the last one is final"


def test_targets_are_told_on_their_words_of_their_projects(tmp_path: Path, serving: Serving) -> None:
    with ExitStack() as stack:
        failures, endings, others = (stack.enter_context(serving_chat(Ntfy())) for _ in range(3))
        targets = (
            f"{failures.target} {endings.target}#completed,cancelled {others.target}#failed&project=shop"
        )
        with serving(tmp_path, {"CHEF_NOTIFY": targets, "CHEF_ALLOWED_HOSTS": "*"}) as server:
            fail(server, "a")
            complete(server, "b")
            complete(server, "c")
            server.update({"type": "cancelled", "jobId": "d", "projectId": "web"})
            fail(server, "e", project="shop")
            eventually(lambda: len(failures.shown) == 3)
            eventually(lambda: len(endings.shown) == 3)
            eventually(lambda: len(others.shown) == 1)
            states = sorted(text.split(": ")[1].split(",")[0].split("\n")[0] for text in failures.texts())
            assert states == ["failed", "failed", "recovered after 1 failed run"]
            assert [text.split(":")[0] for text in others.texts()] == ["shop"]


def test_a_message_that_is_there_becomes_final_whatever_the_end_is(
    tmp_path: Path, serving: Serving, chats: list[Chat]
) -> None:
    with serving(tmp_path, told(*chats, words="progress,failed")) as server:
        progress(server, "web-1", 60)
        eventually(lambda: all(len(chat.shown) == 1 for chat in chats))
        complete(server, "web-1")
        until(chats, lambda chat: "completed" in chat.texts()[0])
        assert all(len(chat.shown) == 1 for chat in chats)


def test_over_kills_at_random_moments_there_is_one_message_a_job(
    tmp_path: Path, serving: Serving, chats: list[Chat]
) -> None:
    settings = told(*chats, words="progress,failed") | {"PORT": str(free_port())}
    jobs = [f"web-{number}" for number in range(3)]
    for round_ in range(3):
        with serving(tmp_path, settings) as server:
            for job in jobs:
                progress(server, job, 50 + round_)
            time.sleep(random.uniform(0, 1))
            server.kill()
    with serving(tmp_path, settings) as server:
        for job in jobs:
            fail(server, job)
        time.sleep(random.uniform(0, 0.5))
        server.kill()
    with serving(tmp_path, settings):
        until(chats, lambda chat: sum("failed: boom" in text for text in chat.texts()) == len(jobs))
        until(chats, lambda chat: kept(chat, tmp_path)[1] == 0)
        for chat in chats:
            # The server was killed before it had kept what came of these.
            unknown = sum(len(message.versions) for message in chat.shown) - kept(chat, tmp_path)[0]
            # Discord alone cannot tell: what is not known to have been told is there again.
            most = len(jobs) + (unknown if isinstance(chat, Discord) else 0)
            assert len(jobs) <= len(chat.shown) <= most, chat.scheme
            gaps = [gap for message in chat.shown for gap in message.gaps]
            assert unknown or min(gaps) >= LEAST_GAP_S, (chat.scheme, gaps)


def test_killed_while_the_first_message_is_under_way_it_is_there_once_where_the_chat_can_tell(
    tmp_path: Path, serving: Serving, chats: list[Chat]
) -> None:
    settings = told(*chats, words="failed") | {"PORT": str(free_port())}
    for chat in chats:
        chat.may_answer.clear()
    with serving(tmp_path, settings) as server:
        fail(server, "web-1")
        eventually(lambda: all(chat.shown for chat in chats))
        server.kill()
    for chat in chats:
        chat.may_answer.set()
    with serving(tmp_path, settings):
        expected = {"ntfy": 1, "slack": 1, "discord": 2, "mattermost": 1}
        until(chats, lambda chat: len(chat.asked) >= 2 and is_final(chat, expected[chat.scheme]))
        time.sleep(0.5)
        assert all(is_final(chat, expected[chat.scheme]) for chat in chats)


def test_two_hundred_jobs_at_once_are_two_hundred_messages_within_a_chats_limits(
    tmp_path: Path, serving: Serving
) -> None:
    with ExitStack() as stack:
        chats = [stack.enter_context(serving_chat(made())) for made in (Slack, Discord)]
        for chat in chats:
            chat.burst = 30
        with serving(tmp_path, told(*chats, words="failed")) as server:
            fail(server, *(f"web-{one}" for one in range(200)))
            until(chats, lambda chat: is_final(chat, 200), 120)
            assert all(chat.refused for chat in chats), "its limit was met"


def test_a_message_that_a_person_deleted_comes_back_as_the_end_alone(
    tmp_path: Path, serving: Serving, chats: list[Chat]
) -> None:
    chats = [chat for chat in chats if not isinstance(chat, Ntfy)]
    with serving(tmp_path, told(*chats, words="progress,failed")) as server:
        progress(server, "web-1", 60)
        eventually(lambda: all(len(chat.shown) == 1 for chat in chats))
        for chat in chats:
            chat.delete_all()
        asked = [len(chat.asked) for chat in chats]
        progress(server, "web-1", 61)
        eventually(lambda: all(len(chat.asked) > count for chat, count in zip(chats, asked, strict=True)))
        assert all(chat.shown == [] for chat in chats)
        fail(server, "web-1")
        until(chats, is_final)


def test_a_revoked_token_stops_nobody_and_no_log_shows_it(
    tmp_path: Path, serving: Serving, chats: list[Chat]
) -> None:
    revoked = [chat for chat in chats if not isinstance(chat, Ntfy)]
    for chat in revoked:
        chat.is_revoked = True
    with serving(tmp_path, told(*chats, words="failed")) as server:
        fail(server, "web-1")
        until(chats, lambda chat: bool(chat.asked))
        until(chats[:1], is_final)
        fail(server, "web-2")
        eventually(lambda: is_final(chats[0], 2))
        eventually(lambda: server.output.read_text().count("refuses job") >= len(revoked))
        assert TOKEN not in server.output.read_text()


def test_a_chat_that_comes_back_after_a_while_is_told_all_of_it(tmp_path: Path, serving: Serving) -> None:
    port = free_port()
    chat = Slack()
    chat.port = port
    with serving(tmp_path, told(chat, words="progress,failed")) as server:
        for number in range(3):
            progress(server, f"web-{number}", 60)
        time.sleep(1)
        for number in range(3):
            fail(server, f"web-{number}")
        with serving_chat(chat, port):
            eventually(lambda: is_final(chat, 3))

"""ntfy, Slack, Discord and Mattermost, each against a server that behaves as it is documented."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from chef.domain.model import JobError
from chef.outbox.channel import NotifyChannel
from chef.outbox.kinds import make_channels
from chef.outbox.values import Answer, Delivered, Notice, NotNow, Outcome, Rejected, Request, Word
from chef.settings.config import SettingError, Settings
from tests.tools.chats import (
    TOKEN,
    Chat,
    Discord,
    Mattermost,
    Ntfy,
    Reply,
    Slack,
    serving_chat,
)
from tests.tools.notices import FAILURE, LINK, ended_job, estimated, notice_of, told_job

pytestmark = pytest.mark.real

RUNNING = notice_of(told_job(), estimate=estimated(180_000))
FAILED = notice_of(ended_job("failed", failure=FAILURE), Word.FAILED)
AGAIN = notice_of(told_job(), is_repeated=True)


@pytest.fixture(params=[Ntfy, Slack, Discord, Mattermost])
def chat(request: pytest.FixtureRequest) -> Iterator[Chat]:
    with serving_chat(request.param()) as served:
        yield served


@pytest.fixture(params=[Slack, Discord, Mattermost])
def deletable(request: pytest.FixtureRequest) -> Iterator[Chat]:
    """Chats in which a message that is gone cannot be edited."""
    with serving_chat(request.param()) as served:
        yield served


def channel_of(chat: Chat, words: str = "#progress,failed") -> NotifyChannel:
    return channel(f"{chat.target}{words}")


def channel(target: str) -> NotifyChannel:
    (made,) = make_channels(Settings.from_env({"CHEF_NOTIFY": target}))
    return made


def send(request: Request) -> Answer:
    got = requests.request(
        request.method, request.url, headers=dict(request.headers), data=request.body or None, timeout=20
    )
    return Answer(got.status_code, {name.lower(): value for name, value in got.headers.items()}, got.content)


def tell(made: NotifyChannel, notice: Notice, handle: str | None = None) -> Outcome:
    return made.tell(notice, handle, send)


def delivered(made: NotifyChannel, notice: Notice, handle: str | None = None) -> str:
    outcome = tell(made, notice, handle)
    assert isinstance(outcome, Delivered), outcome
    return outcome.handle


def test_one_message_says_first_how_far_it_is_and_then_why_it_failed(chat: Chat) -> None:
    made = channel_of(chat)
    handle = delivered(made, RUNNING)
    assert "web · main: building 62 %, about 3 min" in chat.texts()[0]
    assert delivered(made, FAILED, delivered(made, RUNNING, handle)) == handle
    (text,) = chat.texts()
    assert text.startswith("web · main: failed: 3 tests, L21236\n")
    assert "3 failed, 120 passed" in text
    assert "took 3 min 12 s" in text
    assert LINK in text or chat.shown[0].newest["click"] == LINK
    assert len(chat.shown[0].versions) == 3


def test_the_end_alone_is_one_message(chat: Chat) -> None:
    delivered(channel_of(chat), FAILED)
    (text,) = chat.texts()
    assert "failed: 3 tests, L21236" in text


def test_of_a_message_that_a_person_deleted_the_end_alone_is_told_anew(deletable: Chat) -> None:
    made = channel_of(deletable)
    handle = delivered(made, RUNNING)
    deletable.delete_all()
    handle = delivered(made, RUNNING, handle)
    asked = len(deletable.asked)
    handle = delivered(made, RUNNING, handle)
    assert len(deletable.asked) == asked, "progress is not tried again"
    assert deletable.shown == []
    delivered(made, FAILED, handle)
    (text,) = deletable.texts()
    assert "failed: 3 tests" in text


def test_an_end_is_told_anew_in_the_same_go_where_its_message_is_gone(deletable: Chat) -> None:
    made = channel_of(deletable)
    handle = delivered(made, RUNNING)
    deletable.delete_all()
    new = delivered(made, FAILED, handle)
    assert new != handle
    assert len(deletable.shown) == 1


def test_a_limit_is_kept_to(chat: Chat) -> None:
    made = channel_of(chat)
    chat.burst = 0
    outcome = tell(made, RUNNING)
    assert isinstance(outcome, NotNow)
    expected = {"ntfy": None, "slack": 1.0, "discord": 0.42, "mattermost": None}
    assert outcome.after_s == expected[chat.scheme]
    chat.burst = None
    handle = delivered(made, RUNNING)
    chat.burst = 0
    assert isinstance(tell(made, FAILED, handle), NotNow), (
        "an edit that comes too soon is not one that is gone"
    )
    assert len(chat.shown) == 1


@pytest.mark.parametrize(
    "reply",
    [Reply(500, {"error": "oops"}), Reply(502, "<html>"), Reply(503, None), Reply(408, None)],
    ids=lambda reply: str(reply.status),
)
def test_a_server_in_trouble_is_asked_again(chat: Chat, reply: Reply) -> None:
    made = channel_of(chat)
    chat.faults = [reply]
    assert isinstance(tell(made, RUNNING), NotNow)
    handle = delivered(made, RUNNING)
    chat.faults = [reply]
    assert isinstance(tell(made, FAILED, handle), NotNow)
    assert len(chat.shown) == 1


def test_a_token_that_was_revoked_is_said_once_and_is_in_no_reason(chat: Chat) -> None:
    made = channel_of(chat)
    handle = delivered(made, RUNNING)
    chat.is_revoked = True
    for outcome in (tell(made, RUNNING), tell(made, FAILED, handle)):
        assert isinstance(outcome, Rejected)
        assert outcome.reason
        assert TOKEN not in outcome.reason
        assert outcome.for_good == (chat.scheme in ("slack", "discord"))
    assert TOKEN not in repr(made) + made.label


EVIL = "@everyone @channel <!channel> <@U1> [x](http://e.vil) `c` **d** \r\nX-Title: y \x1b[31m \u202e& ~town"


def test_what_a_build_wrote_is_words_alone(chat: Chat) -> None:
    evil = ended_job(
        "failed", meta={"branch": EVIL, "title": EVIL}, error=JobError(EVIL, 1), message=EVIL, phase="deploy"
    )
    handle = delivered(channel_of(chat), notice_of(evil, Word.FAILED))
    delivered(channel_of(chat), notice_of(evil, Word.FAILED), handle)
    newest = chat.shown[0].newest
    for asked in chat.asked:
        assert not [name for name in asked.headers if "title" in name]
    text = json.dumps(newest, ensure_ascii=False)
    assert "\u202e" not in text
    assert "\\u001b" not in text
    if chat.scheme == "discord":
        assert newest["allowed_mentions"] == {"parse": []}
        assert all(asked.body["allowed_mentions"] == {"parse": []} for asked in chat.asked)
    if chat.scheme == "slack":
        assert "<" not in newest["text"].replace(f"<{LINK}|Open>", "")
        assert newest["parse"] == "none"
        assert newest["link_names"] is False
    if chat.scheme in ("discord", "mattermost"):
        lines = chat.texts()[0].split("\n")[:-1]
        assert all("@" not in "".join(outside(line)) for line in lines)
        assert all("[x]" not in "".join(outside(line)) for line in lines)


def outside(line: str) -> list[str]:
    """The parts of a line outside code spans: those are begun and ended by runs of ticks of one length."""
    parts, fence = [""], ""
    for part in re.findall("`+|[^`]+", line):
        if not fence and part[0] == "`":
            fence = part
        elif part == fence:
            fence = ""
            parts.append("")
        elif not fence:
            parts[-1] += part
    assert not fence, "the code does not end"
    return parts


@pytest.mark.parametrize("letter", ["x", "&", "\U0001f525", "`", "@", "é"])
def test_huge_texts_fit_into_every_limit(chat: Chat, letter: str) -> None:
    huge = letter * 5000
    job = ended_job("failed", meta={"branch": huge, "title": huge}, error=JobError(huge, huge), message=huge)
    handle = delivered(channel_of(chat), notice_of(job, Word.FAILED))
    delivered(channel_of(chat), notice_of(job, Word.FAILED), handle)
    newest: dict[str, Any] = chat.shown[0].newest
    assert len(chat.texts()[0]) <= 4000
    for block in newest.get("blocks", ()):
        assert len(block.get("text", {}).get("text", "")) <= 3000


def lose(chat: Chat, made: NotifyChannel) -> None:
    """A first message that arrives, whose answer does not: as if the server was killed then."""
    chat.losing = 1
    with pytest.raises(requests.ConnectionError):
        tell(made, RUNNING)
    assert len(chat.shown) == 1


@pytest.mark.parametrize("made_chat", [Ntfy, Slack, Mattermost])
def test_a_message_whose_answer_was_lost_is_not_posted_twice(made_chat: type[Chat]) -> None:
    with serving_chat(made_chat()) as chat:
        made = channel_of(chat)
        lose(chat, made)
        if isinstance(chat, Mattermost):
            chat.forget_pending()
        delivered(made, FAILED, delivered(made, AGAIN))
        assert len(chat.shown) == 1
        assert "failed: 3 tests" in chat.texts()[0]


def test_mattermost_takes_a_pending_post_once_where_it_may_not_be_looked_for() -> None:
    with serving_chat(Mattermost()) as chat:
        made = channel_of(chat)
        lose(chat, made)
        chat.faults = [Reply(403, {"id": "api.context.permissions.app_error"})]
        delivered(made, AGAIN)
        assert len(chat.shown) == 1


@pytest.mark.parametrize("made_chat", [Slack, Mattermost])
def test_it_is_not_posted_again_before_it_could_be_looked_for(made_chat: type[Chat]) -> None:
    with serving_chat(made_chat()) as chat:
        made = channel_of(chat)
        lose(chat, made)
        chat.faults = [Reply(503, None)]
        assert isinstance(tell(made, AGAIN), NotNow)
        assert len(chat.shown) == 1


def test_slack_without_the_scope_to_look_posts_it_again() -> None:
    with serving_chat(Slack(frozenset(("chat:write",)))) as chat:
        made = channel_of(chat)
        lose(chat, made)
        delivered(made, AGAIN)
        assert len(chat.shown) == 2


def test_discord_cannot_tell_and_the_end_is_told_all_the_same() -> None:
    with serving_chat(Discord()) as chat:
        made = channel_of(chat)
        lose(chat, made)
        delivered(made, FAILED, delivered(made, AGAIN))
        assert len(chat.shown) == 2
        assert "failed: 3 tests" in chat.texts()[1]


def test_an_ntfy_that_knows_no_sequences_is_told_the_end_alone() -> None:
    with serving_chat(Ntfy(is_old=True)) as chat:
        made = channel_of(chat)
        handle = delivered(made, RUNNING)
        for _ in range(3):
            handle = delivered(made, RUNNING, handle)
        delivered(made, FAILED, handle)
        assert [text.partition("\n")[0] for text in chat.texts()] == [
            "web · main: building 62 %, about 3 min",
            "web · main: failed: 3 tests, L21236",
        ]


def test_ntfy_sounds_for_a_failure_and_not_for_progress() -> None:
    with serving_chat(Ntfy()) as chat:
        made = channel_of(chat)
        delivered(made, FAILED, delivered(made, RUNNING))
        (_, first), (_, last) = chat.shown[0].versions
        assert (first["priority"], first["tags"]) == (2, ["hourglass_flowing_sand"])
        assert (last["priority"], last["tags"], last["click"]) == (4, ["x"], LINK)


@pytest.mark.parametrize(
    ("user", "authorization"),
    [("tk_abc@", "Bearer tk_abc"), ("me:p%40ss@", "Basic bWU6cEBzcw=="), ("", None)],
)
def test_ntfy_is_told_who_publishes(user: str, authorization: str | None) -> None:
    with serving_chat(Ntfy(user=user, authorization=authorization)) as chat:
        made = channel_of(chat)
        delivered(made, RUNNING)
        chat.authorization = "Bearer other"
        reason = "status 403: may not publish to the topic"
        assert tell(made, RUNNING) == Rejected(reason, until_end=True)
        assert tell(made, FAILED) == Rejected(reason)
        assert "tk_abc" not in repr(made) + made.label


def test_discord_posts_into_a_thread() -> None:
    with serving_chat(Discord()) as chat:
        made = channel(f"{chat.target}&thread=77#failed")
        delivered(made, FAILED, delivered(made, RUNNING))
        assert [asked.query.get("thread_id") for asked in chat.asked] == ["77", "77"]


def test_an_incoming_webhook_of_mattermost_is_told_the_end_alone() -> None:
    with serving_chat(Mattermost(is_hook=True)) as chat:
        made = channel_of(chat)
        assert made.words == {Word.FAILED}
        assert not made.updates
        delivered(made, FAILED)
        assert chat.texts()[0].startswith("web · main: failed: 3 tests, L21236\n")


def test_the_hosts_that_a_setting_names_are_named(chat: Chat) -> None:
    assert any(chat.at in url for url in channel_of(chat).named)


@pytest.mark.parametrize("target", [f"slack://{TOKEN}@C1", f"discord://1/{TOKEN}"])
def test_the_services_own_hosts_are_not_named(target: str) -> None:
    assert channel(target).named == ()


@pytest.mark.parametrize(
    ("target", "url"),
    [
        ("ntfy://ntfy.sh/t", "https://ntfy.sh/"),
        ("ntfys://n.example:8443/t", "https://n.example:8443/"),
        ("ntfy://127.0.0.1:8080/t", "http://127.0.0.1:8080/"),
        ("ntfy://[::1]:8080/t", "http://[::1]:8080/"),
        ("ntfy+http://ntfy.lan/t", "http://ntfy.lan/"),
        ("ntfy+https://localhost/t", "https://localhost/"),
        ("mattermost://tok@chat.example/abc", "https://chat.example/api/v4/posts"),
        ("mattermost+http://tok@chat.lan/mm/abc", "http://chat.lan/mm/api/v4/posts"),
        ("mattermost://chat.example/hooks/k", "https://chat.example/hooks/k"),
        ("slack://xoxb-1@C01", "https://slack.com/api/chat.postMessage"),
        ("slack://xoxb-1@C01?api=https://slack-gov.com/api/", "https://slack-gov.com/api/chat.postMessage"),
        ("discord://1/t", "https://discord.com/api/v10/webhooks/1/t?wait=true"),
    ],
)
def test_where_a_target_is(target: str, url: str) -> None:
    asked: list[Request] = []

    def catch(request: Request) -> Answer:
        asked.append(request)
        return Answer(200)

    channel(f"{target}#failed").tell(FAILED, None, catch)
    assert asked[0].url == url


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("ntfy://ntfy.sh", "needs one topic"),
        ("ntfy://ntfy.sh/a/b", "needs one topic"),
        ("ntfy://ntfy.sh:99999/a", "needs a host"),
        ("ntfy:///a", "needs a host"),
        ("ntfy+ftp://h/a", "must begin with ntfy:// or ntfy+http://"),
        ("ntfy://h/t?x=1", "takes no ?x=…"),
        ("ntfy://a%0d%0ab@h/t", "only visible ASCII"),
        ("slack://C01", "needs a bot's token"),
        ("slack://tok@", "needs a host"),
        ("slack://tok@C01?api=file:///x", "in ?api="),
        ("slack://tok@C01?api=http://u:p@h", "in ?api="),
        ("discord://abc/tok", "needs a webhook's id and token"),
        ("discord://123", "needs a webhook's id and token"),
        ("discord://123/tok?thread=x", "needs a webhook's id and token"),
        ("mattermost://tok@h", "needs a channel's id"),
        ("mattermost://h/channel", "needs a bot's token"),
        ("mattermost://h/hooks/k#progress", "is told at the end alone"),
    ],
)
def test_a_target_that_cannot_be_is_refused_in_one_line_without_its_secrets(target: str, reason: str) -> None:
    with pytest.raises(SettingError) as caught:
        channel(target)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "tok@" not in str(caught.value)

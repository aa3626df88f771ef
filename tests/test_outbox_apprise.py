"""Targets by Apprise, where it is installed: told at the end alone."""

from __future__ import annotations

import sys
from typing import ClassVar

import pytest

from chef.domain.model import JobError
from chef.outbox.channel import NotifyChannel
from chef.outbox.kinds import make_channels
from chef.outbox.values import Answer, Delivered, NotNow, Request, Word
from chef.settings.config import SettingError, Settings
from tests.tools.chats import Asked, Chat, Reply, Shown, serving_chat
from tests.tools.notices import FAILURE, LINK, ended_job, notice_of

# Apprise 2.3 imports imghdr where Python still has it.
pytestmark = [
    pytest.mark.real,
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
]


class Hook(Chat):
    """Apprise's own form of JSON over HTTP."""

    scheme: ClassVar[str] = "apprise"

    @property
    def target(self) -> str:
        return f"apprise+json://me:hidden@{self.at}/hook"

    def text(self, message: Shown) -> str:
        return f"{message.newest['title']}: {message.newest['message']}"

    def answer(self, asked: Asked) -> Reply:
        self.show(f"{self.number()}", asked.body)
        return Reply(200, None)

    def too_much(self) -> Reply:
        return Reply(429, None)

    def refusal(self) -> Reply:
        return Reply(401, None)


def channel(target: str) -> NotifyChannel:
    (made,) = make_channels(Settings.from_env({"CHEF_NOTIFY": target}))
    return made


def no_send(request: Request) -> Answer:
    raise AssertionError(request)


FAILED = notice_of(ended_job("failed", failure=FAILURE), Word.FAILED)


def test_the_end_is_told_once_with_the_reason_and_the_link() -> None:
    with serving_chat(Hook()) as hook:
        made = channel(f"{hook.target}#progress,failed")
        assert made.words == {Word.FAILED}
        assert not made.updates
        assert made.tell(FAILED, None, no_send) == Delivered()
        (text,) = hook.texts()
        assert text.startswith("web · main: failed: 3 tests, L21236\n")
        assert text.endswith(LINK)
        assert hook.shown[0].newest["type"] == "failure"


def test_what_cannot_be_delivered_is_tried_again_and_shows_no_secret(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with serving_chat(Hook()) as hook:
        made = channel(hook.target)
        hook.is_revoked = True
        assert made.tell(FAILED, None, no_send) == NotNow(None, "Apprise could not deliver it")
        assert "hidden" not in repr(made) + made.label + caplog.text


def test_no_mention_or_tag_gets_through() -> None:
    evil = "@everyone <!channel> <b>x</b>"
    job = ended_job("failed", meta={"branch": evil, "title": evil}, error=JobError(evil, 1))
    with serving_chat(Hook()) as hook:
        channel(hook.target).tell(notice_of(job, Word.FAILED), None, no_send)
        assert not set(hook.texts()[0]) & set("@<>")


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("apprise+nonsense://hidden", "is no address that Apprise knows"),
        ("apprise+tgram://hidden", "is no address that Apprise knows"),
        ("apprise://hidden", "must begin with apprise+"),
        ("apprise+json://hidden#progress", "is told at the end alone"),
    ],
)
def test_an_address_that_cannot_be_stops_the_start(target: str, reason: str) -> None:
    with pytest.raises(SettingError) as caught:
        channel(target)
    assert reason in str(caught.value)
    assert "hidden" not in str(caught.value)


def test_without_the_package_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(SettingError) as caught:
        channel("apprise+json://hidden")
    assert str(caught.value).endswith(
        "(apprise+json://…) needs the package apprise: pip install 'apprise>=2.1'"
    )

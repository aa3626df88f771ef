"""Chats: one message a job, which is edited until the job's end. Pure.

A person may have deleted a message. Then progress is told no more, but the end is, in a new message.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar

from chef.outbox.answers import outcome_of
from chef.outbox.channel import RequestChannel, Send
from chef.outbox.values import Answer, Delivered, Notice, NotNow, Outcome, Rejected, Request, Word

ENDS = frozenset((Word.COMPLETED, Word.FAILED, Word.RECOVERED, Word.CANCELLED, Word.ABANDONED))
NO_MESSAGE = "-"
"""The handle of a job whose message is not there, or cannot be edited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatChannel(RequestChannel):
    """A chat whose messages have ids of its own choice.

    It cannot tell that a message comes again. So one that may be there already is looked for first, where
    the chat lets us (`search`, `found`).
    """

    most: ClassVar[int | None] = 40
    knows_repeats: ClassVar[bool] = False

    def tell(self, notice: Notice, handle: str | None, send: Send) -> Outcome:
        """Tell it: by a new message, or by editing the one that is there. Refused progress is not the end."""
        outcome = self._tell(notice, handle, send)
        if isinstance(outcome, Rejected) and notice.word not in ENDS:
            return replace(outcome, until_end=True)
        return outcome

    def _tell(self, notice: Notice, handle: str | None, send: Send) -> Outcome:
        if handle is None and notice.is_repeated and (request := self.search(notice)) is not None:
            answer = send(request)
            later = outcome_of(answer)
            if isinstance(later, NotNow):
                return later
            handle = self.found(notice, answer)
        if handle is None:
            return self.read(send(self.first(notice)))
        if handle == NO_MESSAGE:
            return self._without(notice, send)
        answer = send(self.edit(notice, handle))
        return self._without(notice, send) if self.is_gone(answer) else self.read(answer)

    def _without(self, notice: Notice, send: Send) -> Outcome:
        """Tell of a job whose message cannot be edited: its end, in a message of another id."""
        if notice.word not in ENDS:
            return Delivered(NO_MESSAGE)
        return self.read(send(self.first(replace(notice, id=notice.id[::-1]))))

    @abstractmethod
    def is_gone(self, answer: Answer) -> bool:
        """Whether the answer to an edit says that this message cannot be edited, or is not there."""

    def search(self, notice: Notice) -> Request | None:  # noqa: ARG002 - for those that can
        """The request that looks for a notice's message; `None` where that cannot be done."""
        return None

    def found(self, notice: Notice, answer: Answer) -> str | None:  # noqa: ARG002 - for those that can
        """The handle of a notice's message, from the answer to `search`."""
        return None

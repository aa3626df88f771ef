"""A channel is one target: which jobs and words it is for, and how it is spoken to. Pure.

A new kind of target is a module with a subclass of `RequestChannel` and a function that makes one of a
`NotifyTarget`, entered in `chef.outbox.kinds`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, TypedDict

from chef.domain.model import Job
from chef.outbox.answers import outcome_of
from chef.outbox.values import Answer, Notice, Outcome, Request, Word
from chef.settings.notify import NotifyTarget

Send = Callable[[Request], Answer]
"""Sends a request and waits for the answer. It may raise, which is for the caller of `tell`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifyChannel(ABC):
    """One target.

    `label` names it in logs, and `kind` in metrics: neither ever holds a secret. `key` tells it from others
    over restarts (it is kept as a digest). `named` are `http` and `https` URLs whose host and port the
    operator wrote: those may be internal addresses, all others never. No `projects` are all.
    """

    kind: ClassVar[str]
    updates: ClassVar[bool] = True
    """One message a job, which is edited; else one for each word."""
    gap_s: ClassVar[float] = 3.0
    """The least time between two edits of a message."""
    most: ClassVar[int | None] = None
    """So many requests a job at most: the time between edits grows, and the last is kept for the end."""
    knows_repeats: ClassVar[bool] = True
    """Whether the target does no second thing when a notice of the same id comes again.

    Where not, that one is about to be sent is stored before, so that `Notice.is_repeated` can be told.
    """

    shares_places: ClassVar[bool] = False
    """Whether a later job may say what it says where an earlier one does (`gives_way`)."""

    key: str = field(repr=False)
    label: str
    words: frozenset[Word]
    projects: frozenset[str] = frozenset()
    named: tuple[str, ...] = field(default=(), repr=False)

    def concerns(self, job: Job) -> bool:
        """Whether it may be told of a job."""
        return not self.projects or job.project_id in self.projects

    def gives_way(self, job: Job, later: Job) -> bool:  # noqa: ARG002 - for those that share places
        """Whether a later job of its project, kind and commit replaces a job, of which no more is told."""
        return False

    @property
    def is_live(self) -> bool:
        """Whether it is told of jobs before they end."""
        return bool(self.words & {Word.STARTED, Word.PROGRESS})

    @abstractmethod
    def tell(self, notice: Notice, handle: str | None, send: Send) -> Outcome:
        """Tell it: with a new message, or by editing the one that `handle` names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestChannel(NotifyChannel):
    """A target that is told by a request of HTTP for each notice."""

    def tell(self, notice: Notice, handle: str | None, send: Send) -> Outcome:
        request = self.first(notice) if handle is None else self.edit(notice, handle)
        return self.read(send(request))

    @abstractmethod
    def first(self, notice: Notice) -> Request:
        """The request that makes a message."""

    def edit(self, notice: Notice, handle: str) -> Request:  # noqa: ARG002 - for those that edit
        """The request that makes a message say something else."""
        return self.first(notice)

    def read(self, answer: Answer) -> Outcome:
        """What an answer means; here by its status alone."""
        return outcome_of(answer)


class ChannelFields(TypedDict):
    """The fields that every channel has."""

    key: str
    label: str
    words: frozenset[Word]
    projects: frozenset[str]
    named: tuple[str, ...]


def channel_fields(
    target: NotifyTarget, label: str, *named: str, words: frozenset[str] | None = None
) -> ChannelFields:
    """These fields for a target of CHEF_NOTIFY, told on its own words unless others are given."""
    return ChannelFields(
        key=target.key,
        label=label,
        words=frozenset(map(Word, target.words if words is None else words)),
        projects=target.projects,
        named=named,
    )

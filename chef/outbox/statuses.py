"""Builds on their commits: one channel for each token of CHEF_STATUS_TOKEN."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field

from chef.digest.text import cut
from chef.domain.clock import rfc3339
from chef.domain.filtering import plain_text
from chef.domain.model import Job, Meta
from chef.outbox.channel import NotifyChannel, Send
from chef.outbox.statusapis import STATUS_APIS, CommitStatus, StatusApi
from chef.outbox.statusplaces import StatusPlace, context_of, narrow, place_of
from chef.outbox.values import Delivered, Notice, Outcome, Rejected, Word
from chef.outbox.wording import words_of
from chef.settings.config import Settings
from chef.settings.statustokens import StatusToken

log = logging.getLogger(__name__)

MOST_STATUSES = 30
"""Requests for one job at most, the last of them for its end."""

_GITLAB_CI = re.compile(r"/-/(?:jobs|pipelines)/")
_MOST_WARNED = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusChannel(NotifyChannel):
    """The commits of the repositories that one token is for; `tokens` are all that are set.

    `warned` are the jobs of which the log was told lately that their commit is not whole.
    """

    kind = "status"
    gap_s = 5.0
    most = MOST_STATUSES
    shares_places = True

    token: StatusToken
    tokens: tuple[StatusToken, ...]
    warned: dict[str, None] = field(default_factory=dict, repr=False, compare=False)

    @property
    def api(self) -> StatusApi:
        """How the forge is spoken to."""
        return STATUS_APIS[self.token.kind]

    def concerns(self, job: Job) -> bool:
        """Whether a job is of a commit that this token is for."""
        place = self._place(job)
        if place is not None and place.commit is None:
            self._warn(job.job_id)
        return place is not None and place.commit is not None

    def gives_way(self, job: Job, later: Job) -> bool:
        """Whether a later job is of the same commit, under the same name."""
        return self._place(job) == self._place(later) and context_of(job) == context_of(later)

    def tell(self, notice: Notice, handle: str | None, send: Send) -> Outcome:
        """Say it of the commit, unless it is known that this changes nothing."""
        place, before = self._place(notice.job), handle or ""
        if place is None or place.commit is None:
            return Rejected("the job names another commit by now")
        if self.api.stands(notice.job.status, before):
            return Delivered(before)
        said = self._said(notice)
        return self.api.read(send(self.api.request(place, said, before)), place, said, before)

    def _place(self, job: Job) -> StatusPlace | None:
        place = place_of(job.meta, self.tokens)
        return place if place is not None and place.token is self.token else None

    def _warn(self, job_id: str) -> None:
        if job_id not in self.warned:
            if len(self.warned) >= _MOST_WARNED:
                self.warned.clear()
            self.warned[job_id] = None
            log.warning(
                "%s is not told of job %s: its meta.commit is not a whole commit id, "
                "which has 40 or 64 hexadecimal digits",
                self.label,
                job_id,
            )

    def _said(self, notice: Notice) -> CommitStatus:
        job, state = notice.job, words_of(notice).state
        if self.api.keeps_first and not job.ended:
            # It may stand there for long.
            state = f"{state} ({rfc3339(notice.at)[11:16]} UTC)"
        description = cut(" ".join(narrow(state).split()), self.api.longest)
        return CommitStatus(job.status, context_of(job), description, notice.link, _branch(job.meta))


def _branch(meta: Meta) -> str | None:
    """The branch that a forge needs to be told: GitLab's own CI has a pipeline for the commit already."""
    return None if _GITLAB_CI.search(plain_text(meta.get("url")) or "") else plain_text(meta.get("branch"))


def make(settings: Settings) -> list[StatusChannel]:
    """The channels of the setting."""
    tokens = settings.status_tokens
    return [_channel(token, tokens) for token in tokens]


def _channel(token: StatusToken, tokens: tuple[StatusToken, ...]) -> StatusChannel:
    place = "/".join((token.origin, *token.names))
    return StatusChannel(
        key=f"{place} {token.token}",
        label=place,
        words=frozenset(Word),
        named=(token.origin,),
        token=token,
        tokens=tokens,
    )

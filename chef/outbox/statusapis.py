"""The status APIs of forges: a commit's state as a request, and what an answer to it means. Pure.

Sources: GitHub's REST API, "Commit statuses" (2022-11-28) and "Rate limits"; GitLab's REST API (v4), "Set
commit pipeline status"; `repoCreateStatus` of Gitea's and Forgejo's OpenAPI documents (v1).
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple
from urllib.parse import quote

from msgspec import json

from chef.domain.model import ENDED, Status
from chef.outbox.answers import LONGEST_S, outcome_of, retry_after
from chef.outbox.statusplaces import StatusPlace
from chef.outbox.values import Answer, Delivered, NotNow, Outcome, Rejected, Request
from chef.settings.statustokens import ForgeKind, StatusToken
from chef.version import VERSION

_MOST_LINK = 255


class CommitStatus(NamedTuple):
    """What is said of a commit. `link` is empty where the job's page has no address that is known.

    `branch` is that of the build, `None` where it is not told or the forge itself runs the build.
    """

    status: Status
    context: str
    description: str
    link: str
    branch: str | None = None


class StatusApi(ABC):
    """One kind of forge, which keeps at most `longest` characters of a description.

    `states` are its own names of Chef's statuses; all that are not there are `running`.
    """

    longest: ClassVar[int] = 255
    states: ClassVar[Mapping[Status, str]] = {
        "completed": "success",
        "failed": "failure",
        "cancelled": "error",
        "abandoned": "error",
    }
    running: ClassVar[str] = "pending"
    keeps_first: ClassVar[bool] = False
    """Whether what is said first of a running build may stay."""

    def state(self, status: Status) -> str:
        """The forge's own name of a status."""
        return self.states.get(status, self.running)

    def stands(self, status: Status, handle: str) -> bool:  # noqa: ARG002 - GitLab's may
        """Whether it is known that what is said of a status stays as it was said first."""
        return False

    def request(self, place: StatusPlace, said: CommitStatus, handle: str) -> Request:
        """The request that says it; `handle` is what was learnt from the answer before, if anything."""
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "User-Agent": f"Chef/{VERSION}",
        }
        headers |= self.headers(place.token)
        return Request("POST", self.url(place), headers, json.encode(self.body(said, handle)))

    @abstractmethod
    def url(self, place: StatusPlace) -> str:
        """Where statuses of a commit are made."""

    @abstractmethod
    def headers(self, token: StatusToken) -> dict[str, str]:
        """The headers of this forge, the token among them."""

    def body(self, said: CommitStatus, handle: str) -> dict[str, Any]:  # noqa: ARG002 - GitLab has one
        """The body of a request."""
        body = {
            "state": self.state(said.status),
            "context": said.context,
            "description": said.description,
        }
        return body | ({"target_url": said.link} if said.link else {})

    def read(self, answer: Answer, place: StatusPlace, said: CommitStatus, handle: str) -> Outcome:
        """What an answer means. What is refused of a running build may be taken at its end."""
        outcome = outcome_of(answer, handle)
        if not isinstance(outcome, Rejected):
            return outcome
        why = _REASONS.get(answer.status)
        reason = outcome.reason if why is None else f"status {answer.status}: {why.format(place.path)}"
        return Rejected(reason, until_end=said.status not in ENDED)


_REASONS = {
    301: "{} has another name by now",
    401: "the token is not valid",
    403: "the token may not set statuses of {}",
    404: "there is no {} with this commit, or the token may not see it",
    422: "the commit is not in {}, or has too many statuses",
}


class GitHubStatuses(StatusApi):
    """GitHub, its Enterprise Server (`/api/v3`), and its Enterprise Cloud with hosts below ghe.com."""

    longest = 140

    def url(self, place: StatusPlace) -> str:
        token, path = place.token, f"/repos/{quote(place.path)}/statuses/{place.commit}"
        if token.host == "github.com" or token.host.endswith(".ghe.com"):
            return f"{token.origin.replace('://', '://api.', 1)}{path}"
        return f"{token.origin}/api/v3{path}"

    def headers(self, token: StatusToken) -> dict[str, str]:
        return {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {token.token}",
            "X-GitHub-Api-Version": "2022-11-28",
        }

    def read(self, answer: Answer, place: StatusPlace, said: CommitStatus, handle: str) -> Outcome:
        """Too many requests are refused with 403 as well as with 429."""
        if answer.status in (403, 429):
            patience = _github_patience(answer)
            if patience is not None:
                return NotNow(patience, f"status {answer.status}: too many requests")
        return super().read(answer, place, said, handle)


def _github_patience(answer: Answer) -> float | None:
    """Seconds to wait as a refusal over too many requests says; `None` of any other refusal."""
    after = retry_after(answer)
    if after is not None:
        return after
    if answer.headers.get("x-ratelimit-remaining") == "0":
        reset = answer.headers.get("x-ratelimit-reset", "")
        wait = int(reset) - time.time() if reset.isascii() and reset.isdigit() else 60.0
        return min(max(wait, 1.0), LONGEST_S)
    return 60.0 if b"rate limit" in answer.body.lower() else None


class GitLabStatuses(StatusApi):
    """GitLab. It refuses the state that a status has already, and leaves its description as it was: so of a
    running build it shows the first one, until the end. A handle is the id of the pipeline, and behind it the
    state that was refused.
    """

    running = "running"
    states: ClassVar[Mapping[Status, str]] = {
        "queued": "pending",
        "completed": "success",
        "failed": "failed",
        "cancelled": "canceled",
        "abandoned": "failed",
    }
    keeps_first = True

    def stands(self, status: Status, handle: str) -> bool:
        """Whether this state was refused before."""
        return handle.endswith(f" {self.state(status)}")

    def url(self, place: StatusPlace) -> str:
        path = f"/api/v4/projects/{quote(place.path, safe='')}/statuses/{place.commit}"
        return f"{place.token.origin}{path}"

    def headers(self, token: StatusToken) -> dict[str, str]:
        return {"PRIVATE-TOKEN": token.token}

    def body(self, said: CommitStatus, handle: str) -> dict[str, Any]:
        body = super().body(said, handle)
        body["name"] = body.pop("context")
        if len(said.link) > _MOST_LINK:
            body.pop("target_url")
        pipeline = handle.partition(" ")[0]
        if pipeline:
            return body | {"pipeline_id": int(pipeline)}
        return body | ({"ref": said.branch} if said.branch and len(said.branch) <= _MOST_LINK else {})

    def read(self, answer: Answer, place: StatusPlace, said: CommitStatus, handle: str) -> Outcome:
        if answer.status == 400 and b"Cannot transition status" in answer.body and said.status not in ENDED:
            return Delivered(f"{handle.partition(' ')[0]} {self.state(said.status)}")
        if answer.status == 409:
            return NotNow(None, "status 409: another update of this commit is under way")
        if 200 <= answer.status < 300:
            return Delivered(_pipeline(answer.json()) or handle)
        return super().read(answer, place, said, handle)


def _pipeline(answer: Any) -> str:
    """The pipeline in which a status was made, so that the next is not made in another of the same commit."""
    number = answer.get("pipeline_id") if isinstance(answer, dict) else None
    return str(number) if isinstance(number, int) and number > 0 else ""


class GiteaStatuses(StatusApi):
    """Gitea, and Forgejo, which has the same API."""

    def url(self, place: StatusPlace) -> str:
        return f"{place.token.origin}/api/v1/repos/{quote(place.path)}/statuses/{place.commit}"

    def headers(self, token: StatusToken) -> dict[str, str]:
        return {"Authorization": f"token {token.token}"}


STATUS_APIS: dict[ForgeKind, StatusApi] = {
    "github": GitHubStatuses(),
    "gitlab": GitLabStatuses(),
    "gitea": GiteaStatuses(),
}

"""The viewer of a page, and the viewer's rights."""

from __future__ import annotations

from flask import current_app, request

from chef.access.auth import Principal
from chef.access.credentials import http_credentials, sent_cookie
from chef.domain.model import ID, Job
from chef.errors import Forbidden, NotFound
from chef.pages.language import gettext as _
from chef.services import services


def viewer() -> Principal:
    """The viewer, who reads with this request; raises Unauthorized or Forbidden."""
    return services().gate.reader(http_credentials(request.environ))


def is_signed_in() -> bool:
    """Whether there is a cookie to sign out of."""
    return not services().gate.reading_is_public and sent_cookie(request.environ) is not None


def check_id(value: str) -> str:
    """An id in a page's address; one that breaks the rule has no page."""
    if not ID.fullmatch(value):
        raise NotFound(_("there is no such page"))
    return value


def check_may_read(principal: Principal, project_id: str) -> None:
    """Refuse what is no id, and a project that the viewer's token does not cover."""
    if not principal.may_read(check_id(project_id)):
        raise Forbidden(_("your token does not cover this project"))


def visible_job(principal: Principal, job_id: str) -> Job | None:
    """A job, or `None` before its first update.

    A viewer of some projects alone gets the same refusal for a job of another project as for one that
    does not exist: the page does not tell which it is.
    """
    job = services().store.job(check_id(job_id))
    if not principal.may_see(job.project_id if job else None):
        raise Forbidden(_("your token does not cover this job"))
    return job


def transport() -> str:
    """How the page gets its live part: `socket` (Socket.IO) or `stream` (server-sent events)."""
    return "socket" if services().settings.websocket_enabled and _has_socket_io() else "stream"


def _has_socket_io() -> bool:
    return bool(current_app.extensions["chef.assets"].has_socket_io)

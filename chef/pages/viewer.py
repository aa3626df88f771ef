"""The viewer of a page, and the viewer's rights."""

from __future__ import annotations

from typing import Any

from flask import current_app, g, request

from chef.access.credentials import button_credentials, http_credentials, sent_cookie
from chef.access.levels import Level
from chef.access.principals import Principal
from chef.access.shares import PATH, Share
from chef.domain.clock import rfc3339
from chef.domain.model import ID, Job
from chef.errors import ChefError, Forbidden, NotFound
from chef.pages.language import gettext as _
from chef.pages.sharedaddresses import SHARED
from chef.services import services


def viewer(least: Level | None = None) -> Principal:
    """The viewer, who reads with this request; raises Unauthorized or Forbidden.

    By a share link from the level `least` on, and by none where that is `None`.
    """
    principal = services().gate.reader(http_credentials(request.environ), least)
    g.share = principal.share
    return principal


def level() -> Level:
    """How much the viewer is shown of what the page is about."""
    share: Share | None = g.get("share")
    return "log" if share is None else share.level


def is_shared() -> bool:
    """Whether the page is seen by a share link, or was asked for by one that is none."""
    return g.get("share") is not None or SHARED in request.environ


def is_of_one_job() -> bool:
    """Whether it is a link to one job, whose page leads to no other."""
    share: Share | None = g.get("share")
    return share is not None and share.kind == "job"


def base() -> str:
    """What goes before the paths of pages and of the API, so that they are asked for by the same link."""
    return request.script_root if SHARED in request.environ else ""


def is_signed_in() -> bool:
    """Whether there is a cookie to sign out of."""
    has_cookie = not services().gate.reading_is_public and sent_cookie(request.environ) is not None
    return has_cookie and not is_shared()


def may_share(project_id: str) -> bool:
    """Whether the viewer may make share links of a project, and end them."""
    if is_shared():
        return False
    try:
        return services().gate.writer(button_credentials(request.environ)).may_write(project_id)
    except ChefError:
        return False


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
    if not principal.may_see(job.project_id if job else None, job_id):
        raise Forbidden(_("your token does not cover this job"))
    return job


def live_part(**more: Any) -> dict[str, Any]:
    """The data for a page's module. `now` is the server's clock, by which it says how old a thing is."""
    share: dict[str, Any] = {}
    if is_shared():
        share = {"base": base(), "level": level(), "token": base().removeprefix(PATH) or None}
        share["isOfOneJob"] = is_of_one_job()
    return {"now": rfc3339(services().clock()), "transport": transport()} | share | more


def transport() -> str:
    """How the page gets its live part: `socket` (Socket.IO) or `stream` (server-sent events)."""
    return "socket" if services().settings.websocket_enabled and _has_socket_io() else "stream"


def _has_socket_io() -> bool:
    return bool(current_app.extensions["chef.assets"].has_socket_io)

"""A caller and its rights. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from chef.access.jwts import READ, WRITE
from chef.access.levels import Level, shows
from chef.access.shares import Share
from chef.errors import Forbidden


@dataclass(frozen=True, slots=True)
class Principal:
    """The rights of a caller. `projects` `None` means all, `expires_at` is in milliseconds, `None`: never.

    `key` tells tokens apart without being one: Python's hash, which is another one in each process. Where it
    `lasts`, whoever sends the same head again on the same connection has the same rights. `name` is of a
    signed token's holder, if it says one; `is_local` tells a caller that needs no token on this machine.
    """

    scopes: frozenset[str]
    projects: frozenset[str] | None = None
    expires_at: int | None = None
    key: int = field(default=0, compare=False, repr=False)
    lasts: bool = field(default=False, compare=False, repr=False)
    is_local: bool = field(default=False, compare=False, repr=False)
    name: str | None = field(default=None, compare=False)
    share: Share | None = None

    @property
    def level(self) -> Level:
        """How much of what it may see is shown to the caller; all, unless a share link says less."""
        return "log" if self.share is None else self.share.level

    @property
    def of_one_job(self) -> bool:
        """Whether it is a link to one job, which leads to no other."""
        return self.share is not None and self.share.kind == "job"

    def covers(self, project_id: str) -> bool:
        """Whether the project is one of the caller's, whatever the scopes."""
        return self.projects is None or project_id in self.projects

    def may_read(self, project_id: str) -> bool:
        return READ in self.scopes and self.covers(project_id)

    def may_see(self, project_id: str | None, job_id: str | None = None) -> bool:
        """Whether a job of a project may be shown; `None` is that of a job that does not exist.

        A token that is limited to projects may not learn whether a job of another one exists. A link to one
        job shows that job alone; without a `job_id` nobody says which one it is.
        """
        if self.share is not None and self.share.kind == "job":
            return (project_id, job_id) == (self.share.project_id, self.share.name)
        return self.projects is None or (project_id is not None and self.may_read(project_id))

    def check_may_read(self, project_id: str) -> None:
        """Raise Forbidden for a project that may not be read."""
        if not self.may_read(project_id):
            raise Forbidden("this token is not for this project")

    def check_may_see(self, project_id: str | None, job_id: str | None = None) -> None:
        """Raise Forbidden for a job that may not be shown (see `may_see`)."""
        if not self.may_see(project_id, job_id):
            raise Forbidden("this token is not for this job's project")

    def check_level(self, least: Level | None) -> None:
        """Raise Forbidden for a link that shows less than `least`, or for any link where that is `None`."""
        if self.share is not None and (least is None or not shows(self.share.level, least)):
            raise Forbidden("this share link does not show this")

    def may_write(self, project_id: str) -> bool:
        return WRITE in self.scopes and self.covers(project_id)

    def expired(self, now: int) -> bool:
        """Whether a long-lived connection has outlived its token; `now` in milliseconds."""
        return self.expires_at is not None and self.expires_at <= now

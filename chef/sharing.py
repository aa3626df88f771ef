"""`python -m chef share`: links made and ended in the store, whether or not a server runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from chef.access.levels import Level
from chef.access.shares import PATH, Share, new_share, share_id_of, share_token, token_in_link
from chef.domain.clock import now_ms
from chef.domain.model import ID, ID_RULE
from chef.errors import Invalid, NotFound
from chef.settings.config import Settings
from chef.store import Store, check_store


def make_link(settings: Settings, job_id: str | None, project_id: str | None, level: Level, days: int) -> str:
    """Make a link to a job or a project that there is; returns its whole address."""
    with _store(settings) as store:
        share = _new_share(store, job_id, project_id, level, days)
        store.shares.add(share)
        return f"{settings.address}{PATH}{share_token(share.id, store.shares.key())}"


def end_link(settings: Settings, link: str) -> None:
    """End a link, if it has not ended. Raises Invalid for one that this store never gave out."""
    with _store(settings) as store:
        share_id = share_id_of(token_in_link(link.strip()), store.shares.key())
        if share_id is None:
            raise Invalid("--revoke takes a link that this store has given out: its address or its token")
        store.shares.end(share_id)


def _new_share(store: Store, job_id: str | None, project_id: str | None, level: Level, days: int) -> Share:
    if job_id is not None:
        job = store.job(_checked("--job", job_id))
        if job is None:
            raise NotFound(f"there is no job {job_id!r}")
        return new_share("job", job.job_id, job.project_id, level, days, now_ms())
    name = _checked("--project", project_id or "")
    if store.project(name) is None:
        raise NotFound(f"there is no project {name!r}")
    return new_share("project", name, name, level, days, now_ms())


def _checked(option: str, value: str) -> str:
    if not ID.fullmatch(value):
        raise Invalid(f"{option} {ID_RULE}")
    return value


@contextmanager
def _store(settings: Settings) -> Iterator[Store]:
    check_store(settings)
    store = Store(settings)
    try:
        yield store
    finally:
        store.close()

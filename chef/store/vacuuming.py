"""All that is left of what was removed, cleaned out of a store at once: for the command line."""

from __future__ import annotations

from chef.domain.clock import now_ms
from chef.errors import StoreUnavailable
from chef.settings.config import Settings
from chef.store.engine import ConnectionPool
from chef.store.erasing import erase_more
from chef.store.inspecting import inspect
from chef.store.migrate import newest_revision
from chef.store.opening import open_database
from chef.store.removalrows import note_clean, unclean_since
from chef.store.removing import remove_step
from chef.store.scrubbing import Cleanness, scrub
from chef.store.textindex import merge_step


def vacuum(settings: Settings) -> None:
    """Write the files of a store anew. Nobody can write meanwhile, on PostgreSQL nor read.

    Raises StoreUnavailable where there is no store of this version, it cannot be had, or others use it all
    the time.
    """
    check_store(settings)
    database = open_database(settings)
    pool = database.upkeep_connections
    try:
        mark = _remove_rows(pool)
        with pool.without_transaction() as connection:
            cleanness = scrub(connection, lambda: False, whole=True)
        if cleanness is not Cleanness.CLEAN:
            raise StoreUnavailable(f"the files are not clean yet: {cleanness.value}")
        if mark is not None:
            with pool.writing() as connection:
                note_clean(connection, mark)
    finally:
        database.close()


def check_store(settings: Settings) -> None:
    """Refuse where there is no store of this version: commands neither make one nor bring one to theirs."""
    found = inspect(settings)
    if found is None or found.revision is None:
        raise StoreUnavailable("there is no store at DATABASE_URL")
    if found.revision != newest_revision():
        raise StoreUnavailable("the database is of another version of Chef: run `python -m chef migrate`")


def _remove_rows(pool: ConnectionPool) -> str | None:
    """Delete the rows that are hidden, a step at a time; returns the mark of what is clean after that."""
    more = True
    while more:
        with pool.writing() as connection:
            more = erase_more(connection, now_ms()) is not None
    more = True
    while more:
        with pool.writing() as connection:
            more = remove_step(connection, 0).more
    begins = more = True
    while more:
        with pool.writing() as connection:
            more = merge_step(connection, begins=begins)
        begins = False
    with pool.reading() as connection:
        found = unclean_since(connection)
    return None if found is None else found[0]

"""Why there is no store at the moment: the errors of the databases' drivers in words."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError

from chef.errors import StoreLocked, StoreUnavailable

SILENT = "the database does not answer"
LOCKED = "another process holds the database's lock"

# By how SQLite's own names of its result codes begin: https://sqlite.org/rescode.html
_SQLITE = {
    "SQLITE_FULL": "the disk is full",
    "SQLITE_READONLY": "the database is read-only",
    "SQLITE_IOERR": "the disk cannot be read or written",
    "SQLITE_CORRUPT": "the database is damaged",
    "SQLITE_NOTADB": "the database is damaged",
    "SQLITE_CANTOPEN": "the database file cannot be opened",
}
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_POSTGRESQL = {
    "25006": "the database is read-only",
    "42501": "the database's user lacks the right",
    "53100": "the disk is full",
}
_SQLITE_LOCKED = ("SQLITE_BUSY", "SQLITE_LOCKED")
# lock_not_available
_POSTGRESQL_LOCKED = "55P03"


def unavailable(error: DBAPIError, *, reading: bool) -> StoreUnavailable:
    """The refusal that a failed statement makes; it says why where the driver does."""
    name, state = getattr(error.orig, "sqlite_errorname", ""), getattr(error.orig, "sqlstate", None)
    if name.startswith(_SQLITE_LOCKED) or state == _POSTGRESQL_LOCKED:
        return StoreLocked(_sentence(LOCKED, reading), LOCKED)
    of_file = next((text for code, text in _SQLITE.items() if name.startswith(code)), None)
    return refusal(of_file or _POSTGRESQL.get(str(state)), reading=reading)


def refusal(reason: str | None, *, reading: bool) -> StoreUnavailable:
    """A refusal for a reason in some words, `None` where none is known."""
    return StoreUnavailable(_sentence(reason, reading), reason)


def unsure() -> StoreUnavailable:
    """The refusal of something that may have been committed."""
    return StoreUnavailable(
        "the store does not answer now: what was sent may be kept, and with an id it is safe to send again"
    )


def _sentence(reason: str | None, reading: bool) -> str:
    because = "" if reason is None else f": {reason}"
    if reading:
        return f"the store cannot be read now{because}"
    return f"the store cannot be written now{because}, nothing was kept"

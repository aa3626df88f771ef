"""The state of one write transaction, from loading to saving."""

from __future__ import annotations

from sqlalchemy import Connection

from chef.domain.ledger import Ledger
from chef.store.rowcache import cached_rows
from chef.store.statements import Driver


class Overtaken(Exception):
    """The rows that this transaction found, or did not find, have changed since: begin it again."""


class WriteTransaction:
    """A connection whose transaction has just begun to write, and the ledger that decides in it.

    `loaded` and `changed` are the ledger's rows; `job_pks` and `project_pks` have the keys of those that are
    stored, by name, and `detail_bytes` the sizes of the details of jobs that were written.
    """

    def __init__(self, connection: Connection, ledger: Ledger) -> None:
        self.connection = connection
        self.ledger = ledger
        self.loaded, self.changed = ledger.loaded, ledger.changed
        self.driver = Driver(connection)
        self.dialect = connection.dialect.name
        self.cache = cached_rows(connection, self.driver)
        self.job_pks: dict[str, int] = {}
        self.project_pks: dict[str, int] = {}
        self.detail_bytes: dict[str, int] = {}

"""A ledger for tests of the rules, which goes on from one batch to the next."""

from __future__ import annotations

import json
from typing import Any

from chef.domain.batches import Batch, Item, Receipt
from chef.domain.ledger import Ledger
from chef.domain.model import Entry, Job, StateEntry
from chef.domain.projects import Project
from tests.tools.making import AT


class Book:
    """A ledger that goes on from one batch to the next."""

    def __init__(self) -> None:
        self.ledger = Ledger(65536)
        self.entries: list[Entry] = []

    def take(self, *items: Any, at: int = AT) -> Receipt:
        receipt = self.ledger.take(Batch(tuple(Item(one) for one in items), at))
        assert isinstance(receipt, Receipt), receipt
        self.entries += [stored.entry for stored in receipt.stored]
        return receipt

    def job(self) -> Job:
        job = self.ledger.job("job")
        assert job is not None
        return job

    def project(self) -> Project:
        project = self.ledger.project("web")
        assert project is not None
        return project

    def counts(self) -> dict[str, int]:
        names = ("running", "completed", "failed", "cancelled", "abandoned")
        return {name: count for name in names if (count := getattr(self.project(), name))}

    def told(self) -> list[tuple[str, str, int]]:
        """Names, statuses and seqs of all events of states."""
        return [
            (name, json.loads(payload)["status"], json.loads(payload)["seq"])
            for entry in self.entries
            if isinstance(entry, StateEntry)
            for name, payload in entry.events
        ]

"""One write transaction: load what the batches concern, let the ledger decide, write what changed."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from chef.domain.batches import Batch, Receipt
from chef.domain.latemasks import LateMasks
from chef.domain.ledger import Ledger
from chef.domain.limits import NO_LIMITS, StoredLimits
from chef.store.loading import load_rows
from chef.store.saving import remember_rows, save_rows, trim_logs
from chef.store.trimming import max_row_bytes
from chef.store.writetransaction import WriteTransaction


def write(
    connection: Connection,
    batches: Sequence[Batch],
    late_masks: LateMasks,
    max_line_bytes: int,
    max_log_bytes: int,
    limits: StoredLimits = NO_LIMITS,
) -> list[Receipt | Exception]:
    """Take each batch whole or refuse it, and write all that were taken. The caller commits.

    Raises Overtaken where another process changed what this one goes by: begin again.
    """
    ledger = Ledger(max_line_bytes, max_row_bytes(max_log_bytes), late_masks, limits)
    transaction = WriteTransaction(connection, ledger)
    load_rows(transaction, batches)
    outcomes: list[Receipt | Exception] = [ledger.take(batch) for batch in batches]
    save_rows(transaction)
    trim_logs(transaction, max_log_bytes)
    remember_rows(transaction, max_log_bytes)
    return outcomes

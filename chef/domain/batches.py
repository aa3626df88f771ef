"""A request's updates on their way into the store, and what came of them. Pure."""

from __future__ import annotations

from msgspec import Struct

from chef.domain.asking import StopRequest
from chef.domain.lines import StreamState
from chef.domain.model import Entry, FailureLook, Job, LogPiece, OwnUpdate, Update, Value


class Item(Value, frozen=True):
    """One part of a batch. `digest` tells the content of an update that has an `id`.

    `look` is what the log of its job says of the failure that the update is about to end it with.
    """

    update: Update | LogPiece | OwnUpdate
    digest: bytes = b""
    look: FailureLook | None = None

    @property
    def update_id(self) -> str | None:
        if isinstance(self.update, Update) and self.update.type != "mask":
            return self.update.id
        return None  # A mask that comes twice does no harm, and not even its digest is kept.


class Batch(Value, frozen=True):
    """A request body: taken whole or not at all.

    `at` is when it came (ms), `allowed` the projects that its token may write (`None`: all).
    """

    items: tuple[Item, ...]
    at: int
    allowed: frozenset[str] | None = None


class Stored(Value, frozen=True):
    """An entry with the job that it belongs to, as that job stood after it."""

    job: Job
    entry: Entry


class Receipt(Struct):
    """The outcome of a batch that was taken. `seqs` has the newest seq of the batch for each job.

    `streams` has the state of each (job, stream) that log pieces went to, `stops` who asked a job to stop.
    """

    accepted: int = 0
    duplicates: int = 0
    lines: int = 0
    seqs: dict[str, int] = {}
    stored: list[Stored] = []
    stops: dict[str, StopRequest | None] = {}
    streams: dict[tuple[str, str], StreamState] = {}

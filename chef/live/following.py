"""Where a follower of a log goes on: one rule for subscriptions, recovery and event streams. Pure.

A follower that comes back says what it has had. That may be of another history than the store has: of
another store, of a job that was removed while another one took its id, or of a part that was cut out of a
long log since. Then it begins where it must, and is told that something is missing.
"""

from __future__ import annotations

from dataclasses import dataclass

from chef.domain.model import Job


@dataclass(frozen=True, slots=True)
class History:
    """A log as a store has it: up to `seq`, and without a hole from `whole_from` on.

    `epoch` is the identity of the store. A log that does not exist yet goes up to 0.
    """

    epoch: str
    seq: int
    whole_from: int = 1

    @classmethod
    def of_job(cls, epoch: str, job: Job | None) -> History:
        """The history of a job in the store with this epoch."""
        return cls(epoch, job.seq, job.whole_from) if job else cls(epoch, 0)


@dataclass(frozen=True, slots=True)
class Bookmark:
    """How far a follower has come: all up to `after`, and the first `skip` events of the entry behind that.

    `after` is `None` where it says nothing, `epoch` where it does not know the store.
    """

    after: int | None = None
    epoch: str | None = None
    skip: int = 0


@dataclass(frozen=True, slots=True)
class Start:
    """Where a follower goes on: behind `position`, without the first `skip` events of the next entry.

    `complete` tells whether nothing is missing between what it has had and what it is sent. `first_seq`
    is the first seq from which on nothing was removed, where something was that it asked for.
    """

    position: int
    skip: int = 0
    complete: bool = True
    first_seq: int | None = None


def find_start(history: History, bookmark: Bookmark, otherwise: int) -> Start:
    """Where a follower with this bookmark goes on; `otherwise` is the position for one that says none.

    A position of another store, or one that this store has not reached, is of another history: that one
    is sent from its beginning.
    """
    position, skip = bookmark.after, bookmark.skip
    is_other = position is not None and not _is_of(history, position, bookmark.epoch)
    if position is None or is_other:
        position, skip = 0 if is_other else otherwise, 0
    is_whole = position + 1 >= history.whole_from
    return Start(position, skip, is_whole and not is_other, None if is_whole else history.whole_from)


def _is_of(history: History, position: int, epoch: str | None) -> bool:
    """Whether a position can be one of this history."""
    return position <= history.seq and epoch in (None, history.epoch)

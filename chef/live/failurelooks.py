"""Why a job fails: a look at the end of its log before its end is stored, so that its last event says it."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence

import gevent

from chef.domain.model import FailureLook, LogPiece, Update
from chef.store import Store

log = logging.getLogger(__name__)

# A POST waits for it no longer than that, whatever the log is like.
LOOK_S = 0.3
# So many jobs of one request get one; others get theirs after the end.
_MOST_LOOKS = 20


def ends_failed(update: Update | LogPiece) -> bool:
    """Whether an update may end its job as failed."""
    return isinstance(update, Update) and (update.type == "error" or update.status == "failed")


def look_at_failures(
    store: Store, updates: Sequence[Update | LogPiece], seconds: float = LOOK_S
) -> Mapping[int, FailureLook]:
    """Looks for those of some updates that may end a job as failed, by their places; never raises."""
    found: dict[int, FailureLook] = {}
    until = time.monotonic() + seconds
    limit = gevent.Timeout(seconds)
    try:
        with limit:
            for place, pending in _endings(updates):
                look = store.look_at_end(updates[place].job_id, pending, until)
                if look is not None:
                    found[place] = look
    except gevent.Timeout as timeout:
        if timeout is not limit:
            raise
        log.info("why a job failed was not found out within %.1f s", seconds)
    except Exception as error:  # noqa: BLE001 - the update counts, whatever is wrong with the look
        log.warning("why a job failed cannot be found out now: %s", error)
    return found


def _endings(updates: Sequence[Update | LogPiece]) -> Iterator[tuple[int, list[Update]]]:
    """The places of updates that end jobs, with the updates of the same job before each."""
    places = [place for place, update in enumerate(updates) if ends_failed(update)]
    for place in places[:_MOST_LOOKS]:
        job_id = updates[place].job_id
        before = updates[:place]
        yield place, [one for one in before if isinstance(one, Update) and one.job_id == job_id]

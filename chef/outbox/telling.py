"""What is to be told next to a target of a job, from what it was told and how the job stands. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256

from chef.domain.model import Job
from chef.outbox.channel import NotifyChannel
from chef.outbox.values import Word
from chef.store.outbox import NOTHING_TOLD, ToldRow

_GROWTH = 1.25
_LONG_GAP_S = 300.0
_BITS = {word: 1 << place for place, word in enumerate(Word)}
_GIVEN_UP = 1 << len(_BITS)
_UNTIL_END = 1 << len(_BITS) + 1
_ENDS = {word.value: word for word in (Word.COMPLETED, Word.FAILED, Word.CANCELLED, Word.ABANDONED)}


@dataclass(slots=True, eq=False)
class Telling:
    """A job and a target. `told_at` is when it was told last (`time.monotonic`), `due_at` when it may be
    next, `busy` while it is.

    `failed_before`: so many runs had failed before it completed. `place` is where it goes, once that is
    known: a place that does not answer is asked by one at a time. `unsure`: its first message may have been
    sent. `failures` is how often it was put off since it was told.
    """

    job: Job
    failed_before: int = 0
    told: ToldRow = NOTHING_TOLD
    busy: bool = False
    due_at: float = 0.0
    told_at: float = 0.0
    place: str = ""
    unsure: bool = False
    failures: int = 0


def next_word(channel: NotifyChannel, telling: Telling) -> Word | None:
    """What a target is told next of a job, if anything."""
    told = telling.told
    if told.seq >= telling.job.state_seq or told.words & _GIVEN_UP:
        return None
    started = Word.STARTED in channel.words and not told.words & _BITS[Word.STARTED]
    if telling.job.ended:
        ended = (
            _end_of_message(channel, telling) if channel.updates else _next_end(channel, telling, told.words)
        )
        return Word.STARTED if started and not channel.updates else ended
    if told.words & _UNTIL_END or (channel.most is not None and told.requests >= channel.most - 1):
        return None  # The last is for the end.
    if started:
        return Word.STARTED
    return Word.PROGRESS if Word.PROGRESS in channel.words else None


def _end_of_message(channel: NotifyChannel, telling: Telling) -> Word | None:
    """A message that is there always becomes final; else there is one where that was asked for."""
    ends = _ends(telling)
    asked = [word for word in ends if word in channel.words]
    if asked:
        return asked[-1]
    told = telling.told
    is_there = told.requests and not told.words & _UNTIL_END
    return ends[-1] if is_there or told.begun or told.handle is not None else None


def _next_end(channel: NotifyChannel, telling: Telling, words: int) -> Word | None:
    """Of those for an end, the first that is asked for and was not told."""
    left = (word for word in _ends(telling) if word in channel.words and not words & _BITS[word])
    return next(left, None)


def _ends(telling: Telling) -> list[Word]:
    """The words for how a job has ended, the most telling one last."""
    return [_ENDS[telling.job.status], *([Word.RECOVERED] if telling.failed_before else [])]


def told_of(channel: NotifyChannel, telling: Telling, job: Job, word: Word, handle: str) -> ToldRow:
    """What was told once a word was, about a job as it stood then."""
    told, words = telling.told, telling.told.words | _BITS[word]
    is_all = channel.updates or not job.ended or _next_end(channel, telling, words) is None
    return ToldRow(
        job.state_seq if is_all else told.seq, words, told.requests + 1, handle or told.handle, begun=False
    )


def given_up(
    channel: NotifyChannel, telling: Telling, job: Job, word: Word, *, until_end: bool = False
) -> ToldRow:
    """The same where a target refuses it: the word is told no more, of a message nothing, or the end only."""
    told = told_of(channel, telling, job, word, "")
    if channel.updates:
        return replace(told, words=told.words | (_UNTIL_END if until_end else _GIVEN_UP))
    return told


def told_before(job: Job, since: int) -> ToldRow:
    """What counts as told to a target that is new to a job: not the beginning where that was before it."""
    return replace(NOTHING_TOLD, words=_BITS[Word.STARTED]) if job.created_at < since else NOTHING_TOLD


def turn_of(telling: Telling) -> tuple[bool, float]:
    """Its turn among those that may be told now: ends first, then by time.

    An end that was put off has no precedence any more, so that it holds up nobody.
    """
    return (not telling.job.ended or telling.failures > 0, telling.due_at)


def due_at_end(channel: NotifyChannel, telling: Telling) -> float:
    """When an end may be told: not at the distance that was grown, at none where nothing is edited."""
    return min(telling.due_at, telling.told_at + (channel.gap_s if channel.updates else 0.0))


def gap_after(channel: NotifyChannel, requests: int, remaining_s: float | None = None) -> float:
    """Seconds to the next request about the same job, after so many.

    Where requests are counted the gaps grow. Where a job is expected to end in `remaining_s` they are even
    until then, and a third of the requests is left for when it does not.
    """
    if channel.most is None:
        return channel.gap_s
    grown = channel.gap_s * float(_GROWTH ** max(requests - 1, 0))
    usable = channel.most - 1 - requests - channel.most // 3
    if remaining_s is None or usable <= 0:
        return grown
    return max(channel.gap_s, min(remaining_s / usable, max(grown, _LONG_GAP_S)))


def notice_id(channel: NotifyChannel, job: Job, word: Word, epoch: str) -> str:
    """The same for what is the same: the job's message, or its word and, for progress, its state."""
    parts = [epoch, channel.key, job.job_id, str(job.created_at)]
    if not channel.updates:
        parts += [word, str(job.state_seq) if word == Word.PROGRESS else ""]
    return sha256("\n".join(parts).encode()).hexdigest()[:32]

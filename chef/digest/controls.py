"""A stop request and open questions of a job, in words: part of a digest's head."""

from __future__ import annotations

from typing import Any

from chef.digest.text import one_line
from chef.domain.asking import NAMELESS, ON_THIS_MACHINE
from chef.domain.model import ENDED

_LONGEST = 600


def asked_of(job: dict[str, Any]) -> list[str]:
    """Who asked the build to stop, and what it asked people; that it stopped its end alone tells."""
    has_ended = job["status"] in ENDED
    lines = []
    if stop := job.get("stop"):
        confirmed = "" if has_ended else ", not confirmed by the build yet"
        lines.append(f"asked to stop by {one_line(_name(stop), 150)} at {stop['at']}{confirmed}")
    for question in job.get("questions", ()):
        asked = f"{one_line(question['text'], _LONGEST)} ({', '.join(question['options'])})"
        answer = question.get("answer")
        if answer:
            lines.append(f"asked: {asked}: {answer['option']}, by {one_line(_name(answer), 150)}")
        elif not has_ended:
            lines.append(f"asks: {asked}, until {question['until']}")
    return lines


def _name(person: dict[str, Any]) -> str:
    is_plain = person["signed"] or person["by"] in (NAMELESS, ON_THIS_MACHINE)
    return str(person["by"]) if is_plain else f"{person['by']} (name as given)"

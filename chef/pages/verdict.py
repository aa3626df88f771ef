"""Whether all of a log arrived, in words. `static/verdict.js` says the same in the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chef.pages.language import gettext as _
from chef.pages.language import ngettext
from chef.pages.words import number, size


@dataclass(frozen=True, slots=True)
class Verdict:
    """A page's words on a job's `integrity`: a headline and a list of details."""

    complete: bool
    word: str
    faults: list[str]


def verdict(job: dict[str, Any] | None) -> Verdict | None:
    """The verdict on a job, given as its JSON; `None` where nobody said what there is to arrive."""
    found = (job or {}).get("integrity")
    if not found:
        return None
    faults = [
        *map(_missing, found.get("missing", ())),
        *map(_surplus, found.get("surplus", ())),
        *(
            _("%(stream)s: not the content that was sent", stream=one["stream"])
            for one in found.get("differs", ())
        ),
        *(_("%(stream)s: only counted, not compared", stream=one) for one in found.get("unchecked", ())),
    ]
    if not found["complete"]:
        return Verdict(False, _("The log is not complete"), faults)
    return Verdict(True, _("The log is complete"), [_arrived(found.get("lines")), *faults])


def _arrived(lines: int | None) -> str:
    if lines is None:
        return _("Everything that was sent has arrived")
    return ngettext(
        "%(count)s line was sent and has arrived",
        "%(count)s lines were sent and have arrived",
        lines,
    )


def _missing(gap: dict[str, Any]) -> str:
    much = size(gap["bytes"])
    if lines := gap.get("lines"):
        much = f"{ngettext('%(count)s line', '%(count)s lines', lines)}, {much}"
    where = {"stream": gap["stream"], "size": much, "start": number(gap["from"])}
    return _("%(stream)s: %(size)s missing from byte %(start)s on", **where)


def _surplus(more: dict[str, Any]) -> str:
    where = {"stream": more["stream"], "size": size(more["bytes"]), "start": number(more["from"])}
    return _("%(stream)s: %(size)s more than was sent, from byte %(start)s on", **where)

"""A job's silence, in words. `static/silence-words.js` says the same in the page."""

from __future__ import annotations

from flask import Flask

from chef.domain.silence import Silence
from chef.pages.language import gettext as _
from chef.pages.timeleft import amount
from chef.pages.words import age, status_word


def silence_words(silence: Silence) -> str:
    """Since when a job says nothing: `No update for 4 min`."""
    if silence.kind == "lost":
        return status_word("lost")
    if silence.usual is None:
        return _("No update for %(age)s", age=age(silence.silent))
    return _("No output for %(age)s", age=age(silence.silent))


def silence_more(silence: Silence) -> str:
    """More of it: how long its phase is usually silent, if that is known, and how its reporter is."""
    more = _more(silence)
    if silence.usual is None:
        return more
    usually = _("This phase is usually silent for at most %(time)s.", time=amount(silence.usual))
    return usually if silence.kind == "quiet" else f"{usually} {more}"


def _more(silence: Silence) -> str:
    unheard = age(silence.unheard)
    if silence.kind == "quiet":
        return _("The build may still be running. This page continues as soon as it reports again.")
    if silence.kind == "alive":
        return _(
            "No output, but the reporter of the build is still there: last sign of life %(age)s ago.",
            age=unheard,
        )
    return _(
        "Nothing received for %(age)s. The build may or may not still be running."
        " If it reports again, this page continues.",
        age=unheard,
    )


def add_filters(app: Flask) -> None:
    """Let templates use these words."""
    app.jinja_env.filters.update(silence_more=silence_more, silence_words=silence_words)

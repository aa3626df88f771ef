"""The constants that the server's pages and their modules share, in one place: they cannot differ.

A page carries them as JSON (`templates/live.html`), and `static/constants.js` reads them there.
"""

from __future__ import annotations

from typing import Any

from chef.domain import errorlines, outline, silence, text, workflow
from chef.domain.forecast import bar
from chef.domain.model import ENDED, REMOVED_MARKER
from chef.domain.rules import LOGS_AFTER_END_MS
from chef.pages import progresswords, snapshots, sources, words

MAX_QUERY = 1_000
"""So many characters may be searched for in a log."""


def constants() -> dict[str, Any]:
    """All constants that the modules in static/ need; words are in the language of the request."""
    return {
        "endedStatuses": sorted(ENDED),
        "silence": {
            "quietMs": silence.QUIET_MS,
            "lostMs": silence.LOST_MS,
            "leastUsualMs": silence.LEAST_USUAL_MS,
        },
        "bar": _bar(),
        "lateLogsMs": LOGS_AFTER_END_MS,
        "removedMarker": REMOVED_MARKER,
        "errorLevels": sorted(outline.ERROR_LEVELS),
        "ignoredError": errorlines.IGNORED,
        # Sources of regular expressions, which mean the same in Python and in JavaScript.
        "patterns": {
            "error": errorlines.ERROR,
            "noError": errorlines.NO_ERROR,
            "mark": outline.MARK,
            "escape": text.ESCAPE,
            "style": text.STYLE,
            "link": text.LINK,
        },
        "annotations": _annotations(),
        "sources": _sources(),
        "maxQuery": MAX_QUERY,
        "limits": {
            "lines": snapshots.FIRST_LINES,
            "jobs": snapshots.JOBS,
            "projects": snapshots.PROJECTS,
            "runningRuns": snapshots.RUNNING_RUNS,
            "runningShown": snapshots.RUNNING_SHOWN,
            "recentJobs": snapshots.RECENT_JOBS,
            "outcomes": snapshots.OUTCOMES,
        },
        "words": _words(),
    }


def _sources() -> dict[str, Any]:
    """How it is known where a build comes from."""
    return {"kinds": sources.SOURCE_KINDS, "forges": sources.FORGES, "ciSystems": sources.CI_SYSTEMS}


def _bar() -> dict[str, Any]:
    """How a bar goes on by itself."""
    return {
        "patienceMs": bar.PATIENCE_MS,
        "atMedian": bar.AT_MEDIAN,
        "most": bar.MOST,
        "phaseEnds": bar.PHASE_ENDS,
    }


def _words() -> dict[str, Any]:
    """What the server says, too, in the language of the request."""
    return {
        "statuses": words.status_words(),
        "waiting": words.status_word(""),
        "phases": words.phase_words(),
        "places": progresswords.place_words(),
        "units": words.units(),
    }


def _annotations() -> dict[str, Any]:
    """How builds write lines of a level."""
    return {
        "patterns": {
            "github": workflow.GITHUB,
            "azure": workflow.AZURE,
            "issue": workflow.ISSUE,
            "teamcity": workflow.TEAMCITY,
            "attribute": workflow.ATTRIBUTE,
        },
        "percentCodes": workflow.PERCENT_CODES,
        "teamcityCodes": workflow.TEAMCITY_CODES,
        "teamcityLevels": workflow.TEAMCITY_LEVELS,
    }

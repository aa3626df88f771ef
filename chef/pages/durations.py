"""The durations of a project's runs over time, as a chart: a bar a run, drawn by the server as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import Any

from flask import Flask, abort, request

from chef.domain.clock import rfc3339
from chef.domain.model import Job
from chef.pages.errors import make_blueprint
from chef.pages.language import gettext as _
from chef.pages.language import render
from chef.pages.viewer import check_may_read, viewer
from chef.pages.words import duration, percent, status_word
from chef.services import services

MOST_RUNS = 50
MOST_KINDS = 12
HEIGHT = 120
"""The height of the highest bar, in pixels."""

_LEAST_HEIGHT = 3
_FEWEST_USUAL = 5
_FEWEST_PLACES = 20
"""A chart of few runs has room for so many: their bars are no walls."""
_LONGEST = 3
"""A run that took so many times as long as is usual is cut off there."""


@dataclass(frozen=True, slots=True)
class RunBar:
    """A run in the chart; places are percent of its width, heights pixels."""

    job_id: str
    name: str
    status: str
    duration_ms: int
    finished_at: str
    x: float
    width: float
    height: float
    is_cut: bool


@dataclass(frozen=True, slots=True)
class DurationChart:
    """The newest finished runs of a kind, oldest first, and what they tell.

    `usual` is the interval in which 8 of 10 green runs were (ms), `band` the same as the upper end and the
    height of a band in pixels; both only of 5 green runs and more. `success` is in percent, of those
    that completed or failed. `red_since` is set where the newest of these failed.
    """

    runs: list[RunBar]
    kind: str | None
    kinds: list[str | None]
    longest_ms: int
    usual: tuple[int, int] | None
    band: tuple[float, float] | None
    success: str
    judged: int
    last_green: dict[str, Any] | None
    red_since: dict[str, Any] | None


def duration_chart(project_id: str, kind: str | None, known: Sequence[str | None]) -> DurationChart | None:
    """The chart of a project's runs of a kind, or, with none given, of its newest job's; `None` without runs.

    A kind is as it stands in the page's address; the empty one is that of jobs without a kind. `known` are
    the kinds of the project's newest jobs.
    """
    store = services().store
    kinds = list(known)[:MOST_KINDS]
    chosen = (kind or None) if kind is not None else next(iter(kinds), None)
    found = store.finished_runs(project_id, chosen, MOST_RUNS)
    if not found.runs:
        return None if len(kinds) < 2 else _empty(chosen, kinds)
    runs = found.runs[::-1]
    usual = _usual([_took(run) for run in runs if run.status == "completed"])
    longest = max(map(_took, runs))
    top = max(1, min(longest, _LONGEST * usual[1]) if usual else longest)
    judged = [run for run in runs if run.status in ("completed", "failed")]
    green = sum(run.status == "completed" for run in judged)
    is_red = bool(judged) and judged[-1].status == "failed"
    return DurationChart(
        runs=_bars(runs, top),
        kind=chosen,
        kinds=kinds,
        longest_ms=top,
        usual=usual,
        band=_band(usual, top) if usual else None,
        success=percent(100 * green / len(judged)) if judged else "",
        judged=len(judged),
        last_green=_named(found.last_green),
        red_since=_named(found.red_since) if is_red else None,
    )


def _empty(kind: str | None, kinds: list[str | None]) -> DurationChart:
    return DurationChart([], kind, kinds, 0, None, None, "", 0, None, None)


def _took(run: Job) -> int:
    return max(0, (run.finished_at or 0) - (run.started_at or run.created_at))


def _usual(times: list[int]) -> tuple[int, int] | None:
    if len(times) < _FEWEST_USUAL:
        return None
    tenths = quantiles(times, n=10, method="inclusive")
    return round(tenths[0]), round(tenths[-1])


def _band(usual: tuple[int, int], top: int) -> tuple[float, float]:
    low, high = (min(HEIGHT, HEIGHT * time / top) for time in usual)
    return round(HEIGHT - high, 1), round(max(2, high - low), 1)


def _bars(runs: list[Job], top: int) -> list[RunBar]:
    place = 100 / max(len(runs), _FEWEST_PLACES)
    return [
        RunBar(
            run.job_id,
            run_name(run),
            run.status,
            _took(run),
            rfc3339(run.finished_at or 0),
            round(index * place + place * 0.1, 3),
            round(place * 0.8, 3),
            round(max(_LEAST_HEIGHT, HEIGHT * min(top, _took(run)) / top), 1),
            _took(run) > top,
        )
        for index, run in enumerate(runs)
    ]


def _named(run: Job | None) -> dict[str, Any] | None:
    if run is None:
        return None
    return {"jobId": run.job_id, "name": run_name(run), "finishedAt": rfc3339(run.finished_at or 0)}


def run_name(run: Job) -> str:
    """A run as people call it: `#1025`, else its title, else its id."""
    number, title = run.meta.get("number"), run.meta.get("title")
    if isinstance(number, str | int) and not isinstance(number, bool) and number != "":
        return f"#{str(number).removeprefix('#')}"
    return title if isinstance(title, str) and title else run.job_id


def run_words(run: RunBar) -> str:
    """A run in one line: `#1025: Failed, 2 min 05 s`."""
    status, time = status_word(run.status), duration(run.duration_ms)
    return _("%(name)s: %(status)s, %(time)s", name=run.name, status=status, time=time)


def chosen_kind() -> str | None:
    """The kind that the address of the request names, `None` where it names none.

    The form of the list's filter sends all of its fields: its empty one names none.
    """
    kind = request.args.get("kind")
    return None if kind == "" and "q" in request.args else kind


def install(app: Flask) -> None:
    """Add the chart's own address, from which a page renews it."""
    app.jinja_env.filters["run_words"] = run_words
    blueprint = make_blueprint("durations")

    @blueprint.get("/projects/<project_id>/durations")
    def durations(project_id: str) -> str:
        """The chart alone."""
        check_may_read(viewer("summary"), project_id)
        kinds = services().store.filter_menu(project_id).kinds
        chart = duration_chart(project_id, chosen_kind(), kinds) or abort(404)
        return render("durations.html", project_id=project_id, chart=chart)

    app.register_blueprint(blueprint)

"""Lists in which the jobs of one run are one row, as pages are first painted with them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from flask import Flask, url_for

from chef.access.levels import at_level
from chef.access.principals import Principal
from chef.domain.clock import rfc3339
from chef.domain.filtering import JobFilter
from chef.domain.model import ENDED
from chef.domain.runpayloads import run_json
from chef.domain.runs import Run
from chef.domain.wiretypes import as_dict
from chef.live.visibleruns import visible_runs
from chef.pages.language import gettext as _
from chef.pages.language import ngettext
from chef.pages.snapshots import JOBS, RUNNING_RUNS, Page, listed
from chef.pages.viewer import level
from chef.pages.words import number, status_word
from chef.services import services
from chef.wire.paging import make_cursor

DOTS = 24
"""So many jobs of a run have a dot in its row; its words count all of them."""


def listed_runs(wanted: JobFilter, principal: Principal, before: int | None) -> Page:
    """A page of rows: jobs that belong to no run or are alone in one, and runs, the newest first."""
    found = visible_runs(services().store, principal, wanted, before=before, limit=JOBS)
    older = None if found.next is None else make_cursor(found.next)
    return Page([listed_run(run) for run in found.runs], older)


def running_runs(allowed: Collection[str] | None) -> list[dict[str, Any]]:
    """The runs of all projects that one may see in which a job runs, the one that began last first."""
    found = services().store.runs(allowed=allowed, limit=RUNNING_RUNS, active=True)
    return [listed_run(run) for run in found.runs]


def listed_run(run: Run) -> dict[str, Any]:
    """A run's JSON with what a list shows of it; `isRun` is false where it is one job, its `worst`."""
    now = services().clock()
    shown = at_level(level(), as_dict(run_json(run)))
    worst = listed(run.worst_job)
    begin = run.started_at or run.jobs[0].created_at
    return shown | {
        "isRun": run.run is not None and len(run.jobs) > 1,
        "isRunning": run.finished_at is None,
        "isAskedToStop": "stop" in shown and run.status not in ENDED,
        "worst": worst,
        "shown": run.status if run.status in ENDED else worst["shown"],
        "tookMs": max(0, (run.finished_at or now) - begin),
        "at": rfc3339(run.finished_at) if run.finished_at else worst["updatedAt"],
    }


def run_url(run: Mapping[str, Any]) -> str:
    """The address of a run's page; of `.` and `..`, in which no address can end, that of its jobs' list."""
    if run["run"] in (".", ".."):
        return url_for("pages.project", project_id=run["projectId"], run=run["run"])
    return url_for("runs_page.run", project_id=run["projectId"], run=run["run"])


def done_words(counts: Mapping[str, int]) -> str:
    """How many of a run's jobs have ended: `3 of 8 jobs done`, at the end `8 jobs`."""
    total, running = counts["total"], counts["running"]
    if running == 0:
        return ngettext("%(count)s job", "%(count)s jobs", total)
    return ngettext(
        "%(done)s of %(count)s job done",
        "%(done)s of %(count)s jobs done",
        total,
        done=number(total - running),
    )


def dot_words(job: Mapping[str, Any]) -> str:
    """A job of a run and how it stands: `lint: Failed`."""
    return _("%(job)s: %(status)s", job=job["kind"] or job["jobId"], status=status_word(job["status"]))


def dots_words(jobs: Iterable[Mapping[str, Any]]) -> str:
    """The same of all jobs of a run that have a dot."""
    return ", ".join(dot_words(job) for job in list(jobs)[:DOTS])


def install(app: Flask) -> None:
    """Let templates show runs."""
    app.jinja_env.filters.update(
        done_words=done_words, dot_words=dot_words, dots_words=dots_words, run_url=run_url
    )
    app.jinja_env.globals["dots_shown"] = DOTS

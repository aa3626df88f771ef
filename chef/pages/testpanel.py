"""The tests of a job on its page: how many, the failed ones with their reasons, the flaky and the slowest."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Flask, abort

from chef.domain.model import Job
from chef.domain.testreports import CaseResult, Outcome, OutcomeCounts
from chef.domain.testreports.shapes import CaseJson, case_json
from chef.pages.errors import make_blueprint
from chef.pages.language import gettext as _
from chef.pages.language import ngettext, render
from chef.pages.viewer import is_of_one_job, viewer, visible_job
from chef.pages.words import duration
from chef.services import services

MOST_TESTS = 20
"""Failed and flaky tests that are shown; the rest is a link to the API."""

_SECOND_MS = 1000


@dataclass(frozen=True, slots=True)
class ReportPanel:
    """The content of the panel. `more_failed` and `more_flaky` are how many are not shown."""

    counts: OutcomeCounts
    failed: list[CaseJson]
    flaky: list[CaseJson]
    slowest: list[CaseResult]
    more_failed: int
    more_flaky: int


def report_panel(job: Job | None) -> ReportPanel | None:
    """What the test reports of a job say, if there were any."""
    if job is None or job.tests is None:
        return None
    failed, flaky = (_shown(job.job_id, outcome) for outcome in ("failed", "flaky"))
    more = job.tests.failed - len(failed), job.tests.flaky - len(flaky)
    return ReportPanel(job.tests, failed, flaky, services().store.slowest_cases(job.job_id), *more)


def _shown(job_id: str, outcome: Outcome) -> list[CaseJson]:
    found = services().store.cases_with_streaks(job_id, (outcome,), limit=MOST_TESTS)
    # A streak names an earlier job, which a link to this one does not show.
    return [case_json(one.case, None if is_of_one_job() else streak) for one, streak in found]


def counts_words(counts: OutcomeCounts) -> str:
    """How many tests had which outcome: "3 failed, 1 flaky, 41 passed"; no word of those that none had."""
    parts = [
        ngettext("%(count)s failed", "%(count)s failed", counts.failed) if counts.failed else "",
        ngettext("%(count)s flaky", "%(count)s flaky", counts.flaky) if counts.flaky else "",
        ngettext("%(count)s passed", "%(count)s passed", counts.passed) if counts.passed else "",
        ngettext("%(count)s skipped", "%(count)s skipped", counts.skipped) if counts.skipped else "",
    ]
    return ", ".join(filter(None, parts)) or _("no tests")


def case_time(milliseconds: int | None) -> str:
    """How long a test took: "12 ms", "1.5 s"; nothing where that is not known."""
    if milliseconds is None or milliseconds >= _SECOND_MS:
        return duration(milliseconds)
    return f"{milliseconds} {_('ms')}"


def install(app: Flask) -> None:
    """Add the panel's own address, from which a page renews it."""
    app.jinja_env.filters |= {"counts_words": counts_words, "case_time": case_time}
    blueprint = make_blueprint("testpanel")

    @blueprint.get("/jobs/<job_id>/tests")
    def tests(job_id: str) -> str:
        """The panel alone."""
        panel = report_panel(visible_job(viewer("log"), job_id)) or abort(404)
        return render("tests.html", job_id=job_id, tests=panel)

    app.register_blueprint(blueprint)

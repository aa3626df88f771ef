"""Jobs and projects as plain text, for a terminal. Pure. What a build wrote has no commands for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chef.digest.budget import Section, fitting, within
from chef.digest.controls import asked_of
from chef.digest.excerpts import errors_within, lines_within, tail_within
from chef.digest.facts import Facts, NewLines
from chef.digest.markdown import headline, new_in_words, source_of, stopped, time_left, title
from chef.digest.text import one_line, words_of_ms

_TITLE, _VALUE = 100, 40


def summary(facts: Facts, budget: int) -> str:
    """A job within a number of characters: the same as in its digest, for a terminal."""
    job = facts.job
    sections = (
        Section(1.0, lambda limit: "\n".join(fitting(_head(facts), min(limit, max(300, budget // 4))))),
        Section(0.4, lambda limit: "\n".join(fitting(_reason(job), limit))),
        Section(
            0.5, lambda limit: "\n".join(fitting([f"failed: {one.name}" for one in facts.failed], limit))
        ),
        Section(0.4, lambda limit: _new(facts.new, limit)),
        Section(0.6, lambda limit: errors_within(facts.errors, limit, "\n".join)),
        Section(0.7, lambda limit: tail_within(facts.tail, limit, "\n".join)),
        Section(1.0, lambda limit: "\n".join(fitting(_phases(job["phases"]), limit))),
    )
    return within(budget - 1, sections) + "\n"


def _head(facts: Facts) -> list[str]:
    job = facts.job
    place = [where] if (where := stopped(job)) else []
    took = [] if job["durationMs"] is None else [f"took {words_of_ms(job['durationMs'])}"]
    ended = [f"ended {job['finishedAt']}"] if job["finishedAt"] else []
    return [
        f"{headline(job)}: {one_line(title(job), _TITLE)}",
        " · ".join([job["projectId"], *_source(job), job["jobId"]]),
        ", ".join([*place, *took, *ended]) or f"since {job['startedAt'] or job['createdAt']}",
        *([left] if (left := time_left(job)) else []),
        *asked_of(job),
        facts.address,
    ]


def _source(job: dict[str, Any]) -> list[str]:
    return [one_line(value, _VALUE) for _, value in source_of(job)]


def _reason(job: dict[str, Any]) -> list[str]:
    error, failure = job.get("error") or {}, job.get("failure") or {}
    texts = (failure.get("summary"), error.get("message") or job["message"])
    lines = [one_line(text, 500) for text in dict.fromkeys(texts) if text]
    code = error.get("code")
    return [*lines, f"code {one_line(str(code), _VALUE)}"] if code is not None else lines


def _new(new: NewLines | None, limit: int) -> str:
    if new is None:
        return ""
    heading = f"new: {new_in_words(new)}"
    return lines_within(new.lines, limit, lambda lines: "\n".join([heading, *lines]))


def _phases(phases: Sequence[dict[str, Any]]) -> list[str]:
    width = max((len(one["phase"]) for one in phases), default=0)
    return [f"{one['phase']:{width}}  {_took(one['durationMs']) or 'running'}" for one in phases]


def _took(ms: int | None) -> str:
    return "" if ms is None else words_of_ms(ms)


def job_line(job: dict[str, Any]) -> str:
    """A job in one line: outcome, when it was begun, how long it took, its name, its source, its id."""
    began = job["createdAt"][:16].replace("T", " ")
    name, source = one_line(title(job), _TITLE), " ".join(_source(job)[:3])
    known_by = [name] if name == job["jobId"] else [name, source, job["jobId"]]
    facts = (f"{job['status']:10}", began, f"{_took(job['durationMs']):>11}", *known_by)
    return "  ".join(filter(None, facts))


def project_text(project: dict[str, Any], jobs: Sequence[dict[str, Any]]) -> str:
    """A project and its newest jobs."""
    return "\n".join([_project(project), "", *map(job_line, jobs)]) + "\n"


def jobs_text(jobs: Sequence[dict[str, Any]]) -> str:
    """Jobs, one a line."""
    return "\n".join([*map(job_line, jobs)] or ["There are no such jobs."]) + "\n"


def run_text(run: dict[str, Any]) -> str:
    """A run and its jobs: its status, what it is of, how many jobs there are of each outcome."""
    name = one_line(run["title"] or run["run"], _TITLE)
    known = (run["branch"], run["commit"], run["author"], run["run"])
    source = [run["projectId"], *(one_line(one, _VALUE) for one in known if one)]
    took = [] if run["durationMs"] is None else [f"took {words_of_ms(run['durationMs'])}"]
    facts = ", ".join([_counts(run["counts"]), *took])
    lines = [f"{run['status']}: {name}", " · ".join(source), facts, "", *map(job_line, run["jobs"])]
    return "\n".join(lines) + "\n"


def projects_text(projects: Sequence[dict[str, Any]], running: Sequence[dict[str, Any]]) -> str:
    """The running jobs, and projects with their newest jobs."""
    lines = ["Running", *(f"  {job['projectId']}  {job_line(job)}" for job in running), ""] if running else []
    for project in projects:
        newest = project["newestJob"]
        lines += [_project(project), *([f"  {job_line(newest)}"] if newest else [])]
    return "\n".join(lines or ["There are no projects yet."]) + "\n"


def _project(project: dict[str, Any]) -> str:
    return f"{project['projectId']}: {_counts(project['counts']) or 'no jobs'}"


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count and name != "total")

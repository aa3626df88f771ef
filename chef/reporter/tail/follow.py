"""Follows a job or a project by its event stream."""

from __future__ import annotations

import random
import time
import urllib.parse
from typing import Any, Iterator

from chef.reporter.sending.client import Unreachable
from chef.reporter.tail.client import TailClient, TailRefused
from chef.reporter.tail.screen import TailScreen

_ENDINGS = ("job:completed", "job:error")
_ENDED = ("completed", "failed", "cancelled", "abandoned")
_LONGEST_WAIT_S = 10.0
CANCELLED = 130


class JobTail:
    """Follows one job. `run` returns its exit status."""

    def __init__(
        self, client: TailClient, screen: TailScreen, job: str, lines: int | None, follow: bool
    ) -> None:
        self._client = client
        self._screen = screen
        self._path = "/api/jobs/" + urllib.parse.quote(job, safe="")
        self._job = job
        self._lines = lines
        self._follow = follow
        self._after = 0
        self._shown = ""
        # The event that ended the job; the stream goes on behind it while lines may still come.
        self._ending: dict[str, Any] | None = None

    def run(self) -> int:
        if self._lines is not None or not self._follow:
            ended: int | None = _patiently(self._screen, self._show_stored)
            if ended is not None:
                return ended
        status: int | None = None
        pause = 0.0
        while status is None:
            try:
                status, pause = self._listen(), 0.0
            except Unreachable as error:
                if self._ending is not None:
                    return self._ended(self._ending, self._ending.get("code"))
                self._screen.note("chef: %s, trying again" % error)
            if status is None:
                pause = _wait(pause)
        return status

    def _show_stored(self) -> int | None:
        """The lines that are there; the result is the exit status where there is no more to come."""
        job = self._client.get(self._path)
        if job is None:
            if self._follow:
                return None
            raise TailRefused("there is no job %s" % self._job)
        self._after = job["seq"]
        if self._lines != 0:
            for event in self._stored_lines():
                self._take_line(event)
        self._screen.settle_all()
        if self._follow:
            return None
        return self._ended(job, (job.get("error") or {}).get("code")) if job["status"] in _ENDED else 0

    def _stored_lines(self) -> Iterator[dict[str, Any]]:
        if self._lines is not None:
            found = self._client.get("%s/logs?tail=%d" % (self._path, min(self._lines, 1000)))
            yield from found["lines"] if found else []
            return
        place = 0
        while True:
            found = self._client.get("%s/logs?after=%d&limit=1000" % (self._path, place))
            lines = found["lines"] if found else []
            if not lines:
                return
            yield from lines
            place = max(lines[-1]["line"], place + 1)

    def _listen(self) -> int | None:
        """Show events until the stream ends; the result is the exit status if it has said so."""
        for event in self._client.events("%s/events?after=%d" % (self._path, self._after)):
            if event is None:
                continue
            data = event.get("data") or {}
            if event.get("event") == "end":
                # It holds the ending where the stream began behind that.
                ending = data.get("data") or self._ending or {}
                return self._ended(ending, ending.get("code")) if ending else None
            self._take(event.get("event"), data)
        return None

    def _take(self, name: Any, data: dict[str, Any]) -> None:
        self._after = max(self._after, data.get("seq", 0))
        if name == "job:log":
            self._take_line(data)
        elif name == "job:progress":
            # One behind the ending is of a test report, unless the job goes on after all.
            if data["status"] not in _ENDED:
                self._ending = None
            self._take_progress(data)
        elif name in _ENDINGS:
            self._ending = data

    def _take_line(self, data: dict[str, Any]) -> None:
        self._screen.line(data["stream"], data["line"], data["message"], bool(data.get("replace")))

    def _take_progress(self, data: dict[str, Any]) -> None:
        text = progress_text(data)
        if text != self._shown and data["status"] not in _ENDED:
            self._shown = text
            self._screen.note("== " + text)

    def _ended(self, job: dict[str, Any], code: Any) -> int:
        self._screen.settle_all()
        took = job.get("durationMs")
        message = ": %s" % job["message"] if job.get("message") else ""
        self._screen.note(
            "== %s%s%s"
            % (job["status"], " after %.1f s" % (took / 1000.0) if took is not None else "", message)
        )
        return exit_status(job["status"], code)


class ProjectTail:
    """Follows the jobs of a project, a line for each change."""

    def __init__(
        self, client: TailClient, screen: TailScreen, project: str, lines: int | None, follow: bool
    ) -> None:
        self._client = client
        self._screen = screen
        self._project = project
        self._lines = lines
        self._follow = follow

    def run(self) -> int:
        _patiently(self._screen, self._show_stored)
        pause = 0.0
        while self._follow:
            try:
                self._listen()
                pause = 0.0
            except Unreachable as error:
                self._screen.note("chef: %s, trying again" % error)
            pause = _wait(pause)
        return 0

    def _show_stored(self) -> None:
        """The newest jobs as they stand, oldest first."""
        count = 10 if self._lines is None else min(self._lines, 1000)
        if not count:
            return
        query = urllib.parse.urlencode({"projectId": self._project, "limit": count})
        found = self._client.get("/api/jobs?" + query)
        for job in reversed(found["jobs"] if found else []):
            self._screen.plain("%s  %s" % (job["jobId"], progress_text(job)))

    def _listen(self) -> None:
        path = "/api/projects/%s/events" % urllib.parse.quote(self._project, safe="")
        for event in self._client.events(path):
            if event and event.get("event") == "project:progress":
                self._screen.plain("%s  %s" % (event["data"]["jobId"], progress_text(event["data"])))


def progress_text(data: dict[str, Any]) -> str:
    """Where a job is, in one line."""
    what = data["status"] if data["status"] in _ENDED else data["phase"]
    message = "  %s" % data["message"] if data.get("message") else ""
    return "%-12s %3g%%%s" % (what, data["progress"], message)


def exit_status(status: str, code: Any) -> int:
    """The exit status that a shell would have had for the job."""
    if status == "completed":
        return 0
    if isinstance(code, int) and 1 <= code <= 255:
        return code
    return CANCELLED if status == "cancelled" else 1


def _patiently(screen: TailScreen, action: Any) -> Any:
    """Do it as soon as the server is there."""
    pause = 0.0
    while True:
        try:
            return action()
        except Unreachable as error:
            screen.note("chef: %s, trying again" % error)
        pause = _wait(pause)


def _wait(pause: float) -> float:
    """Wait a little longer than the last time, and not in step with others."""
    pause = min(_LONGEST_WAIT_S, max(0.25, pause * 2))
    time.sleep(pause * random.uniform(0.5, 1.0))
    return pause

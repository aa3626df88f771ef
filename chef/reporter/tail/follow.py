"""`chef tail`: a job or a project followed in the terminal, by the event stream."""

from __future__ import annotations

import json
import os
import random
import re
import sys
import time
import urllib.parse
from typing import Any, Iterator

from chef.reporter.sending.answers import ServerAnswer
from chef.reporter.sending.client import HttpClient, Unreachable

_SGR = re.compile(r"\x1b\[[0-9;:]*m")
# All that a terminal would obey: control sequences, strings for it, control characters.
_CONTROLS = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]?"
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)
_ENDINGS = ("job:completed", "job:error")
# The server says something every 15 s.
_SILENCE_S = 40.0
_TIMEOUT_S = 15.0
_LONGEST_WAIT_S = 10.0
CANCELLED = 130
REFUSED = 2


class TailRefused(Exception):
    """The server will not show it; the text says why."""


class Screen:
    """Where lines go: colours where they are wanted, other control sequences never."""

    def __init__(self, colours: bool, quiet: bool) -> None:
        self._colours = colours
        self._quiet = quiet
        self._is_terminal = sys.stdout.isatty()
        self._newest: tuple[str, int] | None = None
        self._replacing: dict[str, str] = {}

    def line(self, stream: str, number: int, text: str, replaces: bool) -> None:
        """A log line; where one is replaced (a progress bar) a terminal shows the new one in its place."""
        shown = self._cleaned(text)
        if not replaces:
            self.settle(stream)
            self._write(shown + "\n")
        elif self._is_terminal and self._newest == (stream, number):
            self._write("\x1b[1A\x1b[2K%s\n" % shown)
        else:
            # Of the many forms of a line the first and the last are enough for a file.
            self._replacing[stream] = shown
            return
        self._newest = (stream, number)

    def settle(self, stream: str) -> None:
        """What replaced a line before is not replaced any more."""
        shown = self._replacing.pop(stream, None)
        if shown is not None:
            self._write(shown + "\n")
            self._newest = None

    def settle_all(self) -> None:
        for stream in list(self._replacing):
            self.settle(stream)

    def note(self, text: str) -> None:
        """What is no output of the build: on stderr, dimmed in a terminal."""
        if self._quiet:
            return
        shown = _CONTROLS.sub("", text.replace("\t", " "))
        dim = self._colours and sys.stderr.isatty()
        sys.stderr.write("\x1b[2m%s\x1b[0m\n" % shown if dim else shown + "\n")
        sys.stderr.flush()
        self._newest = None

    def plain(self, text: str) -> None:
        """A line of our own on stdout."""
        self._write(self._cleaned(text) + "\n")

    def _cleaned(self, text: str) -> str:
        kept = _CONTROLS.sub(lambda found: found.group() if _SGR.fullmatch(found.group()) else "", text)
        if not self._colours:
            return _SGR.sub("", kept)
        return kept + "\x1b[0m" if "\x1b[" in kept else kept

    @staticmethod
    def _write(text: str) -> None:
        data = text.encode("utf-8", "replace")
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


class TailClient:
    """What `tail` asks of the server."""

    def __init__(self, url: str, token: str | None, version: str) -> None:
        self._client = HttpClient(url, token, version)

    def close(self) -> None:
        self._client.close()

    def get(self, path: str) -> dict[str, Any] | None:
        """A JSON object, or None where there is no such thing. Raises TailRefused and Unreachable."""
        answer = self._client.request("GET", path, None, _TIMEOUT_S)
        if answer.status == 404:
            return None
        _check(answer)
        if not answer.data:
            raise Unreachable("the answer is not one of Chef's: is CHEF_URL right?")
        return answer.data

    def events(self, path: str) -> Iterator[dict[str, Any] | None]:
        """The events of a stream as they come; None is a sign that the server is there."""
        response = self._client.open(path, {"Accept": "application/x-ndjson"}, _SILENCE_S)
        if response.status != 200:
            _check(ServerAnswer(response.status, response.headers, response.read(65536)))
        while True:
            try:
                line = response.readline(16 * 1024 * 1024)
            except (OSError, ValueError) as error:
                raise Unreachable(str(error)) from error
            except Exception as error:  # http.client's own, such as a body that breaks off
                raise Unreachable(type(error).__name__) from error
            if not line:
                return
            try:
                event = json.loads(line.decode("utf-8")) if line.strip() else None
            except ValueError:
                raise Unreachable("the answer is not one of Chef's: is CHEF_URL right?") from None
            if event is None or isinstance(event, dict):
                yield event


def _check(answer: ServerAnswer) -> None:
    if answer.status in (408, 429, 503) or answer.status >= 500:
        raise Unreachable(answer.reason())
    if answer.status != 200:
        raise TailRefused(answer.reason())


class JobTail:
    """Follows one job. `run` returns its exit status."""

    def __init__(self, client: TailClient, screen: Screen, job: str, lines: int | None, follow: bool) -> None:
        self._client = client
        self._screen = screen
        self._path = "/api/jobs/" + urllib.parse.quote(job, safe="")
        self._job = job
        self._lines = lines
        self._follow = follow
        self._after = 0
        self._shown = ""

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
        if job["status"] in ("completed", "failed", "cancelled"):
            return self._ended(job, (job.get("error") or {}).get("code"))
        return None if self._follow else 0

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
        """Show events until the stream ends; the result is the exit status if the job has ended."""
        status: int | None = None
        for event in self._client.events("%s/events?after=%d" % (self._path, self._after)):
            if event is None:
                continue
            data = event.get("data") or {}
            name = event.get("event")
            if name == "end":
                break
            self._after = max(self._after, data.get("seq", 0))
            if name == "job:log":
                self._take_line(data)
            elif name == "job:progress":
                self._take_progress(data)
            elif name in _ENDINGS:
                status = self._ended(data, data.get("code"))
        return status

    def _take_line(self, data: dict[str, Any]) -> None:
        self._screen.line(data["stream"], data["line"], data["message"], bool(data.get("replace")))

    def _take_progress(self, data: dict[str, Any]) -> None:
        text = progress_text(data)
        if text != self._shown and data["status"] not in ("completed", "failed", "cancelled"):
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
        self, client: TailClient, screen: Screen, project: str, lines: int | None, follow: bool
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
    what = data["status"] if data["status"] in ("completed", "failed", "cancelled") else data["phase"]
    message = "  %s" % data["message"] if data.get("message") else ""
    return "%-12s %3g%%%s" % (what, data["progress"], message)


def exit_status(status: str, code: Any) -> int:
    """What a shell would have said of the job."""
    if status == "completed":
        return 0
    if isinstance(code, int) and 1 <= code <= 255:
        return code
    return CANCELLED if status == "cancelled" else 1


def wants_colours(choice: str) -> bool:
    """`auto`: in a terminal, unless NO_COLOR is set."""
    if choice == "auto":
        return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return choice == "always"


def _patiently(screen: Screen, action: Any) -> Any:
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

"""`chef run`: a command with its output, its phases and its end reported, and with its own exit status."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import time
from typing import Any, Callable, NamedTuple

from chef.reporter.ci.git import commit_meta
from chef.reporter.ci.naming import command_kind
from chef.reporter.console import say
from chef.reporter.memory import Memory
from chef.reporter.output.masking import Masker
from chef.reporter.process.command import Command
from chef.reporter.process.exits import Ended, ended_with, outcome_text
from chef.reporter.report import Report
from chef.reporter.sending.sender import Sender
from chef.reporter.target import Target

# Output is looked at when so much has come, or after this time: each single line would cost far more.
_GATHER_BYTES = 32 * 1024
_GATHER_S = 0.1
_MAX_COMMAND = 500


class Options(NamedTuple):
    """The options of `chef run`, and its command."""

    arguments: list[str]
    phase: str
    step: bool
    linger: float
    markers: bool
    headings: bool
    mask: str | None
    quiet: bool
    stream: str | None
    title: str | None
    meta: dict[str, str]
    pty: bool
    stop_after: float


class ReportedRun:
    """One run. Whatever goes wrong in reporting, the command runs and its status is the result."""

    def __init__(self, target: Target, options: Options, version: str) -> None:
        self._target = target
        self._options = options
        self._version = version
        self._sender: Sender | None = None
        self._report: Report | None = None
        self._memory: Memory | None = None
        self._fresh: list[tuple[str, list[bytes]]] = []
        self._fresh_bytes = 0
        self._fresh_since = 0.0
        self._fault: str | None = None
        self._begun = 0.0
        self._command: Command | None = None

    def run(self) -> Ended:
        """Run the command and report it."""
        self._tell_where()
        self._safely(self._prepare)
        command = Command(
            self._options.arguments,
            self._child_environ(),
            self._take_output,
            self._tick,
            self._options.pty,
            self._options.stop_after,
        )
        self._command = command
        self._begun = time.monotonic()
        ended = self._start(command)
        self._safely(self._begin)
        if ended is None:
            ended = command.run()
        elif ended.failure:
            say(ended.failure)
            self._take_output("stderr", ("chef: %s\n" % ended.failure).encode("utf-8", "replace"))
        self._safely(lambda: self._end(ended))
        self._linger()
        if command.was_interrupted and ended.signal == signal.SIGINT:
            # The shell that waits for us in the same terminal was spared the Ctrl-C that ended the command.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            os.killpg(0, signal.SIGINT)
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        return ended

    def _start(self, command: Command) -> Ended | None:
        """Start the command; where we cannot, such as without a pty left, it runs as if we were not there."""
        try:
            if os.name != "posix":
                raise OSError("chef run needs a Unix system")
            return command.start()
        except Exception as error:
            self._failed(error)
            return ended_with(subprocess.call(self._options.arguments))

    def _tell_where(self) -> None:
        if self._options.quiet:
            return
        if self._target.url is None:
            say("CHEF_URL is not set: nothing is reported")
        else:
            say(self._target.page)

    def _prepare(self) -> None:
        if self._target.url is None:
            return
        self._memory = Memory(self._target.url, self._target.job)
        self._sender = Sender(self._target, self._version, is_run=True)
        self._sender.stop.wake = self._wake
        masker = Masker(os.environ, self._options.mask)
        prior = self._memory.tallies()
        self._report = Report(
            self._sender,
            masker,
            self._options.phase,
            self._options.markers,
            prior,
            self._options.headings,
            self._memory.told_phase,
        )
        command = command_text(self._options.arguments, masker.text)
        self._report.begin(self._meta(masker, command))

    def _meta(self, masker: Masker, command: str) -> dict[str, Any]:
        """The job's `meta`: of the CI system, else of git; the command is the title of its own job."""
        target = self._target
        if not target.meta:
            target = target._replace(meta=commit_meta())
        meta: dict[str, Any] = target.short_meta(masker.text)
        if not self._options.step:
            if not self._target.meta:
                meta["title"] = command
            meta["kind"] = target.kind(command_kind(command, target.meta, _folders()))
        if self._options.title:
            meta["title"] = self._options.title
        return {**meta, "command": command, **self._options.meta}

    def _begin(self) -> None:
        # Only now: a process with threads should not fork.
        if self._sender is not None:
            self._sender.start()

    def _child_environ(self) -> dict[str, str]:
        """The command's environment: ours, with the job that a `chef` inside it reports to, too."""
        environ = dict(os.environ)
        # Python would keep its output back in a pipe, up to 8 KiB of it.
        environ.setdefault("PYTHONUNBUFFERED", "1")
        if self._target.url is not None:
            environ["CHEF_URL"] = self._target.url
            environ["CHEF_JOB"] = environ["CHEF_RUN"] = self._target.job
            environ["CHEF_PROJECT"] = self._target.project
        return environ

    def _take_output(self, stream: str, data: bytes) -> None:
        """Keep what came for a moment: more may come with it."""
        if self._report is None:
            return
        if self._fresh and self._fresh[-1][0] == stream:
            self._fresh[-1][1].append(data)
        else:
            self._fresh.append((stream, [data]))
        if not self._fresh_bytes:
            self._fresh_since = time.monotonic()
        self._fresh_bytes += len(data)
        if self._fresh_bytes >= _GATHER_BYTES:
            self._safely(self._look_at_output)

    def _look_at_output(self) -> None:
        fresh, self._fresh, self._fresh_bytes = self._fresh, [], 0
        for stream, parts in fresh:
            if self._report is not None:
                self._report.output(self._named(stream), b"".join(parts))

    def _named(self, stream: str) -> str:
        named = self._options.stream
        if named is None:
            return stream
        return named if stream == "stdout" else named + ".err"

    def _wake(self) -> None:
        if self._command is not None:
            self._command.wake()

    def _look_at_stop(self) -> None:
        """End the command where somebody asked for that on the server."""
        asked = self._sender.stop.asked if self._sender else None
        if asked is None or self._command is None or not self._command.stop(asked.by):
            return
        name = os.path.basename(self._options.arguments[0])
        words = "%s asked to stop: SIGTERM to %s, SIGKILL in %g s" % (
            asked.by,
            name,
            self._options.stop_after,
        )
        say(words)
        if self._report is not None:
            self._report.stopping(words)

    def _tick(self) -> float | None:
        """Do all that is due by now; the result says in how many seconds to look again."""
        self._safely(self._look_at_stop)
        report, now = self._report, time.monotonic()
        if report is None:
            return None
        if self._fresh_bytes:
            left = self._fresh_since + _GATHER_S - now
            if left > 0:
                return left
            self._safely(self._look_at_output)
        due = report.unfinished_due
        if due is None or due > now:
            return None if due is None else due - now
        self._safely(report.show_unfinished)
        return None

    def _end(self, ended: Ended) -> None:
        self._look_at_output()
        report = self._report
        if report is None or self._memory is None or self._sender is None:
            return
        report.end_of_output()
        meta: dict[str, Any] = {"durationMs": int((time.monotonic() - self._begun) * 1000)}
        if report.masker.count:
            meta["masked"] = report.masker.count
        if self._options.step:
            self._memory.keep(report.totals)
            if ended.stopped_by is not None:
                self._memory.keep_stop(ended.stopped_by)
            report.say(meta)
            self._sender.stays_away()
            return
        self._memory.forget()
        if not report.totals:
            report.nothing_came(self._named("stdout"))
        report.end(ended, outcome_text(self._options.arguments[0], ended), {**meta, "exitCode": ended.status})

    def _linger(self) -> None:
        """Wait a while for the rest, and say what did not arrive."""
        if self._sender is None or self._fault is not None:
            if self._fault is not None:
                say("reporting stopped: %s" % self._fault)
            return
        try:
            arrived = self._sender.finish(self._options.linger)
        except KeyboardInterrupt:
            arrived = False
        if self._sender.page != self._target.page and not self._options.quiet:
            say(self._sender.page)
        missing = self._sender.shortfall.text(arrived)
        if missing:
            say(missing)
        if self._report is not None and any(map(self._sender.is_shared, self._report.totals)):
            say("somebody else writes to the same stream of this job: lines may be lost (--stream NAME)")

    def _safely(self, action: Any) -> None:
        """Do something that may fail without anything but reporting failing."""
        try:
            action()
        except Exception as error:
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        self._fault = self._fault or "a fault of the reporter: %s: %s" % (type(error).__name__, error)
        self._report = None


def command_text(words: list[str], mask: Callable[[str], str]) -> str:
    """A command as it is typed, without secrets: quoted or cut first, what is left of one is not found."""
    text = mask(" ".join(_quoted(word, mask(word)) for word in words))
    return text if len(text) <= _MAX_COMMAND else text[: _MAX_COMMAND - 1] + "…"


def _folders() -> list[str]:
    """The folders that another machine has elsewhere."""
    try:
        return [os.getcwd()]
    except OSError:
        return []


def _quoted(word: str, masked: str) -> str:
    """A word for a shell; the asterisks that are there for a secret are no reason for quotes."""
    if masked != word and shlex.quote(masked.replace("***", "x")) == masked.replace("***", "x"):
        return masked
    return shlex.quote(masked)

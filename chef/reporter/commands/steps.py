"""Commands for a script of several steps: `start`, `phase`, `progress`, `artifact`, `log`."""

from __future__ import annotations

import os
import re
import select
import time
from typing import Any, Iterator

from chef.reporter.ci.git import commit_meta
from chef.reporter.commands.options import PHASE_NAME, OptionParser, add_meta, add_step
from chef.reporter.commands.updates import (
    deliver,
    finish,
    masker_of,
    obstacle,
    send_updates,
    target_of,
    warn,
    with_message,
)
from chef.reporter.console import say
from chef.reporter.jobchoice import Purpose
from chef.reporter.memory import Memory
from chef.reporter.process.outputs import write_all
from chef.reporter.report import Report
from chef.reporter.sending.sender import Sender


def add_start(parser: OptionParser) -> None:
    """The options of `start`."""
    add_step(parser)
    parser.add_argument("--title", metavar="TEXT", help="what the build is called")
    add_meta(parser)


def run_start(arguments: Any) -> int:
    """Print the job's id, for `export CHEF_JOB=$(chef start)`."""
    target = target_of(arguments, Purpose.START)
    described = target if target.meta else target._replace(meta=commit_meta())
    meta: dict[str, Any] = described.short_meta(masker_of(arguments).text)
    if arguments.title:
        meta["title"] = arguments.title
    meta.update(arguments.meta)
    print(target.job, flush=True)  # noqa: T201
    if target.url is not None and not arguments.quiet:
        say(target.page)
    # Nothing that an earlier job of this id has left is a part of this one.
    Memory(target.url or "", target.job).forget()
    update = {"type": "progress", "phase": "preparing", "meta": meta}
    return deliver(arguments, target, [update], arguments.linger)


def add_phase(parser: OptionParser) -> None:
    """The arguments of `phase`."""
    add_step(parser)
    parser.add_argument("name", help="queued, preparing, installing, building, completed or one of your own")
    parser.add_argument("message", nargs="?")


def run_phase(arguments: Any) -> int:
    """Say which phase the build is in."""
    if not PHASE_NAME.fullmatch(arguments.name):
        return warn(
            arguments, "a phase has 1 to 32 characters of a-z 0-9 _ - (it is %r)" % arguments.name[:200]
        )
    return send_updates(arguments, [with_message({"type": "progress", "phase": arguments.name}, arguments)])


def add_progress(parser: OptionParser) -> None:
    """The arguments of `progress`."""
    add_step(parser)
    parser.add_argument("percent", help="0 to 100")
    parser.add_argument("message", nargs="?")


def run_progress(arguments: Any) -> int:
    """Say how far the build is."""
    text = arguments.percent.strip().rstrip("%").strip()
    if not re.fullmatch(r"\d{1,3}(\.\d{1,9})?", text) or float(text) > 100:
        return warn(arguments, "progress must be 0 to 100 (it is %r)" % arguments.percent[:200])
    value = float(text)
    update = {"type": "progress", "progress": int(value) if value == int(value) else value}
    return send_updates(arguments, [with_message(update, arguments)])


def add_artifact(parser: OptionParser) -> None:
    """The arguments of `artifact`."""
    add_step(parser)
    parser.add_argument("--size", type=int, help="its size in bytes")
    parser.add_argument("name")
    parser.add_argument("address", metavar="URL")


def run_artifact(arguments: Any) -> int:
    """Name something that the build has made."""
    artifact = {"name": arguments.name, "url": arguments.address}
    if arguments.size is not None:
        artifact["size"] = arguments.size
    return send_updates(arguments, [{"type": "progress", "artifacts": [artifact]}])


def add_log(parser: OptionParser) -> None:
    """The arguments of `log`."""
    add_step(parser)
    parser.add_argument("--stream", metavar="NAME", default="stdout")
    parser.add_argument("--level", metavar="LEVEL", help="such as warning; not for standard input")
    parser.add_argument("--tee", action="store_true", help="write standard input to standard output, too")
    parser.add_argument("text", nargs="+", help="the line, or - for standard input")


def run_log(arguments: Any) -> int:
    """Add a line to the log, or standard input."""
    if arguments.text == ["-"]:
        return _log_input(arguments)
    update = {"type": "log", "message": " ".join(arguments.text), "stream": arguments.stream}
    if arguments.level:
        update["level"] = arguments.level
    return send_updates(arguments, [update])


def _input(report: Report) -> Iterator[bytes]:
    """Standard input in pieces; while it is silent, the line so far is shown."""
    while True:
        due = report.unfinished_due if os.name == "posix" else None
        if due is not None and not select.select([0], [], [], max(0.0, due - time.monotonic()))[0]:
            report.show_unfinished()
            continue
        data = os.read(0, 65536)
        if not data:
            return
        yield data
        if due is not None:
            report.show_unfinished()


def _log_input(arguments: Any) -> int:
    """Standard input as it comes, as fast as it comes, whether or not it can be reported."""
    target = target_of(arguments)
    problem = obstacle(target)
    if problem:
        warn(arguments, problem)
    sender = Sender(target, arguments.version_text)
    memory = Memory(target.url or "", target.job)
    report = Report(sender, masker_of(arguments), "building", False, memory.tallies())
    if not problem:
        sender.start()
    for data in _input(report):
        if arguments.tee:
            write_all(1, data)
        if not problem:
            report.output(arguments.stream, data)
    if problem:
        return 1 if arguments.strict else 0
    report.end_of_output()
    memory.keep(report.totals)
    return finish(arguments, sender, arguments.linger)

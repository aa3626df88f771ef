"""Commands that end a job: `done`, `fail`, `cancel`, `exit`."""

from __future__ import annotations

from typing import Any

from chef.reporter.commands.options import OptionParser, add_ending, parse_exit_code
from chef.reporter.commands.updates import deliver, target_of, with_message
from chef.reporter.memory import Memory
from chef.reporter.process.exits import CANCELLED_STATUSES


def add_done(parser: OptionParser) -> None:
    """The arguments of `done`."""
    add_ending(parser)
    parser.add_argument("message", nargs="?")


def run_done(arguments: Any) -> int:
    """The job has completed."""
    return _end(arguments, with_message({"type": "completed"}, arguments))


def add_fail(parser: OptionParser) -> None:
    """The arguments of `fail`."""
    add_ending(parser)
    parser.add_argument("--code", type=parse_exit_code, help="the exit status, or a word")
    parser.add_argument("message", nargs="?", default="failed")


def run_fail(arguments: Any) -> int:
    """The job has failed."""
    update = {"type": "error", "message": arguments.message or "failed"}
    if arguments.code is not None:
        update["code"] = arguments.code
    return _end(arguments, update)


def add_cancel(parser: OptionParser) -> None:
    """The arguments of `cancel`."""
    add_ending(parser)
    parser.add_argument("message", nargs="?")


def run_cancel(arguments: Any) -> int:
    """The job was cancelled."""
    return _end(arguments, with_message({"type": "cancelled"}, arguments))


def add_exit(parser: OptionParser) -> None:
    """The arguments of `exit`."""
    add_ending(parser)
    parser.add_argument(
        "code",
        help="an exit status, such as $?: 0: completed, 130 and 143: cancelled, else failed",
    )
    parser.add_argument("message", nargs="?")


def run_exit(arguments: Any) -> int:
    """The job has ended as the exit status says."""
    code = parse_exit_code(arguments.code.strip() or "1")
    if code == 0:
        return _end(arguments, with_message({"type": "completed"}, arguments))
    target = target_of(arguments)
    stopped_by = Memory(target.url or "", target.job).stopped_by()
    if stopped_by is not None and arguments.message is None:
        arguments.message = "stopped at the request of %s" % stopped_by
    if code in CANCELLED_STATUSES or stopped_by is not None:
        return _end(arguments, with_message({"type": "cancelled"}, arguments))
    message = arguments.message or "ended with exit status %s" % code
    return _end(arguments, {"type": "error", "message": message, "code": code})


def _end(arguments: Any, update: dict[str, Any]) -> int:
    """End the job, with the sums of what its steps on this machine have sent."""
    target = target_of(arguments)
    memory = Memory(target.url or "", target.job)
    claims = {name: totals.claim() for name, totals in memory.tallies().items()}
    if claims:
        update["integrity"] = claims
    status = deliver(arguments, target, [update], arguments.linger)
    memory.forget()
    return status

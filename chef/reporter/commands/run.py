"""`run`: a command with its output, its phases and its end reported."""

from __future__ import annotations

import os
import signal
from typing import Any

from chef.reporter.commands.options import (
    LINGER_S,
    STOP_AFTER_S,
    OptionParser,
    add_linger,
    add_mask,
    add_meta,
    add_target,
    parse_phase,
    parse_time,
)
from chef.reporter.commands.updates import complain, fault_text, mask_names, send_updates, target_of
from chef.reporter.jobchoice import Purpose
from chef.reporter.process.exits import cannot_start, end_like
from chef.reporter.running import Options, ReportedRun
from chef.reporter.target import Target, UsageError, check_id, check_token, check_url, new_job_id

# A command within a `chef run` waits for its phase to arrive, and that not for long.
_WITHIN_LINGER_S = 1.0
# Options with a value: the word behind one of them is not the command.
_WITH_VALUE = (
    *("--url", "--token", "--project", "-p", "--job", "-j"),
    *("--phase", "--linger", "--mask", "--stream", "--title", "--meta", "--stop-after"),
)


def add_run(parser: OptionParser) -> None:
    """The options of `run`."""
    parser.usage = "%(prog)s [options] -- COMMAND [ARGUMENTS]"
    add_target(parser)
    parser.add_argument(
        "--phase", type=parse_phase, default="building", help="the phase that this is (%(default)s)"
    )
    parser.add_argument("--step", action="store_true", help="one of several: the job goes on after it")
    parser.add_argument("--title", metavar="TEXT", help="what the build is called")
    add_meta(parser)
    parser.add_argument("--stream", metavar="NAME", help="a stream of its own, for commands that run at once")
    add_linger(parser, LINGER_S, "wait this long at most for the rest after the command's end (%(default)g)")
    parser.add_argument(
        "--stop-after",
        metavar="TIME",
        type=parse_time,
        default=STOP_AFTER_S,
        help="SIGKILL so long after the SIGTERM of a stop request, such as 30s or 2m (10s)",
    )
    parser.add_argument("--pty", action="store_true", help="give the command a terminal of its own")
    parser.add_argument("--no-markers", action="store_true", help="take nothing in the output for a marker")
    parser.add_argument(
        "--headings", action="store_true", help="take `--- TITLE` for a phase, as in Buildkite by itself"
    )
    add_mask(parser)


def split_command(arguments: list[str]) -> tuple[list[str], list[str]]:
    """`run`'s own options and the command: it begins after `--`, or at the first word that is no option."""
    place = 1
    while place < len(arguments):
        word = arguments[place]
        if word == "--":
            return arguments[:place], arguments[place + 1 :]
        if not word.startswith("-") or word == "-":
            break
        place += 2 if word in _WITH_VALUE else 1
    return arguments[:place], arguments[place:]


def run_command(arguments: Any) -> int:
    """The command's own exit status, whatever becomes of the report."""
    if not arguments.command_line:
        arguments.refuse("run needs a command: chef run [options] -- COMMAND")
    _check_options(arguments)
    outer = os.environ.get("CHEF_RUN")
    if outer and outer == (arguments.job or os.environ.get("CHEF_JOB")):
        return _run_within(arguments)
    try:
        target = target_of(arguments, Purpose.STEP if arguments.step else Purpose.RUN)
    except UsageError as error:
        # The environment is wrong: no reason not to build.
        complain("%s: nothing is reported" % error, 0)
        target = Target(None, None, new_job_id(), "build", {}, True)
        arguments.quiet = True
    return end_like(ReportedRun(target, _options(arguments), arguments.version_text).run())


def _check_options(arguments: Any) -> None:
    """Raise UsageError where an option was given a value that makes no sense."""
    check_url(arguments.url)
    check_token(arguments.token)
    check_id(arguments.job, "--job")
    check_id(arguments.project, "--project")
    check_id(arguments.stream, "--stream")


def _options(arguments: Any) -> Options:
    return Options(
        arguments=arguments.command_line,
        phase=arguments.phase or "building",
        step=arguments.step,
        linger=arguments.linger,
        markers=not arguments.no_markers,
        headings=arguments.headings or os.environ.get("BUILDKITE") == "true",
        mask=mask_names(arguments),
        quiet=arguments.quiet,
        stream=arguments.stream,
        title=arguments.title,
        meta=dict(arguments.meta),
        pty=arguments.pty,
        stop_after=arguments.stop_after,
    )


def _run_within(arguments: Any) -> int:
    """`chef run` inside of a `chef run`: the outer one reports the output, this one is a phase of it."""
    if arguments.phase:
        arguments.strict = False
        try:
            update = {"type": "progress", "phase": arguments.phase}
            send_updates(arguments, [update], _WITHIN_LINGER_S)
        except Exception as error:
            complain(str(error) if isinstance(error, UsageError) else fault_text(error), 0)
    # Python ignores these, and what is ignored stays so in the command.
    for name in ("SIGPIPE", "SIGXFSZ"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_DFL)
    try:
        os.execvp(arguments.command_line[0], arguments.command_line)  # noqa: S606
    except OSError as error:
        ended = cannot_start(arguments.command_line[0], error)
        return complain(str(ended.failure), ended.status)

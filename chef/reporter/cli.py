"""The command line: `chef run`, `chef phase` and the like. Nothing that reports ever fails a build."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from typing import Any, Callable, NoReturn, Sequence

from chef.reporter.commands.ask import add_ask, run_ask
from chef.reporter.commands.endings import (
    add_cancel,
    add_done,
    add_exit,
    add_fail,
    run_cancel,
    run_done,
    run_exit,
    run_fail,
)
from chef.reporter.commands.erase import add_erase, run_erase
from chef.reporter.commands.options import OptionParser
from chef.reporter.commands.run import add_run, run_command, split_command
from chef.reporter.commands.send import add_send, run_send
from chef.reporter.commands.steps import (
    add_artifact,
    add_log,
    add_phase,
    add_progress,
    add_start,
    run_artifact,
    run_log,
    run_phase,
    run_progress,
    run_start,
)
from chef.reporter.commands.tail import add_tail, run_tail
from chef.reporter.commands.tests import add_tests, run_tests
from chef.reporter.commands.updates import complain, fault_text, warn
from chef.reporter.console import open_standard_files
from chef.reporter.target import UsageError

VERSION = "0"

_ABOUT = """\
Reports a build to Chef: its output, phases, progress and end, live. A build is never failed or slowed
by it: what cannot be sent is said in one line on stderr.
"""
_VARIABLES = """\
CHEF_URL is the server, CHEF_TOKEN a token that may write, CHEF_PROJECT and CHEF_JOB what is built. In
most CI systems project and job are found by themselves. CHEF_MASK names further variables that hold
secrets (A*|*_B; !C excepts; = first replaces).
"""

# A new command is a function that adds its options, one that runs it, and a row here.
COMMANDS: dict[str, tuple[str, Callable[[OptionParser], None], Callable[[Any], int]]] = {
    "run": ("run a command and report its output, its phases and its end", add_run, run_command),
    "start": ("begin a job of several steps and print its id", add_start, run_start),
    "phase": ("say which phase the build is in", add_phase, run_phase),
    "progress": ("say how far the build is, in percent", add_progress, run_progress),
    "log": ("add a line to the log, or standard input", add_log, run_log),
    "artifact": ("name something that the build has made", add_artifact, run_artifact),
    "tests": ("send test reports (JUnit XML, CTRF JSON)", add_tests, run_tests),
    "done": ("end the job: it has completed", add_done, run_done),
    "fail": ("end the job: it has failed", add_fail, run_fail),
    "cancel": ("end the job: it was cancelled", add_cancel, run_cancel),
    "exit": ("end the job by an exit status", add_exit, run_exit),
    "ask": ("ask people something on the job's page, and end with their answer", add_ask, run_ask),
    "send": ("send updates as they are", add_send, run_send),
    "erase": ("erase a job, its log or a project", add_erase, run_erase),
    "tail": ("follow a job or a project", add_tail, run_tail),
}


class CommandLine(argparse.ArgumentParser):
    """Refuses in one line instead of a usage text and a line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, "%s: %s\n" % (self.prog, message))


def main(argv: Sequence[str] | None = None, prog: str = "chef", version: str = VERSION) -> int:
    """Run one command; the result is the exit status."""
    open_standard_files()
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = make_parser(prog, version, arguments[0] if arguments and arguments[0] in COMMANDS else None)
    command: list[str] = []
    if arguments[:1] == ["run"]:
        arguments, command = split_command(arguments)
    parsed = parser.parse_args(arguments)
    parsed.command_line = command
    parsed.version_text = version
    parsed.refuse = parser.error
    try:
        return int(parsed.run(parsed))
    except UsageError as error:
        return complain(str(error), 2)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:
        # Whoever read our output has had enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except Exception as error:
        if parsed.command in ("run", "tail", "erase", "ask"):
            raise
        return warn(parsed, fault_text(error))


def make_parser(prog: str, version: str, only: str | None = None) -> CommandLine:
    """The parser of all commands, or of one alone, which takes much less time to make."""
    parser = CommandLine(
        prog=prog, description=_ABOUT, epilog=_VARIABLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version="chef " + version)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in COMMANDS if only is None else [only]:
        text, add, run = COMMANDS[name]
        one = commands.add_parser(
            name,
            help=text,
            description=text[0].upper() + text[1:] + ".",
            epilog=_VARIABLES,
            allow_abbrev=False,
        )
        add(one)
        one.set_defaults(run=run)
    return parser

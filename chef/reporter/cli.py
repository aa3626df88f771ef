"""The command line: `chef run`, `chef phase` and the like. What reports never fails a build."""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import sys
from typing import Any, Callable, NoReturn, Sequence

from chef.reporter.console import open_standard_files, say
from chef.reporter.memory import Memory
from chef.reporter.output.markers import masked_phase
from chef.reporter.output.masking import Masker
from chef.reporter.process.command import cannot_start, end_like, write_all
from chef.reporter.report import Report
from chef.reporter.running import Options, ReportedRun
from chef.reporter.sending.sender import Sender
from chef.reporter.tail.follow import (
    REFUSED,
    JobTail,
    ProjectTail,
    Screen,
    TailClient,
    TailRefused,
    wants_colours,
)
from chef.reporter.target import (
    Target,
    UsageError,
    check_id,
    check_token,
    check_url,
    find_target,
    new_job_id,
)

VERSION = "0"
LINGER_S = 10.0
# One of several steps of a script must not wait long for a server that is away.
STEP_S = 5.0
# The command itself waits for this one.
WITHIN_S = 1.0
_PHASE = re.compile(r"[a-z0-9_-]{1,32}")

_ABOUT = """\
Reports a build to Chef: its output, phases, progress and end, live. A build is never failed or slowed
by it: what cannot be sent is said in one line on stderr.
"""
_VARIABLES = """\
CHEF_URL is the server, CHEF_TOKEN a token that may write, CHEF_PROJECT and CHEF_JOB what is built. In
GitHub Actions, GitLab CI, Buildkite, CircleCI, Jenkins, Heroku and Woodpecker project and job are found
by themselves. CHEF_MASK names further variables that hold secrets (A*|*_B; !C excepts; = first replaces).
"""

Parser = argparse.ArgumentParser


class Arguments(argparse.ArgumentParser):
    """Refuses in one line instead of a usage text and a line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, "%s: %s\n" % (self.prog, message))


def main(argv: Sequence[str] | None = None, prog: str = "chef", version: str = VERSION) -> int:
    """Run one command; the result is the exit status."""
    open_standard_files()
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = make_parser(prog, version)
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
        return _complain(str(error), 2)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:
        # Whoever read our output has had enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except Exception as error:
        if parsed.command in ("run", "tail"):
            raise
        return _wrong(parsed, _fault_text(error))


def make_parser(prog: str, version: str) -> Arguments:
    """The parser of all commands."""
    parser = Arguments(
        prog=prog, description=_ABOUT, epilog=_VARIABLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version="chef " + version)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (text, add, run) in COMMANDS.items():
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


# Options of `run` that have a value: where they end the command begins.
_WITH_VALUE = (
    "--url",
    "--token",
    "--project",
    "-p",
    "--job",
    "-j",
    "--phase",
    "--linger",
    "--mask",
    "--stream",
    "--title",
)


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


# --- options -------------------------------------------------------------------------------


def _common(parser: Parser) -> None:
    parser.add_argument("--url", metavar="URL", help="the server (CHEF_URL)")
    parser.add_argument(
        "--token", metavar="TOKEN", help="a token (better in CHEF_TOKEN: others see command lines)"
    )
    parser.add_argument("-p", "--project", metavar="ID", help="the project (CHEF_PROJECT)")
    parser.add_argument("-j", "--job", metavar="ID", help="the job (CHEF_JOB)")
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing but what went wrong")


def _one_update(parser: Parser) -> None:
    _common(parser)
    parser.add_argument("--mask", metavar="NAMES", help="names of variables that hold secrets (CHEF_MASK)")
    parser.add_argument(
        "--linger",
        metavar="SECONDS",
        type=_seconds,
        default=STEP_S,
        help="wait this long at most (%(default)g)",
    )
    parser.add_argument("--strict", action="store_true", help="exit status 1 where it did not arrive")


def _ending(parser: Parser) -> None:
    _one_update(parser)
    parser.set_defaults(linger=LINGER_S)


def _add_run(parser: Parser) -> None:
    parser.usage = "%(prog)s [options] -- COMMAND [ARGUMENTS]"
    _common(parser)
    parser.add_argument(
        "--phase", type=_phase, default="building", help="the phase that this is (%(default)s)"
    )
    parser.add_argument("--step", action="store_true", help="one of several: the job goes on after it")
    parser.add_argument("--title", metavar="TEXT", help="what the build is called")
    parser.add_argument("--stream", metavar="NAME", help="a stream of its own, for commands that run at once")
    parser.add_argument(
        "--linger",
        metavar="SECONDS",
        type=_seconds,
        default=LINGER_S,
        help="wait this long at most for the rest after the command's end (%(default)g)",
    )
    parser.add_argument("--no-markers", action="store_true", help="take nothing in the output for a marker")
    parser.add_argument("--mask", metavar="NAMES", help="names of variables that hold secrets (CHEF_MASK)")


def _add_start(parser: Parser) -> None:
    _one_update(parser)
    parser.add_argument("--title", metavar="TEXT", help="what the build is called")


def _add_phase(parser: Parser) -> None:
    _one_update(parser)
    parser.add_argument("name", help="queued, preparing, installing, building, completed or one of your own")
    parser.add_argument("message", nargs="?")


def _add_progress(parser: Parser) -> None:
    _one_update(parser)
    parser.add_argument("percent", help="0 to 100")
    parser.add_argument("message", nargs="?")


def _add_log(parser: Parser) -> None:
    _one_update(parser)
    parser.add_argument("--stream", metavar="NAME", default="stdout")
    parser.add_argument("--level", metavar="LEVEL", help="such as warning; not for standard input")
    parser.add_argument("--tee", action="store_true", help="write standard input to standard output, too")
    parser.add_argument("text", nargs="+", help="the line, or - for standard input")


def _add_done(parser: Parser) -> None:
    _ending(parser)
    parser.add_argument("message", nargs="?")


def _add_fail(parser: Parser) -> None:
    _ending(parser)
    parser.add_argument("--code", type=_code, help="the exit status, or a word")
    parser.add_argument("message", nargs="?", default="failed")


def _add_exit(parser: Parser) -> None:
    _ending(parser)
    parser.add_argument("code", help="an exit status, such as $?: 0 is completed, all else is failed")
    parser.add_argument("message", nargs="?")


def _add_artifact(parser: Parser) -> None:
    _one_update(parser)
    parser.add_argument("--size", type=int, help="its size in bytes")
    parser.add_argument("name")
    parser.add_argument("address", metavar="URL")


def _add_send(parser: Parser) -> None:
    _one_update(parser)
    parser.add_argument(
        "fields",
        nargs="+",
        metavar="FIELD=VALUE",
        help="fields of one update, or JSON, or - for JSON (an object, an array, lines) on standard input",
    )


def _add_tail(parser: Parser) -> None:
    parser.add_argument("--url", metavar="URL", help="the server (CHEF_URL)")
    parser.add_argument("--token", metavar="TOKEN", help="a token that may read (CHEF_TOKEN)")
    parser.add_argument("-p", "--project", metavar="ID", help="follow a project instead of a job")
    parser.add_argument("-n", "--lines", metavar="N", type=_count, help="begin with the last N lines")
    parser.add_argument("--no-follow", action="store_true", help="show what is there and end")
    parser.add_argument("--color", choices=("auto", "always", "never"), default="auto")
    parser.add_argument("-q", "--quiet", action="store_true", help="the log alone")
    parser.add_argument("job", nargs="?", help="the job (CHEF_JOB)")


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 3600:
        raise argparse.ArgumentTypeError("must be a number of seconds from 0 to 3600")
    return value


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 8):
        raise argparse.ArgumentTypeError("must be a whole number")
    return int(text)


def _phase(text: str) -> str:
    if not _PHASE.fullmatch(text):
        raise argparse.ArgumentTypeError("must be 1 to 32 characters of a-z 0-9 _ -")
    return text


def _code(text: str) -> int | str:
    return int(text) if re.fullmatch(r"-?\d{1,9}", text) else text[:128]


# --- commands ------------------------------------------------------------------------------


def _run(arguments: Any) -> int:
    """The command's own exit status, whatever becomes of the report."""
    if not arguments.command_line:
        arguments.refuse("run needs a command: chef run [options] -- COMMAND")
    for value, check in (
        (arguments.url, check_url),
        (arguments.token, check_token),
        (arguments.job, lambda value: check_id(value, "--job")),
        (arguments.project, lambda value: check_id(value, "--project")),
        (arguments.stream, lambda value: check_id(value, "--stream")),
    ):
        check(value)
    outer = os.environ.get("CHEF_RUN")
    if outer and outer == (arguments.job or os.environ.get("CHEF_JOB")):
        return _run_within(arguments)
    try:
        target = _target(arguments)
    except UsageError as error:
        # The environment is wrong: no reason not to build.
        _complain("%s: nothing is reported" % error, 0)
        target = Target(None, None, new_job_id(), "build", {}, True)
        arguments.quiet = True
    options = Options(
        arguments=arguments.command_line,
        phase=arguments.phase or "building",
        step=arguments.step,
        linger=arguments.linger,
        markers=not arguments.no_markers,
        mask=_mask(arguments),
        quiet=arguments.quiet,
        stream=arguments.stream,
        title=arguments.title,
    )
    return end_like(ReportedRun(target, options, arguments.version_text).run())


def _run_within(arguments: Any) -> int:
    """`chef run` inside of a `chef run`: the outer one reports the output, this one is a phase of it."""
    if arguments.phase:
        arguments.strict = False
        try:
            _send_updates(arguments, [{"type": "progress", "phase": arguments.phase}], WITHIN_S)
        except Exception as error:
            _complain(str(error) if isinstance(error, UsageError) else _fault_text(error), 0)
    # Python ignores these, and what is ignored stays so in the command.
    for name in ("SIGPIPE", "SIGXFSZ"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_DFL)
    try:
        os.execvp(arguments.command_line[0], arguments.command_line)  # noqa: S606
    except OSError as error:
        ended = cannot_start(arguments.command_line[0], error)
        return _complain(str(ended.failure), ended.status)


def _start(arguments: Any) -> int:
    """Print the job's id, for `export CHEF_JOB=$(chef start)`."""
    target = _target(arguments)
    meta: dict[str, Any] = target.short_meta(Masker(os.environ, _mask(arguments)).text)
    if arguments.title:
        meta["title"] = arguments.title
    print(target.job, flush=True)  # noqa: T201
    if target.url is not None and not arguments.quiet:
        say(target.page)
    # What an earlier job of this id has left is not a part of this one.
    Memory(target.url or "", target.job).forget()
    update = {"type": "progress", "phase": "preparing", "meta": meta}
    return _deliver(arguments, target, [update], arguments.linger)


def _phase_command(arguments: Any) -> int:
    if not _PHASE.fullmatch(arguments.name):
        return _wrong(
            arguments, "a phase has 1 to 32 characters of a-z 0-9 _ - (it is %r)" % arguments.name[:200]
        )
    return _send_updates(arguments, [_with_message({"type": "progress", "phase": arguments.name}, arguments)])


def _progress(arguments: Any) -> int:
    text = arguments.percent.strip().rstrip("%").strip()
    if not re.fullmatch(r"\d{1,3}(\.\d{1,9})?", text) or float(text) > 100:
        return _wrong(arguments, "progress must be 0 to 100 (it is %r)" % arguments.percent[:200])
    value = float(text)
    update = {"type": "progress", "progress": int(value) if value == int(value) else value}
    return _send_updates(arguments, [_with_message(update, arguments)])


def _log(arguments: Any) -> int:
    if arguments.text == ["-"]:
        return _log_input(arguments)
    update = {"type": "log", "message": " ".join(arguments.text), "stream": arguments.stream}
    if arguments.level:
        update["level"] = arguments.level
    return _send_updates(arguments, [update])


def _log_input(arguments: Any) -> int:
    """Standard input as it comes, as fast as it comes, whether or not it can be reported."""
    target = _target(arguments)
    problem = _why_not(target)
    if problem:
        _wrong(arguments, problem)
    sender = Sender(target, arguments.version_text)
    memory = Memory(target.url or "", target.job)
    report = Report(sender, Masker(os.environ, _mask(arguments)), "building", False, memory.tallies())
    if not problem:
        sender.start()
    while True:
        data = os.read(0, 65536)
        if not data:
            break
        if arguments.tee:
            write_all(1, data)
        if not problem:
            report.output(arguments.stream, data)
    if problem:
        return 1 if arguments.strict else 0
    report.end_of_output()
    memory.keep(report.totals)
    return _delivered(arguments, sender, sender.finish(arguments.linger))


def _done(arguments: Any) -> int:
    return _end(arguments, _with_message({"type": "completed"}, arguments))


def _fail(arguments: Any) -> int:
    update = {"type": "error", "message": arguments.message or "failed"}
    if arguments.code is not None:
        update["code"] = arguments.code
    return _end(arguments, update)


def _exit(arguments: Any) -> int:
    code = _code(arguments.code.strip() or "1")
    if code == 0:
        return _end(arguments, _with_message({"type": "completed"}, arguments))
    message = arguments.message or "ended with exit status %s" % code
    return _end(arguments, {"type": "error", "message": message, "code": code})


def _end(arguments: Any, update: dict[str, Any]) -> int:
    """End the job, with what its steps on this machine have sent."""
    target = _target(arguments)
    memory = Memory(target.url or "", target.job)
    claims = {name: tally.claim() for name, tally in memory.tallies().items()}
    if claims:
        update["integrity"] = claims
    status = _deliver(arguments, target, [update], arguments.linger)
    memory.forget()
    return status


def _artifact(arguments: Any) -> int:
    artifact = {"name": arguments.name, "url": arguments.address}
    if arguments.size is not None:
        artifact["size"] = arguments.size
    return _send_updates(arguments, [{"type": "progress", "artifacts": [artifact]}])


def _send(arguments: Any) -> int:
    try:
        updates = _updates_of(arguments.fields)
    except ValueError as error:
        return _wrong(arguments, str(error))
    return _send_updates(arguments, [{"type": "progress", **update} for update in updates])


def _updates_of(words: list[str]) -> list[dict[str, Any]]:
    if words == ["-"]:
        return _documents(sys.stdin.buffer.read().decode("utf-8", "replace"))
    if len(words) == 1 and words[0].lstrip()[:1] in ("{", "["):
        return _documents(words[0])
    update: dict[str, Any] = {}
    for word in words:
        name, sign, value = word.partition("=")
        if not sign:
            raise ValueError("%r is no FIELD=VALUE" % word[:200])
        if name.startswith("meta."):
            update.setdefault("meta", {})[name[5:]] = value
        elif name in ("progress", "meta", "artifacts"):
            update[name] = _json_value(name, value)
        else:
            update[name] = _code(value) if name == "code" else value
    return [update]


def _json_value(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        what = "a number from 0 to 100" if name == "progress" else "JSON"
        raise ValueError("%s must be %s (it is %r)" % (name, what, text[:200])) from None


def _documents(text: str) -> list[dict[str, Any]]:
    """JSON objects: one, an array of them, or one a line."""
    try:
        found = json.loads(text)
    except ValueError:
        found = [_json_value("each line", line) for line in text.splitlines() if line.strip()]
    updates = found if isinstance(found, list) else [found]
    if not all(isinstance(one, dict) for one in updates):
        raise ValueError("updates are JSON objects")
    return updates


def _tail(arguments: Any) -> int:
    url = check_url(arguments.url or os.environ.get("CHEF_URL"))
    token = check_token(arguments.token or os.environ.get("CHEF_TOKEN"))
    if url is None:
        raise UsageError("CHEF_URL is not set: there is nothing to follow")
    job = arguments.job or (None if arguments.project else os.environ.get("CHEF_JOB"))
    if bool(job) == bool(arguments.project):
        raise UsageError("tail needs a job, or --project and no job")
    reader = TailClient(url, token, arguments.version_text)
    screen = Screen(wants_colours(arguments.color), arguments.quiet)
    follow = not arguments.no_follow
    try:
        if job:
            return JobTail(reader, screen, check_id(job, "the job's id") or "", arguments.lines, follow).run()
        project = check_id(arguments.project, "--project") or ""
        return ProjectTail(reader, screen, project, arguments.lines, follow).run()
    except TailRefused as error:
        return _complain(str(error), REFUSED)
    finally:
        reader.close()


# --- what they share -----------------------------------------------------------------------


def _target(arguments: Any) -> Target:
    return find_target(os.environ, arguments.url, arguments.token, arguments.job, arguments.project)


def _mask(arguments: Any) -> str | None:
    found = arguments.mask if arguments.mask is not None else os.environ.get("CHEF_MASK")
    return found if found is None or isinstance(found, str) else None


def _with_message(update: dict[str, Any], arguments: Any) -> dict[str, Any]:
    return {**update, "message": arguments.message} if arguments.message is not None else update


def _send_updates(arguments: Any, updates: list[dict[str, Any]], linger: float | None = None) -> int:
    return _deliver(arguments, _target(arguments), updates, arguments.linger if linger is None else linger)


def _deliver(arguments: Any, target: Target, updates: list[dict[str, Any]], linger: float) -> int:
    """Send some updates, without secrets, and say what did not arrive."""
    problem = _why_not(target) if arguments.command != "start" or target.url is None else None
    if problem:
        return _wrong(arguments, problem)
    masker = Masker(os.environ, _mask(arguments))
    sender = Sender(target, arguments.version_text)
    for update in updates:
        fields = _masked(masker, update)
        if isinstance(update.get("phase"), str):
            fields["phase"] = masked_phase(masker.text, update["phase"])
        sender.send(fields)
    sender.start()
    return _delivered(arguments, sender, sender.finish(linger))


def _why_not(target: Target) -> str | None:
    """Why a step cannot be reported, if so."""
    if target.url is None:
        return "CHEF_URL is not set: nothing is reported"
    if target.is_new:
        return "CHEF_JOB is not set: which job is this? (export CHEF_JOB=$(chef start))"
    return None


def _masked(masker: Masker, value: Any) -> Any:
    if isinstance(value, str):
        return masker.text(value)
    if isinstance(value, dict):
        return {key: _masked(masker, one) for key, one in value.items()}
    return [_masked(masker, one) for one in value] if isinstance(value, list) else value


def _delivered(arguments: Any, sender: Sender, arrived: bool) -> int:
    missing = sender.shortfall.text(arrived)
    # What the other commands make of their arguments is not what a user has written.
    for warning in sender.warnings if arguments.command == "send" else ():
        say(warning)
    return _wrong(arguments, missing) if missing else 0


def _wrong(arguments: Any, text: str) -> int:
    """Say what went wrong; a build goes on unless it was asked to be strict."""
    return _complain(text, 1 if arguments.strict else 0)


def _fault_text(error: Exception) -> str:
    return "a fault of the reporter: %s: %s" % (type(error).__name__, error)


def _complain(text: str, status: int) -> int:
    say(text)
    return status


_Add = Callable[[Parser], None]
COMMANDS: dict[str, tuple[str, _Add, Callable[[Any], int]]] = {
    "run": ("run a command and report its output, its phases and its end", _add_run, _run),
    "start": ("begin a job of several steps and print its id", _add_start, _start),
    "phase": ("say which phase the build is in", _add_phase, _phase_command),
    "progress": ("say how far the build is, in percent", _add_progress, _progress),
    "log": ("add a line to the log, or standard input", _add_log, _log),
    "artifact": ("name something that the build has made", _add_artifact, _artifact),
    "done": ("end the job: it has completed", _add_done, _done),
    "fail": ("end the job: it has failed", _add_fail, _fail),
    "exit": ("end the job by an exit status", _add_exit, _exit),
    "send": ("send updates as they are", _add_send, _send),
    "tail": ("follow a job or a project", _add_tail, _tail),
}

"""`python -m chef COMMAND`. A command that cannot do its work says why in one line and exits with 2.

A new command is one function that adds its arguments and one that runs it, listed in `COMMANDS`.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from chef.access.jwts import SCOPES, TokenError, issue_token
from chef.access.levels import LEVELS
from chef.domain.clock import now_ms
from chef.domain.model import ID, ID_RULE
from chef.errors import ChefError
from chef.hooks import PLATFORMS, address_key
from chef.reporter.cli import COMMANDS as REPORTING
from chef.settings.config import SettingError, Settings, load_settings_or_exit

Commands = argparse._SubParsersAction  # argparse gives the result of add_subparsers no public name

SECONDS_PER_DAY = 86_400
MAX_TOKEN_DAYS = 3650
# Seconds that the doctor's checks have: with the start of Python that is less than two.
CHECK_S = 1.0
MAX_CHECK_S = 600

# gevent has to patch before anything imports sockets, and `python -m chef` has imported the package
# before this file is run. So `serve` begins again in a fresh interpreter, in the same process. Settings
# come first there too: a bad one needs no server to be told.
SERVE = """\
from gevent import monkey
monkey.patch_all()
import sys
from chef.settings.config import load_settings_or_exit
settings = load_settings_or_exit()
from chef.serve import main
sys.exit(main(settings))
"""


# The reporter runs on its own, as it does on build machines: without the server's modules, in a fraction of
# their memory. What stands for the package has no wiring in it.
REPORT = """\
import sys, types
# A file in the folder that is built is no module of ours.
sys.path[:] = [path for path in sys.path if path]
package = types.ModuleType("chef")
package.__path__ = [sys.argv.pop(1)]
sys.modules["chef"] = package
from chef.version import VERSION
from chef.reporter.cli import main
sys.exit(main(prog="python -m chef", version=VERSION))
"""


class Parser(argparse.ArgumentParser):
    """Refuses in one line instead of a usage text and a line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the result is the exit status."""
    given = sys.argv[1:] if argv is None else list(argv)
    if given and given[0] in REPORTING:
        return report(given)
    parser = Parser(prog="python -m chef", description="Live build progress. Settings: see docs/deploy.md.")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for add in COMMANDS:
        add(commands)
    arguments = parser.parse_args(given)
    run: Callable[[argparse.Namespace], int] = arguments.run
    try:
        return run(arguments)
    except (ChefError, SettingError, TokenError) as error:
        sys.stderr.write(f"{error}\n")
        return 2


def add_serve(commands: Commands[Parser]) -> None:
    """`serve`: the whole server, as `python app.py`."""
    parser = commands.add_parser("serve", help="serve REST, pages and Socket.IO on PORT")
    parser.set_defaults(run=serve)


def serve(_arguments: argparse.Namespace) -> int:
    """Become the server; returns only where the interpreter cannot be started again."""
    os.execv(sys.executable, [sys.executable, *_interpreter_flags(sys.orig_argv), "-c", SERVE])  # noqa: S606


def _interpreter_flags(command_line: Sequence[str]) -> list[str]:
    """The options between `python` and `-m chef`, such as `-X dev` or `-W error`."""
    return list(command_line[1 : command_line.index("-m")]) if "-m" in command_line else []


def add_reporting(commands: Commands[Parser]) -> None:
    """The commands of build machines: here only as a line of the help text."""
    for name, (text, _, _) in REPORTING.items():
        commands.add_parser(name, help=text, add_help=False)


def report(arguments: Sequence[str]) -> int:
    """Become the reporter; returns only where the interpreter cannot be started again."""
    flags, here = _interpreter_flags(sys.orig_argv), str(Path(__file__).parent)
    os.execv(sys.executable, [sys.executable, *flags, "-c", REPORT, here, *arguments])  # noqa: S606


def add_migrate(commands: Commands[Parser]) -> None:
    """`migrate`: what a platform runs before it starts a new version."""
    parser = commands.add_parser("migrate", help="bring the database of DATABASE_URL up to date")
    parser.set_defaults(run=migrate)


def migrate(_arguments: argparse.Namespace) -> int:
    """Bring the database up to date and say nothing."""
    settings = load_settings_or_exit(serves=False)
    # Loads SQLAlchemy and Alembic, which no other command needs.
    from chef.store import migrate as migrate_store

    migrate_store(settings)
    return 0


def add_doctor(commands: Commands[Parser]) -> None:
    """`doctor`: what is wrong with all that a server needs, and what to do."""
    parser = commands.add_parser("doctor", help="look at all that a server needs: what is wrong, what to do")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    parser.add_argument("--url", help="also ask a running server at its public address")
    parser.add_argument(
        "--within", type=_seconds, default=CHECK_S, help=f"seconds that checks have (default {CHECK_S})"
    )
    parser.set_defaults(run=doctor)


def doctor(arguments: argparse.Namespace) -> int:
    """Look at everything and say what was found; 1 where something is wrong."""
    from chef.doctor.command import doctor  # Loads much that no other command needs.

    return doctor(arguments)


def add_vacuum(commands: Commands[Parser]) -> None:
    """`vacuum`: what a store does by itself that is not too large and not too busy."""
    text = "clean the files of DATABASE_URL of what was erased, however long nobody can write meanwhile"
    commands.add_parser("vacuum", help=text).set_defaults(run=vacuum)


def vacuum(_arguments: argparse.Namespace) -> int:
    """Write the store's files anew; fails where others use them all the time."""
    settings = load_settings_or_exit(serves=False)
    from chef.store import vacuum as vacuum_store

    vacuum_store(settings)
    return 0


def add_token(commands: Commands[Parser]) -> None:
    """`token`: a JWT for a script or a viewer, on stdout."""
    parser = commands.add_parser("token", help="print a token signed with CHEF_JWT_SECRET")
    parser.add_argument("--scope", type=_scope, default="read", help="read (default), write or 'read write'")
    parser.add_argument(
        "--project", action="append", default=[], metavar="ID", help="only this project; may be repeated"
    )
    parser.add_argument(
        "--days", type=_days, default=30, help=f"valid for 1 to {MAX_TOKEN_DAYS} (default 30)"
    )
    parser.set_defaults(run=token)


def token(arguments: argparse.Namespace) -> int:
    """Print a token; without logging, since a person reads it."""
    settings = Settings.from_env()
    lifetime = arguments.days * SECONDS_PER_DAY
    sys.stdout.write(issue_token(settings, arguments.scope, arguments.project, lifetime, now_ms()) + "\n")
    return 0


def add_hook(commands: Commands[Parser]) -> None:
    """`hook`: where a platform sends its webhooks."""
    parser = commands.add_parser("hook", help="print the address for the webhooks of a platform")
    parser.add_argument("platform", choices=sorted(PLATFORMS), metavar="PLATFORM", help=", ".join(PLATFORMS))
    parser.add_argument("project", metavar="PROJECT", help="the project whose jobs it tells of")
    parser.set_defaults(run=hook)


def hook(arguments: argparse.Namespace) -> int:
    """Print the whole address, with a key where the platform signs nothing."""
    settings = Settings.from_env()
    secrets = settings.hook_secrets
    if not secrets:
        raise SettingError("CHEF_HOOK_SECRET", "is not set: webhooks are taken where it is")
    if not ID.fullmatch(arguments.project):
        raise TokenError(f"PROJECT {ID_RULE}")
    address = f"{settings.address}/api/hooks/{arguments.platform}/{arguments.project}"
    if not PLATFORMS[arguments.platform].verify:
        address += f"?key={address_key(arguments.platform, arguments.project, secrets[0])}"
    sys.stdout.write(f"{address}\n")
    return 0


def add_share(commands: Commands[Parser]) -> None:
    """`share`: a link that shows a job or a project to whoever has it."""
    parser = commands.add_parser("share", help="print a link that shows a job or a project, or end one")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--job", metavar="JOB", help="show this job")
    what.add_argument("--project", metavar="PROJECT", help="show this project with all its jobs")
    what.add_argument("--revoke", metavar="LINK", help="end a link at once")
    parser.add_argument("--level", choices=LEVELS, help="how much it shows (default progress)")
    parser.add_argument("--days", type=_days, help=f"valid for 1 to {MAX_TOKEN_DAYS} (default 30)")
    parser.set_defaults(run=share)


def share(arguments: argparse.Namespace) -> int:
    """Print a link's address, or end one."""
    from chef.sharing import end_link, make_link  # Loads the store, which few commands need.

    settings = load_settings_or_exit(serves=False)
    if arguments.revoke is not None:
        if arguments.level or arguments.days:
            raise TokenError("--revoke LINK stands alone")
        end_link(settings, arguments.revoke)
        return 0
    level, days = arguments.level or LEVELS[0], arguments.days or 30
    sys.stdout.write(f"{make_link(settings, arguments.job, arguments.project, level, days)}\n")
    return 0


def _scope(text: str) -> frozenset[str]:
    words = frozenset(text.split())
    if not words or not words <= SCOPES:
        raise argparse.ArgumentTypeError("must be read, write or 'read write'")
    return words


def _seconds(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,3})?", text) or not 0 < float(text) <= MAX_CHECK_S:
        raise argparse.ArgumentTypeError(f"must be a number of seconds up to {MAX_CHECK_S}")
    return float(text)


def _days(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= MAX_TOKEN_DAYS):
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 to {MAX_TOKEN_DAYS}")
    return int(text)


COMMANDS: tuple[Callable[[Commands[Parser]], None], ...] = (
    add_serve,
    add_migrate,
    add_doctor,
    add_vacuum,
    add_token,
    add_share,
    add_hook,
    add_reporting,
)

if __name__ == "__main__":
    sys.exit(main())

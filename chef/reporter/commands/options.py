"""Options that several commands have, and the types of their values."""

from __future__ import annotations

import argparse
import re

# The time for the rest after the end of a job. One of several steps of a script must not wait as long for
# a server that is away.
LINGER_S = 10.0
STEP_LINGER_S = 5.0
STOP_AFTER_S = 10.0
MAX_TIME_S = 24 * 60 * 60
PHASE_NAME = re.compile(r"[a-z0-9_-]{1,32}")

OptionParser = argparse.ArgumentParser


def add_target(parser: OptionParser) -> None:
    """Options of every command that reports."""
    parser.add_argument("--url", metavar="URL", help="the server (CHEF_URL)")
    parser.add_argument(
        "--token", metavar="TOKEN", help="a token (better in CHEF_TOKEN: others see command lines)"
    )
    parser.add_argument("-p", "--project", metavar="ID", help="the project (CHEF_PROJECT)")
    parser.add_argument("-j", "--job", metavar="ID", help="the job (CHEF_JOB)")
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing but what went wrong")


def add_mask(parser: OptionParser) -> None:
    """The option that names secrets."""
    parser.add_argument("--mask", metavar="NAMES", help="names of variables that hold secrets (CHEF_MASK)")


def add_meta(parser: OptionParser) -> None:
    """The option that describes the build, in place of what is found out about it."""
    parser.add_argument(
        "--meta",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        type=parse_meta,
        help="describe the build, such as run=nightly-7 or kind=release; several times",
    )


def add_linger(parser: OptionParser, default: float, text: str) -> None:
    """The option that says how long to wait for the rest."""
    parser.add_argument("--linger", metavar="SECONDS", type=parse_seconds, default=default, help=text)


def add_step(parser: OptionParser) -> None:
    """Options of commands that send some updates."""
    add_target(parser)
    add_mask(parser)
    add_linger(parser, STEP_LINGER_S, "wait this long at most (%(default)g)")
    parser.add_argument("--strict", action="store_true", help="exit status 1 where it did not arrive")


def add_ending(parser: OptionParser) -> None:
    """Options of commands that end a job."""
    add_step(parser)
    parser.set_defaults(linger=LINGER_S)


def parse_seconds(text: str) -> float:
    """A number of seconds, up to an hour."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 3600:
        raise argparse.ArgumentTypeError("must be a number of seconds from 0 to 3600")
    return value


def parse_time(text: str) -> float:
    """A time in seconds, or with `s`, `m` or `h` behind it, up to a day."""
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,3})?)([smh]?)", text)
    value = float(found.group(1)) * {"": 1, "s": 1, "m": 60, "h": 3600}[found.group(2)] if found else -1.0
    if not 0 <= value <= MAX_TIME_S:
        raise argparse.ArgumentTypeError("must be a time such as 10s, 2m or 1h, up to 24h")
    return value


def parse_meta(text: str) -> tuple[str, str]:
    """A key of `meta` with its value."""
    key, sign, value = text.partition("=")
    if not (key and sign):
        raise argparse.ArgumentTypeError("must be KEY=VALUE")
    return key, value


def parse_count(text: str) -> int:
    """A whole number."""
    if not (text.isascii() and text.isdigit() and len(text) < 8):
        raise argparse.ArgumentTypeError("must be a whole number")
    return int(text)


def parse_phase(text: str) -> str:
    """A phase's name."""
    if not PHASE_NAME.fullmatch(text):
        raise argparse.ArgumentTypeError("must be 1 to 32 characters of a-z 0-9 _ -")
    return text


def parse_exit_code(text: str) -> int | str:
    """An exit status, or a word in its place."""
    return int(text) if re.fullmatch(r"-?\d{1,9}", text) else text[:128]

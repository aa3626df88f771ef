"""`tests`: test reports as their tools wrote them, JUnit XML or CTRF JSON."""

from __future__ import annotations

import glob
import os
from typing import Any

from chef.reporter.commands.options import LINGER_S, OptionParser, add_step
from chef.reporter.commands.updates import masker_of, obstacle, target_of, warn
from chef.reporter.sending.reportposting import ReportPoster


def add_tests(parser: OptionParser) -> None:
    """The arguments of `tests`."""
    add_step(parser)
    parser.set_defaults(linger=LINGER_S)
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="a report, or a pattern such as '**/TEST-*.xml'"
    )


def run_tests(arguments: Any) -> int:
    """Send test reports, as many as there are; what is missing or refused is said, file by file."""
    target = target_of(arguments)
    problem = obstacle(target)
    if problem:
        return warn(arguments, problem)
    masker = masker_of(arguments)
    status = 0
    paths, missing = found_files(arguments.files)
    for name in missing:
        status = warn(arguments, "no test report: there is no file %s" % name)
    poster = ReportPoster(target, arguments.version_text, arguments.linger)
    try:
        for path in paths:
            fault = _post(poster, path, masker.mask)
            if fault:
                status = warn(arguments, "%s did not arrive: %s" % (path, fault))
    finally:
        poster.close()
    return status


def found_files(names: list[str]) -> tuple[list[str], list[str]]:
    """The files that these names and patterns stand for, each once, and those that stand for none."""
    paths: dict[str, None] = {}
    missing = []
    for name in names:
        found = (
            [name]
            if os.path.isfile(name)
            else sorted(filter(os.path.isfile, glob.glob(name, recursive=True)))
        )
        paths.update(dict.fromkeys(found))
        if not found:
            missing.append(name)
    return list(paths), missing


def _post(poster: ReportPoster, path: str, mask: Any) -> str | None:
    try:
        with open(path, "rb") as file:
            body = file.read()
    except OSError as error:
        return error.strerror or str(error)
    return poster.post(mask(body))

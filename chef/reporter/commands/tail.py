"""`tail`: a job or a project followed in the terminal."""

from __future__ import annotations

import os
from typing import Any

from chef.reporter.commands.options import OptionParser, parse_count
from chef.reporter.commands.updates import complain
from chef.reporter.tail.client import REFUSED, TailClient, TailRefused
from chef.reporter.tail.follow import JobTail, ProjectTail
from chef.reporter.tail.screen import TailScreen, wants_colours
from chef.reporter.target import UsageError, check_id, check_token, check_url


def add_tail(parser: OptionParser) -> None:
    """The options of `tail`."""
    parser.add_argument("--url", metavar="URL", help="the server (CHEF_URL)")
    parser.add_argument("--token", metavar="TOKEN", help="a token that may read (CHEF_TOKEN)")
    parser.add_argument("-p", "--project", metavar="ID", help="follow a project instead of a job")
    parser.add_argument("-n", "--lines", metavar="N", type=parse_count, help="begin with the last N lines")
    parser.add_argument("--no-follow", action="store_true", help="show what is there and end")
    parser.add_argument("--color", choices=("auto", "always", "never"), default="auto")
    parser.add_argument("-q", "--quiet", action="store_true", help="the log alone")
    parser.add_argument("job", nargs="?", help="the job (CHEF_JOB)")


def run_tail(arguments: Any) -> int:
    """Follow a job, to its exit status, or a project."""
    url = check_url(arguments.url or os.environ.get("CHEF_URL"))
    token = check_token(arguments.token or os.environ.get("CHEF_TOKEN"))
    if url is None:
        raise UsageError("CHEF_URL is not set: there is nothing to follow")
    job = arguments.job or (None if arguments.project else os.environ.get("CHEF_JOB"))
    if bool(job) == bool(arguments.project):
        raise UsageError("tail needs a job, or --project and no job")
    client = TailClient(url, token, arguments.version_text)
    screen = TailScreen(wants_colours(arguments.color), arguments.quiet)
    follow = not arguments.no_follow
    try:
        if job:
            return JobTail(client, screen, check_id(job, "the job's id") or "", arguments.lines, follow).run()
        project = check_id(arguments.project, "--project") or ""
        return ProjectTail(client, screen, project, arguments.lines, follow).run()
    except TailRefused as error:
        return complain(str(error), REFUSED)
    finally:
        client.close()

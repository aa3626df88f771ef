"""`erase`: a job, its log alone, or a whole project erased on the server."""

from __future__ import annotations

import os
import urllib.parse
from typing import Any

from chef.reporter.commands.options import OptionParser
from chef.reporter.commands.updates import complain
from chef.reporter.console import say
from chef.reporter.sending.answers import ServerAnswer
from chef.reporter.sending.client import HttpClient, Unreachable
from chef.reporter.target import UsageError, check_id, check_token, check_url

# The server answers after so long at the latest, whether or not its files are clean by then.
_CLEAN_S = 20
_ERASE_S = 60.0
_NOT_ERASED = 1


def add_erase(parser: OptionParser) -> None:
    """The options of `erase`."""
    parser.add_argument("--url", metavar="URL", help="the server (CHEF_URL)")
    parser.add_argument("--token", metavar="TOKEN", help="a token that may write (CHEF_TOKEN)")
    parser.add_argument("-p", "--project", metavar="ID", help="erase a whole project")
    parser.add_argument("--logs", action="store_true", help="erase the job's log alone")
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing but what went wrong")
    parser.add_argument("job", nargs="?", help="the job; with --logs CHEF_JOB unless given")


def run_erase(arguments: Any) -> int:
    """Erase it; the exit status is 1 where the server did not."""
    url = check_url(arguments.url or os.environ.get("CHEF_URL"))
    token = check_token(arguments.token or os.environ.get("CHEF_TOKEN"))
    if url is None:
        raise UsageError("CHEF_URL is not set: there is nothing to erase")
    path, name = _what_to_erase(arguments)
    client = HttpClient(url, token, arguments.version_text)
    try:
        answer = client.request("DELETE", "%s?wait=%d" % (path, _CLEAN_S), None, _ERASE_S)
    except Unreachable as error:
        return complain("%s is not erased: %s" % (name, error), _NOT_ERASED)
    finally:
        client.close()
    return _tell_outcome(arguments, name, answer)


def _what_to_erase(arguments: Any) -> tuple[str, str]:
    """The address of what is to be erased, and its name for people.

    A whole job must be named: the one of the environment is the build that runs.
    """
    job = arguments.job or (os.environ.get("CHEF_JOB") if arguments.logs else None)
    if arguments.project and (arguments.job or arguments.logs):
        raise UsageError("erase takes a job, or --project and no job")
    if arguments.project:
        project = check_id(arguments.project, "--project") or ""
        return "/api/projects/" + urllib.parse.quote(project, safe=""), "project %s" % project
    if not job:
        raise UsageError("erase needs a job, --logs with CHEF_JOB, or --project")
    path = "/api/jobs/" + urllib.parse.quote(check_id(job, "the job's id") or "", safe="")
    return (path + "/logs", "the log of job %s" % job) if arguments.logs else (path, "job %s" % job)


def _tell_outcome(arguments: Any, name: str, answer: ServerAnswer) -> int:
    if answer.status not in (200, 202) or not isinstance(answer.data.get("clean"), bool):
        return complain("%s is not erased: %s" % (name, answer.reason()), _NOT_ERASED)
    if not arguments.quiet:
        say("%s is erased: %s" % (name, answer.data.get("detail", "")))
    return 0

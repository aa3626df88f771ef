"""`ask`: a question to people on the job's page; the exit status is the option that somebody chose."""

from __future__ import annotations

import argparse
import os
import time
from typing import Any

from chef.reporter.commands.options import OptionParser, add_mask, add_target, parse_time
from chef.reporter.commands.updates import complain, masker_of, obstacle, target_of
from chef.reporter.console import say
from chef.reporter.sending.answers import ServerAnswer
from chef.reporter.sending.backoff import Deadline
from chef.reporter.sending.client import Unreachable
from chef.reporter.sending.delivery import LONG_PROMISE_S, PROMISE_S
from chef.reporter.sending.jobapi import JobApi

_ASK_TIMEOUT_S = 600.0
_LONGEST_ASK_S = 24 * 60 * 60
_MOST_OPTIONS = 8
# As timeout(1) has it; then nobody can be asked; then the shell's status of SIGTERM.
NO_ANSWER, NOT_ASKED, ASKED_TO_STOP = 124, 125, 128 + 15
# A request waits so long at the server, so that heartbeats go on.
_ASK_WAIT_S = 15
_ASK_RETRY_S = 2.0
# So long after its time the server's own word on it is waited for.
_ASK_GRACE_S = 10.0
_PASSING_STATUSES = (408, 429, 500, 502, 503, 504)


def add_ask(parser: OptionParser) -> None:
    """The options of `ask`."""
    add_target(parser)
    add_mask(parser)
    parser.add_argument(
        "--options",
        metavar="A,B",
        type=_parse_options,
        default=["yes", "no"],
        help="what can be chosen (yes,no); the exit status is 0 for the first one, 1 for the second …",
    )
    parser.add_argument("--default", metavar="OPTION", help="counts where nobody answers, or can be asked")
    parser.add_argument(
        "--timeout", metavar="TIME", type=_parse_timeout, default=_ASK_TIMEOUT_S, help="such as 10m (10m)"
    )
    parser.add_argument("text", help="the question")


def _parse_options(text: str) -> list[str]:
    options = [" ".join(word.split()) for word in text.split(",")]
    if not (2 <= len(options) <= _MOST_OPTIONS and len(set(options)) == len(options) and all(options)):
        raise argparse.ArgumentTypeError(
            "must be 2 to %d different texts, separated by commas" % _MOST_OPTIONS
        )
    return options


def _parse_timeout(text: str) -> float:
    value = parse_time(text)
    if not 1 <= value <= _LONGEST_ASK_S:
        raise argparse.ArgumentTypeError("must be 1s to 24h")
    return value


def run_ask(arguments: Any) -> int:
    """Ask, wait for somebody's click, print the option and end with its place among the options."""
    if arguments.default is not None and arguments.default not in arguments.options:
        arguments.refuse("--default must be one of --options")
    target = target_of(arguments)
    problem = obstacle(target)
    if problem:
        return _otherwise(arguments, problem, NOT_ASKED)
    asking = _Asking(arguments, JobApi(target, arguments.version_text, Deadline()))
    try:
        return asking.run(masker_of(arguments).text(arguments.text))
    finally:
        asking.leave()


def _otherwise(arguments: Any, reason: str, status: int) -> int:
    """Nobody chose: the default counts, if there is one."""
    if arguments.default is None:
        return complain(reason, status)
    say("%s: taken for %s" % (reason, arguments.default))
    return _end_with(arguments, arguments.default)


def _end_with(arguments: Any, option: str) -> int:
    print(option, flush=True)  # noqa: T201
    return int(arguments.options.index(option))


class _NotAsked(Exception):
    """The server does not take the question; the text says why."""


class _Asking:
    """One question on its way. Its time runs from the beginning, whether or not the server is there."""

    def __init__(self, arguments: Any, api: JobApi) -> None:
        self._arguments = arguments
        self._api = api
        self._id = "ask-" + os.urandom(8).hex()
        self._until = time.monotonic() + arguments.timeout
        self._was_asked = False
        self._problem = "nobody has answered in time"

    def run(self, text: str) -> int:
        while time.monotonic() < self._until + (_ASK_GRACE_S if self._was_asked else 0):
            if self._api.stop.asked is not None:
                return complain("%s asked to stop" % self._api.stop.asked.by, ASKED_TO_STOP)
            try:
                found = self._step(text)
            except Unreachable as error:
                self._problem = str(error)
                time.sleep(min(_ASK_RETRY_S, max(0.0, self._until - time.monotonic())))
                continue
            except _NotAsked as error:
                return _otherwise(self._arguments, str(error), NOT_ASKED)
            if found is not None:
                return found
        status = NO_ANSWER if self._was_asked else NOT_ASKED
        return _otherwise(self._arguments, self._problem, status)

    def leave(self) -> None:
        """Promise to be heard of again after a long time, as between two steps, and let go of the server."""
        try:
            if self._was_asked and "CHEF_RUN" not in os.environ:
                self._api.post_heartbeat(LONG_PROMISE_S)
        except Unreachable:
            pass
        finally:
            self._api.close()

    def _step(self, text: str) -> int | None:
        """A sign of life, then the question, or a look at what came of it."""
        heartbeat = self._api.post_heartbeat(PROMISE_S)
        if self._api.corrects_guess(heartbeat) or self._api.stop.asked is not None:
            return None
        if heartbeat.code != "job_finished":
            self._check(heartbeat)
        # Whoever sees the question at once and asks to stop is heard by the next heartbeat, soon.
        longest = _ASK_WAIT_S if self._was_asked else 1
        if not self._was_asked:
            self._check(self._api.post_question(self._fields(text)))
            self._was_asked = True
        left = self._until - time.monotonic() + 1
        answer = self._api.get_question(self._id, max(0, min(longest, int(left))))
        self._check(answer)
        return self._outcome(answer)

    def _fields(self, text: str) -> dict[str, Any]:
        seconds = max(1, int(self._until - time.monotonic()))
        fields = {"id": self._id, "text": text, "options": self._arguments.options, "timeout": seconds}
        if self._arguments.default is not None:
            fields["default"] = self._arguments.default
        return fields

    @staticmethod
    def _check(answer: ServerAnswer) -> None:
        if answer.status == 200:
            return
        if answer.status in _PASSING_STATUSES:
            raise Unreachable(answer.reason())
        raise _NotAsked(answer.reason())

    def _outcome(self, answer: ServerAnswer) -> int | None:
        state, question = answer.data.get("state"), answer.data.get("question")
        if not isinstance(question, dict):
            return None
        chosen = question.get("answer")
        if state == "answered" and isinstance(chosen, dict):
            # By its place: a secret in an option is not shown there.
            place = question["options"].index(chosen.get("option"))
            option = self._arguments.options[place]
            if not self._arguments.quiet:
                say("%s chose %s" % (_printable_name(str(chosen.get("by"))), option))
            return _end_with(self._arguments, option)
        if state == "expired":
            return _otherwise(self._arguments, "nobody has answered in time", NO_ANSWER)
        if state == "ended":
            return _otherwise(self._arguments, "the job has ended", NOT_ASKED)
        return None


def _printable_name(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable())

"""Sends the updates of one command, without secrets, and says what did not arrive."""

from __future__ import annotations

import os
from typing import Any

from chef.reporter.console import say
from chef.reporter.jobchoice import Purpose, choose_job
from chef.reporter.memory import Memory
from chef.reporter.output.markers import masked_phase
from chef.reporter.output.masking import Masker
from chef.reporter.sending.sender import Sender
from chef.reporter.target import Target, find_target


def target_of(arguments: Any, purpose: Purpose = Purpose.UPDATE) -> Target:
    """Where the command's options and the environment say that reports go."""
    target = find_target(os.environ, arguments.url, arguments.token, arguments.job, arguments.project)
    return choose_job(target, arguments.version_text, purpose)


def masker_of(arguments: Any) -> Masker:
    """The secrets of the environment, as the options name them."""
    return Masker(os.environ, mask_names(arguments))


def mask_names(arguments: Any) -> str | None:
    """The patterns of names of variables that hold secrets, None where nobody gave any."""
    found = arguments.mask if arguments.mask is not None else os.environ.get("CHEF_MASK")
    return found if found is None or isinstance(found, str) else None


def with_message(update: dict[str, Any], arguments: Any) -> dict[str, Any]:
    """The update with the command's message, if it has one."""
    return {**update, "message": arguments.message} if arguments.message is not None else update


def send_updates(arguments: Any, updates: list[dict[str, Any]], linger: float | None = None) -> int:
    """Send updates to the command's target; returns the exit status."""
    return deliver(arguments, target_of(arguments), updates, arguments.linger if linger is None else linger)


def deliver(arguments: Any, target: Target, updates: list[dict[str, Any]], linger: float) -> int:
    """The same to a target that is found already, in at most `linger` seconds."""
    problem = obstacle(target) if arguments.command != "start" or target.url is None else None
    if problem:
        return warn(arguments, problem)
    masker = masker_of(arguments)
    sender = Sender(target, arguments.version_text)
    for update in updates:
        fields = _masked(masker, update)
        if isinstance(update.get("phase"), str):
            fields["phase"] = masked_phase(masker.text, update["phase"])
            if os.environ.get("CHEF_RUN") == target.job:
                Memory(target.url or "", target.job).tell_phase(fields["phase"])
        sender.send(fields)
    sender.start()
    return finish(arguments, sender, linger)


def finish(arguments: Any, sender: Sender, linger: float) -> int:
    """Wait until all has arrived, and say what has not; returns the exit status."""
    arrived = sender.finish(linger)
    missing = sender.shortfall.text(arrived)
    # Fields that the other commands make of their arguments are nothing that a user has written.
    for warning in sender.warnings if arguments.command == "send" else ():
        say(warning)
    return warn(arguments, missing) if missing else 0


def obstacle(target: Target) -> str | None:
    """Why a step cannot be reported, if so."""
    if target.url is None:
        return "CHEF_URL is not set: nothing is reported"
    if target.is_new:
        return "CHEF_JOB is not set: which job is this? (export CHEF_JOB=$(chef start))"
    return None


def warn(arguments: Any, text: str) -> int:
    """Say what went wrong; a build goes on unless it was asked to be strict."""
    return complain(text, 1 if arguments.strict else 0)


def complain(text: str, status: int) -> int:
    """Say what went wrong, and end with this exit status."""
    say(text)
    return status


def fault_text(error: Exception) -> str:
    """An exception that nobody expected, for people."""
    return "a fault of the reporter: %s: %s" % (type(error).__name__, error)


def _masked(masker: Masker, value: Any) -> Any:
    if isinstance(value, str):
        return masker.text(value)
    if isinstance(value, dict):
        return {key: _masked(masker, one) for key, one in value.items()}
    return [_masked(masker, one) for one in value] if isinstance(value, list) else value

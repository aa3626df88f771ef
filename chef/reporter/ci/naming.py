"""What a build is called from run to run, and where its repository is. Pure.

`meta.kind` is the same in all runs that can be compared: of one job of one workflow, else of one command,
on any branch, at any commit.
"""

from __future__ import annotations

import os
import re
from typing import Iterable, Mapping

from chef.reporter.ids import short_hash

_MAX_KIND = 200
# Of each a run has another one.
_CHANGING = re.compile(
    r"(?<![0-9A-Za-z])(?:"
    r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}"  # a UUID
    r"|(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])[0-9a-f]{7,64}"  # a commit, a digest
    r"|\d{4}-\d\d-\d\d(?:[T_ -]?\d\d[:.-]?\d\d(?:[:.-]?\d\d)?(?:[.,]\d+)?Z?)?"  # a date, a time
    r"|\d{5,}"  # a number of a run, a time, a process
    r")(?![0-9A-Za-z])"
)
_TEMPORARY = re.compile(r"((?:/private|/var)?/(?:tmp|var/folders)/)[^\s'\"/]+(?:/T/[^\s'\"/]+)?")
_CREDENTIALS = re.compile(r"(?<=//)[^/@\s'\"]*@")
_SECRET_VALUE = re.compile(r"(?i)((?:token|secret|passw(?:or)?d|key)[ =:]'?)(?!\*)[^\s'\"]+")
# Tools that GitHub's set-up actions put into the path, such as `…/hostedtoolcache/Python/3.12.4/x64/bin`.
_TOOL_IN_PATH = re.compile(r"[/\\]hostedtoolcache[/\\](?:windows[/\\])?([^/\\]+)[/\\](\d+(?:\.\d+)?)")


def joined_kind(*parts: str | None) -> str | None:
    """A kind of the names that are known, from the workflow to the leg; None of nothing."""
    names = [part.strip() for part in parts if part and part.strip()]
    return limited(" / ".join(names)) if names else None


def limited(kind: str) -> str:
    """A kind that is not too long; of a long one a hash keeps apart those that begin alike."""
    return kind if len(kind) <= _MAX_KIND else "%s… %s" % (kind[: _MAX_KIND - 14], short_hash(kind))


def command_kind(command: str, meta: Mapping[str, str], folders: Iterable[str] = ()) -> str:
    """A command as the kind of its builds: without what differs from run to run, and without secrets.

    `meta` is that of the build: its branch, its commit and the like are none of the kind. `folders` are those
    that another machine has elsewhere, such as the working directory.
    """
    for folder in sorted({one.rstrip("/") for one in folders}, key=len, reverse=True):
        if len(folder) > 1:
            command = re.sub(re.escape(folder) + r"(?![\w.-])", ".", command)
    command = _SECRET_VALUE.sub(r"\1***", _CREDENTIALS.sub("", command))
    for name in ("branch", "commit", "run", "pullRequest", "number"):
        value = meta.get(name, "")
        if len(value) > 1 or value.isdigit():
            command = re.sub(r"(?<![\w.-])%s(?![\w.-])" % re.escape(value), "*", command)
    command = _CHANGING.sub("*", _TEMPORARY.sub(r"\1*", command))
    return limited(" ".join(command.split()))


def tool_versions(path: str | None) -> str | None:
    """The tools of a GitHub runner's path that a step has chosen, each with its minor version."""
    found = dict.fromkeys(_TOOL_IN_PATH.findall((path or "").replace(os.pathsep, "\n")))
    return ", ".join("%s %s" % one for one in found) or None


def several(index: str | None, count: str | None) -> str | None:
    """One of several that run side by side: `2 of 5`, None where there is one alone."""
    return "%s of %s" % (index, count) if index and count not in (None, "", "0", "1") else None


def repository_address(url: str | None) -> str | None:
    """A repository's address for a browser: `https://github.com/acme/shop` of `git@github.com:acme/shop.git`.

    Names of users and passwords in it are left out.
    """
    text = (url or "").strip()
    found = re.fullmatch(
        r"(?:(?:(https?)|ssh|git|git\+ssh|git\+https)://)?(?:[^/@\s]*@)?([\w.-]+)(:\d+)?[:/]+([^\s?#]+?)(?:\.git)?/?",
        text,
    )
    if not found or "/" not in found.group(4) or "." not in found.group(2):
        return None
    scheme, host, port, path = found.groups()
    if scheme == "http":
        return "http://%s%s/%s" % (host, port or "", path)
    return "https://%s%s/%s" % (host, (port or "") if scheme else "", path)

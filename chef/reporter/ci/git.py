"""The commit that is built, where no CI system says which it is."""

from __future__ import annotations

import os
import re
import subprocess

_PATIENCE_S = 1.0
_FORMAT = "%H%n%an%n%s%n%D"


def commit_meta() -> dict[str, str]:
    """Branch, commit, author and subject of the folder's git repository; nothing where there is none."""
    if not _is_in_repository():
        return {}
    command = ["git", "--no-pager", "log", "-1", "--no-show-signature"]
    command += ["--decorate-refs=HEAD", "--decorate-refs=refs/heads/"]
    try:
        text = subprocess.run(
            [*command, "--format=" + _FORMAT],
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_PATIENCE_S,
            check=True,
        ).stdout.decode("utf-8", "replace")
    except (OSError, ValueError, subprocess.SubprocessError):
        return {}
    commit, author, subject, names = [*text.split("\n"), "", "", "", ""][:4]
    branch = re.search(r"HEAD -> ([^,\s]+)", names)
    found = {
        "branch": branch.group(1) if branch else "",
        "commit": commit,
        "author": author,
        "subject": subject,
    }
    return {name: value for name, value in found.items() if value}


def _is_in_repository() -> bool:
    """Whether there is something to ask git for: to start it costs more than to look."""
    if os.environ.get("GIT_DIR"):
        return True
    try:
        folder = os.getcwd()
    except OSError:
        return False
    while not os.path.exists(os.path.join(folder, ".git")):
        folder, below = os.path.dirname(folder), folder
        if folder == below:
            return False
    return True

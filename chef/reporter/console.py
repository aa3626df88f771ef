"""Messages of the reporter for people: one line at a time, on stderr, where anybody reads that."""

from __future__ import annotations

import os


def say(text: str) -> None:
    """One line; where it cannot be written it is not."""
    try:
        os.write(2, ("chef: %s\n" % " ".join(text.splitlines())).encode("utf-8", "replace"))
    except OSError:
        pass


def open_standard_files() -> None:
    """See to it that 0, 1 and 2 are files: what we open must not be taken for one of them."""
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)

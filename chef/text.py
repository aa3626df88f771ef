"""A log line as a person reads it. Pure."""

from __future__ import annotations

import re

# Everything that a terminal takes as a command: CSI, OSC and other strings, two-byte escapes.
_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_].*?(?:\x1b\\|\x07|$)|\x1b[ -/]*[0-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)


def clean_text(text: str) -> str:
    """A line without what a terminal would take as a command; tabs stay."""
    return _ESCAPES.sub("", text)

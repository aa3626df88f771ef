"""A log line as a person reads it. Pure."""

from __future__ import annotations

import re

ESCAPE = (
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|\x1b[\]PX^_].*?(?:\x1b\\|\x07|\x9c|$)"
    r"|[\x90\x98\x9d-\x9f].*?(?:\x1b\\|\x07|\x9c)"
    r"|\x1b[ -/]*[0-~]"
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)
"""All that a terminal takes as a command: CSI, OSC and other strings, two-byte escapes, and their
one-character forms. The pages' modules use the same pattern (chef/pages/constants.py)."""

STYLE = r"(?:\x1b\[|\x9b)([\d;:]*)m"
"""A sequence that sets colours and the like (SGR); its group holds the parameters."""

LINK = r"\x1b\]8;[^;]*;(https?://[!-~]*)?(?:\x1b\\|\x07)"
"""A sequence that begins a link to an address of the web, its group, or ends one (OSC 8).

Source: the note "Hyperlinks in terminal emulators", which all that draw them follow."""

_ESCAPES = re.compile(ESCAPE, re.DOTALL)
# The same over bytes, many lines at once, without the one-character forms, which are rare.
_ESCAPES_IN_BYTES = re.compile(
    rb"\x1b\[[0-?]*[ -/]*[@-~]"
    rb"|\x1b[\]PX^_].*?(?:\x1b\\|\x07|\xc2\x9c|$)"
    rb"|\x1b[ -/]*[0-~]"
    rb"|[\x00-\x08\x0b-\x1f\x7f]",
    re.MULTILINE,
)
_DRAWN = re.compile(f"{STYLE}|{LINK}")


def clean_text(text: str) -> str:
    """A line without what a terminal would take as a command; tabs stay."""
    return _ESCAPES.sub("", text)


def drawn_text(text: str) -> str:
    """A line with nothing of what a terminal takes as a command but colours and the like (SGR), and links."""
    return _ESCAPES.sub(lambda found: found[0] if _DRAWN.fullmatch(found[0]) else "", text)


def without_escapes(texts: bytes) -> bytes:
    """Lines joined by newlines without nearly all of what a terminal would take as a command, quickly."""
    return _ESCAPES_IN_BYTES.sub(b"", texts) if b"\x1b" in texts else texts

"""Workflow commands that name a secret: whatever stands behind one is not sent.

GitHub: `::add-mask::VALUE`.
Azure: `##vso[task.setsecret]VALUE`, `##vso[task.setvariable …;issecret=true]VALUE`.
"""

from __future__ import annotations

import re

_SECRET_COMMAND = re.compile(
    rb"(?:(?<=[\r\n])|\A)((?:[ \t]|\x1b\[[0-9;]*[mK])*"
    rb"(?:::add-mask(?: [^:\r\n]*)?::|\#\#vso\[task\.(?:setsecret[^\]\r\n]*"
    rb"|setvariable (?=[^\]\r\n]*\bissecret=true\b)[^\]\r\n]*)\]))[ \t]*[^\s][^\r\n]*",
    re.IGNORECASE,
)
_COMMAND_WORDS = (b"add-mask", b"setsecret", b"issecret")


def hide_secret_commands(lines: bytes) -> bytes:
    """Whole lines, without the values that such commands have behind them, however short these are."""
    # A single character is looked for many times faster than two are.
    if not (b":" in lines and b"::" in lines) and not (b"#" in lines and b"##" in lines):
        return lines
    lower = lines.lower()
    return _SECRET_COMMAND.sub(rb"\1***", lines) if any(word in lower for word in _COMMAND_WORDS) else lines

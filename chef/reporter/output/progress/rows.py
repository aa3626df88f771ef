r"""Output as the rows that a terminal would draw, plain: without colours, each ended by `\n`.

Sequences are those of ECMA-48 and of xterm: whatever moves the cursor or erases ends a row. A terminal's bar
(`terminalbar`) becomes a row of its own.
"""

from __future__ import annotations

import re

from chef.reporter.output.progress.terminalbar import BAR_AS_ROW, BAR_ROW, BAR_SEQUENCE

# A row that is longer is no tool's word about its progress.
LONGEST_ROW = 2000
_TOO_LONG = rb"(\n[^\n]{%d})[^\n]+" % (LONGEST_ROW + 1)
_MOVES = rb"\x1b(?:\[[0-9;]*[A-HJKSTXadefsu]|[78DEM])"
_CONTROL_SEQUENCES = (
    rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]P_^X][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[ -/]+[0-~]|[0-~])"
    rb"|[\x00\x01\x03-\x06\x07\x0e-\x1f\x7f]"
)


def whole_rows(output: bytes) -> tuple[bytes, bytes]:
    """Output up to where its last row has ended, and that row's rest."""
    end = max(output.rfind(b"\n"), output.rfind(b"\r"), output.rfind(b"\x08")) + 1
    if output.find(b"\x1b", end) >= 0:
        ends = [found.end() for found in re.finditer(_MOVES + b"|" + BAR_SEQUENCE, output[end:])]
        end += ends[-1] if ends else 0
    return output[:end], output[end:]


def plain_rows(output: bytes) -> bytes:
    r"""The rows, each with a `\n` before it; of one that is too long so much that it stays one."""
    if b"\x1b" in output:
        output = re.sub(BAR_SEQUENCE, BAR_AS_ROW, output.replace(BAR_ROW, b""))
        output = re.sub(_CONTROL_SEQUENCES, b"", re.sub(_MOVES, b"\n", output))
    rows = b"\n" + output.replace(b"\r", b"\n").replace(b"\x08", b"\n")
    return re.sub(_TOO_LONG, rb"\1", rows) if len(rows) > LONGEST_ROW else rows

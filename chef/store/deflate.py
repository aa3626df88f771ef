"""The contents of columns are deflated where that saves something; their first byte says what follows."""

from __future__ import annotations

import zlib

# Below this deflate costs more than it saves.
_DEFLATE_FROM = 256
# Deflate's effort where a commit waits and where none does: half the time against a tenth of the bytes.
QUICK, SMALL = 4, 6


def deflated(data: bytes, plain: bytes, deflated: bytes, effort: int) -> bytes:
    """Data behind the byte for plain, or deflated behind the one for that."""
    if len(data) < _DEFLATE_FROM:
        return plain + data
    return deflated + zlib.compress(data, effort)

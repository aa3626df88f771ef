"""Frames that are drawn over each other: of those that come together the last one alone is seen. Pure.

A progress display writes its rows, goes up by as many, and writes them again. Where each row of a frame is
erased before or behind what is written, nothing of the frames before it is left, and they need not be shown.
"""

from __future__ import annotations

import re

_UP = re.compile(rb"\x1b\[([0-9]{0,4})A")
# Sequences that stay in their row, or have no place, without the digits of their parameters.
_STAYING = tuple(
    b"\x1b[" + final for final in (b"m", b"K", b"A", b"G", b"C", b"D", b"X", b"P", b"@", b"?l", b"?h")
)
_LEADING_AWAY = (b"\x0b", b"\x0c", b"section_", b"\x1b[?47", b"\x1b[?1047", b"\x1b[?1049")
_ERASED_BEFORE = re.compile(rb"(?:\r|\x1b\[1?G)*\x1b\[2K")
_ERASED_BEHIND = re.compile(rb"\x1b\[0?K\r*\Z")
_RESET = re.compile(rb"\x1b\[0?m")
_COLOURS = re.compile(rb"\x1b\[[0-9;:]*m")
_FEWEST = 4


def without_superseded(data: bytes) -> bytes:
    """Output without the frames of which nothing would be left; the same output where there are none."""
    # A sequence may have begun behind the last line feed.
    whole = data.rfind(b"\n") + 1
    return _newest(data[:whole]) + data[whole:]


def _newest(data: bytes) -> bytes:
    found = _UP.search(data)
    if found is None or not _stays(data):
        return data
    frames, ups = _split(data, found)
    if len(ups) < _FEWEST:
        return data
    # The text before the first movement may end an earlier frame. The last whole frame is kept.
    passed, last = frames[1:-2], frames[-2]
    height = last.count(b"\n")
    if any(frame.count(b"\n") != up for frame, up in zip(passed, ups[1:], strict=False)):
        return data
    if max(ups[1 : len(passed) + 1]) > height or not _is_all_erased(last, passed):
        return data
    colours = _colours_after(passed[-1])
    if colours is None:
        return data
    behind = len(data) - data.rfind(b"\x1b[", 0, len(data) - len(frames[-1])) + len(last)
    return data[: found.end()] + colours + data[len(data) - behind :]


def _stays(data: bytes) -> bool:
    """Whether nothing but going up and line feeds leads to another row, or to another screen."""
    if any(one in data for one in _LEADING_AWAY):
        return False
    bare = data.translate(None, b"0123456789;:")
    return bare.count(b"\x1b") == sum(map(bare.count, _STAYING))


def _split(data: bytes, first: re.Match[bytes]) -> tuple[list[bytes], list[int]]:
    """The texts between the movements up, and by how many rows each of these goes."""
    frames = data.split(first.group())
    if len(frames) - 1 == data.translate(None, b"0123456789").count(b"\x1b[A"):
        return frames, [int(first[1] or 1)] * (len(frames) - 1)
    parts = _UP.split(data)
    return parts[0::2], [int(one or 1) for one in parts[1::2]]


def _is_all_erased(last: bytes, passed: list[bytes]) -> bool:
    """Whether the last frame begins in the first column, and leaves nothing of those before it."""
    *rows, rest = last.split(b"\n")
    if not all(frame.endswith(b"\n") for frame in passed):
        rows.append(rest)
        if not last.startswith((b"\r", b"\x1b[1G", b"\x1b[G")):
            return False
    return all(_ERASED_BEFORE.match(row) or _ERASED_BEHIND.search(row.rstrip(b"\r")) for row in rows)


def _colours_after(frame: bytes) -> bytes | None:
    """The colours that a frame leaves switched on; `None` where that depends on what came before it."""
    resets = [found.start() for found in _RESET.finditer(frame)]
    return b"".join(_COLOURS.findall(frame, resets[-1])) if resets else None

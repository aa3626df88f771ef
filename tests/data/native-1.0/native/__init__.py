"""Sums and distances, counted in C."""

from __future__ import annotations

import ctypes
from pathlib import Path

_library = ctypes.CDLL(str(Path(__file__).with_name("libnative.so")))
_library.crc32.restype = ctypes.c_uint32


def crc32(data: bytes) -> int:
    """The CRC-32 of zlib."""
    checksum: int = _library.crc32(data, ctypes.c_size_t(len(data)))
    return checksum


def distance(one: str, other: str) -> int:
    """How many single changes make one text the other."""
    steps: int = _library.distance(one.encode(), other.encode())
    return steps

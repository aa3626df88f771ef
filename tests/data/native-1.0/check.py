"""The package's own tests: what C counts is what Python counts."""

# ruff: noqa: T201 - what a build prints is what the test is about
from __future__ import annotations

import zlib

import native

for length in range(200):
    print(f"crc32 of {length} bytes", flush=True)
    assert native.crc32(b"x" * length) == zlib.crc32(b"x" * length)
assert native.distance("kitten", "sitting") == 3
print("fine ✔")

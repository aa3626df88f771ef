"""A test report of any form that Chef knows into its results."""

from __future__ import annotations

from typing import BinaryIO

from chef.domain.testreports import ReportedTests
from chef.errors import Invalid, UnsupportedMediaType
from chef.wire.reports.ctrf import read_ctrf
from chef.wire.reports.junit import read_junit
from chef.wire.strict import shown

_BEGIN_BYTES = 256
_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16 = (b"\xfe\xff", b"\xff\xfe", b"\x00<", b"<\x00")


def read_report(stream: BinaryIO, fingerprint: str) -> ReportedTests:
    """The results in a report; `fingerprint` is that of its bytes.

    Raises BadRequest or NotJson where it is not well-formed, Invalid where it is no report or beyond a
    limit, and UnsupportedMediaType where it is compressed. All say where.
    """
    stream.seek(0)
    begin = stream.read(_BEGIN_BYTES)
    mark = len(_UTF8_MARK) if begin.startswith(_UTF8_MARK) else 0
    first = begin[mark:].lstrip()
    stream.seek(mark + len(begin[mark:]) - len(first))
    if first.startswith(b"<") or begin.startswith(_UTF16):
        return read_junit(stream, fingerprint)
    if first.startswith(b"{"):
        return read_ctrf(stream.read(), fingerprint)
    raise _no_report(first)


def _no_report(first: bytes) -> Invalid | UnsupportedMediaType:
    if not first:
        return Invalid("there is no test report in the body")
    if first.startswith((_GZIP, _ZIP)):
        return UnsupportedMediaType("a test report must not be compressed: send the file that is in it")
    if first.startswith(b"--"):
        return UnsupportedMediaType("a test report is sent as it is, not in a form (curl -T FILE)")
    line = first.splitlines()[0].decode("utf-8", "replace")
    return Invalid(f"a test report is JUnit XML or CTRF JSON; this begins with '{shown(line)}'")

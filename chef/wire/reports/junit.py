"""JUnit XML, as the tools of many languages write it, into results.

There is no standard. Sources: Ant's JUnit task, which began it; the schemas of Maven Surefire (its
`flakyFailure` and `rerunFailure` are what several tools write of tests that were tried again) and of
Jenkins' xUnit plugin; the reports of some fifteen tools in tests/recordings/reports.
"""

from __future__ import annotations

import codecs
import io
import re
from contextlib import suppress
from typing import BinaryIO
from xml.sax import SAXParseException
from xml.sax.xmlreader import InputSource

import defusedxml.sax
from defusedxml.common import DefusedXmlException

from chef.domain.testreports import CaseCollector, ReportedTests
from chef.domain.text import without_escapes
from chef.errors import BadRequest, ChefError, Invalid
from chef.wire.reports.junithandler import JUnitHandler

_DECLARED = re.compile(rb"""^\s*<\?xml[^>]*?\sencoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_DECLARATION_BYTES = 256
# Encodings of several bytes, which expat leaves to others; it knows those of one byte by Python's tables.
_UNITS = ("utf-16", "utf_16")
# Characters that XML cannot have, as themselves or by their numbers: tools copy what a test printed.
_BARRED = rb"[\x00-\x08\x0b\x0c\x0e-\x1f]"
_BARRED_NUMBERS = re.compile(rb"&#(?:0*([0-8]|1[124-9]|2\d|3[01])|x0*([0-8bBcCeEfF]|1[\da-fA-F]));")
_MANY_BYTES = {"shift_jis", "cp932", "euc_jp", "gb2312", "gbk", "gb18030", "big5", "euc_kr", "cp949"}


def read_junit(stream: BinaryIO, fingerprint: str) -> ReportedTests:
    """The results in JUnit XML. Raises BadRequest `not_xml`, or Invalid; both say where.

    A DTD is refused, and with it every entity of the document's own. Nothing outside is read. Two faults of
    writers are mended: what only a terminal takes, colours above all, and UTF-8 that says it is UTF-16.
    """
    begin = stream.tell()
    try:
        return _parse(_source(stream), fingerprint)
    except _NotWellFormed as fault:
        stream.seek(begin)
        mended = _mended(stream.read())
        if mended is not None:
            with suppress(_NotWellFormed):
                return _parse(mended, fingerprint)
        raise fault from None


class _NotWellFormed(BadRequest):
    """The parser cannot go on."""


def _parse(source: InputSource, fingerprint: str) -> ReportedTests:
    collector = CaseCollector()
    parser = defusedxml.sax.make_parser()
    parser.forbid_dtd = True
    handler = JUnitHandler(collector)
    parser.setContentHandler(handler)
    try:
        parser.parse(source)
    except SAXParseException as error:
        place = f"line {error.getLineNumber()}, column {(error.getColumnNumber() or 0) + 1}"
        raise _NotWellFormed(f"not well-formed XML: {error.getMessage()}, {place}", code="not_xml") from None
    except DefusedXmlException:
        raise Invalid(
            f"a test report must have no document type (DTD) and no entities{handler.place}"
        ) from None
    except ChefError:
        raise
    except (LookupError, UnicodeError, ValueError) as error:
        raise BadRequest(
            f"the encoding of the XML cannot be read: {str(error)[:100]}", code="not_xml"
        ) from None
    return collector.finish(fingerprint)


def _source(stream: BinaryIO) -> InputSource:
    source = InputSource()
    place = stream.tell()
    declared = _DECLARED.match(stream.read(_DECLARATION_BYTES))
    stream.seek(place)
    encoding = _many_bytes(declared[1].decode()) if declared else None
    if encoding is None:
        source.setByteStream(_KeptOpen(stream))
    else:
        source.setEncoding("utf-8")
        source.setByteStream(_AsUtf8(stream, encoding))
    return source


def _mended(body: bytes) -> InputSource | None:
    """A document without what XML cannot have, in its true encoding; `None` where it has neither fault."""
    declared = _DECLARED.match(body[:_DECLARATION_BYTES])
    is_ascii = body.lstrip().startswith(b"<") and not body.startswith(b"<\0")
    says_units = declared is not None and declared[1].decode().lower().startswith(_UNITS)
    clean = _without_barred(body) if is_ascii else body
    if clean == body and not (is_ascii and says_units):
        return None
    source = _source(io.BytesIO(clean))
    if says_units:
        source.setEncoding("utf-8")
    return source


def _without_barred(body: bytes) -> bytes:
    """A document without characters that XML cannot have, and without the sequences that these begin."""
    as_themselves = _BARRED_NUMBERS.sub(_character, body)
    return re.sub(_BARRED, b"", without_escapes(as_themselves))


def _character(found: re.Match[bytes]) -> bytes:
    return bytes([int(found[1]) if found[1] else int(found[2], 16)])


def _many_bytes(name: str) -> str | None:
    """Python's name of an encoding that is to be decoded before expat reads it."""
    try:
        found = codecs.lookup(name).name
    except LookupError:
        return None
    return found if found in _MANY_BYTES else None


class _KeptOpen(io.RawIOBase):
    """A stream that a parser does not close: it may be read once more."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        return self._stream.read(size)


class _AsUtf8(io.RawIOBase):
    """A text of some encoding, read as UTF-8."""

    def __init__(self, stream: BinaryIO, encoding: str) -> None:
        self._text = codecs.getreader(encoding)(stream, "replace")

    def read(self, size: int = -1) -> bytes:
        return self._text.read(size).encode()

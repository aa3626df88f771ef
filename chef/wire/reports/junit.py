"""JUnit XML, as the tools of many languages write it, into results.

There is no standard. Sources: Ant's JUnit task, which began it; the schemas of Maven Surefire (its
`flakyFailure` and `rerunFailure` are what several tools write of tests that were tried again) and of
Jenkins' xUnit plugin; the reports of some fifteen tools in tests/recordings/reports.
"""

from __future__ import annotations

import codecs
import io
import re
from typing import BinaryIO
from xml.sax import SAXParseException
from xml.sax.xmlreader import InputSource

import defusedxml.sax
from defusedxml.common import DefusedXmlException

from chef.domain.testreports import CaseCollector, ReportedTests
from chef.errors import BadRequest, ChefError, Invalid
from chef.wire.reports.junithandler import JUnitHandler

_DECLARED = re.compile(rb"""^\s*<\?xml[^>]*?\sencoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_DECLARATION_BYTES = 256
# Encodings of several bytes, which expat leaves to others; it knows those of one byte by Python's tables.
_MANY_BYTES = {"shift_jis", "cp932", "euc_jp", "gb2312", "gbk", "gb18030", "big5", "euc_kr", "cp949"}


def read_junit(stream: BinaryIO, fingerprint: str) -> ReportedTests:
    """The results in JUnit XML. Raises BadRequest `not_xml`, or Invalid; both say where.

    A DTD is refused, and with it every entity of the document's own. Nothing outside is read.
    """
    collector = CaseCollector()
    parser = defusedxml.sax.make_parser()
    parser.forbid_dtd = True
    handler = JUnitHandler(collector)
    parser.setContentHandler(handler)
    try:
        parser.parse(_source(stream))
    except SAXParseException as error:
        place = f"line {error.getLineNumber()}, column {(error.getColumnNumber() or 0) + 1}"
        raise BadRequest(f"not well-formed XML: {error.getMessage()}, {place}", code="not_xml") from None
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
        source.setByteStream(stream)
    else:
        source.setEncoding("utf-8")
        source.setByteStream(_AsUtf8(stream, encoding))
    return source


def _many_bytes(name: str) -> str | None:
    """Python's name of an encoding that is to be decoded before expat reads it."""
    try:
        found = codecs.lookup(name).name
    except LookupError:
        return None
    return found if found in _MANY_BYTES else None


class _AsUtf8(io.RawIOBase):
    """A text of some encoding, read as UTF-8."""

    def __init__(self, stream: BinaryIO, encoding: str) -> None:
        self._text = codecs.getreader(encoding)(stream, "replace")

    def read(self, size: int = -1) -> bytes:
        return self._text.read(size).encode()

"""CTRF JSON (Common Test Report Format, ctrf.io) into results."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from chef.domain.testreports import CaseCollector, CaseResult, Outcome, ReportedTests
from chef.errors import FieldError, Invalid, NotJson
from chef.wire.strict import check_depth

_PLACE = re.compile(r" - at `\$?\.?(.*)`$")


class CtrfAttempt(msgspec.Struct, gc=False):
    """What is read of an attempt that came before the last one."""

    message: str | None = None
    trace: str | None = None


class CtrfTest(msgspec.Struct, rename="camel", gc=False):
    """What is read of a test."""

    name: str
    status: Literal["passed", "failed", "skipped", "pending", "other"]
    duration: float | None = None
    suite: str | list[str] | None = None
    file_path: str | None = None
    message: str | None = None
    trace: str | None = None
    flaky: bool | None = None
    stdout: list[str] | None = None
    stderr: list[str] | None = None
    retry_attempts: list[CtrfAttempt] | None = None

    def result(self) -> CaseResult:
        """The result that it is. A test that is `pending` or `other` neither passed nor failed."""
        # Of a flaky test it is an attempt that failed.
        failed = next((one for one in reversed(self.retry_attempts or ()) if one.message), CtrfAttempt())
        message, trace = self.message or failed.message, self.trace or failed.trace
        output = "\n".join([trace or "", *(self.stdout or ()), *(self.stderr or ())])
        suite = " > ".join(self.suite) if isinstance(self.suite, list) else self.suite
        duration = None if self.duration is None else round(min(max(self.duration, 0.0), 1e12))
        return CaseResult(self.name, self._outcome, suite, self.file_path, duration, message, output)

    @property
    def _outcome(self) -> Outcome:
        if self.status == "passed":
            return "flaky" if self.flaky else "passed"
        return "failed" if self.status == "failed" else "skipped"


class CtrfResults(msgspec.Struct):
    tests: list[CtrfTest]


class CtrfReport(msgspec.Struct):
    results: CtrfResults


_decoder = msgspec.json.Decoder(CtrfReport)


def read_ctrf(body: bytes, fingerprint: str) -> ReportedTests:
    """The results in CTRF JSON. Raises NotJson, or Invalid, which names the place."""
    check_depth(body)
    try:
        report = _decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotJson(str(error)[:200]) from None
    collector = CaseCollector()
    for test in report.results.tests:
        collector.add(test.result())
    return collector.finish(fingerprint)


def _invalid(text: str) -> Invalid:
    place = _PLACE.search(text)
    field = place[1] if place else None
    message = _PLACE.sub("", text).replace("Object", "the object", 1)
    named = f"{field}: {message}" if field else message
    return Invalid(f"no CTRF report: {named}", errors=(FieldError(message, field),))

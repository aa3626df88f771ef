"""The server's own log: lines on stderr, for people or for programs."""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime

from chef.http.requestids import present_id

FORMATS = ("text", "json")

_SECRETS = (
    # Tokens in headers and in query strings, JWTs wherever they stand, passwords inside URLs.
    (re.compile(r"(?i)\b(bearer\s+)[^\s,;\"']{6,}"), r"\1***"),
    (re.compile(r"\beyJ[\w-]{6,}\.[\w-]+\.[\w-]*"), "***"),
    (re.compile(r"(?i)\b((?:[\w-]*(?:token|secret|password))=)[^\s&\"';]+"), r"\1***"),
    (re.compile(r"(\w://)[^\s/@\"']+@"), r"\1***@"),
)
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), 127, *range(128, 160))} | {
    ord("\n"): "\\n",
    ord("\r"): "\\r",
    ord("\t"): "\\t",
}


class _StderrHandler(logging.StreamHandler):  # type: ignore[type-arg]
    """Our own handler, so that a second `configure` replaces it and nothing else."""


class TextFormatter(logging.Formatter):
    """`2026-01-31T12:00:00.000Z WARNING chef.live.hub: sentence (request ID)`, and a traceback behind it.

    The id is there where a request is being answered.
    """

    def format(self, record: logging.LogRecord) -> str:
        # Control characters are written out: a value that a client sent must not forge a line.
        message = redacted(record.getMessage()).translate(_CONTROLS)
        line = f"{_time(record)} {record.levelname} {record.name}: {message}"
        request_id = present_id()
        if request_id is not None:
            line += f" (request {request_id})"
        exception = _exception(self, record)
        return f"{line}\n{exception}" if exception else line


class JsonFormatter(logging.Formatter):
    """A JSON object on a line: `time`, `level`, `logger`, `message` and, if any, `requestId`, `exception`."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redacted(record.getMessage()),
        }
        request_id = present_id()
        if request_id is not None:
            entry["requestId"] = request_id
        exception = _exception(self, record)
        if exception:
            entry["exception"] = exception
        return json.dumps(entry)


def configure(log_format: str) -> None:
    """Send all logging of this process to stderr, as `text` or `json`; Python's warnings too.

    For the entry points of a process, once its settings are known. Calling it again changes the
    format. Handlers of others stay.
    """
    handler = _StderrHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    root = logging.getLogger()
    for old in [old for old in root.handlers if isinstance(old, _StderrHandler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    # Libraries write much that is of no interest while all goes well.
    root.setLevel(logging.WARNING)
    logging.getLogger("chef").setLevel(logging.INFO)
    logging.captureWarnings(True)


def redacted(text: str) -> str:
    """`text` without what looks like a token or a password."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _exception(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    parts = []
    if record.exc_info:
        parts.append(formatter.formatException(record.exc_info))
    elif record.exc_text:
        parts.append(record.exc_text)
    if record.stack_info:
        parts.append(formatter.formatStack(record.stack_info))
    return redacted("\n".join(parts))

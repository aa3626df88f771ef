"""Secrets that a build names itself: later lines and messages of its job show `***` in their place. Pure.

A value is named by an update (`mask`), or in the log by the commands of GitHub Actions and Azure Pipelines.
Lines are masked whole, after offsets and sums were taken: those are of the bytes that were sent.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain
from urllib.parse import quote, quote_plus

from chef.domain.lines import Line, PlainLines

SHOWN = b"***"
MIN_CHARS, MAX_CHARS = 6, 4096
# Of all values of a job, since they are kept with it: enough for any build.
MAX_MASKS, MAX_MASKS_BYTES = 200, 256 * 1024

Masks = tuple[str, ...]
"""The values that a job masks."""

# Found from behind, which takes half the time. Few logs have any.
_MARKERS = (b"::add-mask::", b"##vso[task.set")
_COMMAND = re.compile(
    rb"(?:::add-mask::|##vso\[task\.setsecret[^\]\n]*\]"
    rb"|##vso\[task\.setvariable [^\]\n]*\bissecret=true\b[^\]\n]*\])([^\r\n]*)",
    re.IGNORECASE,
)
# As the runners write what would end their commands.
_ESCAPES = {b"%25": b"%", b"%0D": b"\r", b"%0A": b"\n", b"%AZP25": b"%", b"%3B": b";", b"%5D": b"]"}
_ESCAPE = re.compile(b"|".join(map(re.escape, _ESCAPES)), re.IGNORECASE)


def with_mask(masks: Masks, value: str) -> Masks | None:
    """The masks with a value more; `None` where they would be more than a job may have."""
    if value in masks:
        return masks
    more = (*masks, value)
    if len(more) > MAX_MASKS or sum(len(one.encode()) for one in more) > MAX_MASKS_BYTES:
        return None
    return more


def masked_text(text: str, masks: Masks) -> str:
    """A message without its job's secrets."""
    return _masked(text.encode(), masks).decode() if masks else text


def masked_lines(lines: Sequence[Line], masks: Masks) -> tuple[Sequence[Line], Masks]:
    """Lines without the secrets that were named before or in them, and the masks for what follows."""
    data = lines.data if isinstance(lines, PlainLines) else b"\n".join([line.text for line in lines])
    if any(data.rfind(marker) >= 0 for marker in _MARKERS):
        return _with_commands(lines, masks)
    if not masks:
        return lines, masks
    if isinstance(lines, PlainLines):
        shown = _masked(data, masks)
        return lines if shown is data else PlainLines(shown), masks
    return [_masked_line(line, masks) for line in lines], masks


def _with_commands(lines: Sequence[Line], masks: Masks) -> tuple[list[Line], Masks]:
    shown: list[Line] = []
    for line in lines:
        for value in _named(line.text):
            masks = with_mask(masks, value) or masks
        text = _COMMAND.sub(_hide_value, line.text)
        shown.append(_masked_line(line._replace(text=text), masks))
    return shown, masks


def _hide_value(command: re.Match[bytes]) -> bytes:
    begin = command.start(1) - command.start()
    return command.group()[:begin] + (SHOWN if command.group(1) else b"")


def _named(text: bytes) -> Iterator[str]:
    """The values that a line's commands name, as they stand there and as they are meant."""
    for command in _COMMAND.finditer(text):
        written = command.group(1).strip()
        meant = _ESCAPE.sub(lambda found: _ESCAPES[found.group().upper()], written)
        for value in {written, meant}:
            text_ = value.decode("utf-8", "replace")
            if MIN_CHARS <= len(text_) <= MAX_CHARS:
                yield text_


def _masked_line(line: Line, masks: Masks) -> Line:
    text, pre = _masked(line.text, masks), _masked(line.pre, masks)
    if line.drawn and text is not line.text and pre is line.pre:
        # The bytes are a part of a secret that the line has had before: the rest of it.
        pre = SHOWN + pre[len(pre.rstrip(b"\r\n")) :]
    return line._replace(text=text, pre=pre)


def _masked(data: bytes, masks: Masks) -> bytes:
    """Bytes without the secrets in any of their forms; the same object where there are none."""
    forms = _forms(masks)
    found = sorted(chain.from_iterable(_places(data, form) for form in forms if form in data))
    if not found:
        return data
    parts, done = [], 0
    for begin, end in _merged(found):
        parts += [data[done:begin], SHOWN]
        done = end
    return b"".join([*parts, data[done:]])


def _places(data: bytes, form: bytes) -> Iterator[tuple[int, int]]:
    at = data.find(form)
    while at >= 0:
        yield at, at + len(form)
        at = data.find(form, at + 1)


def _merged(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges that overlap as one, so that none leaves a rest of another."""
    merged: list[tuple[int, int]] = []
    for begin, end in ranges:
        if merged and begin < merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((begin, end))
    return merged


@lru_cache(maxsize=32)
def _forms(masks: Masks) -> tuple[bytes, ...]:
    """All that stands for the values in a line: a value of several lines is each of its lines."""
    forms: dict[bytes, None] = {}
    for value in masks:
        parts = [part for one in (value, *value.splitlines()) if len(part := one.strip()) >= MIN_CHARS]
        for part in dict.fromkeys(parts):
            written = [part, *_percent_encoded(part), *_in_json(part), *_quoted(part)]
            forms |= dict.fromkeys(one.encode() for one in written if not set("\r\n") & set(one))
            forms |= dict.fromkeys(_in_base64(part.encode()))
    return tuple(forms)


def forget_forms() -> None:
    """Keep no secret in memory that only jobs have had which are gone."""
    _forms.cache_clear()


def _percent_encoded(value: str) -> Iterator[str]:
    for encoded in (quote(value), quote(value, safe=""), quote_plus(value)):
        yield encoded
        yield re.sub("%[0-9A-F]{2}", lambda found: found.group().lower(), encoded)


def _in_json(value: str) -> Iterator[str]:
    for ascii_only in (True, False):
        text = json.dumps(value, ensure_ascii=ascii_only)[1:-1]
        yield text
        yield text.replace("/", "\\/")
        # JSON within a string of JSON.
        yield json.dumps(text, ensure_ascii=ascii_only)[1:-1]


def _quoted(value: str) -> Iterator[str]:
    """Within a shell's quotes, and as `printf %q` has it."""
    yield value.replace("'", "'\\''")
    yield value.replace("'", "'\"'\"'")
    yield re.sub(r'(["$`\\])', r"\\\1", value)
    yield re.sub(r"([^A-Za-z0-9_@%+=:,./-])", r"\\\1", value)


def _in_base64(secret: bytes) -> Iterator[bytes]:
    """Its base64 wherever in a longer text it begins: that shifts it by none, one or two bytes."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(secret)
        yield encode(secret + b"\n")
        for before in range(3):
            # Characters that its bytes alone make: the first and last may have bits of a neighbour.
            first, last = -(-before * 8 // 6), (before + len(secret)) * 8 // 6
            yield encode(b"\0" * before + secret)[first:last]

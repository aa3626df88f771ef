"""Secrets: what must not leave the machine, found in plain, encoded and quoted and replaced by `***`.

Works on whole lines, so that nothing is missed where a secret was split over two reads.
"""

from __future__ import annotations

import base64
import fnmatch
import re
from typing import Mapping, NamedTuple

from chef.reporter.output.secretforms import other_forms

MASK = b"***"
MIN_SECRET = 6
DEFAULT_NAMES = "*TOKEN*|*SECRET*|*PASSWORD*|*KEY*"
# From here on base64 is wrapped by the usual tools, and a piece of this length says what it is of.
_WRAPPED_FROM = 60
_PIECE = 16
_HEAD = 4
_BASE64_LINE = re.compile(rb"(?:(?<=[\r\n])|\A)[ \t]*([A-Za-z0-9+/_-]{16,}={0,2})[ \t]*(?=[\r\n]|\Z)")

_BASE64_LINE_BEGINS = re.compile(rb"[ \t]*[A-Za-z0-9+/_-]+=*")


class _Names(NamedTuple):
    """Which variables hold secrets: patterns of names that do, and of those that do not."""

    secret: list[str]
    harmless: list[str]

    def cover(self, name: str) -> bool:
        upper = name.upper()
        if any(fnmatch.fnmatchcase(upper, pattern) for pattern in self.harmless):
            return False
        return any(fnmatch.fnmatchcase(upper, pattern) for pattern in self.secret)


def secret_names(given: str | None) -> _Names:
    """Patterns as users write them: `A*|*B` adds to the default ones, `!C` excepts, `=` first replaces."""
    text = given or ""
    only = text.startswith("=")
    patterns = [one.upper() for one in re.split(r"[|,\s]+", text.lstrip("=")) if one]
    defaults = [] if only else DEFAULT_NAMES.split("|")
    added = [one for one in patterns if not one.startswith("!")]
    return _Names(defaults + added, [one[1:] for one in patterns if one.startswith("!")])


class Masker:
    """Replaces secrets. `count` is how many were, so far; those that overlap are one."""

    def __init__(self, environ: Mapping[str, str], names: str | None = None) -> None:
        self.count = 0
        self._plain: dict[bytes, None] = {}
        self._encoded: dict[bytes, None] = {}
        self._wrapped: list[bytes] = []
        self._sorted: list[bytes] = []
        self._heads: set[bytes] = set()
        self.longest = 0
        wanted = secret_names(names)
        for name, value in environ.items():
            if wanted.cover(name):
                self._add(value)
        self._sort()

    def add(self, value: str) -> None:
        """One secret more."""
        self._add(value)
        self._sort()

    def mask(self, lines: bytes) -> bytes:
        """Whole lines without secrets."""
        parts, done = [], 0
        for begin, end in self._ranges(lines):
            parts += [lines[done:begin], MASK]
            done = end
            self.count += 1
        if parts:
            lines = b"".join([*parts, lines[done:]])
        if self._wrapped:
            lines = _BASE64_LINE.sub(self._mask_wrapped, lines)
        return lines

    def text(self, text: str) -> str:
        """The same of a text, such as a message."""
        return self.mask(text.encode("utf-8", "replace")).decode("utf-8", "replace")

    def held(self, part: bytes) -> int:
        """How many bytes at the end of an unfinished line may be the beginning of a secret."""
        if self._wrapped and len(part) < _PIECE and _BASE64_LINE_BEGINS.fullmatch(part):
            return len(part)
        first = max(0, len(part) - self.longest + 1)
        for place in range(first, len(part)):
            head = part[place : place + _HEAD]
            if len(head) == _HEAD and head not in self._heads:
                continue
            rest = part[place:]
            if any(secret.startswith(rest) and secret != rest for secret in self._sorted):
                return len(part) - self._before_any_at(part, place)
        return 0

    def _ranges(self, lines: bytes) -> list[tuple[int, int]]:
        """Where secrets are; those that overlap are one range, so that none leaves a rest of another."""
        found: list[tuple[int, int]] = []
        for secret in self._sorted:
            at = lines.find(secret)
            while at >= 0:
                found.append((at, at + len(secret)))
                at = lines.find(secret, at + 1)
        merged: list[tuple[int, int]] = []
        for begin, end in sorted(found):
            if merged and begin < merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((begin, end))
        return merged

    def _before_any_at(self, part: bytes, place: int) -> int:
        """A place that is not within a secret: this one, or where the secret around it begins."""
        for secret in self._sorted:
            around = part.find(secret, max(0, place - len(secret) + 1), place + len(secret) - 1)
            if 0 <= around < place:
                return self._before_any_at(part, around)
        return place

    def _add(self, value: str) -> None:
        whole = value.encode("utf-8", "surrogateescape")
        for line in [whole, *whole.splitlines()]:
            stripped = line.strip()
            if len(stripped) < MIN_SECRET:
                continue
            for form in (stripped, *other_forms(stripped)):
                if b"\n" not in form and b"\r" not in form:
                    self._plain[form] = None
            self._add_encoded(stripped)

    def _add_encoded(self, secret: bytes) -> None:
        """Its base64, wherever in a longer text it begins: that shifts it by none, one or two bytes."""
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            whole = encode(secret)
            self._encoded[whole] = None
            self._encoded[encode(secret + b"\n")] = None
            for before in range(3):
                # Characters that its bytes alone make: the first and last may have bits of a neighbour.
                first, last = -(-before * 8 // 6), (before + len(secret)) * 8 // 6
                part = encode(b"\0" * before + secret)[first:last]
                if len(part) >= MIN_SECRET:
                    self._encoded[part] = None
                if len(part) >= _WRAPPED_FROM:
                    self._wrapped.append(part)

    def _sort(self) -> None:
        """The longest first, and what they begin with: most places in a text begin none of them."""
        found = [*self._plain, *self._encoded]
        self._sorted = sorted(set(found), key=len, reverse=True)
        self._heads = {secret[:_HEAD] for secret in self._sorted}
        self.longest = max(map(len, found), default=0)

    def _mask_wrapped(self, found: re.Match[bytes]) -> bytes:
        """A line of base64 alone that shares a piece with a long secret's base64."""
        line = found.group(1).rstrip(b"=")
        for secret in self._wrapped:
            if line in secret or self._overlap(line, secret):
                self.count += 1
                return found.group().replace(found.group(1), MASK)
        return found.group()

    @staticmethod
    def _overlap(line: bytes, secret: bytes) -> bool:
        """Whether the line ends as the secret begins, or begins as it ends."""
        head, tail = secret[:_PIECE], secret[-_PIECE:]
        at = line.find(head)
        if at >= 0 and secret.startswith(line[at:]):
            return True
        at = line.rfind(tail)
        return at >= 0 and secret.endswith(line[: at + _PIECE])

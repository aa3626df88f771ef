r"""A line's kind: its text without what differs from run to run, as a number of 64 bits. Pure, over bytes.

Red Hat's logjuicer does so, too: a few patterns for times, ids, addresses and paths, and what is left is
compared. drain3 learns a tree of templates from what it sees, which has to be kept between runs; a template
depends on the order of the lines. Here a line's kind depends on the line alone.

| in the line | in its kind |
|---|---|
| colours and other escape sequences | nothing |
| dates, times of the day, durations (also in brackets) | nothing |
| addresses of the web, IP addresses | `:` |
| UUIDs, hashes, ids (letters and digits mixed, from 8 characters on) | `#` |
| the folders of an absolute path, and of one below a home | `/`; the last name stays |
| sizes and numbers, also with a percent sign | `0` |
| progress bars, rules, spinners | `~` |
| several blanks | one |

Zero differs from other numbers where it says that nothing is wrong (`0 errors`, `exit status 0`).
"""

from __future__ import annotations

import re
from hashlib import blake2b

from chef.domain.text import without_escapes

_MONTHS = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")
_MONTH = rb"(?:" + b"|".join(_MONTHS) + rb")[a-z]{0,6}"
_DAY = rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6}"
_UNIT = rb"(?:ns|[um\xc2\xb5]{0,2}s|msec|secs?|seconds?|m|mins?|minutes?|h|hours?|d|days?)"
_SPAN = rb"\d+(?:[.,]\d+)?[ ]?" + _UNIT + rb"\b(?:[ ]?\d+(?:\.\d+)?[ ]?" + _UNIT + rb"\b)*"

# Zero that says that nothing is wrong, before all digits become one.
_NONE = re.compile(rb"\b0 (?=(?:errors?|fail\w*|problems?|warnings?|vulnerab\w*|broken|not ok)\b)")
_WELL = re.compile(rb"\b((?:exit(?:ed)?|status|code|rc|errors?|fail\w*|failures)[ \w]{0,12}[:=]?[ ]?)0\b")
_DIGITS = bytes.maketrans(b"023456789", b"1" * 9)
# So many different lines are known by their kind at once.
_MOST_KNOWN = 50_000

# In this order: what an earlier one takes, a later one does not see. A step has nothing to do where there is
# none of its signs.
_STEPS: tuple[tuple[tuple[bytes, ...], re.Pattern[bytes], bytes], ...] = tuple(
    (signs if isinstance(signs, tuple) else (signs,), re.compile(pattern), by)
    for signs, pattern, by in (
        (b"://", rb"\b[a-z][a-z0-9+.-]{1,15}://[^\s\"'<>)\]]+", b":"),
        (
            b"-",
            rb"\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b",
            b"#",
        ),
        (b".", rb"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b", b":"),
        # 2026-11-28T14:17:52.123Z, 2026/11/28 14:17:52,123 +0100
        (
            b"",
            (
                rb"\b\d{4}[-/.]\d\d[-/.]\d\d"
                rb"(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:[ ]?(?:Z|UTC|[+-]\d\d:?\d\d))?)?"
            ),
            b"",
        ),
        # Sat Nov 28 14:17:52 UTC 2026, 28 Nov 2026
        (
            _MONTHS,
            rb"\b(?:"
            + _DAY
            + rb",? )?(?:"
            + _MONTH
            + rb" {1,2}\d{1,2}|\d{1,2} "
            + _MONTH
            + rb")\b(?:,? \d{4}\b)?"
            rb"(?: \d\d:\d\d:\d\d(?: [A-Z]{3,4})?(?: \d{4}\b)?)?",
            b"",
        ),
        (b":", rb"\b\d{1,2}:\d\d(?::\d\d)?(?:[.,]\d+)?(?:[ ]?[AP]M\b)?(?!\d)", b""),
        (b"", rb"(?<![\w.])" + _SPAN, b""),
        (b"/", rb"/(?:[\w.@%+~=-]+/)+(?<!//)", b"/"),
        (b":\\", rb"\b[A-Za-z]:\\(?:[\w.@%+~= -]+\\)+", b"/"),
        (
            b"",
            rb"(?<![A-Za-z0-9])(?:0x[0-9a-fA-F]+|(?=[a-f]*\d)[0-9a-f]{7,}|(?=[A-F]*\d)[0-9A-F]{7,})(?![A-Za-z0-9])",
            b"#",
        ),
        (b"", rb"\b(?=[A-Za-z]*\d)(?=\d*[A-Za-z])(?:[A-Za-z]+\d+|\d+[A-Za-z]+){2,}[A-Za-z0-9]*\b", b"#"),
        (b"", rb"\d+(?:[.,]\d+)*[ ]?(?:[kKMGT]i?)?(?:[Bb]|bytes)(?:/s)?\b", b"0B"),
        (b"", rb"\d+(?:[.,_]\d+)*(?:[ ]?%)?", b"0"),
        (b"", rb"(?:[=#>.*+~_-]|\xe2[\x94-\x97\xa0-\xa3][\x80-\xbf]){3,}", b"~"),
        (b"", rb"[(\[{<][ ]?[)\]}>]", b""),
        (b"", rb"[ \t]{2,}", b" "),
    )
)


class LineKinds:
    """Tells the kinds of lines, and remembers those of lines that differ in digits alone, as most do."""

    def __init__(self) -> None:
        self._known: dict[bytes, int] = {}

    def of(self, texts: bytes) -> list[int]:
        """The kind of each line in `texts`, lines joined by newlines; 0 for one of which nothing is left."""
        lines = _with_one_digit(texts).split(b"\n")
        unknown = list({line for line in lines if line not in self._known})
        if len(self._known) + len(unknown) > _MOST_KNOWN:
            self._known = {}
            unknown = list(set(lines))
        if unknown:
            normal = _normalised(b"\n".join(unknown)).split(b"\n")
            self._known.update(zip(unknown, map(_kind, normal), strict=True))
        return [self._known[line] for line in lines]


def kinds_in(texts: bytes) -> list[int]:
    """The kind of each line in `texts`, lines joined by newlines; 0 for one of which nothing is left."""
    return LineKinds().of(texts)


def kind_of(text: bytes) -> int:
    """The kind of one line."""
    return kinds_in(text)[0]


def _with_one_digit(texts: bytes) -> bytes:
    """Lines without escape sequences in which each digit is 1."""
    texts = without_escapes(texts)
    if b"0" in texts:
        texts = _WELL.sub(rb"\1no", _NONE.sub(b"no ", texts))
    return texts.translate(_DIGITS)


def _normalised(texts: bytes) -> bytes:
    """Lines joined by newlines without all that differs from run to run; all their digits are 1."""
    for signs, pattern, by in _STEPS:
        if any(sign in texts for sign in signs):
            texts = pattern.sub(by, texts)
    return texts


def _kind(text: bytes) -> int:
    text = text.strip(b" \t\r~0:#.")
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big") if text else 0

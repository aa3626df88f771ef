r"""A line's kind: its text without what differs from run to run, as a number of 64 bits. Pure, over bytes.

Red Hat's logjuicer does so, too: a few patterns for times, ids, addresses and paths, and what is left is
compared. drain3 learns a tree of templates from what it sees, which has to be kept between runs; a template
depends on the order of the lines. Here a line's kind depends on the line alone.

| in the line | in its kind |
|---|---|
| colours and other escape sequences | nothing |
| dates, times of the day, durations (also in brackets) | nothing |
| addresses of the web and of machines, ports | `:` |
| UUIDs, hashes, ids (letters and digits mixed, from 8 characters on) | `#` |
| the folders of an absolute path, and of one below a home | `/`; the last name stays |
| sizes and numbers, also with a percent sign | `0` |
| progress bars, rules, spinners | `~` |
| several blanks | one |

Zero differs from other numbers where it says that nothing is wrong (`0 errors`, `exit status 0`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import blake2b

from chef.domain.text import without_escapes

_MONTH = rb"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}"
_DAY = rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6}"
_UNIT = rb"(?:ns|[um\xc2\xb5]{0,2}s|msec|secs?|seconds?|m|mins?|minutes?|h|hours?|d|days?)"
_SPAN = rb"\d+(?:[.,]\d+)?[ ]?" + _UNIT + rb"\b(?:[ ]?\d+(?:\.\d+)?[ ]?" + _UNIT + rb"\b)*"

# In this order: what an earlier one takes, a later one does not see.
_STEPS: tuple[tuple[bytes, re.Pattern[bytes], bytes], ...] = tuple(
    (sign, re.compile(pattern), by)
    for sign, pattern, by in (
        (b"://", rb"\b[a-z][a-z0-9+.-]{1,15}://[^\s\"'<>)\]]+", b":"),
        (
            b"-",
            rb"\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b",
            b"#",
        ),
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
            b"",
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
        (b":", rb"\b\d{1,2}:\d\d(?::\d\d)?(?:[.,]\d+)?(?:[ ]?[AP]M\b)?", b""),
        (b".", rb"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b", b":"),
        (b":", rb"\b(?:localhost|[a-z0-9-]+(?:\.[a-z0-9-]+)+):\d{2,5}\b(?!:)", b":"),
        (b"", rb"(?<![\w.])" + _SPAN, b""),
        (b"/", rb"/(?:[\w.@%+~=-]+/)+(?<!//)", b"/"),
        (b":\\", rb"\b[A-Za-z]:\\(?:[\w.@%+~= -]+\\)+", b"/"),
        (b"", rb"\b(?=[a-z]*\d)[0-9a-f]{7,}\b|\b(?=[A-F]*\d)[0-9A-F]{7,}\b|\b0x[0-9a-fA-F]+\b", b"#"),
        (b"", rb"\b(?=[A-Za-z]*\d)(?=\d*[A-Za-z])(?:[A-Za-z]+\d+|\d+[A-Za-z]+){2,}[A-Za-z0-9]*\b", b"#"),
        (b"0", rb"\b0 (?=(?:errors?|fail\w*|problems?|warnings?|vulnerab\w*|broken|not ok)\b)", b"no "),
        (
            b"0",
            rb"\b((?:exit(?:ed)?|status|code|rc|errors?|fail\w*|failures)[ \w]{0,12}[:=]?[ ]?)0\b",
            rb"\1no",
        ),
        (b"", rb"\d+(?:[.,]\d+)*[ ]?(?:[kKMGT]i?)?(?:[Bb]|bytes)(?:/s)?\b", b"0B"),
        (b"", rb"\d+(?:[.,_]\d+)*(?:[ ]?%)?", b"0"),
        (b"", rb"(?:[=#>.*+~_-]|\xe2[\x94-\x97\xa0-\xa3][\x80-\xbf]){3,}", b"~"),
        (b"", rb"[(\[{<][ ]?[)\]}>]", b""),
        (b"", rb"[ \t]{2,}", b" "),
    )
)


def kinds_in(texts: bytes) -> Iterator[int]:
    """The kind of each line in `texts`, lines joined by newlines; 0 for one of which nothing is left."""
    return map(_kind, normalised(texts).split(b"\n"))


def kind_of(text: bytes) -> int:
    """The kind of one line."""
    return _kind(normalised(text))


def normalised(texts: bytes) -> bytes:
    """Lines joined by newlines without all that differs from run to run."""
    texts = without_escapes(texts)
    for sign, pattern, by in _STEPS:
        if sign in texts:
            texts = pattern.sub(by, texts)
    return texts


def _kind(text: bytes) -> int:
    text = text.strip(b" \t\r~0:#.")
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big") if text else 0

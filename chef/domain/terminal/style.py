"""How text is drawn: colours and the like (SGR), and links. Pure.

Source: ECMA-48, 8.3.117 (SGR); for 90 to 107, underlines and colours of underlines xterm's "Control
Sequences"; for links the note "Hyperlinks in terminal emulators", which all that draw them follow.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

# Which of a style's parts a code sets. 22 ends two of them.
_PARTS = {
    "1": "bold",
    "2": "dim",
    "3": "italic",
    "4": "underline",
    "21": "underline",
    "5": "blink",
    "6": "blink",
    "7": "inverse",
    "8": "hidden",
    "9": "strike",
    "53": "overline",
}
_ENDS = {
    "22": ("bold", "dim"),
    "23": ("italic",),
    "24": ("underline",),
    "25": ("blink",),
    "27": ("inverse",),
    "28": ("hidden",),
    "29": ("strike",),
    "39": ("foreground",),
    "49": ("background",),
    "55": ("overline",),
    "59": ("line_color",),
}
_COLORS = {"38": "foreground", "48": "background", "58": "line_color"}
_LINK = re.compile(r"https?://[!-~]{1,2000}")


class Style(NamedTuple):
    """Of each part the code that sets it, empty where it is the usual one; `link` is an address."""

    bold: str = ""
    dim: str = ""
    italic: str = ""
    underline: str = ""
    blink: str = ""
    inverse: str = ""
    hidden: str = ""
    strike: str = ""
    overline: str = ""
    foreground: str = ""
    background: str = ""
    line_color: str = ""
    link: str = ""

    @property
    def codes(self) -> str:
        """The codes that set it, joined as SGR has them."""
        return ";".join(filter(None, self[:-1]))


PLAIN = Style()


@lru_cache(4096)
def styled(style: Style, parameters: str) -> Style:
    """The style after an SGR sequence with these parameters; what is not known changes nothing."""
    codes = parameters.split(";")
    place = 0
    while place < len(codes):
        code = codes[place].lstrip("0")
        place += 1
        if code in ("38", "48", "58"):
            count = {"5": 2, "2": 4}.get(":".join(codes[place : place + 1]), 0)
            if count and place + count <= len(codes):
                color = ";".join([code, *codes[place : place + count]])
                style = style._replace(**{_COLORS[code]: color})
            place += count
        else:
            style = _with(style, code)
    return style


def _with(style: Style, code: str) -> Style:
    if not code:
        return Style(link=style.link)
    if ":" in code:
        kind = code.partition(":")[0]
        part = _COLORS.get(kind) or _PARTS.get(kind)
        return style if part is None else style._replace(**{part: "" if code == "4:0" else code})
    part = _PARTS.get(code) or _color_of(code)
    if part is not None:
        return style._replace(**{part: code})
    return style._replace(**dict.fromkeys(_ENDS.get(code, ()), ""))


def _color_of(code: str) -> str | None:
    """What one of the 16 colours is set for."""
    if len(code) < 2 or code[-1] not in "01234567":
        return None
    return {"3": "foreground", "9": "foreground", "4": "background", "10": "background"}.get(code[:-1])


def linked(style: Style, address: str) -> Style:
    """The style with a link to an address of the web, without one for any other."""
    return style._replace(link=address if _LINK.fullmatch(address) else "")

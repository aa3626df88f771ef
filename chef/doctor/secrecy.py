"""No secret in what is printed, whatever a library puts into its errors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote

from chef.settings.config import SETTINGS

# The password in a URL, and a parameter that is one.
_IN_URL = re.compile(r"://[^/@\s]*:([^/\s]*)@|[?&](?:password|sslpassword|passfile)=([^&\s]+)", re.IGNORECASE)
# Shorter ones would take half of every sentence with them, and are named as such.
_FEWEST_CHARS = 4


class Secrecy:
    """Replaces each secret of an environment by `***`."""

    def __init__(self, values: Mapping[str, str], *urls: str) -> None:
        found: set[str] = set()
        for setting in SETTINGS:
            text = values.get(setting.name, "")
            if setting.show is None:
                found |= {text, text.strip(), *(part.strip() for part in text.split(","))}
                found |= {part.partition("=")[2].strip() for part in text.split(",")}
        for text in (values.get("DATABASE_URL", ""), values.get("REDIS_URL", ""), *urls):
            found |= {part for match in _IN_URL.finditer(text) for part in match.groups() if part}
        found |= {unquote(secret) for secret in found}
        longest_first = sorted((one for one in found if len(one) >= _FEWEST_CHARS), key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def hide(self, text: str) -> str:
        """The text without secrets."""
        return text if self._pattern is None else self._pattern.sub("***", text)

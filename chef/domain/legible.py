"""What an update says to people, without what a terminal would take as a command. Pure.

Messages and titles are shown in lists, summaries and terminals, where colours mean nothing and a cursor
that moves would forge what others say. Logs keep every byte: `chef.domain.lines`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from msgspec.structs import replace

from chef.domain.model import Update
from chef.domain.text import clean_text

_NAMES = frozenset(
    (
        "title",
        "author",
        "branch",
        "commit",
        "url",
        "kind",
        "run",
        "repository",
        "pullRequest",
        "number",
        "command",
    )
)
"""The entries of `meta` that Chef itself shows and compares; others stay as they were sent."""

_OF_ARTIFACTS = ("name",)


def legible(update: Update) -> Update:
    """An update with nothing but text in its message, its code, the names of artifacts and in `meta`."""
    message, code = update.message, update.code
    is_clean = (message is None or message.isprintable()) and (code is None or _is_clean(code))
    if is_clean and update.meta is None and update.artifacts is None:
        return update
    return replace(
        update,
        message=_clean(message),
        code=_clean(code),
        meta=None if update.meta is None else _clean_texts(update.meta, _NAMES),
        artifacts=update.artifacts
        and tuple(_clean_texts(artifact, _OF_ARTIFACTS) for artifact in update.artifacts),
    )


def _is_clean(value: Any) -> bool:
    return not isinstance(value, str) or value.isprintable()


def _clean(value: Any) -> Any:
    """A text without commands, any other value as it is. Lines and tabs stay."""
    return value if _is_clean(value) else clean_text(value)


def _clean_texts(values: dict[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {name: _clean(value) if name in names else value for name, value in values.items()}

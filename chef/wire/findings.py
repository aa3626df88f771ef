"""Faults and warnings of a body, collected so that its sender is told all of them in one answer."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable
from itertools import islice

from chef.errors import FieldError, Invalid
from chef.wire.strict import MAX_SHOWN, shown

MAX_ERRORS = 100
MAX_WARNINGS = 20
# Names looked through for a misspelt one.
_MAX_NAMES = 20


class Findings:
    """Faults and warnings of one body: the first are kept, the rest counted, so that it stays small.

    `index` is the update that is looked at now, `failed` tells whether there was a fault.
    """

    def __init__(self) -> None:
        self.index = 0
        self.failed = False
        self._errors: list[FieldError] = []
        self._error_count = 0
        self._warnings: list[str] = []
        self._warning_count = 0

    def wrong(self, field: str | None, message: str) -> None:
        """A field of the present update is wrong; `None` where the whole update is."""
        self.failed = True
        self._error_count += 1
        if self._error_count <= MAX_ERRORS:
            self._errors.append(FieldError(message, field, self.index))

    def unknown(self, path: str, name: str, names: Collection[str]) -> None:
        """Warn about a field that does not exist; `path` is its place, `names` those that do exist there."""
        self._warning_count += 1
        # Looking for a near name is slow, so only where it is told.
        if self._warning_count <= MAX_WARNINGS:
            meant = _nearest(name, names)
            question = f", did you mean '{meant}'?" if meant else ""
            self._warnings.append(f"update {self.index}: unknown field '{path}{shown(name)}'{question}")

    def check_names(self, given: Iterable[str], names: Collection[str]) -> None:
        """Warn about each given field that is not one of `names`."""
        for name in given:
            if name not in names:
                self.unknown("", name, names)

    def missing(self, field: str, given: Iterable[str], names: Collection[str]) -> None:
        """A needed field is not among those `given`, perhaps because it is misspelt: not one of `names`."""
        meant = None
        if self._error_count < MAX_ERRORS:
            strange = [name for name in islice(given, _MAX_NAMES) if name not in names]
            meant = next((name for name in strange if _nearest(name, [field])), None)
        self.wrong(field, f"is needed, did you mean it by '{shown(meant)}'?" if meant else "is needed")

    def unused(self, name: str, kind: str) -> None:
        """Warn about a field that belongs to other types of update."""
        self._warning_count += 1
        if self._warning_count <= MAX_WARNINGS:
            self._warnings.append(f"update {self.index}: field '{name}' is not used by '{kind}' updates")

    def raise_if_failed(self) -> None:
        """Raise Invalid with all faults if there was one."""
        if not self.failed:
            return
        first, errors = self._errors[0], tuple(self._errors)
        if self._error_count > MAX_ERRORS:
            errors += (FieldError(f"… and {self._error_count - MAX_ERRORS} more errors"),)
        name = f"{first.field} " if first.field else ""
        more = f", and {self._error_count - 1} more" if self._error_count > 1 else ""
        raise Invalid(f"update {first.index}: {name}{first.message}{more}", errors=errors)

    def warnings(self) -> tuple[str, ...]:
        """The warnings for the sender of an update that was taken."""
        more = self._warning_count - len(self._warnings)
        return (*self._warnings, f"… and {more} more") if more else tuple(self._warnings)


def _nearest(name: str, names: Collection[str]) -> str | None:
    """The existing name that a misspelt one most likely stands for, if there is one."""
    if len(name) > MAX_SHOWN:
        return None
    by_lower = {candidate.lower(): candidate for candidate in names}
    matches = difflib.get_close_matches(name.lower(), by_lower, n=1)
    return by_lower[matches[0]] if matches else None

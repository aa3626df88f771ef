"""Quotas: how many of something within which time, as operators write them (`600/s`, `20/min`)."""

from __future__ import annotations

import re
from typing import NamedTuple

from chef.settings.checks import Wrong

_WINDOWS_S = {"s": 1, "min": 60, "h": 3600}
_QUOTA = re.compile(r"([0-9]{1,7})(?: */ *(s|min|h))?")
_MOST = 1_000_000


class Quota(NamedTuple):
    """So many units within each window of so many seconds; 0 units: no limit."""

    units: int
    window_s: int

    def __str__(self) -> str:
        unit = {seconds: name for name, seconds in _WINDOWS_S.items()}[self.window_s]
        return f"{self.units}/{unit}"


def read_quota(text: str, default_unit: str) -> Quota:
    """`600/s`, `20/min`, `36000/h`; without a unit the one that is meant by default. Raises Wrong."""
    found = _QUOTA.fullmatch(text)
    if found is None:
        raise Wrong(_allowed(default_unit))
    return check_quota(Quota(int(found[1]), _WINDOWS_S[found[2] or default_unit]), default_unit)


def check_quota(quota: object, default_unit: str) -> Quota:
    """A quota within bounds. Raises Wrong."""
    if (
        not isinstance(quota, Quota)
        or type(quota.units) is not int
        or not 0 <= quota.units <= _MOST
        or quota.window_s not in _WINDOWS_S.values()
    ):
        raise Wrong(_allowed(default_unit))
    return quota


def _allowed(default_unit: str) -> str:
    return (
        f"must be a whole number from 0 to {_MOST} with /s, /min or /h (else /{default_unit}; 0: any number)"
    )

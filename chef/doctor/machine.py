"""The machine: its clock."""

from __future__ import annotations

import ctypes
import sys

from chef.doctor.diagnosis import Diagnosis, ok, warning

# adjtimex(2): the state of a clock that nobody sets by NTP, and the size of a struct timex, generously.
_TIME_ERROR = 5
_TIMEX_BYTES = 512


def look_at_clock() -> list[Diagnosis]:
    """Whether the kernel's clock is set by NTP, where the system says so."""
    state = _clock_state()
    if state is None:
        return [ok("clock", "this system does not say whether its clock is set by NTP")]
    if state == _TIME_ERROR:
        advice = "run systemd-timesyncd or chrony: JWTs are compared without leeway, and times are shown"
        return [warning("clock", "this machine's clock is not set by NTP", advice)]
    return [ok("clock", "this machine's clock is set by NTP")]


def _clock_state() -> int | None:
    """The state by adjtimex(2), which changes nothing where its argument is all zero."""
    if sys.platform != "linux":
        return None
    adjtimex = getattr(ctypes.CDLL(None), "adjtimex", None)
    if adjtimex is None:
        return None
    state = int(adjtimex(ctypes.byref(ctypes.create_string_buffer(_TIMEX_BYTES))))
    return None if state < 0 else state

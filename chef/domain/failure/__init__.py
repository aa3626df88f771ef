"""Why a build failed, read from its log: what the tools state at their end, else the first error. Pure."""

from chef.domain.failure.building import (
    IN_LISTS,
    MAX_EVENT,
    MAX_STORED,
    FailureLimits,
    bounded,
    failure_of,
    wanted_lines,
)
from chef.domain.failure.reading import LogReading, SeenLine
from chef.domain.failure.reason import FailureReason

__all__ = [
    "IN_LISTS",
    "MAX_EVENT",
    "MAX_STORED",
    "FailureLimits",
    "FailureReason",
    "LogReading",
    "SeenLine",
    "bounded",
    "failure_of",
    "wanted_lines",
]

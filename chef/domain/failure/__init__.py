"""Why a build failed, read from its log: what the tools state at their end, else the first error. Pure."""

from chef.domain.failure.building import MAX_EVENT, MAX_STORED, bounded, failure_of
from chef.domain.failure.reading import LogReading, SeenLine
from chef.domain.failure.reason import Reason

__all__ = ["MAX_EVENT", "MAX_STORED", "LogReading", "Reason", "SeenLine", "bounded", "failure_of"]

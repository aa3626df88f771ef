"""Whether all that a build sent has arrived: its sender's claim against what each stream adds up to. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import UNSET

from chef.domain.lines import StreamState
from chef.domain.model import Claim
from chef.domain.tally import Tally
from chef.domain.wiretypes import Different, Integrity, Missing, Surplus


def verdict(claim: Claim, streams: Mapping[str, StreamState]) -> Integrity:
    """Compare claimed streams with those that are here.

    A stream whose bytes could be counted but not compared, since it began before Chef kept checksums, is
    `unchecked`; then `lines` may be `None`.
    """
    here = [(name, claimed, streams.get(name, StreamState())) for name, claimed in claim.items()]
    missing = [_missing(*one) for one in here if one[2].offset < one[1]["bytes"]]
    surplus = [_surplus(*one) for one in here if one[2].offset > one[1]["bytes"]]
    whole = [one for one in here if one[2].offset == one[1]["bytes"]]
    differs = [found for one in whole if (found := _different(*one)) is not None]
    unchecked = [name for name, claimed, stream in whole if _is_unchecked(claimed, stream.tally)]
    lines = [stream.tally.lines for _, _, stream in here if stream.tally is not None]
    return Integrity(
        complete=not (missing or surplus or differs),
        lines=sum(lines) if len(lines) == len(here) else None,
        missing=missing or UNSET,
        surplus=surplus or UNSET,
        differs=differs or UNSET,
        unchecked=unchecked or UNSET,
    )


def _missing(name: str, claimed: Mapping[str, Any], stream: StreamState) -> Missing:
    lines = 0 if stream.tally is None else claimed.get("lines", 0) - stream.tally.lines
    return Missing(name, claimed["bytes"] - stream.offset, stream.offset, lines if lines > 0 else UNSET)


def _surplus(name: str, claimed: Mapping[str, Any], stream: StreamState) -> Surplus:
    return Surplus(name, stream.offset - claimed["bytes"], claimed["bytes"])


def _is_unchecked(claimed: Mapping[str, Any], tally: Tally | None) -> bool:
    return tally is None and bool(claimed.keys() - {"bytes"})


def _different(name: str, claimed: Mapping[str, Any], stream: StreamState) -> Different | None:
    """The difference of a stream of the right size from its claim. The same bytes are the same lines."""
    tally = stream.tally
    if tally is None:
        return None
    if "crc32" in claimed:
        crc = f"{tally.crc:08x}"
        same = crc == claimed["crc32"]
        return None if same else Different(stream=name, crc32=crc, claimed=claimed["crc32"])
    if claimed.get("lines", tally.lines) != tally.lines:
        return Different(stream=name, lines=tally.lines, claimed=claimed["lines"])
    return None

"""Whether all that a build sent has arrived: its sender's claim against what each stream adds up to. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chef.domain.lines import StreamState
from chef.domain.model import Claim, Payload
from chef.domain.tally import Tally


def verdict(claim: Claim, streams: Mapping[str, StreamState]) -> Payload:
    """Compare claimed streams with those that are here: `complete`, how many `lines`, and the faults.

    `missing` names what has not arrived and from which byte on, `surplus` what is more than was claimed,
    `differs` what has the claimed size but other bytes or lines. `unchecked` names streams whose bytes
    could be counted but not compared, since they began before Chef kept checksums; then `lines` may be null.
    """
    found: dict[str, list[Any]] = {"missing": [], "surplus": [], "differs": [], "unchecked": []}
    for name, claimed in claim.items():
        stream = streams.get(name, StreamState())
        if stream.offset < claimed["bytes"]:
            found["missing"].append(_missing(name, claimed, stream))
        elif stream.offset > claimed["bytes"]:
            size = stream.offset - claimed["bytes"]
            found["surplus"].append({"stream": name, "bytes": size, "from": claimed["bytes"]})
        elif stream.tally is None:
            if claimed.keys() - {"bytes"}:
                found["unchecked"].append(name)
        elif different := _different(claimed, stream.tally):
            found["differs"].append({"stream": name} | different)
    tallies = [streams.get(name, StreamState()).tally for name in claim]
    known = [tally.lines for tally in tallies if tally is not None]
    complete = not (found["missing"] or found["surplus"] or found["differs"])
    lines = sum(known) if len(known) == len(tallies) else None
    return {"complete": complete, "lines": lines} | {name: what for name, what in found.items() if what}


def _missing(name: str, claimed: Mapping[str, Any], stream: StreamState) -> Payload:
    missing: Payload = {
        "stream": name,
        "bytes": claimed["bytes"] - stream.offset,
        "from": stream.offset,
    }
    if stream.tally is not None and claimed.get("lines", 0) > stream.tally.lines:
        missing["lines"] = claimed["lines"] - stream.tally.lines
    return missing


def _different(claimed: Mapping[str, Any], tally: Tally) -> Payload:
    """The differences of a stream of the right size from its claim. The same bytes are the same lines."""
    if "crc32" in claimed:
        crc = f"{tally.crc:08x}"
        return {} if crc == claimed["crc32"] else {"crc32": crc, "claimed": claimed["crc32"]}
    if claimed.get("lines", tally.lines) != tally.lines:
        return {"lines": tally.lines, "claimed": claimed["lines"]}
    return {}

"""Tools whose progress is the sum of several rows: each remembers what it has seen."""

from __future__ import annotations

import re

from chef.reporter.output.progress.reading import Reading, of_count, of_percent

_BUILD_STEP = (
    rb"(?:#\d+|=>(?: (?:CACHED|ERROR|CANCELED))?) \[(?P<stage>[^\]]*?) ?\b(?P<done>\d+)/(?P<total>\d+)\] "
    rb"(?P<text>.*?)(?: +\d+\.\d+s)?$"
)
_BUILD_END = rb"\[\+\] Building .* FINISHED\b"
_LAYER = rb"(?P<layer>[0-9a-f]{12}): (?P<state>[A-Z][A-Za-z ]+)"
_LAYER_STATES = (
    *(b"Pulling fs layer", b"Waiting", b"Downloading", b"Verifying Checksum", b"Download complete"),
    *(b"Extracting", b"Preparing", b"Pushing"),
)
_LAYER_ENDS = (b"Pull complete", b"Already exists", b"Pushed", b"Layer already exists")
_TESTS_BEGIN = rb"Running (\d+) tests? using \d+ workers?"
_TASKS_BEGIN = (
    rb"NX +Running target \S+ for (?:(\d+) projects?|project \S+)(?: and (\d+) tasks? \w+ depends? on)?"
)
_ENDED_ITEM = rb"(?:\xe2[\x80-\xbf]{2}|ok|x|-|\xc2[\x80-\xbf]) +(?P<item>\d+|nx run \S+)"
_MOST = 10_000


class BuildSteps:
    """BuildKit's `#7 [stage 2/5] RUN …`, and `=> [stage 2/5]` in a terminal: steps of all stages together."""

    def __init__(self) -> None:
        self._stages: dict[bytes, tuple[int, int]] = {}

    def read(self, row: bytes) -> Reading | None:
        """What a plain row adds; None where it is none of these."""
        if not row.startswith((b"#", b"=>", b"[+]")):
            return None
        found = re.match(_BUILD_STEP, row)
        if not found:
            return of_percent(100) if re.match(_BUILD_END, row) else None
        done, total = int(found["done"]), int(found["total"])
        before = self._stages.get(found["stage"], (0, 0))
        if done <= total and len(self._stages) < _MOST:
            self._stages[found["stage"]] = max(done, before[0]), max(total, before[1])
        every = [sum(one) for one in zip(*self._stages.values())] or [0, 0]
        return of_count(every[0], every[1], found["text"].decode("utf-8", "replace"))


class Layers:
    """`docker pull` and `docker push`: each layer in a row of its own, without a word about all of them."""

    def __init__(self) -> None:
        self._layers: dict[bytes, bool] = {}

    def read(self, row: bytes) -> Reading | None:
        """What a plain row adds; None where it is none of these."""
        found = re.match(_LAYER, row) if row[12:14] == b": " else None
        if not found or len(self._layers) > _MOST:
            return None
        state = found["state"].strip()
        if not state.startswith(_LAYER_STATES + _LAYER_ENDS):
            return None
        self._layers[found["layer"]] = state.startswith(_LAYER_ENDS)
        return of_count(sum(self._layers.values()), len(self._layers), grows=True)


class AnnouncedItems:
    """A tool that says at first how many there are, and then names each that has ended: Playwright, Nx."""

    def __init__(self) -> None:
        self._total = 0
        self._ended: set[bytes] = set()

    @property
    def is_waiting(self) -> bool:
        """Whether rows without a sign are looked for."""
        return len(self._ended) < self._total

    def read(self, row: bytes) -> Reading | None:
        """What a plain row adds; None where it is none of these."""
        begun = re.match(_TESTS_BEGIN, row) or re.match(_TASKS_BEGIN, row)
        if begun:
            counts = [int(count) for count in begun.groups() if count]
            self._total, self._ended = min(sum(counts) or 1, _MOST), set()
            return None
        found = re.match(_ENDED_ITEM, row) if self._total else None
        if not found:
            return None
        self._ended.add(found["item"])
        return of_count(len(self._ended), self._total)

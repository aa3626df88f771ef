"""Tools whose progress is the sum of several rows: each remembers what it has seen."""

from __future__ import annotations

import re

from chef.reporter.output.progress.reading import Reading, of_count, of_percent

_BUILD_STEP = (
    rb"(?:#\d+|=>(?: (?:CACHED|ERROR|CANCELED))?) \[(?P<stage>[^\]]*?) ?\b(?P<done>\d+)/(?P<total>\d+)\] "
    rb"(?P<text>.*?)(?: +\d+\.\d+s)?$"
)
_BUILD_END = rb"\[\+\] Building .* FINISHED\b|(?:#\d+|=>) exporting to "
_LAYER = rb"(?P<layer>[0-9a-f]{12}): (?P<state>[A-Z][A-Za-z ]+)"
_LAYER_STATES = (
    *(b"Pulling fs layer", b"Waiting", b"Downloading", b"Verifying Checksum", b"Download complete"),
    *(b"Extracting", b"Preparing", b"Pushing"),
)
_LAYER_ENDS = (b"Pull complete", b"Already exists", b"Pushed", b"Layer already exists")
_NX = rb"(?:NX|Lerna \(powered by Nx\))"
_TASKS_END = rb"%s +(?:Successfully ran|Ran) target" % _NX
_TICK = rb"(?:\xe2[\x80-\xbf]{2}|ok|x|-|\xc2[\x80-\xbf])"
# The row with the number of items, and the row of one that has ended.
_ANNOUNCED = (
    (rb"Running (\d+) tests? using \d+ workers?", rb"%s +(?P<item>\d+)" % _TICK),
    (
        rb"%s +Running target \S+ for (?:(\d+) projects?|project \S+)(?: and (\d+) tasks? \w+ depends? on)?"
        % _NX,
        rb"(?:%s +nx run|\xe2\x9c[\x90-\x9f]) +(?P<item>[^\s:]+:\S+)" % _TICK,
    ),
    (
        rb"Package operations: (\d+) installs?, (\d+) updates?, (\d+) removals?",
        rb"(?:-|\xe2\x80\xa2) (?:Install|Updat|Upgrad|Downgrad|Remov)ing (?P<item>\S+) \(.*\)"
        rb"(?:: (?:Cloning|Extracting|Junctioning|Loading|Mirroring|Skipped|Source|Symlinking) .*)?$",
    ),
)
_PARTS = (
    rb"(?P<part>\S.*): Executed (?P<done>\d+) of (?P<total>\d+)\b.* secs?\)$",
    rb"\xe2\x97\x8f (?P<part>\S.*?) (?:\xe2\x96\x88)+ .*?\((?P<done>\d{1,3})%\)",
)
_MOST = 10_000


class BuildSteps:
    """BuildKit's `#7 [stage 2/5] RUN …`, and `=> [stage 2/5]` in a terminal: steps of all stages together.

    A stage is heard of when its first step begins. One that has a name is one of several, and `stage-2` the
    third: those that are still to come count as if they had as many steps as the others, until what was
    built is exported.
    """

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
        known, text = len(self._stages), found["text"].decode("utf-8", "replace")
        return of_count(every[0] * known, every[1] * (known + self._stages_to_come()), text)

    def _stages_to_come(self) -> int:
        """How many more stages there are at least, by the names of those that are known."""
        names = {stage.rpartition(b" ")[2] for stage in self._stages}
        named = {name for name in names if name and b"/" not in name}  # not a platform, as in `linux/amd64`
        numbers = [int(name[6:]) for name in named if re.fullmatch(rb"stage-\d{1,3}", name)]
        return max(0, max([1, *numbers]) + 1 - len(named)) if named else 0


class Layers:
    """`docker pull` and `docker push`: each layer in a row of its own, without a word about all of them.

    All of them are named first, so that nothing is read before one that was named has ended.
    """

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
        is_new, has_ended = found["layer"] not in self._layers, state.startswith(_LAYER_ENDS)
        self._layers[found["layer"]] = has_ended
        return of_count(sum(self._layers.values()), len(self._layers)) if has_ended and not is_new else None


class Parts:
    """What goes on at once and has a row each, counted together.

    Karma's browsers, `Chrome 156.0 (Linux): Executed 3 of 12`, and webpackbar's builds,
    `● Client ███ building (45%)`.
    """

    def __init__(self) -> None:
        self._parts: dict[bytes, tuple[int, int]] = {}

    def read(self, row: bytes) -> Reading | None:
        """What a plain row adds; None where it is none of these."""
        found = next((found for one in _PARTS if (found := re.match(one, row))), None)
        if not found or len(self._parts) > _MOST:
            return None
        self._parts[found["part"]] = int(found["done"]), int(found.groupdict().get("total") or 100)
        done, total = (sum(one) for one in zip(*self._parts.values()))
        return of_count(done, total)


class AnnouncedItems:
    """A tool that says at first how many there are, and then names each that has ended.

    Playwright, Nx, Composer and Poetry.
    """

    def __init__(self) -> None:
        self._total = 0
        self._announcement, self._item = b"", b""
        self._ended: set[bytes] = set()

    @property
    def is_waiting(self) -> bool:
        """Whether rows without a sign are looked for."""
        return len(self._ended) < self._total

    @property
    def are_tasks(self) -> bool:
        """Whether they are tasks that go on, between whose rows their own output stands."""
        return self.is_waiting and b"nx run" in self._item

    def read(self, row: bytes) -> Reading | None:
        """What a plain row adds; None where it is none of these."""
        if re.match(_TASKS_END, row):
            self._total = 0
        for announcement, item in _ANNOUNCED:
            begun = re.match(announcement, row)
            if begun and begun[0] == self._announcement and self.is_waiting:
                return None  # It is drawn anew.
            if begun:
                counts = [int(count) for count in begun.groups() if count is not None]
                self._total = min(sum(counts) if counts else 1, _MOST)
                self._announcement, self._item, self._ended = begun[0], item, set()
                return None
        found = re.match(self._item, row) if self._total else None
        if not found:
            return None
        self._ended.add(found["item"])
        return of_count(len(self._ended), self._total)

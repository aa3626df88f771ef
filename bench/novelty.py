"""New kinds of lines: whether the cause is among the first ones, and what a log of a million lines costs."""

from __future__ import annotations

import random
import tempfile
import time
import uuid

import gevent

from bench.report import Table, figures, judge
from chef.domain.clock import now_ms
from chef.domain.model import LogPiece, Update
from chef.domain.segments import Segmenter
from chef.greenlets import SideThread
from chef.live.noveltyreviews import NoveltyReviews
from chef.live.tracker import Tracker
from chef.metrics import Metrics
from chef.settings.config import Settings
from chef.store import Store
from tests.tools.pairs import new_kinds, recorded_pairs

_LINES = 1_000_000
_FIRST = 3


def run(*, quick: bool) -> list[Table]:
    table = Table(["recorded failure", "green runs", "lines", "new kinds", "place of the cause"])
    table.text = (
        "Sessions of real tools, tests/recordings. The place is that among the new kinds, in their order."
    )
    found = pairs = 0
    for pair in recorded_pairs():
        kinds = new_kinds(pair.green, pair.failed)
        place = next((place for place, kind in enumerate(kinds, 1) if pair.cause in kind.text), None)
        pairs, found = pairs + 1, found + (place is not None and place <= _FIRST)
        lines = pair.failed.count(b"\n") + 1
        table.rows.append(
            [pair.name, str(len(pair.green)), str(lines), str(len(kinds)), str(place or "none")]
        )
    judged = figures()
    judge(
        judged,
        f"of {pairs} recorded failures the cause is among the first {_FIRST}",
        found / pairs * 100,
        ">= 80",
        " %",
    )
    lines = _LINES // 20 if quick else _LINES
    with tempfile.TemporaryDirectory(prefix="chef-bench-") as folder:
        green, failed = _costs(f"sqlite:///{folder}/chef.db", lines)
    judge(judged, f"a green log of {lines:,} lines is learned", green, "< 15", " s of CPU")
    judge(judged, f"a failed one of {lines:,} lines is compared", failed, "< 15", " s of CPU")
    return [table, judged]


def _costs(url: str, lines: int) -> tuple[float, float]:
    """Seconds of CPU time that a green log costs and a failed one, each from its end until it is compared."""
    store, thread = Store(Settings(database_url=url)), SideThread()
    tracker = Tracker(store, Metrics(), now_ms)
    reviews = NoveltyReviews(store, thread, now_ms, quiet_ms=1)
    try:
        green = _cost(tracker, store, reviews, "green", _log(lines, 1))
        return green, _cost(tracker, store, reviews, "failed", _log(lines, 2))
    finally:
        reviews.close()
        thread.close()
        store.close()


def _cost(tracker: Tracker, store: Store, reviews: NoveltyReviews, job: str, log: bytes) -> float:
    segmenter = Segmenter(65536)
    for start in range(0, len(log), 1 << 16):
        segments = segmenter.feed(log[start : start + (1 << 16)])
        tracker.record([LogPiece(job, segments, "bench")])
    end = Update("completed", job) if job == "green" else Update("error", job, message="it failed")
    stored = tracker.record([end]).stored
    gevent.sleep(10)  # Upkeep of the log itself is done.
    before = time.process_time()
    reviews.note(stored)
    while store.novelty.waiting(1):
        gevent.sleep(0.2)
    return time.process_time() - before


def _log(lines: int, seed: int) -> bytes:
    """A log of a server's smoke test and a build, with times, ids, paths and numbers in its lines."""
    chance = random.Random(seed)
    return b"".join(_line(place, chance).encode() for place in range(lines))


def _line(place: int, chance: random.Random) -> str:
    rest = chance.randrange(10**6)
    lines = (
        f"2026-11-28 14:{rest % 60:02}:{place % 60:02} GET /orders/{rest} in {rest % 90}.3 ms\n",
        f"[{place % 345}/345] Building C object src/CMakeFiles/shop.dir/part{rest % 12}.c.o\n",
        f"tests/test_shop.py::test_total_{rest % 400} PASSED [{place % 100:3}%]\n",
        f"request {uuid.UUID(int=chance.getrandbits(128))} from 10.0.{rest % 255}.7:{rest % 60000} done\n",
        f"copied /builds/{rest}/app/dist/chunk-{rest:08x}.js ({rest % 90}.{rest % 10} kB)\n",
        "  ok\n",
    )
    return lines[place % len(lines)]

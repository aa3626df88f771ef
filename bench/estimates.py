"""The cost of an estimate in a project of 10,000 runs: the first viewer's, and a thousand's.

`bench.progress` shows it beside how good the estimates are.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.report import Table, figures, judge, median
from chef.domain.batches import Batch, Item
from chef.domain.clock import now_ms
from chef.domain.model import Update
from chef.live.forecaster import Forecaster
from chef.settings.config import Settings
from chef.store import Store

_RUNS, _AT_ONCE = 10_000, 500
_VIEWERS = 1000
_RUN_MS = 80_000


def cost(*, quick: bool) -> Table:
    """How long the first viewer of a job waits for its estimate, and how often a thousand have it made."""
    with tempfile.TemporaryDirectory(prefix="chef-bench-") as folder:
        store = Store(Settings(database_url=f"sqlite:///{Path(folder) / 'chef.db'}"))
        try:
            _fill(store, now_ms(), _RUNS // 10 if quick else _RUNS)
            return _judged(store)
        finally:
            store.close()


def _judged(store: Store) -> Table:
    job = store.job("now")
    assert job is not None
    firsts, made = [], 0
    for _ in range(21):
        forecaster = Forecaster(store, now_ms)  # It knows nothing yet.
        begun = time.perf_counter()
        assert forecaster.estimate(job) is not None
        firsts.append((time.perf_counter() - begun) * 1000)
        for _ in range(_VIEWERS - 1):
            forecaster.estimate(job)
        made = max(made, forecaster.computed)
    table = figures()
    table.text = f"A running job in a project of {_RUNS:,} finished runs of its kind, in SQLite."
    judge(
        table, "the first viewer's estimate: history read, model made, asked", median(firsts), "< 20", " ms"
    )
    judge(table, f"computations for {_VIEWERS:,} viewers", made, "= 1")
    return table


def _fill(store: Store, now: int, count: int) -> None:
    meta = {"kind": "ci / test"}
    for start in range(0, count, _AT_ONCE):
        names = [f"run-{number}" for number in range(start, start + _AT_ONCE)]
        began = now - (count - start + 2) * _RUN_MS
        _append(
            store, began, [Update("progress", name, "web", phase="installing", meta=meta) for name in names]
        )
        _append(store, began + 20_000, [Update("progress", name, phase="building") for name in names])
        _append(store, began + 60_000 + start, [Update("completed", name) for name in names])
    _append(store, now, [Update("progress", "now", "web", phase="installing", meta=meta)])


def _append(store: Store, at: int, updates: Sequence[Update]) -> None:
    store.append(Batch(tuple(Item(update) for update in updates), at))

"""The cost of a POST: one progress update, on disk when it is answered, against a Flask hello world.

Two of them: behind pywsgi's own handler, as Flask's users have it, and behind Chef's, which is twice as
fast. The bounds are those of the first plan, whose prototype took 2.1 times what the stock one did at one
poster; the second one is the harder measure. With `BENCH_EARLIER=CHECKOUT` also against another commit.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from bench.driver import POSTER, Result, measure, progress
from bench.report import Table, alternate, figures, judge, median, number
from bench.servers import CHEF, EARLIER, HELLO, STOCK, STOCK_HELLO, chefs, serve

_POSTERS = (1, 8, 64)
# POSTs a second at which both have to wait.
_PACE = 500


def run(*, quick: bool) -> list[Table]:
    rounds, seconds = (3, 1.0) if quick else (5, 2.0)
    results: dict[tuple[str, int], list[Result]] = defaultdict(list)
    paced: dict[str, list[Result]] = defaultdict(list)

    def once(name: str) -> None:
        with serve(name) as server:
            body = progress(job=f"job-{POSTER}")
            measure(server, body, posters=8, seconds=0.5)  # warm
            for posters in (1,) if name == STOCK else _POSTERS:
                result = measure(server, body, posters=posters, seconds=seconds)
                if result["errors"]:
                    raise RuntimeError(f"{name}: {result.figures}")
                results[name, posters].append(result)

            if name != STOCK:
                paced[name].append(measure(server, body, posters=1, seconds=seconds, rate=_PACE))

    alternate([*chefs(), HELLO, STOCK_HELLO, STOCK], rounds, once)
    sync = _sync_times(200)
    return [_table(results), _judged(results, paced, sync)]


def _table(results: dict[tuple[str, int], list[Result]]) -> Table:
    table = Table(
        ["server", "posters", "POSTs per server CPU second", "p50 ms", "p99 ms", "POSTs per second"]
    )
    table.text = (
        "Keep-alive POSTs of one progress update, flat out. Chef commits with fsync before it answers; "
        "the others keep nothing. A server that waits for a disk begins again with cold caches "
        "after each wait, and so does a hello world at the pace at which it has to wait."
    )
    for (name, posters), runs in results.items():
        columns = [
            median([one.posts_per_cpu for one in runs]),
            median([one["post_p50"] for one in runs]),
            median([one["post_p99"] for one in runs]),
            median([one["posts"] / one["posting_s"] for one in runs]),
        ]
        table.rows.append([name, str(posters), *map(number, columns)])
    return table


def _judged(
    results: dict[tuple[str, int], list[Result]], paced: dict[str, list[Result]], sync: list[float]
) -> Table:
    table = figures()
    table.text = (
        f"This disk writes and syncs 4 KiB in {number(median(sync))} ms (p50), {number(sync[-3])} ms (p99)."
    )
    for hello in (HELLO, STOCK_HELLO):
        for posters, bound in ((64, 1.3), (1, 2.2)):
            ratio = _ratio(results[hello, posters], results[CHEF, posters])
            name = "1 poster" if posters == 1 else f"{posters} posters"
            judge(table, f"CPU per stored update against {hello}, {name}", ratio, f"< {bound}", " x")
        ratio = _ratio(paced[hello], paced[CHEF])
        table.rows.append([f"the same, 1 poster, {_PACE} POSTs a second", number(ratio, " x"), "", ""])
    for posters in _POSTERS if (EARLIER, 1) in results else ():
        ratio = _ratio(results[EARLIER, posters], results[CHEF, posters])
        judge(
            table,
            f"CPU per stored update against the earlier commit, posters: {posters}",
            ratio,
            "<= 1.02",
            " x",
        )
    one = median([run["post_p50"] for run in results[CHEF, 1]])
    judge(table, "p50 of one poster with fsync", one, "< 1", " ms")
    stall = median([run["post_p50"] for run in results[STOCK, 1]])
    judge(table, "stock stalls (Nagle's algorithm, p50); Chef must not", stall - one, ">= 20", " ms")
    return table


def _ratio(hello: list[Result], chef: list[Result]) -> float:
    """How much more CPU time an update of Chef's takes, in rounds of both."""
    return median([one.posts_per_cpu / other.posts_per_cpu for one, other in zip(hello, chef, strict=True)])


def _sync_times(count: int) -> list[float]:
    """How long this disk takes to append 4 KiB and sync, in ms, sorted."""
    times = []
    with (
        tempfile.TemporaryDirectory(prefix="chef-bench-") as folder,
        (Path(folder) / "file").open("wb", 0) as file,
    ):
        for _ in range(count):
            begun = time.perf_counter()
            file.write(b"x" * 4096)
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - begun) * 1000)
    return sorted(times)

"""A start: CPU time until the server listens, and the memory that it then holds."""

from __future__ import annotations

from collections import defaultdict

from bench.report import Table, alternate, judge, median, number
from bench.servers import CHEF, EARLIER, chefs, serve

_MB = 1e6


def run(*, quick: bool) -> list[Table]:
    cpu: dict[str, list[float]] = defaultdict(list)
    memory: dict[str, list[float]] = defaultdict(list)

    def once(name: str) -> None:
        with serve(name) as server:
            # Nothing was asked of it but whether it listens.
            cpu[name].append(server.cpu())
            memory[name].append(server.memory() / _MB)

    alternate(chefs(), 3 if quick else 9, once)
    table = Table(["what", *chefs()])
    table.text = (
        "`python app.py` with an empty SQLite store. With `BENCH_EARLIER=CHECKOUT` beside another commit."
    )
    table.rows.append(["CPU seconds until it listens", *(number(median(cpu[name])) for name in chefs())])
    table.rows.append(["resident MB, idle", *(number(median(memory[name])) for name in chefs())])
    return [table, _judged(cpu, memory)] if EARLIER in cpu else [table]


def _judged(cpu: dict[str, list[float]], memory: dict[str, list[float]]) -> Table:
    table = Table(["what", "measured", "must be", ""])
    for what, values, bound in (("CPU time of a start", cpu, 0.5), ("memory, idle", memory, 0.65)):
        ratio = median([now / then for now, then in zip(values[CHEF], values[EARLIER], strict=True)])
        judge(table, f"{what}, against the earlier commit", ratio, f"< {bound}", " x")
    return table

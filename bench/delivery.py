"""Delivery to many viewers, against Socket.IO on Node and on Bun, stock Flask-SocketIO and a floor in C."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from bench.driver import Result, drive, log_lines, measure, progress
from bench.report import Table, alternate, figures, judge, median, number
from bench.servers import BUN, CHEF, FLOOR, NODE, STOCK_NODELAY, Server, serve

_SERVERS = [CHEF, NODE, BUN, STOCK_NODELAY, FLOOR]
_LINES = 100

_FEW = "100 viewers, 50 events/s"
_PACED = "1000 viewers, 50 events/s"
_ONE = "1000 viewers, single POSTs flat out, 1 poster"
_EIGHT_FLAT_OUT = "1000 viewers, single POSTs flat out, 8 posters"
_EIGHT = "the same, 8 posters"
_LOGS = f"1000 viewers, {_LINES} log lines per POST"

Results = dict[tuple[str, str], list[Result]]


def run(*, quick: bool) -> list[Table]:
    rounds, seconds, posts, batches = (3, 2, 100, 3) if quick else (5, 4, 400, 6)
    results: Results = defaultdict(list)
    connecting: dict[str, list[float]] = defaultdict(list)
    crowd = 1000 if quick else 5000

    def once(name: str) -> None:
        with serve(name) as server:
            cases = {
                # First, since memory is counted from a fresh server.
                _PACED: _case(1000, posters=2, rate=50, seconds=seconds),
                _FEW: _case(100, posters=2, rate=50, seconds=seconds),
                _ONE: _case(1000, posters=1, count=posts),
                _EIGHT: _case(1000, posters=8, count=posts),
                _LOGS: _case(1000, posters=1, count=batches, lines=_LINES),
            }
            for number_, (case, measured) in enumerate(cases.items()):
                result = measured(server, f"bench-{number_}")
                if not result.complete:
                    raise RuntimeError(f"{name}, {case}: {result.figures}\n{server.output()[-2000:]}")
                results[name, case].append(result)
        with serve(name) as server:
            connecting[name].append(_connect(server, crowd))

    alternate(_SERVERS, rounds, once)
    return [_table(results, connecting, crowd), _judged(results, connecting, crowd)]


def _case(viewers: int, **options: object) -> Callable[[Server, str], Result]:
    # A job of its own for each, so that no viewer is shown an earlier case's newest state.
    def measured(server: Server, job: str) -> Result:
        body = log_lines(_LINES, job) if "lines" in options else progress(job)
        everything: dict[str, object] = {"seconds": 600, "subscribe": f'420["subscribe:job","{job}"]'}
        return measure(server, body, viewers, **(everything | options))

    return measured


def _connect(server: Server, viewers: int) -> float:
    """CPU seconds to connect and subscribe that many viewers."""
    before = server.cpu()
    with drive(server.port, viewers=viewers):
        return server.cpu() - before


def _table(results: Results, connecting: dict[str, list[float]], crowd: int) -> Table:
    cases = [_FEW, _PACED, _ONE, _EIGHT, _LOGS]
    table = Table(["messages per server CPU second", *_SERVERS])
    table.text = (
        "An event is about 220 bytes long. Chef stores each with fsync before it is sent; "
        "the others keep nothing."
    )

    def row(what: str, value: Callable[[str], float]) -> None:
        table.rows.append([what, *(number(value(name)) for name in _SERVERS)])

    for case in cases:
        row(case, lambda name, case=case: _median(results[name, case], "messages_per_cpu"))  # type: ignore[misc]
    for case in cases:
        row(f"p99 ms, {case}", lambda name, case=case: _latency(results[name, case], "p99"))  # type: ignore[misc]
    row(
        "p50 ms of a POST, 1000 viewers, 50 events/s",
        lambda name: _latency(results[name, _PACED], "post_p50"),
    )
    row("KB per idle viewer (1000)", lambda name: _median(results[name, _PACED], "memory_per_viewer") / 1024)
    row(f"CPU seconds to connect {crowd:,} viewers", lambda name: median(connecting[name]))
    return table


def _median(runs: list[Result], attribute: str) -> float:
    return median([float(getattr(run, attribute)) for run in runs])


def _latency(runs: list[Result], name: str) -> float:
    return median([run[name] for run in runs])


def _judged(results: Results, connecting: dict[str, list[float]], crowd: int) -> Table:
    table = figures()
    table.text = "Ratios within one round, their medians."

    def against(peer: str, case: str, value: Callable[[Result], float]) -> float:
        pairs = zip(results[CHEF, case], results[peer, case], strict=True)
        return median([value(chef) / max(value(other), 1e-6) for chef, other in pairs])

    def speed(result: Result) -> float:
        return result.messages_per_cpu

    def slowness(result: Result) -> float:
        return result["p99"]

    judge(
        table,
        f"messages per CPU second, {_PACED}, against Node",
        against(NODE, _PACED, speed),
        ">= 1.7",
        " x",
    )
    judge(table, "the same against Bun", against(BUN, _PACED, speed), ">= 1.2", " x")
    judge(table, "the same, of what the floor reaches", against(FLOOR, _PACED, speed), ">= 0.78", " x")
    judge(table, f"the same, {_FEW}, against Bun", against(BUN, _FEW, speed), ">= 1", " x")
    judge(table, f"the same, {_EIGHT_FLAT_OUT}, against Node", against(NODE, _EIGHT, speed), ">= 12", " x")
    judge(table, f"the same, {_LOGS}, against Node", against(NODE, _LOGS, speed), ">= 60", " x")
    judge(
        table, "p99 POST to viewer in that case, against Node", against(NODE, _LOGS, slowness), "< 0.2", " x"
    )
    judge(table, f"p99 POST to viewer, {_PACED}, against Node", against(NODE, _PACED, slowness), "< 1", " x")
    memory = against(NODE, _PACED, lambda result: result.memory_per_viewer)
    judge(table, "memory per idle viewer against Node", memory, "< 0.6", " x")
    pairs = zip(connecting[CHEF], connecting[NODE], strict=True)
    connect = median([chef / other for chef, other in pairs])
    judge(table, f"CPU time to connect {crowd:,} viewers against Node", connect, "< 1", " x")
    return table

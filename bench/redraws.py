"""The cost of a log that a terminal draws again and again, beside that of a plain one, at the server."""

from __future__ import annotations

import subprocess
import tempfile
from collections import defaultdict
from pathlib import Path

from bench.report import Table, alternate, figures, judge, median, number
from bench.servers import CHEF, EARLIER, Server, chefs, serve

_ROWS = 10


def run(*, quick: bool) -> list[Table]:
    frames = 10_000 if quick else 100_000
    cpu: dict[tuple[str, str], list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="chef-bench-") as place:
        logs = _logs(Path(place), frames)

        def once(name: str) -> None:
            for what, log in logs.items():
                if name == CHEF or what == _PLAIN:
                    with serve(name, CHEF_MAX_LOG_BYTES=str(10**9)) as server:
                        cpu[name, what].append(_send(server, log))

        alternate(chefs(), 1 if quick else 5, once)
    table = Table(["CPU seconds of the server", *chefs()])
    table.text = f"`curl -T -` of a file, {frames:,} frames of {_ROWS} rows, and as many plain lines."
    for what in logs:
        values = (cpu.get((name, what)) for name in chefs())
        table.rows.append([what, *(number(median(found)) if found else "" for found in values)])
    return [table, _judged(cpu)]


_PLAIN, _FRAMES = "plain lines", "the same as frames, each drawn over the one before"


def _logs(folder: Path, frames: int) -> dict[str, Path]:
    rows = [f"row {row} of the frame, some text 12345" for row in range(_ROWS)]
    plain = "".join(f"{row}\n" for row in rows)
    frame = "".join(f"\x1b[2K\x1b[32m{row}\x1b[0m\r\n" for row in rows) + f"\x1b[{_ROWS}A"
    logs = {_PLAIN: folder / "plain", _FRAMES: folder / "frames"}
    logs[_PLAIN].write_text(plain * frames)
    logs[_FRAMES].write_bytes((frame * frames).encode())
    return logs


def _send(server: Server, log: Path) -> float:
    before = server.cpu()
    url = f"http://127.0.0.1:{server.port}/api/jobs/job/logs?projectId=bench"
    with log.open("rb") as body:
        subprocess.run(["curl", "-fsS", "-o", "/dev/null", "-T", "-", url], stdin=body, check=True)
    return server.cpu() - before


def _judged(cpu: dict[tuple[str, str], list[float]]) -> Table:
    table = figures()
    pairs = zip(cpu[CHEF, _FRAMES], cpu[CHEF, _PLAIN], strict=True)
    ratio = median([frames / plain for frames, plain in pairs])
    judge(table, "frames against plain lines", ratio, "< 1", " x")
    if (EARLIER, _PLAIN) in cpu:
        pairs = zip(cpu[CHEF, _PLAIN], cpu[EARLIER, _PLAIN], strict=True)
        ratio = median([now / then for now, then in pairs])
        judge(table, "plain lines, against the earlier commit", ratio, "< 1.05", " x")
    return table

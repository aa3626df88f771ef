"""The reporter: what `chef run` costs a build, and what arrives when the server does not hold still."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from bench.report import Table, figures, judge
from bench.servers import CHEF, DRIVER_CORE, Server, free_port, serve, start
from bench.web import Web
from chef.reporter.bundle import python_script
from chef.version import VERSION

_LINES = 1_000_000
_BUILD_S = 60
_AWAY_S = 60
_QUIET_S = 20
_KILLS = 3
_SEED = 7
_TICKS = os.sysconf("SC_CLK_TCK")
# A build's shell: lines at a pace, a hundred a second.
_PACED = "n=0; while [ $n -lt {lines} ]; do n=$((n+1)); echo line $n; sleep 0.01; done; exit 3"

# Commands that behave oddly, and how they end: exit status, or the signal as Popen has it.
_ODD = {
    "gets Ctrl-C (SIGINT to the group)": ("echo begun; exec sleep 30", signal.SIGINT, True),
    "gets SIGTERM through the reporter": ("echo begun; exec sleep 30", signal.SIGTERM, False),
    "closes its output and goes on": ("echo begun; exec >&- 2>&-; sleep 1; exit 5", None, False),
    "leaves a child that holds the pipe": ("sleep 5 & echo begun; exit 6", None, False),
    "writes 1 MB of binary": ("echo begun; head -c 1000000 random; exit 7", None, False),
    "writes 10 MB without a newline": ("echo begun; head -c 10000000 /dev/zero; exit 8", None, False),
}


def run(*, quick: bool) -> list[Table]:
    table = figures()
    with tempfile.TemporaryDirectory(prefix="chef-bench-") as place:
        machine = Machine(Path(place))
        _many_lines(table, machine, _LINES // 10 if quick else _LINES)
        _killed(table, machine, 24 if quick else _BUILD_S)
        _away(table, machine, 30 if quick else _AWAY_S)
        _cost(table, machine, 5 if quick else _QUIET_S)
        _odd(table, machine)
    return [table]


class Ran(NamedTuple):
    """How a command ended: status, CRC-32 of its output, what was said, how long it took, what it cost."""

    status: int
    crc: int
    said: str
    seconds: float
    cpu: float
    memory: int


class Machine:
    """A build machine with the served file on it; commands run on the driver's core."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "random").write_bytes(random.Random(_SEED).randbytes(1_000_000))
        self._chef = folder / "chef.py"
        self._chef.write_bytes(python_script(VERSION).text)
        self._numbers = iter(range(1, 1000))

    def new_job(self) -> str:
        return f"bench-{next(self._numbers)}"

    def bare(self, script: str, **options: Any) -> Ran:
        return self._run(["sh", "-c", script], {}, **options)

    def reported(self, port: int, job: str, script: str, *options: str, **more: Any) -> Ran:
        command = [sys.executable, "-I", str(self._chef), "run", *options, "--", "sh", "-c", script]
        settings = {"CHEF_URL": f"http://127.0.0.1:{port}", "CHEF_PROJECT": "bench", "CHEF_JOB": job}
        return self._run(command, settings, **more)

    def _run(
        self,
        command: list[str],
        settings: dict[str, str],
        *,
        number: signal.Signals | None = None,
        to_group: bool = False,
    ) -> Ran:
        environ = {"PATH": os.environ["PATH"], "TMPDIR": str(self.folder)} | settings
        out = self.folder / "out"
        began = time.monotonic()
        with out.open("wb") as stdout, (self.folder / "err").open("wb") as stderr:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
            os.sched_setaffinity(process.pid, {DRIVER_CORE})
            if number is not None:
                while b"begun" not in out.read_bytes():
                    time.sleep(0.02)
                (os.killpg if to_group else os.kill)(process.pid, number)
            # Counted by the kernel for this process alone, without the processes that it waited for.
            usage = _watch(process)
        took = time.monotonic() - began
        said = (self.folder / "err").read_text(errors="replace")
        return Ran(process.returncode, zlib.crc32(out.read_bytes()), said, took, *usage)


def _watch(process: subprocess.Popen[bytes]) -> tuple[float, int]:
    """Wait for a process; returns its own CPU seconds and its largest resident size as last seen."""
    cpu, memory = 0.0, 0
    while process.poll() is None:
        try:
            fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
            status = Path(f"/proc/{process.pid}/status").read_text()
        except OSError:
            continue
        if "VmHWM" in status:
            cpu = (int(fields[11]) + int(fields[12])) / _TICKS
            memory = int(status.partition("VmHWM:")[2].split()[0]) * 1024
        time.sleep(0.01)
    return cpu, memory


def _faults(port: int, job: str, ran: Ran) -> int:
    """1 where the server's log is not what the command wrote."""
    same = zlib.crc32(Web(port).get(f"/api/jobs/{job}/logs?raw=1")) == ran.crc
    return int(not same or _is_incomplete(port, job))


def _is_incomplete(port: int, job: str) -> bool:
    """Whether the server does not say that it has just the bytes that the reporter says it sent."""
    verdict = Web(port).json(f"/api/jobs/{job}").get("integrity") or {}
    return verdict.get("complete") is not True


def _complaints(ran: Ran) -> int:
    return sum("/jobs/" not in line for line in ran.said.splitlines())


def _many_lines(table: Table, machine: Machine, count: int) -> None:
    script, job = f"seq 1 {count}", machine.new_job()
    with serve(CHEF) as server:
        bare = min(machine.bare(script).seconds for _ in range(3))
        ran = machine.reported(server.port, job, script, "--linger", "60")
        what = f"`seq 1 {count}`"
        judge(table, f"{what}: longer than the bare command ({bare:.2f} s)", ran.seconds - bare, "< 2", " s")
        judge(
            table,
            "the same: logs with another CRC-32",
            _faults(server.port, job, ran),
            "= 0",
        )
        lines = Web(server.port).json(f"/api/jobs/{job}")["lines"]
        judge(table, "the same: lines missing", count - lines, "= 0")
        judge(table, "the same: CPU of the reporter", ran.cpu, "< 2", " s")


@contextmanager
def _mortal(kills: int, seconds: float) -> Iterator[tuple[int, list[Server]]]:
    """A server that is killed and started again some times within a time, and then stays."""
    with tempfile.TemporaryDirectory(prefix="chef-bench-") as place:
        port, chance = free_port(), random.Random(_SEED)
        servers = [start(CHEF, Path(place), port)]

        def haunt() -> None:
            for _ in range(kills):
                time.sleep(seconds / (kills + 1) * chance.uniform(0.6, 1))
                servers[-1].kill()
                time.sleep(chance.uniform(0.2, 2))
                servers.append(start(CHEF, Path(place), port))

        ghost = threading.Thread(target=haunt)
        ghost.start()
        try:
            yield port, servers
        finally:
            ghost.join()
            servers[-1].stop()


def _killed(table: Table, machine: Machine, seconds: int) -> None:
    job = machine.new_job()
    with _mortal(_KILLS, seconds) as (port, servers):
        ran = machine.reported(port, job, _PACED.format(lines=seconds * 70))
        what = f"server killed with -9 {len(servers) - 1} times in a build of {ran.seconds:.0f} s"
        judge(table, f"{what}: logs that are not the output", _faults(port, job, ran), "= 0")
        judge(table, "the same: exit statuses that are not the command's", int(ran.status != 3), "= 0")
        judge(table, "the same: lines that say that something did not arrive", _complaints(ran), "= 0")


def _away(table: Table, machine: Machine, seconds: int) -> None:
    # Sleeps take as long as they take; what is compared is a build of the same sleeps.
    script = f"for n in $(seq {seconds}); do seq 2000; sleep 1; done; exit 3"
    bare = machine.bare(script)
    ran = machine.reported(free_port(), machine.new_job(), script, "--linger", "0")
    longer = (ran.seconds / bare.seconds - 1) * 100
    judge(table, f"no server, a build of {bare.seconds:.0f} s: longer by", longer, "< 1", " %")
    judge(table, "the same: other exit status or output", int(ran[:2] != bare[:2]), "= 0")
    judge(table, "the same: lines that say so", _complaints(ran), "= 1")


def _cost(table: Table, machine: Machine, seconds: int) -> None:
    with serve(CHEF) as server:
        begin = machine.reported(server.port, machine.new_job(), "true")
        quiet = machine.reported(
            server.port, machine.new_job(), f"for n in $(seq {seconds}); do echo $n; sleep 1; done"
        )
        busy = machine.reported(server.port, machine.new_job(), _PACED.format(lines=seconds * 70))
    judge(
        table,
        "a line a second: CPU after the start",
        (quiet.cpu - begin.cpu) / quiet.seconds * 100,
        "< 2",
        " %",
    )
    judge(
        table,
        "70 lines a second: CPU after the start",
        (busy.cpu - begin.cpu) / busy.seconds * 100,
        "< 2",
        " %",
    )
    judge(table, "start and end: CPU", begin.cpu, "< 0.5", " s")
    judge(table, "a line a second: memory", quiet.memory / 1e6, "< 50", " MB")
    flood = machine.reported(free_port(), machine.new_job(), "seq 1 15000000", "--linger", "0")
    judge(table, "no server, 130 MB of output: memory", flood.memory / 1e6, "< 50", " MB")


def _odd(table: Table, machine: Machine) -> None:
    with serve(CHEF) as server:
        for what, (script, number, to_group) in _ODD.items():
            job = machine.new_job()
            bare = machine.bare(script, number=number, to_group=to_group)
            ran = machine.reported(server.port, job, script, number=number, to_group=to_group)
            wrong = int(ran[:2] != bare[:2]) + _is_incomplete(server.port, job) + _complaints(ran)
            wrong += int(ran.seconds > bare.seconds + 3)
            judge(
                table,
                f"a command that {what}: differences",
                wrong,
                "= 0",
            )
            time.sleep(0.1)

"""A real PostgreSQL (Debian's `postgresql`) in a folder of its own, for one test run."""

from __future__ import annotations

import glob
import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from tests.tools.serving import free_port

# PostgreSQL refuses to run as root; Debian's package brings this user.
_USER = "postgres"


class Postgres:
    """`with Postgres() as postgres: postgres.new_database()`; `options` are those of its command line."""

    def __init__(self, options: str = "") -> None:
        self._options = options
        self._port = free_port()
        self._databases = 0

    def __enter__(self) -> Postgres:
        # Not in a folder of pytest's: only its user may enter those, and the server has one of its own.
        self._folder = Path(tempfile.mkdtemp(prefix="chef-postgres-"))
        if os.geteuid() == 0:
            shutil.chown(self._folder, _USER)
        self._run("initdb", "-D", str(self._data), "-A", "trust", "-U", "chef", "--no-sync")
        self.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.stop()
        shutil.rmtree(self._folder)

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return self._folder

    @property
    def pid(self) -> int:
        """The process that all of its processes are children of."""
        return int((self._data / "postmaster.pid").read_text().split()[0])

    def new_database(self) -> str:
        """Make an empty database; returns its URL."""
        self._databases += 1
        name = f"chef{self._databases}"
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self._port), "-U", "chef", name)
        return f"postgresql://chef@127.0.0.1:{self._port}/{name}"

    def stop(self) -> None:
        """Stop the server at once, if it runs."""
        self._run("pg_ctl", "-D", str(self._data), "-m", "immediate", "-w", "stop", check=False)

    def start(self) -> None:
        """Start it again after `stop`, at the same place."""
        options = f"-h 127.0.0.1 -p {self._port} -k '' {self._options}"
        self._run(
            "pg_ctl", "-D", str(self._data), "-l", str(self._folder / "log"), "-o", options, "-w", "start"
        )

    def freeze(self) -> None:
        """Stop the server and all its processes (SIGSTOP): connections are taken, and nobody answers."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let them go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        pid = int((self._data / "postmaster.pid").read_text().split()[0])
        os.kill(pid, number)
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            with suppress(ProcessLookupError):
                os.kill(int(child), number)

    def _run(self, program: str, *arguments: str, check: bool = True) -> None:
        command = [_find(program), *arguments]
        if os.geteuid() == 0:
            command = ["setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups", *command]
        done = subprocess.run(
            command, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False
        )
        assert not check or done.returncode == 0, done.stderr.decode()


def _find(program: str) -> str:
    """The program of the newest PostgreSQL; Debian keeps most of them off the PATH."""
    debian = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{program}"))
    found = debian[-1] if debian else shutil.which(program)
    assert found, f"{program} is not installed (Debian: apt-get install postgresql)"
    return found

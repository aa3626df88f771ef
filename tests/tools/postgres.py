"""A real PostgreSQL (Debian's `postgresql`) in a folder of its own, for one test run."""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
from pathlib import Path
from types import TracebackType

from tests.tools.serving import free_port

# PostgreSQL refuses to run as root; Debian's package brings this user.
_USER = "postgres"


class Postgres:
    """`with Postgres(folder) as postgres: postgres.new_database()`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self._databases = 0

    def __enter__(self) -> Postgres:
        data = self._folder / "data"
        if os.geteuid() == 0:
            for parent in (self._folder, *self._folder.parents):
                # pytest's folders are its user's alone; the server's user has to get through.
                if parent.owner() == "root" and parent != Path("/") and "pytest" in str(parent):
                    parent.chmod(0o755)
            shutil.chown(self._folder, _USER)
        self._run("initdb", "-D", str(data), "-A", "trust", "-U", "chef", "--no-sync")
        options = f"-h 127.0.0.1 -p {self._port} -k ''"
        self._run("pg_ctl", "-D", str(data), "-l", str(self._folder / "log"), "-o", options, "-w", "start")
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.stop()

    def new_database(self) -> str:
        """Make an empty database; returns its URL."""
        self._databases += 1
        name = f"chef{self._databases}"
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self._port), "-U", "chef", name)
        return f"postgresql://chef@127.0.0.1:{self._port}/{name}"

    def stop(self) -> None:
        """Stop the server at once, if it runs."""
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-m", "immediate", "stop", check=False)

    def start(self) -> None:
        """Start it again after `stop`, at the same place."""
        data, options = str(self._folder / "data"), f"-h 127.0.0.1 -p {self._port} -k ''"
        self._run("pg_ctl", "-D", data, "-l", str(self._folder / "log"), "-o", options, "-w", "start")

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

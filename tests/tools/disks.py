"""A small disk for a server: a tmpfs where this machine lets us mount one, else a limit of file sizes."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.tools.serving import Served

_BYTES = 4 * 1024 * 1024


class SmallDisk:
    """A folder on a small disk, which can be filled up and made room on, and be read-only."""

    def __init__(self, folder: Path, *, mounted: bool) -> None:
        self.folder = folder
        self.mounted = mounted
        self._filler = folder / "filler"

    def fill(self, server: Served) -> None:
        """Leave no room: on a disk of its own no byte, else none beyond what its files are now."""
        if self.mounted:
            with self._filler.open("wb", buffering=0) as file, suppress(OSError):
                while file.write(bytes(4096)):
                    pass
        else:
            _limit(server, max(file.stat().st_size for file in self.folder.glob("chef.db*")))

    def make_room(self, server: Served) -> None:
        """As it was before."""
        if self.mounted:
            self._filler.unlink()
        else:
            _limit(server, resource.RLIM_INFINITY)

    def make_read_only(self) -> None:
        """Nobody can write here, not even root; where nothing is mounted this is for others."""
        if self.mounted:
            _run("mount", "-o", "remount,ro", str(self.folder))
        else:
            self.folder.chmod(0o500)


def _limit(server: Served, size: int) -> None:
    _, hard = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size, hard))


def _run(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@contextmanager
def small_disk(folder: Path) -> Iterator[SmallDisk]:
    """A small disk at a folder, which is made."""
    folder.mkdir()
    mounted = _run("mount", "-t", "tmpfs", "-o", f"size={_BYTES}", "tmpfs", str(folder))
    try:
        yield SmallDisk(folder, mounted=mounted)
    finally:
        if mounted:
            _run("umount", "-l", str(folder))
        else:
            folder.chmod(0o700)

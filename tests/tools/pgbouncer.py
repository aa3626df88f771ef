"""A real PgBouncer (Debian's `pgbouncer`) before a PostgreSQL, in a folder of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.tools.serving import free_port

# It refuses to run as root.
_USER = "postgres"
_START_S = 30


@contextmanager
def pgbouncer(database_url: str, mode: str, connections: int) -> Iterator[str]:
    """A pooler with that many connections to the server; gives the URL of the database behind it.

    `mode` is `session` or `transaction`, where the next client finds what a session left behind.
    """
    server, port = urlsplit(database_url), free_port()
    folder = Path(tempfile.mkdtemp(prefix="chef-pgbouncer-"))
    (folder / "users").write_text('"chef" ""\n')
    (folder / "pgbouncer.ini").write_text(
        f"[databases]\n* = host={server.hostname} port={server.port}\n[pgbouncer]\n"
        f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = trust\n"
        f"auth_file = {folder / 'users'}\npool_mode = {mode}\ndefault_pool_size = {connections}\n"
        f"logfile = {folder / 'log'}\n"
    )
    command = [_find(), "-q", str(folder / "pgbouncer.ini")]
    if os.geteuid() == 0:
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, _USER)
        command = ["setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups", *command]
    process = subprocess.Popen(command, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait(process, port, folder / "log")
        yield server._replace(netloc=f"chef@127.0.0.1:{port}").geturl()
    finally:
        process.kill()  # Told to end, newer ones wait for their clients.
        process.wait()
        shutil.rmtree(folder)


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        else:
            return


def _find() -> str:
    """The program; Debian keeps servers where users do not look."""
    found = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/sbin")
    assert found, "pgbouncer is not installed (Debian: apt-get install pgbouncer)"
    return found

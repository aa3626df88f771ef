"""`chef run` in a terminal: the command has one of its own."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import termios
import threading
from pathlib import Path

import pytest

from tests.tools.reporting import (
    Machine,
    lines,
    raw,
    stored,
)
from tests.tools.serving import Served
from tests.tools.watching import eventually

pytest_plugins = ["tests.tools.reporter_fixtures"]
pytestmark = [pytest.mark.real, pytest.mark.slow]


class Terminal:
    """A terminal in which `chef run` is started by a shell's child, with what it shows so far."""

    def __init__(self, command: list[str], environment: dict[str, str], folder: Path) -> None:
        self.shown = b""
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execvpe(command[0], command, environment)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        try:
            while data := os.read(self._fd, 65536):
                self.shown += data
        except OSError:
            pass

    def type(self, data: bytes) -> None:
        os.write(self._fd, data)

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def wait(self) -> int:
        _, status = os.waitpid(self.pid, 0)
        self._reader.join(5)
        os.close(self._fd)
        return os.waitstatus_to_exitcode(status)


def in_terminal(machine: Machine, *command: str) -> Terminal:
    return Terminal(machine.command("run", *command), machine.environment, machine.folder)


def test_in_a_terminal_the_command_has_one(served: Served, machine: Machine, job: str) -> None:
    terminal = in_terminal(
        machine, "--", "sh", "-c", "tty && test -t 2 && stty size; printf '\\033[31mred\\033[m\\n'"
    )
    assert terminal.wait() == 0
    assert b"/dev/pts/" in terminal.shown
    assert b"\x1b[31mred\x1b[m\r\n" in terminal.shown
    assert b"\x1b[31mred\x1b[m\r\n" in raw(served, job)
    assert stored(served, job)["lines"] == 3


def test_a_window_that_changes_its_size_does_so_for_the_command(machine: Machine) -> None:
    script = "trap 'stty size' WINCH; stty size; n=0; while [ ! -e go ] && sleep 0.05; do :; done"
    terminal = in_terminal(machine, "-q", "--", "sh", "-c", script)
    eventually(lambda: b"0 0\r\n" in terminal.shown)
    terminal.resize(30, 100)
    eventually(lambda: b"30 100\r\n" in terminal.shown)
    (machine.folder / "go").touch()
    assert terminal.wait() == 0


def test_what_is_typed_goes_to_the_command(machine: Machine) -> None:
    terminal = in_terminal(machine, "--", "sh", "-c", 'stty -echo; echo ready; read line; echo "got $line"')
    eventually(lambda: b"ready" in terminal.shown)
    terminal.type(b"hello\n")
    assert terminal.wait() == 0
    assert b"got hello\r\n" in terminal.shown


def test_ctrl_c_ends_the_command_and_then_us(served: Served, machine: Machine, job: str) -> None:
    terminal = in_terminal(machine, "--", "sh", "-c", "echo ready; exec sleep 60")
    eventually(lambda: b"ready" in terminal.shown)
    terminal.type(b"\x03")
    assert terminal.wait() == -signal.SIGINT
    assert stored(served, job)["status"] == "cancelled"


def test_where_input_is_piped_lines_end_as_in_any_terminal(
    served: Served, machine: Machine, job: str
) -> None:
    line = " ".join(machine.command("run", "-q", "--", "cat"))
    terminal = Terminal(["sh", "-c", f"echo piped | {line}"], machine.environment, machine.folder)
    assert terminal.wait() == 0
    assert terminal.shown == b"piped\r\n"
    assert raw(served, job) == b"piped\n"


def test_a_command_can_have_a_terminal_although_ours_is_none(
    served: Served, machine: Machine, job: str
) -> None:
    script = "test -t 1 && test -t 2 && stty size <&1; echo problem >&2; exit 3"
    done = machine.run("run", "-q", "--pty", "--", "sh", "-c", script)
    assert (done.status, done.out, done.err) == (3, b"24 120\nproblem\n", "")
    assert lines(served, job) == [("stdout", "24 120"), ("stdout", "problem")]

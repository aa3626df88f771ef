"""Runs a command as if nobody looked: its output goes through unchanged, signals and the exit status too.

Where our output is a terminal the command gets one of its own (a pty), else pipes.
"""

from __future__ import annotations

import errno
import os
import selectors
import signal
import subprocess
import sys
import time
from typing import Any, Callable, NamedTuple

try:
    import fcntl
    import termios
    import tty
except ImportError:
    pass  # Windows: nothing can be run there (running.Run says so), all other commands work.

READ_BYTES = 64 * 1024
# What a process that the command left behind writes is waited for this long: since its last output, in all.
_GRACE_S = 0.25
_LONGEST_GRACE_S = 2.0
_LOOK_S = 1.0
# Output of less than this, so soon after other output, is followed by a rest.
_SMALL_BYTES = 1024
_SOON_S = 0.02
_REST_S = 0.01
_FORWARDED = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")
_MAX_TYPED = 64 * 1024

Output = Callable[[str, bytes], None]


class Ended(NamedTuple):
    """How a command ended: its exit status as shells tell it, and the signal that ended it."""

    status: int
    signal: int | None = None
    failure: str | None = None


class Source:
    """An output of the command: where we read it, where it goes to, which stream it is."""

    def __init__(self, fd: int, target: int, stream: str) -> None:
        self.fd = fd
        self.target = target
        self.stream = stream
        self.is_wanted = True


class Command:
    """A command that is run once. `tick` is called now and then; it returns in how many seconds again."""

    def __init__(
        self, arguments: list[str], environ: dict[str, str], output: Output, tick: Callable[[], float | None]
    ) -> None:
        self._arguments = arguments
        self._environ = environ
        self._output = output
        self._tick = tick
        self._process: subprocess.Popen[bytes] | None = None
        self._sources: dict[int, Source] = {}
        self._selector = selectors.DefaultSelector()
        self._master: int | None = None
        self._typed = bytearray()
        self._reads_keys = False
        self._saved_mode: Any = None
        self._own_group = False
        self._old_handlers: dict[int, Any] = {}
        self._wakeup: tuple[int, int] | None = None
        self._interrupted = False
        self._last_read = -1

    def start(self) -> Ended | None:
        """Start it; the result says why it cannot be."""
        outputs = self._make_outputs()
        try:
            self._process = self._spawn(self._arguments, outputs)
        except OSError as error:
            self._close_sources()
            return cannot_start(self._arguments[0], error)
        finally:
            for fd in set(outputs):
                os.close(fd)
        return None

    def run(self) -> Ended:
        """Pass everything on until it has ended."""
        assert self._process is not None
        self._take_signals()
        try:
            self._read_keys()
            self._pump()
        finally:
            self._give_keys_back()
            self._give_signals_back()
            self._close_sources()
        status = self._process.returncode
        return Ended(status) if status >= 0 else Ended(128 - status, signal=-status)

    @property
    def was_interrupted(self) -> bool:
        """Whether somebody pressed Ctrl-C in the command's own terminal."""
        return self._interrupted

    # --- starting --------------------------------------------------------------------------

    def _make_outputs(self) -> tuple[int, int]:
        """What the command gets as stdout and stderr."""
        if os.isatty(1):
            self._master, slave = os.openpty()
            os.set_blocking(self._master, False)
            self._take_window_size()
            self._add(self._master, 1, "stdout")
            if os.isatty(2):
                return slave, slave
            return slave, self._pipe(2, "stderr")
        out = self._pipe(1, "stdout")
        # Two names of one place: one pipe for both keeps their order.
        return (out, out) if _same_file(1, 2) else (out, self._pipe(2, "stderr"))

    def _pipe(self, target: int, stream: str) -> int:
        reading, writing = os.pipe()
        self._add(reading, target, stream)
        return writing

    def _add(self, fd: int, target: int, stream: str) -> None:
        self._sources[fd] = Source(fd, target, stream)
        self._selector.register(fd, selectors.EVENT_READ)

    def _spawn(self, arguments: list[str], outputs: tuple[int, int]) -> subprocess.Popen[bytes]:
        slave = outputs[0] if self._master is not None else None
        keys = slave if slave is not None and os.isatty(0) else None
        # Without a terminal the command gets a group of its own, so that what is sent to ours does not
        # reach it twice. With one it must stay in the group that the terminal listens to.
        self._own_group = slave is None and not _has_terminal()

        def prepare() -> None:
            if slave is not None:
                os.setsid()
                fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
            elif self._own_group:
                os.setpgid(0, 0)

        try:
            # Descriptors that we were given are the command's too, such as make's job server.
            return subprocess.Popen(
                arguments,
                stdin=keys,
                stdout=outputs[0],
                stderr=outputs[1],
                env=self._environ,
                close_fds=False,
                preexec_fn=prepare,
            )
        except OSError as error:
            if error.errno != errno.ENOEXEC or arguments[0] == "/bin/sh":
                raise
            # A script without `#!`: shells run it themselves.
            return self._spawn(["/bin/sh", *arguments], outputs)

    def _take_window_size(self) -> None:
        if self._master is not None:
            try:
                size = fcntl.ioctl(1, termios.TIOCGWINSZ, b"\0" * 8)
                fcntl.ioctl(self._master, termios.TIOCSWINSZ, size)
            except OSError:
                pass

    # --- passing on ------------------------------------------------------------------------

    def _pump(self) -> None:
        assert self._process is not None
        exited: float | None = None
        last = time.monotonic()
        while exited is None or (self._sources and self._patience(exited, last) > 0):
            ready = self._selector.select(self._patience(exited, last))
            for key, _ in ready:
                if key.fd in self._sources:
                    size = self._pass_on(self._sources[key.fd])
                    before, last = last, time.monotonic()
                    self._rest(key.fd, size, last - before)
                elif self._wakeup and key.fd == self._wakeup[0]:
                    _drain(key.fd)
                    ready = []
                else:
                    self._take_keys()
            self._send_keys()
            # Asked where a signal came or nothing did, not for each line.
            if not ready and exited is None and self._process.poll() is not None:
                exited = last = time.monotonic()

    def _patience(self, exited: float | None, last: float) -> float:
        """How long to wait for more; none where it was long enough since the command has ended."""
        wait = self._tick()
        if exited is None:
            return _LOOK_S if wait is None else min(_LOOK_S, wait)
        return max(0.0, min(last + _GRACE_S, exited + _LONGEST_GRACE_S) - time.monotonic())

    def _rest(self, fd: int, size: int, pause: float) -> None:
        """Let small pieces of one output come together: being woken costs as much as many lines.

        A terminal is not made to wait, nor is who writes much at once, and streams keep their order.
        """
        if self._master is None and fd == self._last_read and 0 < size < _SMALL_BYTES and pause < _SOON_S:
            time.sleep(_REST_S)
        self._last_read = fd

    def _pass_on(self, source: Source) -> int:
        """Read some output and pass it on; returns how much it was."""
        try:
            data = os.read(source.fd, READ_BYTES)
        except BlockingIOError:
            return 0
        except OSError:  # What Linux says where nobody has the pty open any more.
            data = b""
        if not data:
            self._close(source)
            return 0
        try:
            if source.is_wanted:
                write_all(source.target, data)
        except OSError:
            # Nobody reads our output any more: the command shall notice, as it would without us.
            source.is_wanted = False
            if source.fd != self._master:
                self._close(source)
        self._output(source.stream, data)
        return len(data)

    def _close(self, source: Source) -> None:
        if self._sources.pop(source.fd, None):
            self._selector.unregister(source.fd)
            if source.fd != self._master:
                os.close(source.fd)

    def _close_sources(self) -> None:
        for source in list(self._sources.values()):
            self._close(source)
        if self._master is not None:
            os.close(self._master)
            self._master = None
        self._selector.close()

    # --- the keyboard ----------------------------------------------------------------------

    def _read_keys(self) -> None:
        """Pass on what is typed, as it is: the command's terminal makes lines and signals of it."""
        if self._master is None or not os.isatty(0) or not _is_in_front(0):
            return
        self._saved_mode = termios.tcgetattr(0)
        self._copy_mode()
        tty.setraw(0)
        self._reads_keys = True
        self._selector.register(0, selectors.EVENT_READ)

    def _copy_mode(self) -> None:
        try:
            termios.tcsetattr(self._master, termios.TCSANOW, self._saved_mode)  # type: ignore[arg-type]
        except termios.error:
            pass

    def _take_keys(self) -> None:
        try:
            typed = os.read(0, 4096)
        except BlockingIOError:
            return
        except OSError:
            typed = b""
        if not typed or len(self._typed) > _MAX_TYPED:
            self._stop_reading_keys()
        if b"\x03" in typed and self._makes_signals():
            self._interrupted = True
        self._typed += typed

    def _makes_signals(self) -> bool:
        """Whether the command's terminal makes a signal of Ctrl-C."""
        try:
            return bool(termios.tcgetattr(self._master)[3] & termios.ISIG)  # type: ignore[arg-type]
        except termios.error:
            return False

    def _send_keys(self) -> None:
        while self._typed and self._master is not None:
            try:
                del self._typed[: os.write(self._master, self._typed)]
            except BlockingIOError:
                return
            except OSError:
                self._typed.clear()

    def _stop_reading_keys(self) -> None:
        if self._reads_keys:
            self._reads_keys = False
            self._selector.unregister(0)

    def _give_keys_back(self) -> None:
        self._stop_reading_keys()
        if self._saved_mode is not None:
            try:
                termios.tcsetattr(0, termios.TCSADRAIN, self._saved_mode)
            except termios.error:
                pass
            self._saved_mode = None

    # --- signals ---------------------------------------------------------------------------

    def _take_signals(self) -> None:
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        os.set_blocking(writing, False)
        self._wakeup = (reading, writing)
        self._selector.register(reading, selectors.EVENT_READ)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        for name in _FORWARDED:
            self._handle(getattr(signal, name), self._forward)
        self._handle(signal.SIGTSTP, self._stop)
        self._handle(signal.SIGWINCH, lambda _number, _frame: self._take_window_size())
        self._handle(signal.SIGCHLD, lambda _number, _frame: None)
        if self._process is not None and self._process.poll() is not None:
            os.write(writing, b"\0")

    def _handle(self, number: int, handler: Any) -> None:
        # What is ignored (nohup) the command ignores as well.
        if signal.getsignal(number) is not signal.SIG_IGN:
            self._old_handlers[number] = signal.signal(number, handler)

    def _give_signals_back(self) -> None:
        for number, handler in self._old_handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(-1)
        if self._wakeup:
            for fd in self._wakeup:
                os.close(fd)
            self._wakeup = None

    def _forward(self, number: int, _frame: Any) -> None:
        # Ctrl-C and the like reach a command that shares our terminal by themselves.
        from_terminal = number in (signal.SIGINT, signal.SIGQUIT)
        if self._master is None and not self._own_group and from_terminal:
            return
        self._send(number)

    def _send(self, number: int) -> None:
        assert self._process is not None
        if self._process.returncode is not None:
            return
        try:
            if self._master is not None or self._own_group:
                os.killpg(self._process.pid, number)
            else:
                os.kill(self._process.pid, number)
        except (ProcessLookupError, PermissionError):
            pass

    def _stop(self, _number: int, _frame: Any) -> None:
        """Stop with the command and go on with it."""
        raw = self._saved_mode is not None and termios.tcgetattr(0)
        if self._saved_mode is not None:
            termios.tcsetattr(0, termios.TCSADRAIN, self._saved_mode)
        # In a session of its own nobody could wake it: there SIGTSTP does nothing.
        self._send(signal.SIGSTOP if self._master is not None else signal.SIGTSTP)
        os.kill(os.getpid(), signal.SIGSTOP)
        if raw and _is_in_front(0):
            termios.tcsetattr(0, termios.TCSADRAIN, raw)
        self._take_window_size()
        self._send(signal.SIGCONT)


def write_all(fd: int, data: bytes) -> None:
    """Write all of it, waiting where the other side is slow; raises OSError where nobody reads."""
    left = memoryview(data)
    while left:
        try:
            left = left[os.write(fd, left) :]
        except BlockingIOError:
            with selectors.DefaultSelector() as selector:
                selector.register(fd, selectors.EVENT_WRITE)
                selector.select()


def end_like(ended: Ended) -> int:
    """End as the command did, by the same signal where it was one; else the exit status is returned."""
    if ended.signal is None:
        return ended.status
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        import resource

        # The command has left its core already, if it should.
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        if ended.signal != signal.SIGKILL:
            signal.signal(ended.signal, signal.SIG_DFL)
        os.kill(os.getpid(), ended.signal)
    except (ImportError, OSError, ValueError):
        pass
    return ended.status


def cannot_start(name: str, error: OSError) -> Ended:
    """What a shell says and how it ends where a command cannot be run."""
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return Ended(127, failure="%s: command not found" % name)
    return Ended(126, failure="%s: %s" % (name, error.strerror or error))


def _same_file(one: int, other: int) -> bool:
    try:
        return os.path.samestat(os.fstat(one), os.fstat(other))
    except OSError:
        return False


def _has_terminal() -> bool:
    """Whether a terminal controls us and listens to our group."""
    try:
        fd = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return _is_in_front(fd)
    finally:
        os.close(fd)


def _is_in_front(fd: int) -> bool:
    try:
        return os.tcgetpgrp(fd) == os.getpgrp()
    except OSError:
        return False


def _drain(fd: int) -> None:
    try:
        while os.read(fd, 4096):
            pass
    except OSError:
        pass

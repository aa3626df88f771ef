"""Runs a command as if it was started without us: output, signals and the exit status go through unchanged.

Where our output is a terminal the command gets one of its own (a pty), else pipes.
"""

from __future__ import annotations

import errno
import os
import selectors
import signal
import subprocess
import time
from typing import Any, Callable

from chef.reporter.process.exits import Ended, cannot_start, ended_with
from chef.reporter.process.outputs import CommandOutputs, TakeOutput
from chef.reporter.process.signals import FORWARDED, SignalHandlers
from chef.reporter.process.stopping import BuildStop
from chef.reporter.process.terminal import Keyboard, become_controlled_by, copy_window_size, has_terminal

# Output of a process that the command left behind is waited for: since the last of it, and in all.
_GRACE_S = 0.25
_LONGEST_GRACE_S = 2.0
_LOOK_S = 1.0


class Command:
    """A command that is run once. `tick` is called now and then; it returns in how many seconds again.

    With `pty` the command has a terminal although our output is none. `stop_after` is how many seconds a
    stop gives it before SIGKILL.
    """

    def __init__(
        self,
        arguments: list[str],
        environ: dict[str, str],
        output: TakeOutput,
        tick: Callable[[], float | None],
        pty: bool = False,
        stop_after: float = 10.0,
    ) -> None:
        self._stop_after = stop_after
        self._ending: BuildStop | None = None
        self._stopped_by: str | None = None
        self._arguments = arguments
        self._environ = environ
        self._tick = tick
        self._process: subprocess.Popen[bytes] | None = None
        self._selector = selectors.DefaultSelector()
        self._outputs = CommandOutputs(output, self._selector, pty)
        self._signals = SignalHandlers(self._selector)
        self._keyboard: Keyboard | None = None
        self._own_group = False
        self._was_stopped = False

    def start(self) -> Ended | None:
        """Start it; the result says why it cannot be."""
        ends = self._outputs.open()
        try:
            self._process = self._spawn(self._arguments, ends)
        except OSError as error:
            self._close()
            return cannot_start(self._arguments[0], error)
        finally:
            for fd in set(ends):
                os.close(fd)
        if self._outputs.master is not None:
            self._keyboard = Keyboard(self._outputs.master, self._selector)
        return None

    def run(self) -> Ended:
        """Pass everything on until it has ended."""
        assert self._process is not None
        self._take_signals(self._process)
        try:
            if self._keyboard:
                self._keyboard.start()
            self._pump(self._process)
            if self._ending is not None:
                self._ending.outlast(self._outlast_tick)
        finally:
            if self._keyboard:
                self._keyboard.stop()
            self._signals.remove()
            self._close()
        ended = ended_with(self._process.returncode)
        return ended._replace(was_stopped=self._was_stopped, stopped_by=self._stopped_by)

    @property
    def was_interrupted(self) -> bool:
        """Whether Ctrl-C was typed in the command's own terminal."""
        return self._keyboard is not None and self._keyboard.was_interrupted

    def stop(self, by: str) -> bool:
        """End it at the request of somebody, and all that it started; returns whether it still ran."""
        process = self._process
        if process is None or self._ending is not None or process.poll() is not None:
            return False
        has_group = self._outputs.master is not None or self._own_group
        self._ending = BuildStop(process.pid, process.pid if has_group else None, self._stop_after)
        self._stopped_by = by
        self._ending.terminate()
        return True

    def wake(self) -> None:
        """Have `tick` called soon; from any thread."""
        self._signals.wake()

    def _outlast_tick(self) -> None:
        self._tick()

    def _close(self) -> None:
        self._outputs.close()
        self._selector.close()

    # --- starting --------------------------------------------------------------------------

    def _spawn(self, arguments: list[str], outputs: tuple[int, int]) -> subprocess.Popen[bytes]:
        slave = outputs[0] if self._outputs.master is not None else None
        # Without a terminal the command gets a group of its own, so that what is sent to ours does not
        # reach it twice. With one it must stay in the group that the terminal listens to.
        self._own_group = slave is None and not has_terminal()

        def prepare() -> None:
            if slave is not None:
                become_controlled_by(slave)
            elif self._own_group:
                os.setpgid(0, 0)

        try:
            # Descriptors that we were given are the command's too, such as make's job server.
            return subprocess.Popen(
                arguments,
                stdin=slave if slave is not None and os.isatty(0) else None,
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

    # --- passing on ------------------------------------------------------------------------

    def _pump(self, process: subprocess.Popen[bytes]) -> None:
        exited: float | None = None
        self._outputs.last_output = time.monotonic()
        while exited is None or (self._outputs and self._patience(exited) > 0):
            ready = self._selector.select(self._patience(exited))
            has_signal = self._take(ready)
            if self._keyboard:
                self._keyboard.pass_on()
            # Asked where a signal came or nothing did, not for each line.
            if (has_signal or not ready) and exited is None and process.poll() is not None:
                exited = self._outputs.last_output = time.monotonic()

    def _take(self, ready: Any) -> bool:
        """Read all that is ready; returns whether there was a signal."""
        has_signal = False
        for key, _ in ready:
            if key.fd in self._outputs:
                self._outputs.pass_on(key.fd)
            elif self._signals.take(key.fd):
                has_signal = True
            elif self._keyboard:
                self._keyboard.take()
        return has_signal

    def _patience(self, exited: float | None) -> float:
        """How long to wait for more; none where it was long enough since the command has ended."""
        waits = [self._tick(), self._ending.look() if self._ending else None]
        wait = min((one for one in waits if one is not None), default=None)
        if exited is None:
            return _LOOK_S if wait is None else min(_LOOK_S, wait)
        last = min(self._outputs.last_output + _GRACE_S, exited + _LONGEST_GRACE_S)
        return max(0.0, last - time.monotonic())

    # --- signals ---------------------------------------------------------------------------

    def _take_signals(self, process: subprocess.Popen[bytes]) -> None:
        handlers: dict[int, Callable[[int, Any], None]] = {
            getattr(signal, name): self._forward for name in FORWARDED
        }
        handlers[signal.SIGTSTP] = self._stop
        handlers[signal.SIGWINCH] = lambda _number, _frame: self._copy_window_size()
        handlers[signal.SIGCHLD] = lambda _number, _frame: None
        self._signals.install(handlers)
        if process.poll() is not None:
            self._signals.wake()

    def _forward(self, number: int, _frame: Any) -> None:
        self._was_stopped = self._was_stopped or number in (signal.SIGINT, signal.SIGTERM)
        # Ctrl-C and the like reach a command that shares our terminal by themselves.
        from_terminal = number in (signal.SIGINT, signal.SIGQUIT)
        if self._outputs.master is None and not self._own_group and from_terminal:
            return
        self._send(number)

    def _send(self, number: int) -> None:
        assert self._process is not None
        if self._process.returncode is not None:
            return
        try:
            if self._outputs.master is not None or self._own_group:
                os.killpg(self._process.pid, number)
            else:
                os.kill(self._process.pid, number)
        except (ProcessLookupError, PermissionError):
            pass

    def _stop(self, _number: int, _frame: Any) -> None:
        """Stop with the command and go on with it."""
        mode = self._keyboard.suspend() if self._keyboard else None
        # In a session of its own nobody could wake it: there SIGTSTP does nothing.
        self._send(signal.SIGSTOP if self._outputs.master is not None else signal.SIGTSTP)
        os.kill(os.getpid(), signal.SIGSTOP)
        if self._keyboard:
            self._keyboard.resume(mode)
        self._copy_window_size()
        self._send(signal.SIGCONT)

    def _copy_window_size(self) -> None:
        if self._outputs.master is not None:
            copy_window_size(self._outputs.master)

"""The server process: listen, serve, and leave in good order when told to (stack-traps 8 and 17)."""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import resource
import signal
import sys
from collections.abc import Callable
from time import monotonic
from types import TracebackType
from typing import Any

import gevent
from gevent import monkey
from gevent.event import Event

from chef.errors import StoreUnavailable
from chef.http.server import Server
from chef.listening import make_server
from chef.services import Services
from chef.settings.config import SettingError, Settings
from chef.startup import make_application

log = logging.getLogger(__name__)

# Requests in flight get this long to end; a platform kills after 30 s.
_GRACE_S = 8
_SPREAD_S = 4
# Of that, a balancer gets so long to ask whether this process is ready and to hear that it is not.
_BALANCER_S = 2
# Told again to stop, requests have this long.
_HURRY_S = 0.5
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
# So many connections and viewers fewer are a crowd that has gone.
_CROWD = 20
_TRIM_EVERY_S = 5


def main(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit status."""
    if not monkey.is_module_patched("socket"):
        raise RuntimeError("gevent.monkey.patch_all() must be the first statement of the program")
    _raise_descriptor_limit()
    gevent.get_hub().print_exception = _log_fault  # type: ignore[method-assign]
    try:
        app = make_application(settings)
    except StoreUnavailable as error:
        sys.stderr.write(f"chef: {error.detail}\n")
        return 1
    except SettingError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    services: Services = app.extensions["chef"]
    extension = app.extensions.get("socketio")
    server = make_server(settings, app)
    try:
        server.init_socket()
    except OSError as error:
        services.close()
        reason = (error.strerror or "").split(":")[0]  # gevent repeats the address there.
        sys.stderr.write(f"chef: cannot listen on {settings.host}:{settings.port}: {reason}\n")
        return 1
    services.start()
    server.start()
    gevent.spawn(_give_memory_back, lambda: len(server.connections) + _sessions(extension))
    gc.freeze()  # What is loaded now stays: the collector need not look at it again.
    # Few objects are in a cycle: looking for some after each few hundred is for nothing.
    gc.set_threshold(50_000, 20, 50)
    log.info("listening on http://%s:%d", shown_host(settings.host), server.server_port)
    stop, told = Event(), set[int]()
    for number in _SIGNALS:
        gevent.signal_handler(number, _take_signal, number, stop, told)
    stop.wait()
    _leave(server, services, extension)
    return 0


def _take_signal(number: int, stop: Event, told: set[int]) -> None:
    """Begin to leave. The same signal again means at once; another one may be of the same Ctrl-C."""
    if number in told:
        gevent.spawn_later(_HURRY_S, _end_by, number)
    told.add(number)
    stop.set()


def _end_by(number: int) -> None:
    log.warning("told twice to stop: what is in flight is cut off")
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _log_fault(
    context: object,
    t: type[BaseException] | None,  # noqa: ARG001 - the name is part of what gevent calls
    v: BaseException | str | None,
    tb: TracebackType | None,
) -> None:
    """A fault that nobody caught, in the log and in its format; gevent would print it beside that."""
    fault = v.with_traceback(tb) if isinstance(v, BaseException) else None
    log.error("a fault of the server in a %s", type(context).__name__, exc_info=fault)


def shown_host(host: str) -> str:
    """The host as it stands in an address that can be opened on this machine."""
    if host in ("0.0.0.0", "::"):  # noqa: S104 - only compared
        return "localhost"
    return f"[{host}]" if ":" in host else host


def _raise_descriptor_limit() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _sessions(extension: Any) -> int:
    """How many viewers there are, also those that poll, and so hold no connection."""
    return 0 if extension is None else len(extension.server.eio.sessions)


def _give_memory_back(count: Callable[[], int]) -> None:
    """After a crowd has gone, return to the system what the C library keeps of it (where it is glibc).

    In a thread: this takes some milliseconds. The collector looks only at what is young, which the crowd is.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    most = 0
    while trim is not None:
        gevent.sleep(_TRIM_EVERY_S)
        now = count()
        most = max(most, now)
        if most - now >= _CROWD:
            most = now
            gc.collect(1)
            gevent.get_hub().threadpool.apply(trim, (0,))


def _leave(server: Server, services: Services, extension: Any) -> None:
    """Take no more connections, answer what is in flight, store it, send the viewers away."""
    log.info("stopping")
    began = monotonic()
    services.readiness.leave(_BALANCER_S)
    server.stop_listening()
    services.hub.close()
    if extension is not None:
        gevent.spawn(_send_viewers_away, extension)
    if not server.drain(_GRACE_S - (monotonic() - began)):
        viewers = server.connections.detached
        log.warning("%d requests and %d viewers were cut off", len(server.busy), viewers)
    for number in _SIGNALS:
        # A disk that hangs may block the loop from here on: the system ends us then.
        signal.signal(number, signal.SIG_DFL)
    services.close()
    log.info("stopped")


def _send_viewers_away(extension: Any) -> None:
    """Close the viewers' connections one after the other: they come back, and not all at once."""
    sessions = extension.server.eio.sessions
    sids = list(sessions)
    for sid in sids:
        gevent.spawn(sessions.disconnect, sid)
        gevent.sleep(min(0.01, _SPREAD_S / len(sids)))

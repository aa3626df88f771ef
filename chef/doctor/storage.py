"""The store: reachable, writable, at the newest schema, within its limits, with room on its disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from chef.doctor.diagnosis import Diagnosis, milliseconds, ok, size, warning, wrong
from chef.errors import StoreUnavailable
from chef.settings.config import Settings
from chef.settings.platforms import wiped_disk
from chef.store import inspecting
from chef.store.inspecting import Inspection, database_file
from chef.store.sizes import Usage

# A commit that takes longer holds up every POST by that.
_SLOW_COMMIT_S = 0.1
# Bytes: less is soon full, and much less is full.
_LITTLE_ROOM, _NO_ROOM = 1024**3, 64 * 1024**2
_CLOCK_OFF_S, _CLOCK_WRONG_S = 2, 60
_MIGRATE = "run `python -m chef migrate`, or start the server, which does it, too"
_LASTING = "mount a volume there, or set DATABASE_URL to a PostgreSQL"
# Of a limit.
_NEARLY_ALL = 0.9
# File systems that are gone with their container or machine.
_FLEETING = ("overlay", "tmpfs", "ramfs", "aufs")


def look_at_store(settings: Settings) -> list[Diagnosis]:
    """The database as `DATABASE_URL` names it."""
    try:
        found: Inspection | None = inspecting.inspect(settings)
    except StoreUnavailable as error:
        advice = "is DATABASE_URL right, is the database up, may this machine reach it?"
        return [wrong("store", f"cannot be opened: {error.detail}", advice)]
    if found is None:
        return [ok("store", f"the file {database_file(settings)} is not there yet: a start makes it")]
    said = [_writable(found.kind, found.connect_s, found.size, found.commit_s, found.unwritable)]
    if found.narrow is not None:
        said += [wrong("store", found.narrow, "bring the data there with pg_dump")]
    said += [_migration(found.revision, inspecting.newest()), _limits(found.limits)]
    if found.connections is not None:
        said += [_connections(*found.connections), _clock(found.ahead_s)]
    return said


def _writable(kind: str, connect_s: float, bytes_: int, commit_s: float | None, why_not: str) -> Diagnosis:
    says = f"{kind}, {size(bytes_)}, opened in {milliseconds(connect_s)}"
    if why_not:
        return wrong(
            "store", f"{says}, cannot be written: {why_not}", "who holds a lock, or took away the right?"
        )
    if commit_s is None:
        return ok("store", says)
    says += f", a commit takes {milliseconds(commit_s)}"
    if commit_s > _SLOW_COMMIT_S:
        return warning("store", says, "every POST waits for its commit: look at the disk or at the way there")
    return ok("store", says)


def _migration(revision: str | None, newest: str) -> Diagnosis:
    if revision is None:
        return warning("migrations", "the database is empty", _MIGRATE)
    if revision == newest:
        return ok("migrations", f"at {revision}, the newest")
    if revision > newest:
        says = f"at {revision}, and this version knows none beyond {newest}"
        return wrong("migrations", says, "run the version of Chef that migrated it, or a newer one")
    return warning("migrations", f"at {revision}, the newest is {newest}", _MIGRATE)


def _limits(limits: dict[str, str]) -> Diagnosis:
    says = ", ".join(f"{name} {value}" for name, value in limits.items())
    endless = [name for name in ("statement_timeout", "lock_timeout") if limits.get(name) == "0"]
    if endless:
        advice = "a pooler drops them: let it pass them on, or set them with ALTER ROLE … SET"
        return warning("time limits", f"{says}: without {' and '.join(endless)} a request may hang", advice)
    return ok("time limits", says)


def _connections(used: int, most: int) -> Diagnosis:
    says = f"{used} of {most} connections of PostgreSQL are in use"
    if used > most * 0.8:
        return warning(
            "connections", says, "lower CHEF_STORE_CONNECTIONS, raise max_connections, or use a pooler"
        )
    return ok("connections", says)


def _clock(ahead_s: float) -> Diagnosis:
    says = f"the database's is {abs(ahead_s):.1f} s {'ahead of' if ahead_s >= 0 else 'behind'} this machine's"
    if abs(ahead_s) < _CLOCK_OFF_S:
        return ok("clock", says)
    make = wrong if abs(ahead_s) >= _CLOCK_WRONG_S else warning
    return make("clock", says, "set both by NTP: JWTs are compared without leeway, and times are shown")


def look_at_limits(settings: Settings) -> list[Diagnosis]:
    """How much of what may be stored is stored."""
    file = database_file(settings)
    try:
        used = None if file is not None and not file.exists() else inspecting.usage(settings)
    except StoreUnavailable:
        used = None  # Why is said of the store.
    if used is None:
        return [ok("limits", "nothing can be counted yet")]
    return [_usage(one) for one in used]


def _usage(one: Usage) -> Diagnosis:
    show = size if one.setting.endswith("_BYTES") else "{:,}".format
    says = f"{one.setting}: {show(one.used)} of {show(one.limit) if one.limit else 'any number'}"
    if one.limit and one.used >= one.limit * _NEARLY_ALL:
        return warning("limits", says, "raise it, or find out who sends that much; see /metrics")
    return ok("limits", says)


def look_at_disk(settings: Settings, values: Mapping[str, str]) -> list[Diagnosis]:
    """Room and kind of the disk that the SQLite file is on; `values` is the environment."""
    file = database_file(settings)
    if file is None:
        return [ok("disk", "nothing is kept on this machine's")]
    folder = file.absolute().parent
    if not folder.is_dir():
        return [wrong("disk", f"there is no folder {folder}", "make it, or correct DATABASE_URL")]
    wiped = wiped_disk(values, settings.database_url)
    kind = _file_system(folder)
    if not wiped and kind in _FLEETING:
        wiped = [f"{folder} is on {kind}, which is gone with its container or machine"]
    return [_room(folder), *(warning("disk", says, _LASTING) for says in wiped)]


def _room(folder: Path) -> Diagnosis:
    usage = shutil.disk_usage(folder)
    says = f"{size(usage.free)} of {size(usage.total)} are free at {folder}"
    if not os.access(folder, os.W_OK):
        return wrong(
            "disk", f"{folder} cannot be written by this user", "give it to the user who runs the server"
        )
    if usage.free < _NO_ROOM:
        return wrong("disk", says, "free some, or lower CHEF_RETENTION_DAYS; a full disk answers 503")
    if usage.free < _LITTLE_ROOM:
        return warning("disk", says, "free some, or lower CHEF_RETENTION_DAYS, before it is full")
    return ok("disk", says)


def _file_system(folder: Path) -> str:
    """The kind of file system that a folder is on; empty where the system does not say."""
    try:
        lines = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    mounts = {words[1]: words[2] for words in (line.split() for line in lines) if len(words) > 2}
    places = [str(place) for place in (folder, *folder.parents)]
    return next((mounts[place] for place in places if place in mounts), "")

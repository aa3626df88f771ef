"""The command: which checks there are, and how what they find is told."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial

from chef.doctor.configuration import look_at_descriptors, look_at_settings
from chef.doctor.diagnosis import Diagnosis
from chef.doctor.machine import look_at_clock
from chef.doctor.messaging import look_at_redis
from chef.doctor.packages import look_at_versions, look_for_holes
from chef.doctor.proxying import PublicAddress, look_at_proxies, public_address
from chef.doctor.running import Check, run
from chef.doctor.secrecy import Secrecy
from chef.doctor.storage import look_at_disk, look_at_limits, look_at_store
from chef.doctor.targets import target_checks
from chef.settings.config import SettingError, Settings, environment
from chef.version import VERSION


def doctor(arguments: argparse.Namespace) -> int:
    """Look, and tell; 1 where something is wrong. `arguments` has `json`, `url` and `within` (seconds)."""
    begun = time.monotonic()
    values: dict[str, str] = {}
    try:
        values = environment()
        settings, found = look_at_settings(values)
    except SettingError as error:  # .env cannot be read
        settings, found = None, [Diagnosis("settings", "wrong", str(error), "correct the file")]
    try:
        address = public_address(arguments.url, settings) if arguments.url else None
    except ValueError as error:
        sys.stderr.write(f"python -m chef doctor: --url {error}\n")
        return 2
    found += run(_checks(settings, values, address, arguments.within), arguments.within)
    seconds = time.monotonic() - begun
    secrecy = Secrecy(values)
    found = [replace(one, says=secrecy.hide(one.says), advice=secrecy.hide(one.advice)) for one in found]
    sys.stdout.write(_as_json(found, seconds) if arguments.json else _as_lines(found, seconds))
    return int(any(one.level == "wrong" for one in found))


def _checks(
    settings: Settings | None, values: Mapping[str, str], address: PublicAddress | None, within: float
) -> list[Check]:
    """All that can be looked at: without settings, what needs none."""
    checks = []
    if settings is not None and settings.redis_url is not None:
        import redis  # noqa: F401 - on a slow machine this takes long, which is no fault of Redis
    if settings is not None:
        checks += [
            Check(
                "store", partial(look_at_store, settings), advice="is the database up, and who holds a lock?"
            ),
            Check("limits", partial(look_at_limits, settings), late="warning"),
            Check("redis", partial(look_at_redis, settings), advice="is REDIS_URL right, is Redis up?"),
            Check("disk", partial(look_at_disk, settings, values)),
            Check("descriptors", partial(look_at_descriptors, settings)),
            *target_checks(settings),
        ]
    if address is not None:
        checks.append(Check("server", partial(look_at_proxies, address), advice="is it up at this address?"))
    return [
        *checks,
        Check("clock", look_at_clock),
        Check("versions", look_at_versions),
        Check("known holes", partial(look_for_holes, within * 0.9), late="warning"),
    ]


def _as_lines(found: Sequence[Diagnosis], seconds: float) -> str:
    lines = [
        f"{one.level:8} {one.check}: {one.says}{f' -> {one.advice}' if one.advice else ''}" for one in found
    ]
    bad = {level: sum(one.level == level for one in found) for level in ("wrong", "warning")}
    lines.append(f"{bad['wrong']} wrong, {bad['warning']} warnings, in {seconds:.1f} s")
    return "".join(f"{line}\n" for line in lines)


def _as_json(found: Sequence[Diagnosis], seconds: float) -> str:
    told = {
        "ok": all(one.level != "wrong" for one in found),
        "version": VERSION,
        "seconds": round(seconds, 3),
        "checks": [asdict(one) for one in found],
    }
    return json.dumps(told, indent=2, ensure_ascii=False) + "\n"

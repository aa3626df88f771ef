"""Settings: each one that is set, what is wrong with them, and names that are none."""

from __future__ import annotations

import resource
from collections.abc import Mapping

from chef.doctor.diagnosis import Diagnosis, ok, warning, wrong
from chef.settings.config import NAMES, SETTINGS, SettingError, Settings, doubts, unknown_names
from chef.settings.originpatterns import reach

_SEE = "docs/deploy.md, Settings, says what is allowed"
_FEW_DESCRIPTORS = 4096


def look_at_settings(values: Mapping[str, str]) -> tuple[Settings | None, list[Diagnosis]]:
    """The settings of an environment, `None` where some cannot be read, and what is to be said of them."""
    settings, faults = _read(values)
    faults.sort(key=lambda fault: NAMES.index(fault.name))
    found = [wrong("settings", str(fault), _SEE) for fault in faults]
    bad = {fault.name for fault in faults}
    found += [_shown(name, values) for name in NAMES if values.get(name, "").strip() and name not in bad]
    found += [
        warning("settings", sentence, "correct its name, or unset it") for sentence in unknown_names(values)
    ]
    if settings is not None:
        found += _origins_let_in(settings)
        found += [warning("settings", sentence, _SEE) for sentence in doubts(settings)]
    if not any(one.level == "ok" for one in found):
        found.append(ok("settings", "all are at their defaults"))
    return (None if faults else settings), found


def _read(values: Mapping[str, str]) -> tuple[Settings | None, list[SettingError]]:
    """Read them again without each bad one, to find all of those."""
    values, faults = dict(values), list[SettingError]()
    while True:
        try:
            return Settings.from_env(values, None), faults
        except SettingError as error:
            faults.append(error)
            if values.pop(error.name, None) is None:
                return None, faults


def _origins_let_in(settings: Settings) -> list[Diagnosis]:
    """Whose pages each `*` of an origin stands for."""
    return [
        ok("settings", f"{name}: {pattern} is {reach(pattern)}")
        for name, allowed in (
            ("WEBSOCKET_CORS_ORIGIN", settings.websocket_cors_origin or ()),
            ("CHEF_FRAME_ANCESTORS", settings.frame_ancestors),
        )
        for pattern in allowed
        if "*" in pattern and pattern != "*"
    ]


def _shown(name: str, values: Mapping[str, str]) -> Diagnosis:
    (setting,) = [one for one in SETTINGS if one.name == name]
    text = values[name].strip()
    value = "***" if setting.show is None else setting.show(text)
    return ok("settings", f"{name}={value}")


def look_at_descriptors(settings: Settings) -> list[Diagnosis]:
    """How many connections the limit of open files allows; a start raises it to the hard one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        return [ok("descriptors", "any number of open files")]
    most = settings.max_connections or int(hard * 0.8)
    says = f"{hard} open files at most, so {min(most, hard)} connections"
    if hard < _FEW_DESCRIPTORS:
        return [
            warning("descriptors", says, "raise the hard limit (ulimit -Hn, LimitNOFILE) for more viewers")
        ]
    if most > hard * 0.9:
        advice = f"lower CHEF_MAX_CONNECTIONS to {int(hard * 0.8)}, or raise the hard limit of open files"
        return [wrong("descriptors", f"{says}, and CHEF_MAX_CONNECTIONS={most} wants more", advice)]
    return [ok("descriptors", says)]

"""Whoever is told of builds: whether there is a server at each target's address. Nothing is sent."""

from __future__ import annotations

import socket
from functools import partial

from chef.doctor.diagnosis import Diagnosis, ok, warning, wrong
from chef.doctor.running import Check, first_line
from chef.outbox.guard import HttpPlace, place_of
from chef.outbox.kinds import make_channels
from chef.settings.config import SettingError, Settings

_TIMEOUT_S = 5.0


def target_checks(settings: Settings) -> list[Check]:
    """A check for each place that a target names, and for settings of which no target can be made."""
    try:
        channels = make_channels(settings)
    except SettingError as error:
        found = [wrong("targets", str(error), "docs/notify.md says how targets are written")]
        return [Check("targets", lambda: found)]
    places = dict.fromkeys(place_of(url) for channel in channels for url in channel.named)
    advice = "is it up, and does a firewall let this server reach it?"
    return [
        Check(f"target {place}", partial(look_at_place, place), late="warning", advice=advice)
        for place in places
    ]


def look_at_place(place: HttpPlace) -> list[Diagnosis]:
    """Whether somebody listens there."""
    check = f"target {place}"
    try:
        socket.create_connection((place.host, place.port), _TIMEOUT_S).close()
    except OSError as error:
        advice = "is it up? What it is to be told waits for a day"
        return [warning(check, f"cannot be reached: {first_line(error)}", advice)]
    return [ok(check, "can be reached")]

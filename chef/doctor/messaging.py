"""Redis: reachable, and what is published comes back."""

from __future__ import annotations

import secrets
import time
from typing import Any

from chef.doctor.diagnosis import Diagnosis, milliseconds, ok, warning, wrong
from chef.doctor.running import first_line
from chef.settings.config import Settings

_TIMEOUT_S = 1.0
_SLOW_S = 0.1


def look_at_redis(settings: Settings) -> list[Diagnosis]:
    """The time of a ping, and of a message to ourselves."""
    if settings.redis_url is None:
        return [ok("redis", "is not set: one process, or several that hear of each other by PostgreSQL")]
    import redis

    client = redis.Redis.from_url(
        settings.redis_url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S
    )
    try:
        client.ping()
        begun = time.monotonic()
        client.ping()
        ping_s = time.monotonic() - begun
        trip_s = _round_trip(client)
    except (redis.RedisError, OSError) as error:
        advice = "is REDIS_URL right, is Redis up? Without it other processes' viewers wait up to two seconds"
        return [wrong("redis", f"cannot be used: {first_line(error)}", advice)]
    finally:
        client.close()
    return [_judge(ping_s, trip_s)]


def _judge(ping_s: float, trip_s: float | None) -> Diagnosis:
    says = f"a ping takes {milliseconds(ping_s)}"
    if trip_s is None:
        return wrong(
            "redis", f"{says}, and a message to ourselves does not arrive", "may this user use pub/sub (ACL)?"
        )
    says += f", a message to ourselves {milliseconds(trip_s)}"
    if max(ping_s, trip_s) > _SLOW_S:
        return warning("redis", says, "viewers of other processes wait for that: use one that is nearer")
    return ok("redis", says)


def _round_trip(client: Any) -> float | None:
    """Seconds from publishing something to hearing it; `None` where it does not come."""
    channel = f"chef:doctor:{secrets.token_hex(8)}"
    with client.pubsub(ignore_subscribe_messages=True) as subscription:
        subscription.subscribe(channel)
        subscription.get_message(timeout=_TIMEOUT_S)  # Until this the subscription is not there.
        begun = time.monotonic()
        client.publish(channel, b"heard")
        while time.monotonic() - begun < _TIMEOUT_S:
            if subscription.get_message(timeout=_TIMEOUT_S / 4) is not None:
                return time.monotonic() - begun
    return None

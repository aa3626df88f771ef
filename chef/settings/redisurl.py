"""What may stand behind the `?` of REDIS_URL.

Loads redis, so it is imported only where the setting is used.
"""

from __future__ import annotations

from redis import ConnectionPool, RedisError

from chef.settings.checks import Wrong


def check_parameters(url: str) -> None:
    """Refuse what the client library would refuse at the first connection."""
    try:
        ConnectionPool.from_url(url).make_connection()
    except (TypeError, ValueError, RedisError):
        raise Wrong(
            "has a parameter behind the ? that redis-py does not know for such an address, or a wrong value"
        ) from None

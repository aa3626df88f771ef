"""The doorbell's messages over Redis' pub/sub."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NoReturn

import redis

_TIMEOUT_S = 2


class RedisBroadcast:
    """A channel for one store: pub/sub knows no database numbers, so the store's epoch is in its name."""

    service = "Redis"

    def __init__(self, url: str, epoch: str) -> None:
        self._channel = f"chef:{epoch}:doorbell"
        # No other options: those of TCP are none of a Unix socket, and redis-py keeps TCP alive by itself.
        self._redis = redis.Redis.from_url(
            url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S, health_check_interval=5
        )

    def publish(self, messages: Sequence[bytes]) -> None:
        with self._redis.pipeline(transaction=False) as pipeline:
            for message in messages:
                pipeline.publish(self._channel, message)
            pipeline.execute()

    def listen(self, begun: Callable[[], None], hear: Callable[[bytes], None]) -> NoReturn:
        with self._redis.pubsub(ignore_subscribe_messages=True) as subscription:  # type: ignore[no-untyped-call]
            subscription.subscribe(self._channel)
            begun()
            while True:
                message = subscription.get_message(timeout=_TIMEOUT_S)
                if message is not None:
                    hear(_bytes(message["data"]))

    def close(self) -> None:
        self._redis.close()


def _bytes(data: bytes | str) -> bytes:
    """A message's content, where the URL asks for `decode_responses`, too."""
    return data.encode() if isinstance(data, str) else data

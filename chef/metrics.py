"""The metrics of one application: counted here, written in Prometheus' form by prometheus-client.

prometheus-client is loaded by the first scrape: it is 3 MB that many a server never needs, and its
counters take a lock each, where here the event loop alone counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from chef.version import VERSION

if TYPE_CHECKING:
    from prometheus_client.core import Metric


class Count:
    """A number that only grows, and when it began to (seconds since 1970)."""

    __slots__ = ("began", "value")

    def __init__(self) -> None:
        self.began = time.time()
        self.value = 0

    def inc(self, amount: int = 1) -> None:
        """Add to it."""
        self.value += amount


class CountByLabel:
    """A count for each value of one label."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.counts: dict[str, Count] = {}

    def labels(self, value: str) -> Count:
        """The count of a value, which is shown from now on."""
        return self.counts.get(value) or self.counts.setdefault(value, Count())


class Metrics:
    """The counts: `updates` by result (accepted, duplicate), `lines` of logs, `refused` by limit.

    `ignored` counts what came on the doorbell's channel and is not of this store, by how that is seen.
    """

    def __init__(self) -> None:
        self.updates = CountByLabel("result")
        self.lines = Count()
        self.refused = CountByLabel("reason")
        self.ignored = CountByLabel("reason")
        self._watched: list[tuple[str, str, Callable[[], float]]] = []

    def watch(self, name: str, help: str, value: Callable[[], float]) -> None:
        """Show a value that is asked for at each scrape."""
        self._watched.append((name, help, value))

    @property
    def content_type(self) -> str:
        """The type of `text`."""
        from prometheus_client import CONTENT_TYPE_LATEST

        return CONTENT_TYPE_LATEST

    def text(self) -> bytes:
        """The Prometheus text format."""
        from prometheus_client import CollectorRegistry, generate_latest

        registry = CollectorRegistry()
        registry.register(self)
        return generate_latest(registry)

    def collect(self) -> Iterator[Metric]:
        """All metrics, as prometheus-client asks a custom collector for them."""
        from prometheus_client.core import GaugeMetricFamily

        yield _family("chef_updates", "Updates by result.", self.updates)
        yield _family("chef_log_lines", "Log lines stored.", self.lines)
        yield _family("chef_refused", "Refused or ended because of a limit, by limit.", self.refused)
        yield _family("chef_doorbell_ignored", "Messages of others, by how that is seen.", self.ignored)
        info = GaugeMetricFamily("chef_info", "The running version.", labels=["version"])
        info.add_metric([VERSION], 1)
        yield info
        for name, text, value in self._watched:
            yield GaugeMetricFamily(name, text, value=value())


def _family(name: str, text: str, counted: Count | CountByLabel) -> Metric:
    from prometheus_client.core import CounterMetricFamily

    if isinstance(counted, Count):
        family = CounterMetricFamily(name, text, labels=[])
        family.add_metric([], counted.value, created=counted.began)
        return family
    family = CounterMetricFamily(name, text, labels=[counted.label])
    for value, count in counted.counts.items():
        family.add_metric([value], count.value, created=count.began)
    return family

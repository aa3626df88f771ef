"""The metrics of one application: counted here, written in Prometheus' form by prometheus-client.

prometheus-client is loaded by the first scrape: it is 3 MB that many a server never needs, and its
counters take a lock each, where here the event loop alone counts.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate
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


class Durations:
    """How long something took each time, in seconds: Prometheus' histogram.

    `bounds` are the upper ends of its buckets, in their order; what takes longer than all is counted, too.
    """

    __slots__ = ("_bounds", "_counts", "_total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._total = 0.0

    def observe(self, seconds: float) -> None:
        """It took so long this time."""
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self._total += seconds

    @property
    def total(self) -> float:
        """The seconds of all times together."""
        return self._total

    def buckets(self) -> list[tuple[float, int]]:
        """How often it took at most so long: a pair for each bound, and one for any time."""
        return list(zip((*self._bounds, float("inf")), accumulate(self._counts), strict=True))


Counted = Count | CountByLabel | Durations


class Metrics:
    """The counts: `updates` by result (accepted, duplicate), `lines` of logs, `refused` by limit,
    `denied` for want of rights.

    `ignored` counts what came on the doorbell's channel and is not of this store, by how that is seen.
    `recoveries` counts viewers that came back, by result (recovered, lost). What other parts count
    themselves they `show`.
    """

    def __init__(self) -> None:
        self.updates = CountByLabel("result")
        self.lines = Count()
        self.refused = CountByLabel("reason")
        self.denied = CountByLabel("reason")
        self.ignored = CountByLabel("reason")
        self.recoveries = CountByLabel("result")
        self._shown: list[tuple[str, str, Counted]] = []
        self.show("chef_updates", "Updates by result.", self.updates)
        self.show("chef_log_lines", "Log lines stored.", self.lines)
        self.show("chef_refused", "Refused or ended because of a limit, by limit.", self.refused)
        self.show("chef_denied", "Writes, logins and viewers refused for want of rights.", self.denied)
        self.show("chef_doorbell_ignored", "Messages of others, by how that is seen.", self.ignored)
        self.show("chef_recoveries", "Viewers that came back with an offset, by result.", self.recoveries)
        self._watched: list[tuple[str, str, Callable[[], float]]] = []
        self._watched_each: list[tuple[str, str, str, Callable[[], Mapping[str, float]]]] = []

    def show(self, name: str, help: str, counted: Counted) -> None:
        """Show what is counted elsewhere; a counter's name gets `_total` behind it."""
        self._shown.append((name, help, counted))

    def refuse(self, limit: str) -> None:
        """Count that a limit was met."""
        self.refused.labels(limit).inc()

    def watch(self, name: str, help: str, value: Callable[[], float]) -> None:
        """Show a value that is asked for at each scrape."""
        self._watched.append((name, help, value))

    def watch_each(self, name: str, help: str, label: str, values: Callable[[], Mapping[str, float]]) -> None:
        """Show values that are asked for at each scrape, one for each value of a label."""
        self._watched_each.append((name, help, label, values))

    @property
    def content_type(self) -> str:
        """The type of `text`."""
        from prometheus_client import CONTENT_TYPE_LATEST

        return CONTENT_TYPE_LATEST

    def text(self) -> bytes:
        """The Prometheus text format."""
        from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

        registry = CollectorRegistry()
        registry.register(self)
        ProcessCollector(registry=registry)
        return generate_latest(registry)

    def collect(self) -> Iterator[Metric]:
        """All metrics, as prometheus-client asks a custom collector for them."""
        from prometheus_client.core import GaugeMetricFamily

        for name, text, counted in self._shown:
            yield _family(name, text, counted)
        info = GaugeMetricFamily("chef_info", "The running version.", labels=["version"])
        info.add_metric([VERSION], 1)
        yield info
        for name, text, value in self._watched:
            yield GaugeMetricFamily(name, text, value=value())
        for name, text, label, values in self._watched_each:
            family = GaugeMetricFamily(name, text, labels=[label])
            for one, amount in values().items():
                family.add_metric([one], amount)
            yield family


def _family(name: str, text: str, counted: Counted) -> Metric:
    from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

    if isinstance(counted, Durations):
        times = HistogramMetricFamily(name, text, labels=[])
        *bounded, (_, all_of_them) = counted.buckets()
        buckets = [*((str(bound), count) for bound, count in bounded), ("+Inf", all_of_them)]
        times.add_metric([], buckets, sum_value=counted.total)
        return times
    if isinstance(counted, Count):
        family = CounterMetricFamily(name, text, labels=[])
        family.add_metric([], counted.value, created=counted.began)
        return family
    family = CounterMetricFamily(name, text, labels=[counted.label])
    for value, count in counted.counts.items():
        family.add_metric([value], count.value, created=count.began)
    return family

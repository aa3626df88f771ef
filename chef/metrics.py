"""Prometheus metrics of one application. A registry of its own: several applications can share a process."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, generate_latest

from chef.version import VERSION


class Metrics:
    """What is counted. `updates` by result (accepted, duplicate), `lines` of logs, `refused` by limit."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.updates = Counter("chef_updates", "Updates by result.", ["result"], registry=self._registry)
        self.lines = Counter("chef_log_lines", "Log lines stored.", registry=self._registry)
        self.refused = Counter(
            "chef_refused",
            "Refused or ended because of a limit, by limit.",
            ["reason"],
            registry=self._registry,
        )
        info = Gauge("chef_info", "The running version.", ["version"], registry=self._registry)
        info.labels(VERSION).set(1)

    def watch(self, name: str, help: str, value: Callable[[], float]) -> None:
        """Show a value that is asked for at each scrape."""
        Gauge(name, help, registry=self._registry).set_function(value)

    def text(self) -> bytes:
        """The Prometheus text format."""
        return generate_latest(self._registry)

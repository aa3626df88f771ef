"""The notifier of an application: its parts, and what is counted of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import quote

from chef.domain.clock import Clock
from chef.domain.forecast import Estimate
from chef.domain.model import Job
from chef.metrics import Metrics
from chef.outbox.channel import NotifyChannel
from chef.outbox.notifier import Notifier
from chef.outbox.teller import OutboxCounts, OutboxParts
from chef.settings.config import Settings
from chef.store import Store


def make_notifier(
    channels: Sequence[NotifyChannel],
    settings: Settings,
    store: Store,
    estimate: Callable[[Job], Estimate | None],
    clock: Clock,
    metrics: Metrics,
) -> Notifier:
    """The notifier of these channels, shown in the metrics."""
    counts = OutboxCounts()

    def link(job_id: str) -> str:
        return f"{settings.address}/jobs/{quote(job_id, safe='~:@+')}"

    parts = OutboxParts(store.outbox, store.epoch, clock, link, estimate, lambda: outbox.is_held, counts)
    outbox = Notifier(channels, parts)
    metrics.show("chef_notify_requests", "Requests to targets, by their kind.", counts.tried)
    metrics.show("chef_notify_sent", "Notices that targets took, by their kind.", counts.sent)
    metrics.show("chef_notify_failed", "Notices given up, by kind of target.", counts.failed)
    metrics.watch_each("chef_notify_waiting", "Jobs that wait to be told.", "kind", outbox.waiting)
    return outbox

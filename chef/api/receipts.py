"""The part of an answer to a build script that tells of each of its jobs."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from chef.api.shapes import JobReceipt
from chef.domain.asking import StopRequest
from chef.domain.batches import Receipt
from chef.domain.controlpayloads import StopJson, stop_json
from chef.services import Services


def receipts(chef: Services, receipt: Receipt) -> dict[str, JobReceipt]:
    """What is told of each job that updates were stored of."""
    if receipt.stops:
        return {
            job_id: job_receipt(chef, job_id, seq, receipt.stops.get(job_id))
            for job_id, seq in receipt.seqs.items()
        }
    return {
        job_id: JobReceipt(seq, chef.hub.viewers(("job", job_id))) for job_id, seq in receipt.seqs.items()
    }


def job_receipt(chef: Services, job_id: str, seq: int, stop: StopRequest | None) -> JobReceipt:
    """The same of one job."""
    return JobReceipt(seq, chef.hub.viewers(("job", job_id)), shown_stop(chef, stop))


def shown_stop(chef: Services, stop: StopRequest | None) -> StopJson | UnsetType:
    """A stop request for a build script, while builds may be controlled."""
    return stop_json(stop) if stop is not None and chef.control.is_on else UNSET

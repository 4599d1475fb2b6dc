"""What a tenant may send: records per second, and bytes under way at once.

A batch is admitted before anybody knows how many records it holds, so it is charged afterwards; while the charges
exceed what has been earned since, further batches are refused with the time after which they will be taken. Time in the
analysis thread is charged too, as if it were records, so that a batch that is hard to read is no cheaper than an honest
one. Quotas are kept in memory: this process takes all of a system's telemetry.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from prometheus_client import Counter

from contracts.ids import TenantId
from services.detections.config import (
    QUOTA_BATCHES_UNDER_WAY,
    QUOTA_BURST_SECONDS,
    QUOTA_BYTES_UNDER_WAY,
    QUOTA_RECORDS_PER_SECOND,
)
from services.detections.domain.errors import QuotaExceeded

UNDER_WAY_RETRY_SECONDS = 1
REFUSED = Counter(
    "tenet_telemetry_refused_total", "Batches refused because their tenant was over its quota.", ("quota",)
)


@dataclass(slots=True)
class _Account:
    """`earned` is in records, and negative while the tenant is in debt."""

    rate: int
    earned: float
    at: float
    bytes: int = 0
    batches: int = 0


class Quotas:
    """`monotonic` is a clock in seconds. `own` are the rates of tenants that have one of their own."""

    def __init__(self, monotonic: Callable[[], float], own: Mapping[str, int] | None = None) -> None:
        self._monotonic, self._own = monotonic, own or {}
        self._accounts: dict[TenantId, _Account] = {}

    @contextmanager
    def admitted(self, tenant_id: TenantId, size: int) -> Iterator[None]:
        """Counts a batch as under way within the block. Raises QuotaExceeded, with `retry_after_seconds`."""
        account = self._account(tenant_id)
        if account.earned < 0:
            raise _refusal("records", account.rate, math.ceil(-account.earned / account.rate))
        if account.batches >= QUOTA_BATCHES_UNDER_WAY:
            raise _refusal("batches", QUOTA_BATCHES_UNDER_WAY, UNDER_WAY_RETRY_SECONDS)
        if account.batches and account.bytes + size > QUOTA_BYTES_UNDER_WAY:
            raise _refusal("bytes", QUOTA_BYTES_UNDER_WAY, UNDER_WAY_RETRY_SECONDS)
        account.batches += 1
        account.bytes += size
        try:
            yield
        finally:
            account.batches -= 1
            account.bytes -= size

    def charge(self, tenant_id: TenantId, records: int, seconds: float) -> None:
        """What a batch came to: its records, or the time that it took where that weighs more."""
        account = self._account(tenant_id)
        account.earned -= max(float(records), seconds * account.rate)

    def _account(self, tenant_id: TenantId) -> _Account:
        now = self._monotonic()
        account = self._accounts.get(tenant_id)
        if account is None:
            rate = self._own.get(tenant_id, QUOTA_RECORDS_PER_SECOND)
            account = self._accounts[tenant_id] = _Account(rate, rate * QUOTA_BURST_SECONDS, now)
        most = account.rate * QUOTA_BURST_SECONDS
        account.earned = min(most, account.earned + (now - account.at) * account.rate)
        account.at = now
        return account


def _refusal(quota: str, limit: int, retry_after: int) -> QuotaExceeded:
    REFUSED.labels(quota).inc()
    metadata = {"quota": quota, "limit": str(limit), "retry_after_seconds": str(max(1, retry_after))}
    return QuotaExceeded("This tenant has sent more than its quota; send the same again later.", metadata=metadata)

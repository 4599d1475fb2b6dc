"""How much of the intake each tenant took lately, in seconds of processor time; what is past weighs less and less."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from contracts.ids import TenantId
from services.detections.config import (
    GREEDY_FACTOR,
    GREEDY_FROM_SECONDS,
    MAX_SHARES_REMEMBERED,
    NEGLIGIBLE_SHARE_SECONDS,
    SHARE_HALF_LIFE_SECONDS,
)


@dataclass(frozen=True, slots=True)
class _Share:
    """Seconds, as they weighed at a moment of the clock."""

    seconds: float
    at: float


class Shares:
    """`monotonic` is a clock in seconds."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._shares: dict[TenantId, _Share] = {}

    def took(self, tenant_id: TenantId) -> float:
        """The tenant's seconds, halved for each SHARE_HALF_LIFE_SECONDS that have passed since they were taken."""
        share = self._shares.get(tenant_id)
        if share is None:
            return 0.0
        return float(share.seconds * 0.5 ** ((self._monotonic() - share.at) / SHARE_HALF_LIFE_SECONDS))

    def charge(self, tenant_id: TenantId, seconds: float) -> None:
        self._shares[tenant_id] = _Share(self.took(tenant_id) + seconds, self._monotonic())
        if len(self._shares) > MAX_SHARES_REMEMBERED:
            self._forget()

    def lately(self) -> list[TenantId]:
        """The tenants that took more than next to nothing."""
        return [tenant_id for tenant_id in self._shares if self.took(tenant_id) > NEGLIGIBLE_SHARE_SECONDS]

    def is_greedy(self, tenant_id: TenantId, beside: Iterable[TenantId]) -> bool:
        """Whether the tenant took several times as much as one of the others."""
        bound = (self.took(tenant_id) - GREEDY_FROM_SECONDS) / GREEDY_FACTOR
        return bound > 0 and any(self.took(other) < bound for other in beside if other != tenant_id)

    def _forget(self) -> None:
        """Lets go of the half that took least."""
        most_first = sorted(self._shares, key=self.took, reverse=True)
        for tenant_id in most_first[MAX_SHARES_REMEMBERED // 2 :]:
            del self._shares[tenant_id]

"""What a report is about: whose ledger, which period in which time zone, as known at which position, for whom."""

from dataclasses import dataclass
from datetime import datetime

from contracts.ids import TenantId
from contracts.labels import Audience


@dataclass(frozen=True, slots=True)
class Scope:
    """The period is [period_from, period_to), instants in UTC whose wall-clock meaning is `time_zone`'s."""

    tenant_id: TenantId
    title: str
    audience: Audience
    period_from: datetime
    period_to: datetime
    time_zone: str
    tzdata_version: str
    as_of_position: int

    def in_period(self, at: datetime) -> bool:
        return self.period_from <= at < self.period_to

"""What a report is about: whose ledger, which period in which time zone, as known at which position, for whom."""

from dataclasses import dataclass
from datetime import datetime

from contracts.ids import TenantId
from contracts.labels import Audience
from services.reporting.domain.definitions import DEFINITIONS_VERSION


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
    definitions_version: str = DEFINITIONS_VERSION
    """By which the model is made: today's for a new report, its own for one that is built again."""

    def in_period(self, at: datetime) -> bool:
        return self.period_from <= at < self.period_to

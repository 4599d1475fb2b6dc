"""A report's period: a calendar month in an IANA time zone, or explicit bounds, always as instants in UTC."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from contracts.zones import zone_of
from services.reporting.domain.errors import PeriodEmpty


def month_bounds(year: int, month: int, time_zone: str) -> tuple[datetime, datetime]:
    """[first instant of the month, first instant of the next), by that zone's wall clock. Raises TimeZoneUnknown."""
    zone = zone_of(time_zone)
    following = (year + 1, 1) if month == 12 else (year, month + 1)
    return _midnight(year, month, zone), _midnight(*following, zone)


def explicit_bounds(period_from: datetime, period_to: datetime) -> tuple[datetime, datetime]:
    """Raises PeriodEmpty."""
    if period_from >= period_to:
        raise PeriodEmpty
    return period_from.astimezone(UTC), period_to.astimezone(UTC)


def _midnight(year: int, month: int, zone: ZoneInfo) -> datetime:
    return datetime(year, month, 1, tzinfo=zone).astimezone(UTC)

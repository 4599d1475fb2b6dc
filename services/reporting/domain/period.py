"""A report's period: a calendar month in an IANA time zone, or explicit bounds, always as instants in UTC.

Time-zone rules are taken from the `tzdata` package, not from the machine, so that the release a report names is the one
that was used.
"""

from datetime import UTC, datetime
from importlib import resources
from zoneinfo import ZoneInfo

import tzdata  # type: ignore[import-untyped]  # it ships no types, and one constant of it is used

from services.reporting.domain.errors import PeriodEmpty, TimeZoneUnknown

TZDATA_VERSION: str = tzdata.IANA_VERSION


def month_bounds(year: int, month: int, time_zone: str) -> tuple[datetime, datetime]:
    """[first instant of the month, first instant of the next), by that zone's wall clock. Raises TimeZoneUnknown."""
    zone = load_zone(time_zone)
    following = (year + 1, 1) if month == 12 else (year, month + 1)
    return _midnight(year, month, zone), _midnight(*following, zone)


def explicit_bounds(period_from: datetime, period_to: datetime) -> tuple[datetime, datetime]:
    """Raises PeriodEmpty."""
    if period_from >= period_to:
        raise PeriodEmpty
    return period_from.astimezone(UTC), period_to.astimezone(UTC)


def load_zone(name: str) -> ZoneInfo:
    """Raises TimeZoneUnknown."""
    package, _, key = f"tzdata.zoneinfo/{name}".rpartition("/")
    try:
        if not all(part.replace("_", "").replace("-", "").replace("+", "").isalnum() for part in name.split("/")):
            raise TimeZoneUnknown(name)
        with resources.files(package.replace("/", ".")).joinpath(key).open("rb") as file:
            return ZoneInfo.from_file(file, key=name)
    except (ModuleNotFoundError, FileNotFoundError, IsADirectoryError, ValueError) as error:
        raise TimeZoneUnknown(name) from error


def _midnight(year: int, month: int, zone: ZoneInfo) -> datetime:
    return datetime(year, month, 1, tzinfo=zone).astimezone(UTC)

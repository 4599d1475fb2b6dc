"""Freezes and service windows of a charter: local times in an IANA zone, right across daylight-saving changes."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from contracts.events.assets import AssetClass
from contracts.events.base import Value

MAX_WEEKS_AHEAD = 53
"""How far ahead an opening of a service window is looked for."""
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class WindowKind(StrEnum):
    FREEZE = "freeze"
    """Nothing active, except what the precedence rules put above a freeze."""
    SERVICE = "service"
    """When changes may be made; steps can be told to wait for it."""


class Weekly(Value):
    """On these days from a local time on. A start that daylight saving skips is read with the offset before the gap."""

    days: Annotated[tuple[Day, ...], Field(min_length=1, max_length=7)]
    start: time
    minutes: Annotated[int, Field(ge=1, le=1440)]


class Window(Value):
    """Either one span between two local times or a weekly one; for all assets unless classes or groups are named."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
    kind: WindowKind
    start: datetime | None = None
    end: datetime | None = None
    weekly: Weekly | None = None
    classes: tuple[AssetClass, ...] = ()
    groups: tuple[str, ...] = ()

    def covers(self, asset_class: AssetClass | None, group: str | None) -> bool:
        if not self.classes and not self.groups:
            return True
        return asset_class in self.classes or group in self.groups


def is_open(window: Window, zone: ZoneInfo, now: datetime) -> bool:
    return any(start <= now < end for start, end in _spans(window, zone, now))


def next_opening(windows: Iterable[Window], zone: ZoneInfo, now: datetime) -> datetime | None:
    """The earliest moment, from now on, at which one of the windows is open; None when none will be."""
    openings = [max(start, now) for window in windows for start, end in _spans(window, zone, now) if end > now]
    return min(openings, default=None)


def first_free_moment(freezes: Iterable[Window], zone: ZoneInfo, moment: datetime) -> datetime:
    """The earliest moment from `moment` on at which none of the freezes holds."""
    spans = sorted(span for window in freezes for span in _spans(window, zone, moment))
    for start, end in spans:
        if start <= moment < end:
            moment = end
    return moment


def _spans(window: Window, zone: ZoneInfo, now: datetime) -> list[tuple[datetime, datetime]]:
    if window.weekly is None:
        if window.start is None or window.end is None:
            return []
        return [(_instant(window.start, zone), _instant(window.end, zone))]
    first = now.astimezone(zone).date() - timedelta(days=8)
    dates = (first + timedelta(days=offset) for offset in range((MAX_WEEKS_AHEAD + 2) * 7))
    return [_weekly_span(window.weekly, day, zone) for day in dates if _DAYS[day.weekday()] in window.weekly.days]


def _weekly_span(weekly: Weekly, day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    start = _instant(datetime.combine(day, weekly.start), zone)
    return start, start + timedelta(minutes=weekly.minutes)


def _instant(local: datetime, zone: ZoneInfo) -> datetime:
    """The instant of a local time in UTC; one with an offset of its own keeps it. The earlier of two is taken."""
    aware = local if local.tzinfo else local.replace(tzinfo=zone)
    return aware.astimezone(UTC)

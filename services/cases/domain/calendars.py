"""Business calendars: opening hours and holidays by local wall clock, versioned, and sums of business time over them.

An instant is open when the wall clock of its time zone shows an opening hour of that weekday on no holiday. So an hour
that the clocks repeat counts twice, and one that they skip never; all sums are of instants, in UTC.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import assert_never
from zoneinfo import ZoneInfo

from contracts.canonical import digest
from contracts.errors import FieldViolation
from contracts.events.base import Recorded
from contracts.events.people import CalendarDefinition, CalendarPublished, CalendarRef
from contracts.ids import TenantId, derive_id
from contracts.zones import TZDATA_VERSION, instant_of, zone_of
from services.cases.domain.people_errors import CalendarInvalid, CalendarNeverOpens, CalendarUnknown
from services.cases.domain.shifts import Span

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MAX_DAYS_AHEAD = 3_660
"""How far ahead the end of a duration is looked for."""
MAX_OPENINGS, MAX_HOLIDAYS, MAX_VERSIONS = 50, 1_000, 500
MAX_CACHED_DAYS = 20_000
_NAME = re.compile(r"^[a-z][a-z0-9-]{0,62}$")
_CLOCK = re.compile(r"^([01]\d|2[0-3]):[0-5]\d$|^24:00$")
_DAY = timedelta(days=1)
_STEP = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Calendar:
    """All versions of one calendar: timers stay on the version that they started on."""

    calendar_id: str = ""
    versions: tuple[CalendarPublished, ...] = ()

    @property
    def latest(self) -> CalendarPublished:
        """Raises CalendarUnknown."""
        if not self.versions:
            raise CalendarUnknown("There is no such calendar in this tenant.")
        return self.versions[-1]

    def at(self, reference: CalendarRef) -> CalendarDefinition:
        return self.versions[reference.version - 1].definition


def evolve_calendar(state: Calendar, recorded: Recorded[CalendarPublished]) -> Calendar:
    event = recorded.event
    match event:
        case CalendarPublished():
            return replace(state, calendar_id=event.calendar_id, versions=(*state.versions, event))
        case _:
            assert_never(event)


def calendar_id_of(tenant_id: TenantId, name: str) -> str:
    return derive_id("calendar", tenant_id, name)


def publish_calendar(state: Calendar, tenant_id: TenantId, definition: CalendarDefinition) -> list[CalendarPublished]:
    """Nothing when the last version says the same. Raises CalendarInvalid, TimeZoneUnknown."""
    _check(definition)
    found = digest(definition.model_dump(mode="json"))
    if state.versions and (state.latest.digest, state.latest.tzdata_version) == (found, TZDATA_VERSION):
        return []
    if len(state.versions) >= MAX_VERSIONS:
        raise CalendarInvalid(f"A calendar has at most {MAX_VERSIONS} versions; begin one of another name.")
    return [
        CalendarPublished(
            calendar_id=calendar_id_of(tenant_id, definition.name),
            calendar_version=len(state.versions) + 1,
            digest=found,
            definition=definition,
            tzdata_version=TZDATA_VERSION,
        )
    ]


def reference_to(published: CalendarPublished) -> CalendarRef:
    return CalendarRef(calendar_id=published.calendar_id, version=published.calendar_version, digest=published.digest)


def after(calendar: CalendarDefinition | None, start: datetime, seconds: int) -> datetime:
    """The instant at which so many seconds of business time have gone by since `start`; any hour without a calendar.

    Raises CalendarNeverOpens where that lies further ahead than MAX_DAYS_AHEAD.
    """
    if calendar is None:
        return start.astimezone(UTC) + timedelta(seconds=seconds)
    left = timedelta(seconds=seconds)
    for span in _openings(calendar, start, MAX_DAYS_AHEAD):
        begin = max(span.start, start)
        if span.end - begin >= left:
            return begin + left
        left -= span.end - begin
    raise CalendarNeverOpens(f"The calendar is not open for that long within {MAX_DAYS_AHEAD} days.")


def elapsed(calendar: CalendarDefinition | None, start: datetime, end: datetime) -> int:
    """Whole seconds of business time from `start` to `end`; 0 when `end` does not lie after `start`."""
    if end <= start:
        return 0
    if calendar is None:
        return int((end - start).total_seconds())
    total = timedelta()
    for span in _openings(calendar, start, (end - start).days + 3):
        if span.start >= end:
            break
        total += min(span.end, end) - max(span.start, start)
    return int(total.total_seconds())


def _openings(calendar: CalendarDefinition, start: datetime, days: int) -> Iterator[Span]:
    """Openings that end after `start`, in order, over so many local days."""
    zone = zone_of(calendar.time_zone)
    first = start.astimezone(zone).date() - _DAY
    for offset in range(days + 2):
        day = first + timedelta(days=offset)
        if day.isoformat() not in calendar.holidays:
            yield from (span for span in _openings_of(calendar, day) if span.end > start)


@lru_cache(maxsize=MAX_CACHED_DAYS)
def _openings_of(calendar: CalendarDefinition, day: date) -> tuple[Span, ...]:
    """The openings of one local day as instants, in order."""
    zone = zone_of(calendar.time_zone)
    spans: list[Span] = []
    for hours in calendar.hours:
        if hours.day != DAYS[day.weekday()]:
            continue
        begin, end = _clock(day, hours.start), _clock(day, hours.end)
        for piece, offset in _pieces(zone, day):
            opened, closed = max(piece.start, begin - offset), min(piece.end, end - offset)
            if opened < closed:
                spans.append(Span(opened, closed))
    return tuple(sorted(spans))


def _clock(day: date, text: str) -> datetime:
    """The wall clock's time as if it were UTC, from which an offset is taken."""
    midnight = datetime.combine(day, time(), UTC)
    return midnight + _DAY if text == "24:00" else datetime.combine(day, time.fromisoformat(text), UTC)


@lru_cache(maxsize=MAX_CACHED_DAYS)
def _pieces(zone: ZoneInfo, day: date) -> tuple[tuple[Span, timedelta], ...]:
    """The time around a local day in pieces of one offset each, found to the second: where an offset changes between
    two looks an hour apart, the change is halved in upon."""
    at = instant_of(datetime.combine(day, time()), zone) - _DAY
    end = at + 3 * _DAY
    pieces: list[tuple[Span, timedelta]] = []
    began, offset = at, _offset(zone, at)
    while at < end:
        following = at + _STEP
        if _offset(zone, following) != offset:
            change = _change(zone, at, following)
            pieces.append((Span(began, change), offset))
            began, offset = change, _offset(zone, change)
        at = following
    return (*pieces, (Span(began, end), offset))


def _change(zone: ZoneInfo, before: datetime, behind: datetime) -> datetime:
    old = _offset(zone, before)
    while behind - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=int((behind - before).total_seconds()) // 2)
        before, behind = (middle, behind) if _offset(zone, middle) == old else (before, middle)
    return behind


def _offset(zone: ZoneInfo, at: datetime) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta()


def _check(definition: CalendarDefinition) -> None:
    violations = tuple(_violations(definition))
    if violations:
        raise CalendarInvalid(
            f"The calendar is wrong in {len(violations)} place(s), first at {violations[0].field}.",
            violations=violations,
        )
    zone_of(definition.time_zone)


def _violations(definition: CalendarDefinition) -> Iterator[FieldViolation]:
    if not _NAME.match(definition.name):
        yield FieldViolation("name", "a name is lower case words joined by hyphens")
    if not 0 < len(definition.hours) <= MAX_OPENINGS:
        yield FieldViolation("hours", f"needs 1 to {MAX_OPENINGS} openings")
    if len(definition.holidays) > MAX_HOLIDAYS:
        yield FieldViolation("holidays", f"holds at most {MAX_HOLIDAYS} days")
    taken: dict[str, list[tuple[str, str]]] = {}
    for index, hours in enumerate(definition.hours):
        path = f"hours[{index}]"
        if hours.day not in DAYS:
            yield FieldViolation(f"{path}.day", f"is one of {', '.join(DAYS)}")
        if not _CLOCK.match(hours.start) or not _CLOCK.match(hours.end) or hours.start >= hours.end:
            yield FieldViolation(path, "runs from an earlier to a later time of one day, such as 09:00 to 17:30")
        if any(hours.start < end and start < hours.end for start, end in taken.get(hours.day, [])):
            yield FieldViolation(path, "overlaps another opening of the same day")
        taken.setdefault(hours.day, []).append((hours.start, hours.end))
    for index, holiday in enumerate(definition.holidays):
        try:
            date.fromisoformat(holiday)
        except ValueError:
            yield FieldViolation(f"holidays[{index}]", "is a date such as 2026-12-25")

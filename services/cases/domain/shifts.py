"""When shifts are, as instants: recurrence by RFC 5545 from libraries, ends by the wall clock.

RFC 5545 repeats a duration exactly, so a night of ten hours would end an hour off when the clocks change. A shift ends
when the wall clock says so, and the next begins at that same instant.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import recurring_ical_events  # type: ignore[import-untyped]  # it ships no types
from icalendar import Calendar, Event, vRecur

from contracts.events.people import Layer, Shift
from contracts.zones import instant_of, zone_of

MAX_SHIFT = timedelta(days=35)
FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
"""Faster ones are no shifts, and would be expanded without end."""
MARGIN = timedelta(days=2)
"""Wall clocks lie at most a day from UTC, and a change of the clocks moves an end by some hours."""
MAX_CACHED_SPANS = 4_096


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Half open, in UTC."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class OnShift:
    """One occurrence of a shift."""

    span: Span
    principal_id: str
    layer: str


def shifts_between(layer: Layer, start: datetime, end: datetime) -> tuple[OnShift, ...]:
    """Every occurrence of the layer's shifts that touches [start, end), the earliest first."""
    # Whole days of UTC, so that one expansion answers every question about that day.
    first, last = _midnight(start), _midnight(end) + timedelta(days=1)
    found = [
        OnShift(span, shift.principal_id, layer.name)
        for shift in layer.shifts
        for span in _occurrences(shift, layer.time_zone, first, last)
        if span.start < end and span.end > start
    ]
    return tuple(sorted(found, key=lambda each: each.span))


def uncovered(covered: Iterable[Span], start: datetime, end: datetime) -> Iterator[Span]:
    """What of [start, end) none of the spans covers."""
    reached = start
    for span in sorted(covered):
        if span.start >= end:
            break
        if span.start > reached:
            yield Span(reached, span.start)
        reached = max(reached, span.end)
    if reached < end:
        yield Span(reached, end)


def check_shift(shift: Shift, path: str) -> Iterator[tuple[str, str]]:
    """Where a shift is wrong: path and what was expected."""
    try:
        starts, ends = local_time(shift.starts), local_time(shift.ends)
    except ValueError:
        yield path, "starts and ends are local times such as 2026-01-05T08:00:00, without an offset"
        return
    if not timedelta() < ends - starts <= MAX_SHIFT:
        yield f"{path}.ends", f"a shift lasts longer than nothing and at most {MAX_SHIFT.days} days"
    try:
        [local_time(each) for each in shift.exceptions]
    except ValueError:
        yield f"{path}.exceptions", "exceptions are local times of starts that are left out"
    if shift.recurrence:
        yield from ((f"{path}.recurrence", problem) for problem in _recurrence_problems(shift.recurrence))


def local_time(text: str) -> datetime:
    """Raises ValueError for anything but a wall clock's time."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is not None:
        raise ValueError("a wall clock has no offset")
    return found


def _recurrence_problems(text: str) -> Iterator[str]:
    try:
        rule = vRecur.from_ical(text)
    except ValueError as error:
        yield f"no recurrence rule of RFC 5545: {str(error)[:200]}"
        return
    if [str(each).upper() for each in rule.get("FREQ", [])] not in [[each] for each in FREQUENCIES]:
        yield f"FREQ is one of {', '.join(FREQUENCIES)}"
    if any(part in rule for part in ("BYHOUR", "BYMINUTE", "BYSECOND")):
        yield "the time of day is that of starts"


@lru_cache(maxsize=MAX_CACHED_SPANS)
def _occurrences(shift: Shift, time_zone: str, start: datetime, end: datetime) -> Sequence[Span]:
    zone = zone_of(time_zone)
    first, length = local_time(shift.starts), local_time(shift.ends) - local_time(shift.starts)
    spans = [
        Span(instant_of(local, zone), instant_of(local + length, zone))
        for local in _starts(shift, first, start - length - MARGIN, end + MARGIN)
    ]
    return tuple(span for span in spans if span.start < end and span.end > start)


def _starts(shift: Shift, first: datetime, start: datetime, end: datetime) -> Iterator[datetime]:
    """Wall clock times at which the shift begins, as libraries expand it; a wall clock knows no zone, nor do they."""
    if not shift.recurrence:
        yield first
        return
    entry = Event()
    entry.add("UID", "shift")
    entry.add("DTSTART", first)
    entry.add("DTEND", first + timedelta(minutes=1))
    entry.add("RRULE", vRecur.from_ical(shift.recurrence))
    for exception in shift.exceptions:
        entry.add("EXDATE", local_time(exception))
    calendar = Calendar()
    calendar.add_component(entry)
    between = recurring_ical_events.of(calendar).between(_wall(start), _wall(end))
    yield from (found.start for found in between)


def _midnight(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _wall(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(tzinfo=None)

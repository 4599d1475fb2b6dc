"""Business time against an oracle that looks at every single minute, over changes of the clocks."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.events.people import CalendarDefinition, OpenHours
from contracts.ids import TenantId
from contracts.zones import TimeZoneUnknown, zone_of
from services.cases.domain.calendars import DAYS, Calendar, after, elapsed, publish_calendar
from services.cases.domain.people_errors import CalendarInvalid, CalendarNeverOpens

MINUTE = timedelta(minutes=1)
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Africa/Cairo", "Asia/Kolkata")
CHANGES = (
    (2026, 3, 28),
    (2026, 10, 24),
    (2026, 3, 7),
    (2026, 10, 31),
    (2026, 4, 4),
    (2026, 10, 3),
    (2026, 9, 5),
    (2026, 4, 23),
    (2026, 7, 1),
)
"""The day before the clocks change in one of the zones, and one without a change."""


def calendar(zone: str, hours: list[tuple[str, str, str]], holidays: tuple[str, ...] = ()) -> CalendarDefinition:
    opened = tuple(OpenHours(day=day, start=start, end=end) for day, start, end in hours)
    return CalendarDefinition(name="office", time_zone=zone, hours=opened, holidays=holidays)


OFFICE = [(day, "09:00", "17:30") for day in DAYS[:5]]


def shows_open(definition: CalendarDefinition, at: datetime) -> bool:
    """What a person would read off a wall clock and a list of hours."""
    local = at.astimezone(zone_of(definition.time_zone))
    clock = f"{local:%H:%M}"
    return local.date().isoformat() not in definition.holidays and any(
        hours.day == DAYS[local.weekday()] and hours.start <= clock < hours.end for hours in definition.hours
    )


@st.composite
def calendars(draw: st.DrawFn) -> CalendarDefinition:
    hours = []
    for day in DAYS:
        minutes = sorted(draw(st.lists(st.integers(0, 96), max_size=4, unique=True)))
        pairs = zip(minutes[::2], minutes[1::2], strict=False)
        hours += [(day, f"{a // 4:02}:{a % 4 * 15:02}", f"{b // 4:02}:{b % 4 * 15:02}") for a, b in pairs]
    zone = draw(st.sampled_from(ZONES))
    holiday = (date(*draw(st.sampled_from(CHANGES))) + timedelta(days=draw(st.integers(0, 2)))).isoformat()
    return calendar(zone, hours or [("mon", "00:00", "24:00")], (holiday,) if draw(st.booleans()) else ())


@settings(max_examples=60, deadline=None)
@given(definition=calendars(), day=st.sampled_from(CHANGES), minute=st.integers(0, 1439), length=st.integers(1, 4320))
def test_elapsed_business_time_is_the_count_of_the_minutes_that_the_wall_clock_shows_open(
    definition: CalendarDefinition, day: tuple[int, int, int], minute: int, length: int
) -> None:
    start = datetime(*day, tzinfo=UTC) + minute * MINUTE
    counted = sum(shows_open(definition, start + offset * MINUTE) for offset in range(length))
    assert elapsed(definition, start, start + length * MINUTE) == counted * 60


@settings(max_examples=60, deadline=None)
@given(definition=calendars(), day=st.sampled_from(CHANGES), minute=st.integers(0, 1439), wanted=st.integers(1, 600))
def test_a_deadline_lies_where_counting_minutes_by_the_wall_clock_arrives(
    definition: CalendarDefinition, day: tuple[int, int, int], minute: int, wanted: int
) -> None:
    start = datetime(*day, tzinfo=UTC) + minute * MINUTE
    at, left = start, wanted
    while left:
        left -= shows_open(definition, at)
        at += MINUTE
    assert after(definition, start, wanted * 60) == at


def test_a_weekend_with_a_change_of_the_clocks_takes_nothing_from_business_hours() -> None:
    office = calendar("Europe/Berlin", OFFICE)
    friday = datetime(2026, 3, 27, 15, 30, tzinfo=UTC)  # 16:30 in Berlin: one hour is left
    assert after(office, friday, 2 * 3600) == datetime(2026, 3, 30, 8, 0, tzinfo=UTC)  # 10:00 in Berlin, in summer


def test_a_holiday_is_closed_and_belongs_to_the_calendars_own_zone() -> None:
    office = calendar("Pacific/Auckland", OFFICE, ("2026-12-25",))
    # Noon on Christmas Eve in UTC is Christmas Day in Auckland.
    assert after(office, datetime(2026, 12, 24, 12, tzinfo=UTC), 60) == datetime(2026, 12, 27, 20, 1, tzinfo=UTC)


def test_without_a_calendar_every_second_counts() -> None:
    start = datetime(2026, 3, 28, 23, tzinfo=UTC)
    assert after(None, start, 90) == start + timedelta(seconds=90)
    assert elapsed(None, start, start + timedelta(seconds=90)) == 90
    assert elapsed(None, start, start - timedelta(seconds=90)) == 0


def test_hours_that_the_calendar_never_has_are_refused_and_not_looked_for_without_end() -> None:
    year = [date(2026, 1, 1) + timedelta(days=offset) for offset in range(4_400)]
    mondays = tuple(day.isoformat() for day in year if day.weekday() == 0)
    with pytest.raises(CalendarNeverOpens):
        after(calendar("UTC", [("mon", "09:00", "10:00")], mondays), datetime(2026, 1, 1, tzinfo=UTC), 60)


@pytest.mark.parametrize(
    ("hours", "holidays", "field"),
    [
        ([], (), "hours"),
        ([("monday", "09:00", "10:00")], (), "hours[0].day"),
        ([("mon", "10:00", "09:00")], (), "hours[0]"),
        ([("mon", "9:00", "10:00")], (), "hours[0]"),
        ([("mon", "09:00", "12:00"), ("mon", "11:00", "13:00")], (), "hours[1]"),
        (OFFICE, ("25.12.2026",), "holidays[0]"),
    ],
)
def test_a_calendar_that_says_nothing_clear_is_refused_with_its_place(
    hours: list[tuple[str, str, str]], holidays: tuple[str, ...], field: str
) -> None:
    with pytest.raises(CalendarInvalid) as refused:
        publish_calendar(Calendar(), TenantId("clinic"), calendar("UTC", hours, holidays))
    assert [each.field for each in refused.value.violations] == [field]


def test_a_calendar_needs_a_zone_that_there_is() -> None:
    with pytest.raises(TimeZoneUnknown):
        publish_calendar(Calendar(), TenantId("clinic"), calendar("Europe/Berlin-West", OFFICE))

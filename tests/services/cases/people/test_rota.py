"""Who is on call, in several time zones and over changes of the clocks; overrides; and minutes that nobody covers."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.events.people import CoverageChecked, CoverageGapClosed, CoverageGapFound, Layer
from contracts.ids import PROVIDER
from services.cases.domain.people_commands import OverrideRota, PublishRota
from services.cases.domain.people_errors import OverrideInvalid, RotaInvalid
from services.cases.domain.rota import Rota, check_coverage, gaps_between, ladder, on_call, override_rota, publish_rota
from tests.services.cases.people.rotas import (
    ANA,
    BEN,
    CLEO,
    LEAD,
    apply,
    definition,
    overridden,
    published,
    shift,
    weekly,
)

ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Pacific/Auckland", "UTC")
"""Both hemispheres, and one whose clocks change by half an hour."""
DAY = timedelta(days=1)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]  # year, month, day, …


@pytest.mark.parametrize("zone", ZONES)
def test_a_rota_of_whole_weeks_leaves_no_minute_uncovered_in_a_year_of_changing_clocks(zone: str) -> None:
    rota = published(definition(weekly(zone, ANA, BEN, CLEO)))
    assert gaps_between(rota, utc(2026, 1, 7), utc(2027, 1, 7)) == ()


def test_a_shift_changes_at_the_same_wall_clock_time_in_summer_and_in_winter() -> None:
    rota = published(definition(weekly("Europe/Berlin", ANA, BEN)))
    # Monday 8 o'clock is 7 UTC in winter and 6 UTC in summer; the clocks change on 29 March.
    assert on_call(rota, utc(2026, 3, 23, 6, 59)).principal_id == ANA
    assert on_call(rota, utc(2026, 3, 23, 7)).principal_id == BEN
    assert on_call(rota, utc(2026, 3, 30, 5, 59)).principal_id == BEN
    assert on_call(rota, utc(2026, 3, 30, 6)).principal_id == ANA


@pytest.mark.parametrize(
    ("zone", "evening", "hours"),
    [
        ("Europe/Berlin", "2026-03-28", 11),
        ("Europe/Berlin", "2026-10-24", 13),
        ("America/New_York", "2026-03-07", 11),
        ("America/New_York", "2026-10-31", 13),
        ("Pacific/Auckland", "2026-04-04", 13),
        ("Pacific/Auckland", "2026-09-26", 11),
        ("America/Santiago", "2026-09-05", 11),
    ],
)
def test_a_night_over_a_change_of_the_clocks_ends_when_the_wall_clock_says_so(
    zone: str, evening: str, hours: int
) -> None:
    nights = Layer(
        name="nights",
        time_zone=zone,
        shifts=(shift(ANA, "2026-01-01T20:00:00", "2026-01-02T08:00:00", "FREQ=DAILY"),),
    )
    days = Layer(
        name="days", time_zone=zone, shifts=(shift(BEN, "2026-01-01T08:00:00", "2026-01-01T20:00:00", "FREQ=DAILY"),)
    )
    rota = published(definition(nights, days))
    noon = datetime.fromisoformat(f"{evening}T12:00:00+00:00")
    assert gaps_between(rota, noon - 2 * DAY, noon + 2 * DAY) == ()
    minutes = [noon - DAY + timedelta(minutes=minute) for minute in range(3 * 1440)]
    by_night = [on_call(rota, at).principal_id == ANA for at in minutes]
    runs = "".join("N" if night else "d" for night in by_night).strip("N").split("d")
    assert hours * 60 in {len(run) for run in runs}


def test_a_shift_that_starts_in_the_hour_that_the_clocks_skip_begins_when_the_one_before_ends() -> None:
    layer = Layer(
        name="odd",
        time_zone="Europe/Berlin",
        shifts=(
            shift(ANA, "2026-03-28T02:30:00", "2026-03-29T02:30:00", "FREQ=DAILY;INTERVAL=2"),
            shift(BEN, "2026-03-29T02:30:00", "2026-03-30T02:30:00", "FREQ=DAILY;INTERVAL=2"),
        ),
    )
    rota = published(definition(layer))
    assert gaps_between(rota, utc(2026, 3, 28, 12), utc(2026, 4, 3)) == ()


def test_an_override_wins_over_every_layer_and_the_later_one_over_the_earlier() -> None:
    rota = published(definition(weekly("UTC", ANA), weekly("UTC", CLEO, name="second")))
    at = utc(2026, 5, 6, 12)
    rota = overridden(rota, BEN, at, at + DAY)
    assert on_call(rota, at - timedelta(seconds=1)).principal_id == ANA
    assert on_call(rota, at).principal_id == BEN
    assert ladder(rota, at) == (BEN, CLEO, LEAD), "whoever is stood in for is not called"
    rota = overridden(rota, CLEO, at + timedelta(hours=1), at + timedelta(hours=2))
    assert on_call(rota, at + timedelta(hours=1)).principal_id == CLEO
    assert on_call(rota, at + timedelta(hours=2)).principal_id == BEN
    assert on_call(rota, at + DAY).principal_id == ANA


def test_the_second_layer_is_on_call_where_the_first_has_nobody() -> None:
    days = Layer(
        name="days", time_zone="UTC", shifts=(shift(ANA, "2026-01-05T08:00:00", "2026-01-05T18:00:00", "FREQ=DAILY"),)
    )
    rota = published(definition(days, weekly("UTC", BEN, name="behind")))
    assert ladder(rota, utc(2026, 2, 2, 9)) == (ANA, BEN, LEAD)
    assert ladder(rota, utc(2026, 2, 2, 20)) == (BEN, LEAD)
    assert ladder(rota, utc(2026, 2, 2, 20), leads_first=True) == (LEAD, BEN)


def test_every_uncovered_minute_is_alarmed_once_and_closed_when_somebody_covers_it() -> None:
    layer = Layer(
        name="days", time_zone="UTC", shifts=(shift(ANA, "2026-01-05T00:00:00", "2026-01-05T23:59:00", "FREQ=DAILY"),)
    )
    now = utc(2026, 2, 1, 12)
    rota = published(definition(layer, horizon_days=2))
    first = check_coverage(rota, now)
    assert [(each.starts_at, each.ends_at) for each in first if isinstance(each, CoverageGapFound)] == [
        (utc(2026, 2, 1, 23, 59), utc(2026, 2, 2)),
        (utc(2026, 2, 2, 23, 59), utc(2026, 2, 3)),
    ]
    rota = apply(rota, *first, at=now)
    assert [type(each) for each in check_coverage(rota, now)] == [CoverageChecked]
    rota = overridden(rota, BEN, utc(2026, 2, 1, 23), utc(2026, 2, 2, 1))
    closed = [each for each in check_coverage(rota, now) if isinstance(each, CoverageGapClosed)]
    assert [each.passed for each in closed] == [False]
    assert closed[0].gap_id == first[0].gap_id  # type: ignore[union-attr]  # the first of the two gaps


def test_a_gap_that_has_begun_stays_one_alarm_until_it_has_passed() -> None:
    layer = Layer(name="once", time_zone="UTC", shifts=(shift(ANA, "2026-01-05T00:00:00", "2026-01-06T00:00:00"),))
    rota = published(definition(layer, horizon_days=2))
    gap = (utc(2026, 1, 6), utc(2026, 1, 7))
    rota = overridden(rota, BEN, gap[1], gap[1] + 5 * DAY)
    now = utc(2026, 1, 5, 12)
    rota = apply(rota, *check_coverage(rota, now), at=now)
    for hours in (13, 20, 30):
        events = check_coverage(rota, now + timedelta(hours=hours))
        assert [type(each) for each in events] == [CoverageChecked]
    events = check_coverage(rota, gap[1])
    assert [each.passed for each in events if isinstance(each, CoverageGapClosed)] == [True]


@settings(max_examples=40, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    day=st.integers(0, 250),
    minute=st.integers(0, 1439),
    hours=st.lists(st.tuples(st.integers(0, 23), st.integers(1, 30)), min_size=1, max_size=3),
)
def test_gaps_are_exactly_the_minutes_in_which_nobody_is_on_call(
    zone: str, day: int, minute: int, hours: list[tuple[int, int]]
) -> None:
    shifts = tuple(
        shift(
            ANA,
            f"2026-02-01T{begin:02}:00:00",
            f"{utc(2026, 2, 1, begin) + timedelta(hours=length):%Y-%m-%dT%H:%M:%S}",
            f"FREQ=DAILY;INTERVAL={index + 1}",
        )
        for index, (begin, length) in enumerate(hours)
    )
    rota = published(definition(Layer(name="some", time_zone=zone, shifts=shifts)))
    begin = utc(2026, 3, 1) + day * DAY + timedelta(minutes=minute)
    gaps = gaps_between(rota, begin, begin + 3 * DAY)
    for offset in range(0, 3 * 1440, 7):
        at = begin + timedelta(minutes=offset)
        assert (on_call(rota, at).principal_id is None) == any(gap.start <= at < gap.end for gap in gaps)


@pytest.mark.parametrize(
    ("recurrence", "field"),
    [
        ("FREQ=SECONDLY", "recurrence"),
        ("FREQ=HOURLY", "recurrence"),
        ("FREQ=DAILY;BYHOUR=1,2", "recurrence"),
        ("every day", "recurrence"),
        ("INTERVAL=2", "recurrence"),
    ],
)
def test_a_recurrence_that_is_no_shift_is_refused_with_its_place(recurrence: str, field: str) -> None:
    layer = Layer(
        name="days", time_zone="UTC", shifts=(shift(ANA, "2026-01-05T00:00:00", "2026-01-05T10:00:00", recurrence),)
    )
    with pytest.raises(RotaInvalid) as refused:
        published(definition(layer))
    assert [each.field for each in refused.value.violations] == [f"layers[0].shifts[0].{field}"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "Group One"}, "name"),
        ({"leads": ()}, "leads"),
        ({"leads": ("boss",)}, "leads"),
        ({"layers": ()}, "layers"),
        ({"answer_minutes": 0}, "answer_minutes"),
        ({"probe_minutes": 1}, "probe_minutes"),
        ({"horizon_days": 91}, "horizon_days"),
        ({"tenant_ids": ("clinic", "clinic")}, "tenant_ids"),
    ],
)
def test_a_rota_that_cannot_be_followed_is_refused_with_its_place(changes: dict[str, object], field: str) -> None:
    with pytest.raises(RotaInvalid) as refused:
        published(definition(weekly("UTC", ANA)).model_copy(update=changes))
    assert [each.field for each in refused.value.violations] == [field]


def test_the_same_rota_again_is_no_event_and_another_one_is_the_next_version() -> None:
    rota = published(definition(weekly("UTC", ANA)))
    same = PublishRota(tenant_id=PROVIDER, request_id="r", definition=definition(weekly("UTC", ANA)))
    assert publish_rota(rota, same) == []
    other = PublishRota(tenant_id=PROVIDER, request_id="r", definition=definition(weekly("UTC", BEN)))
    (event,) = publish_rota(rota, other)
    assert event.rota_version == 2
    assert event.digest != rota.digest


def test_an_override_of_hours_that_are_over_is_refused() -> None:
    rota = published(definition(weekly("UTC", ANA)))
    now = utc(2026, 2, 1)
    command = OverrideRota(
        tenant_id=PROVIDER,
        request_id="r",
        rota_id=rota.rota_id,
        principal_id=BEN,
        starts_at=now - 2 * DAY,
        ends_at=now - DAY,
        reason="ill",
    )
    with pytest.raises(OverrideInvalid):
        override_rota(rota, command, now, "override-x")
    with pytest.raises(Exception, match="no such rota"):
        override_rota(Rota(), command, now, "override-x")

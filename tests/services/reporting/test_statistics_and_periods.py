"""The arithmetic of figures and the bounds of periods."""

from datetime import UTC, datetime
from fractions import Fraction
from itertools import pairwise
from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.intervals import wilson_permille
from contracts.zones import TimeZoneUnknown
from services.reporting.domain.errors import PeriodEmpty
from services.reporting.domain.figures import runs_of
from services.reporting.domain.period import explicit_bounds, month_bounds
from services.reporting.domain.restatement import _runs_between
from services.reporting.domain.statistics import quantile
from services.reporting.servicer.drilling import page_of
from services.reporting.servicer.plain_words import bytes_text, duration_text

LENGTHS = st.lists(st.integers(0, 50), max_size=30)
POSITIONS = st.sets(st.integers(0, 60))


@given(LENGTHS, LENGTHS, st.sampled_from([500, 900]))
def test_quantiles_are_kaplan_meiers(closed: list[int], open_: list[int], permille: int) -> None:
    survival, expected = Fraction(1), None
    for moment in sorted(set(closed)):
        at_risk = sum(length >= moment for length in closed) + sum(length >= moment for length in open_)
        survival *= 1 - Fraction(closed.count(moment), at_risk)
        if survival <= Fraction(1000 - permille, 1000):
            expected = moment
            break
    assert quantile(closed, open_, permille) == expected


def test_open_items_are_censored_and_not_dropped() -> None:
    assert quantile([10, 20, 30], [], 500) == 20
    assert quantile([10, 20, 30], [25, 25, 25], 500) == 30
    assert quantile([10], [5, 50, 50], 500) is None
    assert quantile([], [], 500) is None


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_intervals_agree_with_the_formula(pair: tuple[int, int]) -> None:
    k, n = pair
    z, p = 1.96, k / n
    centre, half = (p + z * z / (2 * n)), z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = wilson_permille(k, n)
    assert low / 1000 <= (centre - half) / (1 + z * z / n) + 1e-9
    assert high / 1000 >= (centre + half) / (1 + z * z / n) - 1e-9
    assert abs(low / 1000 - (centre - half) / (1 + z * z / n)) < 0.0021
    assert 0 <= low <= 1000 * k // n <= high <= 1000


@given(POSITIONS)
def test_runs_hold_exactly_the_positions(positions: set[int]) -> None:
    runs = runs_of(positions)
    assert {each for first, last in runs for each in range(first, last + 1)} == positions
    assert all(left[1] + 1 < right[0] for left, right in pairwise(runs))


@given(POSITIONS, POSITIONS)
def test_the_difference_of_runs_is_what_only_one_of_them_has(old: set[int], new: set[int]) -> None:
    assert _runs_between(runs_of(old), runs_of(new)) == runs_of(old ^ new)


@given(POSITIONS, st.integers(1, 7))
def test_pages_of_a_drilled_figure_show_every_position_once(positions: set[int], size: int) -> None:
    source, token, seen = {"runs": runs_of(positions)}, "", []
    while True:
        page, token = page_of(source, token, size)
        seen += [each for first, last in page for each in range(first, last + 1)]
        assert len(seen) <= len(positions)
        if not token:
            break
    assert seen == sorted(positions)


def test_a_month_follows_the_wall_clock_of_its_zone_across_daylight_saving() -> None:
    assert month_bounds(2026, 3, "Europe/Zurich") == (
        datetime(2026, 2, 28, 23, tzinfo=UTC),
        datetime(2026, 3, 31, 22, tzinfo=UTC),
    )
    assert month_bounds(2026, 12, "America/St_Johns")[1] == datetime(2027, 1, 1, 3, 30, tzinfo=UTC)


@pytest.mark.parametrize("name", ["Europe/Nowhere", "../etc/passwd", "Europe", "", "/etc/localtime", "Europe//Zurich"])
def test_an_unknown_time_zone_is_refused(name: str) -> None:
    with pytest.raises(TimeZoneUnknown):
        month_bounds(2026, 11, name)


def test_a_period_that_ends_before_it_begins_is_refused() -> None:
    at = datetime(2026, 11, 1, tzinfo=UTC)
    with pytest.raises(PeriodEmpty):
        explicit_bounds(at, at)


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "0 ms"),
        (999, "999 ms"),
        (61_000, "1 min 1 s"),
        (3_600_000, "1 h"),
        (93_784_000, "1 d 2 h"),
        (None, "not known"),
    ],
)
def test_durations_are_said_in_their_two_largest_units(milliseconds: int | None, text: str) -> None:
    assert duration_text(milliseconds) == text


def test_sizes_are_said_in_decimal_units() -> None:
    assert [bytes_text(value) for value in (999, 1_000, 1_234_567)] == ["999 B", "1.0 kB", "1.2 MB"]

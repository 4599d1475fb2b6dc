"""What others may know of who sighted what, without a service: contributed, told, taken back, and ended."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from contracts.events.base import Recorded
from contracts.events.intelligence import (
    SightingContributed,
    SightingRetracted,
    SightingsEnded,
    SightingSharingJoined,
    SightingsReported,
    SightingSubject,
)
from services.detections.config import MAX_SIGHTING_STEPS, SIGHTING_CLASSES, SIGHTING_WINDOW
from services.detections.domain.intelligence import sightings
from services.detections.domain.intelligence.sightings import Sharing, Sightings, Subject, Terms

HOUR = timedelta(hours=1)
START = datetime(2026, 11, 24, tzinfo=UTC)
TERMS = Terms(3, 6 * HOUR, HOUR)
SUBJECT = Subject(SightingSubject.RULE, "a rule")
OWN = "own"


class Told:
    """The provider's ledger and one receiver's, driven by the clock: what is due is told at its time, as timers do."""

    def __init__(self, terms: Terms = TERMS) -> None:
        self.terms, self.now = terms, START
        self.known, self.sharing = Sightings(), Sharing(joined_at=START)
        self.due: set[datetime] = set()
        self.news: list[Any] = []

    def at(self, hours: float) -> "Told":
        until = START + hours * HOUR
        for moment in sorted(each for each in self.due if each <= until):
            self.due.discard(moment)
            self.now = moment
            self.tell()
        self.now = until
        return self

    def contribute(self, *contributors: str) -> "Told":
        for who in contributors:
            self._apply(sightings.contribute(self.known, SUBJECT, who, self.terms, self.now))
        return self

    def retract(self, *contributors: str) -> "Told":
        for who in contributors:
            self._apply(sightings.retract(self.known, SUBJECT, who, self.terms, self.now))
        return self

    def tell(self) -> None:
        for event in sightings.report(self.sharing, self.known, SUBJECT, OWN, self.terms, self.now):
            self.news.append(event)
            self.sharing = sightings.evolve_sharing(self.sharing, _recorded(event, self.now))

    @property
    def current(self) -> int | None:
        return self.sharing.known_of(SUBJECT.id, self.now)

    def _apply(self, events: Sequence[SightingContributed | SightingRetracted]) -> None:
        for event in events:
            self.due.add(event.told_from)
            self.known = sightings.evolve(self.known, _recorded(event, self.now))


def _recorded(event: Any, now: datetime) -> Recorded[Any]:
    return Recorded(0, now, None, event)  # type: ignore[arg-type]  # Nobody looks at the envelope.


def test_a_retraction_is_told_by_intervals_and_ends_what_falls_below_the_threshold() -> None:
    told = Told().at(1).contribute("a", "b", "c").at(7)
    assert told.current == 3
    told.at(8).retract("c")
    assert told.at(12.9).current == 3, "not before the interval is over and the delay after it"
    assert told.at(13).current == 0
    assert isinstance(told.news[-1], SightingsEnded)
    assert len(told.at(24 * 30).news) == 2, "it is told once"


def test_what_nobody_was_told_is_never_told() -> None:
    told = Told().at(1).contribute("a", "b", "c").at(2).retract("a").at(24 * 30)
    assert not told.news
    (event,) = sightings.retract(Told().at(1).contribute("a").known, SUBJECT, "a", TERMS, START + 3 * HOUR)
    assert event.told_from == START + 7 * HOUR


def test_a_sighting_that_is_taken_back_and_made_again_is_never_seen_to_go() -> None:
    told = Told().at(1).contribute("a", "b", "c").at(8).retract("c").at(9).contribute("c").at(24)
    assert [type(each) for each in told.news] == [SightingsReported, SightingsReported]
    assert [each.at_least for each in told.news] == [3, 3]
    told = Told().at(1).contribute("a", "b", "c").at(8).retract("c").at(13).contribute("c").at(19)
    assert [type(each) for each in told.news] == [SightingsReported, SightingsEnded, SightingsReported]


def test_a_lower_class_is_told_where_enough_are_left() -> None:
    told = Told().at(1).contribute(*"abcde").at(7)
    assert told.current == 5
    told.at(8).retract("e").at(13)
    assert (told.current, [each.at_least for each in told.news]) == (3, [5, 3])
    assert told.at(14).retract("d").at(24).current == 3, "the class is the same: nothing is told"
    assert len(told.news) == 2


def test_a_contributor_that_sighted_again_counts_until_that_is_told() -> None:
    told = Told().at(1).contribute("a", "b", "c").at(5).contribute("d").at(6.5).contribute("a")
    assert told.at(7).current == 3, "told while the second of `a` is still untold"
    assert [each.at_least for each in told.at(13).news] == [3, 3]


def test_ones_own_sighting_and_its_retraction_are_told_to_nobody_of_the_tree() -> None:
    told = Told().at(1).contribute(OWN, "a", "b", "c").at(8).retract(OWN).at(24)
    assert [each.at_least for each in told.news] == [3]


def test_nothing_is_retracted_twice_or_of_who_never_contributed() -> None:
    told = Told().at(1).contribute("a").at(8).retract("a")
    assert sightings.retract(told.known, SUBJECT, "a", TERMS, told.now) == []
    assert sightings.retract(told.known, SUBJECT, "b", TERMS, told.now) == []


def test_who_left_is_told_of_no_end() -> None:
    told = Told().at(1).contribute("a", "b", "c").at(7)
    told.sharing = Sharing()
    assert sightings.report(told.sharing, told.known, SUBJECT, OWN, TERMS, told.now) == []
    joined = SightingSharingJoined()
    assert sightings.evolve_sharing(Sharing(), _recorded(joined, told.now)).joined_at == told.now


def test_steps_are_bounded_and_the_last_that_was_told_is_kept() -> None:
    told = Told(replace(TERMS, interval=HOUR, delay=1000 * HOUR)).at(0).contribute("a").at(1001)
    for hour in range(1002, 1040):
        told.at(hour).contribute("a")
    steps = told.known.contributors["a"]
    assert len(steps) == MAX_SIGHTING_STEPS
    assert told.known.told("a", told.now) is not None


STEPS = st.lists(st.tuples(st.sampled_from("abcdefg"), st.booleans(), st.floats(0.1, 30)), max_size=40)


@given(STEPS)
def test_what_is_told_is_always_what_a_plain_count_of_the_time_before_gives(
    steps: list[tuple[str, bool, float]],
) -> None:
    told, moment = Told(), 0.0
    happened: list[tuple[datetime, str, bool]] = []
    for who, contributes, pause in steps:
        moment += pause
        told.at(moment)
        happened.append((told.now, who, contributes))
        (told.contribute if contributes else told.retract)(who)
    told.at(moment + 14)
    assert not told.due, "everything was told"
    last = {who: (at, contributes) for at, who, contributes in happened}
    buckets = [TERMS.bucket_of(at) for at in _standing(happened).values()]
    count = sum(each > max(buckets) - SIGHTING_WINDOW for each in buckets)
    expected = max((each for each in (3, *SIGHTING_CLASSES) if each <= count), default=0)
    if buckets and max(buckets) + SIGHTING_WINDOW <= told.now:
        expected = 0
    assert told.current == expected, last
    assert all(each.at_least >= 3 for each in told.news if isinstance(each, SightingsReported))


def _standing(happened: Sequence[tuple[datetime, str, bool]]) -> dict[str, datetime]:
    """When each that stands was last contributed in an interval of its own."""
    standing: dict[str, datetime] = {}
    for at, who, contributes in happened:
        if not contributes:
            standing.pop(who, None)
        elif who not in standing or TERMS.bucket_of(standing[who]) < TERMS.bucket_of(at):
            standing[who] = at
    return standing

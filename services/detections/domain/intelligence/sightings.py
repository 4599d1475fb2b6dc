"""Sightings that customers share without their names: what is contributed, and what others are told of it.

A sighting is a detection that a person has validated as malicious. Others are told of it once at least `threshold`
customers contributed within SIGHTING_WINDOW, of each customer tree one at most and never the receiver's own; not before
the interval in which it was contributed is over, and the delay after it; and as a class of counts, never as a count.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import assert_never

from contracts.events.base import Recorded
from contracts.events.detections import DetectionRaised, DetectionValidated, RuleKind
from contracts.events.intelligence import (
    SightingContributed,
    SightingSharingJoined,
    SightingSharingLeft,
    SightingsReported,
    SightingSubject,
)
from contracts.events.subjects import Verdict
from contracts.ids import PROVIDER, TenantId, derive_id
from services.detections.config import (
    MAX_SIGHTING_CONTRIBUTORS,
    MAX_SIGHTINGS_PER_TENANT,
    SIGHTING_CLASSES,
    SIGHTING_WINDOW,
)
from services.detections.domain.intelligence.indicators import KEPT_BACK

CATEGORY = "sighting"
SHARING_CATEGORY = "sighting_sharing"
SightingEvent = SightingContributed
SharingEvent = SightingSharingJoined | SightingSharingLeft | SightingsReported
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Terms:
    """On which sightings are shared: from how many customers on, in which intervals, how long after them."""

    threshold: int
    interval: timedelta
    delay: timedelta

    def bucket_of(self, moment: datetime) -> datetime:
        return moment - (moment - _EPOCH) % self.interval

    def told_from(self, bucket_at: datetime) -> datetime:
        return bucket_at + self.interval + self.delay


@dataclass(frozen=True, slots=True)
class Subject:
    kind: SightingSubject
    id: str

    @property
    def stream(self) -> str:
        return derive_id(CATEGORY, self.kind.value, self.id)


@dataclass(frozen=True, slots=True)
class Sightings:
    """Who contributed, by keyed digest: the start of the last interval, and from when on it may be told."""

    contributors: Mapping[str, tuple[datetime, datetime]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sharing:
    """A tenant's part in it. `reported` is by the subject's identifier."""

    joined: bool = False
    reported: Mapping[str, SightingsReported] = field(default_factory=dict)

    def known_of(self, subject_id: str, now: datetime) -> int | None:
        """How many others have had this lately, at least; 0 for none that is known, None where it takes no part."""
        if not self.joined:
            return None
        event = self.reported.get(subject_id)
        return event.at_least if event is not None and now < event.current_until else 0


def stream_of(tenant_id: TenantId) -> str:
    return derive_id(SHARING_CATEGORY, tenant_id)


def initial() -> Sightings:
    return Sightings()


def evolve(state: Sightings, recorded: Recorded[SightingEvent]) -> Sightings:
    event = recorded.event
    match event:
        case SightingContributed():
            known = {**state.contributors, event.contributor: (event.bucket_at, event.told_from)}
            # The oldest make room: what they contributed no longer counts for long.
            kept = sorted(known.items(), key=lambda item: item[1])[-MAX_SIGHTING_CONTRIBUTORS:]
            return Sightings(dict(kept))
        case _:
            assert_never(event)


def initial_sharing() -> Sharing:
    return Sharing()


def evolve_sharing(state: Sharing, recorded: Recorded[SharingEvent]) -> Sharing:
    event = recorded.event
    match event:
        case SightingSharingJoined():
            return Sharing(joined=True)
        case SightingSharingLeft():
            return Sharing()
        case SightingsReported():
            known = {**state.reported, event.subject_id: event}
            kept = sorted(known.items(), key=lambda item: item[1].current_until)[-MAX_SIGHTINGS_PER_TENANT:]
            return Sharing(state.joined, dict(kept))
        case _:
            assert_never(event)


def join(state: Sharing) -> list[SightingSharingJoined]:
    return [] if state.joined else [SightingSharingJoined()]


def leave(state: Sharing) -> list[SightingSharingLeft]:
    return [SightingSharingLeft()] if state.joined else []


def subject_of(raised: DetectionRaised, validated: DetectionValidated) -> Subject | None:
    """What a verdict says that was sighted; None where it says nothing that may leave the tenant.

    Only rules and indicators that the provider runs for all tenants can mean anything to another one.
    """
    labels = {raised.label, *(each.label for each in (*raised.evidence, *validated.evidence))}
    if raised.indicator is not None:
        labels.add(raised.indicator.label)
    if validated.verdict is not Verdict.MALICIOUS or labels & KEPT_BACK:
        return None
    if raised.kind is RuleKind.INDICATOR:
        ours = raised.indicator is not None and raised.indicator.ledger == PROVIDER
        return Subject(SightingSubject.INDICATOR, raised.rule.rule_id) if ours else None
    if raised.kind is RuleKind.SIGNATURE or not raised.rule.pack_sha256:
        return None
    return Subject(SightingSubject.RULE, raised.rule.rule_id)


def contribute(
    state: Sightings, subject: Subject, contributor: str, terms: Terms, now: datetime
) -> list[SightingContributed]:
    """Nothing where it was contributed within this interval already."""
    bucket_at = terms.bucket_of(now)
    known = state.contributors.get(contributor)
    if known is not None and known[0] >= bucket_at:
        return []
    return [
        SightingContributed(
            subject_kind=subject.kind,
            subject_id=subject.id,
            contributor=contributor,
            bucket_at=bucket_at,
            told_from=terms.told_from(bucket_at),
        )
    ]


def report(
    sharing: Sharing, sightings: Sightings, subject: Subject, own: str, terms: Terms, now: datetime
) -> list[SightingsReported]:
    """What one tenant is told, if it is news. `own` is the digest that its own tree contributes under."""
    if not sharing.joined:
        return []
    told = [bucket for who, (bucket, told_from) in sightings.contributors.items() if who != own and told_from <= now]
    at_least = _class_of(_recent(told), terms.threshold)
    if at_least is None:
        return []
    bucket_at = max(told)
    known = sharing.reported.get(subject.id)
    if known is not None and known.at_least >= at_least and known.bucket_at >= bucket_at:
        return []
    return [
        SightingsReported(
            subject_kind=subject.kind,
            subject_id=subject.id,
            at_least=at_least,
            threshold=terms.threshold,
            bucket_at=bucket_at,
            current_until=bucket_at + SIGHTING_WINDOW,
        )
    ]


def _recent(buckets: Iterable[datetime]) -> int:
    """How many lie within the window before the latest of them."""
    known = list(buckets)
    return sum(bucket > max(known) - SIGHTING_WINDOW for bucket in known)


def _class_of(count: int, threshold: int) -> int | None:
    """The lower bound of the class that a count is in; None below the threshold."""
    return max((bound for bound in (threshold, *SIGHTING_CLASSES) if threshold <= bound <= count), default=None)

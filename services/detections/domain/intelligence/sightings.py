"""Sightings that customers share without their names: what is contributed, and what others are told of it.

A sighting is a detection that a person has validated as malicious. Others are told of it once at least `threshold`
customers contributed within SIGHTING_WINDOW, of each customer tree one at most and never the receiver's own; not before
the interval in which it was contributed is over, and the delay after it; and as a class of counts, never as a count.

A sighting whose verdict is withdrawn is taken back on the same terms: by intervals and after the delay, so that the
moment of a withdrawal is told no better than that of a verdict, and as a class of what is left, or as the end of it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, assert_never

from contracts.events.base import Recorded
from contracts.events.detections import (
    DetectionRaised,
    DetectionValidated,
    DetectionValidationWithdrawn,
    RuleKind,
)
from contracts.events.intelligence import (
    SightingContributed,
    SightingRetracted,
    SightingsEnded,
    SightingSharingJoined,
    SightingSharingLeft,
    SightingsReported,
    SightingSubject,
)
from contracts.events.subjects import Verdict
from contracts.ids import PROVIDER, TenantId, derive_id
from services.detections.config import (
    MAX_SIGHTING_CONTRIBUTORS,
    MAX_SIGHTING_STEPS,
    MAX_SIGHTINGS_PER_TENANT,
    SIGHTING_CLASSES,
    SIGHTING_WINDOW,
)
from services.detections.domain.intelligence.indicators import KEPT_BACK

CATEGORY = "sighting"
SHARING_CATEGORY = "sighting_sharing"
SightingEvent = SightingContributed | SightingRetracted
SharingEvent = SightingSharingJoined | SightingSharingLeft | SightingsReported | SightingsEnded
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
class Step:
    """From `told_from` on others may know that a contributor's last sighting was in the interval that began at
    `bucket_at`; None: that it has none."""

    told_from: datetime
    bucket_at: datetime | None


@dataclass(frozen=True, slots=True)
class Sightings:
    """What may be known of each contributor, by keyed digest, in the order of time; the last step is how it is now."""

    contributors: Mapping[str, tuple[Step, ...]] = field(default_factory=dict)

    def contributed(self, contributor: str) -> datetime | None:
        """When its last interval began; None where it has no sighting."""
        steps = self.contributors.get(contributor, ())
        return steps[-1].bucket_at if steps else None

    def told(self, contributor: str, now: datetime) -> datetime | None:
        """The same as others may know it."""
        known = [step for step in self.contributors.get(contributor, ()) if step.told_from <= now]
        return known[-1].bucket_at if known else None


@dataclass(frozen=True, slots=True)
class Reported:
    """What a tenant was told of a subject; see `SightingsReported`."""

    subject_kind: SightingSubject
    subject_id: str
    at_least: int
    bucket_at: datetime
    current_until: datetime


@dataclass(frozen=True, slots=True)
class Sharing:
    """A tenant's part in it, and since when. `reported` is by the subject's identifier."""

    joined_at: datetime | None = None
    reported: Mapping[str, Reported] = field(default_factory=dict)

    @property
    def joined(self) -> bool:
        return self.joined_at is not None

    def known_of(self, subject_id: str, now: datetime) -> int | None:
        """How many others have had this lately, at least; 0 for none that is known, None where it takes no part."""
        if not self.joined:
            return None
        known = self.reported.get(subject_id)
        return known.at_least if known is not None and now < known.current_until else 0


def stream_of(tenant_id: TenantId) -> str:
    return derive_id(SHARING_CATEGORY, tenant_id)


def initial() -> Sightings:
    return Sightings()


def evolve(state: Sightings, recorded: Recorded[SightingEvent]) -> Sightings:
    event = recorded.event
    match event:
        case SightingContributed():
            step = Step(event.told_from, event.bucket_at)
        case SightingRetracted():
            step = Step(event.told_from, None)
        case _:
            assert_never(event)
    steps = _stepped(state.contributors.get(event.contributor, ()), step, recorded.recorded_at)
    known = {**state.contributors, event.contributor: steps}
    # The oldest make room: what they contributed no longer counts for long.
    kept = sorted(known.items(), key=lambda item: item[1][-1].told_from)[-MAX_SIGHTING_CONTRIBUTORS:]
    return Sightings(dict(kept))


def _stepped(steps: Sequence[Step], step: Step, now: datetime) -> tuple[Step, ...]:
    """What is told later than the new step, or with it, is never told; of what was told by now the last is kept."""
    earlier = [each for each in steps if each.told_from < step.told_from]
    told = [each for each in earlier if each.told_from <= now]
    coming = [each for each in earlier if each.told_from > now]
    return (*told[-1:], *coming[-(MAX_SIGHTING_STEPS - 2) :], step)


def initial_sharing() -> Sharing:
    return Sharing()


def evolve_sharing(state: Sharing, recorded: Recorded[SharingEvent]) -> Sharing:
    event = recorded.event
    match event:
        case SightingSharingJoined():
            return Sharing(joined_at=recorded.recorded_at)
        case SightingSharingLeft():
            return Sharing()
        case SightingsReported():
            reported = Reported(
                event.subject_kind, event.subject_id, event.at_least, event.bucket_at, event.current_until
            )
            known = {**state.reported, event.subject_id: reported}
            kept = sorted(known.items(), key=lambda item: item[1].current_until)[-MAX_SIGHTINGS_PER_TENANT:]
            return replace(state, reported=dict(kept))
        case SightingsEnded():
            ended = state.reported.get(event.subject_id)
            if ended is None:
                return state
            over = replace(ended, current_until=min(ended.current_until, recorded.recorded_at))
            return replace(state, reported={**state.reported, event.subject_id: over})
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


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What raised a detection, and the verdicts on it by position; `standing` is the one that is not withdrawn."""

    raised: DetectionRaised | None
    given: Mapping[int, DetectionValidated]
    standing: Recorded[DetectionValidated] | None

    def subject_at(self, position: int) -> Subject | None:
        """What the verdict at a position says that was sighted; see `subject_of`."""
        validated = self.given.get(position)
        return subject_of(self.raised, validated) if self.raised is not None and validated is not None else None


def verdicts_of(history: Iterable[Recorded[Any]]) -> Verdicts:
    raised: DetectionRaised | None = None
    given: dict[int, DetectionValidated] = {}
    standing: Recorded[DetectionValidated] | None = None
    for recorded in history:
        match recorded.event:
            case DetectionRaised():
                raised = recorded.event
            case DetectionValidated():
                given[recorded.position], standing = recorded.event, recorded
            case DetectionValidationWithdrawn():
                standing = None
    return Verdicts(raised, given, standing)


def contribute(
    state: Sightings, subject: Subject, contributor: str, terms: Terms, now: datetime
) -> list[SightingContributed]:
    """Nothing where it was contributed within this interval already."""
    bucket_at = terms.bucket_of(now)
    known = state.contributed(contributor)
    if known is not None and known >= bucket_at:
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


def retract(
    state: Sightings, subject: Subject, contributor: str, terms: Terms, now: datetime
) -> list[SightingRetracted]:
    """Nothing where nothing of the contributor counts. What nobody was told yet, nobody is ever told."""
    if state.contributed(contributor) is None:
        return []
    bucket_at = terms.bucket_of(now)
    told_from = terms.told_from(bucket_at)
    if state.told(contributor, now) is None:
        told_from = min(step.told_from for step in state.contributors[contributor] if step.told_from > now)
    return [
        SightingRetracted(
            subject_kind=subject.kind,
            subject_id=subject.id,
            contributor=contributor,
            bucket_at=bucket_at,
            told_from=told_from,
        )
    ]


def report(
    sharing: Sharing, sightings: Sightings, subject: Subject, own: str, terms: Terms, now: datetime
) -> list[SightingsReported | SightingsEnded]:
    """What one tenant is told, if it is news. `own` is the digest that its own tree contributes under."""
    if not sharing.joined:
        return []
    others = [sightings.told(who, now) for who in sightings.contributors if who != own]
    told = [bucket_at for bucket_at in others if bucket_at is not None]
    at_least = _class_of(_recent(told), terms.threshold)
    known = sharing.reported.get(subject.id)
    current = known if known is not None and now < known.current_until else None
    if at_least is None or max(told) + SIGHTING_WINDOW <= now:
        ended = SightingsEnded(subject_kind=subject.kind, subject_id=subject.id, threshold=terms.threshold)
        return [ended] if current is not None else []
    bucket_at = max(told)
    if current is not None and (current.at_least, current.bucket_at) == (at_least, bucket_at):
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

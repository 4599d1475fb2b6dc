"""Indicators of one ledger at work: each match as something that fired, with the import that it rests on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from contracts.events.base import Fact
from contracts.events.detections import IndicatorRef, RuleKind, RuleRef
from contracts.ids import TenantId
from services.detections.domain.formats.records import Record
from services.detections.domain.grouping import Fired
from services.detections.domain.intelligence.indicators import Indicator
from services.detections.domain.intelligence.matcher import Match, Matcher
from services.detections.domain.matching import Ask
from services.detections.domain.matching import Match as Found

FACT = "intelligence"
_LEVELS = ((75, 4, "high"), (40, 3, "medium"), (0, 2, "low"))
"""From which confidence on a match is how severe: OCSF's severity_id, and the level by name."""


@dataclass(frozen=True, slots=True)
class Origin:
    """A source's import: the hash of all that it said from there on, and its position in the ledger."""

    source: str
    set_sha256: str
    position: int


@dataclass(frozen=True, slots=True)
class Watch:
    """`origins` are by the indicator's identifier; `ledger` is whose intelligence it is."""

    ledger: TenantId
    matcher: Matcher = field(default_factory=lambda: Matcher(()))
    origins: Mapping[str, Origin] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.matcher)

    def fired(self, match: Match, at: float) -> Fired:
        """What a match stands for, at a time in seconds since 1970. The rule's title names no value, since it stands in
        the clear; what was found is for the sealed description."""
        indicator, origin = match.indicator, self.origins[match.indicator.indicator_id]
        confidence = indicator.confidence_at(at)
        severity_id, level = next((severity, name) for least, severity, name in _LEVELS if confidence >= least)
        rule = RuleRef(
            rule_id=indicator.indicator_id,
            title=f"Known indicator ({match.observable.value.replace('_', ' ')}) of {origin.source}",
            sha256=indicator.sha256,
            pack_sha256=origin.set_sha256,
            level=level,
        )
        reference = IndicatorRef(
            indicator_id=indicator.indicator_id,
            observable=match.observable.value,
            source=origin.source,
            set_sha256=origin.set_sha256,
            ledger=self.ledger,
            position=origin.position,
            confidence_percent=None if indicator.confidence is None else confidence,
            label=indicator.label,
        )
        return Fired(rule, severity_id, indicator.techniques, RuleKind.INDICATOR, reference)


def note_of(match: Match) -> str:
    """What was found, in words. Sealed."""
    named = f" ({match.indicator.name})" if match.indicator.name else ""
    return f"indicator: {match.observable.value.replace('_', ' ')} {match.value}{named}"


def fact_of(reference: IndicatorRef) -> Fact:
    return Fact(FACT, reference.set_sha256, reference.ledger, reference.position)


@dataclass(frozen=True, slots=True)
class ArchiveWatch:
    """A watch that can be sent to the process that looks through the archive, as of a time in seconds since 1970."""

    ledger: TenantId
    indicators: tuple[Indicator, ...]
    origin: Origin
    at: float

    def opened(self) -> Ask:
        origins = dict.fromkeys((each.indicator_id for each in self.indicators), self.origin)
        watch = Watch(self.ledger, Matcher(self.indicators), origins)

        def match(record: Record) -> Sequence[Found]:
            return [
                Found(watch.fired(each, self.at), note_of(each)) for each in watch.matcher.match(record.fields, self.at)
            ]

        return match

"""Correlations over archived telemetry: what their rules match is gathered, put in order of time, and correlated.

Live, hits come as they arrive and late ones have a bound; here all of them are there, so none is late.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from services.detections.domain.analysis import hit_of
from services.detections.domain.correlation.batches import moment_of
from services.detections.domain.correlation.correlator import Correlator
from services.detections.domain.correlation.deployed import Correlations
from services.detections.domain.correlation.hits import Firing, Hit
from services.detections.domain.correlation.windows import LATENESS
from services.detections.domain.description import place_of
from services.detections.domain.formats.records import Record
from services.detections.domain.grouping import Fired
from services.detections.domain.rule_exception import Excepted
from services.detections.domain.sigma.compiler import CompiledRule
from services.detections.domain.sigma.engine import Engine
from services.detections.domain.sigma.logsources import route_of
from services.detections.domain.suppression import Hiding


@dataclass(frozen=True, slots=True)
class CorrelationMatcher:
    """`rules` are those that the correlations refer to, and `fired` what each correlation that is asked for fires.

    Plain values, which can be sent to a process of their own.
    """

    rules: tuple[CompiledRule, ...]
    correlations: Correlations
    fired: Mapping[str, Fired]

    @property
    def reach(self) -> timedelta:
        """How long before the end of a window the first hit that matters to it may lie."""
        reach: dict[str, int] = {}
        # Those that are referred to come before those that refer to them.
        for each in self.correlations.rules:
            reach[each.rule_id] = each.span + max(reach.get(below, 0) for below in each.references)
        return timedelta(microseconds=max(reach.values(), default=0))


@dataclass(frozen=True, slots=True)
class Standing:
    """What the tenant hides, and does without, when a hunt is made: it feeds no window."""

    hiding: Hiding
    excepted: Excepted

    def holds_back(self, rule_id: str, record: Record) -> bool:
        assert record.occurred_at is not None  # The archive gives every record a time.
        if self.excepted.takes(rule_id, record.occurred_at):
            return True
        place = place_of(record)[:3]
        return bool(self.hiding) and self.hiding.hides(rule_id, record.fields, place, record.occurred_at) is not None

    def holds_back_firing(self, firing: Firing) -> bool:
        """A suppression may ask for the fields that the correlation groups by, and where the last hit happened."""
        correlation, moment = firing.correlation, moment_of(firing.at)
        if self.excepted.takes(correlation.rule_id, moment, len(firing.hits)):
            return True
        fields = dict(zip(correlation.group_by, firing.group, strict=True))
        return self.hiding.hides(correlation.rule_id, fields, firing.hits[-1].place[:3], moment) is not None


@dataclass(frozen=True, slots=True)
class Correlated:
    """What a correlation that is asked for came to; `sensor_id` is that of its last hit, `titles` those of rules."""

    firing: Firing
    fired: Fired
    sensor_id: str
    titles: Mapping[str, str]


def identity_of(hit: Hit) -> str:
    """The same for a record that was sent twice: a rule's hit counts once in a correlation."""
    return f"{hit.rule_id}/{hit.key.hex()}"


class Gathering:
    """`take` every record, in any order; then `correlated`."""

    def __init__(self, matcher: CorrelationMatcher, standing: Standing) -> None:
        self._matcher, self._standing = matcher, standing
        self._engine = Engine(matcher.rules)
        self.hidden = 0
        self._hits: list[Hit] = []
        self._sensors: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._hits)

    def take(self, record: Record, sensor_id: str, batch: str) -> None:
        route = route_of(record.source, record.fields, record.logsource)
        if route is None:
            return
        wanted = self._matcher.correlations.wanted
        for rule in self._engine.match(route, record.fields):
            if rule.rule_id not in wanted:
                continue
            if self._standing.holds_back(rule.rule_id, record):
                self.hidden += 1
                continue
            assert record.occurred_at is not None  # The archive gives every record a time.
            hit = hit_of(rule.rule_id, record, record.occurred_at, wanted[rule.rule_id])
            # Files that were written before keys were kept: the record's place tells it from others.
            hit.key = hit.key or f"{batch}@{record.offset}".encode()
            hit.batch = batch
            self._sensors[batch] = sensor_id
            self._hits.append(hit)

    def correlated(self, start: int, now: int) -> Iterator[Correlated]:
        """What is asked for of windows that end at `start` or after it; in microseconds, as `now` is.

        Windows that wait for what may come late are judged as they would be live, once the bound is over.
        """
        correlator = Correlator(self._matcher.correlations.rules)
        hits = sorted(self._hits, key=lambda hit: (hit.at, hit.rule_id, hit.key))
        for firing in [*correlator.take(hits), *correlator.close(now - LATENESS)]:
            fired = self._matcher.fired.get(firing.correlation.rule_id)
            if fired is not None and firing.at >= start:
                yield Correlated(firing, fired, self._sensors[firing.hits[-1].batch], self._matcher.correlations.titles)

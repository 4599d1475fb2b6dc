"""Judges a batch's records: which are new, which clocks are believable, which rules fire, what groups come of it."""

from collections.abc import Container, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from contracts.events.detections import BatchTimes, PutAside, RuleKind, RuleRef, TelemetryReceived
from services.detections.config import MAX_TITLE_CHARACTERS
from services.detections.domain.commands import IngestBatch
from services.detections.domain.correlation.deployed import Correlations
from services.detections.domain.correlation.hits import Hit, comparable
from services.detections.domain.correlation.rules import CompiledCorrelation
from services.detections.domain.description import place_of
from services.detections.domain.formats.clocks import believable
from services.detections.domain.formats.records import Alert, Record
from services.detections.domain.grouping import BlindIndex, Fired, Grouping
from services.detections.domain.intelligence.watch import Watch, note_of
from services.detections.domain.rule_exception import Excepted
from services.detections.domain.sigma.compiler import CompiledRule
from services.detections.domain.sigma.engine import Engine
from services.detections.domain.sigma.logsources import route_of
from services.detections.domain.signatures import fired_by_alert
from services.detections.domain.suppression import HiddenCounts, Hiding

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules at work: the engine, and for each rule the pack that brought it."""

    engine: Engine
    packs: Mapping[str, str]
    correlations: Correlations = field(default_factory=Correlations)

    def fired(self, rule: CompiledRule | CompiledCorrelation) -> Fired:
        reference = RuleRef(
            rule_id=rule.rule_id,
            title=rule.title[:MAX_TITLE_CHARACTERS],
            sha256=rule.sha256,
            pack_sha256=self.packs[rule.rule_id],
            level=rule.level,
        )
        kind = RuleKind.CORRELATION if isinstance(rule, CompiledCorrelation) else RuleKind.SIGMA
        return Fired(reference, rule.severity_id, rule.techniques, kind)


@dataclass(slots=True)
class Analysis:
    """What one batch comes to, filled chunk by chunk."""

    rules: RuleSet
    index: BlindIndex
    received_at: datetime
    hiding: Hiding = field(default_factory=Hiding)
    excepted: Excepted = field(default_factory=Excepted)
    watches: Sequence[Watch] = ()
    """Indicators that records are matched with."""
    keys: set[bytes] = field(default_factory=set)
    accepted: int = 0
    repeated: int = 0
    skewed: int = 0
    first: datetime | None = None
    last: datetime | None = None
    hits: list[Hit] = field(default_factory=list)
    """What correlations take of this batch, in the order of the records."""
    hidden: HiddenCounts = field(default_factory=HiddenCounts)
    groups: Grouping = field(init=False)
    _alerts: dict[Alert, Fired] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.groups = Grouping(self.index)

    def take(self, records: Sequence[Record], seen: Container[bytes]) -> None:
        """Adds records; those whose key was seen before, here or by an earlier batch, are only counted.

        Raises BatchRaisesTooMuch.
        """
        for record in records:
            if record.key in seen or record.key in self.keys:
                self.repeated += 1
                continue
            self.keys.add(record.key)
            self.accepted += 1
            self._judge(record, self._moment(record))

    def counted_anew(self) -> "Analysis":
        """The same with counts of its own, so that a decision which is made a second time counts nothing twice."""
        other = copy(self)
        other.hidden, other.excepted = copy(self.hidden), copy(self.excepted)
        return other

    def received(
        self, command: IngestBatch, put_aside: Mapping[str, int], sha256: str | None, times: BatchTimes
    ) -> TelemetryReceived:
        """The event of this batch."""
        aside = tuple(PutAside(reason=reason, records=count) for reason, count in sorted(put_aside.items()))
        return TelemetryReceived(
            batch_id=command.batch_id,
            sensor_id=command.sensor_id,
            format=command.format,
            records=self.accepted + self.repeated + sum(item.records for item in aside),
            accepted=self.accepted,
            repeated=self.repeated,
            put_aside=aside,
            skewed=self.skewed,
            bytes=command.bytes,
            sha256=command.sha256,
            first_record=command.first_record,
            put_aside_sha256=sha256,
            first_occurred_at=self.first,
            last_occurred_at=self.last,
            times=times,
        )

    def _moment(self, record: Record) -> datetime:
        """When the record happened; the time of receipt where its own clock cannot be believed."""
        moment = record.occurred_at
        if moment is None or not believable(moment, self.received_at):
            self.skewed += 1
            return self.received_at
        self.first = moment if self.first is None else min(self.first, moment)
        self.last = moment if self.last is None else max(self.last, moment)
        return moment

    def _judge(self, record: Record, moment: datetime) -> None:
        if record.alert is not None:
            fired = self._alerts.get(record.alert)
            if fired is None:
                fired = self._alerts[record.alert] = fired_by_alert(record.alert)
            if not self._hidden(fired.rule.rule_id, record, moment):
                self.groups.add(record, fired, moment)
        route = route_of(record.source, record.fields, record.logsource)
        if route is not None:
            for rule in self.rules.engine.match(route, record.fields):
                self._matched(rule, record, moment)

        for watch in self.watches:
            self._watched(watch, record, moment)

    def _watched(self, watch: Watch, record: Record, moment: datetime) -> None:
        at = self.received_at.timestamp()
        for match in watch.matcher.match(record.fields, at):
            fired = watch.fired(match, at)
            if not self.excepted.takes(fired.rule.rule_id, moment) and not self._hidden(
                fired.rule.rule_id, record, moment
            ):
                self.groups.add(record, fired, moment, observed=note_of(match))

    def _matched(self, rule: CompiledRule, record: Record, moment: datetime) -> None:
        if self.excepted.takes(rule.rule_id, moment) or self._hidden(rule.rule_id, record, moment):
            return
        correlations = self.rules.correlations
        wanted = correlations.wanted.get(rule.rule_id)
        if wanted is not None:
            self.hits.append(hit_of(rule.rule_id, record, moment, wanted))
        if rule.rule_id not in correlations.silent:
            self.groups.add(record, self.rules.fired(rule), moment)

    def _hidden(self, rule_id: str, record: Record, moment: datetime) -> bool:
        """Whether a suppression hides what fired; if so it is counted."""
        if not self.hiding:
            return False
        place = place_of(record)
        suppression_id = self.hiding.hides(rule_id, record.fields, place[:3], moment)
        if suppression_id is None:
            return False
        self.hidden.add(suppression_id, rule_id, moment)
        return True


def hit_of(rule_id: str, record: Record, moment: datetime, wanted: Iterable[str]) -> Hit:
    values = {name: text for name in wanted if (text := comparable(record.fields.get(name))) is not None}
    at = (moment - _EPOCH) // _MICROSECOND
    return Hit(rule_id, record.key, at, values, "", record.offset, place_of(record))

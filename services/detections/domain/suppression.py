"""Suppressions of a tenant: what is not to be raised for a time, why, and who answers for it. One stream per tenant."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any, assert_never

from contracts.calls import Call
from contracts.events.base import Recorded, Sealed
from contracts.events.detections import (
    ActivityHidden,
    ConditionOperator,
    FieldCondition,
    HiddenHits,
    SuppressionAdded,
    SuppressionLifted,
)
from contracts.ids import TenantId, derive_id
from services.detections.config import MAX_STANDING_SUPPRESSIONS, MAX_SUPPRESSION_LIFE
from services.detections.domain.commands import AddSuppression, ConditionInput, LiftSuppression
from services.detections.domain.correlation.hits import comparable
from services.detections.domain.errors import (
    ConditionUnreadable,
    SuppressionsTooMany,
    SuppressionTooBroad,
    SuppressionTooLong,
    SuppressionUnknown,
)
from services.detections.domain.validation import require_human, require_reasoned

CATEGORY = "suppression"
SuppressionEvent = SuppressionAdded | SuppressionLifted
HOST, ADDRESS, ACCOUNT = "@host", "@address", "@account"
"""Names that a condition may use for where a record says that it happened, whatever its fields are called."""


@dataclass(frozen=True, slots=True)
class Suppressions:
    """Those that nobody has lifted, by id. Which of them are over is for the clock to say."""

    standing: Mapping[str, SuppressionAdded] = field(default_factory=dict)
    known: frozenset[str] = frozenset()

    def at(self, now: datetime) -> tuple[SuppressionAdded, ...]:
        return tuple(each for each in self.standing.values() if now < each.expires_at)


def stream_of(tenant_id: TenantId) -> str:
    """A tenant has one stream of suppressions, so that a batch is decided on all of them or not at all."""
    return derive_id(CATEGORY, tenant_id)


def initial() -> Suppressions:
    return Suppressions()


def evolve(state: Suppressions, recorded: Recorded[SuppressionEvent]) -> Suppressions:
    event = recorded.event
    match event:
        case SuppressionAdded():
            over = recorded.recorded_at
            standing = {key: each for key, each in state.standing.items() if over < each.expires_at}
            return Suppressions({**standing, event.suppression_id: event}, state.known | {event.suppression_id})
        case SuppressionLifted():
            standing = {key: each for key, each in state.standing.items() if key != event.suppression_id}
            return Suppressions(standing, state.known)
        case _:
            assert_never(event)


def add(state: Suppressions, call: Call, command: AddSuppression) -> list[SuppressionAdded]:
    """Raises NotAPerson, NotAnAnalyst, RationaleMissing, SuppressionTooBroad, SuppressionTooLong, ConditionUnreadable,
    SuppressionsTooMany."""
    require_human(call)
    require_reasoned(command.reason)
    if command.rule_id is None and not command.conditions:
        raise SuppressionTooBroad("A suppression names a rule, or a condition, or both.")
    starts_at = command.starts_at or call.now
    if not max(starts_at, call.now) < command.expires_at <= call.now + MAX_SUPPRESSION_LIFE:
        raise SuppressionTooLong(
            f"A suppression ends after it begins, within {MAX_SUPPRESSION_LIFE.days} days.",
            metadata={"limit_days": str(MAX_SUPPRESSION_LIFE.days)},
        )
    for condition in command.conditions:
        Condition.of(condition.field, condition.operator, condition.value)
    if len(state.at(call.now)) >= MAX_STANDING_SUPPRESSIONS:
        raise SuppressionsTooMany("Lift some first.", metadata={"limit": str(MAX_STANDING_SUPPRESSIONS)})
    suppression_id = suppression_id_of(call)
    return [
        SuppressionAdded(
            suppression_id=suppression_id,
            rule_id=command.rule_id,
            conditions=tuple(_sealed(suppression_id, condition) for condition in command.conditions),
            starts_at=starts_at,
            expires_at=command.expires_at,
            owner_id=call.actor.id,
            reason=Sealed.of(command.reason, subject=suppression_id),
        )
    ]


def suppression_id_of(call: Call) -> str:
    return derive_id("suppression", call.request_key)


def lift(state: Suppressions, call: Call, command: LiftSuppression) -> list[SuppressionLifted]:
    """Lifting what is over or was lifted changes nothing. Raises NotAPerson, NotAnAnalyst, SuppressionUnknown."""
    require_human(call)
    require_reasoned(command.reason)
    if command.suppression_id not in state.known:
        raise SuppressionUnknown("There is no such suppression.")
    if command.suppression_id not in state.standing:
        return []
    reason = Sealed.of(command.reason, subject=command.suppression_id)
    return [SuppressionLifted(suppression_id=command.suppression_id, reason=reason)]


def _sealed(suppression_id: str, condition: ConditionInput) -> FieldCondition:
    return FieldCondition(
        field=condition.field,
        operator=condition.operator,
        value=Sealed.of(condition.value, subject=suppression_id),
    )


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition with its value opened."""

    field: str
    operator: ConditionOperator
    value: str
    network: IPv4Network | IPv6Network | None = None

    @classmethod
    def of(cls, name: str, operator: ConditionOperator, value: str) -> "Condition":
        """Raises ConditionUnreadable."""
        text = comparable(value)
        if not name or text is None:
            raise ConditionUnreadable("A condition has a field and a value.")
        if operator is not ConditionOperator.NETWORK:
            return cls(name, operator, text)
        try:
            return cls(name, operator, text, ip_network(value.strip(), strict=False))
        except ValueError as error:
            raise ConditionUnreadable(f"{value[:100]} is no network.") from error

    def met(self, value: Any) -> bool:
        """By any member of a list."""
        if isinstance(value, list | tuple):
            return any(self.met(item) for item in value)
        if value is None:
            return False
        text = str(value).casefold()
        match self.operator:
            case ConditionOperator.EQUALS:
                return text == self.value
            case ConditionOperator.CONTAINS:
                return self.value in text
            case ConditionOperator.STARTS_WITH:
                return text.startswith(self.value)
            case ConditionOperator.ENDS_WITH:
                return text.endswith(self.value)
            case ConditionOperator.NETWORK:
                return self.network is not None and _lies_in(text, self.network)


def _lies_in(text: str, network: IPv4Network | IPv6Network) -> bool:
    try:
        address = ip_address(text)
    except ValueError:
        return False
    return address.version == network.version and address in network


@dataclass(frozen=True, slots=True)
class Opened:
    """A suppression whose conditions can be asked."""

    suppression_id: str
    rule_id: str | None
    conditions: tuple[Condition, ...]
    starts_at: datetime
    expires_at: datetime

    def hides(self, rule_id: str, fields: Mapping[str, Any], moment: datetime) -> bool:
        return (
            self.rule_id in (None, rule_id)
            and self.starts_at <= moment < self.expires_at
            and all(condition.met(fields.get(condition.field)) for condition in self.conditions)
        )


class Hiding:
    """The suppressions that a batch is judged under."""

    def __init__(self, suppressions: Iterable[Opened] = ()) -> None:
        self._suppressions = tuple(suppressions)

    def __bool__(self) -> bool:
        return bool(self._suppressions)

    def hides(self, rule_id: str, fields: Mapping[str, Any], place: tuple[str, ...], moment: datetime) -> str | None:
        """The first suppression that hides this. `place` is host, address and account."""
        asked = {**fields, **dict(zip((HOST, ADDRESS, ACCOUNT), place, strict=True))}
        for each in self._suppressions:
            if each.hides(rule_id, asked, moment):
                return each.suppression_id
        return None


class HiddenCounts:
    """What was hidden of a batch."""

    def __init__(self, counts: Mapping[tuple[str, str], HiddenHits] | None = None) -> None:
        self._counts = dict(counts or {})

    def __copy__(self) -> "HiddenCounts":
        return HiddenCounts(self._counts)

    def add(self, suppression_id: str, rule_id: str, moment: datetime, hits: int = 1) -> None:
        known = self._counts.get((suppression_id, rule_id))
        self._counts[(suppression_id, rule_id)] = HiddenHits(
            suppression_id=suppression_id,
            rule_id=rule_id,
            hits=hits + (known.hits if known else 0),
            first_seen_at=min(known.first_seen_at, moment) if known else moment,
            last_seen_at=max(known.last_seen_at, moment) if known else moment,
        )

    def event(self, batch_id: str, sensor_id: str) -> list[ActivityHidden]:
        """Nothing when nothing was hidden."""
        if not self._counts:
            return []
        return [ActivityHidden(batch_id=batch_id, sensor_id=sensor_id, hidden=tuple(self._counts.values()))]

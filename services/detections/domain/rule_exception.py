"""What a tenant does without: rules that it excepts for a time, or disables. One stream per tenant."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never

from contracts.calls import Call
from contracts.events.base import Recorded, Sealed
from contracts.events.rule_lives import (
    ExceptedHits,
    ExceptedRulesMatched,
    RuleDisabled,
    RuleEnabled,
    RuleExcepted,
    RuleExceptionEnded,
    RuleExceptionRenewed,
)
from contracts.ids import TenantId, derive_id
from services.detections.config import MAX_RULE_EXCEPTION_LIFE, MAX_STANDING_RULE_EXCEPTIONS
from services.detections.domain import errors
from services.detections.domain.commands import (
    DisableRule,
    EnableRule,
    EndRuleException,
    ExceptRule,
    RenewRuleException,
)
from services.detections.domain.validation import require_human, require_reasoned

CATEGORY = "rule_exception"
ExceptionEvent = RuleExcepted | RuleExceptionRenewed | RuleExceptionEnded | RuleDisabled | RuleEnabled


@dataclass(frozen=True, slots=True)
class Standing:
    """One that stands until `expires_at`, or (None) until somebody ends it."""

    exception_id: str
    rule_id: str
    expires_at: datetime | None
    disables: bool

    def stands(self, now: datetime) -> bool:
        return self.expires_at is None or now < self.expires_at


@dataclass(frozen=True, slots=True)
class RuleExceptions:
    """By rule, those that nobody has ended: at most one a rule. Which of them are over is for the clock to say."""

    by_rule: Mapping[str, Standing] = field(default_factory=dict)

    def of(self, rule_id: str, now: datetime) -> Standing | None:
        found = self.by_rule.get(rule_id)
        return found if found is not None and found.stands(now) else None

    def named(self, exception_id: str, now: datetime) -> Standing:
        """Raises RuleExceptionUnknown."""
        for each in self.by_rule.values():
            if each.exception_id == exception_id and each.stands(now) and not each.disables:
                return each
        raise errors.RuleExceptionUnknown("No exception of that name stands.")

    def at(self, now: datetime) -> dict[str, str]:
        """The exception that stands for each rule."""
        return {each.rule_id: each.exception_id for each in self.by_rule.values() if each.stands(now)}


def stream_of(tenant_id: TenantId) -> str:
    """A tenant has one stream of exceptions, so that a batch is decided on all of them or not at all."""
    return derive_id(CATEGORY, tenant_id)


def initial() -> RuleExceptions:
    return RuleExceptions()


def evolve(state: RuleExceptions, recorded: Recorded[ExceptionEvent]) -> RuleExceptions:
    event = recorded.event
    others = {
        rule_id: each
        for rule_id, each in state.by_rule.items()
        if rule_id != event.rule_id and each.stands(recorded.recorded_at)
    }
    match event:
        case RuleExcepted() | RuleExceptionRenewed():
            own = Standing(event.exception_id, event.rule_id, event.expires_at, disables=False)
        case RuleDisabled():
            own = Standing(event.exception_id, event.rule_id, event.expires_at, disables=True)
        case RuleExceptionEnded() | RuleEnabled():
            return RuleExceptions(others)
        case _:
            assert_never(event)
    return RuleExceptions({**others, event.rule_id: own})


def except_rule(state: RuleExceptions, call: Call, command: ExceptRule, sha256: str) -> list[RuleExcepted]:
    """`sha256` is the text of the rule at work.

    Raises NotAPerson, NotAnAnalyst, RationaleMissing, RuleExcepted, RuleExceptionTooLong, RuleExceptionsTooMany.
    """
    _require_room(state, call, command.rule_id, command.reason)
    _require_short(call, command.expires_at)
    exception_id = exception_id_of(call)
    return [
        RuleExcepted(
            exception_id=exception_id,
            rule_id=command.rule_id,
            sha256=sha256,
            owner_id=call.actor.id,
            expires_at=command.expires_at,
            reason=Sealed.of(command.reason, subject=exception_id),
        )
    ]


def renew(state: RuleExceptions, call: Call, command: RenewRuleException) -> list[RuleExceptionRenewed]:
    """Raises NotAPerson, NotAnAnalyst, RationaleMissing, RuleExceptionUnknown, RuleExceptionTooLong."""
    require_human(call)
    require_reasoned(command.reason)
    known = state.named(command.exception_id, call.now)
    _require_short(call, command.expires_at)
    return [
        RuleExceptionRenewed(
            exception_id=known.exception_id,
            rule_id=known.rule_id,
            owner_id=call.actor.id,
            expires_at=command.expires_at,
            reason=Sealed.of(command.reason, subject=known.exception_id),
        )
    ]


def end(state: RuleExceptions, call: Call, command: EndRuleException) -> list[RuleExceptionEnded]:
    """Raises NotAPerson, NotAnAnalyst, RationaleMissing, RuleExceptionUnknown."""
    require_human(call)
    require_reasoned(command.reason)
    known = state.named(command.exception_id, call.now)
    reason = Sealed.of(command.reason, subject=known.exception_id)
    return [RuleExceptionEnded(exception_id=known.exception_id, rule_id=known.rule_id, reason=reason)]


def disable(state: RuleExceptions, call: Call, command: DisableRule, sha256: str) -> list[RuleDisabled]:
    """`sha256` is the text of the rule at work.

    Raises NotAPerson, NotAnAnalyst, RationaleMissing, RuleExcepted, RuleExceptionTooLong, RuleExceptionsTooMany.
    """
    _require_room(state, call, command.rule_id, command.reason)
    if command.expires_at is not None and command.expires_at <= call.now:
        raise errors.RuleExceptionTooLong("What is to end, ends in the future.")
    exception_id = exception_id_of(call)
    return [
        RuleDisabled(
            exception_id=exception_id,
            rule_id=command.rule_id,
            sha256=sha256,
            owner_id=call.actor.id,
            expires_at=command.expires_at,
            reason=Sealed.of(command.reason, subject=exception_id),
        )
    ]


def enable(state: RuleExceptions, call: Call, command: EnableRule) -> list[RuleEnabled]:
    """Raises NotAPerson, NotAnAnalyst, RationaleMissing, RuleNotDisabled."""
    require_human(call)
    require_reasoned(command.reason)
    known = state.of(command.rule_id, call.now)
    if known is None or not known.disables:
        raise errors.RuleNotDisabled("The rule is not disabled.")
    reason = Sealed.of(command.reason, subject=known.exception_id)
    return [RuleEnabled(exception_id=known.exception_id, rule_id=known.rule_id, reason=reason)]


def exception_id_of(call: Call) -> str:
    return derive_id(CATEGORY, call.request_key)


def _require_room(state: RuleExceptions, call: Call, rule_id: str, reason: str) -> None:
    require_human(call)
    require_reasoned(reason)
    known = state.of(rule_id, call.now)
    if known is not None:
        raise errors.RuleExcepted(
            "The tenant does without this rule already.", metadata={"exception_id": known.exception_id}
        )
    if len(state.at(call.now)) >= MAX_STANDING_RULE_EXCEPTIONS:
        raise errors.RuleExceptionsTooMany("End some first.", metadata={"limit": str(MAX_STANDING_RULE_EXCEPTIONS)})


def _require_short(call: Call, expires_at: datetime) -> None:
    if not call.now < expires_at <= call.now + MAX_RULE_EXCEPTION_LIFE:
        raise errors.RuleExceptionTooLong(
            f"An exception ends in the future, within {MAX_RULE_EXCEPTION_LIFE.days} days.",
            metadata={"limit_days": str(MAX_RULE_EXCEPTION_LIFE.days)},
        )


@dataclass(slots=True)
class _Seen:
    """Matches of a batch that one exception kept back."""

    hits: int
    first: datetime
    last: datetime


class Excepted:
    """What a batch's tenant does without, and what matched of it.

    Asked once a match: whatever a tenant excepts, the engine's plans are those of all tenants, and records that match
    nothing cost nothing more.
    """

    def __init__(self, by_rule: Mapping[str, str] | None = None) -> None:
        """`by_rule` gives the exception that stands for each rule."""
        self._by_rule = by_rule or {}
        self._seen: dict[str, _Seen] = {}

    def __copy__(self) -> "Excepted":
        other = Excepted(self._by_rule)
        other._seen = {rule_id: replace(seen) for rule_id, seen in self._seen.items()}
        return other

    def takes(self, rule_id: str, moment: datetime, hits: int = 1) -> bool:
        """Whether the rule is excepted; if so, the match is counted."""
        if rule_id not in self._by_rule:
            return False
        seen = self._seen.get(rule_id)
        if seen is None:
            self._seen[rule_id] = _Seen(hits, moment, moment)
        else:
            seen.hits += hits
            seen.first, seen.last = min(seen.first, moment), max(seen.last, moment)
        return True

    def event(self, batch_id: str, sensor_id: str) -> list[ExceptedRulesMatched]:
        """Nothing when nothing excepted matched."""
        excepted = tuple(
            ExceptedHits(
                exception_id=self._by_rule[rule_id],
                rule_id=rule_id,
                hits=seen.hits,
                first_seen_at=seen.first,
                last_seen_at=seen.last,
            )
            for rule_id, seen in self._seen.items()
        )
        return [ExceptedRulesMatched(batch_id=batch_id, sensor_id=sensor_id, excepted=excepted)] if excepted else []

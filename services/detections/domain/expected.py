"""Expected behaviour: what a person has judged benign and need not be asked again. One stream per tenant.

A memory rests on a standing validation: withdrawing that ends it, in the same append. It names the rule and which parts
of the detection's identity have to be the same; whatever differs in one of them is asked about.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never

from contracts.calls import Call
from contracts.events.base import Recorded
from contracts.events.detections import (
    EndOfExpectation,
    ExpectedActivitySeen,
    ExpectedBehaviourConfirmed,
    ExpectedBehaviourEnded,
    ExpectedBehaviourRemembered,
    ExpectedHits,
    GroupIdentity,
    IdentityPart,
)
from contracts.events.subjects import Verdict
from contracts.ids import TenantId, derive_id
from services.detections.config import MAX_EXPECTATION_LIFE, MAX_STANDING_EXPECTATIONS
from services.detections.domain.commands import (
    ConfirmExpectedBehaviour,
    EndExpectedBehaviour,
    RememberExpectedBehaviour,
)
from services.detections.domain.detection import Detection
from services.detections.domain.errors import (
    DetectionUnknown,
    ExpectationScopeUnsuitable,
    ExpectationsTooMany,
    ExpectationTooLong,
    ExpectedBehaviourUnknown,
    SecondPersonNeeded,
    VerdictUnsuitable,
)
from services.detections.domain.grouping import Group
from services.detections.domain.validation import require_human, require_standing

CATEGORY = "expected_behaviour"
ExpectedEvent = ExpectedBehaviourRemembered | ExpectedBehaviourConfirmed | ExpectedBehaviourEnded
REMEMBERED_VERDICTS = frozenset({Verdict.BENIGN_EXPECTED, Verdict.AUTHORISED_TEST})
PLACES = frozenset({IdentityPart.HOST, IdentityPart.ADDRESS, IdentityPart.ACCOUNT, IdentityPart.VALUES})
"""A memory names at least one of these: an address at the other end alone says nothing about whom it concerns."""


@dataclass(frozen=True, slots=True)
class Memory:
    remembered: ExpectedBehaviourRemembered
    by: str
    confirmed: bool

    def expects(self, rule_id: str, identity: GroupIdentity, now: datetime) -> bool:
        known = self.remembered
        return (
            self.confirmed
            and now < known.expires_at
            and known.rule.rule_id == rule_id
            and all(getattr(identity, part.value) == getattr(known.identity, part.value) for part in known.parts)
        )


@dataclass(frozen=True, slots=True)
class Expectations:
    """Those that have not ended, by id. Which of them are over is for the clock to say."""

    standing: Mapping[str, Memory] = field(default_factory=dict)
    known: frozenset[str] = frozenset()

    def of(self, rule_id: str, identity: GroupIdentity, now: datetime) -> Memory | None:
        return next((each for each in self.standing.values() if each.expects(rule_id, identity, now)), None)


def stream_of(tenant_id: TenantId) -> str:
    """A tenant has one stream of expectations, so that a batch is decided on all of them or not at all."""
    return derive_id(CATEGORY, tenant_id)


def initial() -> Expectations:
    return Expectations()


def evolve(state: Expectations, recorded: Recorded[ExpectedEvent]) -> Expectations:
    event = recorded.event
    key = event.expected_behaviour_id
    match event:
        case ExpectedBehaviourRemembered():
            now = recorded.recorded_at
            standing = {each: memory for each, memory in state.standing.items() if now < memory.remembered.expires_at}
            memory = Memory(event, recorded.envelope.actor.id, not event.privileged)
            return Expectations({**standing, key: memory}, state.known | {key})
        case ExpectedBehaviourConfirmed():
            if key not in state.standing:
                return state
            confirmed = replace(state.standing[key], confirmed=True)
            return replace(state, standing={**state.standing, key: confirmed})
        case ExpectedBehaviourEnded():
            return replace(state, standing={each: memory for each, memory in state.standing.items() if each != key})
        case _:
            assert_never(event)


def remember(
    state: Expectations, call: Call, command: RememberExpectedBehaviour, detection: Detection, privileged: bool
) -> list[ExpectedBehaviourRemembered]:
    """`privileged` tells that the detection concerns a privileged account or asset.

    Raises NotAPerson, NotAnAnalyst, DetectionUnknown, NotValidated, ValidationChanged, VerdictUnsuitable,
    ExpectationScopeUnsuitable, ExpectationTooLong, ExpectationsTooMany.
    """
    require_human(call)
    if not detection.exists or detection.rule is None:
        raise DetectionUnknown("There is no such detection.")
    require_standing(detection.standing, command.validation_position)
    if detection.standing is None or detection.standing.verdict not in REMEMBERED_VERDICTS:
        raise VerdictUnsuitable("Only what is benign and expected, or an authorised test, is remembered.")
    parts, identity = _scope(command, detection.identity)
    if not call.now < command.expires_at <= call.now + MAX_EXPECTATION_LIFE:
        raise ExpectationTooLong(
            f"What is expected is expected for at most {MAX_EXPECTATION_LIFE.days} days.",
            metadata={"limit_days": str(MAX_EXPECTATION_LIFE.days)},
        )
    if sum(call.now < memory.remembered.expires_at for memory in state.standing.values()) >= MAX_STANDING_EXPECTATIONS:
        raise ExpectationsTooMany("End some first.", metadata={"limit": str(MAX_STANDING_EXPECTATIONS)})
    return [
        ExpectedBehaviourRemembered(
            expected_behaviour_id=expected_behaviour_id_of(call),
            detection_id=detection.detection_id,
            validation_position=command.validation_position,
            rule=detection.rule,
            parts=parts,
            identity=identity,
            expires_at=command.expires_at,
            privileged=privileged,
        )
    ]


def expected_behaviour_id_of(call: Call) -> str:
    return derive_id("expected_behaviour", call.request_key)


def confirm(state: Expectations, call: Call, command: ConfirmExpectedBehaviour) -> list[ExpectedBehaviourConfirmed]:
    """By another person than who remembered it. Raises NotAPerson, NotAnAnalyst, ExpectedBehaviourUnknown,
    SecondPersonNeeded."""
    require_human(call)
    memory = state.standing.get(command.expected_behaviour_id)
    if memory is None:
        raise ExpectedBehaviourUnknown("Nothing of that name is expected.")
    if memory.confirmed:
        return []
    if memory.by == call.actor.id:
        raise SecondPersonNeeded("A privileged account's behaviour is confirmed by a second person.")
    return [ExpectedBehaviourConfirmed(expected_behaviour_id=command.expected_behaviour_id, principal_id=call.actor.id)]


def end(state: Expectations, call: Call, command: EndExpectedBehaviour) -> list[ExpectedBehaviourEnded]:
    """Ending what has ended changes nothing. Raises NotAPerson, NotAnAnalyst, ExpectedBehaviourUnknown."""
    require_human(call)
    if command.expected_behaviour_id not in state.known:
        raise ExpectedBehaviourUnknown("Nothing of that name is expected.")
    if command.expected_behaviour_id not in state.standing:
        return []
    return [ExpectedBehaviourEnded(expected_behaviour_id=command.expected_behaviour_id, end=EndOfExpectation.FORGOTTEN)]


def end_with_validation(
    state: Expectations, detection_id: str, validation_position: int
) -> list[ExpectedBehaviourEnded]:
    """Everything that rests on a verdict which is being withdrawn."""
    return [
        ExpectedBehaviourEnded(expected_behaviour_id=key, end=EndOfExpectation.VERDICT_WITHDRAWN)
        for key, memory in state.standing.items()
        if memory.remembered.detection_id == detection_id
        and memory.remembered.validation_position == validation_position
    ]


def part_expected(
    state: Expectations, groups: Iterable[Group], now: datetime
) -> tuple[list[Group], tuple[ExpectedHits, ...]]:
    """The groups that have to be asked about, and the hits of those that need not."""
    asked: list[Group] = []
    expected: list[ExpectedHits] = []
    for group in groups:
        memory = state.of(group.fired.rule.rule_id, group.identity, now)
        if memory is None:
            asked.append(group)
            continue
        expected.append(
            ExpectedHits(
                expected_behaviour_id=memory.remembered.expected_behaviour_id,
                validation_position=memory.remembered.validation_position,
                rule_id=group.fired.rule.rule_id,
                hits=group.count,
                first_seen_at=group.first,
                last_seen_at=group.last,
            )
        )
    return asked, tuple(expected)


def seen(batch_id: str, sensor_id: str, expected: tuple[ExpectedHits, ...]) -> list[ExpectedActivitySeen]:
    """Nothing when nothing of a batch was expected."""
    return [ExpectedActivitySeen(batch_id=batch_id, sensor_id=sensor_id, expected=expected)] if expected else []


def _scope(
    command: RememberExpectedBehaviour, identity: GroupIdentity | None
) -> tuple[tuple[IdentityPart, ...], GroupIdentity]:
    """The parts that have to be the same, in a fixed order: those asked for, or every one, empty ones included."""
    if identity is None:
        raise ExpectationScopeUnsuitable("This detection was raised before its identity was recorded.")
    parts = tuple(part for part in IdentityPart if part in command.parts or not command.parts)
    named = {part for part in parts if getattr(identity, part.value)}
    if not named & PLACES:
        raise ExpectationScopeUnsuitable("What is expected is named by a host, an address, an account or a group.")
    if command.parts and named != set(parts):
        raise ExpectationScopeUnsuitable("The detection does not name every part that is to be the same.")
    return parts, GroupIdentity(**{part.value: getattr(identity, part.value) for part in parts})

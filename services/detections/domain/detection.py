"""A detection: suspicious activity, once per group, until a person has judged it."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from contracts.calls import Call
from contracts.events.base import Recorded, Sealed
from contracts.events.detections import (
    DetectionClaimed,
    DetectionFoundByHunt,
    DetectionRaised,
    DetectionReleased,
    DetectionRepeated,
    DetectionValidated,
    DetectionValidationWithdrawn,
    GroupIdentity,
    RuleRef,
)
from contracts.events.subjects import Evidence, Verdict
from contracts.roles import Role
from services.detections.domain.commands import (
    ValidateDetection,
    WithdrawDetectionValidation,
)
from services.detections.domain.errors import (
    AlreadyClaimed,
    DetectionUnknown,
    NotClaimed,
    VerdictUnsuitable,
)
from services.detections.domain.validation import (
    Standing,
    evidence_of,
    require_human,
    require_open,
    require_reasoned,
    require_seen,
    require_standing,
    require_suitable,
    standing_of,
)

CATEGORY = "detection"
DetectionEvent = (
    DetectionRaised
    | DetectionFoundByHunt
    | DetectionRepeated
    | DetectionClaimed
    | DetectionReleased
    | DetectionValidated
    | DetectionValidationWithdrawn
)


@dataclass(frozen=True, slots=True)
class Detection:
    """`judged` is true once a verdict was ever given: new activity then begins a detection of its own. `looked_at` is
    true once somebody had claimed or judged it."""

    detection_id: str = ""
    rule: RuleRef | None = None
    identity: GroupIdentity | None = None
    asset_ids: tuple[str, ...] = ()
    claimed_by: str | None = None
    standing: Standing | None = None
    judged: bool = False
    raised_at: datetime | None = None
    looked_at: bool = False

    @property
    def exists(self) -> bool:
        return bool(self.detection_id)


def initial() -> Detection:
    return Detection()


def evolve(state: Detection, recorded: Recorded[DetectionEvent]) -> Detection:
    event = recorded.event
    match event:
        case DetectionRaised():
            return Detection(
                event.detection_id, event.rule, event.identity, event.asset_ids, raised_at=recorded.recorded_at
            )
        case DetectionRepeated() | DetectionFoundByHunt():
            return state
        case DetectionClaimed():
            return replace(state, claimed_by=event.principal_id, looked_at=True)
        case DetectionReleased():
            return replace(state, claimed_by=None)
        case DetectionValidated():
            return replace(state, standing=standing_of(recorded, event.verdict), judged=True, looked_at=True)
        case DetectionValidationWithdrawn():
            return replace(state, standing=None)
        case _:
            assert_never(event)


def repeat(
    state: Detection, batch_id: str, count: int, first: datetime, last: datetime, evidence: tuple[Evidence, ...]
) -> DetectionRepeated:
    return DetectionRepeated(
        detection_id=state.detection_id,
        batch_id=batch_id,
        count=count,
        first_seen_at=first,
        last_seen_at=last,
        evidence=evidence,
    )


def claim(state: Detection, call: Call) -> list[DetectionClaimed]:
    """Raises DetectionUnknown, AlreadyClaimed, AlreadyValidated. Claiming what one has already changes nothing."""
    _require_existing(state)
    require_open(state.standing)
    if state.claimed_by == call.actor.id:
        return []
    if state.claimed_by is not None:
        raise AlreadyClaimed("Another analyst is at it.", metadata={"claimed_by": state.claimed_by})
    return [DetectionClaimed(detection_id=state.detection_id, principal_id=call.actor.id)]


def release(state: Detection, call: Call) -> list[DetectionReleased]:
    """By who claimed it, or by a lead. Raises DetectionUnknown, NotClaimed, AlreadyClaimed, AlreadyValidated."""
    _require_existing(state)
    require_open(state.standing)
    if state.claimed_by is None:
        raise NotClaimed("Nobody has claimed this detection.")
    if state.claimed_by != call.actor.id and Role.LEAD not in call.roles:
        raise AlreadyClaimed(
            "Only who claimed it, or a lead, gives it back.", metadata={"claimed_by": state.claimed_by}
        )
    return [DetectionReleased(detection_id=state.detection_id, principal_id=state.claimed_by)]


def validate(
    state: Detection, call: Call, command: ValidateDetection, original: Detection | None, head: int
) -> list[DetectionValidated]:
    """A person's verdict. `original` is the detection that `duplicate_of` names, `head` the ledger's next position.

    Raises DetectionUnknown, NotAPerson, NotAnAnalyst, AlreadyValidated, AlreadyClaimed, RationaleMissing,
    VerdictUnsuitable, SightInFuture.
    """
    _require_existing(state)
    require_human(call)
    require_open(state.standing)
    if state.claimed_by not in (None, call.actor.id) and Role.LEAD not in call.roles:
        raise AlreadyClaimed("Another analyst is at it.", metadata={"claimed_by": state.claimed_by or ""})
    require_reasoned(command.rationale)
    require_suitable(command.verdict)
    _require_original(command, original)
    require_seen(command.seen, head)
    return [
        DetectionValidated(
            detection_id=state.detection_id,
            verdict=command.verdict,
            confidence_percent=command.confidence_percent,
            rationale=Sealed.of(command.rationale, subject=state.detection_id),
            evidence=evidence_of(call, state.detection_id, command.evidence),
            seen=command.seen,
            duplicate_of=command.duplicate_of,
        )
    ]


def withdraw(state: Detection, call: Call, command: WithdrawDetectionValidation) -> list[DetectionValidationWithdrawn]:
    """Raises DetectionUnknown, NotAPerson, NotAnAnalyst, NotValidated, ValidationChanged, RationaleMissing."""
    _require_existing(state)
    require_human(call)
    require_standing(state.standing, command.validation_position)
    require_reasoned(command.reason)
    return [
        DetectionValidationWithdrawn(
            detection_id=state.detection_id,
            validation_position=command.validation_position,
            reason=Sealed.of(command.reason, subject=state.detection_id),
        )
    ]


def _require_existing(state: Detection) -> None:
    if not state.exists:
        raise DetectionUnknown("There is no such detection.")


def _require_original(command: ValidateDetection, original: Detection | None) -> None:
    if (command.verdict is Verdict.DUPLICATE) != (command.duplicate_of is not None):
        raise VerdictUnsuitable("The verdict `duplicate`, and no other, names the detection that is repeated.")
    if command.duplicate_of is None:
        return
    if command.duplicate_of == command.detection_id:
        raise VerdictUnsuitable("A detection is not its own duplicate.")
    if original is None or not original.exists:
        raise DetectionUnknown("There is no such detection as `duplicate_of` names.")

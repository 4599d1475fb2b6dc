"""One action at a customer: intent, sending, what the receiver said, what was observed, and its end.

    dispatched ─ acknowledged ─ verified ─ (expired) ─ reversed
        │            └── verification failed ── verified
        ├─ refused         (nothing took effect)
        └─ lost            (unknown; a person finds out, and records a verification)

A first event `ActionCancelled` or `ActionRehearsed` is also a last one. How an effect ends is in `action_end.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

from contracts.events.base import Recorded, Sealed
from contracts.events.cases import (
    ActionAcknowledged,
    ActionCancelled,
    ActionDispatched,
    ActionExpired,
    ActionFact,
    ActionLost,
    ActionRefused,
    ActionRehearsed,
    ActionReversed,
    ActionVerificationFailed,
    ActionVerified,
    Authority,
    Precedence,
    Step,
)
from contracts.ids import derive_id
from services.cases.domain.case import Case, Plan
from services.cases.domain.commands import DispatchAction, RefuseAction, VerifyAction
from services.cases.domain.errors import (
    ActionState,
    ActionUnknown,
    AlreadyDispatched,
    ConnectorUnhealthy,
    InvestigateOnly,
    NotAnAction,
    ProtectedClass,
    TargetUnaddressable,
)
from services.cases.domain.plan import current_plan, in_order, standing_approvals, step_of, under_charter
from services.cases.domain.preauthorisation import Preauthorisations, covering
from services.cases.domain.repertoire import PERSON, Deed, deed_of, fits
from services.cases.domain.ruling import CharterInForce, may_run_now
from services.cases.domain.subjects import Asset, Subject, known, still_stands
from services.cases.domain.who import Who, sealed_evidence

ActionEvent = (
    ActionDispatched
    | ActionAcknowledged
    | ActionRefused
    | ActionLost
    | ActionVerified
    | ActionVerificationFailed
    | ActionReversed
    | ActionExpired
    | ActionCancelled
    | ActionRehearsed
)


class Status(StrEnum):
    DISPATCHED = "dispatched"
    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    LOST = "lost"
    VERIFIED = "verified"
    VERIFICATION_FAILED = "verification_failed"
    EXPIRED = "expired"
    REVERSED = "reversed"
    CANCELLED = "cancelled"
    REHEARSED = "rehearsed"


MAY_BE_TRIED_AGAIN = frozenset({Status.REFUSED, Status.LOST, Status.VERIFICATION_FAILED, Status.REHEARSED})


@dataclass(frozen=True, slots=True)
class Action:
    action_id: str = ""
    status: Status = Status.DISPATCHED
    dispatched: ActionDispatched | None = None
    case_id: str = ""
    ever_effective: bool = False

    @property
    def exists(self) -> bool:
        return bool(self.action_id)

    @property
    def label(self) -> str:
        return self.status.value if self.exists else "none"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a dispatch looks at besides the case, all loaded in the same unit of work."""

    subject: Subject
    force: CharterInForce
    preauthorisations: Preauthorisations
    target: Asset
    attempts: Sequence[Action]
    """Actions of this step up to the attempt that is asked for; the last one is the present attempt itself."""
    connector_healthy: bool
    rehearsal: bool


def action_id_of(plan_id: str, step_id: str, attempt: int) -> str:
    """The same step's same attempt is always the same action, so no retry and no second person can double it."""
    return derive_id("action", plan_id, step_id, attempt)


def reverse_id_of(action_id: str, attempt: int) -> str:
    return derive_id("action", "reverse", action_id, attempt)


def evolve_action(state: Action, recorded: Recorded[ActionEvent]) -> Action:
    event = recorded.event
    match event:
        case ActionDispatched():
            return Action(event.action_id, Status.DISPATCHED, event, event.basis.case_id)
        case ActionCancelled():
            return Action(event.action_id, Status.CANCELLED, None, event.basis.case_id)
        case ActionRehearsed():
            return Action(event.action_id, Status.REHEARSED, None, event.basis.case_id)
        case ActionAcknowledged():
            return replace(state, status=Status.ACKNOWLEDGED)
        case ActionRefused():
            return replace(state, status=Status.REFUSED)
        case ActionLost():
            return replace(state, status=Status.LOST)
        case ActionVerified():
            return replace(state, status=Status.VERIFIED, ever_effective=True)
        case ActionVerificationFailed():
            return replace(state, status=Status.VERIFICATION_FAILED)
        case ActionExpired():
            return replace(state, status=Status.EXPIRED)
        case ActionReversed():
            return replace(state, status=Status.REVERSED)
        case _:
            assert_never(event)


def dispatch_action(
    case: Case, command: DispatchAction, who: Who, around: Surroundings
) -> ActionDispatched | ActionRehearsed:
    """The intent, if nothing stands against it. Every refusal has its own reason; see the errors of this package.

    That the subject's validation stands is checked first, and by the caller's precondition again in the append.
    """
    plan = current_plan(case, command.plan_id)
    still_stands(around.subject, plan.subject)
    step = step_of(plan, command.step_id)
    deed = _deed(step)
    under_charter(plan, around.force.digest)
    in_order(plan, step)
    target = known(around.target, step.target_asset_id or "")
    _allowed_on(deed, target, around.force)
    _allowed_now(step, target, plan.decided.precedence, who.now, around.force)
    approvals, preauthorised = _authority(plan, step, target, who, around)
    not_yet_tried(around.attempts)
    if not around.connector_healthy:
        raise ConnectorUnhealthy("The connector does not answer.", metadata={"connector": step.connector})
    basis = ActionFact(
        case_id=case.case_id,
        plan_id=plan.plan_id,
        plan_digest=plan.digest,
        step_id=step.step_id,
        subject=plan.subject,
        approval_positions=approvals,
        preauthorisation_position=preauthorised,
    )
    action_id = action_id_of(plan.plan_id, step.step_id, command.attempt)
    if around.rehearsal:
        return _rehearsed(action_id, basis, step, target)
    return ActionDispatched(
        action_id=action_id,
        attempt=command.attempt,
        basis=basis,
        response_type=step.response_type,
        action=step.action,
        target_asset_id=target.asset_id,
        argument=step.argument,
        connector=step.connector,
        target=_address(target),
        verify_by=step.verify_by,
        expires_at=who.now + timedelta(seconds=step.limit_seconds) if step.limit_seconds else None,
        reverses_action_id=None,
    )


def _rehearsed(action_id: str, basis: ActionFact, step: Step, target: Asset) -> ActionRehearsed:
    return ActionRehearsed(
        action_id=action_id,
        basis=basis,
        action=step.action,
        target_asset_id=target.asset_id,
        argument=step.argument,
        outcome="REHEARSAL: nothing was sent and nothing took effect",
    )


def _deed(step: Step) -> Deed:
    deed = deed_of(step.action, step.argument)
    if step.connector == PERSON or deed is None:
        raise NotAnAction("This step is done by a person: complete it instead.", metadata={"step_id": step.step_id})
    return deed


def _address(target: Asset) -> Sealed:
    """As the registration sealed it, so that erasing it there erases it here."""
    if not target.external_id:
        raise TargetUnaddressable(
            "The asset has no identifier that a connector knows.", metadata={"asset_id": target.asset_id}
        )
    if isinstance(target.external_id, str):
        return Sealed.of(target.external_id, subject=target.asset_id)
    return target.external_id


def _allowed_on(deed: Deed, target: Asset, force: CharterInForce) -> None:
    if not fits(deed, target.kind):
        raise TargetUnaddressable("The action does not fit this kind of asset.", metadata={"asset_id": target.asset_id})
    _address(target)
    protection = force.charter.protection(target.asset_class)
    if protection is not None and deed.key in protection.forbid:
        raise ProtectedClass(
            f"{deed.key!r} is never done to the protected class {target.asset_class.value}.",
            metadata={"asset_id": target.asset_id, "class": target.asset_class.value},
        )


def _allowed_now(step: Step, target: Asset, precedence: Precedence, now: datetime, force: CharterInForce) -> None:
    line_id, _, rule_id = step.line.partition("/")
    line = force.charter.line(line_id)
    assert line is not None  # The plan was decided under this very charter.
    waiting = step.not_before is not None and now < step.not_before
    if waiting or not may_run_now(force.charter, line.step(rule_id), target, precedence, now):
        moment = step.not_before.isoformat() if step.not_before else ""
        raise InvestigateOnly(
            "A freeze holds or the service window is closed: only investigation goes on.",
            metadata={"step_id": step.step_id, "not_before": moment},
        )


def _authority(
    plan: Plan, step: Step, target: Asset, who: Who, around: Surroundings
) -> tuple[tuple[int, ...], int | None]:
    """The approvals, or the pre-authorisation, that the dispatch rests on. Raises what each of them lacks."""
    match step.authority:
        case Authority.PROVIDER:
            return (), None
        case Authority.CUSTOMER | Authority.TWO_PERSONS:
            return standing_approvals(plan, step, who), None
        case Authority.PREAUTHORISED:
            if any(step.step_id in given.step_ids and given.expires_at > who.now for given in plan.approvals):
                return standing_approvals(plan, step, who), None
            deed = _deed(step)
            signed = covering(around.preauthorisations, deed.key, target.group, plan.decided.line.digest, who.now)
            return (), signed.position
        case _:
            assert_never(step.authority)


def not_yet_tried(attempts: Sequence[Action]) -> None:
    """Each attempt is made once, and a further one only after the one before came to nothing."""
    *before, present = attempts
    if present.exists:
        raise AlreadyDispatched(
            "This attempt is on record.", metadata={"action_id": present.action_id, "status": present.status.value}
        )
    if before and (not before[-1].exists or before[-1].status not in MAY_BE_TRIED_AGAIN):
        raise AlreadyDispatched(
            f"Attempt {len(before)} has not come to nothing.",
            metadata={"action_id": before[-1].action_id, "status": before[-1].label},
        )


def known_action(action: Action) -> ActionDispatched:
    """The intent of an action. Raises ActionUnknown, and ActionState for one that was cancelled or rehearsed."""
    if not action.exists:
        raise ActionUnknown("There is no such action in this tenant.")
    if action.dispatched is None:
        raise ActionState(f"The action is {action.status.value}; it was never dispatched.")
    return action.dispatched


def acknowledge(action: Action, receipt: str) -> list[ActionAcknowledged]:
    known_action(action)
    if action.status is not Status.DISPATCHED:
        return []
    return [ActionAcknowledged(action_id=action.action_id, receipt=receipt)]


def refuse(action: Action, command: RefuseAction) -> list[ActionRefused]:
    intent = known_action(action)
    if action.status is not Status.DISPATCHED:
        return []
    detail = Sealed.of(command.detail, subject=intent.target_asset_id)
    return [ActionRefused(action_id=action.action_id, reason=command.reason, detail=detail)]


def lose(action: Action, reason: str) -> list[ActionLost]:
    known_action(action)
    if action.status is not Status.DISPATCHED:
        return []
    return [ActionLost(action_id=action.action_id, reason=reason)]


def verify_action(action: Action, command: VerifyAction, request_key: str) -> ActionVerified | ActionVerificationFailed:
    """What an observation showed. Raises ActionState where nothing was sent, or where the effect has ended already."""
    intent = known_action(action)
    if action.status in (Status.REFUSED, Status.REVERSED, Status.EXPIRED):
        raise ActionState(f"The action is {action.status.value}.", metadata={"status": action.status.value})
    subject = intent.target_asset_id
    (observation,) = sealed_evidence((command.observation,), subject=subject, request_key=request_key)
    if command.effective:
        return ActionVerified(action_id=action.action_id, observation=observation, path=command.path)
    return ActionVerificationFailed(
        action_id=action.action_id, observation=observation, path=command.path, reason=command.reason or "NO_EFFECT"
    )

"""How an action ends: its time is over, its effect is reversed, it was cancelled; and what a case must not end with."""

from collections.abc import Sequence
from datetime import datetime

from contracts.events.base import Event
from contracts.events.cases import (
    ActionCancelled,
    ActionDispatched,
    ActionExpired,
    ActionFact,
    ActionReversed,
    Step,
)
from services.cases.domain.action import (
    Action,
    Status,
    action_id_of,
    known_action,
    not_yet_tried,
    reverse_id_of,
)
from services.cases.domain.case import Case
from services.cases.domain.errors import ActionsOpen, ActionState, ConnectorUnhealthy, NotReversible
from services.cases.domain.repertoire import PERSON, deed_of, reverse_of

CANCELLED_BY_VERDICT = "VALIDATION_WITHDRAWN"
UNSETTLED = frozenset({Status.DISPATCHED, Status.ACKNOWLEDGED, Status.LOST, Status.VERIFICATION_FAILED, Status.EXPIRED})
"""What a case cannot be closed with: nobody knows what is so, or an effect still has to end."""
OVERTAKEN = frozenset({Status.LOST, Status.VERIFICATION_FAILED})
"""What says nothing any more once a later attempt of the same step was seen to work."""


def expire(action: Action, now: datetime) -> list[ActionExpired]:
    """The end of a limited effect. Nothing when it has ended already, or never began."""
    intent = known_action(action)
    if intent.expires_at is None or now < intent.expires_at:
        raise ActionState("The action's time is not over.")
    if action.status in (Status.REFUSED, Status.REVERSED, Status.EXPIRED):
        return []
    return [ActionExpired(action_id=action.action_id)]


def reverse_action(
    action: Action, earlier: Sequence[Action], attempt: int, connector_healthy: bool
) -> ActionDispatched:
    """The dispatch of the reverse. It rests on what the action itself rested on and needs no standing verdict.

    Ending an effect is no response: an isolation must not outlive the verdict that it was made for, just because the
    verdict is gone. `earlier` are the reverse's attempts up to the present one.
    """
    intent = known_action(action)
    deed = deed_of(intent.action, intent.argument)
    back = reverse_of(deed) if deed else None
    if back is None or intent.reverses_action_id is not None:
        raise NotReversible("This action has no reverse.", metadata={"action_id": action.action_id})
    if action.status in (Status.REFUSED, Status.REVERSED):
        raise ActionState(f"The action is {action.status.value}; there is nothing to reverse.")
    not_yet_tried(earlier)
    if not connector_healthy:
        raise ConnectorUnhealthy("The connector does not answer.", metadata={"connector": intent.connector})
    return intent.model_copy(
        update={
            "action_id": reverse_id_of(action.action_id, attempt),
            "attempt": attempt,
            "action": back.action,
            "argument": back.argument,
            "expires_at": None,
            "reverses_action_id": action.action_id,
        }
    )


def settle_reversal(action: Action, reverse: Action) -> list[ActionReversed]:
    intent = known_action(reverse)
    known_action(action)
    if intent.reverses_action_id != action.action_id or reverse.status is not Status.VERIFIED:
        raise ActionState("Only a verified reverse ends an action's effect.")
    if action.status is Status.REVERSED:
        return []
    return [ActionReversed(action_id=action.action_id, by_action_id=reverse.action_id)]


def settled(actions: Sequence[Action], *, verdict_withdrawn: bool) -> None:
    """Raises ActionsOpen while an action of the case is under way, unknown, or has an effect that ought to end.

    `actions` come attempt after attempt. An attempt that failed or was lost is settled by a later one of its step that
    was seen to work. Where the verdict was withdrawn, every effect that can be reversed ought to end.
    """
    achieved = {_step_of(action): place for place, action in enumerate(actions) if action.ever_effective}
    for place, action in enumerate(actions):
        if action.status in OVERTAKEN and achieved.get(_step_of(action), -1) > place:
            continue
        if action.exists and (action.status in UNSETTLED or (verdict_withdrawn and _in_force(action))):
            raise ActionsOpen(
                "An action's outcome is open; verify it, or reverse it.",
                metadata={"action_id": action.action_id, "status": action.status.value},
            )


def _step_of(action: Action) -> tuple[str, str]:
    intent = action.dispatched
    return (intent.basis.plan_id, intent.basis.step_id) if intent else ("", "")


def _in_force(action: Action) -> bool:
    intent = action.dispatched
    deed = deed_of(intent.action, intent.argument) if intent else None
    return action.status is Status.VERIFIED and deed is not None and deed.reverse is not None


def cancel_actions(case: Case, actions: Sequence[tuple[Step, Action]]) -> list[tuple[Step, Event]]:
    """One cancellation for each step of the plan that a connector would do and that was not dispatched."""
    plan = case.plan
    if plan is None:
        return []
    return [
        (
            step,
            ActionCancelled(
                action_id=action_id_of(plan.plan_id, step.step_id, 1),
                basis=ActionFact(
                    case_id=case.case_id,
                    plan_id=plan.plan_id,
                    plan_digest=plan.digest,
                    step_id=step.step_id,
                    subject=plan.subject,
                    approval_positions=(),
                    preauthorisation_position=None,
                ),
                reason=CANCELLED_BY_VERDICT,
            ),
        )
        for step, action in actions
        if not action.exists and step.connector != PERSON
    ]

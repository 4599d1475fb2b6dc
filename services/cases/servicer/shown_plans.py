"""What is shown of plans and of what waits for approval."""

from collections.abc import Mapping
from datetime import datetime

from tenet.cases.v1 import cases_pb2 as pb

from contracts.events.cases import Step
from services.cases.domain.action import MAY_BE_TRIED_AGAIN, Status
from services.cases.projections.actions import ActionRow
from services.cases.projections.cases import ApprovalRow, PlanRow
from services.cases.projections.pending_approvals import PendingRow
from services.cases.servicer.wire import (
    AUTHORITIES,
    MODES,
    PRECEDENCES,
    PRIORITIES,
    RESPONSE_TYPES,
    line_message,
    stamp_message,
    subject_message,
    timestamp,
)


def plan_message(plan: PlanRow, last_actions: Mapping[str, ActionRow]) -> pb.Plan:
    """`last_actions` holds each step's latest action."""
    return pb.Plan(
        plan_id=plan.plan_id,
        digest=plan.digest,
        subject=subject_message(plan.subject),
        mode=MODES[plan.mode],
        desired_outcome=plan.desired_outcome,
        line=line_message(plan.line),
        precedence=PRECEDENCES[plan.precedence],
        why=plan.why,
        steps=[_step_in_plan(plan, step, last_actions.get(step.step_id)) for step in plan.steps],
        approvals=[approval_message(approval, plan.digest) for approval in plan.approvals],
        decided=stamp_message(plan.decided),
        rejected=plan.rejected,
    )


def pending_message(tenant_id: str, row: PendingRow, now: datetime) -> pb.PendingApproval:
    return pb.PendingApproval(
        tenant_id=tenant_id,
        case_id=row.case_id,
        priority=PRIORITIES[row.priority],
        plan_id=row.plan_id,
        digest=row.digest,
        steps=[step_message(step) for step in row.lacking(now)],
        approvals=[approval_message(each, row.digest) for each in row.approvals if each.expires_at > now],
        decided=stamp_message(row.decided),
    )


def step_message(step: Step) -> pb.Step:
    return pb.Step(
        step_id=step.step_id,
        response_type=RESPONSE_TYPES[step.response_type],
        action=step.action,
        target_asset_id=step.target_asset_id or "",
        argument=step.argument,
        active=step.active,
        authority=AUTHORITIES[step.authority],
        connector=step.connector,
        after=step.after,
        reason=step.reason,
        line=step.line,
        ring=step.ring,
        not_before=timestamp(step.not_before),
        limit_seconds=step.limit_seconds,
        verify_by=step.verify_by,
    )


def approval_message(approval: ApprovalRow, digest: str) -> pb.Approval:
    return pb.Approval(
        stamp=stamp_message(approval.stamp),
        digest=approval.digest,
        step_ids=approval.step_ids,
        acr=approval.acr,
        amr=approval.amr,
        auth_time=timestamp(approval.auth_time),
        expires_at=timestamp(approval.expires_at),
        void=approval.digest != digest,
    )


def _step_in_plan(plan: PlanRow, step: Step, action: ActionRow | None) -> pb.Step:
    message = step_message(step)
    message.released = step.not_before is None or step.step_id in plan.released
    message.action_id = action.action_id if action else ""
    message.status = _status(plan, step, action)
    return message


def _status(plan: PlanRow, step: Step, action: ActionRow | None) -> pb.StepStatus.ValueType:
    if step.step_id in plan.completed:
        return pb.STEP_STATUS_DONE
    if action is None:
        return pb.STEP_STATUS_WAITING
    if action.status is Status.REHEARSED:
        return pb.STEP_STATUS_REHEARSED
    if action.status in MAY_BE_TRIED_AGAIN or action.status is Status.CANCELLED:
        return pb.STEP_STATUS_NEEDS_PERSON
    return pb.STEP_STATUS_DISPATCHED

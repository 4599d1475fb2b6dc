"""Plans that wait for a customer's word, and until when the words that were given suffice."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from contracts.events.base import Recorded, Value
from contracts.events.case_work import PlanVoided
from contracts.events.cases import (
    Authority,
    CaseClosed,
    CaseOpened,
    CaseReopened,
    PlanApproved,
    PlanDecided,
    PlanRejected,
    PlanReordered,
    Priority,
    Step,
    StepCompleted,
)
from contracts.events.people import CasePriorityChanged
from infra.read_database.views import DocumentView
from services.cases.domain.ruling import needs_customer
from services.cases.projections.cases import ApprovalRow
from services.cases.projections.stamp import Stamp

NEVER = datetime(1970, 1, 1, tzinfo=UTC)


class PendingRow(Value):
    """`steps` are those that need a customer's approval and are not done; `approvals` those of the present digest."""

    case_id: str
    priority: Priority
    plan_id: str = ""
    digest: str = ""
    steps: tuple[Step, ...] = ()
    approvals: tuple[ApprovalRow, ...] = ()
    decided: Stamp | None = None

    def lacking(self, now: datetime) -> tuple[Step, ...]:
        """The steps that too few persons' standing approvals cover at this moment."""
        return tuple(step for step in self.steps if _sufficient_until(step, self.approvals) <= now)


class PendingApprovals(DocumentView[PendingRow]):
    NAME = "pending_approvals"
    VERSION = 1
    TABLE = "pending_approvals"
    TOPICS = frozenset(
        {
            CaseOpened,
            CasePriorityChanged,
            PlanDecided,
            PlanReordered,
            PlanApproved,
            PlanRejected,
            StepCompleted,
            CaseClosed,
            CaseReopened,
            PlanVoided,
        }
    )
    COLUMNS: ClassVar[Mapping[str, str]] = {
        "waiting": "boolean",
        "sufficient_until": "timestamptz",
        "priority": "text",
    }
    DOCUMENT = PendingRow

    def keys(self, recorded: Recorded[Any]) -> Sequence[str]:
        return [recorded.event.case_id]

    def fold(self, key: str, document: PendingRow | None, recorded: Recorded[Any]) -> PendingRow | None:
        event = recorded.event
        if isinstance(event, CaseOpened):
            return PendingRow(case_id=key, priority=event.priority)
        if document is None:
            return None
        match event:
            case PlanDecided():
                steps = tuple(step for step in event.steps if needs_customer(step))
                return PendingRow(
                    case_id=key,
                    priority=document.priority,
                    plan_id=event.plan_id,
                    digest=event.digest,
                    steps=steps,
                    decided=Stamp.of(recorded),
                )
            case CasePriorityChanged():
                return document.model_copy(update={"priority": event.priority})
            case PlanReordered():
                return document.model_copy(update={"digest": event.digest, "approvals": ()})
            case PlanApproved():
                return document.model_copy(
                    update={"approvals": (*document.approvals, ApprovalRow.of(event, Stamp.of(recorded)))}
                )
            case StepCompleted():
                left = tuple(step for step in document.steps if step.step_id != event.step_id)
                return document.model_copy(update={"steps": left})
            case _:
                return document.model_copy(update={"steps": (), "approvals": ()})

    def columns(self, document: PendingRow) -> Mapping[str, object]:
        until = min((_sufficient_until(step, document.approvals) for step in document.steps), default=NEVER)
        return {
            "waiting": bool(document.steps),
            "sufficient_until": until,
            "priority": document.priority.value,
        }


def _sufficient_until(step: Step, approvals: Sequence[ApprovalRow]) -> datetime:
    """Until when enough distinct persons' approvals cover the step; NEVER when too few have given theirs."""
    needed = 2 if step.authority is Authority.TWO_PERSONS else 1
    latest: dict[str, datetime] = {}
    for approval in approvals:
        if step.step_id in approval.step_ids:
            person = approval.stamp.actor_id
            latest[person] = max(approval.expires_at, latest.get(person, NEVER))
    return sorted(latest.values(), reverse=True)[needed - 1] if len(latest) >= needed else NEVER

"""A customer's own report of something that no detection had raised."""

from dataclasses import dataclass, replace
from typing import assert_never

from contracts.calls import Call
from contracts.events.base import Recorded, Sealed
from contracts.events.detections import (
    CustomerReportFiled,
    CustomerReportValidated,
    CustomerReportValidationWithdrawn,
)
from contracts.events.subjects import Verdict
from services.detections.domain.commands import (
    FileCustomerReport,
    ValidateCustomerReport,
    WithdrawCustomerReportValidation,
)
from services.detections.domain.errors import CustomerReportUnknown, SummaryMissing, VerdictUnsuitable
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

CATEGORY = "customer_report"
CustomerReportEvent = CustomerReportFiled | CustomerReportValidated | CustomerReportValidationWithdrawn


@dataclass(frozen=True, slots=True)
class CustomerReport:
    customer_report_id: str = ""
    standing: Standing | None = None

    @property
    def exists(self) -> bool:
        return bool(self.customer_report_id)


def initial() -> CustomerReport:
    return CustomerReport()


def evolve(state: CustomerReport, recorded: Recorded[CustomerReportEvent]) -> CustomerReport:
    event = recorded.event
    match event:
        case CustomerReportFiled():
            return CustomerReport(event.customer_report_id)
        case CustomerReportValidated():
            return replace(state, standing=standing_of(recorded, event.verdict))
        case CustomerReportValidationWithdrawn():
            return replace(state, standing=None)
        case _:
            assert_never(event)


def file(customer_report_id: str, command: FileCustomerReport) -> list[CustomerReportFiled]:
    """Raises SummaryMissing."""
    if not command.summary.strip():
        raise SummaryMissing("A report says in words what happened.")
    return [
        CustomerReportFiled(
            customer_report_id=customer_report_id,
            severity_id=command.severity_id,
            asset_ids=command.asset_ids,
            summary=Sealed.of(command.summary, subject=customer_report_id),
            label=command.label,
        )
    ]


def validate(
    state: CustomerReport, call: Call, command: ValidateCustomerReport, head: int
) -> list[CustomerReportValidated]:
    """Raises CustomerReportUnknown, NotAPerson, NotAnAnalyst, AlreadyValidated, RationaleMissing, VerdictUnsuitable,
    SightInFuture."""
    _require_existing(state)
    require_human(call)
    require_open(state.standing)
    require_reasoned(command.rationale)
    require_suitable(command.verdict)
    if command.verdict is Verdict.DUPLICATE:
        raise VerdictUnsuitable("`duplicate` is a verdict on detections.")
    require_seen(command.seen, head)
    return [
        CustomerReportValidated(
            customer_report_id=state.customer_report_id,
            verdict=command.verdict,
            confidence_percent=command.confidence_percent,
            rationale=Sealed.of(command.rationale, subject=state.customer_report_id),
            evidence=evidence_of(call, state.customer_report_id, command.evidence),
            seen=command.seen,
        )
    ]


def withdraw(
    state: CustomerReport, call: Call, command: WithdrawCustomerReportValidation
) -> list[CustomerReportValidationWithdrawn]:
    """Raises CustomerReportUnknown, NotAPerson, NotAnAnalyst, NotValidated, ValidationChanged, RationaleMissing."""
    _require_existing(state)
    require_human(call)
    require_standing(state.standing, command.validation_position)
    require_reasoned(command.reason)
    return [
        CustomerReportValidationWithdrawn(
            customer_report_id=state.customer_report_id,
            validation_position=command.validation_position,
            reason=Sealed.of(command.reason, subject=state.customer_report_id),
        )
    ]


def _require_existing(state: CustomerReport) -> None:
    if not state.exists:
        raise CustomerReportUnknown("There is no such report.")

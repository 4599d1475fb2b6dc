"""The priority of a case, when a person changes it."""

from contracts.events.base import Sealed
from contracts.events.people import CasePriorityChanged
from services.cases.domain.case import Case, in_work
from services.cases.domain.people_commands import ChangeCasePriority
from services.cases.domain.people_errors import LeadNeeded, PriorityUnchanged, ReasonMissing


def change_priority(case: Case, command: ChangeCasePriority, *, lead: bool) -> CasePriorityChanged:
    """Raises CaseNotOpen, ReasonMissing, PriorityUnchanged, and LeadNeeded where running clocks would get more time."""
    if not command.reason.strip():
        raise ReasonMissing("A priority is changed for a reason.")
    if in_work(case).priority is command.priority:
        raise PriorityUnchanged("The case has this priority.")
    if command.relax and not lead:
        raise LeadNeeded("Only a lead can give a running service level more time.")
    return CasePriorityChanged(
        case_id=case.case_id,
        previous=case.priority,
        priority=command.priority,
        reason=Sealed.of(command.reason, subject=case.case_id),
    )

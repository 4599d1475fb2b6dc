"""What happens when its time has come: windows open, observation ends, effects expire, deadlines pass.

The views declare the timers; each of these issues the command, which decides by the ledger whether it is still due.
"""

from collections.abc import Mapping
from typing import Any

from contracts.calls import Call
from infra.read_database.timers import TimerHandler
from services.cases.application import CasesApplication
from services.cases.domain.commands import (
    DecidePlan,
    ExpireAction,
    ExpireEnquiry,
    MarkNoticeOverdue,
    ReleaseStep,
)
from services.cases.domain.ruling import OBSERVE_DEADLINE
from services.cases.projections.actions import EXPIRE_ACTION
from services.cases.projections.cases import END_OBSERVATION, RELEASE_STEP
from services.cases.projections.enquiries import EXPIRE_ENQUIRY
from services.cases.projections.notices import MARK_NOTICE_OVERDUE


class Timers:
    def __init__(self, application: CasesApplication) -> None:
        self._application = application

    def handlers(self) -> Mapping[str, TimerHandler]:
        return {
            RELEASE_STEP: self.release_step,
            END_OBSERVATION: self.end_observation,
            EXPIRE_ACTION: self.expire_action,
            MARK_NOTICE_OVERDUE: self.mark_notice_overdue,
            EXPIRE_ENQUIRY: self.expire_enquiry,
        }

    async def release_step(self, call: Call, payload: Mapping[str, Any]) -> None:
        command = ReleaseStep(tenant_id=call.tenant_id, request_id=call.request_id, **payload)
        await self._application.planning.release_step(call, command)

    async def end_observation(self, call: Call, payload: Mapping[str, Any]) -> None:
        command = DecidePlan(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            case_id=payload["case_id"],
            plan_id=payload["plan_id"],
            tripwire=OBSERVE_DEADLINE,
        )
        await self._application.planning.decide_plan(call, command)

    async def expire_action(self, call: Call, payload: Mapping[str, Any]) -> None:
        command = ExpireAction(tenant_id=call.tenant_id, request_id=call.request_id, **payload)
        await self._application.acting.expire_action(call, command)

    async def mark_notice_overdue(self, call: Call, payload: Mapping[str, Any]) -> None:
        command = MarkNoticeOverdue(tenant_id=call.tenant_id, request_id=call.request_id, **payload)
        await self._application.conversing.mark_notice_overdue(call, command)

    async def expire_enquiry(self, call: Call, payload: Mapping[str, Any]) -> None:
        command = ExpireEnquiry(tenant_id=call.tenant_id, request_id=call.request_id, **payload)
        await self._application.conversing.expire_enquiry(call, command)

"""The only place that constructs the parts of the cases service."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from tenet.cases.v1 import (
    cases_admin_pb2,
    cases_messages_read_pb2,
    cases_playbooks_read_pb2,
    cases_read_pb2,
    cases_write_pb2,
)

from contracts.ids import TenantId
from infra.grpc import Hosted
from infra.hosting import Foundation, serve_until_stopped
from infra.read_database.happened import Happened
from infra.read_database.policies import Policy
from infra.read_database.read_side import ReadSide
from infra.read_database.reader.queries import Reader
from infra.read_database.turns import in_background
from infra.runtime.settings import Settings
from services.cases.application import CasesApplication
from services.cases.application.automation import Automation
from services.cases.application.outbox import Outbox, TakesIntents
from services.cases.config import CasesSettings, connectors_of
from services.cases.connectors.registry import Connectors
from services.cases.policies.act_when_time_comes import Timers
from services.cases.policies.cancel_actions_when_validation_withdrawn import CancelActionsWhenValidationWithdrawn
from services.cases.policies.complete_step_when_action_verified import CompleteStepWhenActionVerified
from services.cases.policies.decide_plan_when_case_opened import DecidePlanWhenCaseOpened
from services.cases.policies.decide_plan_when_tripwire_hit import DecidePlanWhenTripwireHit
from services.cases.policies.dispatch_action_when_plan_decided import DispatchActionWhenPlanDecided
from services.cases.policies.dispatch_action_when_step_completed import DispatchActionWhenStepCompleted
from services.cases.policies.dispatch_action_when_step_released import DispatchActionWhenStepReleased
from services.cases.policies.dispatch_message_when_message_failed import DispatchMessageWhenMessageFailed
from services.cases.policies.dispatch_message_when_notice_overdue import DispatchMessageWhenNoticeOverdue
from services.cases.policies.dispatch_message_when_notice_sent import DispatchMessageWhenNoticeSent
from services.cases.policies.open_case_when_customer_report_validated import OpenCaseWhenCustomerReportValidated
from services.cases.policies.open_case_when_detection_validated import OpenCaseWhenDetectionValidated
from services.cases.policies.open_case_when_finding_validated import OpenCaseWhenFindingValidated
from services.cases.policies.send_action_when_dispatched import SendActionWhenDispatched, unfinished_actions
from services.cases.policies.send_message_when_dispatched import SendMessageWhenDispatched, unfinished_messages
from services.cases.policies.settle_reversal_when_action_verified import SettleReversalWhenActionVerified
from services.cases.projections import VIEWS
from services.cases.servicer import (
    CasesAdminServicer,
    CasesMessagesReadServicer,
    CasesPlaybooksReadServicer,
    CasesReadServicer,
    CasesWriteServicer,
)

SERVICE = "cases"


@dataclass(frozen=True, slots=True)
class Wired:
    """The service's parts; nothing works in the background until `read_side` and `outboxes` run."""

    hosted: tuple[Hosted, ...]
    read_side: ReadSide
    outboxes: tuple[Outbox, ...]
    connectors: Connectors


def wire(foundation: Foundation, connectors: Connectors) -> Wired:
    ledger, clock = foundation.ledger, foundation.clock

    def parent(tenant_id: TenantId) -> TenantId | None:
        tenant = foundation.directory.state.tenants.get(tenant_id)
        return tenant.parent_id if tenant else None

    application = CasesApplication.of(ledger, foundation.objects, connectors, parent, clock)
    # A reader of its own, because the read side that has one is made with the policies.
    reader = Reader(foundation.database, VIEWS)
    cancelling = CancelActionsWhenValidationWithdrawn(application, reader)
    post = Outbox(
        "messages",
        application.posting.carry_out,
        unfinished_messages(reader),
        foundation.database,
        ledger.tenants,
    )
    opening = OpenCaseWhenDetectionValidated(application, reader)
    tripwires = DecidePlanWhenTripwireHit(application, reader)
    overdue = DispatchMessageWhenNoticeOverdue(application, reader)
    outbox = Outbox(
        "actions",
        application.carrying_out.carry_out,
        unfinished_actions(reader),
        foundation.database,
        ledger.tenants,
    )
    read_side = ReadSide(
        foundation.database,
        ledger.followed,
        ledger.tenants,
        clock=clock,
        views=VIEWS,
        policies=[*policies_of(application, outbox, post), opening, cancelling, overdue, tripwires],
        timers=Timers(application).handlers(),
    )
    read = CasesReadServicer(read_side.reader, Happened(ledger.repository), application, foundation.opener, clock)
    hosted = (
        Hosted.of(cases_read_pb2, "CasesReadService", read),
        Hosted.of(
            cases_messages_read_pb2,
            "CasesMessagesReadService",
            CasesMessagesReadServicer(read_side.reader, foundation.opener),
        ),
        Hosted.of(cases_playbooks_read_pb2, "CasesPlaybooksReadService", CasesPlaybooksReadServicer()),
        Hosted.of(cases_write_pb2, "CasesWriteService", CasesWriteServicer(application)),
        Hosted.of(cases_admin_pb2, "CasesAdminService", CasesAdminServicer(application)),
    )
    return Wired(hosted, read_side, (outbox, post), connectors)


def policies_of(application: CasesApplication, outbox: TakesIntents, post: TakesIntents) -> list[Policy]:
    automation = Automation(application.acting)
    return [
        OpenCaseWhenFindingValidated(application),
        OpenCaseWhenCustomerReportValidated(application),
        DecidePlanWhenCaseOpened(application),
        DispatchActionWhenPlanDecided(automation),
        DispatchActionWhenStepCompleted(automation),
        DispatchActionWhenStepReleased(automation),
        SendActionWhenDispatched(outbox),
        SendMessageWhenDispatched(post),
        DispatchMessageWhenNoticeSent(application),
        DispatchMessageWhenMessageFailed(application),
        CompleteStepWhenActionVerified(application),
        SettleReversalWhenActionVerified(application),
    ]


@asynccontextmanager
async def running(foundation: Foundation, connectors: Connectors) -> AsyncIterator[Wired]:
    """The wired service with its projections, policies, timers and outbox at work."""
    wired = wire(foundation, connectors)
    try:
        async with AsyncExitStack() as background:
            await background.enter_async_context(wired.read_side.running())
            for outbox in wired.outboxes:
                await background.enter_async_context(in_background("outbox", outbox.run()))
            yield wired
    finally:
        await connectors.close()


async def start(settings: Settings) -> None:
    connectors = Connectors.of(connectors_of(settings, CasesSettings.from_env()))
    async with Foundation.open(SERVICE, settings) as foundation, running(foundation, connectors) as wired:
        await serve_until_stopped(foundation, wired.hosted, wired.read_side)

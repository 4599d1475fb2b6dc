"""The only place that constructs the parts of the cases service."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from tenet.cases.v1 import (
    cases_admin_pb2,
    cases_bulk_write_pb2,
    cases_messages_read_pb2,
    cases_people_read_pb2,
    cases_people_rota_admin_pb2,
    cases_people_rota_read_pb2,
    cases_people_rota_write_pb2,
    cases_people_write_pb2,
    cases_playbooks_read_pb2,
    cases_read_pb2,
    cases_work_read_pb2,
    cases_work_write_pb2,
    cases_write_pb2,
)

from contracts.ids import TenantId
from infra.answering import Answering
from infra.auth.directory_state import DirectoryState, TenantState
from infra.grpc import Hosted
from infra.hosting import Foundation, serve_until_stopped
from infra.read_database.happened import Happened
from infra.read_database.policies import Clock, Policy
from infra.read_database.read_side import ReadSide
from infra.read_database.reader.queries import Reader
from infra.read_database.turns import in_background
from infra.runtime.settings import Settings
from services.cases.application import CasesApplication
from services.cases.application.automation import Automation
from services.cases.application.contacts import Contacts
from services.cases.application.on_call_watch import OnCallWatch
from services.cases.application.outbox import Outbox, TakesIntents
from services.cases.application.people import PeopleApplication
from services.cases.config import CasesSettings, connectors_of
from services.cases.connectors.registry import Connectors
from services.cases.policies.act_when_people_are_late import PeopleTimers
from services.cases.policies.act_when_time_comes import Timers
from services.cases.policies.add_tasks_when_subject_linked import AddTasksWhenSubjectLinked
from services.cases.policies.cancel_actions_when_validation_withdrawn import CancelActionsWhenValidationWithdrawn
from services.cases.policies.complete_step_when_action_verified import CompleteStepWhenActionVerified
from services.cases.policies.decide_plan_when_case_absorbed import DecidePlanWhenCaseAbsorbed
from services.cases.policies.decide_plan_when_case_opened import DecidePlanWhenCaseOpened
from services.cases.policies.decide_plan_when_tripwire_hit import DecidePlanWhenTripwireHit
from services.cases.policies.dispatch_action_when_plan_decided import DispatchActionWhenPlanDecided
from services.cases.policies.dispatch_action_when_step_completed import DispatchActionWhenStepCompleted
from services.cases.policies.dispatch_action_when_step_released import DispatchActionWhenStepReleased
from services.cases.policies.dispatch_message_when_message_failed import DispatchMessageWhenMessageFailed
from services.cases.policies.dispatch_message_when_notice_overdue import DispatchMessageWhenNoticeOverdue
from services.cases.policies.dispatch_message_when_notice_sent import DispatchMessageWhenNoticeSent
from services.cases.policies.dispatch_message_when_page_sent import DispatchMessageWhenPageSent
from services.cases.policies.draw_traces_when_subject_linked import DrawTracesWhenSubjectLinked
from services.cases.policies.keep_service_levels_when_case_progressed import KeepServiceLevelsWhenCaseProgressed
from services.cases.policies.open_case_when_customer_report_validated import OpenCaseWhenCustomerReportValidated
from services.cases.policies.open_case_when_detection_validated import OpenCaseWhenDetectionValidated
from services.cases.policies.open_case_when_finding_validated import OpenCaseWhenFindingValidated
from services.cases.policies.send_action_when_dispatched import SendActionWhenDispatched, unfinished_actions
from services.cases.policies.send_message_when_dispatched import SendMessageWhenDispatched, unfinished_messages
from services.cases.policies.send_page_when_case_urgent import SendPageWhenCaseUrgent
from services.cases.policies.send_page_when_coverage_gap_found import SendPageWhenCoverageGapFound
from services.cases.policies.send_page_when_question_overdue import SendPageWhenQuestionOverdue
from services.cases.policies.send_page_when_service_level_breached import SendPageWhenServiceLevelBreached
from services.cases.policies.settle_reversal_when_action_verified import SettleReversalWhenActionVerified
from services.cases.policies.suggest_link_when_traces_drawn import SuggestLinkWhenTracesDrawn
from services.cases.projections import VIEWS
from services.cases.servicer import (
    CasesAdminServicer,
    CasesBulkWriteServicer,
    CasesMessagesReadServicer,
    CasesPeopleReadServicer,
    CasesPeopleWriteServicer,
    CasesPlaybooksReadServicer,
    CasesReadServicer,
    CasesRotaAdminServicer,
    CasesRotaReadServicer,
    CasesRotaWriteServicer,
    CasesWorkReadServicer,
    CasesWorkWriteServicer,
    CasesWriteServicer,
)
from services.cases.servicer.on_call_overview import OnCallInViews
from services.cases.servicer.open_items import OpenItemsInViews

SERVICE = "cases"


@dataclass(frozen=True, slots=True)
class Wired:
    """The service's parts; nothing works in the background until `read_side`, `outboxes` and `watch` run."""

    hosted: tuple[Hosted, ...]
    read_side: ReadSide
    outboxes: tuple[Outbox, ...]
    watch: OnCallWatch
    connectors: Connectors


def wire(foundation: Foundation, connectors: Connectors) -> Wired:
    ledger, clock = foundation.ledger, foundation.clock

    def parent(tenant_id: TenantId) -> TenantId | None:
        tenant = foundation.directory.state.tenants.get(tenant_id)
        return tenant.parent_id if tenant else None

    application = CasesApplication.of(ledger, foundation.objects, foundation.keys, connectors, parent, clock)
    # A reader of its own, because the read side that has one is made with the policies.
    reader = Reader(foundation.database, VIEWS)
    people = PeopleApplication.of(ledger, application.charters, OpenItemsInViews(reader, ledger.feed, clock))
    cancelling = CancelActionsWhenValidationWithdrawn(application, reader)
    post = Outbox(
        "messages",
        application.posting.carry_out,
        unfinished_messages(reader),
        foundation.database,
        ledger.tenants,
    )
    tripwires = DecidePlanWhenTripwireHit(application, reader)
    suggesting = SuggestLinkWhenTracesDrawn(application, reader)
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
        policies=[
            *policies_of(application, reader, outbox, post),
            *people_policies(people),
            cancelling,
            overdue,
            tripwires,
            suggesting,
        ],
        timers={**Timers(application).handlers(), **PeopleTimers(people).handlers()},
    )
    answering = Answering(read_side.reader, foundation.opener)
    read = CasesReadServicer(answering, Happened(ledger.repository), application, clock)
    hosted = (
        Hosted.of(cases_read_pb2, "CasesReadService", read),
        Hosted.of(
            cases_messages_read_pb2,
            "CasesMessagesReadService",
            CasesMessagesReadServicer(answering),
        ),
        Hosted.of(cases_playbooks_read_pb2, "CasesPlaybooksReadService", CasesPlaybooksReadServicer()),
        Hosted.of(cases_write_pb2, "CasesWriteService", CasesWriteServicer(application)),
        Hosted.of(cases_work_read_pb2, "CasesWorkReadService", CasesWorkReadServicer(answering)),
        Hosted.of(cases_work_write_pb2, "CasesWorkWriteService", CasesWorkWriteServicer(application)),
        Hosted.of(cases_bulk_write_pb2, "CasesBulkWriteService", CasesBulkWriteServicer(application)),
        Hosted.of(cases_admin_pb2, "CasesAdminService", CasesAdminServicer(application)),
    )
    contacts = application.contacts
    on_call = OnCallInViews(read_side.reader, people.rotas, contacts, clock)
    for_people = _hosted_for_people(answering, people, contacts, on_call, clock)
    watch = OnCallWatch(on_call, lambda: _served(foundation.directory.state), ledger.tenants.list)
    return Wired((*hosted, *for_people), read_side, (outbox, post), watch, connectors)


def _served(directory: DirectoryState) -> list[TenantId]:
    return [each.id for each in directory.tenants.values() if each.state is TenantState.ACTIVE]


def _hosted_for_people(
    answering: Answering, people: PeopleApplication, contacts: Contacts, on_call: OnCallInViews, clock: Clock
) -> tuple[Hosted, ...]:
    return (
        Hosted.of(
            cases_people_read_pb2,
            "CasesPeopleReadService",
            CasesPeopleReadServicer(answering, people, on_call, clock),
        ),
        Hosted.of(cases_people_write_pb2, "CasesPeopleWriteService", CasesPeopleWriteServicer(people)),
        Hosted.of(
            cases_people_rota_read_pb2, "CasesRotaReadService", CasesRotaReadServicer(answering, people, contacts)
        ),
        Hosted.of(cases_people_rota_write_pb2, "CasesRotaWriteService", CasesRotaWriteServicer(people, contacts)),
        Hosted.of(cases_people_rota_admin_pb2, "CasesRotaAdminService", CasesRotaAdminServicer(people)),
    )


def people_policies(people: PeopleApplication) -> list[Policy]:
    return [
        KeepServiceLevelsWhenCaseProgressed(people),
        SendPageWhenCaseUrgent(people),
        SendPageWhenServiceLevelBreached(people),
        SendPageWhenQuestionOverdue(people),
        SendPageWhenCoverageGapFound(people),
    ]


def policies_of(
    application: CasesApplication, reader: Reader, outbox: TakesIntents, post: TakesIntents
) -> list[Policy]:
    automation = Automation(application.acting)
    return [
        OpenCaseWhenDetectionValidated(application, reader),
        OpenCaseWhenFindingValidated(application, reader),
        OpenCaseWhenCustomerReportValidated(application, reader),
        AddTasksWhenSubjectLinked(application),
        DrawTracesWhenSubjectLinked(application),
        DecidePlanWhenCaseOpened(application),
        DecidePlanWhenCaseAbsorbed(application),
        DispatchActionWhenPlanDecided(automation),
        DispatchActionWhenStepCompleted(automation),
        DispatchActionWhenStepReleased(automation),
        SendActionWhenDispatched(outbox),
        SendMessageWhenDispatched(post),
        DispatchMessageWhenNoticeSent(application),
        DispatchMessageWhenPageSent(application),
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
            await background.enter_async_context(in_background("on-call watch", wired.watch.run()))
            yield wired
    finally:
        await connectors.close()


async def start(settings: Settings) -> None:
    connectors = Connectors.of(connectors_of(settings, CasesSettings.from_env()))
    async with Foundation.open(SERVICE, settings) as foundation, running(foundation, connectors) as wired:
        await serve_until_stopped(foundation, wired.hosted, wired.read_side)

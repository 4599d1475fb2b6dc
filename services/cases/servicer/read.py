"""CasesReadService: answers from the read models, with sealed words opened as far as the caller may see."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from tenet.cases.v1 import cases_pb2 as pb
from tenet.cases.v1 import cases_read_pb2 as rpc

from contracts.ids import TenantId
from infra.answering import Answering, Query, Words, asked, identified, next_page, sight, sights
from infra.grpc import Context
from infra.read_database.happened import Happened, past_moment
from infra.read_database.reader.conditions import (
    Condition,
    Order,
    ascending,
    at_most,
    descending,
    equal,
    is_null,
    one_of,
)
from infra.read_database.reader.pages import Document, PageRequest
from infra.read_database.views import DocumentView
from services.cases.application import CasesApplication
from services.cases.domain.errors import ActionUnknown, CaseUnknown, CharterMissing, CharterVersionUnknown
from services.cases.projections import (
    ACTIONS,
    CASE_TIMELINE,
    CASES,
    CHARTERS,
    ENQUIRIES,
    NOTICES,
    PENDING_APPROVALS,
)
from services.cases.projections.actions import ActionRow
from services.cases.projections.case_timeline import TimelineRow
from services.cases.projections.cases import CaseRow
from services.cases.projections.charters import THE_CHARTER, CharterRow, VersionRow
from services.cases.projections.enquiries import EnquiryRow
from services.cases.projections.notices import NoticeRow
from services.cases.servicer.case_clocks import clocks_of
from services.cases.servicer.shown import (
    action_message,
    action_words,
    case_message,
    case_words,
    enquiry_message,
    enquiry_words,
    notice_message,
    notice_words,
    timeline_messages,
    timeline_words,
)
from services.cases.servicer.shown_plans import pending_message
from services.cases.servicer.wire import (
    ACTION_STATUSES,
    ENQUIRY_STATUSES,
    NOTICE_STATUSES,
    PRIORITIES,
    named,
    stamp_message,
    timestamp,
)

D = TypeVar("D")

MAX_CASE_PAGES = 20
"""Pages of 500 that one case's actions, notices or timeline are read in; what lies beyond is left out of GetCase."""
_CASE_PAGE = 500


_CasePage = tuple[
    Document[CaseRow] | None, Sequence[TimelineRow], Sequence[ActionRow], Sequence[NoticeRow], Sequence[EnquiryRow]
]


class CasesReadServicer:
    def __init__(
        self, answering: Answering, happened: Happened, application: CasesApplication, clock: Callable[[], datetime]
    ) -> None:
        self._answering, self._happened = answering, happened
        self._application, self._clock = application, clock

    async def GetCase(self, request: rpc.GetCaseRequest, context: Context) -> rpc.GetCaseResponse:
        tenant_id, case_id = context.call.tenant_id, request.case_id
        await self._answering.waited(request, context)
        found = await self._answering.get(CASES, case_id, request, context)
        if found is None:
            raise CaseUnknown("There is no such case in this tenant.")
        mine = [one_of("case_id", found.document.case_ids)]
        rows: Sequence[TimelineRow] = await self._all(CASE_TIMELINE, mine, ascending("position"), request, context)
        actions: Sequence[ActionRow] = await self._all(ACTIONS, mine, ascending("first_position"), request, context)
        notices: Sequence[NoticeRow] = await self._all(NOTICES, mine, ascending("sent_position"), request, context)
        enquiries: Sequence[EnquiryRow] = await self._all(ENQUIRIES, mine, ascending("sent_position"), request, context)
        if request.HasField("as_happened_at"):
            moment = past_moment(request.as_happened_at, context.call.now)
            found, rows, actions, notices, enquiries = await self._as_happened(
                found, rows, actions, notices, enquiries, moment
            )
            if found is None:
                raise CaseUnknown("There was no such case in this tenant yet.")
        words = [*_case_page_words(found.document, rows, actions, notices, enquiries)]
        opened = await self._answering.opener.open(context.call, words, purpose="show a case")
        case = case_message(tenant_id, found.document, actions, opened)
        case.timeline.extend(timeline_messages(found.document, rows, actions, notices, enquiries, opened))
        mine_only = [] if request.HasField("as_happened_at") else [(tenant_id, case_id)]
        clocks = await clocks_of(self._answering, mine_only, request, context, only_open=False)
        return rpc.GetCaseResponse(
            case=case,
            service_levels=clocks,
            sight=sight(CASES, found.position),
            actions=[action_message(tenant_id, row, opened) for row in actions],
            notices=[notice_message(tenant_id, row, opened) for row in notices],
            enquiries=[enquiry_message(tenant_id, row, opened) for row in enquiries],
        )

    async def ListCases(self, request: rpc.ListCasesRequest, context: Context) -> rpc.ListCasesResponse:
        where = identified(request)
        if request.status or not where:
            where.append(is_null("merged_into", request.status != pb.CASE_STATUS_MERGED))
        if request.status in (pb.CASE_STATUS_OPEN, pb.CASE_STATUS_CLOSED):
            where.append(equal("open", request.status == pb.CASE_STATUS_OPEN))
        if request.HasField("assignee_principal_id"):
            where.append(equal("assignee", request.assignee_principal_id))
        if request.priority:
            where.append(equal("priority", named(PRIORITIES, request.priority).value))
        order = [ascending("priority"), descending("severity"), ascending("opened_at")]
        page = await self._answering.page(CASES, where, order, request, context)
        opened = await self._answering.opened(page.items, case_words, context, "show cases")
        cases = [case_message(item.tenant_id, item.document, (), opened[item.tenant_id]) for item in page.items]
        keys = [(item.tenant_id, item.key) for item in page.items]
        clocks = await clocks_of(self._answering, keys, request, context, only_open=True)
        return rpc.ListCasesResponse(cases=cases, sights=sights(page), service_levels=clocks, page=next_page(page))

    async def ListPendingApprovals(
        self, request: rpc.ListPendingApprovalsRequest, context: Context
    ) -> rpc.ListPendingApprovalsResponse:
        now = self._clock()
        where = [equal("waiting", True), at_most("sufficient_until", now)]
        page = await self._answering.page(PENDING_APPROVALS, where, [ascending("priority")], request, context)
        pending = [pending_message(item.tenant_id, item.document, now) for item in page.items]
        return rpc.ListPendingApprovalsResponse(pending=pending, sights=sights(page), page=next_page(page))

    async def GetAction(self, request: rpc.GetActionRequest, context: Context) -> rpc.GetActionResponse:
        found = await self._answering.get(ACTIONS, request.action_id, request, context)
        if found is None:
            raise ActionUnknown("There is no such action in this tenant.")
        opened = await self._answering.opener.open(context.call, action_words(found.document), purpose="show an action")
        return rpc.GetActionResponse(
            action=action_message(found.tenant_id, found.document, opened),
            sight=sight(ACTIONS, found.position),
        )

    async def ListActions(self, request: rpc.ListActionsRequest, context: Context) -> rpc.ListActionsResponse:
        where = [*_of_case(request), *identified(request)]
        if request.status:
            where.append(equal("status", named(ACTION_STATUSES, request.status).value))
        page = await self._answering.page(ACTIONS, where, [descending("first_position")], request, context)
        opened = await self._answering.opened(page.items, action_words, context, "show actions")
        actions = [action_message(item.tenant_id, item.document, opened[item.tenant_id]) for item in page.items]
        return rpc.ListActionsResponse(actions=actions, sights=sights(page), page=next_page(page))

    async def ListNotices(self, request: rpc.ListNoticesRequest, context: Context) -> rpc.ListNoticesResponse:
        where = _of_case(request)
        if request.status:
            where.append(equal("status", named(NOTICE_STATUSES, request.status).value))
        page = await self._answering.page(NOTICES, where, [descending("sent_position")], request, context)
        opened = await self._answering.opened(page.items, notice_words, context, "show notices")
        notices = [notice_message(item.tenant_id, item.document, opened[item.tenant_id]) for item in page.items]
        return rpc.ListNoticesResponse(notices=notices, sights=sights(page), page=next_page(page))

    async def ListEnquiries(self, request: rpc.ListEnquiriesRequest, context: Context) -> rpc.ListEnquiriesResponse:
        where: list[Condition] = []
        if request.HasField("detection_id"):
            where.append(equal("detection_id", request.detection_id))
        if request.status:
            where.append(equal("status", named(ENQUIRY_STATUSES, request.status).value))
        page = await self._answering.page(ENQUIRIES, where, [descending("sent_position")], request, context)
        opened = await self._answering.opened(page.items, enquiry_words, context, "show enquiries")
        shown = [enquiry_message(item.tenant_id, item.document, opened[item.tenant_id]) for item in page.items]
        return rpc.ListEnquiriesResponse(enquiries=shown, sights=sights(page), page=next_page(page))

    async def GetCharter(self, request: rpc.GetCharterRequest, context: Context) -> rpc.GetCharterResponse:
        tenant_id = context.call.tenant_id
        found = await self._answering.get(CHARTERS, THE_CHARTER, request, context)
        row = found.document if found else CharterRow()
        inherited = None if row.versions else await self._application.charters.look_up(tenant_id)
        if not row.versions and inherited is None:
            raise CharterMissing("No charter was proposed for this tenant.")
        message = _charter_message(tenant_id, row)
        if inherited is not None:
            message.owner_tenant_id, message.charter_id = inherited.owner, inherited.force.charter_id
            message.version = message.version_in_force = inherited.version.number
            message.text = await self._application.charters.text_at(inherited.owner, inherited.version.sha256)
            return message
        wanted = _wanted(row, request.version)
        message.version = wanted.version
        message.text = await self._application.charters.text_at(tenant_id, wanted.sha256)
        return message

    async def _as_happened(
        self,
        case: Document[CaseRow],
        rows: Sequence[TimelineRow],
        actions: Sequence[ActionRow],
        notices: Sequence[NoticeRow],
        enquiries: Sequence[EnquiryRow],
        moment: datetime,
    ) -> _CasePage:
        """The case's page by the clock of the world, of what is known of it."""
        tenant_id, known_at = case.tenant_id, case.position
        notice_ids = [row.notice.notice_id for row in notices]
        enquiry_ids = [row.enquiry.enquiry_id for row in enquiries]
        return (
            await self._happened.get(CASES, tenant_id, case.key, moment, known_at=known_at),
            [row for row in rows if row.stamp.occurred_at <= moment],
            await self._happened.all(ACTIONS, tenant_id, [row.action_id for row in actions], moment, known_at=known_at),
            await self._happened.all(NOTICES, tenant_id, notice_ids, moment, known_at=known_at),
            await self._happened.all(ENQUIRIES, tenant_id, enquiry_ids, moment, known_at=known_at),
        )

    async def _all(
        self, view: DocumentView[D], where: Sequence[Condition], order: Order, request: Query, context: Context
    ) -> list[D]:
        """Every document of one case, up to the limit."""
        found: list[D] = []
        token = ""
        for _ in range(MAX_CASE_PAGES):
            page = await view.list(
                self._answering.reader,
                [context.call.tenant_id],
                where,
                [order],
                PageRequest(_CASE_PAGE, token),
                at=asked(request, "at_position"),
                deadline=context.deadline,
            )
            found += [item.document for item in page.items]
            token = page.next_token
            if not token:
                break
        return found


def _case_page_words(
    case: CaseRow,
    rows: Sequence[TimelineRow],
    actions: Sequence[ActionRow],
    notices: Sequence[NoticeRow],
    enquiries: Sequence[EnquiryRow],
) -> Words:
    yield from case_words(case)
    yield from timeline_words(case, rows)
    for action in actions:
        yield from action_words(action)
    for notice in notices:
        yield from notice_words(notice)
    for enquiry in enquiries:
        yield from enquiry_words(enquiry)


def _charter_message(tenant_id: TenantId, row: CharterRow) -> rpc.GetCharterResponse:
    return rpc.GetCharterResponse(
        charter_id=row.charter_id,
        owner_tenant_id=tenant_id,
        version_in_force=row.in_force.version if row.in_force else 0,
        versions=[
            pb.CharterVersion(
                version=each.version,
                digest=each.digest,
                sha256=each.sha256,
                lines=each.lines,
                proposed=stamp_message(each.proposed),
                approved=stamp_message(each.approved),
            )
            for each in row.versions
        ],
        preauthorisations=[
            pb.Preauthorisation(
                preauthorisation_id=each.signature.preauthorisation_id,
                actions=each.signature.actions,
                groups=each.signature.groups,
                charter_digest=each.signature.charter_digest,
                expires_at=timestamp(each.signature.expires_at),
                signed=stamp_message(each.signed),
                revoked=stamp_message(each.revoked),
            )
            for each in row.preauthorisations
        ],
    )


def _wanted(row: CharterRow, number: int) -> VersionRow:
    """The version asked for; without a number the one in force, else the latest proposal."""
    if number == 0:
        return row.in_force or row.versions[-1]
    for version in row.versions:
        if version.version == number:
            return version
    raise CharterVersionUnknown("There is no such version of the charter.")


def _of_case(request: rpc.ListActionsRequest | rpc.ListNoticesRequest) -> list[Condition]:
    return [equal("case_id", request.case_id)] if request.HasField("case_id") else []

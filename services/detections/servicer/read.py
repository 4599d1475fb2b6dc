"""DetectionsReadService: answers from the read models, with sealed words opened as far as the caller may see."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from tenet.common.v1 import common_pb2 as common
from tenet.detections.v1 import detections_read_pb2 as rpc

from contracts.errors import InvalidArgument
from contracts.events.base import Sealed
from contracts.events.subjects import Sight
from contracts.ids import PROVIDER, TenantId
from contracts.labels import Label
from infra.disclosure.opener import Opened, Opener
from infra.grpc import Context
from infra.read_database.happened import Happened, past_moment
from infra.read_database.reader.conditions import (
    Condition,
    Order,
    ascending,
    at_least,
    descending,
    equal,
    has,
    one_of,
)
from infra.read_database.reader.pages import Document, Page
from infra.read_database.reader.queries import Reader
from infra.read_database.views import DocumentView
from services.detections.domain.errors import CustomerReportUnknown, DetectionUnknown
from services.detections.projections import CUSTOMER_REPORTS, DETECTIONS, RULE_PACKS, TRIAGE_QUEUE
from services.detections.projections.verdicts import TriageState
from services.detections.servicer.shown import (
    Words,
    customer_report_message,
    customer_report_words,
    detection_message,
    detection_words,
    item_message,
    item_words,
    rule_pack_message,
    sight_message,
)
from services.detections.servicer.wire import STATES, named, page_request

D = TypeVar("D")
M = TypeVar("M")


class _Positioned(Protocol):
    """What every query has: positions to wait for, or to look back to."""

    @property
    def min_position(self) -> int: ...

    @property
    def at_position(self) -> int: ...

    def HasField(self, field_name: Any) -> bool: ...


class _Paged(_Positioned, Protocol):
    @property
    def page(self) -> common.PageRequest: ...


class PositionWithoutTenant(InvalidArgument):
    """A position belongs to one tenant's ledger; a query over several names none."""

    reason = "POSITION_WITHOUT_TENANT"

    def __init__(self) -> None:
        super().__init__("A position belongs to one tenant; name that tenant alone.")


class DetectionsReadServicer:
    def __init__(self, reader: Reader, happened: Happened, opener: Opener) -> None:
        self._reader, self._happened, self._opener = reader, happened, opener

    async def GetDetection(self, request: rpc.GetDetectionRequest, context: Context) -> rpc.GetDetectionResponse:
        found = await self._get(DETECTIONS, request, request.detection_id, context)
        if found is not None and request.HasField("as_happened_at"):
            moment = past_moment(request.as_happened_at, context.call.now)
            found = await self._happened.get(DETECTIONS, found.tenant_id, found.key, moment, known_at=found.position)
        if found is None:
            raise DetectionUnknown("There is no such detection.")
        messages = await self._shown([found], context, "show detections", detection_words, detection_message)
        return rpc.GetDetectionResponse(detection=messages[0], sight=_sight(DETECTIONS, found.position))

    async def ListDetections(self, request: rpc.ListDetectionsRequest, context: Context) -> rpc.ListDetectionsResponse:
        where: list[Condition] = []
        if request.states:
            where.append(_states(request.states))
        if request.HasField("rule_id"):
            where.append(equal("rule_id", request.rule_id))
        if request.HasField("asset_id"):
            where.append(has("asset_ids", request.asset_id))
        if request.HasField("min_severity_id"):
            where.append(at_least("severity_id", request.min_severity_id))
        page = await self._list(DETECTIONS, request, where, [descending("raised_at")], context)
        return rpc.ListDetectionsResponse(
            detections=await self._shown(page.items, context, "list detections", detection_words, detection_message),
            not_ready_tenant_ids=page.not_ready,
            page=common.Page(next_page_token=page.next_token),
        )

    async def ListTriageQueue(
        self, request: rpc.ListTriageQueueRequest, context: Context
    ) -> rpc.ListTriageQueueResponse:
        waiting = [STATES[TriageState.OPEN], STATES[TriageState.CLAIMED]]
        where = [_states(request.states or waiting)]
        if request.HasField("min_severity_id"):
            where.append(at_least("severity_id", request.min_severity_id))
        if request.HasField("rule_id"):
            where.append(equal("rule_id", request.rule_id))
        if request.HasField("claimed_by"):
            where.append(equal("claimed_by", request.claimed_by))
        order = [descending("priority"), ascending("raised_at")]
        page = await self._list(TRIAGE_QUEUE, request, where, order, context)
        return rpc.ListTriageQueueResponse(
            items=await self._shown(page.items, context, "triage", item_words, item_message),
            sights={tenant_id: _sight(TRIAGE_QUEUE, at) for tenant_id, at in page.positions.items() if at >= 0},
            not_ready_tenant_ids=page.not_ready,
            page=common.Page(next_page_token=page.next_token),
        )

    async def ListRulePacks(self, request: rpc.ListRulePacksRequest, context: Context) -> rpc.ListRulePacksResponse:
        if request.HasField("min_position"):
            await self._reader.waited(PROVIDER, request.min_position, context.deadline, RULE_PACKS)
        page = await RULE_PACKS.list(
            self._reader,
            [PROVIDER],
            [equal("deployed", True)] if request.deployed_only else [],
            [descending("imported_at")],
            page_request(request.page),
            at=request.at_position if request.HasField("at_position") else None,
            deadline=context.deadline,
        )
        return rpc.ListRulePacksResponse(
            rule_packs=[rule_pack_message(item.document) for item in page.items],
            page=common.Page(next_page_token=page.next_token),
        )

    async def GetCustomerReport(
        self, request: rpc.GetCustomerReportRequest, context: Context
    ) -> rpc.GetCustomerReportResponse:
        found = await self._get(CUSTOMER_REPORTS, request, request.customer_report_id, context)
        if found is None:
            raise CustomerReportUnknown("There is no such report.")
        messages = await self._shown(
            [found], context, "show customer reports", customer_report_words, customer_report_message
        )
        return rpc.GetCustomerReportResponse(
            customer_report=messages[0], sight=_sight(CUSTOMER_REPORTS, found.position)
        )

    async def ListCustomerReports(
        self, request: rpc.ListCustomerReportsRequest, context: Context
    ) -> rpc.ListCustomerReportsResponse:
        where = [_states(request.states)] if request.states else []
        page = await self._list(CUSTOMER_REPORTS, request, where, [descending("filed_at")], context)
        return rpc.ListCustomerReportsResponse(
            customer_reports=await self._shown(
                page.items, context, "list customer reports", customer_report_words, customer_report_message
            ),
            not_ready_tenant_ids=page.not_ready,
            page=common.Page(next_page_token=page.next_token),
        )

    async def _get(self, view: DocumentView[D], request: _Positioned, key: str, context: Context) -> Document[D] | None:
        await self._wait(view, request, context)
        at = request.at_position if request.HasField("at_position") else None
        return await view.get(self._reader, context.call.tenant_id, key, at=at, deadline=context.deadline)

    async def _list(
        self,
        view: DocumentView[D],
        request: _Paged,
        where: Sequence[Condition],
        order: Sequence[Order],
        context: Context,
    ) -> Page[D]:
        await self._wait(view, request, context)
        return await view.list(
            self._reader,
            context.tenants,
            where,
            order,
            page_request(request.page),
            at=_at(request, context),
            deadline=context.deadline,
        )

    async def _wait(self, view: DocumentView[D], request: _Positioned, context: Context) -> None:
        if not request.HasField("min_position"):
            return
        if len(context.tenants) != 1:
            raise PositionWithoutTenant
        await self._reader.waited(context.tenants[0], request.min_position, context.deadline, view)

    async def _shown(
        self,
        items: Sequence[Document[D]],
        context: Context,
        purpose: str,
        words_of: Callable[[D], Words],
        message_of: Callable[[Document[D], Opened], M],
    ) -> list[M]:
        """The messages of these documents, each tenant's words opened under the roles that the caller holds there."""
        words: dict[TenantId, list[tuple[Sealed, Label]]] = {}
        for item in items:
            words.setdefault(item.tenant_id, []).extend(words_of(item.document))
        opened: Mapping[TenantId, Opened] = {
            tenant_id: await self._opener.open(context.call_for(tenant_id), fields, purpose=purpose)
            for tenant_id, fields in words.items()
        }
        return [message_of(item, opened[item.tenant_id]) for item in items]


def _states(states: Sequence[int]) -> Condition:
    return one_of("state", [named(STATES, state).value for state in states])


def _at(request: _Positioned, context: Context) -> int | None:
    if not request.HasField("at_position"):
        return None
    if len(context.tenants) != 1:
        raise PositionWithoutTenant
    return request.at_position


def _sight(view: DocumentView[D], position: int) -> common.Sight:
    return sight_message(Sight(view=view.NAME, view_version=view.VERSION, position=position))

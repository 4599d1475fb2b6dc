"""SuppressionsReadService and SuppressionsWriteService: what is kept from being raised."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from tenet.common.v1 import common_pb2 as common
from tenet.detections.v1 import detections_suppressions_read_pb2 as read
from tenet.detections.v1 import detections_suppressions_write_pb2 as write

from contracts.events.base import Sealed
from contracts.events.detections import ConditionOperator
from contracts.ids import TenantId
from contracts.labels import Label
from infra.disclosure.opener import Opened, Opener
from infra.grpc import Context
from infra.read_database.reader.conditions import at_least, descending, equal
from infra.read_database.reader.pages import Document
from infra.read_database.reader.queries import Reader
from services.detections.application.suppressing import Suppressing
from services.detections.domain.commands import AddSuppression, ConditionInput, LiftSuppression
from services.detections.projections import SUPPRESSIONS
from services.detections.projections.suppressions import SuppressionDocument
from services.detections.servicer.read import PositionWithoutTenant
from services.detections.servicer.wire import named, page_request, timestamp

OPERATORS = {
    operator: read.ConditionOperator.Value(f"CONDITION_OPERATOR_{operator.name}") for operator in ConditionOperator
}


class SuppressionsReadServicer:
    def __init__(self, reader: Reader, opener: Opener, clock: Callable[[], datetime]) -> None:
        self._reader, self._opener, self._clock = reader, opener, clock

    async def ListSuppressions(
        self, request: read.ListSuppressionsRequest, context: Context
    ) -> read.ListSuppressionsResponse:
        tenants, now = context.tenants, self._clock()
        if (request.HasField("min_position") or request.HasField("at_position")) and len(tenants) != 1:
            raise PositionWithoutTenant
        if request.HasField("min_position"):
            await self._reader.waited(tenants[0], request.min_position, context.deadline, SUPPRESSIONS)
        page = await SUPPRESSIONS.list(
            self._reader,
            tenants,
            [] if request.include_ended else [equal("lifted", False), at_least("expires_at", now)],
            [descending("expires_at")],
            page_request(request.page),
            at=request.at_position if request.HasField("at_position") else None,
            deadline=context.deadline,
        )
        opened = await self._opened(page.items, context)
        return read.ListSuppressionsResponse(
            suppressions=[_message(item, opened[item.tenant_id], now) for item in page.items],
            not_ready_tenant_ids=page.not_ready,
            page=common.Page(next_page_token=page.next_token),
        )

    async def _opened(self, items: Sequence[Document[SuppressionDocument]], context: Context) -> dict[TenantId, Opened]:
        """Reasons and values, each tenant's under the roles that the caller holds there."""
        words: dict[TenantId, list[tuple[Sealed, Label]]] = {}
        for item in items:
            fields = [item.document.reason, *(each.value for each in item.document.conditions)]
            words.setdefault(item.tenant_id, []).extend((each, Label.AMBER) for each in fields)
        return {
            tenant_id: await self._opener.open(context.call_for(tenant_id), fields, purpose="list suppressions")
            for tenant_id, fields in words.items()
        }


class SuppressionsWriteServicer:
    def __init__(self, suppressing: Suppressing) -> None:
        self._suppressing = suppressing

    async def AddSuppression(
        self, request: write.AddSuppressionRequest, context: Context
    ) -> write.AddSuppressionResponse:
        command = AddSuppression(
            tenant_id=context.call.tenant_id,
            request_id=request.request_id,
            rule_id=request.rule_id if request.HasField("rule_id") else None,
            conditions=tuple(
                ConditionInput(field=each.field, operator=named(OPERATORS, each.operator), value=each.value)
                for each in request.conditions
            ),
            starts_at=request.starts_at.ToDatetime(UTC) if request.HasField("starts_at") else None,
            expires_at=request.expires_at.ToDatetime(UTC),
            reason=request.reason,
        )
        suppression_id, committed = await self._suppressing.add_suppression(context.call, command)
        return write.AddSuppressionResponse(suppression_id=suppression_id, position=committed.position)

    async def LiftSuppression(
        self, request: write.LiftSuppressionRequest, context: Context
    ) -> write.LiftSuppressionResponse:
        command = LiftSuppression(
            tenant_id=context.call.tenant_id,
            request_id=request.request_id,
            suppression_id=request.suppression_id,
            reason=request.reason,
        )
        committed = await self._suppressing.lift_suppression(context.call, command)
        return write.LiftSuppressionResponse(position=committed.position)


def _message(item: Document[SuppressionDocument], opened: Opened, now: datetime) -> read.Suppression:
    document = item.document
    return read.Suppression(
        tenant_id=item.tenant_id,
        suppression_id=document.suppression_id,
        rule_id=document.rule_id,
        conditions=[
            read.SuppressionCondition(
                field=each.field, operator=OPERATORS[each.operator], value=opened.text(each.value)
            )
            for each in document.conditions
        ],
        starts_at=timestamp(document.starts_at),
        expires_at=timestamp(document.expires_at),
        owner_id=document.owner_id,
        reason=opened.text(document.reason),
        hidden=document.hidden,
        last_hidden_at=timestamp(document.last_hidden_at),
        added_position=document.added_position,
        lifted_position=document.lifted_position,
        standing=document.lifted_position is None and now < document.expires_at,
    )

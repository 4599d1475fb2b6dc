"""SuppressionsReadService and SuppressionsWriteService: what is kept from being raised."""

from collections.abc import Callable
from datetime import UTC, datetime

from tenet.detections.v1 import detections_suppressions_read_pb2 as read
from tenet.detections.v1 import detections_suppressions_write_pb2 as write

from contracts.events.detections import ConditionOperator
from contracts.labels import Label
from infra.answering import Answering, Words, next_page
from infra.disclosure.opener import Opened
from infra.grpc import Context
from infra.read_database.reader.conditions import at_least, descending, equal
from infra.read_database.reader.pages import Document
from services.detections.application.suppressing import Suppressing
from services.detections.domain.commands import AddSuppression, ConditionInput, LiftSuppression
from services.detections.projections import SUPPRESSIONS
from services.detections.projections.suppressions import SuppressionDocument
from services.detections.servicer.wire import named, timestamp

OPERATORS = {
    operator: read.ConditionOperator.Value(f"CONDITION_OPERATOR_{operator.name}") for operator in ConditionOperator
}


class SuppressionsReadServicer:
    def __init__(self, answering: Answering, clock: Callable[[], datetime]) -> None:
        self._answering, self._clock = answering, clock

    async def ListSuppressions(
        self, request: read.ListSuppressionsRequest, context: Context
    ) -> read.ListSuppressionsResponse:
        now = self._clock()
        where = [] if request.include_ended else [equal("lifted", False), at_least("expires_at", now)]
        page = await self._answering.page(SUPPRESSIONS, where, [descending("expires_at")], request, context)
        opened = await self._answering.opened(page.items, _words, context, "list suppressions")
        return read.ListSuppressionsResponse(
            suppressions=[_message(item, opened[item.tenant_id], now) for item in page.items],
            not_ready_tenant_ids=page.not_ready,
            page=next_page(page),
        )


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


def _words(document: SuppressionDocument) -> Words:
    """The reason and the values."""
    return ((each, Label.AMBER) for each in (document.reason, *(part.value for part in document.conditions)))


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

"""Handing out entries and opened fields."""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC

from tenet.ledger.v1 import ledger_pb2
from tenet.ledger.v1 import ledger_read_pb2 as pb

from contracts.errors import TenantUnknown
from contracts.ids import TenantId
from infra.auth.access_log import AccessLog
from infra.event_store.reads import StoredEntry
from infra.grpc import Context
from services.ledger.application.opening import FieldRef, Opening
from services.ledger.application.proving import Proving
from services.ledger.application.reading import Heartbeat, Mark, Reading, Wanted
from services.ledger.config import HEARTBEAT_SECONDS
from services.ledger.servicer.proofs import ProofsServicer

MayStillRead = Callable[[Context, TenantId], bool]
"""Whether the caller of a running stream may still read a tenant's ledger."""


class LedgerReadServicer(ProofsServicer):
    def __init__(
        self,
        reading: Reading,
        opening: Opening,
        proving: Proving,
        access_log: AccessLog,
        may_still_read: MayStillRead,
    ) -> None:
        super().__init__(proving)
        self._reading, self._opening, self._access_log = reading, opening, access_log
        self._may_still_read = may_still_read

    async def Read(self, request: pb.ReadRequest, context: Context) -> AsyncIterator[pb.ReadResponse]:
        self._note(context, context.call.tenant_id)
        end = request.to_position if request.HasField("to_position") else None
        wanted = Wanted(frozenset(request.topics), request.batch_size)
        async for batch in self._reading.read(context.call.tenant_id, request.from_position, end, wanted):
            yield pb.ReadResponse(entries=_entries(batch.entries), watermark=_watermark(batch.mark))

    async def Subscribe(self, request: pb.SubscribeRequest, context: Context) -> AsyncIterator[pb.SubscribeResponse]:
        given = {TenantId(each.tenant_id): each.from_position for each in request.positions}
        if not given.keys() <= set(context.tenants):
            raise TenantUnknown
        for tenant_id in context.tenants:
            self._note(context, tenant_id)
        at_end = request.start == pb.SUBSCRIBE_FROM_END
        positions = await self._reading.starts(context.tenants, given, at_end=at_end)
        messages = self._reading.subscribe(
            positions,
            Wanted(frozenset(request.topics), request.batch_size),
            request.heartbeat_seconds or HEARTBEAT_SECONDS,
            lambda tenant_id: self._may_still_read(context, tenant_id),
        )
        async for message in messages:
            if isinstance(message, Heartbeat):
                marks = [_watermark(mark) for mark in message.marks]
                yield pb.SubscribeResponse(heartbeat=pb.Heartbeat(watermarks=marks))
            else:
                batch = pb.Batch(
                    tenant_id=message.mark.tenant_id,
                    entries=_entries(message.entries),
                    watermark=_watermark(message.mark),
                )
                yield pb.SubscribeResponse(batch=batch)

    async def GetHead(self, _request: pb.GetHeadRequest, context: Context) -> pb.GetHeadResponse:
        head = await self._reading.head(context.call.tenant_id)
        if head.last is None:
            return pb.GetHeadResponse(next_position=head.next_position)
        return pb.GetHeadResponse(
            next_position=head.next_position,
            last_leaf_hash=head.last.leaf_hash,
            last_recorded_at_us=head.last.recorded_at_us,
        )

    async def GetPositionAt(self, request: pb.GetPositionAtRequest, context: Context) -> pb.GetPositionAtResponse:
        moment = request.recorded_time.ToDatetime(UTC)
        return pb.GetPositionAtResponse(position_then=await self._reading.position_at(context.call.tenant_id, moment))

    async def OpenFields(self, request: pb.OpenFieldsRequest, context: Context) -> pb.OpenFieldsResponse:
        wanted = [FieldRef(field.position, field.path) for field in request.fields]
        references, opened = await self._opening.open_fields(context.call, wanted, request.purpose)
        return pb.OpenFieldsResponse(
            fields=[
                ledger_pb2.OpenedField(field=field, text=opened.text(reference))
                for field, reference in zip(request.fields, references, strict=True)
            ]
        )

    def _note(self, context: Context, tenant_id: TenantId) -> None:
        self._access_log.note(tenant_id, context.call.actor.id, subject=context.call.rpc, purpose="read entries")


def _entries(entries: Sequence[StoredEntry]) -> list[ledger_pb2.Entry]:
    return [
        ledger_pb2.Entry(
            position=entry.position,
            recorded_at_us=entry.recorded_at_us,
            entry=entry.entry,
            leaf_hash=entry.leaf_hash,
        )
        for entry in entries
    ]


def _watermark(mark: Mark) -> ledger_pb2.Watermark:
    return ledger_pb2.Watermark(tenant_id=mark.tenant_id, next_position=mark.next_position, head=mark.head)

"""TelemetryIngestService: the door for telemetry."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import datetime

from tenet.detections.v1 import telemetry_ingest_pb2 as rpc

from contracts.errors import Kind, TenetError
from contracts.ids import TenantId
from infra.grpc import Context
from services.detections.application.ingest import Batch, Ingest
from services.detections.servicer.wire import FORMATS, named, receipt_message

_REFUSED = frozenset({Kind.INVALID_ARGUMENT, Kind.RESOURCE_EXHAUSTED, Kind.FAILED_PRECONDITION})
"""Errors that concern one batch of a stream; any other ends it, and the sensor goes on from its last receipt."""


class TelemetryIngestServicer:
    def __init__(self, ingest: Ingest, clock: Callable[[], datetime]) -> None:
        self._ingest, self._clock = ingest, clock

    async def IngestBatch(self, request: rpc.IngestBatchRequest, context: Context) -> rpc.IngestBatchResponse:
        batch = await self._batch(context.call.tenant_id, request.batch)
        receipt = await self._ingest.ingest_batch(context.call, batch)
        return rpc.IngestBatchResponse(receipt=receipt_message(receipt), position=receipt.position)

    async def IngestStream(
        self, requests: AsyncIterator[rpc.IngestStreamRequest], context: Context
    ) -> AsyncIterator[rpc.IngestStreamResponse]:
        async for request in requests:
            try:
                batch = await self._batch(context.call.tenant_id, request.batch)
                # A stream lives long: each batch has its own time of receipt.
                receipt = await self._ingest.ingest_batch(replace(context.call, now=self._clock()), batch)
            except TenetError as error:
                if error.kind not in _REFUSED:
                    raise
                yield rpc.IngestStreamResponse(
                    batch_id=request.batch.batch_id, refused_reason=error.reason, refused_message=error.message
                )
                continue
            yield rpc.IngestStreamResponse(
                batch_id=batch.batch_id, receipt=receipt_message(receipt), position=receipt.position
            )

    async def _batch(self, tenant_id: TenantId, message: rpc.Batch) -> Batch:
        """Raises MappingUnreadable."""
        stated: str = named(FORMATS, message.format)
        if message.mapping:
            stated = await self._ingest.declare_mapping(tenant_id, message.mapping)
        first_record = message.first_record if message.HasField("first_record") else None
        return Batch(message.batch_id, message.sensor_id, stated, message.content, first_record)

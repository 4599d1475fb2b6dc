"""Calls that the tests of bad input have in common, each with a fresh request id unless one is given."""

import asyncio
import json
from collections.abc import Awaitable
from typing import Any

from tenet.common.v1 import common_pb2
from tenet.detections.v1 import (
    detections_pb2,
    detections_read_pb2,
    detections_read_pb2_grpc,
    detections_write_pb2,
    detections_write_pb2_grpc,
    telemetry_ingest_pb2,
    telemetry_ingest_pb2_grpc,
)
from tenet.ledger.v1 import ledger_read_pb2, ledger_read_pb2_grpc

from infra.grpc import Client
from tests.fixtures.customers import Customer, Provider, request_id
from tests.services.detections.records import lines, shadow_copies_deleted


async def send(
    provider: Provider, customer: Customer, content: bytes, batch_id: str = "", *, sensor_id: str = "sensor-1"
) -> telemetry_ingest_pb2.IngestBatchResponse:
    """One batch from the customer's sensor. Raises RemoteError."""
    batch = telemetry_ingest_pb2.Batch(
        batch_id=batch_id or f"batch-{request_id()}",
        sensor_id=sensor_id,
        format=detections_pb2.TELEMETRY_FORMAT_UNSPECIFIED,
        content=content,
    )
    request = telemetry_ingest_pb2.IngestBatchRequest(
        tenant_id=customer.tenant_id, request_id=request_id(), batch=batch
    )
    async with provider.system.machine("detections", customer.sensor) as client:
        stub = client.stub(telemetry_ingest_pb2_grpc.TelemetryIngestServiceStub)
        answer: telemetry_ingest_pb2.IngestBatchResponse = await client.call(stub.IngestBatch, request, deadline=60)
    return answer


async def detection(provider: Provider, customer: Customer, host: str) -> str:
    """Raises a detection on that host, and answers its id."""
    answer = await send(provider, customer, lines(shadow_copies_deleted(host, 1)))
    client = provider.client("detections", customer.analyst)
    stub = client.stub(detections_read_pb2_grpc.DetectionsReadServiceStub)
    queue = await client.call(
        stub.ListTriageQueue,
        detections_read_pb2.ListTriageQueueRequest(
            tenant_ids=[customer.tenant_id],
            page=common_pb2.PageRequest(page_size=100),
            min_position=answer.position,
        ),
    )
    (found,) = [item.detection_id for item in queue.items if host in item.headline.value]
    return str(found)


def validation(
    customer: Customer, detection_id: str, verdict: common_pb2.Verdict.ValueType, request: str = ""
) -> detections_write_pb2.ValidateDetectionRequest:
    return detections_write_pb2.ValidateDetectionRequest(
        tenant_id=customer.tenant_id,
        request_id=request or request_id(),
        detection_id=detection_id,
        verdict=verdict,
        confidence_percent=80,
        rationale="Looked into it.",
    )


def validate(client: Client, request: detections_write_pb2.ValidateDetectionRequest) -> Awaitable[Any]:
    return client.call(client.stub(detections_write_pb2_grpc.DetectionsWriteServiceStub).ValidateDetection, request)


def report(
    client: Client, customer: Customer, summary: str, request: str = "", *, deadline: float = 15
) -> Awaitable[Any]:
    """A customer's own report: a small write that needs nothing before it."""
    return client.call(
        client.stub(detections_write_pb2_grpc.DetectionsWriteServiceStub).FileCustomerReport,
        detections_write_pb2.FileCustomerReportRequest(
            tenant_id=customer.tenant_id,
            request_id=request or request_id(),
            severity_id=2,
            summary=summary,
            label=common_pb2.LABEL_AMBER,
        ),
        deadline=deadline,
    )


async def entries(provider: Provider, customer: Customer, *topics: str) -> list[dict[str, Any]]:
    """The customer's ledger as it is now, only these topics if any are named."""
    client = provider.client("ledger", customer.analyst)
    stub = client.stub(ledger_read_pb2_grpc.LedgerReadServiceStub)
    request = ledger_read_pb2.ReadRequest(tenant_id=customer.tenant_id, topics=topics)
    async with asyncio.timeout(30):
        answers = client.stream(stub.Read, request, deadline=30)
        return [json.loads(entry.entry) async for answer in answers for entry in answer.entries]

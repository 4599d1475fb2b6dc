"""One detection from a sensor's batch to the monthly report; whatever is personal in it carries a canary."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tenet.cases.v1 import cases_pb2, cases_read_pb2, cases_read_pb2_grpc, cases_write_pb2, cases_write_pb2_grpc
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
from tenet.reporting.v1 import (
    reporting_pb2,
    reporting_read_pb2,
    reporting_read_pb2_grpc,
    reporting_write_pb2,
    reporting_write_pb2_grpc,
)

from infra.telemetry import span
from tests.fixtures.customers import Customer, Provider, eventually, refusal, request_id
from tests.services.detections.records import lines, shadow_copies_deleted

CANARY = "zq7canary4wren"
"""Part of every name and text of the journey: it may rest nowhere in the clear."""
HOST = f"host-{CANARY}"
TENANT = "observed"


@dataclass(frozen=True)
class Journey:
    """What happened: the customer, the trace that the sensor's batch began, and the ledger's entries."""

    customer: Customer
    trace_id: str
    traceparent: str
    report_id: str
    entries: tuple[dict[str, Any], ...]

    def one(self, name: str) -> dict[str, Any]:
        """The entry of an event that happened once."""
        (found,) = [entry for entry in self.entries if entry["type"].endswith(f".{name}")]
        return found


async def travel(provider: Provider) -> Journey:
    await provider.deploy_rules()
    customer = await provider.onboard(TENANT, charter="clinic")
    await provider.preauthorise(customer, "contain network", "stop process")
    await provider.register_hosts(customer, [HOST])
    raised_position = await _ingest(provider, customer)
    raised = next(entry for entry in await _entries(provider, customer) if entry["type"].endswith(".DetectionRaised"))
    # A person's client goes on with the trace that the detection shows, as an operator's console does.
    with span("a person at work", parent=raised["trace"]):
        await _validate(provider, customer, raised["data"]["detection_id"], raised_position)
        await _note(provider, customer)
        report_id = await _report(provider, customer)
    await _be_refused(provider, customer)
    entries = tuple(await _entries(provider, customer))
    await provider.views_have_seen(customer, len(entries) - 1)
    return Journey(customer, raised["trace"].split("-")[1], raised["trace"], report_id, entries)


async def _ingest(provider: Provider, customer: Customer) -> int:
    async with provider.system.machine("detections", customer.sensor) as sensor:
        stub = sensor.stub(telemetry_ingest_pb2_grpc.TelemetryIngestServiceStub)
        broken = f'{{"EventID": 1, "Channel": "Security", "User": "{CANARY}", '.encode() + b"\n"
        batch = telemetry_ingest_pb2.Batch(
            batch_id="batch-1",
            sensor_id="sensor-1",
            format=detections_pb2.TELEMETRY_FORMAT_WINDOWS_EVENT,
            content=lines(shadow_copies_deleted(HOST, 1)) + broken,
        )
        answer = await sensor.call(
            stub.IngestBatch,
            telemetry_ingest_pb2.IngestBatchRequest(tenant_id=customer.tenant_id, request_id=request_id(), batch=batch),
        )
        assert (answer.receipt.raised, answer.receipt.put_aside[0].records) == (1, 1)
        return int(answer.position)


async def _validate(provider: Provider, customer: Customer, detection_id: str, position: int) -> None:
    client = provider.client("detections", customer.analyst)
    reads = client.stub(detections_read_pb2_grpc.DetectionsReadServiceStub)
    shown = await client.call(
        reads.GetDetection,
        detections_read_pb2.GetDetectionRequest(
            tenant_id=customer.tenant_id, detection_id=detection_id, min_position=position
        ),
    )
    assert CANARY in shown.detection.headline.value.lower(), "the analyst sees what no log may hold"
    await client.call(
        client.stub(detections_write_pb2_grpc.DetectionsWriteServiceStub).ValidateDetection,
        detections_write_pb2.ValidateDetectionRequest(
            tenant_id=customer.tenant_id,
            request_id=request_id(),
            detection_id=detection_id,
            verdict=common_pb2.VERDICT_MALICIOUS,
            confidence_percent=95,
            rationale=f"Seen on {CANARY}",
            seen=[shown.sight],
        ),
    )


async def _note(provider: Provider, customer: Customer) -> None:
    """Waits until the policies have had the action verified, and writes a note into their case."""
    client = provider.client("cases", customer.analyst)
    reads = client.stub(cases_read_pb2_grpc.CasesReadServiceStub)

    async def verified() -> bool:
        answer = await client.call(
            reads.ListActions, cases_read_pb2.ListActionsRequest(tenant_ids=[customer.tenant_id])
        )
        return any(action.status == cases_pb2.ACTION_STATUS_VERIFIED for action in answer.actions)

    await eventually(verified)
    found = await client.call(reads.ListCases, cases_read_pb2.ListCasesRequest(tenant_ids=[customer.tenant_id]))
    await client.call(
        client.stub(cases_write_pb2_grpc.CasesWriteServiceStub).AddNote,
        cases_write_pb2.AddNoteRequest(
            tenant_id=customer.tenant_id,
            request_id=request_id(),
            case_id=found.cases[0].case_id,
            text=f"Spoke with {CANARY}",
            label=common_pb2.LABEL_AMBER,
        ),
    )


async def _report(provider: Provider, customer: Customer) -> str:
    client = provider.client("reporting", customer.analyst)
    # A sole analyst of the service may publish; the period is the month that the journey takes place in.
    now = datetime.now(UTC)
    published = await client.call(
        client.stub(reporting_write_pb2_grpc.ReportingWriteServiceStub).PublishReport,
        reporting_write_pb2.PublishReportRequest(
            tenant_id=customer.tenant_id,
            request_id=request_id(),
            month=reporting_write_pb2.Month(year=now.year, month=now.month),
            audience=reporting_pb2.AUDIENCE_CUSTOMER,
        ),
    )
    reads = client.stub(reporting_read_pb2_grpc.ReportingReadServiceStub)
    rendered = await client.call(
        reads.RenderReport,
        reporting_read_pb2.RenderReportRequest(
            tenant_id=customer.tenant_id, report_id=published.report_id, min_position=published.position
        ),
    )
    assert rendered.html
    return str(published.report_id)


async def _be_refused(provider: Provider, customer: Customer) -> None:
    """What goes wrong is logged too, and then above all without what the request held."""
    client = provider.client("detections", customer.analyst)
    stub = client.stub(detections_write_pb2_grpc.DetectionsWriteServiceStub)
    for detection_id, confidence, more in (("detection-of-nobody", 50, "."), ("x", 1000, "."), ("x", 50, " \x00")):
        await refusal(
            client.call(
                stub.ValidateDetection,
                detections_write_pb2.ValidateDetectionRequest(
                    tenant_id=customer.tenant_id,
                    request_id=request_id(),
                    detection_id=detection_id,
                    verdict=common_pb2.VERDICT_MALICIOUS,
                    confidence_percent=confidence,
                    rationale=f"{CANARY}{more}",
                ),
            )
        )


async def _entries(provider: Provider, customer: Customer) -> list[dict[str, Any]]:
    client = provider.client("ledger", customer.analyst)
    stub = client.stub(ledger_read_pb2_grpc.LedgerReadServiceStub)
    answers = client.stream(stub.Read, ledger_read_pb2.ReadRequest(tenant_id=customer.tenant_id), deadline=30)
    return [json.loads(entry.entry) async for answer in answers for entry in answer.entries]

"""Steady work of one customer's people and sensor, whose every acknowledgement goes into the journal."""

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from typing import Any

from tenet.assets.v1 import assets_pb2, assets_write_pb2, assets_write_pb2_grpc
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

from infra.grpc import Client
from tests.faults.calling import until_acknowledged
from tests.faults.journal import Journal
from tests.fixtures.customers import Customer, Provider, request_id
from tests.services.detections.records import harmless, lines, shadow_copies_deleted

PAUSE_SECONDS = 0.05
LOOK_AGAIN_SECONDS = 0.2
QUEUE_PAGE = 100


class Load:
    """`run` works until told to stop; what has begun then is still finished. `hosts` are attacked once each."""

    def __init__(self, provider: Provider, customer: Customer, hosts: list[str], journal: Journal) -> None:
        self.customer, self.journal = customer, journal
        self.stopped = asyncio.Event()
        self.attacked = 0
        self._hosts = iter(hosts)
        self._numbers = itertools.count(1)
        self._case_id = ""
        self._assets = provider.client("assets", customer.analyst)
        self._cases = provider.client("cases", customer.analyst)
        self._detections = provider.client("detections", customer.analyst)
        self._customers = provider.client("detections", customer.approver)
        self._sensor: Client = provider.system.machine("detections", customer.sensor)

    async def run(self) -> None:
        """Raises what a worker raises: each of them is written down as a surprise before."""
        try:
            async with asyncio.TaskGroup() as group:
                for work in (self._register, self._report, self._send, self._note, self._note):
                    group.create_task(self._repeat(work))
                group.create_task(self._attack_all())
        finally:
            await self._sensor.close()

    async def _repeat(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        while not self.stopped.is_set():
            await work()
            await asyncio.sleep(PAUSE_SECONDS)

    async def _attack_all(self) -> None:
        for host in self._hosts:
            if self.stopped.is_set():
                return
            await self._attack(host)

    async def _call(self, client: Client, method: Any, request: Any) -> Any:
        return await until_acknowledged(self.journal, client, method, request)

    def _acknowledge(self, topic: str, field: str, value: str, position: int) -> None:
        self.journal.acknowledge(self.customer.tenant_id, topic, field, value, position)

    async def _register(self) -> None:
        stub = self._assets.stub(assets_write_pb2_grpc.AssetsWriteServiceStub)
        answer = await self._call(
            self._assets,
            stub.RegisterAsset,
            assets_write_pb2.RegisterAssetRequest(
                tenant_id=self.customer.tenant_id,
                request_id=request_id(),
                kind=assets_pb2.ASSET_KIND_LAPTOP,
                asset_class=assets_pb2.ASSET_CLASS_STANDARD,
                value=2,
                group="office",
                name=f"laptop-{next(self._numbers)}",
            ),
        )
        self._acknowledge("tenet.assets.AssetRegistered", "asset_id", answer.asset_id, answer.position)

    async def _report(self) -> None:
        stub = self._customers.stub(detections_write_pb2_grpc.DetectionsWriteServiceStub)
        answer = await self._call(
            self._customers,
            stub.FileCustomerReport,
            detections_write_pb2.FileCustomerReportRequest(
                tenant_id=self.customer.tenant_id,
                request_id=request_id(),
                severity_id=2,
                summary=f"Something odd, number {next(self._numbers)}",
                label=common_pb2.LABEL_AMBER,
            ),
        )
        self._acknowledge(
            "tenet.detections.CustomerReportFiled", "customer_report_id", answer.customer_report_id, answer.position
        )

    async def _send(self) -> None:
        number = next(self._numbers)
        await self._ingest(f"plain-{number}", lines(*(harmless("office", number * 10 + each) for each in range(5))))

    async def _ingest(self, batch_id: str, content: bytes) -> int:
        stub = self._sensor.stub(telemetry_ingest_pb2_grpc.TelemetryIngestServiceStub)
        batch = telemetry_ingest_pb2.Batch(
            batch_id=batch_id,
            sensor_id="sensor-1",
            format=detections_pb2.TELEMETRY_FORMAT_WINDOWS_EVENT,
            content=content,
        )
        request = telemetry_ingest_pb2.IngestBatchRequest(
            tenant_id=self.customer.tenant_id, request_id=request_id(), batch=batch
        )
        answer = await self._call(self._sensor, stub.IngestBatch, request)
        self._acknowledge("tenet.detections.TelemetryReceived", "batch_id", batch_id, answer.position)
        return int(answer.position)

    async def _attack(self, host: str) -> None:
        """Telemetry, the detection that it raises, and a person's verdict; the rest is for the policies to do."""
        position = await self._ingest(f"attack-{host}", lines(shadow_copies_deleted(host, next(self._numbers))))
        reads = self._detections.stub(detections_read_pb2_grpc.DetectionsReadServiceStub)
        queue = await self._call(
            self._detections,
            reads.ListTriageQueue,
            detections_read_pb2.ListTriageQueueRequest(
                tenant_ids=[self.customer.tenant_id],
                page=common_pb2.PageRequest(page_size=QUEUE_PAGE),
                min_position=position,
            ),
        )
        writes = self._detections.stub(detections_write_pb2_grpc.DetectionsWriteServiceStub)
        for item in queue.items:
            validated = await self._call(
                self._detections,
                writes.ValidateDetection,
                detections_write_pb2.ValidateDetectionRequest(
                    tenant_id=self.customer.tenant_id,
                    request_id=request_id(),
                    detection_id=item.detection_id,
                    verdict=common_pb2.VERDICT_MALICIOUS,
                    confidence_percent=90,
                    rationale="Nobody here deletes shadow copies.",
                ),
            )
            self._acknowledge(
                "tenet.detections.DetectionValidated", "detection_id", item.detection_id, validated.position
            )
            self.attacked += 1

    async def _note(self) -> None:
        if not self._case_id and not await self._find_case():
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
            return
        stub = self._cases.stub(cases_write_pb2_grpc.CasesWriteServiceStub)
        answer = await self._call(
            self._cases,
            stub.AddNote,
            cases_write_pb2.AddNoteRequest(
                tenant_id=self.customer.tenant_id,
                request_id=request_id(),
                case_id=self._case_id,
                text=f"Note {next(self._numbers)}",
                label=common_pb2.LABEL_AMBER,
            ),
        )
        self._acknowledge("tenet.cases.CaseNoted", "note_id", answer.note_id, answer.position)

    async def _find_case(self) -> bool:
        stub = self._cases.stub(cases_read_pb2_grpc.CasesReadServiceStub)
        request = cases_read_pb2.ListCasesRequest(
            tenant_ids=[self.customer.tenant_id], status=cases_pb2.CASE_STATUS_OPEN
        )
        answer = await self._call(self._cases, stub.ListCases, request)
        self._case_id = answer.cases[0].case_id if answer.cases else ""
        return bool(self._case_id)

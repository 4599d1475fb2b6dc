"""The running reporting service as its tests see it, and a way to record what the other services would."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tenet.reporting.v1 import reporting_pb2 as pb
from tenet.reporting.v1 import reporting_read_pb2 as read_rpc
from tenet.reporting.v1 import reporting_read_pb2_grpc, reporting_write_pb2_grpc
from tenet.reporting.v1 import reporting_write_pb2 as rpc

from contracts.calls import Actor, AuthenticatedBy, Call
from contracts.commands import Command
from contracts.events.base import Event
from contracts.ids import PROVIDER, TenantId
from infra.event_store.handler import Unit
from infra.event_store.ledger import Ledger
from infra.event_store.repository import Aggregate
from infra.grpc import Client
from infra.hosting import Foundation
from tests.fixtures.platform import Platform, request_id

WRITERS = {
    "asset": "assets",
    "sensor": "assets",
    "finding": "assets",
    "detection": "detections",
    "telemetry": "detections",
    "case": "cases",
}
ACTOR = Actor("principal-test", AuthenticatedBy.OIDC, PROVIDER)


@dataclass(frozen=True)
class ReportingWorld:
    """`analyst` and `approver` are clients of people with these roles for `tenant_id`."""

    platform: Platform
    foundation: Foundation
    tenant_id: str
    analyst: Client
    approver: Client

    @property
    def read(self) -> reporting_read_pb2_grpc.ReportingReadServiceStub:
        return self.analyst.stub(reporting_read_pb2_grpc.ReportingReadServiceStub)

    @property
    def approver_reads(self) -> reporting_read_pb2_grpc.ReportingReadServiceStub:
        return self.approver.stub(reporting_read_pb2_grpc.ReportingReadServiceStub)

    @property
    def write(self) -> reporting_write_pb2_grpc.ReportingWriteServiceStub:
        return self.analyst.stub(reporting_write_pb2_grpc.ReportingWriteServiceStub)

    async def record(self, *events: tuple[str, Event]) -> int:
        """Records each event on its stream as the service that owns it would; the last position."""
        position = -1
        for stream, event in events:
            settings = self.platform.settings_of(WRITERS[event.CATEGORY])
            async with Ledger.open(settings, self.foundation.keys) as ledger:
                call = Call(TenantId(self.tenant_id), ACTOR, "test", request_id(), self.foundation.clock())

                async def work(unit: Unit, event: Event = event, name: str = stream) -> None:
                    aggregate: Aggregate[Any] = Aggregate(event.CATEGORY, lambda: None, lambda state, _: state)
                    unit.append(await unit.load(aggregate, name.partition("-")[2]), [event])

                command = Command(tenant_id=call.tenant_id, request_id=call.request_id)
                position = (await ledger.handler.handle(call, command, work)).position
        return position

    def request(self, now: datetime, **more: Any) -> rpc.PublishReportRequest:
        fields: dict[str, Any] = {
            "tenant_id": self.tenant_id,
            "request_id": request_id(),
            "month": rpc.Month(year=now.year, month=now.month),
            "time_zone": "Europe/Zurich",
            "audience": pb.AUDIENCE_CUSTOMER,
        }
        return rpc.PublishReportRequest(**fields | more)

    async def publish(self, **more: Any) -> rpc.PublishReportResponse:
        return await self.analyst.call(self.write.PublishReport, self.request(self.foundation.clock(), **more))

    async def shown(self, report_id: str, position: int) -> read_rpc.GetReportResponse:
        asked = read_rpc.GetReportRequest(tenant_id=self.tenant_id, report_id=report_id, min_position=position)
        return await self.analyst.call(self.read.GetReport, asked)

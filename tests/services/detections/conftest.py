"""The detections service in this process beside tenancy, over a real server, called through gRPC."""

import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tenet.common.v1 import common_pb2
from tenet.detections.v1 import (
    detections_admin_pb2,
    detections_admin_pb2_grpc,
    detections_intelligence_read_pb2,
    detections_intelligence_read_pb2_grpc,
    detections_intelligence_write_pb2,
    detections_intelligence_write_pb2_grpc,
    detections_read_pb2_grpc,
    detections_write_pb2_grpc,
    telemetry_ingest_pb2,
    telemetry_ingest_pb2_grpc,
)
from tenet.tenancy.v1 import tenancy_admin_pb2, tenancy_pb2

from contracts.calls import Actor, AuthenticatedBy, Call
from contracts.commands import Command
from contracts.events.assets import AssetClass, AssetKind, AssetRegistered
from contracts.events.base import Event, Sealed
from contracts.ids import PROVIDER, TenantId, new_id
from infra.event_store.handler import Unit
from infra.event_store.ledger import Ledger
from infra.event_store.repository import Aggregate
from infra.grpc import Client, serve
from infra.hosting import Foundation
from infra.keys.blind_index import address_index, name_index
from services.detections import wiring
from services.detections.domain.sigma.packs import pack_of
from tests.fixtures.platform import Platform, Running, new_platform, request_id

ROLE = common_pb2.Role
RULES = Path(wiring.__file__).parent / "rules"


@pytest.fixture(scope="session")
def own_pack() -> bytes:
    """The rule pack that Tenet brings, as an archive."""
    return pack_of({path.name: path.read_bytes() for path in RULES.glob("*.yml")})


@pytest.fixture(scope="session")
def platform() -> Iterator[Platform]:
    with new_platform() as made:
        yield made


@dataclass(frozen=True)
class Service:
    """The running service. `client` makes a client of a person, `stub` binds one of its gRPC services."""

    platform: Platform
    running: Running
    foundation: Foundation
    detections: wiring.Detections
    port: int

    async def client(self, name: str) -> Client:
        return await self.running._client(self.port, f"Bearer {self.running.issuer.token(name)}")

    async def person(
        self, role: common_pb2.Role.ValueType, *tenants: str, home: str = "provider"
    ) -> tuple[str, Client]:
        """Somebody with one role in these tenants: the principal's id, and a client that speaks for them."""
        principal_id, name = await self.running.register(home)
        for tenant_id in tenants:
            await self.running.grant(principal_id, role, tenant_id)
        return principal_id, await self.client(name)

    async def sensor(self, tenant_id: str) -> Client:
        """A client that speaks for a machine of the tenant that may send telemetry."""
        return await self.running.machine_client(self.port, await self.sensor_key(tenant_id))

    async def sensor_key(self, tenant_id: str) -> str:
        """An API key of a machine of the tenant that may send telemetry."""
        principal_id, _ = await self.running.register(tenant_id, kind=tenancy_pb2.PRINCIPAL_KIND_MACHINE)
        await self.running.grant(principal_id, ROLE.ROLE_SENSOR, tenant_id)
        admin, stub = await self.running.admin()
        issued = await admin.call(
            stub.IssueApiKey,
            tenancy_admin_pb2.IssueApiKeyRequest(request_id=request_id(), principal_id=principal_id),
        )
        return str(issued.credential)

    async def ingest(
        self, client: Client, tenant_id: str, content: bytes, *, batch_id: str = "", sensor_id: str = "sensor-1"
    ) -> telemetry_ingest_pb2.IngestBatchResponse:
        stub = client.stub(telemetry_ingest_pb2_grpc.TelemetryIngestServiceStub)
        answer: telemetry_ingest_pb2.IngestBatchResponse = await client.call(
            stub.IngestBatch, batch_request(tenant_id, content, batch_id=batch_id, sensor_id=sensor_id), deadline=60
        )
        return answer

    async def register_asset(
        self,
        tenant_id: TenantId,
        name: str,
        address: str,
        *,
        value: int,
        asset_class: AssetClass = AssetClass.CLINICAL,
    ) -> str:
        """An asset as the assets service records it, whose events are all that detections knows of it."""
        search_key = await self.foundation.keys.search_key(tenant_id)
        asset_id = new_id("asset")
        event = AssetRegistered(
            asset_id=asset_id,
            kind=AssetKind.SERVER,
            asset_class=asset_class,
            value=value,
            group="ward",
            name=Sealed.of(name, subject=asset_id),
            addresses=(Sealed.of(address, subject=asset_id),),
            owner=None,
            business_context=None,
            name_index=name_index(search_key, name),
            address_indexes=(address_index(search_key, address),),
            external_id=None,
            external_id_index=None,
        )
        await self.record_as_assets(tenant_id, asset_id, event)
        return asset_id

    async def record_as_assets(self, tenant_id: TenantId, stream: str, event: Event) -> int:
        """Records what the assets service would; the position."""
        actor = Actor("somebody", AuthenticatedBy.SERVICE, PROVIDER)
        call = Call(tenant_id, actor, "a test", request_id(), self.foundation.clock())
        aggregate: Aggregate[int] = Aggregate(event.CATEGORY, int, lambda state, _: state + 1)

        async def work(unit: Unit) -> None:
            unit.append(await unit.load(aggregate, stream), [event])

        async with Ledger.open(self.platform.settings_of("assets"), self.foundation.keys) as ledger:
            command = _RecordAsAssets(tenant_id=tenant_id, request_id=call.request_id)
            return (await ledger.handler.handle(call, command, work)).position


class _RecordAsAssets(Command):
    pass


def batch_request(
    tenant_id: str, content: bytes, *, batch_id: str = "", sensor_id: str = "sensor-1"
) -> telemetry_ingest_pb2.IngestBatchRequest:
    return telemetry_ingest_pb2.IngestBatchRequest(
        tenant_id=tenant_id,
        request_id=request_id(),
        batch=telemetry_ingest_pb2.Batch(
            batch_id=batch_id or secrets.token_hex(8), sensor_id=sensor_id, content=content
        ),
    )


def reads(client: Client) -> detections_read_pb2_grpc.DetectionsReadServiceStub:
    return client.stub(detections_read_pb2_grpc.DetectionsReadServiceStub)


def writes(client: Client) -> detections_write_pb2_grpc.DetectionsWriteServiceStub:
    return client.stub(detections_write_pb2_grpc.DetectionsWriteServiceStub)


def administers(client: Client) -> detections_admin_pb2_grpc.DetectionsAdminServiceStub:
    return client.stub(detections_admin_pb2_grpc.DetectionsAdminServiceStub)


@asynccontextmanager
async def serving(platform: Platform, running: Running) -> AsyncIterator[Service]:
    async with (
        Foundation.open("detections", platform.settings_of("detections")) as foundation,
        wiring.assemble(foundation) as detections,
        detections.side.running(),
        serve(detections.hosted, foundation.authority) as server,
    ):
        yield Service(platform, running, foundation, detections, server.port)


@pytest.fixture
async def service(platform: Platform) -> AsyncIterator[Service]:
    await platform.prepare()
    async with platform.running() as running, serving(platform, running) as started:
        yield started


async def without_intelligence(admin: Client) -> None:
    """Retires what the provider has imported: it would raise detections, and weigh in priorities."""
    asking = admin.stub(detections_intelligence_read_pb2_grpc.IntelligenceReadServiceStub)
    stub = admin.stub(detections_intelligence_write_pb2_grpc.IntelligenceWriteServiceStub)
    listing = detections_intelligence_read_pb2.ListIntelligenceSourcesRequest(tenant_id=PROVIDER)
    for source in (await admin.call(asking.ListIntelligenceSources, listing)).sources:
        request = detections_intelligence_write_pb2.RetireIntelligenceSourceRequest(
            tenant_id=PROVIDER, request_id=request_id(), source=source.source
        )
        await admin.call(stub.RetireIntelligenceSource, request)


@pytest.fixture
async def with_rules(service: Service, own_pack: bytes) -> Service:
    """The service with the own pack imported and deployed through its API, and without what other tests imported."""
    client = await service.client("admin")
    await without_intelligence(client)
    stub = administers(client)
    imported = await client.call(
        stub.ImportRulePack,
        detections_admin_pb2.ImportRulePackRequest(request_id=request_id(), name="tenet", archive=own_pack),
    )
    assert not imported.rule_pack.failed_total
    await client.call(
        stub.DeployRulePack,
        detections_admin_pb2.DeployRulePackRequest(request_id=request_id(), pack_id=imported.rule_pack.pack_id),
    )
    return service

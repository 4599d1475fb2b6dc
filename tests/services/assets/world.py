"""The running assets service as its tests see it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

from tenet.assets.v1 import assets_pb2 as pb
from tenet.assets.v1 import assets_read_pb2_grpc, assets_write_pb2_grpc
from tenet.assets.v1 import assets_write_pb2 as rpc
from tenet.tenancy.v1 import tenancy_admin_pb2

from contracts.ids import PROVIDER
from infra.grpc import Client, serve
from infra.hosting import Foundation
from infra.read_database.read_side import ReadSide
from infra.read_database.turns import in_background
from services.assets import wiring
from services.assets.policies.judge_silence_when_heartbeats_are_missing import SilenceSweep
from tests.fixtures.platform import MACHINE, ROLE, Platform, Running, request_id


@dataclass(frozen=True)
class AssetsWorld:
    """`analyst` and `approver` are clients of people with these roles for `tenant_id`."""

    platform: Platform
    running: Running
    foundation: Foundation
    read_side: ReadSide
    sweep: SilenceSweep
    port: int
    tenant_id: str
    analyst: Client
    approver: Client
    outsider: Client

    @property
    def read(self) -> assets_read_pb2_grpc.AssetsReadServiceStub:
        return self.analyst.stub(assets_read_pb2_grpc.AssetsReadServiceStub)

    @property
    def write(self) -> assets_write_pb2_grpc.AssetsWriteServiceStub:
        return self.analyst.stub(assets_write_pb2_grpc.AssetsWriteServiceStub)

    def asset(self, name: str = "ward-7", **more: object) -> rpc.RegisterAssetRequest:
        fields = {
            "tenant_id": self.tenant_id,
            "request_id": request_id(),
            "kind": pb.ASSET_KIND_DESKTOP,
            "asset_class": pb.ASSET_CLASS_CLINICAL,
            "value": 4,
            "group": "wards",
            "name": name,
            "addresses": ["10.0.0.7", "AA-BB-CC-00-11-22"],
            "owner": "Ada Keller",
            "business_context": "Bedside charts",
        }
        return rpc.RegisterAssetRequest(**fields | more)

    async def register(self, name: str = "ward-7", **more: object) -> rpc.RegisterAssetResponse:
        return await self.analyst.call(self.write.RegisterAsset, self.asset(name, **more))

    def sweep_later(self, later: timedelta) -> SilenceSweep:
        """The sweep of silent sensors as it is made when so much time has passed."""
        clock = self.foundation.clock
        return wiring.wire(replace(self.foundation, clock=lambda: clock() + later)).sweep

    async def lead(self) -> Client:
        """A lead of the provider."""
        principal_id, name = await self.running.register("provider")
        await self.running.grant(principal_id, ROLE.ROLE_LEAD, PROVIDER)
        return await self.running._client(self.port, f"Bearer {self.running.issuer.token(name)}")

    async def sensor_client(self) -> tuple[str, Client]:
        """A machine principal with the sensor's role, and a client with its API key."""
        principal_id, _ = await self.running.register(self.tenant_id, kind=MACHINE)
        await self.running.grant(principal_id, ROLE.ROLE_SENSOR, self.tenant_id)
        client, stub = await self.running.admin()
        key = await client.call(
            stub.IssueApiKey, tenancy_admin_pb2.IssueApiKeyRequest(request_id=request_id(), principal_id=principal_id)
        )
        return principal_id, await self.running.machine_client(self.port, key.credential)


@asynccontextmanager
async def assets_world(platform: Platform) -> AsyncIterator[AssetsWorld]:
    """The service with all of its background but the sweep of silent sensors, which tests make themselves."""
    await platform.prepare()
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(platform.running())
        foundation = await stack.enter_async_context(Foundation.open("assets", platform.settings_of("assets")))
        wired = wiring.wire(foundation)
        await stack.enter_async_context(wired.read_side.running())
        await stack.enter_async_context(in_background("vulnerability feeds", wired.known.follow()))
        await stack.enter_async_context(in_background("reassessment", wired.reassessment.run()))
        server = await stack.enter_async_context(serve(wired.hosted, foundation.authority))
        tenant_id = await running.onboard()
        other = await running.onboard()
        clients = []
        for home, role, tenant in (
            ("provider", ROLE.ROLE_ANALYST, tenant_id),
            (tenant_id, ROLE.ROLE_CUSTOMER_APPROVER, tenant_id),
            (other, ROLE.ROLE_CUSTOMER_APPROVER, other),
        ):
            principal_id, name = await running.register(home)
            await running.grant(principal_id, role, tenant)
            clients.append(await running._client(server.port, f"Bearer {running.issuer.token(name)}"))
        yield AssetsWorld(platform, running, foundation, wired.read_side, wired.sweep, server.port, tenant_id, *clients)

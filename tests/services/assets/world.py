"""The running assets service as its tests see it."""

from dataclasses import dataclass

from tenet.assets.v1 import assets_pb2 as pb
from tenet.assets.v1 import assets_read_pb2_grpc, assets_write_pb2_grpc
from tenet.assets.v1 import assets_write_pb2 as rpc
from tenet.tenancy.v1 import tenancy_admin_pb2

from infra.grpc import Client
from infra.hosting import Foundation
from infra.read_database.read_side import ReadSide
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

    async def sensor_client(self) -> tuple[str, Client]:
        """A machine principal with the sensor's role, and a client with its API key."""
        principal_id, _ = await self.running.register(self.tenant_id, kind=MACHINE)
        await self.running.grant(principal_id, ROLE.ROLE_SENSOR, self.tenant_id)
        client, stub = await self.running.admin()
        key = await client.call(
            stub.IssueApiKey, tenancy_admin_pb2.IssueApiKeyRequest(request_id=request_id(), principal_id=principal_id)
        )
        return principal_id, await self.running.machine_client(self.port, key.credential)

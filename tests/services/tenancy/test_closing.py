"""Closing a tenant through the public interface: what it needs, what it destroys, and what keeps it from happening."""

import json
from pathlib import Path
from typing import Any

import pytest
from tenet.ledger.v1 import ledger_erasure_admin_pb2 as erasure_pb
from tenet.ledger.v1 import ledger_erasure_admin_pb2_grpc
from tenet.tenancy.v1 import tenancy_admin_pb2 as pb
from tenet.tenancy.v1 import tenancy_pb2

from contracts.errors import Unavailable
from contracts.ids import TenantId
from infra.grpc import RemoteError
from infra.keys import TenantKeysDestroyed
from services.tenancy.application.closing import Closing
from tests.fixtures.platform import ROLE, Running, request_id
from tests.services.tenancy.test_tenancy_service import tenant_of


async def leave(running: Running, tenant_id: str) -> None:
    client, stub = await running.admin()
    await client.call(
        stub.StartLeaving, pb.StartLeavingRequest(tenant_id=tenant_id, request_id=request_id(), reason="A merger")
    )


async def test_closing_exports_the_ledger_destroys_the_keys_and_is_recorded_with_the_exports_digest(
    running: Running,
) -> None:
    tenant_id = await running.onboard()
    await running.tenancy.objects.put(TenantId(tenant_id), b"telemetry")
    await running.tenancy.keys.search_key(TenantId(tenant_id))
    client, stub = await running.admin()
    request = pb.CloseTenantRequest(tenant_id=tenant_id, request_id=request_id())
    with pytest.raises(RemoteError) as refusal:
        await client.call(stub.CloseTenant, request)
    assert refusal.value.reason == "TENANT_STATE_REFUSED"
    await leave(running, tenant_id)
    closed = await client.call(stub.CloseTenant, request)
    assert await client.call(stub.CloseTenant, request) == closed
    manifest = json.loads((Path(closed.export_path) / "manifest.json").read_bytes())
    assert (manifest["tenant_id"], manifest["to_position"]) == (tenant_id, closed.entries)
    with pytest.raises(TenantKeysDestroyed):
        await running.tenancy.keys.search_key(TenantId(tenant_id))
    assert not list((running.tenancy.settings.objects_dir / tenant_id).glob("*"))
    tenant = await tenant_of(running, tenant_id, closed.position)
    assert tenant.state == tenancy_pb2.TENANT_STATE_CLOSED
    assert tenant.export_sha256 == closed.export_sha256


async def test_a_tenant_under_a_legal_hold_is_not_closed_until_two_persons_have_released_it(running: Running) -> None:
    tenant_id = await running.onboard()
    approvers = []
    for _ in range(2):
        principal_id, name = await running.register(tenant_id)
        await running.grant(principal_id, ROLE.ROLE_CUSTOMER_APPROVER, tenant_id)
        approvers.append(await running.ledger_client(name))
    holding = [each.stub(ledger_erasure_admin_pb2_grpc.LedgerErasureAdminServiceStub) for each in approvers]
    placing = erasure_pb.PlaceHoldRequest(tenant_id=tenant_id, request_id=request_id(), matter="a dispute")
    hold_id = (await approvers[0].call(holding[0].PlaceHold, placing)).hold_id
    await leave(running, tenant_id)
    client, stub = await running.admin()
    request = pb.CloseTenantRequest(tenant_id=tenant_id, request_id=request_id())
    with pytest.raises(RemoteError) as refusal:
        await client.call(stub.CloseTenant, request)
    assert (refusal.value.reason, refusal.value.metadata) == ("HOLD_STANDS", {"holds": hold_id})
    await running.tenancy.keys.search_key(TenantId(tenant_id))
    for approver, each in zip(approvers, holding, strict=True):
        releasing = erasure_pb.ReleaseHoldRequest(
            tenant_id=tenant_id, request_id=request_id(), hold_id=hold_id, reason="settled"
        )
        await approver.call(each.ReleaseHold, releasing)
    await client.call(stub.CloseTenant, request)
    with pytest.raises(TenantKeysDestroyed):
        await running.tenancy.keys.search_key(TenantId(tenant_id))


async def test_a_hold_placed_while_the_ledger_is_exported_keeps_the_keys(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant_id = await running.onboard()
    principal_id, name = await running.register(tenant_id)
    await running.grant(principal_id, ROLE.ROLE_CUSTOMER_APPROVER, tenant_id)
    approver = await running.ledger_client(name)
    holding = approver.stub(ledger_erasure_admin_pb2_grpc.LedgerErasureAdminServiceStub)
    await leave(running, tenant_id)
    export = Closing._export

    async def held_meanwhile(self: Closing, leaving: TenantId) -> Any:
        placing = erasure_pb.PlaceHoldRequest(tenant_id=leaving, request_id=request_id(), matter="a dispute")
        await approver.call(holding.PlaceHold, placing)
        return await export(self, leaving)

    monkeypatch.setattr(Closing, "_export", held_meanwhile)
    client, stub = await running.admin()
    with pytest.raises(RemoteError) as refusal:
        await client.call(stub.CloseTenant, pb.CloseTenantRequest(tenant_id=tenant_id, request_id=request_id()))
    assert refusal.value.reason == "HOLD_STANDS"
    await running.tenancy.keys.search_key(TenantId(tenant_id))


async def test_an_entity_is_closed_after_those_below_it(running: Running) -> None:
    group = await running.onboard()
    below = await running.onboard(parent=group)
    await leave(running, group)
    client, stub = await running.admin()
    with pytest.raises(RemoteError) as refusal:
        await running.onboard(parent=group)
    assert refusal.value.reason == "PARENT_REFUSED"
    with pytest.raises(RemoteError) as refusal:
        await client.call(stub.CloseTenant, pb.CloseTenantRequest(tenant_id=group, request_id=request_id()))
    assert (refusal.value.reason, refusal.value.metadata) == ("TENANT_HAS_CHILDREN", {"children": below})
    await running.tenancy.keys.search_key(TenantId(group))
    await leave(running, below)
    for tenant_id in (below, group):
        await client.call(stub.CloseTenant, pb.CloseTenantRequest(tenant_id=tenant_id, request_id=request_id()))


async def test_a_closing_that_was_interrupted_after_the_keys_went_is_finished_with_the_export_made_before(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant_id = await running.onboard()
    await leave(running, tenant_id)
    destroy = Closing._destroy

    async def crash_after(self: Closing, *arguments: Any) -> None:
        await destroy(self, *arguments)
        raise Unavailable("The process was killed.")

    client, stub = await running.admin()
    request = pb.CloseTenantRequest(tenant_id=tenant_id, request_id=request_id())
    with monkeypatch.context() as patch:
        patch.setattr(Closing, "_destroy", crash_after)
        with pytest.raises(RemoteError):
            await client.call(stub.CloseTenant, request)
    (made,) = (running.tenancy.settings.exports_dir / tenant_id).glob("closing-*")
    written = (made / "manifest.json").stat().st_mtime_ns
    closed = await client.call(stub.CloseTenant, request)
    assert Path(closed.export_path) == made
    assert (made / "manifest.json").stat().st_mtime_ns == written

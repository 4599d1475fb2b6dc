"""After an erasure neither the archive nor a hunt shows the records that name its subject; all others stay."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tenet.detections.v1 import detections_hunts_pb2 as hunts
from tenet.detections.v1 import detections_hunts_pb2_grpc
from tenet.ledger.v1 import ledger_erasure_admin_pb2 as pb
from tenet.ledger.v1 import ledger_erasure_admin_pb2_grpc

from contracts.events.detections import DetectionRaised
from contracts.ids import TenantId, derive_id
from infra.grpc import Client, RemoteError
from infra.keys.blind_index import name_index
from services.detections.application.archive.index import ArchiveIndex
from tests.fixtures.platform import ROLE, Platform, Running, request_id
from tests.services.detections.conftest import Service, serving
from tests.services.detections.records import evtx, harmless, lines, remote_desktop

LIMIT_SECONDS = 120
CANARY = "orla.byrne"
SYSMON = "Microsoft-Windows-Sysmon/Operational"
RULE = """
title: Somebody signed in from afar
id: 5a1e3f0c-0000-4000-8000-000000000002
logsource: {product: windows, service: security}
detection:
  selection: {EventID: 4624}
  condition: selection
level: high
"""


@pytest.fixture
async def service(platform: Platform, running: Running) -> AsyncIterator[Service]:
    async with serving(platform, running) as started:
        yield started


async def erase(service: Service, tenant_id: str, subject: str, field: tuple[int, str] | None = None) -> None:
    principal_id, name = await service.running.register(tenant_id)
    await service.running.grant(principal_id, ROLE.ROLE_CUSTOMER_APPROVER, tenant_id)
    client = await service.running.ledger_client(name)
    request = pb.EraseRequest(
        tenant_id=tenant_id,
        request_id=request_id(),
        subject=subject,
        basis=pb.ERASURE_BASIS_DATA_SUBJECT_REQUEST,
        reason="asked by letter",
    )
    if field:
        request.field.position, request.field.path = field
    stub = client.stub(ledger_erasure_admin_pb2_grpc.LedgerErasureAdminServiceStub)
    assert (await client.call(stub.Erase, request)).erased


async def hunt(client: Client, tenant_id: str, **question: Any) -> tuple[list[Any], hunts.HuntResult]:
    now = datetime.now(UTC)
    request = hunts.HuntRequest(tenant_id=tenant_id, request_id=request_id(), reason="a test", **question)
    request.start.FromDatetime(now - timedelta(days=80))
    request.end.FromDatetime(now + timedelta(hours=1))
    stub = client.stub(detections_hunts_pb2_grpc.DetectionsHuntServiceStub)
    rows: list[Any] = []
    result = hunts.HuntResult()
    async for message in client.stream(stub.Hunt, request, deadline=120):
        rows += [json.loads(row) for row in message.table.rows]
        result = message.result
    return rows, result


async def archived(service: Service, tenant_id: str, records: int) -> None:
    """Waits until the archive holds so many records."""
    index = ArchiveIndex(service.foundation.database)
    async with asyncio.timeout(LIMIT_SECONDS):
        while sum(file.records for file in await index.files(TenantId(tenant_id))) != records:
            await asyncio.sleep(0.1)


def told(host: str, number: int) -> bytes:
    return lines(
        remote_desktop(host, number, CANARY, "203.0.113.7"),
        evtx(SYSMON, 1, host, "2026-11-24T02:31:00.000000Z", number + 1, CommandLine=f"net user {CANARY} /active:no"),
        evtx(SYSMON, 1, host, "2026-11-24T02:32:00.000000Z", number + 2, User=f"CLINIC\\{CANARY.upper()}"),
        harmless(host, number + 3),
    )


async def subject_of(service: Service, tenant_id: str, name: str) -> str:
    search_key = await service.foundation.keys.search_key(TenantId(tenant_id))
    return derive_id("subject", name_index(search_key, name))


@pytest.mark.usefixtures("running")
async def test_records_that_name_an_erased_account_leave_the_archive_and_no_hunt_finds_them(service: Service) -> None:
    tenants = [await service.running.onboard() for _ in range(2)]
    _, analyst = await service.person(ROLE.ROLE_ANALYST, *tenants)
    for tenant_id in tenants:
        await service.ingest(await service.sensor(tenant_id), tenant_id, told("desk-1", 1))
        await archived(service, tenant_id, 4)
        assert len((await hunt(analyst, tenant_id, rule=RULE))[1].detection_ids) == 1
    mine, other = tenants
    subject = await subject_of(service, mine, CANARY)
    raised = await service.foundation.ledger.feed.read(TenantId(mine), 0, 100)
    (detection,) = [each.event for each in raised if isinstance(each.event, DetectionRaised)]
    assert detection.headline.subject == subject
    everything = f"SELECT * FROM telemetry WHERE fields::VARCHAR ILIKE '%{CANARY}%'"
    assert len((await hunt(analyst, mine, sql=everything))[0]) == 3

    await erase(service, mine, subject)
    await archived(service, mine, 1)
    assert (await hunt(analyst, mine, sql=everything))[0] == []
    assert (await hunt(analyst, mine, rule=RULE))[1].found == 0
    assert (await hunt(analyst, mine, indicators=f"account,{CANARY}"))[1].found == 0
    assert (await hunt(analyst, mine, sql="SELECT host FROM telemetry"))[0] == [["desk-1"]]
    assert len((await hunt(analyst, other, sql=everything))[0]) == 3
    # What comes after the erasure is another matter, and so is the same name as a part of another.
    await service.ingest(await service.sensor(mine), mine, lines(harmless(f"x{CANARY}x", 9)))
    await archived(service, mine, 2)


@pytest.mark.usefixtures("running")
async def test_an_erased_piece_of_evidence_takes_its_record_along_and_no_other(service: Service) -> None:
    tenant_id = await service.running.onboard()
    _, analyst = await service.person(ROLE.ROLE_ANALYST, tenant_id)
    await service.ingest(await service.sensor(tenant_id), tenant_id, told("desk-1", 1))
    await archived(service, tenant_id, 4)
    assert (await hunt(analyst, tenant_id, rule=RULE))[1].found == 1
    events = await service.foundation.ledger.feed.read(TenantId(tenant_id), 0, 100)
    (raised,) = [each for each in events if isinstance(each.event, DetectionRaised)]
    summary = raised.event.evidence[0].summary
    await erase(service, tenant_id, summary.subject, (raised.position, summary.path))
    await archived(service, tenant_id, 3)
    assert (await hunt(analyst, tenant_id, rule=RULE))[1].found == 0


@pytest.mark.usefixtures("running")
async def test_an_erased_asset_leaves_the_archive_by_every_name_and_address(service: Service) -> None:
    tenant_id = await service.running.onboard()
    _, analyst = await service.person(ROLE.ROLE_ANALYST, tenant_id)
    asset_id = await service.register_asset(TenantId(tenant_id), "erp01", "10.9.8.7", value=5)
    batch = lines(
        harmless("ERP01.corp.example", 1),
        evtx(SYSMON, 3, "desk-1", "2026-11-24T02:31:00.000000Z", 2, DestinationIp="10.9.8.7"),
        harmless("desk-1", 3),
    )
    await service.ingest(await service.sensor(tenant_id), tenant_id, batch)
    await archived(service, tenant_id, 3)
    await erase(service, tenant_id, asset_id)
    await archived(service, tenant_id, 1)
    assert (await hunt(analyst, tenant_id, sql="SELECT record FROM telemetry"))[0] == [[2]]


@pytest.mark.usefixtures("running")
async def test_what_is_held_stays_in_the_archive(service: Service) -> None:
    tenant_id = await service.running.onboard()
    await service.ingest(await service.sensor(tenant_id), tenant_id, told("desk-1", 1))
    await archived(service, tenant_id, 4)
    _, analyst = await service.person(ROLE.ROLE_ANALYST, tenant_id)
    assert (await hunt(analyst, tenant_id, rule=RULE))[1].found == 1
    principal_id, name = await service.running.register(tenant_id)
    await service.running.grant(principal_id, ROLE.ROLE_CUSTOMER_APPROVER, tenant_id)
    client = await service.running.ledger_client(name)
    stub = client.stub(ledger_erasure_admin_pb2_grpc.LedgerErasureAdminServiceStub)
    subject = await subject_of(service, tenant_id, CANARY)
    hold = pb.PlaceHoldRequest(
        tenant_id=tenant_id, request_id=request_id(), subjects=[subject], matter="a dispute before the court"
    )
    await client.call(stub.PlaceHold, hold)
    with pytest.raises(RemoteError) as refusal:
        await erase(service, tenant_id, subject)
    assert refusal.value.reason == "HOLD_STANDS"
    assert (await hunt(analyst, tenant_id, rule=RULE))[1].found == 1

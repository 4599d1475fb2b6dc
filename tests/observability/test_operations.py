"""What every service answers about itself: its access log, and work that stopped and is set going again."""

from datetime import UTC
from typing import Any

import pytest
from psycopg import AsyncConnection
from tenet.operations.v1 import operations_pb2 as pb
from tenet.operations.v1 import operations_pb2_grpc

from contracts.ids import TenantId
from infra.auth.access_log import AccessRecord, verify_chain
from infra.grpc import Client
from infra.runtime.settings import SERVICES
from tests.fixtures.customers import ADMINISTRATOR, eventually, refusal
from tests.fixtures.running_system import RunningSystem
from tests.observability.journey import TENANT, Journey

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def records_of(client: Client) -> list[pb.AccessRecord]:
    stub = client.stub(operations_pb2_grpc.OperationsReadServiceStub)
    answer = await client.call(stub.ListAccessRecords, pb.ListAccessRecordsRequest(tenant_id=TENANT, limit=1000))
    return list(answer.records)


def as_kept(record: pb.AccessRecord) -> AccessRecord:
    return AccessRecord(
        TenantId(TENANT), record.number, record.principal_id, record.subject, record.purpose, record.outcome,
        record.first_at.ToDatetime(UTC), record.last_at.ToDatetime(UTC), record.times, record.previous_hash,
        record.record_hash,
    )  # fmt: skip


async def test_every_services_access_log_is_there_for_the_customer_and_its_chain_holds(
    system: RunningSystem, journey: Journey
) -> None:
    looked_at: dict[str, int] = {}
    for service in SERVICES:
        async with system.client(service, journey.customer.approver) as client:
            records = await records_of(client)
        verify_chain([as_kept(record) for record in records])
        looked_at[service] = len(records)
    assert {service for service, records in looked_at.items() if records} >= {"detections", "ledger"}, looked_at


async def test_an_analyst_sees_no_access_log_and_no_parked_work(system: RunningSystem, journey: Journey) -> None:
    async with system.client("cases", journey.customer.analyst) as client:
        refused = await refusal(records_of(client))
        assert refused.code.name == "PERMISSION_DENIED"
        stub = client.stub(operations_pb2_grpc.OperationsAdminServiceStub)
        request = pb.RebuildProjectionRequest(tenant_id=TENANT, projection="actions")
        assert (await refusal(client.call(stub.RebuildProjection, request))).code.name == "PERMISSION_DENIED"


async def test_a_parked_projection_is_shown_goes_on_when_told_and_can_be_made_anew(
    system: RunningSystem, journey: Journey
) -> None:
    async with (
        system.client("cases", ADMINISTRATOR) as client,
        await AsyncConnection.connect(system.superuser("tenet_cases"), autocommit=True) as database,
    ):
        reading = client.stub(operations_pb2_grpc.OperationsReadServiceStub)
        admin = client.stub(operations_pb2_grpc.OperationsAdminServiceStub)

        async def parked() -> list[tuple[int, str, int, str]]:
            answer = await client.call(reading.ListParkedWork, pb.ListParkedWorkRequest(tenant_ids=[TENANT]))
            return [(each.kind, each.name, each.entry_position, each.reason) for each in answer.work]

        assert await parked() == []
        await _park(database, "actions")
        assert await parked() == [(pb.WORK_KIND_PROJECTION, "actions", 1, "ValueError")]
        retry = pb.RetryParkedWorkRequest(tenant_id=TENANT, kind=pb.WORK_KIND_PROJECTION, name="actions")
        assert (await client.call(admin.RetryParkedWork, retry)).retried == 1
        assert (await client.call(admin.RetryParkedWork, retry)).retried == 0
        assert await parked() == []

        rebuild = pb.RebuildProjectionRequest(tenant_id=TENANT, projection="actions")
        await client.call(admin.RebuildProjection, rebuild)

        async def second_build_is_read() -> bool:
            cursor = await database.execute(
                "SELECT build FROM projection_builds WHERE tenant_id = %s AND projection = 'actions' AND active",
                (TENANT,),
            )
            return await cursor.fetchall() == [(2,)]

        await eventually(second_build_is_read)
        unknown = pb.RebuildProjectionRequest(tenant_id=TENANT, projection="no_such_view")
        assert (await refusal(client.call(admin.RebuildProjection, unknown))).reason == "PROJECTION_UNKNOWN"


async def _park(database: AsyncConnection[Any], projection: str) -> None:
    await database.execute(
        "UPDATE projection_builds SET state = 'parked' WHERE tenant_id = %s AND projection = %s", (TENANT, projection)
    )
    await database.execute(
        "INSERT INTO parked_events (tenant_id, projection, build, position, topic, error, detail)"
        " VALUES (%s, %s, 1, 1, 'tenet.cases.CaseOpened', 'ValueError', 'made for this test')",
        (TENANT, projection),
    )

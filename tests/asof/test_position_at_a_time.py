"""A time of recording stands for one position, for good."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from tenet.ledger.v1 import ledger_read_pb2 as pb
from tenet.ledger.v1 import ledger_read_pb2_grpc

from contracts.ids import TenantId
from infra.event_store.feed import TimeInFuture
from infra.grpc import RemoteError
from tests.fixtures.platform import ROLE, Running


async def test_at_each_time_it_is_the_last_entry_recorded_by_then(running: Running) -> None:
    tenant = TenantId(await running.onboard())
    feed = running.ledger.ledger.feed
    before = datetime.now(UTC)
    await asyncio.sleep(0.01)
    for number in range(7):
        await running.note(tenant, f"note {number}")
        await asyncio.sleep(0.002)
    entries = await feed.read(tenant, 0)
    assert await feed.position_at(tenant, before) < entries[-7].position
    assert await feed.position_at(tenant, datetime(2001, 1, 1, tzinfo=UTC)) == -1
    for entry in entries:
        assert await feed.position_at(tenant, entry.recorded_at) == entry.position
        assert await feed.position_at(tenant, entry.recorded_at - timedelta(microseconds=1)) == entry.position - 1
    assert await feed.position_at(tenant, datetime.now(UTC) - timedelta(milliseconds=1)) == entries[-1].position
    with pytest.raises(TimeInFuture):
        await feed.position_at(tenant, datetime.now(UTC) + timedelta(minutes=1))


async def test_an_answer_never_changes_however_much_is_appended_meanwhile(running: Running) -> None:
    tenant = TenantId(await running.onboard())
    feed = running.ledger.ledger.feed
    answers: list[tuple[datetime, int]] = []

    async def write() -> None:
        for number in range(60):
            await running.note(tenant, f"note {number}")

    async def ask() -> None:
        for _ in range(60):
            moment = datetime.now(UTC)
            await asyncio.sleep(0.001)
            answers.append((moment, await feed.position_at(tenant, moment)))

    await asyncio.gather(write(), ask())
    for moment, answer in answers:
        assert await feed.position_at(tenant, moment) == answer


async def test_over_the_api_the_future_and_a_foreign_tenant_are_refused(running: Running) -> None:
    mine, other = await running.onboard(), await running.onboard()
    await running.note(mine, "something")
    principal_id, name = await running.register("provider")
    await running.grant(principal_id, ROLE.ROLE_AUDITOR, mine)
    client = await running.ledger_client(name)
    stub = client.stub(ledger_read_pb2_grpc.LedgerReadServiceStub)

    async def ask(tenant_id: str, moment: datetime) -> pb.GetPositionAtResponse:
        stamp = Timestamp()
        stamp.FromDatetime(moment)
        answer: pb.GetPositionAtResponse = await client.call(
            stub.GetPositionAt, pb.GetPositionAtRequest(tenant_id=tenant_id, recorded_time=stamp)
        )
        return answer

    assert not (await ask(mine, datetime(2001, 1, 1, tzinfo=UTC))).HasField("position_then")
    await asyncio.sleep(0.002)
    assert (await ask(mine, datetime.now(UTC) - timedelta(milliseconds=1))).HasField("position_then")
    with pytest.raises(RemoteError) as future:
        await ask(mine, datetime.now(UTC) + timedelta(days=1))
    assert future.value.reason == "TIME_IN_FUTURE"
    with pytest.raises(RemoteError) as foreign:
        await ask(other, datetime(2001, 1, 1, tzinfo=UTC))
    assert foreign.value.reason == "TENANT_UNKNOWN"

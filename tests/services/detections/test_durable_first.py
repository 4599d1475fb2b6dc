"""A batch's bytes become durable while it is judged: whatever the medium does, nothing is on record before they are."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest

from contracts.calls import Actor, AuthenticatedBy, Call
from contracts.events.detections import TelemetryReceived
from contracts.ids import TenantId
from contracts.roles import Role
from infra.object_store.errors import ObjectStoreFull
from infra.object_store.port import ObjectRef, ObjectStore
from services.detections.application.ingest import Batch, Ingest
from services.detections.application.passages import Passages
from services.detections.domain.errors import BatchTooLarge
from services.detections.domain.formats.recognition import Format
from tests.fixtures.platform import request_id
from tests.services.detections.conftest import Service
from tests.services.detections.records import harmless, lines

CONTENT = lines(harmless("desk-1", 1), harmless("desk-2", 2))


class Medium(ObjectStore):
    """The service's store, where `first` comes before anything is put."""

    def __init__(self, store: ObjectStore, first: Callable[[], Awaitable[None]]) -> None:
        self.store, self.first = store, first
        self.put_at_once = 0

    async def put(self, tenant_id: TenantId, data: bytes) -> ObjectRef:
        self.put_at_once += 1
        try:
            await self.first()
            return await self.store.put(tenant_id, data)
        finally:
            self.put_at_once -= 1

    async def put_stream(self, tenant_id: TenantId, chunks: AsyncIterable[bytes]) -> ObjectRef:
        return await self.store.put_stream(tenant_id, chunks)

    async def get(self, tenant_id: TenantId, sha256: str) -> bytes:
        return await self.store.get(tenant_id, sha256)

    def stream(self, tenant_id: TenantId, sha256: str) -> AsyncIterator[bytes]:
        return self.store.stream(tenant_id, sha256)

    async def has(self, tenant_id: TenantId, sha256: str) -> bool:
        return await self.store.has(tenant_id, sha256)

    async def delete(self, tenant_id: TenantId, sha256: str) -> bool:
        return await self.store.delete(tenant_id, sha256)

    async def delete_tenant(self, tenant_id: TenantId) -> int:
        return await self.store.delete_tenant(tenant_id)


class Intake:
    """The service's own intake on another medium, for one tenant."""

    def __init__(self, service: Service, tenant_id: TenantId, first: Callable[[], Awaitable[None]]) -> None:
        self.service, self.tenant_id = service, tenant_id
        parts = service.detections.ingest._parts
        self.medium = Medium(parts.objects, first)
        self.passages = Passages()
        self.ingest = Ingest(replace(parts, objects=self.medium, passages=self.passages))

    def send(self, content: bytes = CONTENT) -> "asyncio.Task[object]":
        actor = Actor("sensor", AuthenticatedBy.API_KEY, self.tenant_id)
        now = self.service.foundation.clock()
        call = Call(self.tenant_id, actor, "a test", request_id(), now, roles=frozenset({Role.SENSOR}))
        batch = Batch("batch-1", "sensor-1", Format.AUTOMATIC.value, content)
        return asyncio.create_task(self.ingest.ingest_batch(call, batch))

    async def recorded(self) -> int:
        entries = await self.service.foundation.ledger.feed.read(self.tenant_id, 0, 1000)
        return sum(isinstance(each.event, TelemetryReceived) for each in entries)


async def test_nothing_is_on_record_while_the_medium_takes_its_time(service: Service) -> None:
    durable = asyncio.Event()

    async def wait() -> None:
        await durable.wait()

    intake = Intake(service, TenantId(await service.running.onboard()), wait)
    sending = intake.send()
    done, _ = await asyncio.wait([sending], timeout=1)
    assert not done
    assert await intake.recorded() == 0
    durable.set()
    await sending
    assert await intake.recorded() == 1
    intake.ingest.close()


async def test_a_medium_that_fails_leaves_nothing_on_record_and_the_batch_may_come_again(service: Service) -> None:
    full = True

    async def refuse() -> None:
        if full:
            raise ObjectStoreFull("The medium is full.")

    intake = Intake(service, TenantId(await service.running.onboard()), refuse)
    for _ in range(3):
        with pytest.raises(ObjectStoreFull):
            await intake.send()
    assert await intake.recorded() == 0
    full = False
    await intake.send()
    assert await intake.recorded() == 1
    intake.ingest.close()


async def test_a_sender_that_hangs_up_leaves_nothing_under_way_though_the_medium_hangs(service: Service) -> None:
    begun = asyncio.Event()

    async def hang() -> None:
        begun.set()
        await asyncio.Event().wait()

    intake = Intake(service, TenantId(await service.running.onboard()), hang)
    sending = intake.send()
    await begun.wait()
    sending.cancel()
    async with asyncio.timeout(30):
        await asyncio.wait([sending])
    assert sending.cancelled()
    assert intake.medium.put_at_once == 0
    assert not intake.passages._inside
    assert await intake.recorded() == 0
    intake.ingest.close()


async def test_a_batch_that_is_refused_does_not_wait_for_the_medium(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.detections.application.ingest.MAX_RECORDS_PER_BATCH", 1)

    async def hang() -> None:
        await asyncio.Event().wait()

    intake = Intake(service, TenantId(await service.running.onboard()), hang)
    async with asyncio.timeout(30):
        with pytest.raises(BatchTooLarge):
            await intake.send()
    assert intake.medium.put_at_once == 0
    intake.ingest.close()

"""Telemetry that was received is archived by hour, hunted in SQL, merged and let go, for its own tenant only."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from tenet.detections.v1 import detections_hunts_pb2 as pb
from tenet.detections.v1 import detections_hunts_pb2_grpc

from contracts.events.hunts import HuntCompleted
from contracts.ids import TenantId
from infra.grpc import Client, RemoteError
from services.detections.application.archive import keeping as keeping_module
from services.detections.application.archive.index import ArchiveFile, ArchiveIndex
from services.detections.application.archive.keeping import Keeping
from tests.fixtures.platform import request_id
from tests.services.detections.conftest import ROLE, Service
from tests.services.detections.records import harmless, lines

EVERYTHING = "SELECT host, fields->>'EventID' AS event FROM telemetry"


def stamp(moment: datetime) -> Timestamp:
    made = Timestamp()
    made.FromDatetime(moment)
    return made


async def hunt(client: Client, tenant_id: str, sql: str, **changes: object) -> tuple[list[list[object]], pb.HuntResult]:
    now = datetime.now(UTC)
    fields = {
        "tenant_id": tenant_id,
        "request_id": request_id(),
        "sql": sql,
        "reason": "a test",
        "start": stamp(now - timedelta(days=80)),
        "end": stamp(now + timedelta(hours=1)),
    }
    stub = client.stub(detections_hunts_pb2_grpc.DetectionsHuntServiceStub)
    rows: list[list[object]] = []
    result = pb.HuntResult()
    async for message in client.stream(stub.Hunt, pb.HuntRequest(**(fields | changes)), deadline=60):
        rows += [json.loads(row) for row in message.table.rows]
        result = message.result
    return rows, result


async def archived(service: Service, tenant_id: str, batches: int) -> list[ArchiveFile]:
    """Waits until so many batches are in the archive; its files."""
    index = ArchiveIndex(service.foundation.database)
    async with asyncio.timeout(30):
        while True:
            found = await index.files(TenantId(tenant_id))
            if len({file.position for file in found}) >= batches:
                return found
            await asyncio.sleep(0.1)


async def sent(service: Service, tenant_id: str, *contents: bytes) -> list[ArchiveFile]:
    sensor = await service.sensor(tenant_id)
    for content in contents:
        await service.ingest(sensor, tenant_id, content)
    return await archived(service, tenant_id, len(contents))


def keeping_of(service: Service) -> Keeping:
    return service.detections.keeping


async def test_a_hunt_finds_what_was_received_and_is_on_record_sealed(service: Service) -> None:
    tenant_id = await service.running.onboard()
    await sent(service, tenant_id, lines(harmless("desk-1", 1), harmless("desk-1", 2)))
    _, analyst = await service.person(ROLE.ROLE_ANALYST, tenant_id)
    rows, result = await hunt(analyst, tenant_id, EVERYTHING)
    assert len(rows) == 2
    assert (result.records, result.found, result.truncated) == (2, 2, False)
    recorded = await service.foundation.ledger.feed.read(TenantId(tenant_id), result.position, 1)
    event = recorded[0].event
    assert isinstance(event, HuntCompleted)
    assert (event.hunt_id, event.records, event.files) == (result.hunt_id, 2, 1)
    assert EVERYTHING.encode() not in recorded[0].event.model_dump_json().encode()
    opened = await service.foundation.ledger.openings.open(TenantId(tenant_id), [event.question])
    assert opened[event.question] == EVERYTHING


async def test_a_hunt_asked_again_with_its_request_id_is_one_hunt(service: Service) -> None:
    tenant_id = await service.running.onboard()
    await sent(service, tenant_id, lines(harmless("desk-1", 1)))
    _, analyst = await service.person(ROLE.ROLE_ANALYST, tenant_id)
    same = request_id()
    moments = {"start": stamp(datetime(2026, 1, 1, tzinfo=UTC)), "end": stamp(datetime(2027, 1, 1, tzinfo=UTC))}
    _, first = await hunt(analyst, tenant_id, EVERYTHING, request_id=same, **moments)
    _, second = await hunt(analyst, tenant_id, EVERYTHING, request_id=same, **moments)
    assert (first.hunt_id, first.position) == (second.hunt_id, second.position)


async def test_a_tenants_hunt_sees_no_other_tenants_telemetry_and_strangers_hunt_nothing(service: Service) -> None:
    mine, other = await service.running.onboard(), await service.running.onboard()
    await sent(service, mine, lines(harmless("desk-1", 1)))
    await sent(service, other, lines(harmless("desk-1", 2)))
    _, analyst = await service.person(ROLE.ROLE_ANALYST, mine)
    rows, _ = await hunt(analyst, mine, EVERYTHING)
    assert len(rows) == 1
    with pytest.raises(RemoteError) as refused:
        await hunt(analyst, other, EVERYTHING)
    with pytest.raises(RemoteError) as unknown:
        await hunt(analyst, "nobody-at-all", EVERYTHING)
    assert (refused.value.code, refused.value.reason) == (unknown.value.code, unknown.value.reason)
    _, viewer = await service.person(ROLE.ROLE_CUSTOMER_VIEWER, mine, home=mine)
    with pytest.raises(RemoteError) as forbidden:
        await hunt(viewer, mine, EVERYTHING)
    assert forbidden.value.reason == "ROLE_MISSING"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"sql": "COPY telemetry TO '/tmp/x.csv'"}, "HUNT_REFUSED"),
        ({"end": stamp(datetime(2020, 1, 1, tzinfo=UTC))}, "PERIOD_INVALID"),
    ],
)
async def test_a_hunt_that_cannot_be_is_refused(service: Service, changes: dict[str, object], reason: str) -> None:
    tenant_id = await service.running.onboard()
    _, analyst = await service.person(ROLE.ROLE_ANALYST, tenant_id)
    with pytest.raises(RemoteError) as refused:
        await hunt(analyst, tenant_id, **({"sql": EVERYTHING} | changes))  # type: ignore[arg-type]  # two of its parts
    assert refused.value.reason == reason


async def test_only_so_many_hunts_run_at_once_and_no_tenant_takes_all_places(service: Service) -> None:
    slow = "SELECT count(*) FROM range(300000000)"
    tenants = [await service.running.onboard() for _ in range(2)]
    people = [(await service.person(ROLE.ROLE_ANALYST, tenant_id))[1] for tenant_id in tenants]
    asked = [hunt(person, tenant, slow) for person, tenant in zip(people, tenants, strict=True) for _ in range(3)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    refused = {answer.reason for answer in answers if isinstance(answer, RemoteError)}
    assert refused == {"HUNTS_BUSY"}
    for of_tenant in (answers[:3], answers[3:]):
        assert any(not isinstance(answer, BaseException) for answer in of_tenant)


async def test_the_archive_lies_sealed_and_its_scratch_is_empty(service: Service) -> None:
    tenant_id = await service.running.onboard()
    await sent(service, tenant_id, lines(harmless("desk-1", 7)))
    settings = service.foundation.settings
    kept = [path.read_bytes() for path in settings.archive_dir.rglob("*") if path.is_file()]
    assert kept
    assert not any(b"PAR1" in content or b"EventID" in content for content in kept)
    assert not list((settings.run_dir / "archive").iterdir())


async def test_hours_that_are_over_become_one_file_and_lose_nothing(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant_id = await service.running.onboard()
    before = await sent(service, tenant_id, *(lines(harmless("desk-1", number)) for number in range(5)))
    assert len(before) == 5
    monkeypatch.setattr(keeping_of(service), "_clock", lambda: datetime.now(UTC) + timedelta(hours=4))
    await keeping_of(service).keep(TenantId(tenant_id))
    after = await ArchiveIndex(service.foundation.database).files(TenantId(tenant_id))
    assert [file.records for file in after] == [5]
    _, analyst = await service.person(ROLE.ROLE_ANALYST, tenant_id)
    rows, _ = await hunt(analyst, tenant_id, EVERYTHING)
    assert len(rows) == 5


async def test_what_is_too_old_or_too_much_goes_oldest_first(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    tenant_id = await service.running.onboard()
    (file,) = await sent(service, tenant_id, lines(harmless("desk-1", 1)))
    index = ArchiveIndex(service.foundation.database)
    await keeping_of(service).keep(TenantId(tenant_id))
    assert await index.files(TenantId(tenant_id)) == [file]
    monkeypatch.setattr(keeping_module, "MAX_ARCHIVE_BYTES_PER_TENANT", file.size - 1)
    await keeping_of(service).keep(TenantId(tenant_id))
    assert await index.files(TenantId(tenant_id)) == []
    # Once gone it does not come back by itself.
    await asyncio.sleep(0.5)
    assert await index.files(TenantId(tenant_id)) == []


async def test_a_file_that_went_meanwhile_is_said_to_be_missing(service: Service) -> None:
    tenant_id = await service.running.onboard()
    (file,) = await sent(service, tenant_id, lines(harmless("desk-1", 1)))
    for path in service.foundation.settings.archive_dir.rglob(file.sha256):
        path.unlink()
    _, analyst = await service.person(ROLE.ROLE_ANALYST, tenant_id)
    rows, result = await hunt(analyst, tenant_id, EVERYTHING)
    assert rows == []
    assert [hour.ToDatetime(UTC) for hour in result.missing_hours] == [file.hour]

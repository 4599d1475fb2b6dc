"""D4: from happening to a detection on record, with late, disordered and skewed sources shown apart."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from tenet.detections.v1 import detections_admin_pb2, detections_clocks_read_pb2_grpc
from tenet.detections.v1 import detections_clocks_read_pb2 as read

from services.detections.domain.sigma.packs import pack_of
from tests.fixtures.platform import Platform, new_platform, request_id
from tests.services.detections.conftest import ROLE, RULES, Service, administers, serving
from tests.services.detections.records import lines, shadow_copies_deleted

WITHIN = timedelta(seconds=60)


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with new_platform() as made:
        yield made


@pytest.fixture
async def service(platform: Platform) -> AsyncIterator[Service]:
    await platform.prepare()
    async with platform.running() as running, serving(platform, running) as started:
        client = await started.client("admin")
        archive = pack_of({path.name: path.read_bytes() for path in RULES.glob("*.yml")})
        imported = await client.call(
            administers(client).ImportRulePack,
            detections_admin_pb2.ImportRulePackRequest(request_id=request_id(), name="tenet", archive=archive),
        )
        deploy = detections_admin_pb2.DeployRulePackRequest(request_id=request_id(), pack_id=imported.rule_pack.pack_id)
        await client.call(administers(client).DeployRulePack, deploy)
        yield started


def at(age: timedelta) -> str:
    return f"{datetime.now(UTC) - age:%Y-%m-%dT%H:%M:%S.%fZ}"


async def test_detections_are_on_record_within_a_minute_and_odd_clocks_are_told_apart(service: Service) -> None:
    tenant_id = await service.running.onboard()
    sensor = await service.sensor(tenant_id)
    position = 0
    for sensor_id, number, happened in [
        *(("prompt", number, at(timedelta(seconds=1))) for number in range(5)),
        ("late", 1, at(timedelta(hours=2))),
        ("disordered", 1, at(timedelta(seconds=1))),
        ("disordered", 2, at(timedelta(minutes=1))),
        ("skewed", 1, "2099-01-01T00:00:00.000000Z"),
    ]:
        content = lines(shadow_copies_deleted(f"desk-{sensor_id}-{number}", number, happened))
        position = (await service.ingest(sensor, tenant_id, content, sensor_id=sensor_id)).position
    _, analyst = await service.person(ROLE.ROLE_ANALYST, tenant_id)
    stub = analyst.stub(detections_clocks_read_pb2_grpc.DetectionsClocksReadServiceStub)
    request = read.ListSourceClocksRequest(tenant_ids=[tenant_id], min_position=position)
    found = {each.sensor_id: each for each in (await analyst.call(stub.ListSourceClocks, request)).sources}
    prompt = found["prompt"]
    near = sum(
        count
        for bound, count in zip(prompt.raised.upper_bounds, prompt.raised.counts, strict=False)
        if bound.ToTimedelta() <= WITHIN
    )
    assert near == sum(prompt.raised.counts) == 5
    counts = {name: (row.late_batches, row.out_of_order_batches, row.skewed_records) for name, row in found.items()}
    assert counts == {"prompt": (0, 0, 0), "late": (1, 0, 0), "disordered": (0, 1, 0), "skewed": (0, 0, 1)}


async def test_the_clocks_of_another_tenant_are_not_shown(service: Service) -> None:
    mine, other = await service.running.onboard(), await service.running.onboard()
    sensor = await service.sensor(other)
    await service.ingest(sensor, other, lines(shadow_copies_deleted("desk", 1, at(timedelta(seconds=1)))))
    _, analyst = await service.person(ROLE.ROLE_ANALYST, mine)
    stub = analyst.stub(detections_clocks_read_pb2_grpc.DetectionsClocksReadServiceStub)
    assert not (await analyst.call(stub.ListSourceClocks, read.ListSourceClocksRequest())).sources

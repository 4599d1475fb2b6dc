"""D4: a clock for every stage from happening to a verdict; late, disordered and skewed sources and late finds apart."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from tenet.common.v1 import common_pb2
from tenet.detections.v1 import detections_admin_pb2, detections_clocks_read_pb2_grpc, detections_read_pb2
from tenet.detections.v1 import detections_clocks_read_pb2 as read
from tenet.detections.v1 import detections_write_pb2 as write

from infra.grpc import Client
from services.detections.domain.sigma.packs import pack_of
from tests.fixtures.platform import Platform, new_platform, request_id
from tests.services.detections.archive.test_hunts import sent
from tests.services.detections.archive.test_match_hunts import NOTEPAD, hunt
from tests.services.detections.conftest import ROLE, RULES, Service, administers, reads, serving, writes
from tests.services.detections.records import harmless, lines, shadow_copies_deleted

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


def counted(ages: read.Ages) -> int:
    return sum(ages.counts)


async def clocks_of(analyst: Client, tenant_id: str, position: int, **more: int) -> dict[str, read.SourceClocks]:
    stub = analyst.stub(detections_clocks_read_pb2_grpc.DetectionsClocksReadServiceStub)
    request = read.ListSourceClocksRequest(tenant_ids=[tenant_id], min_position=position, **more)
    return {each.sensor_id: each for each in (await analyst.call(stub.ListSourceClocks, request, deadline=60)).sources}


async def test_every_stage_up_to_the_verdict_has_a_clock_by_source(service: Service) -> None:
    tenant_id = await service.running.onboard()
    sensor = await service.sensor(tenant_id)
    _, analyst = await service.person(ROLE.ROLE_ANALYST, tenant_id)
    position = 0
    for sensor_id, number in (("desks", 1), ("desks", 2), ("desks", 3), ("servers", 4)):
        content = lines(shadow_copies_deleted(f"host-{number}", number, at(timedelta(seconds=1))))
        position = (await service.ingest(sensor, tenant_id, content, sensor_id=sensor_id)).position
    raised = position
    before = await clocks_of(analyst, tenant_id, raised)
    assert {name: (counted(each.raised), each.waiting) for name, each in before.items()} == {
        "desks": (3, 3),
        "servers": (1, 1),
    }
    for row in before.values():
        assert counted(row.normalised) == counted(row.matched) == row.batches

    request = detections_read_pb2.ListDetectionsRequest(tenant_ids=[tenant_id], min_position=raised)
    found = (await analyst.call(reads(analyst).ListDetections, request)).detections
    desks = [each.detection_id for each in found if each.sensor_id == "desks"]
    claim = write.ClaimDetectionRequest(tenant_id=tenant_id, request_id=request_id(), detection_id=desks[0])
    await analyst.call(writes(analyst).ClaimDetection, claim)
    again = write.ClaimDetectionRequest(tenant_id=tenant_id, request_id=request_id(), detection_id=desks[0])
    await analyst.call(writes(analyst).ClaimDetection, again)
    for detection_id in desks[:2]:
        verdict = write.ValidateDetectionRequest(
            tenant_id=tenant_id,
            request_id=request_id(),
            detection_id=detection_id,
            verdict=common_pb2.VERDICT_MALICIOUS,
            confidence_percent=90,
            rationale="Nobody here deletes these copies.",
        )
        position = (await analyst.call(writes(analyst).ValidateDetection, verdict)).position
    withdrawal = write.WithdrawDetectionValidationRequest(
        tenant_id=tenant_id,
        request_id=request_id(),
        detection_id=desks[1],
        validation_position=position,
        reason="It was a drill.",
    )
    position = (await analyst.call(writes(analyst).WithdrawDetectionValidation, withdrawal)).position

    after = (await clocks_of(analyst, tenant_id, position))["desks"]
    # One was claimed twice and judged, one judged without a claim and taken back: each counts once, at its first time.
    assert (counted(after.triaged), counted(after.judged), after.waiting) == (2, 2, 1)
    then = (await clocks_of(analyst, tenant_id, position, at_position=raised))["desks"]
    assert (counted(then.triaged), then.waiting) == (0, 3), "as it was known when they were raised"


async def test_what_a_hunt_finds_late_is_shown_apart_with_its_own_triage(service: Service) -> None:
    tenant_id = await service.running.onboard()
    _, analyst = await service.person(ROLE.ROLE_ANALYST, tenant_id)
    await sent(service, tenant_id, lines(harmless("desk-1", 1)))
    found = await hunt(analyst, tenant_id, rule=NOTEPAD)
    (detection_id,) = found.result.detection_ids
    (row,) = (await clocks_of(analyst, tenant_id, found.result.position)).values()
    assert (counted(row.raised), row.waiting) == (0, 0)
    assert (counted(row.retrospective.raised), row.retrospective.waiting) == (1, 1)
    claim = write.ClaimDetectionRequest(tenant_id=tenant_id, request_id=request_id(), detection_id=detection_id)
    position = (await analyst.call(writes(analyst).ClaimDetection, claim)).position
    (row,) = (await clocks_of(analyst, tenant_id, position)).values()
    assert (counted(row.triaged), counted(row.retrospective.triaged), row.retrospective.waiting) == (0, 1, 0)


async def test_the_clocks_of_another_tenant_are_not_shown(service: Service) -> None:
    mine, other = await service.running.onboard(), await service.running.onboard()
    sensor = await service.sensor(other)
    await service.ingest(sensor, other, lines(shadow_copies_deleted("desk", 1, at(timedelta(seconds=1)))))
    _, analyst = await service.person(ROLE.ROLE_ANALYST, mine)
    stub = analyst.stub(detections_clocks_read_pb2_grpc.DetectionsClocksReadServiceStub)
    assert not (await analyst.call(stub.ListSourceClocks, read.ListSourceClocksRequest())).sources

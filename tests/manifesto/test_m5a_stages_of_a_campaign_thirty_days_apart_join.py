"""M5a: a slow and split campaign, a month from its first stage to its last, is one detection that cites all of them.

Time is event time, so nobody waits: what happened a month ago is sent first. Meanwhile the windows are put together,
and built again by another process.
"""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tenet.detections.v1 import detections_admin_pb2
from tenet.detections.v1 import detections_read_pb2 as read

from contracts.events.detections import DetectionRaised, HitsCorrelated, RuleKind
from contracts.ids import TenantId
from services.detections.domain.correlation import batches
from services.detections.domain.sigma.packs import pack_of
from tests.fixtures.platform import Platform, new_platform, request_id
from tests.services.detections.conftest import ROLE, Service, administers, reads, serving
from tests.services.detections.records import evtx, lines

MONTH = timedelta(days=30)
BEGIN = datetime.now(UTC).replace(microsecond=0) - MONTH - timedelta(hours=1)
CAMPAIGN = """
title: Slow Campaign
id: 7a0c7c53-3d8f-4a0e-9a1c-6ad1c7e60004
status: test
correlation:
    type: temporal_ordered
    rules: [guessed, enrolled, cleared]
    group-by: [Computer]
    timespan: 30d
level: high
"""
STAGES = {"guessed": 4625, "enrolled": 4720, "cleared": 1102}
PACK = "---".join(
    [
        *(
            f"""
title: Stage {name}
name: {name}
id: 7a0c7c53-3d8f-4a0e-9a1c-6ad1c7e6000{number}
status: test
logsource: {{product: windows, service: security}}
detection:
    selection: {{EventID: {event_id}}}
    condition: selection
level: low
"""
            for number, (name, event_id) in enumerate(STAGES.items(), 1)
        ),
        CAMPAIGN,
    ]
)


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with new_platform() as made:
        yield made


@pytest.fixture
async def service(platform: Platform) -> AsyncIterator[Service]:
    await platform.prepare()
    async with platform.running() as running, serving(platform, running) as started:
        client = await started.client("admin")
        imported = await client.call(
            administers(client).ImportRulePack,
            detections_admin_pb2.ImportRulePackRequest(
                request_id=request_id(), name="campaigns", archive=pack_of({"campaign.yml": PACK.encode()})
            ),
        )
        assert not imported.rule_pack.failed
        deploy = detections_admin_pb2.DeployRulePackRequest(request_id=request_id(), pack_id=imported.rule_pack.pack_id)
        await client.call(administers(client).DeployRulePack, deploy)
        yield started


def stage(name: str, host: str, record_id: int, after: timedelta = timedelta()) -> dict[str, Any]:
    return evtx("Security", STAGES[name], host, f"{BEGIN + after:%Y-%m-%dT%H:%M:%S.%fZ}", record_id)


async def test_a_month_between_the_first_stage_and_the_last_is_one_detection(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "MAX_CORRELATED_BATCHES", 3)
    tenant_id, other = await service.running.onboard(), await service.running.onboard()
    sensor, others = await service.sensor(tenant_id), await service.sensor(other)
    first = await service.ingest(sensor, tenant_id, lines(stage("guessed", "till-1", 1), stage("guessed", "till-2", 2)))
    # Meanwhile one stage goes on everywhere, day by day.
    for day in range(1, 5):
        noise = [stage("guessed", f"till-{host}", 10 * day + host, timedelta(days=day)) for host in range(3, 9)]
        await service.ingest(sensor, tenant_id, lines(*noise))
    second = await service.ingest(
        sensor,
        tenant_id,
        lines(*(stage("enrolled", f"till-{host}", 100 + host, timedelta(days=14)) for host in (1, 2))),
    )
    assert (first.receipt.raised, second.receipt.raised) == (0, 0)
    async with serving(service.platform, service.running) as restarted:
        machine = await restarted.sensor(tenant_id)
        third = await restarted.ingest(machine, tenant_id, lines(stage("cleared", "till-1", 200, MONTH)))
        beyond = await restarted.ingest(
            machine, tenant_id, lines(stage("cleared", "till-2", 201, MONTH + timedelta(seconds=1)))
        )
        apart = await restarted.ingest(others, other, lines(stage("cleared", "till-1", 202, MONTH)))
    assert [each.receipt.raised for each in (third, beyond, apart)] == [1, 0, 0]
    events = [each.event for each in await service.foundation.ledger.feed.read(TenantId(tenant_id), 0, 1_000)]
    assert [event.carried_sha256 is not None for event in events if isinstance(event, HitsCorrelated)].count(True) > 1
    (raised,) = [event for event in events if isinstance(event, DetectionRaised)]
    assert (raised.kind, raised.last_seen_at - raised.first_seen_at) == (RuleKind.CORRELATION, MONTH)
    _, analyst = await service.person(ROLE.ROLE_ANALYST, tenant_id)
    request = read.GetDetectionRequest(
        tenant_id=tenant_id, detection_id=raised.detection_id, min_position=third.position
    )
    shown = (await analyst.call(reads(analyst).GetDetection, request, deadline=60)).detection
    assert {piece.sha256 for piece in shown.evidence} == {each.receipt.sha256 for each in (first, second, third)}

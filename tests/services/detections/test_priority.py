"""How pressing a detection is: the product of what is known, with what is not known named."""

import pytest
from tenet.detections.v1 import detections_read_pb2

from contracts.events.assets import (
    FindingFixVerified,
    FindingKind,
    FindingReported,
    FindingValidated,
    FindingValidationWithdrawn,
)
from contracts.events.base import Sealed
from contracts.events.subjects import Evidence, Verdict
from contracts.ids import TenantId, new_id
from contracts.labels import Label
from services.detections.domain.priority import Exposure, Inputs
from services.detections.projections import ASSET_INDEX
from tests.services.detections.conftest import ROLE, Service, reads
from tests.services.detections.records import lines, shadow_copies_deleted


@pytest.mark.parametrize(
    ("inputs", "priority", "missing"),
    [
        (Inputs(0, None, None, None, None), 9, "severity asset_value exposure technique likelihood sightings"),
        (Inputs(4, 5, None, None, None, 100), 20, "exposure likelihood sightings"),
        (Inputs(4, 5, None, None, None, 143), 29, "exposure likelihood sightings"),
        (Inputs(4, 5, None, None, None, 72), 14, "exposure likelihood sightings"),
        (Inputs(4, 5, None, None, Exposure.INTERNAL, 100), 20, "likelihood sightings"),
        (Inputs(4, 5, None, None, Exposure.INTERNET, 100), 30, "likelihood sightings"),
        (Inputs(4, 5, None, None, Exposure.NONE, 100), 15, "likelihood sightings"),
        (Inputs(6, 5, 100, 25, Exposure.INTERNET, 156), 211, ""),
        (Inputs(1, 1, 0, 0, Exposure.NONE, 72), 1, ""),
    ],
)
def test_what_is_known_multiplies_and_what_is_not_is_named(inputs: Inputs, priority: int, missing: str) -> None:
    assert (inputs.priority, " ".join(inputs.missing)) == (priority, missing)


def reported(finding_id: str, asset_id: str, exposure: str | None) -> FindingReported:
    return FindingReported(
        finding_id=finding_id,
        kind=FindingKind.EXPOSURE,
        asset_ids=(asset_id,),
        title="Remote desktop reachable",
        vulnerability_id=None,
        severity_id=4,
        exposure=exposure,
        likelihood_millionths=None,
        known_exploited=None,
        detail=Sealed.of("Port 3389 answers.", subject=finding_id),
        label=Label.AMBER,
        source="scanner",
    )


async def test_a_detection_on_what_can_be_reached_from_the_internet_comes_first(with_rules: Service) -> None:
    service, tenant_id = with_rules, TenantId(await with_rules.running.onboard())
    sensor = await service.sensor(tenant_id)
    _, analyst = await service.person(ROLE.ROLE_ANALYST, tenant_id)
    asset_id = await service.register_asset(tenant_id, "srv-1", "10.0.0.1", value=2)
    internal, outside, unknown = (new_id("finding") for _ in range(3))
    verdict = FindingValidated(
        finding_id=outside,
        verdict=Verdict.FALSE_POSITIVE,
        confidence_percent=90,
        rationale=Sealed.of("A firewall is before it.", subject=outside),
        evidence=(),
        seen=(),
    )
    seen: list[str] = []

    async def detect(*events: tuple[str, FindingReported | FindingValidated | FindingValidationWithdrawn]) -> None:
        """Records what befalls findings, and then raises a detection, each time of another day."""
        for finding_id, event in events:
            position = await service.record_as_assets(tenant_id, finding_id, event)
            await service.detections.side.reader.waited(tenant_id, position, None, ASSET_INDEX)
        content = lines(shadow_copies_deleted("srv-1", len(seen), f"2026-11-{10 + len(seen)}T03:12:00.000000Z"))
        answer = await service.ingest(sensor, tenant_id, content)
        request = detections_read_pb2.ListTriageQueueRequest(tenant_ids=[tenant_id], min_position=answer.position)
        items = (await analyst.call(reads(analyst).ListTriageQueue, request)).items
        newest = max(items, key=lambda item: item.raised_at.ToDatetime())
        assert len(items) == len(seen) + 1
        seen.append(newest.exposure if newest.HasField("exposure") else "?")
        assert ("exposure" in newest.missing_inputs) == (seen[-1] == "?")

    await detect((unknown, reported(unknown, asset_id, None)))
    await detect((internal, reported(internal, asset_id, "internal")))
    await detect((outside, reported(outside, asset_id, "internet")))
    await detect((outside, verdict))
    reason = Sealed.of("It was off.", subject=outside)
    await detect((outside, FindingValidationWithdrawn(finding_id=outside, validation_position=1, reason=reason)))
    observation = Evidence(id="e", label=Label.AMBER, summary=Sealed.of("closed", subject=outside), position=0)
    fixed = FindingFixVerified(finding_id=outside, asset_ids=(asset_id,), observation=observation)
    await service.record_as_assets(tenant_id, outside, fixed)
    await detect((internal, reported(internal, asset_id, "internal")))
    assert seen == ["?", "internal", "internet", "internal", "internet", "internal"]
    queue = detections_read_pb2.ListTriageQueueRequest(tenant_ids=[tenant_id])
    ranked = [item.exposure for item in (await analyst.call(reads(analyst).ListTriageQueue, queue)).items]
    assert ranked[:2] == ["internet", "internet"]

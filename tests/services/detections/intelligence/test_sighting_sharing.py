"""Taking a sighting back while others of the same customer judge, and the same news twice."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta

from tenet.common.v1 import common_pb2 as common
from tenet.detections.v1 import (
    detections_sightings_write_pb2,
    detections_sightings_write_pb2_grpc,
    detections_write_pb2,
)

from contracts.events.detections import DetectionValidationWithdrawn
from contracts.events.intelligence import SightingContributed, SightingRetracted
from contracts.ids import PROVIDER, TenantId
from infra.read_database.policies import Origin
from services.detections.application.intelligence.sharing import SharingSightings
from services.detections.domain.intelligence.sightings import Terms
from tests.fixtures.customers import eventually
from tests.fixtures.platform import request_id
from tests.services.detections.conftest import ROLE, Service, writes
from tests.services.detections.intelligence.asking import imported, raised
from tests.services.detections.intelligence.bundles import GREEN, bundle, connection, indicator

BAD = indicator("[ipv4-addr:value = '203.0.113.88']", object_marking_refs=[GREEN])


async def test_a_verdict_that_comes_while_a_sighting_is_taken_back_is_not_lost(service: Service) -> None:
    await imported(await service.client("admin"), bundle(BAD), source="races")
    tenant_id = await service.running.onboard()
    _, approver = await service.person(ROLE.ROLE_CUSTOMER_APPROVER, tenant_id, home=tenant_id)
    stub = approver.stub(detections_sightings_write_pb2_grpc.SightingsWriteServiceStub)
    request = detections_sightings_write_pb2.JoinSightingSharingRequest(tenant_id=tenant_id, request_id=request_id())
    await approver.call(stub.JoinSightingSharing, request)
    lines = connection("ws-1", "203.0.113.88") + connection("ws-2", "203.0.113.88")
    await service.ingest(await service.sensor(tenant_id), tenant_id, lines)
    first, second = [event.detection_id for event, _ in await raised(service, tenant_id)]
    _, analyst = await service.person(ROLE.ROLE_ANALYST, tenant_id)
    verdicts = [
        await analyst.call(
            writes(analyst).ValidateDetection,
            detections_write_pb2.ValidateDetectionRequest(
                tenant_id=tenant_id,
                request_id=request_id(),
                detection_id=detection_id,
                verdict=common.VERDICT_MALICIOUS,
                confidence_percent=90,
                rationale="It called its master.",
            ),
        )
        for detection_id in (first, second)
    ]
    await eventually(lambda: shared(service), 60.0)
    withdrawal = detections_write_pb2.WithdrawDetectionValidationRequest(
        tenant_id=tenant_id,
        request_id=request_id(),
        detection_id=first,
        validation_position=verdicts[0].position,
        reason="It was our own scanner.",
    )
    position = (await analyst.call(writes(analyst).WithdrawDetectionValidation, withdrawal)).position
    ledger = service.foundation.ledger
    (recorded,) = await ledger.feed.read(TenantId(tenant_id), position, 1)
    assert isinstance(recorded.event, DetectionValidationWithdrawn)
    looks = 0

    async def malicious(
        _tenants: Sequence[TenantId], _rule_id: str, _since: datetime
    ) -> AsyncIterator[tuple[TenantId, str]]:
        """The second verdict as it is seen from the second look on: it came between."""
        nonlocal looks
        looks += 1
        if looks > 1:
            yield TenantId(tenant_id), second

    sharing = SharingSightings(
        ledger.handler,
        ledger.repository,
        service.foundation.keys,
        Terms(3, timedelta(hours=6), timedelta(hours=1)),
        lambda _: (),
        lambda: [TenantId(tenant_id)],
        malicious,
    )
    call = Origin("a_test", recorded, service.foundation.clock).call(tenant_id=PROVIDER)
    for _ in range(2):
        await sharing.retract(call, recorded)
    kinds = [type(each) for each in await shared(service)]
    assert kinds[-2:] == [SightingRetracted, SightingContributed]
    assert kinds.count(SightingRetracted) == 1, "the same news twice is one effect"


async def shared(service: Service) -> list[SightingContributed | SightingRetracted]:
    """What the provider's ledger holds of the subject, in order."""
    events = await service.foundation.ledger.feed.read(PROVIDER, 0, 5_000)
    found = [each.event for each in events if isinstance(each.event, SightingContributed | SightingRetracted)]
    return [each for each in found if each.subject_id == BAD["id"]]

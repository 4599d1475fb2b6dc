"""One verdict on several detections: each is recorded for itself, by a person, once."""

import pytest
from tenet.common.v1 import common_pb2 as common
from tenet.detections.v1 import detections_bulk_write_pb2 as pb
from tenet.detections.v1 import detections_bulk_write_pb2_grpc
from tenet.detections.v1 import detections_read_pb2 as read_pb

from contracts.events.detections import DetectionValidated
from contracts.ids import TenantId
from infra.grpc import Client, RemoteError
from tests.fixtures.platform import request_id
from tests.services.detections.conftest import ROLE, Service, reads
from tests.services.detections.records import lines, shadow_copies_deleted


async def raised(service: Service, tenant_id: str, count: int) -> list[str]:
    sensor = await service.sensor(tenant_id)
    content = lines(*(shadow_copies_deleted(f"desk-{number}", number) for number in range(count)))
    position = (await service.ingest(sensor, tenant_id, content)).position
    _, analyst = await service.person(ROLE.ROLE_ANALYST, tenant_id)
    request = read_pb.ListTriageQueueRequest(tenant_ids=[tenant_id], min_position=position)
    return [item.detection_id for item in (await analyst.call(reads(analyst).ListTriageQueue, request)).items]


async def judge(client: Client, tenant_id: str, ids: list[str], **changes: object) -> pb.ValidateDetectionsResponse:
    fields = {
        "tenant_id": tenant_id,
        "request_id": request_id(),
        "detection_ids": ids,
        "verdict": common.VERDICT_FALSE_POSITIVE,
        "confidence_percent": 90,
        "rationale": "A backup that runs every night.",
    }
    stub = client.stub(detections_bulk_write_pb2_grpc.DetectionsBulkWriteServiceStub)
    answer: pb.ValidateDetectionsResponse = await client.call(
        stub.ValidateDetections, pb.ValidateDetectionsRequest(**(fields | changes))
    )
    return answer


async def verdicts(service: Service, tenant_id: str) -> list[DetectionValidated]:
    recorded = await service.foundation.ledger.feed.read(TenantId(tenant_id), 0, 1000)
    return [each.event for each in recorded if isinstance(each.event, DetectionValidated)]


async def test_each_of_them_has_a_verdict_of_its_own_and_a_retry_changes_nothing(with_rules: Service) -> None:
    tenant_id = await with_rules.running.onboard()
    ids = await raised(with_rules, tenant_id, 3)
    _, analyst = await with_rules.person(ROLE.ROLE_ANALYST, tenant_id)
    same = request_id()
    first = await judge(analyst, tenant_id, ids, request_id=same)
    again = await judge(analyst, tenant_id, ids, request_id=same)
    assert [each.position for each in first.outcomes] == [each.position for each in again.outcomes]
    found = await verdicts(with_rules, tenant_id)
    assert sorted(event.detection_id for event in found) == sorted(ids)


async def test_one_that_is_refused_is_named_and_keeps_none_of_the_others(with_rules: Service) -> None:
    tenant_id = await with_rules.running.onboard()
    ids = await raised(with_rules, tenant_id, 2)
    _, analyst = await with_rules.person(ROLE.ROLE_ANALYST, tenant_id)
    unknown = "detection-00000000000000000000000000"
    answer = await judge(analyst, tenant_id, [ids[0], unknown, ids[1]])
    assert [each.refused_reason for each in answer.outcomes] == ["", "DETECTION_UNKNOWN", ""]
    assert len(await verdicts(with_rules, tenant_id)) == 2


async def test_a_detection_of_another_tenant_is_unknown_here_and_the_wrong_role_judges_nothing(
    with_rules: Service,
) -> None:
    mine, other = await with_rules.running.onboard(), await with_rules.running.onboard()
    (foreign,) = await raised(with_rules, other, 1)
    _, analyst = await with_rules.person(ROLE.ROLE_ANALYST, mine)
    answer = await judge(analyst, mine, [foreign])
    assert [each.refused_reason for each in answer.outcomes] == ["DETECTION_UNKNOWN"]
    assert not answer.HasField("position")
    _, viewer = await with_rules.person(ROLE.ROLE_CUSTOMER_VIEWER, mine, home=mine)
    with pytest.raises(RemoteError) as refused:
        await judge(viewer, mine, [foreign])
    assert refused.value.reason == "ROLE_MISSING"
    with pytest.raises(RemoteError) as too_many:
        await judge(analyst, mine, [f"detection-{number}" for number in range(201)])
    assert too_many.value.reason == "MALFORMED_REQUEST"

"""People at work on detections and customers' reports, and the provider on its rule packs, through the public door."""

import asyncio
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import pytest
from tenet.common.v1 import common_pb2 as common
from tenet.detections.v1 import detections_admin_pb2 as admin_pb
from tenet.detections.v1 import detections_pb2 as pb
from tenet.detections.v1 import detections_read_pb2 as read_pb
from tenet.detections.v1 import detections_write_pb2 as write_pb

from contracts.events.detections import DetectionValidated
from contracts.ids import PROVIDER, TenantId
from infra.grpc import Client, RemoteError
from services.detections.domain.sigma.packs import pack_of
from tests.fixtures.platform import request_id
from tests.services.detections.conftest import ROLE, Service, administers, reads, writes
from tests.services.detections.records import lines, ransom_note, shadow_copies_deleted


async def detected(service: Service, tenant_id: str, *records: dict[str, object]) -> int:
    """Some telemetry that fires; the position after it."""
    sensor = await service.sensor(tenant_id)
    return (await service.ingest(sensor, tenant_id, lines(*(records or (shadow_copies_deleted("A", 1),))))).position


async def triage(client: Client, position: int, *tenants: str) -> read_pb.ListTriageQueueResponse:
    for tenant_id in tenants:
        await client.call(
            reads(client).ListTriageQueue,
            read_pb.ListTriageQueueRequest(tenant_ids=[tenant_id], min_position=position),
        )
    answer: read_pb.ListTriageQueueResponse = await client.call(
        reads(client).ListTriageQueue, read_pb.ListTriageQueueRequest()
    )
    return answer


async def get(client: Client, tenant_id: str, detection_id: str, **more: int) -> pb.Detection:
    answer: read_pb.GetDetectionResponse = await client.call(
        reads(client).GetDetection,
        read_pb.GetDetectionRequest(tenant_id=tenant_id, detection_id=detection_id, **more),
    )
    return answer.detection


def verdict(tenant_id: str, detection_id: str, **more: Any) -> write_pb.ValidateDetectionRequest:
    fields: dict[str, Any] = {
        "verdict": common.VERDICT_MALICIOUS,
        "confidence_percent": 95,
        "rationale": "Copies deleted by an unknown program, a note was written.",
        **more,
    }
    return write_pb.ValidateDetectionRequest(
        tenant_id=tenant_id, request_id=request_id(), detection_id=detection_id, **fields
    )


async def test_one_queue_over_all_tenants_of_the_analyst_and_none_other(with_rules: Service) -> None:
    mine = [await with_rules.running.onboard() for _ in range(2)]
    foreign = await with_rules.running.onboard()
    position = max([await detected(with_rules, tenant_id) for tenant_id in (*mine, foreign)])
    _, analyst = await with_rules.person(ROLE.ROLE_ANALYST, *mine)
    answer = await triage(analyst, position, *mine)
    assert {item.tenant_id for item in answer.items} == set(mine)
    assert set(answer.sights) == set(mine)
    with pytest.raises(RemoteError) as refused:
        await triage(analyst, position, foreign)
    assert refused.value.reason == "TENANT_UNKNOWN"


async def test_an_analyst_claims_judges_and_withdraws_and_everything_is_on_record(with_rules: Service) -> None:
    tenant_id = await with_rules.running.onboard()
    position = await detected(with_rules, tenant_id)
    ann, analyst = await with_rules.person(ROLE.ROLE_ANALYST, tenant_id)
    _, other = await with_rules.person(ROLE.ROLE_ANALYST, tenant_id)
    answer = await triage(analyst, position, tenant_id)
    (item,) = answer.items
    claim = write_pb.ClaimDetectionRequest(tenant_id=tenant_id, request_id=request_id(), detection_id=item.detection_id)
    claimed = await analyst.call(writes(analyst).ClaimDetection, claim)
    assert (await analyst.call(writes(analyst).ClaimDetection, claim)).position == claimed.position
    with pytest.raises(RemoteError) as refused:
        await other.call(writes(other).ValidateDetection, verdict(tenant_id, item.detection_id))
    assert refused.value.reason == "ALREADY_CLAIMED"

    evidence = common.EvidenceInput(label=common.LABEL_RED, summary="Only for us.", position=item.position)
    judge = verdict(tenant_id, item.detection_id, seen=[answer.sights[tenant_id]], evidence=[evidence])
    judged = await analyst.call(writes(analyst).ValidateDetection, judge)
    assert (await analyst.call(writes(analyst).ValidateDetection, judge)).position == judged.position
    with pytest.raises(RemoteError) as refused:
        await analyst.call(writes(analyst).ValidateDetection, verdict(tenant_id, item.detection_id))
    assert refused.value.reason == "ALREADY_VALIDATED"
    assert refused.value.metadata["validation_position"] == str(judged.position)

    shown = await get(analyst, tenant_id, item.detection_id, min_position=judged.position)
    assert shown.state == pb.TRIAGE_STATE_VALIDATED
    assert (shown.validation.position, shown.validation.principal_id) == (judged.position, ann)
    assert shown.validation.rationale.value.startswith("Copies deleted")
    assert shown.validation.seen[0].position == answer.sights[tenant_id].position

    withdraw = write_pb.WithdrawDetectionValidationRequest(
        tenant_id=tenant_id,
        request_id=request_id(),
        detection_id=item.detection_id,
        validation_position=judged.position,
        reason="It was the backup after all.",
    )
    withdrawn = await analyst.call(writes(analyst).WithdrawDetectionValidation, withdraw)
    now = await get(analyst, tenant_id, item.detection_id, min_position=withdrawn.position)
    assert now.state == pb.TRIAGE_STATE_CLAIMED
    assert not now.HasField("validation")
    as_known = await get(analyst, tenant_id, item.detection_id, at_position=judged.position)
    assert as_known.validation.verdict == common.VERDICT_MALICIOUS
    recorded = (await with_rules.foundation.ledger.feed.read(TenantId(tenant_id), judged.position, 1))[0]
    assert isinstance(recorded.event, DetectionValidated)
    assert recorded.event.rationale.plaintext is None


async def test_of_two_verdicts_at_once_one_stands_and_the_other_is_told(with_rules: Service) -> None:
    tenant_id = await with_rules.running.onboard()
    position = await detected(with_rules, tenant_id)
    analysts = [(await with_rules.person(ROLE.ROLE_ANALYST, tenant_id))[1] for _ in range(4)]
    (item,) = (await triage(analysts[0], position, tenant_id)).items
    outcomes = await asyncio.gather(
        *(client.call(writes(client).ValidateDetection, verdict(tenant_id, item.detection_id)) for client in analysts),
        return_exceptions=True,
    )
    refused = [outcome for outcome in outcomes if isinstance(outcome, RemoteError)]
    assert [error.reason for error in refused] == ["ALREADY_VALIDATED"] * 3
    entries = await with_rules.foundation.ledger.feed.read(TenantId(tenant_id), 0, 100)
    assert sum(isinstance(entry.event, DetectionValidated) for entry in entries) == 1


async def test_labels_decide_what_the_customer_reads(with_rules: Service) -> None:
    tenant_id = await with_rules.running.onboard()
    position = await detected(with_rules, tenant_id)
    _, analyst = await with_rules.person(ROLE.ROLE_ANALYST, tenant_id)
    _, customer = await with_rules.person(ROLE.ROLE_CUSTOMER_VIEWER, tenant_id, home=tenant_id)
    (item,) = (await triage(analyst, position, tenant_id)).items
    red = common.EvidenceInput(label=common.LABEL_RED, summary="Only for us.")
    judged = await analyst.call(
        writes(analyst).ValidateDetection, verdict(tenant_id, item.detection_id, evidence=[red])
    )
    for client, withheld in ((analyst, False), (customer, True)):
        shown = await get(client, tenant_id, item.detection_id, min_position=judged.position)
        assert shown.headline.value
        assert shown.validation.evidence[0].summary.withheld is withheld
        assert bool(shown.validation.evidence[0].summary.value) is not withheld


async def test_only_people_who_may_judge_judge(with_rules: Service) -> None:
    tenant_id = await with_rules.running.onboard()
    position = await detected(with_rules, tenant_id)
    _, analyst = await with_rules.person(ROLE.ROLE_ANALYST, tenant_id)
    (item,) = (await triage(analyst, position, tenant_id)).items
    sensor = await with_rules.sensor(tenant_id)
    _, approver = await with_rules.person(ROLE.ROLE_CUSTOMER_APPROVER, tenant_id, home=tenant_id)
    for client in (sensor, approver):
        with pytest.raises(RemoteError) as refused:
            await client.call(writes(client).ValidateDetection, verdict(tenant_id, item.detection_id))
        assert refused.value.reason == "ROLE_MISSING"


async def test_the_queue_is_filtered_paged_and_ordered_by_priority(with_rules: Service) -> None:
    tenant_id = TenantId(await with_rules.running.onboard())
    await with_rules.register_asset(tenant_id, "SERVER", "10.0.0.1", value=5)
    await with_rules.register_asset(tenant_id, "KIOSK", "10.0.0.2", value=1)
    position = await detected(
        with_rules,
        tenant_id,
        shadow_copies_deleted("KIOSK", 1),
        shadow_copies_deleted("SERVER", 2),
        shadow_copies_deleted("UNKNOWN", 3),
        ransom_note("SERVER", 4),
    )
    _, analyst = await with_rules.person(ROLE.ROLE_ANALYST, tenant_id)
    seen: list[pb.TriageItem] = []
    token = ""
    for _ in range(3):
        answer = await analyst.call(
            reads(analyst).ListTriageQueue,
            read_pb.ListTriageQueueRequest(
                tenant_ids=[tenant_id],
                min_position=position,
                page=common.PageRequest(page_size=2, page_token=token),
            ),
        )
        seen.extend(answer.items)
        token = answer.page.next_page_token
        if not token:
            break
    assert [item.priority for item in seen] == [25, 25, 15, 5]
    by_rule = await analyst.call(
        reads(analyst).ListDetections,
        read_pb.ListDetectionsRequest(tenant_ids=[tenant_id], rule_id=seen[0].rule_id, min_severity_id=5),
    )
    assert {detection.rule.rule_id for detection in by_rule.detections} == {seen[0].rule_id}
    prefix = seen[0].detection_id[:20]
    begins = await analyst.call(
        reads(analyst).ListDetections, read_pb.ListDetectionsRequest(tenant_ids=[tenant_id], id_prefix=prefix)
    )
    assert [each.detection_id for each in begins.detections] == [seen[0].detection_id]
    nothing = await analyst.call(
        reads(analyst).ListDetections,
        read_pb.ListDetectionsRequest(tenant_ids=[tenant_id], states=[pb.TRIAGE_STATE_VALIDATED]),
    )
    assert not nothing.detections


async def test_a_customers_report_goes_through_the_same_judgement(service: Service) -> None:
    tenant_id = await service.running.onboard()
    _, customer = await service.person(ROLE.ROLE_CUSTOMER_VIEWER, tenant_id, home=tenant_id)
    _, analyst = await service.person(ROLE.ROLE_ANALYST, tenant_id)
    filing = write_pb.FileCustomerReportRequest(
        tenant_id=tenant_id, request_id=request_id(), severity_id=4, summary="Somebody asked for my password."
    )
    filed = await customer.call(writes(customer).FileCustomerReport, filing)
    assert await customer.call(writes(customer).FileCustomerReport, filing) == filed
    listed = await analyst.call(
        reads(analyst).ListCustomerReports,
        read_pb.ListCustomerReportsRequest(tenant_ids=[tenant_id], min_position=filed.position),
    )
    (report,) = listed.customer_reports
    assert report.summary.value == "Somebody asked for my password."
    judged = await analyst.call(
        writes(analyst).ValidateCustomerReport,
        write_pb.ValidateCustomerReportRequest(
            tenant_id=tenant_id,
            request_id=request_id(),
            customer_report_id=filed.customer_report_id,
            verdict=common.VERDICT_MALICIOUS,
            confidence_percent=70,
            rationale="Known campaign.",
        ),
    )
    shown = await customer.call(
        reads(customer).GetCustomerReport,
        read_pb.GetCustomerReportRequest(
            tenant_id=tenant_id, customer_report_id=filed.customer_report_id, min_position=judged.position
        ),
    )
    assert shown.customer_report.validation.verdict == common.VERDICT_MALICIOUS
    withdrawn = await analyst.call(
        writes(analyst).WithdrawCustomerReportValidation,
        write_pb.WithdrawCustomerReportValidationRequest(
            tenant_id=tenant_id,
            request_id=request_id(),
            customer_report_id=filed.customer_report_id,
            validation_position=judged.position,
            reason="Another caller.",
        ),
    )
    again = await customer.call(
        reads(customer).GetCustomerReport,
        read_pb.GetCustomerReportRequest(
            tenant_id=tenant_id, customer_report_id=filed.customer_report_id, min_position=withdrawn.position
        ),
    )
    assert again.customer_report.state == pb.TRIAGE_STATE_OPEN


async def test_a_pack_is_imported_once_and_its_next_version_takes_its_place(
    with_rules: Service, own_pack: bytes
) -> None:
    client = await with_rules.client("admin")
    stub = administers(client)

    async def imported(archive: bytes) -> admin_pb.ImportRulePackResponse:
        answer: admin_pb.ImportRulePackResponse = await client.call(
            stub.ImportRulePack,
            admin_pb.ImportRulePackRequest(request_id=request_id(), name="tenet", archive=archive),
        )
        return answer

    first = await imported(own_pack)
    with ZipFile(BytesIO(own_pack)) as archive:
        texts = {name: archive.read(name) for name in archive.namelist() if "shadow" not in name}
    second = await imported(pack_of({**texts, "broken.yml": b"title: ["}))
    assert (await imported(own_pack)).rule_pack.pack_id == first.rule_pack.pack_id != second.rule_pack.pack_id
    assert [failed.path for failed in second.rule_pack.failed] == ["broken.yml"]

    deployed = await client.call(
        stub.DeployRulePack,
        admin_pb.DeployRulePackRequest(request_id=request_id(), pack_id=second.rule_pack.pack_id),
    )
    listed = await client.call(
        reads(client).ListRulePacks, read_pb.ListRulePacksRequest(deployed_only=True, min_position=deployed.position)
    )
    assert [pack.pack_id for pack in listed.rule_packs if pack.name == "tenet"] == [second.rule_pack.pack_id]
    running = {rule.title for rule in with_rules.detections.rules.current.rule_set.engine.rules}
    assert "Ransom Note Written" in running
    assert "Shadow Copies or Backups Deleted" not in running
    failures = await with_rules.foundation.ledger.feed.read(PROVIDER, second.position, 1)
    assert failures[0].event.failed_total == 1

    # A process that starts now loads what is deployed, and an older version can be put to work again.
    back = await client.call(
        stub.DeployRulePack,
        admin_pb.DeployRulePackRequest(request_id=request_id(), pack_id=first.rule_pack.pack_id),
    )
    assert back.position > deployed.position
    running = {rule.title for rule in with_rules.detections.rules.current.rule_set.engine.rules}
    assert "Shadow Copies or Backups Deleted" in running


@pytest.mark.parametrize(
    ("archive", "reason"),
    [(b"not a zip", "RULE_PACK_UNREADABLE"), (pack_of({"a.yml": b"title: ["}), "RULE_PACK_EMPTY")],
)
async def test_a_pack_that_holds_nothing_is_refused(service: Service, archive: bytes, reason: str) -> None:
    client = await service.client("admin")
    with pytest.raises(RemoteError) as refused:
        await client.call(
            administers(client).ImportRulePack,
            admin_pb.ImportRulePackRequest(request_id=request_id(), name="bad", archive=archive),
        )
    assert refused.value.reason == reason


async def test_an_unknown_detection_is_said_to_be_unknown(service: Service) -> None:
    tenant_id = await service.running.onboard()
    _, analyst = await service.person(ROLE.ROLE_ANALYST, tenant_id)
    with pytest.raises(RemoteError) as refused:
        await get(analyst, tenant_id, "detection-nowhere")
    assert refused.value.reason == "DETECTION_UNKNOWN"
    with pytest.raises(RemoteError) as refused:
        await analyst.call(writes(analyst).ValidateDetection, verdict(tenant_id, "detection-nowhere"))
    assert refused.value.reason == "DETECTION_UNKNOWN"

"""The assets service through its public interface."""

import asyncio

import pytest
from tenet.assets.v1 import assets_pb2 as pb
from tenet.assets.v1 import assets_read_pb2 as read
from tenet.assets.v1 import assets_read_pb2_grpc
from tenet.assets.v1 import assets_write_pb2 as write
from tenet.common.v1 import common_pb2 as common

from contracts.ids import TenantId
from infra.grpc import RemoteError
from tests.fixtures.platform import request_id
from tests.services.assets.world import AssetsWorld


def finding(world: AssetsWorld, asset_id: str, **more: object) -> write.ReportFindingRequest:
    fields = {
        "tenant_id": world.tenant_id,
        "request_id": request_id(),
        "kind": pb.FINDING_KIND_EXPOSURE,
        "asset_ids": [asset_id],
        "title": "Remote desktop reachable from the internet",
        "severity_id": 4,
        "exposure": pb.EXPOSURE_INTERNET,
        "detail": "Port 3389 answers from outside.",
        "label": common.LABEL_AMBER,
        "source": "scanner",
    }
    return write.ReportFindingRequest(**fields | more)


def verdict(world: AssetsWorld, finding_id: str, **more: object) -> write.ValidateFindingRequest:
    fields = {
        "tenant_id": world.tenant_id,
        "request_id": request_id(),
        "finding_id": finding_id,
        "verdict": common.VERDICT_CONFIRMED_EXPOSURE,
        "confidence_percent": 90,
        "rationale": "Our own probe reached it.",
        "evidence": [common.EvidenceInput(label=common.LABEL_RED, summary="banner", position=0)],
        "seen": [common.Sight(view="findings", view_version=1, position=3)],
    }
    return write.ValidateFindingRequest(**fields | more)


async def test_an_asset_is_registered_once_and_found_by_name_and_by_address(world: AssetsWorld) -> None:
    request = world.asset()
    made = await world.analyst.call(world.write.RegisterAsset, request)
    again = await world.analyst.call(world.write.RegisterAsset, request)
    assert again == made

    with pytest.raises(RemoteError) as refused:
        await world.register("WARD-7.")
    assert (refused.value.reason, refused.value.metadata["asset_id"]) == ("ASSET_ALREADY_REGISTERED", made.asset_id)

    for by in ({"name": " Ward-7"}, {"address": "::ffff:10.0.0.7"}, {"address": "aabb.cc00.1122"}):
        request_ = read.LookUpAssetRequest(tenant_id=world.tenant_id, min_position=made.position, **by)
        found = await world.analyst.call(world.read.LookUpAsset, request_)
        assert [asset.asset_id for asset in found.assets] == [made.asset_id], by
        assert found.assets[0].name.value == "ward-7"
        assert found.assets[0].owner.value == "Ada Keller"


async def test_the_identifier_for_connectors_is_shown_to_people_and_stands_nowhere_in_the_entry(
    world: AssetsWorld,
) -> None:
    made = await world.register("ward-9", external_id="agent-of-ada")
    asked = read.GetAssetRequest(tenant_id=world.tenant_id, asset_id=made.asset_id, min_position=made.position)
    assert (await world.analyst.call(world.read.GetAsset, asked)).asset.external_id == "agent-of-ada"
    (entry,) = await world.foundation.ledger.feed.read_entries(TenantId(world.tenant_id), made.position, 1)
    assert b"agent-of-ada" not in entry.entry


async def test_nobody_of_another_tenant_sees_an_asset(world: AssetsWorld) -> None:
    made = await world.register()
    stub = world.outsider.stub(assets_read_pb2_grpc.AssetsReadServiceStub)
    with pytest.raises(RemoteError) as refused:
        await world.outsider.call(
            stub.GetAsset, read.GetAssetRequest(tenant_id=world.tenant_id, asset_id=made.asset_id)
        )
    assert refused.value.reason == "TENANT_UNKNOWN"
    listed = await world.outsider.call(stub.ListAssets, read.ListAssetsRequest())
    assert listed.assets == []


async def test_a_retired_asset_is_not_found_and_comes_back_as_itself(world: AssetsWorld) -> None:
    made = await world.register()
    request = write.RetireAssetRequest(
        tenant_id=world.tenant_id, request_id=request_id(), asset_id=made.asset_id, reason="Sold"
    )
    retired = await world.analyst.call(world.write.RetireAsset, request)
    look_up = read.LookUpAssetRequest(tenant_id=world.tenant_id, name="ward-7", min_position=retired.position)
    assert (await world.analyst.call(world.read.LookUpAsset, look_up)).assets == []
    with pytest.raises(RemoteError) as refused:
        request.request_id = request_id()
        await world.analyst.call(world.write.RetireAsset, request)
    assert refused.value.reason == "ASSET_RETIRED"
    back = await world.register(addresses=["10.0.0.8"])
    assert back.asset_id == made.asset_id
    for address, found in (("10.0.0.7", []), ("10.0.0.8", [made.asset_id])):
        look_up = read.LookUpAssetRequest(tenant_id=world.tenant_id, address=address, min_position=back.position)
        answer = await world.analyst.call(world.read.LookUpAsset, look_up)
        assert [asset.asset_id for asset in answer.assets] == found


async def test_many_who_register_the_same_thing_at_once_make_one_asset(world: AssetsWorld) -> None:
    outcomes = await asyncio.gather(*(world.register("printer-1") for _ in range(6)), return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, RemoteError)]
    assert [error.reason for error in refused] == ["ASSET_ALREADY_REGISTERED"] * 5
    (made,) = [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]
    assert {error.metadata["asset_id"] for error in refused} == {made.asset_id}


async def test_a_list_as_of_a_position_shows_what_was_known_then(world: AssetsWorld) -> None:
    made = await world.register()
    request = write.ReclassifyAssetRequest(
        tenant_id=world.tenant_id,
        request_id=request_id(),
        asset_id=made.asset_id,
        asset_class=pb.ASSET_CLASS_STANDARD,
        value=1,
        group="store",
        reason="Moved to the store room",
    )
    moved = await world.analyst.call(world.write.ReclassifyAsset, request)
    for position, value in ((made.position, 4), (moved.position, 1)):
        asked = read.ListAssetsRequest(tenant_ids=[world.tenant_id], at_position=position)
        answer = await world.analyst.call(world.read.ListAssets, asked)
        assert [asset.value for asset in answer.assets] == [value]


async def test_the_queue_shows_missing_inputs_as_missing_and_exploited_findings_first(world: AssetsWorld) -> None:
    asset = await world.register()
    await world.analyst.call(world.write.ReportFinding, finding(world, asset.asset_id, severity_id=6))
    last = await world.analyst.call(
        world.write.ReportFinding,
        finding(world, asset.asset_id, known_exploited=True, likelihood_millionths=0, severity_id=2),
    )
    asked = read.ListFindingsRequest(tenant_ids=[world.tenant_id], min_position=last.position)
    answer = await world.analyst.call(world.read.ListFindings, asked)
    first, second = answer.findings
    assert (first.finding_id, list(first.missing), first.likelihood_millionths) == (last.finding_id, [], 0)
    assert list(second.missing) == ["likelihood", "known_exploited"]
    assert not second.HasField("likelihood_millionths")
    assert first.asset_value == 4


async def test_a_finding_is_found_by_how_its_identifier_begins_whatever_became_of_it(world: AssetsWorld) -> None:
    asset = await world.register()
    await world.analyst.call(world.write.ReportFinding, finding(world, asset.asset_id))
    dismissed = await world.analyst.call(world.write.ReportFinding, finding(world, asset.asset_id, severity_id=1))
    verdict = write.ValidateFindingRequest(
        tenant_id=world.tenant_id,
        request_id=request_id(),
        finding_id=dismissed.finding_id,
        verdict=common.VERDICT_FALSE_POSITIVE,
        confidence_percent=90,
        rationale="It is another machine.",
    )
    position = (await world.analyst.call(world.write.ValidateFinding, verdict)).position
    asked = read.ListFindingsRequest(tenant_ids=[world.tenant_id], min_position=position)
    open_ones = (await world.analyst.call(world.read.ListFindings, asked)).findings
    assert dismissed.finding_id not in {each.finding_id for each in open_ones}
    asked.id_prefix = dismissed.finding_id[:20]
    found = (await world.analyst.call(world.read.ListFindings, asked)).findings
    assert [each.finding_id for each in found] == [dismissed.finding_id]


async def test_a_finding_goes_from_report_to_verified_fix(world: AssetsWorld) -> None:
    asset = await world.register()
    made = await world.analyst.call(world.write.ReportFinding, finding(world, asset.asset_id))
    judged = await world.analyst.call(world.write.ValidateFinding, verdict(world, made.finding_id))
    with pytest.raises(RemoteError) as refused:
        await world.analyst.call(world.write.ValidateFinding, verdict(world, made.finding_id))
    assert refused.value.reason == "ALREADY_VALIDATED"
    assert refused.value.metadata["validation_position"] == str(judged.position)

    verification = write.VerifyFindingFixRequest(
        tenant_id=world.tenant_id,
        request_id=request_id(),
        finding_id=made.finding_id,
        asset_ids=[asset.asset_id],
        observation=common.EvidenceInput(label=common.LABEL_AMBER, summary="closed", position=0),
    )
    with pytest.raises(RemoteError) as refused:
        await world.analyst.call(world.write.VerifyFindingFix, verification)
    assert refused.value.reason == "FIX_NOT_REPORTED"
    fix = write.ReportFindingFixRequest(
        tenant_id=world.tenant_id,
        request_id=request_id(),
        finding_id=made.finding_id,
        asset_ids=[asset.asset_id],
        detail="Rule removed",
    )
    await world.analyst.call(world.write.ReportFindingFix, fix)
    verified = await world.analyst.call(world.write.VerifyFindingFix, verification)
    shown = await world.analyst.call(
        world.read.GetFinding,
        read.GetFindingRequest(tenant_id=world.tenant_id, finding_id=made.finding_id, min_position=verified.position),
    )
    assert shown.finding.state == pb.FINDING_STATE_FIXED
    assert shown.finding.validation.position == judged.position
    assert shown.finding.validation.evidence[0].summary.value == "banner"
    assert shown.finding.stream_version == 4


async def test_a_customer_does_not_see_evidence_that_is_for_the_investigators_only(world: AssetsWorld) -> None:
    asset = await world.register()
    made = await world.analyst.call(world.write.ReportFinding, finding(world, asset.asset_id))
    judged = await world.analyst.call(world.write.ValidateFinding, verdict(world, made.finding_id))
    stub = world.approver.stub(assets_read_pb2_grpc.AssetsReadServiceStub)
    shown = await world.approver.call(
        stub.GetFinding,
        read.GetFindingRequest(tenant_id=world.tenant_id, finding_id=made.finding_id, min_position=judged.position),
    )
    assert shown.finding.validation.rationale.value == "Our own probe reached it."
    assert shown.finding.validation.evidence[0].summary == common.SealedText(withheld=True)


async def test_withdrawing_a_verdict_names_the_one_that_stands(world: AssetsWorld) -> None:
    asset = await world.register()
    made = await world.analyst.call(world.write.ReportFinding, finding(world, asset.asset_id))
    judged = await world.analyst.call(world.write.ValidateFinding, verdict(world, made.finding_id))
    request = write.WithdrawFindingValidationRequest(
        tenant_id=world.tenant_id,
        request_id=request_id(),
        finding_id=made.finding_id,
        validation_position=judged.position - 1,
        reason="Probe was wrong",
    )
    with pytest.raises(RemoteError) as refused:
        await world.analyst.call(world.write.WithdrawFindingValidation, request)
    assert refused.value.reason == "VALIDATION_NOT_STANDING"
    request.validation_position = judged.position
    request.request_id = request_id()
    await world.analyst.call(world.write.WithdrawFindingValidation, request)
    await world.analyst.call(world.write.ValidateFinding, verdict(world, made.finding_id))


async def test_a_finding_about_an_unknown_asset_is_refused(world: AssetsWorld) -> None:
    with pytest.raises(RemoteError) as refused:
        await world.analyst.call(world.write.ReportFinding, finding(world, "asset-nobody"))
    assert refused.value.reason == "ASSET_UNKNOWN"

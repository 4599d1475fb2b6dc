"""Feeds of vulnerabilities through the public interface: imported once, and every open finding judged by them."""

from typing import Any

import pytest
from tenet.assets.v1 import assets_pb2 as pb
from tenet.assets.v1 import assets_read_pb2 as read
from tenet.assets.v1 import assets_vulnerabilities_admin_pb2 as admin
from tenet.assets.v1 import assets_vulnerabilities_admin_pb2_grpc as admin_grpc
from tenet.assets.v1 import assets_vulnerabilities_read_pb2 as feeds_read
from tenet.assets.v1 import assets_vulnerabilities_read_pb2_grpc as feeds_grpc
from tenet.assets.v1 import assets_write_pb2 as write
from tenet.common.v1 import common_pb2 as common

from contracts.events.assets import FindingReassessed
from contracts.ids import PROVIDER, TenantId
from infra.grpc import Client
from tests.fixtures.customers import eventually, refusal
from tests.fixtures.platform import request_id
from tests.services.assets.feeds import CABLE, DOOR, VALVE, epss, kev
from tests.services.assets.test_assets_service import finding, verdict
from tests.services.assets.world import AssetsWorld

KEV, EPSS = pb.VULNERABILITY_FEED_KEV, pb.VULNERABILITY_FEED_EPSS


@pytest.fixture
async def lead(world: AssetsWorld) -> Client:
    return await world.lead()


async def bring(lead: Client, feed: Any, content: bytes, **more: object) -> admin.ImportVulnerabilityFeedResponse:
    stub = lead.stub(admin_grpc.VulnerabilitiesAdminServiceStub)
    request = admin.ImportVulnerabilityFeedRequest(request_id=request_id(), feed=feed, content=content, **more)
    return await lead.call(stub.ImportVulnerabilityFeed, request)


async def queue(world: AssetsWorld, position: int) -> list[pb.Finding]:
    request = read.ListFindingsRequest(tenant_ids=[world.tenant_id], min_position=position)
    return list((await world.analyst.call(world.read.ListFindings, request)).findings)


async def test_a_feed_is_imported_once_and_the_queue_is_ranked_anew(world: AssetsWorld, lead: Client) -> None:
    asset = (await world.register()).asset_id
    made = {}
    for cve in (VALVE, DOOR, CABLE):
        request = finding(world, asset, vulnerability_id=cve)
        made[cve] = await world.analyst.call(world.write.ReportFinding, request)
    closed = await world.analyst.call(world.write.ReportFinding, finding(world, asset, vulnerability_id=DOOR))
    dismissal = verdict(world, closed.finding_id, verdict=common.VERDICT_FALSE_POSITIVE)
    last = (await world.analyst.call(world.write.ValidateFinding, dismissal)).position

    first = await bring(lead, EPSS, epss("2026-03-01", {VALVE: "0.9", DOOR: "0.1"}))
    assert (first.recorded, first.entries, first.added) == (True, 2, 2)
    again = await bring(lead, EPSS, epss("2026-03-01", {VALVE: "0.9", DOOR: "0.1"}))
    assert (again.recorded, again.sha256) == (False, first.sha256)

    async def ranked(*order: str, by: int) -> list[pb.Finding] | None:
        """The queue once it has this order, and the first of them rest on so many feeds."""
        found = await queue(world, last)
        ranked = [each.vulnerability_id for each in found if len(each.feeds) == by]
        return found if ranked[: len(order)] == list(order) else None

    found = await eventually(lambda: ranked(VALVE, DOOR, by=1))
    assert [each.likelihood_millionths for each in found[:2]] == [900_000, 100_000]
    assert found[2].missing == ["likelihood", "known_exploited"]
    assert [(each.feed, each.sha256, each.position) for each in found[0].feeds] == [
        (EPSS, first.sha256, first.position)
    ]

    second = await bring(lead, KEV, kev("2026.03.02", "2026-03-02T00:00:00Z", DOOR))
    found = await eventually(lambda: ranked(DOOR, VALVE, by=2))
    assert [each.known_exploited for each in found] == [True, False, False]
    assert {each.position for each in found[0].feeds} == {first.position, second.position}

    # What was judged before keeps what it was judged by, and a closed finding is left alone.
    before = read.GetFindingRequest(
        tenant_id=world.tenant_id, finding_id=made[DOOR].finding_id, at_position=made[DOOR].position
    )
    assert not (await world.analyst.call(world.read.GetFinding, before)).finding.HasField("known_exploited")
    left = read.GetFindingRequest(tenant_id=world.tenant_id, finding_id=closed.finding_id)
    assert (await world.analyst.call(world.read.GetFinding, left)).finding.feeds == []

    # The events cite the imports, so that an exported bundle carries them.
    recorded = await world.foundation.ledger.feed.read(TenantId(world.tenant_id), 0)
    (door, *_) = [
        each
        for each in recorded
        if isinstance(each.event, FindingReassessed) and each.event.finding_id == made[DOOR].finding_id
    ]
    (fact,) = door.envelope.facts
    assert (fact.kind, fact.digest, fact.tenant_id) == ("vulnerability_feed", first.sha256, PROVIDER)


async def test_a_finding_is_judged_when_it_is_reported_and_when_it_is_opened_anew(
    world: AssetsWorld, lead: Client
) -> None:
    await bring(lead, KEV, kev("2026.04.01", "2026-04-01T00:00:00Z", VALVE))
    asset = (await world.register()).asset_id
    made = await world.analyst.call(world.write.ReportFinding, finding(world, asset, vulnerability_id=VALVE))

    async def known() -> bool | None:
        request = read.GetFindingRequest(
            tenant_id=world.tenant_id, finding_id=made.finding_id, min_position=made.position
        )
        found = (await world.analyst.call(world.read.GetFinding, request)).finding
        return found.known_exploited if found.HasField("known_exploited") else None

    assert await eventually(known)
    dismissal = verdict(world, made.finding_id, verdict=common.VERDICT_BENIGN_EXPECTED)
    validated = await world.analyst.call(world.write.ValidateFinding, dismissal)
    await bring(lead, KEV, kev("2026.04.02", "2026-04-02T00:00:00Z", DOOR))
    withdrawal = write.WithdrawFindingValidationRequest(
        tenant_id=world.tenant_id,
        request_id=request_id(),
        finding_id=made.finding_id,
        validation_position=validated.position,
        reason="It was the other one.",
    )
    assert await known()
    await world.analyst.call(world.write.WithdrawFindingValidation, withdrawal)

    async def no_longer() -> bool:
        return await known() is False

    assert await eventually(no_longer)


async def test_feeds_are_listed_and_one_vulnerability_is_looked_up(lead: Client) -> None:
    brought = await bring(lead, KEV, kev("2026.05.01", "2026-05-01T00:00:00Z", VALVE, DOOR))
    stub = lead.stub(feeds_grpc.VulnerabilitiesReadServiceStub)
    listed = await lead.call(
        stub.ListVulnerabilityFeeds, feeds_read.ListVulnerabilityFeedsRequest(min_position=brought.position)
    )
    assert (listed.feeds[0].version.version, listed.feeds[0].entries) == ("2026.05.01", 2)
    asked = feeds_read.GetVulnerabilityRequest(vulnerability_id=DOOR)
    said = await lead.call(stub.GetVulnerability, asked)
    assert (said.listed, said.known_exploited.ransomware, said.known_exploited.due_date) == (True, True, "2026-03-22")
    unknown = feeds_read.GetVulnerabilityRequest(vulnerability_id="CVE-1999-0001")
    assert (await refusal(lead.call(stub.GetVulnerability, unknown))).reason == "VULNERABILITY_UNKNOWN"


async def test_bad_feeds_and_the_wrong_people_are_refused(world: AssetsWorld, lead: Client) -> None:
    await bring(lead, KEV, kev("2026.06.01", "2026-06-01T00:00:00Z", VALVE))
    for content, reason in (
        (b"no feed", "FEED_UNREADABLE"),
        (kev("2026.05.31", "2026-05-31T00:00:00Z", VALVE), "FEED_OUTDATED"),
        (kev("2099.01.01", "2099-01-01T00:00:00Z", VALVE), "FEED_FROM_THE_FUTURE"),
    ):
        assert (await refusal(bring(lead, KEV, content))).reason == reason
    for client in (world.analyst, world.approver):
        assert (await refusal(bring(client, KEV, kev("1", "2026-06-02", VALVE)))).reason == "ROLE_MISSING"
    stub = world.approver.stub(feeds_grpc.VulnerabilitiesReadServiceStub)
    asked = feeds_read.GetVulnerabilityRequest(vulnerability_id=VALVE)
    assert (await refusal(world.approver.call(stub.GetVulnerability, asked))).reason == "ROLE_MISSING"

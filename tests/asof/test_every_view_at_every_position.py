"""Nothing recorded later ever shows: every read model, at every position of a history, is a rebuild up to there."""

from pathlib import Path

from tenet.assets.v1 import assets_write_pb2 as asset_rpc
from tenet.common.v1 import common_pb2 as common
from tenet.detections.v1 import detections_write_pb2 as detection_rpc

from contracts.ids import PROVIDER, TenantId
from infra.read_database.reader.queries import Reader
from services.assets import projections as assets
from services.cases.projections import VIEWS as CASE_VIEWS
from services.detections.projections import RULE_EXCEPTIONS, RULES
from services.detections.projections import VIEWS as DETECTION_VIEWS
from tests.asof.every_position import holds_at_every_position
from tests.fixtures.platform import Platform, request_id
from tests.services.assets.world import AssetsWorld
from tests.services.cases.running_service import cases_service
from tests.services.cases.test_service import DONE, actions_of, eventually, open_cases, ransomware
from tests.services.detections.conftest import ROLE, Service, writes
from tests.services.detections.records import harmless, lines, shadow_copies_deleted
from tests.services.detections.test_ingest_service import queue
from tests.services.detections.test_rule_lives_service import COPIES, excepts, reinstate, retire


async def test_cases_plans_actions_and_all_else_of_a_case(platform: Platform, tmp_path: Path) -> None:
    async with cases_service(platform, tmp_path) as service:
        detection_id, position = await ransomware(service, ["host-a", "host-b"])

        async def verified() -> bool:
            return [action.status for action in await actions_of(service)] == [DONE, DONE]

        await eventually(verified)
        await service.withdraw(detection_id, position)
        (case,) = await open_cases(service)
        tenant_id = TenantId(service.tenant_id)
        head = await service.foundation.ledger.feed.head(tenant_id)
        reader = service.wired.read_side.reader
        await reader.waited(tenant_id, head - 1, None)
        compared = await holds_at_every_position(reader, service.foundation.ledger.feed, CASE_VIEWS, tenant_id)
        assert case.case_id
        assert compared > 100


async def test_detections_and_the_triage_queue(with_rules: Service) -> None:
    tenant_id = TenantId(await with_rules.running.onboard())
    sensor = await with_rules.sensor(tenant_id)
    _, analyst = await with_rules.person(ROLE.ROLE_ANALYST, tenant_id)
    position = 0
    for number in range(3):
        content = lines(shadow_copies_deleted(f"desk-{number % 2}", number), harmless("desk", 100 + number))
        position = (await with_rules.ingest(sensor, tenant_id, content)).position
    (first, *_) = await queue(analyst, tenant_id, position)
    named = {"tenant_id": tenant_id, "detection_id": first.detection_id}
    stub = writes(analyst)
    await analyst.call(stub.ClaimDetection, detection_rpc.ClaimDetectionRequest(request_id=request_id(), **named))
    judged = await analyst.call(
        stub.ValidateDetection,
        detection_rpc.ValidateDetectionRequest(
            request_id=request_id(),
            verdict=common.VERDICT_MALICIOUS,
            confidence_percent=90,
            rationale="Seen on the machine.",
            **named,
        ),
    )
    reader: Reader = with_rules.detections.side.reader
    await reader.waited(tenant_id, judged.position, None)
    feed = with_rules.foundation.ledger.feed
    assert await holds_at_every_position(reader, feed, DETECTION_VIEWS, tenant_id) > 20


async def test_assets_through_all_their_changes(world: AssetsWorld) -> None:
    made = await world.register()
    named = {"tenant_id": world.tenant_id, "asset_id": made.asset_id}
    await world.register("ward-8", addresses=["10.0.0.9"])
    retire = asset_rpc.RetireAssetRequest(request_id=request_id(), reason="Sold", **named)
    retired = await world.analyst.call(world.write.RetireAsset, retire)
    tenant_id = TenantId(world.tenant_id)
    reader = world.read_side.reader
    await reader.waited(tenant_id, retired.position, None)
    feed = world.foundation.ledger.feed
    assert await holds_at_every_position(reader, feed, assets.VIEWS, tenant_id) > 5


async def test_the_lives_of_rules_and_what_a_tenant_does_without(with_rules: Service) -> None:
    admin = await with_rules.client("admin")
    await retire(admin, COPIES)
    await reinstate(admin, COPIES)
    tenant_id = TenantId(await with_rules.running.onboard())
    _, analyst = await with_rules.person(ROLE.ROLE_ANALYST, tenant_id)
    await excepts(with_rules, analyst, tenant_id, COPIES)
    sensor = await with_rules.sensor(tenant_id)
    await with_rules.ingest(sensor, tenant_id, lines(shadow_copies_deleted("desk", 1)))
    reader: Reader = with_rules.detections.side.reader
    feed = with_rules.foundation.ledger.feed
    for ledger, least in ((PROVIDER, 16), (tenant_id, 2)):
        await reader.waited(ledger, await feed.head(ledger) - 1, None)
        views = [RULES] if ledger == PROVIDER else [RULE_EXCEPTIONS]
        assert await holds_at_every_position(reader, feed, views, ledger) >= least

"""Retired and excepted rules as processes run them: correlations, several processes at once, and how soon it holds."""

import asyncio
import time
from datetime import timedelta

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from tenet.detections.v1 import detections_rules_admin_pb2 as admin
from tenet.detections.v1 import detections_rules_admin_pb2_grpc as admin_grpc
from tenet.detections.v1 import detections_rules_write_pb2 as write
from tenet.detections.v1 import detections_rules_write_pb2_grpc as write_grpc

from contracts.events.rule_lives import ExceptedRulesMatched
from contracts.ids import TenantId
from infra.grpc import Client, RemoteError
from infra.read_database.turns import in_background
from tests.fixtures.platform import Platform, request_id
from tests.services.detections.conftest import ROLE, Service, serving
from tests.services.detections.correlation.sign_ins import BASE_ID, GUESSING_ID, deploy, failed
from tests.services.detections.records import lines, shadow_copies_deleted

COPIES = "8d61d399-5240-4216-8e1c-5d728a2de99a"
"""Of the rules that Tenet brings."""
LIVE_SECONDS = 0.25


async def excepts(service: Service, analyst: Client, tenant_id: str, rule_id: str) -> None:
    expires = Timestamp()
    expires.FromDatetime(service.foundation.clock() + timedelta(days=1))
    request = write.ExceptRuleRequest(
        tenant_id=tenant_id, request_id=request_id(), rule_id=rule_id, expires_at=expires, reason="Known."
    )
    await analyst.call(analyst.stub(write_grpc.RulesWriteServiceStub).ExceptRule, request)


async def retire(client: Client, rule_id: str) -> None:
    request = admin.RetireRuleRequest(request_id=request_id(), rule_id=rule_id, reason="Noise.")
    await client.call(client.stub(admin_grpc.RulesAdminServiceStub).RetireRule, request)


async def reinstate(client: Client, rule_id: str) -> None:
    request = admin.ReinstateRuleRequest(request_id=request_id(), rule_id=rule_id, reason="Needed.")
    await client.call(client.stub(admin_grpc.RulesAdminServiceStub).ReinstateRule, request)


async def test_a_correlation_is_excepted_in_one_tenant_and_counted_there(service: Service) -> None:
    await deploy(service)
    tenant_id, other = [str(await service.running.onboard()) for _ in range(2)]
    _, analyst = await service.person(ROLE.ROLE_ANALYST, tenant_id)
    await excepts(service, analyst, tenant_id, GUESSING_ID)
    batch = lines(failed(1), failed(2), failed(3))
    assert (await service.ingest(await service.sensor(tenant_id), tenant_id, batch)).receipt.raised == 0
    assert (await service.ingest(await service.sensor(other), other, batch)).receipt.raised == 1
    events = [each.event for each in await service.foundation.ledger.feed.read(TenantId(tenant_id), 0, 100)]
    (matched,) = [event for event in events if isinstance(event, ExceptedRulesMatched)]
    assert [(each.rule_id, each.hits) for each in matched.excepted] == [(GUESSING_ID, 3)]


async def test_a_rule_that_a_correlation_needs_is_not_retired_before_it(service: Service) -> None:
    await deploy(service)
    client = await service.client("admin")
    with pytest.raises(RemoteError) as refused:
        await retire(client, BASE_ID)
    assert refused.value.reason == "RULE_REFERRED_TO"
    await retire(client, GUESSING_ID)
    await retire(client, BASE_ID)
    tenant_id = str(await service.running.onboard())
    sent = await service.ingest(await service.sensor(tenant_id), tenant_id, lines(failed(1), failed(2), failed(3)))
    assert sent.receipt.raised == 0
    for rule_id in (BASE_ID, GUESSING_ID):  # What is deployed stays at work for the tests that follow.
        await reinstate(client, rule_id)


async def test_what_another_process_retired_is_out_here_soon(platform: Platform, with_rules: Service) -> None:
    client = await with_rules.client("admin")
    async with serving(platform, with_rules.running) as other, in_background("rules", other.detections.rules.follow()):
        await retire(client, COPIES)
        for _ in range(200):
            if COPIES not in {rule.rule_id for rule in other.detections.rules.current.rule_set.engine.rules}:
                break
            await asyncio.sleep(0.05)
        tenant_id = str(await with_rules.running.onboard())
        sensor = await other.sensor(tenant_id)
        assert (await other.ingest(sensor, tenant_id, lines(shadow_copies_deleted("A", 1)))).receipt.raised == 0
    await reinstate(client, COPIES)


async def test_an_exception_holds_for_the_next_batch_of_any_process(platform: Platform, with_rules: Service) -> None:
    """The batch that follows is judged by it, however little time lies between; how long that took is said."""
    tenant_id = str(await with_rules.running.onboard())
    _, analyst = await with_rules.person(ROLE.ROLE_ANALYST, tenant_id)
    async with serving(platform, with_rules.running) as other:
        sensor = await other.sensor(tenant_id)
        assert (await other.ingest(sensor, tenant_id, lines(shadow_copies_deleted("A", 1)))).receipt.raised == 1
        await excepts(with_rules, analyst, tenant_id, COPIES)
        began = time.perf_counter()
        sent = await other.ingest(sensor, tenant_id, lines(shadow_copies_deleted("B", 2)))
        print(f"judged {time.perf_counter() - began:.3f} s later; {LIVE_SECONDS} s are wanted")
        assert sent.receipt.raised == 0

"""Suppressions: what they hide is counted on the ledger, lifting and expiry work at once, nobody else is touched."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from tenet.detections.v1 import detections_suppressions_read_pb2 as read
from tenet.detections.v1 import detections_suppressions_read_pb2_grpc as read_grpc
from tenet.detections.v1 import detections_suppressions_write_pb2 as write
from tenet.detections.v1 import detections_suppressions_write_pb2_grpc as write_grpc

from contracts.events.detections import ActivityHidden, DetectionRaised, SuppressionAdded
from contracts.ids import TenantId
from infra.grpc import Client, RemoteError
from services.detections.domain.suppression import Condition, ConditionOperator, Hiding, Opened
from tests.fixtures.platform import request_id
from tests.services.detections.conftest import ROLE, Service
from tests.services.detections.records import lines, ransom_note, shadow_copies_deleted

EARLY = datetime(2026, 11, 1, tzinfo=UTC)


def stamp(at: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(at)
    return message


def adding(service: Service, tenant_id: str, **more: Any) -> write.AddSuppressionRequest:
    fields: dict[str, Any] = {
        "conditions": [
            write.SuppressionConditionInput(
                field="Image", operator=read.CONDITION_OPERATOR_ENDS_WITH, value="\\VSSADMIN.exe"
            ),
            write.SuppressionConditionInput(field="@host", operator=read.CONDITION_OPERATOR_EQUALS, value="backup-1"),
        ],
        "starts_at": stamp(EARLY),
        "expires_at": stamp(service.foundation.clock() + timedelta(days=7)),
        "reason": "The backup of the night removes its old copies.",
        **more,
    }
    return write.AddSuppressionRequest(tenant_id=tenant_id, request_id=request_id(), **fields)


async def add(client: Client, request: write.AddSuppressionRequest) -> write.AddSuppressionResponse:
    stub = client.stub(write_grpc.SuppressionsWriteServiceStub)
    answer: write.AddSuppressionResponse = await client.call(stub.AddSuppression, request)
    return answer


async def lift(client: Client, tenant_id: str, suppression_id: str) -> None:
    stub = client.stub(write_grpc.SuppressionsWriteServiceStub)
    request = write.LiftSuppressionRequest(
        tenant_id=tenant_id, request_id=request_id(), suppression_id=suppression_id, reason="The backup moved."
    )
    await client.call(stub.LiftSuppression, request)


async def listed(client: Client, tenant_id: str, position: int, ended: bool = False) -> list[read.Suppression]:
    stub = client.stub(read_grpc.SuppressionsReadServiceStub)
    request = read.ListSuppressionsRequest(tenant_ids=[tenant_id], min_position=position, include_ended=ended)
    answer: read.ListSuppressionsResponse = await client.call(stub.ListSuppressions, request)
    return list(answer.suppressions)


async def events_of(service: Service, tenant_id: str) -> list[Any]:
    return [each.event for each in await service.foundation.ledger.feed.read(TenantId(tenant_id), 0, 1_000)]


async def test_what_a_suppression_hides_is_counted_and_lifting_it_works_at_once(with_rules: Service) -> None:
    tenant_id, other = [await with_rules.running.onboard() for _ in range(2)]
    sensor, foreign = await with_rules.sensor(tenant_id), await with_rules.sensor(other)
    ann, analyst = await with_rules.person(ROLE.ROLE_ANALYST, tenant_id)
    request = adding(with_rules, tenant_id)
    added = await add(analyst, request)
    assert await add(analyst, request) == added

    night = lines(
        shadow_copies_deleted("BACKUP-1", 1), shadow_copies_deleted("BACKUP-1", 2), ransom_note("BACKUP-1", 3)
    )
    sent = await with_rules.ingest(sensor, tenant_id, night)
    assert (sent.receipt.accepted, sent.receipt.raised) == (3, 1)
    same_elsewhere = await with_rules.ingest(sensor, tenant_id, lines(shadow_copies_deleted("ERP", 4)))
    assert same_elsewhere.receipt.raised == 1
    assert (await with_rules.ingest(foreign, other, night)).receipt.raised == 2

    events = await events_of(with_rules, tenant_id)
    (hidden,) = [event for event in events if isinstance(event, ActivityHidden)]
    assert [(each.suppression_id, each.hits) for each in hidden.hidden] == [(added.suppression_id, 2)]
    (stated,) = [event for event in events if isinstance(event, SuppressionAdded)]
    assert stated.reason.plaintext is None
    assert stated.conditions[0].value.plaintext is None

    (shown,) = await listed(analyst, tenant_id, same_elsewhere.position)
    assert (shown.hidden, shown.owner_id, shown.standing) == (2, ann, True)
    assert shown.reason.value.startswith("The backup")
    assert shown.conditions[1].value.value == "backup-1"

    await lift(analyst, tenant_id, added.suppression_id)
    late = await with_rules.ingest(sensor, tenant_id, lines(shadow_copies_deleted("BACKUP-1", 5)))
    assert late.receipt.raised == 1
    assert await listed(analyst, tenant_id, late.position) == []
    (ended,) = await listed(analyst, tenant_id, late.position, ended=True)
    assert (ended.hidden, ended.standing, ended.lifted_position > 0) == (2, False, True)


async def test_only_analysts_and_leads_of_the_tenant_suppress(with_rules: Service) -> None:
    tenant_id, other = [await with_rules.running.onboard() for _ in range(2)]
    _, approver = await with_rules.person(ROLE.ROLE_CUSTOMER_APPROVER, tenant_id, home=tenant_id)
    _, stranger = await with_rules.person(ROLE.ROLE_ANALYST, other)
    _, auditor = await with_rules.person(ROLE.ROLE_AUDITOR, tenant_id)
    sensor = await with_rules.sensor(tenant_id)
    for client, reason in (
        (approver, "ROLE_MISSING"),
        (auditor, "ROLE_MISSING"),
        (sensor, "ROLE_MISSING"),
        (stranger, "TENANT_UNKNOWN"),
    ):
        with pytest.raises(RemoteError) as refused:
            await add(client, adding(with_rules, tenant_id))
        assert refused.value.reason == reason


async def test_a_suppression_is_bounded_in_what_and_how_long(with_rules: Service) -> None:
    tenant_id = await with_rules.running.onboard()
    _, analyst = await with_rules.person(ROLE.ROLE_ANALYST, tenant_id)
    now = with_rules.foundation.clock()
    network = write.SuppressionConditionInput(
        field="@address", operator=read.CONDITION_OPERATOR_NETWORK, value="not a network"
    )
    for wrong, reason in (
        ({"conditions": []}, "SUPPRESSION_TOO_BROAD"),
        ({"expires_at": stamp(now + timedelta(days=91))}, "SUPPRESSION_TOO_LONG"),
        ({"expires_at": stamp(now - timedelta(days=1))}, "SUPPRESSION_TOO_LONG"),
        ({"conditions": [network]}, "CONDITION_UNREADABLE"),
    ):
        with pytest.raises(RemoteError) as refused:
            await add(analyst, adding(with_rules, tenant_id, **wrong))
        assert refused.value.reason == reason


async def test_what_is_over_hides_nothing_more(with_rules: Service) -> None:
    tenant_id = await with_rules.running.onboard()
    sensor = await with_rules.sensor(tenant_id)
    _, analyst = await with_rules.person(ROLE.ROLE_ANALYST, tenant_id)
    soon = with_rules.foundation.clock() + timedelta(seconds=2)
    await add(analyst, adding(with_rules, tenant_id, expires_at=stamp(soon)))
    before = await with_rules.ingest(sensor, tenant_id, lines(shadow_copies_deleted("BACKUP-1", 1)))
    while with_rules.foundation.clock() < soon:
        await asyncio.sleep(0.2)
    after = await with_rules.ingest(sensor, tenant_id, lines(shadow_copies_deleted("BACKUP-1", 2)))
    assert (before.receipt.raised, after.receipt.raised) == (0, 1)
    assert any(isinstance(event, DetectionRaised) for event in await events_of(with_rules, tenant_id))


@pytest.mark.parametrize(
    ("operator", "value", "met", "unmet"),
    [
        (ConditionOperator.EQUALS, "A", ["a", "A", ["x", "a"]], ["ab", None, ""]),
        (ConditionOperator.CONTAINS, "b", ["aBc"], ["ac"]),
        (ConditionOperator.STARTS_WITH, "ab", ["ABC"], ["cab"]),
        (ConditionOperator.ENDS_WITH, ".exe", ["A.EXE"], ["a.exe1"]),
        (ConditionOperator.NETWORK, "10.1.2.3/8", ["10.9.9.9"], ["11.0.0.1", "::1", "ten"]),
    ],
)
def test_a_condition_compares_as_it_says(
    operator: ConditionOperator, value: str, met: list[Any], unmet: list[Any]
) -> None:
    condition = Condition.of("field", operator, value)
    assert all(condition.met(each) for each in met)
    assert not any(condition.met(each) for each in unmet)


def test_records_outside_of_a_suppressions_time_are_not_hidden() -> None:
    opened = Opened("s", "rule", (), EARLY, EARLY + timedelta(days=1))
    hiding = Hiding([opened])
    for moment, hidden in (
        (EARLY, "s"),
        (EARLY - timedelta(microseconds=1), None),
        (EARLY + timedelta(days=1), None),
    ):
        assert hiding.hides("rule", {}, ("", "", ""), moment) == hidden
    assert hiding.hides("another", {}, ("", "", ""), EARLY) is None

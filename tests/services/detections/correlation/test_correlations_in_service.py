"""Correlations over batches of several sensors, across a restart, and their detections, through the public door."""

import pytest

from contracts.events.detections import DetectionRaised, DetectionRepeated, HitsCorrelated, RuleKind
from contracts.ids import TenantId
from services.detections.application import correlating
from tests.services.detections.conftest import ROLE, Service, serving, writes
from tests.services.detections.correlation.sign_ins import BASE_ID, GUESSING_ID, deploy, failed
from tests.services.detections.records import lines
from tests.services.detections.test_triage_service import triage, verdict


async def events_of(service: Service, tenant_id: str) -> list[object]:
    return [each.event for each in await service.foundation.ledger.feed.read(TenantId(tenant_id), 0, 1_000)]


def raised(events: list[object]) -> list[DetectionRaised]:
    return [event for event in events if isinstance(event, DetectionRaised)]


async def test_a_correlation_that_cannot_run_is_named_and_the_others_are_deployed(service: Service) -> None:
    imported = await deploy(service)
    assert [failure.path for failure in imported.rule_pack.failed] == ["broken.yml"]
    assert "refers to nobody" in imported.rule_pack.failed[0].reason


async def test_hits_of_two_sensors_raise_one_detection_that_cites_them_all(service: Service) -> None:
    await deploy(service)
    tenant_id = await service.running.onboard()
    sensor = await service.sensor(tenant_id)
    first = await service.ingest(sensor, tenant_id, lines(failed(1), failed(2, "ALICE", minute=4)), sensor_id="one")
    again = await service.ingest(
        sensor, tenant_id, lines(failed(1), failed(2, "ALICE", minute=4)), sensor_id="one", batch_id="again"
    )
    assert (first.receipt.raised, again.receipt.raised, again.receipt.repeated) == (0, 0, 2)
    third = await service.ingest(sensor, tenant_id, lines(failed(3, host="MAIL", minute=10)), sensor_id="two")
    assert third.receipt.raised == 1
    events = await events_of(service, tenant_id)
    (detection,) = raised(events)
    assert (detection.kind, detection.rule.rule_id, detection.count) == (RuleKind.CORRELATION, GUESSING_ID, 3)
    assert {(item.sha256, item.offset) for item in detection.evidence} == {
        (first.receipt.sha256, 0),
        (first.receipt.sha256, 1),
        (third.receipt.sha256, 0),
    }
    assert BASE_ID not in {event.rule.rule_id for event in raised(events)}
    assert [event.hits for event in events if isinstance(event, HitsCorrelated)] == [2, 1]
    place = [type(event) for event in events].index(DetectionRaised)
    assert any(isinstance(event, HitsCorrelated) for event in events[place - 1 : place])


async def test_windows_of_another_account_or_tenant_stay_apart(service: Service) -> None:
    await deploy(service)
    tenants = [await service.running.onboard() for _ in range(2)]
    for tenant_id in tenants:
        sensor = await service.sensor(tenant_id)
        sent = await service.ingest(
            sensor, tenant_id, lines(failed(1), failed(2), failed(3, "bob"), failed(4, minute=11))
        )
        assert sent.receipt.raised == 0


async def test_windows_that_had_to_make_room_for_another_tenant_are_built_again(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(correlating, "MAX_HITS_CORRELATED", 1)
    await deploy(service)
    tenants = [await service.running.onboard() for _ in range(2)]
    sensors = [await service.sensor(tenant_id) for tenant_id in tenants]
    raised = [
        (await service.ingest(sensor, tenant_id, lines(failed(number, minute=number)))).receipt.raised
        for number in range(3)
        for sensor, tenant_id in zip(sensors, tenants, strict=True)
    ]
    assert raised == [0, 0, 0, 0, 1, 1]


async def test_a_restart_in_mid_window_loses_nothing_and_a_judged_detection_swallows_nothing(service: Service) -> None:
    await deploy(service)
    tenant_id = await service.running.onboard()
    sensor = await service.sensor(tenant_id)
    await service.ingest(sensor, tenant_id, lines(failed(1), failed(2)))
    async with serving(service.platform, service.running) as restarted:
        machine = await restarted.sensor(tenant_id)
        sent = await restarted.ingest(machine, tenant_id, lines(failed(3, minute=1)))
        assert sent.receipt.raised == 1
    # The first process had not seen what the second one took.
    joined = await service.ingest(sensor, tenant_id, lines(failed(4, minute=2)))
    assert (joined.receipt.raised, joined.receipt.joined) == (0, 1)
    events = await events_of(service, tenant_id)
    assert [event.count for event in events if isinstance(event, DetectionRepeated)] == [1]
    _, analyst = await service.person(ROLE.ROLE_ANALYST, tenant_id)
    (item,) = (await triage(analyst, joined.position, tenant_id)).items
    await analyst.call(writes(analyst).ValidateDetection, verdict(tenant_id, item.detection_id))
    new = await service.ingest(sensor, tenant_id, lines(failed(5, minute=3)))
    assert (new.receipt.raised, new.receipt.joined) == (1, 0)

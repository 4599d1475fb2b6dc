"""D1: what several customers have validated reaches a further one, as an event in its own ledger and without a name."""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from tenet.common.v1 import common_pb2 as common
from tenet.detections.v1 import (
    detections_read_pb2,
    detections_sightings_read_pb2,
    detections_sightings_read_pb2_grpc,
    detections_sightings_write_pb2,
    detections_sightings_write_pb2_grpc,
    detections_write_pb2,
)

from contracts.events.intelligence import SightingContributed, SightingRetracted, SightingsEnded, SightingsReported
from contracts.ids import PROVIDER, TenantId
from infra.grpc import Client, RemoteError
from tests.fixtures.customers import eventually
from tests.fixtures.platform import Platform, new_platform, request_id
from tests.services.detections.conftest import ROLE, Service, reads, serving, writes
from tests.services.detections.intelligence.asking import imported
from tests.services.detections.intelligence.bundles import GREEN, bundle, connection, indicator
from tests.services.detections.test_triage_service import triage

BAD = indicator("[ipv4-addr:value = '203.0.113.66']", object_marking_refs=[GREEN])
HIT = "203.0.113.66"
LIMIT = 120.0

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    """Intervals of a second, so that nobody waits for a quarter of a day."""
    with new_platform() as made:
        quick = {"sighting_interval_seconds": 1, "sighting_delay_seconds": 0}
        yield replace(made, settings=made.settings.model_copy(update=quick))


@pytest.fixture
async def service(platform: Platform) -> AsyncIterator[Service]:
    await platform.prepare()
    async with platform.running() as running, serving(platform, running) as started:
        yield started


class Customer:
    def __init__(self, service: Service, tenant_id: str, sensor: Client, analyst: Client, approver: Client) -> None:
        self.service, self.tenant_id = service, tenant_id
        self.sensor, self.analyst, self.approver = sensor, analyst, approver

    @classmethod
    async def of(cls, service: Service, *, parent: str = "", joined: bool = True) -> "Customer":
        tenant_id = await service.running.onboard(parent=parent)
        _, analyst = await service.person(ROLE.ROLE_ANALYST, tenant_id)
        _, approver = await service.person(ROLE.ROLE_CUSTOMER_APPROVER, tenant_id, home=tenant_id)
        customer = cls(service, tenant_id, await service.sensor(tenant_id), analyst, approver)
        if joined:
            await customer.join(approver)
        return customer

    async def join(self, client: Client) -> None:
        stub = client.stub(detections_sightings_write_pb2_grpc.SightingsWriteServiceStub)
        request = detections_sightings_write_pb2.JoinSightingSharingRequest(
            tenant_id=self.tenant_id, request_id=request_id()
        )
        first = await client.call(stub.JoinSightingSharing, request)
        assert (await client.call(stub.JoinSightingSharing, request)).position == first.position

    async def leave(self) -> None:
        stub = self.approver.stub(detections_sightings_write_pb2_grpc.SightingsWriteServiceStub)
        request = detections_sightings_write_pb2.LeaveSightingSharingRequest(
            tenant_id=self.tenant_id, request_id=request_id()
        )
        await self.approver.call(stub.LeaveSightingSharing, request)

    async def is_hit(self, host: str = "ws-1", address: str = HIT) -> str:
        """The detection that waits for a person after a connection to the bad address."""
        sent = await self.service.ingest(self.sensor, self.tenant_id, connection(host, address))
        answer = await triage(self.analyst, sent.position, self.tenant_id)
        return str(answer.items[0].detection_id)

    async def judges(
        self, detection_id: str, *, label: "common.Label.ValueType" = common.LABEL_AMBER, malicious: bool = True
    ) -> int:
        """The position of the verdict."""
        verdict = common.VERDICT_MALICIOUS if malicious else common.VERDICT_BENIGN_EXPECTED
        request = detections_write_pb2.ValidateDetectionRequest(
            tenant_id=self.tenant_id,
            request_id=request_id(),
            detection_id=detection_id,
            verdict=verdict,
            confidence_percent=90,
            rationale="It called its master.",
            evidence=[common.EvidenceInput(label=label, summary="seen in the capture")],
        )
        return int((await self.analyst.call(writes(self.analyst).ValidateDetection, request)).position)

    async def withdraws(self, detection_id: str, verdict: int) -> None:
        request = detections_write_pb2.WithdrawDetectionValidationRequest(
            tenant_id=self.tenant_id,
            request_id=request_id(),
            detection_id=detection_id,
            validation_position=verdict,
            reason="It was our own scanner.",
        )
        await self.analyst.call(writes(self.analyst).WithdrawDetectionValidation, request)

    async def told(self, at: int | None = None) -> Sequence[detections_sightings_read_pb2.ReportedSightings]:
        stub = self.analyst.stub(detections_sightings_read_pb2_grpc.SightingsReadServiceStub)
        request = detections_sightings_read_pb2.ListSightingsRequest(tenant_id=self.tenant_id, at_position=at)
        answer: Any = await self.analyst.call(stub.ListSightings, request)
        return list(answer.sightings)


async def contributed(service: Service) -> list[SightingContributed]:
    events = await service.foundation.ledger.feed.read(PROVIDER, 0, 1_000)
    found = [each.event for each in events if isinstance(each.event, SightingContributed)]
    return [each for each in found if each.subject_id == BAD["id"]]


async def test_sightings_of_several_customers_reach_a_further_one_without_a_name(service: Service) -> None:
    await imported(await service.client("admin"), bundle(BAD))
    first, second, third = [await Customer.of(service) for _ in range(3)]
    child = await Customer.of(service, parent=second.tenant_id)
    further, alone = await Customer.of(service), await Customer.of(service, joined=False)
    waiting = await further.is_hit()

    # Two of one tree, one whose verdict is another, one whose evidence is for its recipients only, one who shares not.
    await first.judges(await first.is_hit("benign"), malicious=False)
    await first.judges(await first.is_hit("secret-1"), label=common.LABEL_RED)
    await first.judges(await first.is_hit("secret-2"), label=common.LABEL_AMBER_STRICT)
    await alone.judges(await alone.is_hit())
    for customer in (second, child, first):
        await customer.judges(await customer.is_hit())
    await eventually(lambda: _at_least(contributed(service), 2), LIMIT)
    before = await further.service.foundation.ledger.feed.head(TenantId(further.tenant_id))
    assert not await further.told()

    await third.judges(await third.is_hit())
    (told,) = await eventually(further.told, LIMIT)
    assert (told.subject_id, told.at_least, told.current) == (BAD["id"], 3, True)
    known = await contributed(service)
    assert len({each.contributor for each in known}) == 3, "a customer's tree counts once"

    # It is an event of the further customer's own ledger, replay uses it, and it says nothing of the others.
    feed = service.foundation.ledger.feed
    (event,) = [
        each for each in await feed.read(TenantId(further.tenant_id), 0) if isinstance(each.event, SightingsReported)
    ]
    assert event.position >= before
    assert not await further.told(event.position - 1)
    assert len(await further.told(event.position)) == 1
    (entry,) = await feed.read_entries(TenantId(further.tenant_id), event.position, 1)
    for customer in (first, second, third, child):
        assert customer.tenant_id.encode() not in entry.entry
    assert not any(each.contributor.encode() in entry.entry for each in known)
    provider_entries = await feed.read_entries(PROVIDER, 0, 1_000)
    sighted = [each for each in provider_entries if each.topic == SightingContributed.TOPIC]
    assert all(customer.tenant_id.encode() not in each.entry for each in sighted for customer in (first, second, third))

    # It counts in the queue: for what waits there, and for what comes after.
    later = await further.is_hit("ws-2")
    answer = await triage(further.analyst, event.position, further.tenant_id)
    items = {item.detection_id: item for item in answer.items}
    assert {items[waiting].sightings, items[later].sightings} == {3}
    assert "sightings" not in items[waiting].missing_inputs
    assert "exposure" in items[waiting].missing_inputs
    once = await further.analyst.call(
        reads(further.analyst).ListTriageQueue,
        detections_read_pb2.ListTriageQueueRequest(tenant_ids=[further.tenant_id], at_position=event.position - 1),
    )
    (as_it_was,) = once.items
    assert (as_it_was.sightings, as_it_was.priority) == (0, items[waiting].priority * 2 // 3)

    # Of the others none is told of fewer than three others, and who takes no part is told nothing.
    for customer in (first, second, third, child, alone):
        assert not await customer.told()
    await alone.is_hit("ws-9")
    unsharing = await triage(alone.analyst, 0, alone.tenant_id)
    assert unsharing.items
    assert all("sightings" in item.missing_inputs for item in unsharing.items)


async def test_a_sighting_whose_verdict_is_withdrawn_is_taken_back_without_a_name(service: Service) -> None:
    bad = indicator("[ipv4-addr:value = '203.0.113.67']", object_marking_refs=[GREEN])
    await imported(await service.client("admin"), bundle(bad), source="withdrawn")
    first, second, third = [await Customer.of(service) for _ in range(3)]
    child, further = await Customer.of(service, parent=second.tenant_id), await Customer.of(service)
    waiting = await further.is_hit(address="203.0.113.67")
    verdicts: dict[str, tuple[str, int]] = {}
    for customer in (first, second, child, third):
        hit = await customer.is_hit(address="203.0.113.67")
        verdicts[customer.tenant_id] = hit, await customer.judges(hit)
    (told,) = await eventually(further.told, LIMIT)
    assert (told.subject_id, told.at_least) == (bad["id"], 3)

    # Of one tree another verdict says the same still: nothing is taken back.
    await second.withdraws(*verdicts[second.tenant_id])
    # This one's sighting goes, also after it left the sharing, and with it what the further customer was told.
    await first.leave()
    await first.withdraws(*verdicts[first.tenant_id])
    await eventually(lambda: _ended(further), LIMIT)
    feed = service.foundation.ledger.feed
    events = await feed.read(TenantId(further.tenant_id), 0)
    (ended,) = [each for each in events if isinstance(each.event, SightingsEnded)]
    (retracted,) = [each for each in await feed.read(PROVIDER, 0, 1_000) if isinstance(each.event, SightingRetracted)]
    assert len(await further.told(ended.position - 1)) == 1, "as it was known before"
    assert not await further.told(ended.position)
    for ledger, position in ((TenantId(further.tenant_id), ended.position), (PROVIDER, retracted.position)):
        (entry,) = await feed.read_entries(ledger, position, 1)
        assert not any(each.tenant_id.encode() in entry.entry for each in (first, second, third, child))
    assert (
        retracted.event.contributor.encode()
        not in (await feed.read_entries(TenantId(further.tenant_id), ended.position, 1))[0].entry
    )

    # The queue counts it no more, for what waits and for what comes.
    later = await further.is_hit("ws-2", address="203.0.113.67")
    answer = await triage(further.analyst, ended.position, further.tenant_id)
    items = {item.detection_id: item for item in answer.items}
    assert {items[waiting].sightings, items[later].sightings} == {0}
    before = await further.analyst.call(
        reads(further.analyst).ListTriageQueue,
        detections_read_pb2.ListTriageQueueRequest(tenant_ids=[further.tenant_id], at_position=ended.position - 1),
    )
    assert [item.sightings for item in before.items] == [3]
    assert before.items[0].priority > items[waiting].priority


async def _ended(customer: Customer) -> bool:
    return not await customer.told()


async def test_only_the_customer_decides_to_share(service: Service) -> None:
    customer = await Customer.of(service, joined=False)
    admin = await service.client("admin")
    other = await Customer.of(service)
    for client, reason in ((customer.analyst, "ROLE_MISSING"), (other.approver, "TENANT_UNKNOWN")):
        with pytest.raises(RemoteError) as refused:
            await customer.join(client)
        assert refused.value.reason == reason
    with pytest.raises(RemoteError):
        await customer.join(admin)


async def _at_least(known: Any, count: int) -> bool:
    return len({each.contributor for each in await known}) >= count

"""What an import brings is looked for in telemetry that came before it: once, and for whom it is."""

from collections.abc import AsyncGenerator, Iterator
from datetime import timedelta

import pytest

from contracts.calls import Call
from contracts.events.detections import DetectionFoundByHunt
from contracts.events.hunts import HuntCompleted
from contracts.ids import PROVIDER, TenantId
from services.detections.application.hunts.hunting import Hunting, Question, Step
from services.detections.application.intelligence import retrospecting
from services.detections.domain.errors import HuntTooSlow
from tests.fixtures.customers import eventually
from tests.fixtures.platform import Platform, new_platform
from tests.services.detections.archive.test_hunts import archived
from tests.services.detections.conftest import ROLE, Service, serving
from tests.services.detections.intelligence.asking import imported, raised
from tests.services.detections.intelligence.bundles import RED, bundle, connection, indicator

FIRST, SECOND, THIRD, FOURTH = (f"198.51.100.2{number}" for number in range(1, 5))


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    """One of its own: an import is looked for in the archive of every customer that there is."""
    with new_platform() as made:
        yield made


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrospecting, "RETROSPECTIVE_DELAY", timedelta(seconds=-60))


async def hunts(service: Service, tenant_id: str, ledger: str) -> list[HuntCompleted]:
    """Those for imports of one ledger; the provider's may be those of other tests."""
    events = await service.foundation.ledger.feed.read(TenantId(tenant_id), 0)
    found = [each for each in events if isinstance(each.event, HuntCompleted)]
    return [each.event for each in found if any(fact.tenant_id == ledger for fact in each.envelope.facts)]


async def matched(service: Service, tenant_id: str) -> bool:
    """Whether the tenant's import was looked for; the service learns from a view who has imports."""
    await service.detections.retrospection.match_archives()
    return bool(await hunts(service, tenant_id, tenant_id))


async def test_an_import_finds_what_came_before_it_once_and_in_every_archive(service: Service) -> None:
    admin = await service.client("admin")
    mine, other, empty = [await service.running.onboard() for _ in range(3)]
    for tenant_id in (mine, other):
        sensor = await service.sensor(tenant_id)
        await service.ingest(sensor, tenant_id, connection("ws-1", FIRST) + connection("ws-2", "10.0.0.1"))
        await archived(service, tenant_id, 1)
    source = await imported(admin, bundle(indicator(f"[ipv4-addr:value = '{FIRST}']")), source="late")
    # What came after the import was matched on its way, and is not found a second time.
    await service.ingest(await service.sensor(mine), mine, connection("ws-3", FIRST), batch_id="batch-live")
    await archived(service, mine, 2)
    for _ in range(2):
        await service.detections.retrospection.match_archives()

    found = await raised(service, mine)
    assert [event.count for event, _ in found] == [1, 1], "the host of before, and the host of after"
    for event, _ in found:
        assert event.indicator is not None
        assert (event.indicator.ledger, event.indicator.position) == (PROVIDER, source.position)
    hunted = next(each for each in await hunts(service, mine, PROVIDER) if each.found)
    assert (hunted.found, hunted.known, len(hunted.detection_ids)) == (2, 1, 1)
    events = await service.foundation.ledger.feed.read(TenantId(mine), 0)
    (marked,) = [each.event for each in events if isinstance(each.event, DetectionFoundByHunt)]
    assert marked.detection_id == hunted.detection_ids[0]
    assert len(await raised(service, other)) == 1
    assert not await hunts(service, empty, PROVIDER), "without telemetry nobody looks"


async def test_only_what_is_new_is_looked_for_and_only_for_whom_it_is(service: Service) -> None:
    mine, other = await service.running.onboard(), await service.running.onboard()
    _, lead = await service.person(ROLE.ROLE_LEAD, mine)
    for tenant_id in (mine, other):
        sensor = await service.sensor(tenant_id)
        await service.ingest(sensor, tenant_id, connection("ws-1", SECOND))
        await archived(service, tenant_id, 1)
    own = indicator(f"[ipv4-addr:value = '{SECOND}']", object_marking_refs=[RED])
    await imported(lead, bundle(own), tenant_id=mine, source="own")
    await eventually(lambda: matched(service, mine))
    more = indicator("[domain-name:value = 'unseen.example']")
    await imported(lead, bundle(own, more), tenant_id=mine, source="own")
    await service.detections.retrospection.match_archives()
    first, second = await hunts(service, mine, mine)
    assert (first.found, second.found) == (1, 0), "what was said before is not looked for again"
    assert len(await raised(service, mine)) == 1
    assert not await raised(service, other)
    await imported(
        lead, bundle({**own, "revoked": True, "modified": "2026-11-05T00:00:00Z"}, more), tenant_id=mine, source="own"
    )
    await service.detections.retrospection.match_archives()
    assert len(await hunts(service, mine, mine)) == 2, "a revocation brings nothing to look for"


async def test_every_tenant_has_one_part_in_turn_and_another_process_goes_on(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrospecting, "RETROSPECTIVE_BYTES", 1)
    large, small = await service.running.onboard(), await service.running.onboard()
    for tenant_id, hours in ((large, 3), (small, 1)):
        lines = b"".join(connection("ws-1", THIRD, f"2026-11-23 1{hour}:00:00.000") for hour in range(hours))
        await service.ingest(await service.sensor(tenant_id), tenant_id, lines)
        await archived(service, tenant_id, 1)
    # What other tests imported is done with before.
    await service.detections.retrospection.match_archives()
    source = await imported(
        await service.client("admin"), bundle(indicator(f"[ipv4-addr:value = '{THIRD}']")), source="parts"
    )

    async def parts(tenant_id: str) -> list[HuntCompleted]:
        events = await service.foundation.ledger.feed.read(TenantId(tenant_id), 0)
        return [
            each.event
            for each in events
            if isinstance(each.event, HuntCompleted)
            and any((fact.tenant_id, fact.position) == (PROVIDER, source.position) for fact in each.envelope.facts)
        ]

    assert await service.detections.retrospection.take_turns()
    assert [len(await parts(each)) for each in (large, small)] == [1, 1], "nobody waits for the whole of another's"
    # A process that is started anew, or beside, knows how far it is from what is on record.
    async with serving(service.platform, service.running) as again:
        await again.detections.retrospection.match_archives()
    await service.detections.retrospection.match_archives()
    hunted = await parts(large)
    assert [each.found for each in hunted] == [1, 1, 1], "the latest hour first, and each once"
    assert [each.end for each in hunted[1:]] == [each.start for each in hunted[:-1]]
    assert [each.found for each in await parts(small)] == [1]
    assert len(await raised(service, large)) == 1, "the parts of one day are one detection"


async def test_a_part_that_is_too_much_for_its_hunt_is_passed_over_and_holds_up_nothing(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrospecting, "RETROSPECTIVE_BYTES", 1)
    mine = await service.running.onboard()
    _, lead = await service.person(ROLE.ROLE_LEAD, mine)
    lines = b"".join(connection("ws-1", FOURTH, f"2026-11-23 1{hour}:00:00.000") for hour in range(2))
    await service.ingest(await service.sensor(mine), mine, lines)
    await archived(service, mine, 1)
    await service.detections.retrospection.match_archives()
    await imported(lead, bundle(indicator(f"[ipv4-addr:value = '{FOURTH}']")), tenant_id=mine, source="own")
    hunt, failed = Hunting.hunt, 0

    def failing(self: Hunting, call: Call, question: Question) -> AsyncGenerator[Step, None]:
        nonlocal failed
        if call.tenant_id == mine and failed < retrospecting.RETROSPECTIVE_ATTEMPTS:
            failed += 1
            raise HuntTooSlow("It took too long.")
        return hunt(self, call, question)

    monkeypatch.setattr(Hunting, "hunt", failing)

    async def over() -> bool:
        await service.detections.retrospection.match_archives()
        return bool(await hunts(service, mine, mine))

    await eventually(over)
    (only,) = await hunts(service, mine, mine)
    assert (only.found, failed) == (1, retrospecting.RETROSPECTIVE_ATTEMPTS)

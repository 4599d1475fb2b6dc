"""What an import brings is looked for in telemetry that came before it: once, and for whom it is."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from contracts.events.detections import DetectionFoundByHunt, HuntCompleted
from contracts.ids import PROVIDER, TenantId
from services.detections.application.intelligence import retrospecting
from tests.fixtures.customers import eventually
from tests.fixtures.platform import Platform, new_platform
from tests.services.detections.archive.test_hunts import archived
from tests.services.detections.conftest import ROLE, Service
from tests.services.detections.intelligence.asking import imported, raised
from tests.services.detections.intelligence.bundles import RED, bundle, connection, indicator

FIRST, SECOND = "198.51.100.21", "198.51.100.22"


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

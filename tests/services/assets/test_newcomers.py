"""Hosts that detections discovered become newcomers once, and end as such when an asset is registered for them."""

from collections.abc import Mapping
from typing import Any

from tenet.assets.v1 import assets_pb2 as pb
from tenet.assets.v1 import assets_read_pb2 as read
from tenet.assets.v1 import assets_write_pb2 as write
from tenet.common.v1 import common_pb2 as common

from contracts.calls import Actor, AuthenticatedBy, Call
from contracts.commands import Command
from contracts.events.base import Event, Sealed
from contracts.events.discovery import DiscoveryBound, DiscoveryBounded, HostDiscovered
from contracts.ids import PROVIDER, TenantId, derive_id
from infra.event_store.handler import Unit
from infra.event_store.ledger import Ledger
from infra.event_store.repository import Aggregate
from infra.keys.blind_index import address_index, name_index
from tests.fixtures.customers import eventually
from tests.fixtures.platform import request_id
from tests.services.assets.test_assets_service import verdict
from tests.services.assets.world import AssetsWorld

ANY = [state for state in pb.FindingState.values() if state]


class RecordAsDetections(Command):
    pass


async def record(world: AssetsWorld, tenant_id: str, event: Event) -> int:
    """What the detections service would record; the position."""
    tenant = TenantId(tenant_id)
    call = Call(
        tenant, Actor("a test", AuthenticatedBy.SERVICE, PROVIDER), "a test", request_id(), world.foundation.clock()
    )
    aggregate: Aggregate[int] = Aggregate(event.CATEGORY, int, lambda state, _: state + 1)

    async def work(unit: Unit) -> None:
        unit.append(await unit.load(aggregate, derive_id(event.CATEGORY, tenant)), [event])

    async with Ledger.open(world.platform.settings_of("detections"), world.foundation.keys) as ledger:
        command = RecordAsDetections(tenant_id=tenant, request_id=call.request_id)
        return (await ledger.handler.handle(call, command, work)).position


async def discover(world: AssetsWorld, name: str, address: str = "", tenant_id: str = "") -> str:
    """Records that a host was discovered; the subject under which its words are sealed."""
    tenant = TenantId(tenant_id or world.tenant_id)
    key = await world.foundation.keys.search_key(tenant)
    own = name_index(key, name) if name else address_index(key, address)
    subject = derive_id("subject", own)
    event = HostDiscovered(
        host_id=derive_id("host", tenant, own),
        name=Sealed.of(name, subject=subject) if name else None,
        address=Sealed.of(address, subject=subject) if address else None,
        name_indexes=(own, name_index(key, name.partition(".")[0])) if "." in name else (own,) if name else (),
        address_index=address_index(key, address) if address else None,
        sensor_id="sensor-1",
        source="windows",
        batch_position=1,
    )
    await record(world, tenant, event)
    return subject


async def newcomers(world: AssetsWorld, **more: object) -> list[pb.Finding]:
    """All of them, whatever became of them, by everything that the ledger holds."""
    head = await world.foundation.ledger.feed.head(TenantId(world.tenant_id)) - 1
    fields: Mapping[str, Any] = {"kind": pb.FINDING_KIND_NEWCOMER, "states": ANY, "min_position": head} | more
    request = read.ListFindingsRequest(tenant_ids=[world.tenant_id], **fields)
    return list((await world.analyst.call(world.read.ListFindings, request)).findings)


async def states(world: AssetsWorld, wanted: dict[str, Any]) -> None:
    """Waits until the newcomers and where they stand are these, by what they are called."""

    async def so() -> bool:
        return {each.detail.value: each.state for each in await newcomers(world)} == wanted

    await eventually(so)


async def test_a_discovered_host_is_one_newcomer_however_often_it_is_told(world: AssetsWorld) -> None:
    for _ in range(2):
        await discover(world, "stranger-1", "10.9.9.9")
    await discover(world, "", "10.9.9.8")
    await states(world, dict.fromkeys(("stranger-1", "10.9.9.8"), pb.FINDING_STATE_REPORTED))
    found = await newcomers(world)
    assert {each.severity_id for each in found} == {3}
    assert all(list(each.missing) == ["exposure", "likelihood", "known_exploited", "asset_value"] for each in found)


async def test_an_asset_that_was_registered_first_is_no_newcomer_but_a_retired_one_is(world: AssetsWorld) -> None:
    await world.register("known-1", addresses=["10.9.9.1"])
    retired = await world.register("gone-1", addresses=["10.9.9.2"])
    request = write.RetireAssetRequest(
        tenant_id=world.tenant_id, request_id=request_id(), asset_id=retired.asset_id, reason="Sold"
    )
    await world.analyst.call(world.write.RetireAsset, request)
    for name, address in (("KNOWN-1.clinic.example", ""), ("", "10.9.9.1"), ("gone-1", ""), ("", "10.9.9.2")):
        await discover(world, name, address)
    await states(world, dict.fromkeys(("gone-1", "10.9.9.2"), pb.FINDING_STATE_REPORTED))


async def test_the_asset_that_is_registered_for_a_newcomer_fixes_it_and_its_entry_proves_it(world: AssetsWorld) -> None:
    await discover(world, "stranger-1.clinic.example")
    await discover(world, "", "10.9.9.8")
    await discover(world, "stranger-2")
    made = await world.register("stranger-1", addresses=["10.9.9.8"])
    fixed, reported = pb.FINDING_STATE_FIXED, pb.FINDING_STATE_REPORTED
    await states(world, {"stranger-1.clinic.example": fixed, "10.9.9.8": fixed, "stranger-2": reported})
    found = await newcomers(world, asset_id="", states=[fixed])
    assert {tuple(each.fix_verified_asset_ids) for each in found} == {(made.asset_id,)}


async def test_a_newcomer_that_was_dismissed_stays_so(world: AssetsWorld) -> None:
    await discover(world, "stranger-1")
    await discover(world, "stranger-2")
    await states(world, dict.fromkeys(("stranger-1", "stranger-2"), pb.FINDING_STATE_REPORTED))
    (first,) = [each for each in await newcomers(world) if each.detail.value == "stranger-1"]
    judgement = verdict(world, first.finding_id, verdict=common.VERDICT_FALSE_POSITIVE)
    await world.analyst.call(world.write.ValidateFinding, judgement)
    await world.register("stranger-1", addresses=[])
    await world.register("stranger-2", addresses=[])
    await states(world, {"stranger-1": pb.FINDING_STATE_DISMISSED, "stranger-2": pb.FINDING_STATE_FIXED})


async def test_that_there_are_more_than_are_recorded_is_a_finding_once_a_day(world: AssetsWorld) -> None:
    for day in ("2026-11-24", "2026-11-24", "2026-11-25"):
        bounded = DiscoveryBounded(bound=DiscoveryBound.DAY, day=day, limit=200, batch_position=1)
        await record(world, world.tenant_id, bounded)

    async def two() -> bool:
        return len(await newcomers(world)) == 2

    await eventually(two)
    assert {each.title.rpartition(" ")[2] for each in await newcomers(world)} == {"2026-11-24", "2026-11-25"}


async def test_what_an_erased_host_was_called_is_gone_from_its_newcomer(world: AssetsWorld) -> None:
    subject = await discover(world, "stranger-1")
    await states(world, {"stranger-1": pb.FINDING_STATE_REPORTED})
    async with Ledger.open(world.platform.settings_of("ledger"), world.foundation.keys) as ledger:
        assert await ledger.openings.erase(TenantId(world.tenant_id), subject) == 1
    (left,) = await newcomers(world)
    assert left.detail.erased
    assert left.detail.value == ""

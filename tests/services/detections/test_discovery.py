"""Which hosts telemetry names, and which of them are recorded as new."""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts.calls import Actor, AuthenticatedBy, Call
from contracts.events.base import Recorded
from contracts.events.discovery import DiscoveryBound, DiscoveryBounded, HostDiscovered
from contracts.ids import PROVIDER, TenantId
from services.detections.application.discovering import Discovering
from services.detections.application.raising import KnownAsset
from services.detections.application.tenant_index import TenantIndex
from services.detections.config import HOST_REMEMBERED_SECONDS, MAX_HOSTS_DISCOVERED, MAX_HOSTS_DISCOVERED_PER_DAY
from services.detections.domain import discovery
from services.detections.domain.commands import DiscoverHosts
from services.detections.domain.discovery import Discovery, Host, NamedHost
from services.detections.domain.formats.reading import BatchReading
from services.detections.domain.formats.recognition import Format
from tests.services.detections.conftest import Service
from tests.services.detections.records import harmless, lines
from tests.services.detections.test_rule_lives import recorded

TENANT = TenantId("clinic")
INDEX = TenantIndex(b"k" * 32)
COMMAND = DiscoverHosts(tenant_id=TENANT, request_id="r-1", sensor_id="sensor-1", batch_position=7)
MORNING = datetime(2026, 11, 24, 8, tzinfo=UTC)


def host(name: str = "", address: str = "") -> Host:
    return discovery.host_of(TENANT, NamedHost(name, address), "windows", INDEX)


def folded(state: Discovery, events: Sequence[Any], at: datetime = MORNING) -> Discovery:
    for event in events:
        entry = recorded(event)
        state = discovery.evolve(state, Recorded(entry.position, at, entry.envelope, entry.event))
    return state


def named(*records: Mapping[str, Any]) -> set[tuple[str, str]]:
    content = b"\n".join(json.dumps(each).encode() for each in records)
    found = [
        each for record in BatchReading(content, Format.AUTOMATIC).records() for each in discovery.named_in(record)
    ]
    return {(each.name, each.address) for each in found}


SURICATA = {"timestamp": "2026-11-24T08:00:00Z", "event_type": "flow", "flow_id": 1, "dest_ip": "10.0.0.99"}
ZEEK = {"_path": "conn", "ts": 1, "uid": "C1", "id.resp_h": "10.0.0.99", "id.orig_p": 1, "id.resp_p": 2}
CLOUDTRAIL = {"eventSource": "s3", "eventName": "Get", "awsRegion": "x", "recipientAccountId": "12", "eventID": "a"}


@pytest.mark.parametrize(
    ("record", "found"),
    [
        (harmless("desk-1.corp.example.", 1), {("desk-1.corp.example", "")}),
        (harmless("10.0.0.5", 1), {("", "10.0.0.5")}),
        (harmless("-", 1), set()),
        (harmless("localhost", 1), set()),
        (harmless("8.8.8.8", 1), set()),
        (harmless("x" * 300, 1), set()),
        (harmless(" Ada's laptop ", 1), {("Ada's laptop", "")}),
        (harmless("two\nlines", 1), set()),
        (SURICATA | {"src_ip": "192.168.1.7", "host": "probe-1"}, {("probe-1", ""), ("", "192.168.1.7")}),
        (SURICATA | {"src_ip": "::ffff:10.1.1.1"}, {("", "10.1.1.1")}),
        (SURICATA | {"src_ip": "203.0.113.9"}, set()),
        (ZEEK | {"id.orig_h": "fd00::0001"}, {("", "fd00::1")}),
        (ZEEK | {"id.orig_h": "127.0.0.1"}, set()),
        (CLOUDTRAIL | {"sourceIPAddress": "10.0.0.4"}, set()),
    ],
)
def test_only_what_speaks_and_is_of_the_tenants_own_network_is_a_host(record: Any, found: set[tuple[str, str]]) -> None:
    assert named(record) == found


def test_a_host_is_its_name_whatever_its_address_and_one_without_is_its_address() -> None:
    assert host("desk-1", "10.0.0.1").host_id == host("DESK-1", "10.0.0.2").host_id
    assert host("", "10.0.0.1").host_id != host("desk-1", "10.0.0.1").host_id
    assert host("desk-1.corp.example").name_indexes == (INDEX.name("desk-1.corp.example"), INDEX.name("desk-1"))


def test_a_host_is_recorded_once_with_its_words_sealed_under_its_own_subject() -> None:
    (event,) = discovery.discover(Discovery(), COMMAND, [host("desk-1", "10.0.0.1")] * 2, MORNING)
    assert isinstance(event, HostDiscovered)
    assert event.name is not None
    assert event.address is not None
    assert (event.name.plaintext, event.address.plaintext) == ("desk-1", "10.0.0.1")
    assert event.name.subject == event.address.subject == host("desk-1").subject
    state = folded(Discovery(), [event])
    assert discovery.discover(state, COMMAND, [host("desk-1", "10.0.0.9")], MORNING + timedelta(days=9)) == []


def test_a_day_takes_so_many_new_hosts_says_once_that_there_are_more_and_the_next_day_goes_on() -> None:
    many = [host(f"desk-{number}") for number in range(MAX_HOSTS_DISCOVERED_PER_DAY + 1)]
    events = discovery.discover(Discovery(), COMMAND, many, MORNING)
    assert sum(isinstance(event, HostDiscovered) for event in events) == MAX_HOSTS_DISCOVERED_PER_DAY
    assert isinstance(events[-1], DiscoveryBounded)
    assert (events[-1].bound, events[-1].day, events[-1].limit) == (
        DiscoveryBound.DAY,
        "2026-11-24",
        MAX_HOSTS_DISCOVERED_PER_DAY,
    )
    assert not discovery.is_closed(folded(Discovery(), events[:-1]), MORNING), "it was not told yet that there are more"
    state = folded(Discovery(), events)
    assert discovery.discover(state, COMMAND, many, MORNING + timedelta(hours=1)) == []
    assert discovery.is_closed(state, MORNING)
    assert not discovery.is_closed(state, MORNING + timedelta(days=1))
    (late,) = discovery.discover(state, COMMAND, many, MORNING + timedelta(days=1))
    assert isinstance(late, HostDiscovered)


def test_a_tenant_has_only_so_many_and_that_is_said_once() -> None:
    full = Discovery(frozenset(map(str, range(MAX_HOSTS_DISCOVERED - 1))))
    first, second = discovery.discover(full, COMMAND, [host("desk-1"), host("desk-2")], MORNING)
    assert isinstance(first, HostDiscovered)
    assert isinstance(second, DiscoveryBounded)
    assert (second.bound, second.limit) == (DiscoveryBound.TENANT, MAX_HOSTS_DISCOVERED)
    state = folded(full, [first, second])
    assert discovery.is_closed(state, MORNING + timedelta(days=1))
    assert discovery.discover(state, COMMAND, [host("desk-2")], MORNING + timedelta(days=1)) == []


async def discovered(service: Service, tenant_id: str) -> list[Any]:
    """What is on record of discovery when everything that was received is archived."""
    await service.detections.side.policies.catch_up()
    entries = await service.foundation.ledger.feed.read(TenantId(tenant_id), 0, 10_000)
    return [each.event for each in entries if isinstance(each.event, HostDiscovered | DiscoveryBounded)]


async def test_what_telemetry_names_is_looked_up_by_tenant_and_recorded_once_and_sealed(service: Service) -> None:
    tenant_id, other = [TenantId(await service.running.onboard()) for _ in range(2)]
    await service.register_asset(tenant_id, "ward-1", "10.0.0.7", value=3)
    for tenant in (tenant_id, other):
        sensor = await service.sensor(tenant)
        content = lines(harmless("ward-1.clinic.example", 1), harmless("10.0.0.7", 2), harmless("stranger-7", 3))
        await service.ingest(sensor, tenant, content, batch_id="one")
        await service.ingest(sensor, tenant, content, batch_id="one")
        await service.ingest(sensor, tenant, lines(harmless("STRANGER-7", 4)), batch_id="two")
    (only,) = await discovered(service, tenant_id)
    assert (only.sensor_id, only.source) == ("sensor-1", "windows")
    assert only.name is not None
    assert len(await discovered(service, other)) == 3, "the asset of another tenant answers to nothing here"
    head = await service.foundation.ledger.feed.head(tenant_id)
    entries = await service.foundation.ledger.feed.read_entries(tenant_id, 0, head)
    assert not any(b"stranger-7" in each.entry.lower() for each in entries)


async def test_more_hosts_than_a_day_takes_are_told_of_once(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "MAX_HOSTS_DISCOVERED_PER_DAY", 2)
    tenant_id = TenantId(await service.running.onboard())
    sensor = await service.sensor(tenant_id)
    for batch in range(2):
        content = lines(*(harmless(f"stranger-{batch}-{number}", number) for number in range(3)))
        await service.ingest(sensor, tenant_id, content, batch_id=str(batch))
    events = await discovered(service, tenant_id)
    assert [type(each) for each in events] == [HostDiscovered, HostDiscovered, DiscoveryBounded]


async def test_known_hosts_are_asked_about_once_in_a_while(service: Service) -> None:
    class Assets:
        asked = 0

        async def find(self, tenant_id: TenantId, indexes: Iterable[str]) -> Mapping[str, Sequence[KnownAsset]]:
            self.asked += 1
            return {index: [KnownAsset("asset-1", 3)] for index in indexes}

    tenant_id, now, assets = TenantId(await service.running.onboard()), 0.0, Assets()
    ledger = service.foundation.ledger
    discovering = Discovering(ledger.handler, service.foundation.keys, assets, lambda: now)
    call = Call(
        tenant_id, Actor("a test", AuthenticatedBy.SERVICE, PROVIDER), "a test", "r-1", service.foundation.clock()
    )
    command = COMMAND.model_copy(update={"tenant_id": tenant_id})
    for now, asked in ((0.0, 1), (HOST_REMEMBERED_SECONDS - 1, 1), (HOST_REMEMBERED_SECONDS + 1, 2)):  # noqa: B007  # The clock reads it.
        await discovering.discover_hosts(call, command, {NamedHost("desk-1", ""): "windows"})
        assert assets.asked == asked


async def test_two_processes_and_a_second_delivery_discover_a_host_once(service: Service) -> None:
    class NoAssets:
        async def find(self, _tenant_id: TenantId, _indexes: Iterable[str]) -> Mapping[str, Sequence[KnownAsset]]:
            return {}

    tenant_id, ledger = TenantId(await service.running.onboard()), service.foundation.ledger
    actor = Actor("policy:a_test", AuthenticatedBy.SERVICE, PROVIDER)
    hosts = {NamedHost(f"stranger-{number}", ""): "windows" for number in range(5)}

    async def discover(batch: int) -> None:
        """As a process does that has just begun, and remembers nothing."""
        discovering = Discovering(ledger.handler, service.foundation.keys, NoAssets())
        call = Call(tenant_id, actor, "policy:a_test", f"batch-{batch}", service.foundation.clock())
        command = COMMAND.model_copy(
            update={"tenant_id": tenant_id, "request_id": call.request_id, "batch_position": batch}
        )
        await discovering.discover_hosts(call, command, hosts)

    await asyncio.gather(*(discover(batch) for batch in (1, 2, 1, 3)))
    await discover(1)
    names = [each.name_indexes for each in await discovered(service, tenant_id)]
    assert len(names) == len(set(names)) == len(hosts)

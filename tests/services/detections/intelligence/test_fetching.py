"""Schedules of sources through gRPC: what is fetched, matched and taken back, and what is refused with which reason."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest
from aiohttp import web
from tenet.detections.v1 import (
    detections_intelligence_pb2,
    detections_intelligence_read_pb2,
    detections_intelligence_read_pb2_grpc,
    detections_intelligence_write_pb2,
    detections_intelligence_write_pb2_grpc,
)

from contracts.events.intelligence import FetchKind, IntelligenceFetched, IntelligenceFetchScheduled
from contracts.ids import TenantId
from infra.grpc import Client
from infra.outbound.refusals import FetchRefused
from infra.outbound.sessions import Door
from services.detections.application.intelligence import fetching, misp, taxii
from services.detections.application.intelligence.fetched import Fetched
from services.detections.application.intelligence.fetching import kind_of
from tests.fixtures.customers import eventually
from tests.fixtures.platform import Platform, new_platform, request_id
from tests.services.detections.conftest import ROLE, Service
from tests.services.detections.intelligence.asking import raised, refused
from tests.services.detections.intelligence.bundles import attribute, connection, indicator, misp_event
from tests.services.detections.intelligence.loopback import LOOPBACK_NETWORKS
from tests.services.detections.intelligence.misp_server import MispServer, serving_misp
from tests.services.detections.intelligence.taxii_server import TaxiiServer, serving_taxii

KIND = detections_intelligence_pb2.IntelligenceFetchKind
AS_THE_URL_TELLS = detections_intelligence_pb2.INTELLIGENCE_FETCH_KIND_UNSPECIFIED
MISP_SERVER = detections_intelligence_pb2.INTELLIGENCE_FETCH_KIND_MISP_SERVER


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    """One whose deployment lets intelligence be fetched from this machine, where the servers of the tests are."""
    with new_platform() as made:
        allowing = {"intelligence_networks": LOOPBACK_NETWORKS}
        yield replace(made, settings=made.settings.model_copy(update=allowing))


@pytest.fixture
async def server() -> AsyncIterator[TaxiiServer]:
    async with serving_taxii() as started:
        started.objects = [
            (f"2026-11-0{number}T00:00:00.000001Z", indicator(f"[ipv4-addr:value = '198.51.100.{number}']"))
            for number in range(1, 6)
        ]
        yield started


@pytest.fixture
async def feed() -> AsyncIterator[MispServer]:
    async with serving_misp() as started:
        for number in (1, 2, 3):
            started.publish(event(number, f"198.51.100.{number}"), 1_793_491_200 + number)
        yield started


def event(number: int, *addresses: str) -> dict[str, object]:
    return misp_event(*(attribute("ip-dst", each) for each in addresses), info=f"campaign {number}")


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://t.example/api/collections/91a7b528/", FetchKind.TAXII),
        ("https://t.example/api/collections/91a7b528", FetchKind.TAXII),
        ("https://m.example/feed/manifest.json", FetchKind.MISP_FEED),
        ("https://m.example/events/restSearch", FetchKind.MISP_SERVER),
    ],
)
def test_what_is_spoken_is_told_by_how_the_url_ends(url: str, kind: FetchKind) -> None:
    assert kind_of(url) is kind


@pytest.mark.parametrize(
    "url", ["https://m.example/feed/", "https://t.example/collections/", "https://m.example/x?manifest.json"]
)
def test_a_url_that_does_not_tell_what_is_spoken_is_refused(url: str) -> None:
    with pytest.raises(FetchRefused) as caught:
        kind_of(url)
    assert caught.value.reason == "FETCH_KIND_UNKNOWN"


async def test_a_scheduled_source_is_fetched_matched_and_its_refusal_shown(
    service: Service, server: TaxiiServer
) -> None:
    tenant_id = await service.running.onboard()
    _, lead = await service.person(ROLE.ROLE_LEAD, tenant_id)
    for url, reason in (
        ("http://taxii.example.com/collections/c/", "FETCH_URL_REFUSED"),
        ("https://taxii.example.com/c/", "FETCH_KIND_UNKNOWN"),
        ("https://127.0.0.2/collections/c/", "FETCH_ADDRESS_REFUSED"),
        ("https://169.254.169.254/collections/c/", "FETCH_ADDRESS_REFUSED"),
    ):
        assert await refused(_scheduled(lead, tenant_id, url)) == reason
    assert await refused(_scheduled(lead, tenant_id, server.url, credential="none")) == "FETCH_NOT_AUTHORISED"
    await _scheduled(lead, tenant_id, server.url)
    first = await _fetch(lead, tenant_id)
    assert (first.source.version, first.source.standing) == (1, 5)
    again = await _fetch(lead, tenant_id)
    assert (again.source.version, again.position) == (1, first.position)
    await service.ingest(await service.sensor(tenant_id), tenant_id, connection("ws-1", "198.51.100.4"))
    ((event, _),) = await raised(service, tenant_id)
    assert event.indicator is not None
    assert event.indicator.source == "feed"

    server.login = "somebody:else"
    for _ in range(2):
        assert await refused(_fetch(lead, tenant_id)) == "FETCH_NOT_AUTHORISED"
    (shown,) = await _sources(lead, tenant_id)
    assert (shown.fetch.refusal, shown.standing) == ("FETCH_NOT_AUTHORISED", 5)
    server.login = ""
    server.objects.append(
        (
            "2026-11-07T00:00:00.000001Z",
            {**server.objects[3][1], "revoked": True, "modified": "2026-11-06T00:00:00Z"},
        )
    )
    third = await _fetch(lead, tenant_id)
    assert (third.source.version, third.source.standing, third.source.revoked) == (2, 4, 1)
    assert not third.source.fetch.refusal
    events = await service.foundation.ledger.feed.read(TenantId(tenant_id), 0)
    assert len([each for each in events if isinstance(each.event, IntelligenceFetched)]) == 1, "only what is news"
    assert await refused(_fetch(lead, tenant_id, source="unknown")) == "INTELLIGENCE_SOURCE_UNKNOWN"


async def test_a_misp_feed_is_polled_and_what_it_says_no_more_is_matched_no_more(
    service: Service, feed: MispServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant_id = await service.running.onboard()
    _, lead = await service.person(ROLE.ROLE_LEAD, tenant_id)
    await _scheduled(lead, tenant_id, f"http://{feed.host}/feed/manifest.json")
    first = await _fetch(lead, tenant_id)
    assert (first.source.version, first.source.standing, first.source.fetch.kind) == (
        1,
        3,
        detections_intelligence_pb2.INTELLIGENCE_FETCH_KIND_MISP_FEED,
    )
    assert (await _fetch(lead, tenant_id)).position == first.position, "nothing new is no event"

    # One event changed, with one attribute gone and another there instead; one event vanished.
    feed.publish(event(2, "198.51.100.22"), 1_793_491_300)
    del feed.events[str(event(1)["Event"]["uuid"])]  # type: ignore[index]  # JSON has no types.
    second = await _fetch(lead, tenant_id)
    assert (second.source.version, second.source.standing, second.source.objects) == (2, 2, 1)
    lines = b"".join(connection(f"ws-{each}", f"198.51.100.{each}") for each in (1, 2, 3, 22))
    await service.ingest(await service.sensor(tenant_id), tenant_id, lines)
    assert len(await raised(service, tenant_id)) == 2

    # What cannot be read is on record beside what could, once.
    feed.publish(event(3, "198.51.100.3", "198.51.100.33"), 1_793_491_400)
    feed.files[feed.publish(event(4, "198.51.100.4"), 1_793_491_401) + ".json"] = lambda: web.Response(body=b"{")
    third = await _fetch(lead, tenant_id)
    assert (third.source.version, third.source.standing, third.source.fetch.refusal) == (3, 3, "FETCH_NOT_MISP")
    assert await refused(_fetch(lead, tenant_id)) == "FETCH_NOT_MISP"
    events = await service.foundation.ledger.feed.read(TenantId(tenant_id), 0)
    assert len([each for each in events if isinstance(each.event, IntelligenceFetched)]) == 1
    feed.files.clear()
    fourth = await _fetch(lead, tenant_id)
    assert (fourth.source.standing, fourth.source.fetch.refusal) == (4, "")

    # Another place is read from its beginning: its cursor is not that of the first.
    await _scheduled(
        lead,
        tenant_id,
        f"http://{feed.host}/misp",
        kind=MISP_SERVER,
    )
    (shown,) = await _sources(lead, tenant_id)
    assert (shown.cursor, shown.standing) == ("", 4)
    monkeypatch.setattr(misp, "MAX_MISP_LOOK_EVENTS", 2)
    feed.publish(event(5, "198.51.100.5"), 1_793_491_500)
    for _ in range(3):
        last = await _fetch(lead, tenant_id)
    assert (last.source.standing, len(feed.searched) >= 3) == (5, True)
    kinds = [
        each.event.kind
        for each in await service.foundation.ledger.feed.read(TenantId(tenant_id), 0)
        if isinstance(each.event, IntelligenceFetchScheduled)
    ]
    assert kinds == [FetchKind.MISP_FEED, FetchKind.MISP_SERVER]


async def test_what_came_once_is_taken_again_when_a_source_comes_back_to_what_it_was(
    service: Service, feed: MispServer
) -> None:
    tenant_id = await service.running.onboard()
    _, lead = await service.person(ROLE.ROLE_LEAD, tenant_id)
    url = f"http://{feed.host}/feed/manifest.json"
    await _scheduled(lead, tenant_id, url)
    assert (await _fetch(lead, tenant_id)).source.standing == 3
    (gone, document), *_ = feed.events.items()
    for _ in range(2):
        del feed.events[gone]
        assert (await _fetch(lead, tenant_id)).source.standing == 2
        feed.events[gone] = document
        assert (await _fetch(lead, tenant_id)).source.standing == 3
    for _ in range(2):
        await _retired(lead, tenant_id)
        await _scheduled(lead, tenant_id, url)
        assert (await _fetch(lead, tenant_id)).source.standing == 3


async def test_a_collection_that_tells_no_times_is_taken_whenever_it_says_something_else(
    service: Service, server: TaxiiServer
) -> None:
    tenant_id = await service.running.onboard()
    _, lead = await service.person(ROLE.ROLE_LEAD, tenant_id)
    server.page, server.tells_times = 100, False
    await _scheduled(lead, tenant_id, server.url)
    for number in (6, 7):
        more = indicator(f"[ipv4-addr:value = '198.51.100.{number}']")
        server.objects.append((f"2026-11-0{number}T00:00:00.000001Z", more))
        fetched = await _fetch(lead, tenant_id)
        assert (fetched.source.standing, fetched.source.fetch.refusal) == (number, "")


async def test_a_source_that_answers_slowly_holds_up_no_other_customer(
    service: Service, server: TaxiiServer, feed: MispServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, quick = await service.running.onboard(), await service.running.onboard()
    answered = asyncio.Event()

    async def silent(_request: web.Request) -> web.Response:
        await answered.wait()
        return web.Response(status=500)

    server.misbehave = silent
    leads = {each: (await service.person(ROLE.ROLE_LEAD, each))[1] for each in (slow, quick)}
    await _scheduled(leads[slow], slow, server.url)
    await _scheduled(leads[quick], quick, f"http://{feed.host}/feed/manifest.json")

    async def fetched() -> bool:
        return bool(server.asked) and (await _sources(leads[quick], quick))[0].version == 1

    monkeypatch.setattr(fetching, "LOOK_SECONDS", 0.2)
    running = asyncio.create_task(service.detections.fetching.run())
    try:
        await eventually(fetched, 60.0)
        assert not (await _sources(leads[slow], slow))[0].fetch.refusal, "it is still waited for"
    finally:
        answered.set()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_fault_that_one_customers_source_finds_ends_nobody_elses_fetches(
    service: Service, server: TaxiiServer, feed: MispServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    finds, other = await service.running.onboard(), await service.running.onboard()
    leads = {each: (await service.person(ROLE.ROLE_LEAD, each))[1] for each in (finds, other)}
    await _scheduled(leads[finds], finds, server.url)
    fetch, found = taxii.fetch, asyncio.Event()

    def faulty(door: Door, cursor: str | None) -> Fetched:
        if door.url == server.url:
            running.get_loop().call_soon_threadsafe(found.set)
            raise ZeroDivisionError
        return fetch(door, cursor)

    monkeypatch.setattr(taxii, "fetch", faulty)
    monkeypatch.setattr(fetching, "LOOK_SECONDS", 0.1)
    running = asyncio.create_task(service.detections.fetching.run())

    async def fetched() -> bool:
        return (await _sources(leads[other], other))[0].version == 1

    try:
        async with asyncio.timeout(60):
            await found.wait()
        await _scheduled(leads[other], other, f"http://{feed.host}/feed/manifest.json")
        await eventually(fetched, 60.0)
        assert not running.done()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _scheduled(
    lead: Client,
    tenant_id: str,
    url: str,
    credential: str = "",
    kind: "KIND.ValueType" = AS_THE_URL_TELLS,
) -> object:
    stub = lead.stub(detections_intelligence_write_pb2_grpc.IntelligenceWriteServiceStub)
    request = detections_intelligence_write_pb2.ScheduleIntelligenceFetchRequest(
        tenant_id=tenant_id,
        request_id=request_id(),
        source="feed",
        url=url,
        credential=credential,
        interval_minutes=60,
        kind=kind,
    )
    return await lead.call(stub.ScheduleIntelligenceFetch, request)


async def _retired(lead: Client, tenant_id: str) -> None:
    stub = lead.stub(detections_intelligence_write_pb2_grpc.IntelligenceWriteServiceStub)
    request = detections_intelligence_write_pb2.RetireIntelligenceSourceRequest(
        tenant_id=tenant_id, request_id=request_id(), source="feed"
    )
    await lead.call(stub.RetireIntelligenceSource, request)


async def _fetch(
    lead: Client, tenant_id: str, source: str = "feed"
) -> detections_intelligence_write_pb2.FetchIntelligenceResponse:
    stub = lead.stub(detections_intelligence_write_pb2_grpc.IntelligenceWriteServiceStub)
    request = detections_intelligence_write_pb2.FetchIntelligenceRequest(
        tenant_id=tenant_id, request_id=request_id(), source=source
    )
    answer: detections_intelligence_write_pb2.FetchIntelligenceResponse = await lead.call(
        stub.FetchIntelligence, request, deadline=60
    )
    return answer


async def _sources(lead: Client, tenant_id: str) -> list[detections_intelligence_pb2.IntelligenceSource]:
    stub = lead.stub(detections_intelligence_read_pb2_grpc.IntelligenceReadServiceStub)
    request = detections_intelligence_read_pb2.ListIntelligenceSourcesRequest(tenant_id=tenant_id)
    return list((await lead.call(stub.ListIntelligenceSources, request)).sources)

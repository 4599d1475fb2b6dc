"""Fetching from a TAXII 2.1 server: pages, cursors, schedules, and each way in which a fetch is refused."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from tenet.detections.v1 import (
    detections_intelligence_pb2,
    detections_intelligence_read_pb2,
    detections_intelligence_read_pb2_grpc,
    detections_intelligence_write_pb2,
    detections_intelligence_write_pb2_grpc,
)

from contracts.events.intelligence import IntelligenceFetched
from contracts.ids import TenantId
from infra.grpc import Client
from services.detections.application.intelligence import taxii
from services.detections.application.intelligence.taxii import Credential, FetchRefused, fetch
from tests.fixtures.platform import request_id
from tests.services.detections.conftest import ROLE, Service
from tests.services.detections.intelligence.asking import raised, refused
from tests.services.detections.intelligence.bundles import connection, indicator
from tests.services.detections.intelligence.taxii_server import MEDIA_TYPE, TaxiiServer, serving_taxii


@pytest.fixture
async def server() -> AsyncIterator[TaxiiServer]:
    async with serving_taxii() as started:
        started.objects = [
            (f"2026-11-0{number}T00:00:00.000001Z", indicator(f"[ipv4-addr:value = '198.51.100.{number}']"))
            for number in range(1, 6)
        ]
        yield started


async def fetched(server: TaxiiServer, cursor: str | None = None, login: str = "") -> taxii.Fetched:
    credential = Credential.of(login) if login else None
    return await asyncio.to_thread(fetch, server.url, credential, cursor)


async def test_all_pages_are_read_and_the_cursor_goes_on_from_the_last_object(server: TaxiiServer) -> None:
    found = await fetched(server)
    assert (found.objects, found.cursor) == (5, "2026-11-05T00:00:00.000001Z")
    assert [each.get("next") for each in server.asked] == [None, "2", "4"]
    nothing = await fetched(server, found.cursor)
    assert (nothing.objects, nothing.cursor) == (0, found.cursor)
    server.objects.append(("2026-11-06T00:00:00.000001Z", indicator("[ipv4-addr:value = '198.51.100.6']")))
    assert (await fetched(server, found.cursor)).objects == 1


async def test_a_login_is_sent_to_its_own_host_only(server: TaxiiServer) -> None:
    server.login = "tenet:s3cret@:x"
    assert (await fetched(server, login=f"{server.login}@{server.host}")).objects == 5
    for login in ("", f"tenet:wrong@{server.host}", f"{server.login}@taxii.example.com"):
        with pytest.raises(FetchRefused) as refused_:
            await fetched(server, login=login)
        assert refused_.value.reason == "FETCH_NOT_AUTHORISED"


def _said(value: object, content_type: str = MEDIA_TYPE) -> web.Response:
    return web.Response(body=json.dumps(value).encode(), headers={"Content-Type": content_type})


async def _slow(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": MEDIA_TYPE})
    await response.prepare(request)
    for _ in range(200):
        await response.write(b" " * 70_000)
        await asyncio.sleep(0.02)
    return response


def _elsewhere(_request: web.Request) -> web.Response:
    return web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"})


@pytest.mark.parametrize(
    ("misbehave", "reason"),
    [
        (lambda _: _said({"objects": []}, "text/html"), "FETCH_NOT_TAXII"),
        (lambda _: web.Response(body=b"{", headers={"Content-Type": MEDIA_TYPE}), "FETCH_NOT_TAXII"),
        (lambda _: _said([1, 2]), "FETCH_NOT_TAXII"),
        (lambda _: _said({"objects": 5}), "FETCH_NOT_TAXII"),
        (lambda _: _said({"objects": [], "more": True, "next": "x"}), "FETCH_NOT_TAXII"),
        (lambda _: _said({"objects": [1], "more": True}), "FETCH_NOT_TAXII"),
        (lambda _: _said({"objects": [1], "more": True, "next": "same"}), "FETCH_TOO_LARGE"),
        (lambda _: web.Response(status=500), "FETCH_NOT_TAXII"),
        (lambda _: web.Response(status=403), "FETCH_NOT_AUTHORISED"),
        (_elsewhere, "FETCH_NOT_TAXII"),
        (lambda _: web.Response(body=b" " * 13_000_000, headers={"Content-Type": MEDIA_TYPE}), "FETCH_TOO_LARGE"),
        (_slow, "FETCH_TOO_SLOW"),
    ],
)  # fmt: skip
async def test_what_does_not_speak_taxii_within_limits_is_refused(
    server: TaxiiServer, monkeypatch: pytest.MonkeyPatch, misbehave: object, reason: str
) -> None:
    monkeypatch.setattr(taxii, "FETCH_SECONDS", 1 if misbehave is _slow else 60)
    monkeypatch.setattr(taxii, "MAX_FETCH_PAGES", 5)
    server.misbehave = misbehave  # type: ignore[assignment]  # Answers, at once or after a while.
    with pytest.raises(FetchRefused) as refused_:
        await fetched(server)
    assert refused_.value.reason == reason


@pytest.mark.parametrize(
    "url",
    ["http://taxii.example.com/c/", "ftp://x/", "https://user:pw@taxii.example.com/", "https:///x", "file:///etc"],
)
def test_only_https_is_spoken_with_others(url: str) -> None:
    with pytest.raises(FetchRefused) as refused_:
        fetch(url, None, None)
    assert refused_.value.reason == "FETCH_URL_REFUSED"


def test_a_server_that_is_not_there_is_unreachable() -> None:
    with pytest.raises(FetchRefused) as refused_:
        fetch("http://127.0.0.1:1/c/", None, None)
    assert refused_.value.reason == "FETCH_UNREACHABLE"


async def test_a_scheduled_source_is_fetched_matched_and_its_refusal_shown(
    service: Service, server: TaxiiServer
) -> None:
    tenant_id = await service.running.onboard()
    _, lead = await service.person(ROLE.ROLE_LEAD, tenant_id)
    assert await refused(_scheduled(lead, tenant_id, "http://taxii.example.com/c/")) == "FETCH_URL_REFUSED"
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


async def _scheduled(lead: Client, tenant_id: str, url: str, credential: str = "") -> object:
    stub = lead.stub(detections_intelligence_write_pb2_grpc.IntelligenceWriteServiceStub)
    request = detections_intelligence_write_pb2.ScheduleIntelligenceFetchRequest(
        tenant_id=tenant_id,
        request_id=request_id(),
        source="feed",
        url=url,
        credential=credential,
        interval_minutes=60,
    )
    return await lead.call(stub.ScheduleIntelligenceFetch, request)


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

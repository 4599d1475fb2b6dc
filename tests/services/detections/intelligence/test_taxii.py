"""Fetching from a TAXII 2.1 server: pages, cursors, and each way in which a fetch is refused."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from infra.outbound import sessions
from infra.outbound.refusals import FetchRefused
from infra.outbound.sessions import Credential, Door
from services.detections.application.intelligence import taxii
from services.detections.application.intelligence.fetched import Fetched
from tests.services.detections.intelligence.bundles import indicator
from tests.services.detections.intelligence.loopback import LOOPBACK_ALLOWED
from tests.services.detections.intelligence.taxii_server import MEDIA_TYPE, TaxiiServer, serving_taxii


@pytest.fixture
async def server() -> AsyncIterator[TaxiiServer]:
    async with serving_taxii() as started:
        started.objects = [
            (f"2026-11-0{number}T00:00:00.000001Z", indicator(f"[ipv4-addr:value = '198.51.100.{number}']"))
            for number in range(1, 6)
        ]
        yield started


async def fetched(server: TaxiiServer, cursor: str | None = None, login: str = "") -> Fetched:
    credential = Credential.of(login) if login else None
    return await asyncio.to_thread(taxii.fetch, Door(server.url, credential, LOOPBACK_ALLOWED), cursor)


def objects(found: Fetched) -> int:
    return len(json.loads(found.content)["objects"])


async def test_all_pages_are_read_and_the_cursor_goes_on_from_the_last_object(server: TaxiiServer) -> None:
    found = await fetched(server)
    assert (objects(found), found.cursor) == (5, "2026-11-05T00:00:00.000001Z")
    assert [each.get("next") for each in server.asked] == [None, "2", "4"]
    nothing = await fetched(server, found.cursor)
    assert (nothing.is_news, nothing.cursor) == (False, found.cursor)
    server.objects.append(("2026-11-06T00:00:00.000001Z", indicator("[ipv4-addr:value = '198.51.100.6']")))
    assert objects(await fetched(server, found.cursor)) == 1


async def test_a_login_is_sent_to_its_own_host_only(server: TaxiiServer) -> None:
    server.login = "tenet:s3cret@:x"
    assert objects(await fetched(server, login=f"{server.login}@{server.host}")) == 5
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
        (lambda _: web.Response(status=500), "FETCH_SERVER_FAILED"),
        (lambda _: web.Response(status=403), "FETCH_NOT_AUTHORISED"),
        (_elsewhere, "FETCH_NOT_TAXII"),
        (lambda _: web.Response(body=b" " * 13_000_000, headers={"Content-Type": MEDIA_TYPE}), "FETCH_TOO_LARGE"),
        (_slow, "FETCH_TOO_SLOW"),
    ],
)  # fmt: skip
async def test_what_does_not_speak_taxii_within_limits_is_refused(
    server: TaxiiServer, monkeypatch: pytest.MonkeyPatch, misbehave: object, reason: str
) -> None:
    monkeypatch.setattr(sessions, "FETCH_SECONDS", 1 if misbehave is _slow else 60)
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
        taxii.fetch(Door(url, None, LOOPBACK_ALLOWED), None)
    assert refused_.value.reason == "FETCH_URL_REFUSED"


def test_a_server_that_is_not_there_is_unreachable() -> None:
    with pytest.raises(FetchRefused) as refused_:
        taxii.fetch(Door("http://127.0.0.1:1/c/", None, LOOPBACK_ALLOWED), None)
    assert refused_.value.reason == "FETCH_UNREACHABLE"

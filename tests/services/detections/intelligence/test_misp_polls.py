"""Polling a MISP feed and a MISP server: only what changed, within limits, and each way in which it is refused."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import orjson
import pytest
from aiohttp import web

from infra.outbound import sessions
from infra.outbound.refusals import FetchRefused
from services.detections.application.intelligence import misp
from services.detections.application.intelligence.fetched import Fetched
from services.detections.domain.intelligence.misp_polls import NotSeen, Seen, decode, encode
from tests.services.detections.intelligence.bundles import attribute, misp_event
from tests.services.detections.intelligence.misp_server import MispServer, serving_misp


@pytest.fixture
async def server() -> AsyncIterator[MispServer]:
    async with serving_misp() as started:
        for number in range(1, 4):
            started.publish(event(number), 1_793_491_200 + number)
        yield started


def event(number: int, *more: dict[str, Any]) -> dict[str, Any]:
    return misp_event(attribute("ip-dst", f"198.51.100.{number}"), *more, info=f"campaign {number}")


def uuid_of(number: int) -> str:
    return str(event(number)["Event"]["uuid"])


async def fed(server: MispServer, seen: Seen | None = None, key: str = "") -> Fetched:
    return await asyncio.to_thread(misp.fetch_feed, server.door("feed", key), seen or Seen())


async def searched(server: MispServer, seen: Seen | None = None, key: str = "") -> Fetched:
    return await asyncio.to_thread(misp.fetch_server, server.door("server", key), seen or Seen())


def uuids(found: Fetched) -> list[str]:
    return [each["Event"]["uuid"] for each in orjson.loads(gzip.decompress(found.content))["response"]]


def state(found: Fetched) -> Seen:
    """What the next look begins with, as it comes back from the object store."""
    assert found.seen is not None
    return decode(encode(found.seen))


async def reason_of(look: Awaitable[object]) -> str:
    with pytest.raises(FetchRefused) as caught:
        await look
    return caught.value.reason


async def test_a_feed_is_read_once_and_then_only_what_changed(server: MispServer) -> None:
    first = await fed(server)
    assert uuids(first) == [uuid_of(number) for number in (3, 2, 1)], "the latest change first"
    server.asked.clear()
    second = await fed(server, state(first))
    assert (second.is_news, second.refusal, server.asked) == (False, None, ["manifest.json"])
    server.publish(event(2, attribute("domain", "new.example")), 1_793_491_300)
    third = await fed(server, state(second))
    assert uuids(third) == [uuid_of(2)]
    assert not (await fed(server, state(third))).is_news


async def test_an_event_that_a_feed_has_no_more_is_told(server: MispServer) -> None:
    first = await fed(server)
    del server.events[uuid_of(1)]
    second = await fed(server, state(first))
    assert (second.is_news, uuids(second)) == (True, [])
    assert second.published == frozenset({uuid_of(2), uuid_of(3)})
    assert not (await fed(server, state(second))).is_news


async def test_an_event_that_cannot_be_read_keeps_no_other_from_it_and_is_asked_for_again(
    server: MispServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(misp, "MAX_MISP_ANSWER_BYTES", 100_000)
    name = f"{uuid_of(2)}.json"
    for answer, reason in (
        (lambda: web.Response(body=b'{"Event": {'), "FETCH_NOT_MISP"),
        (lambda: web.Response(body=b'{"Event":' + b"[" * 5_000), "FETCH_NOT_MISP"),
        (lambda: web.json_response(event(9)), "FETCH_NOT_MISP"),
        (lambda: web.json_response([event(2), event(9)]), "FETCH_NOT_MISP"),
        (lambda: web.Response(status=404), "FETCH_NOT_MISP"),
        (lambda: web.Response(body=b" " * 200_000), "FETCH_TOO_LARGE"),
    ):
        server.files[name] = answer
        found = await fed(server)
        assert uuids(found) == [uuid_of(3), uuid_of(1)]
        assert found.refusal is not None
        assert (found.refusal.reason, found.more) == (reason, False)
        assert await reason_of(fed(server, state(found))) == reason, "with nothing else new there is only the refusal"
    server.files.clear()
    assert uuids(await fed(server, state(found))) == [uuid_of(2)]


async def test_what_was_read_while_a_server_failed_at_others_is_kept(server: MispServer) -> None:
    server.files[f"{uuid_of(2)}.json"] = lambda: web.Response(status=503)
    found = await fed(server)
    assert uuids(found) == [uuid_of(3), uuid_of(1)]
    assert found.refusal is not None
    assert found.refusal.reason == "FETCH_SERVER_FAILED"
    server.files.clear()
    assert uuids(await fed(server, state(found))) == [uuid_of(2)]


async def test_a_server_that_fails_at_everything_is_not_asked_for_all_of_it(server: MispServer) -> None:
    for number in range(1, 12):
        server.files[server.publish(event(number), 1_793_492_000 + number) + ".json"] = lambda: web.Response(status=500)
    assert await reason_of(fed(server)) == "FETCH_SERVER_FAILED"
    assert len(server.asked) == 1 + misp.MAX_MISP_FAILURES + 1


async def test_an_event_that_no_document_has_room_for_holds_up_no_other(
    server: MispServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(misp, "MAX_INTELLIGENCE_OBJECTS", 2)
    server.publish(event(3, attribute("domain", "a.example"), attribute("domain", "b.example")), 1_793_491_300)
    found = await fed(server)
    assert uuids(found) == [uuid_of(2), uuid_of(1)]
    assert found.refusal is not None
    assert found.refusal.reason == "FETCH_TOO_LARGE"
    server.publish(event(4), 1_793_491_400)
    read = [await searched(server)]
    while read[-1].more and len(read) < 5:
        read.append(await searched(server, state(read[-1])))
    assert [uuids(each) for each in read] == [[uuid_of(1), uuid_of(2)], [uuid_of(4)]]
    assert read[-1].refusal is not None
    assert read[-1].refusal.reason == "FETCH_TOO_LARGE"


def _manifest(**said: Any) -> Callable[[], web.Response]:
    return lambda: web.json_response(said)


def _elsewhere() -> web.Response:
    return web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"})


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        (lambda: web.Response(body=b"{"), "FETCH_NOT_MISP"),
        (lambda: web.json_response([]), "FETCH_NOT_MISP"),
        (_manifest(), "FETCH_NOT_MISP"),
        (_manifest(**{"../../etc/passwd": {"timestamp": "1"}}), "FETCH_NOT_MISP"),
        (_manifest(**{uuid_of(1): {"timestamp": "soon"}}), "FETCH_NOT_MISP"),
        (lambda: web.Response(status=500), "FETCH_SERVER_FAILED"),
        (lambda: web.Response(status=401), "FETCH_NOT_AUTHORISED"),
        (lambda: web.Response(status=404), "FETCH_NOT_MISP"),
        (_elsewhere, "FETCH_NOT_MISP"),
        (lambda: web.Response(body=b" " * 13_000_000), "FETCH_TOO_LARGE"),
    ],
)  # fmt: skip
async def test_a_manifest_that_is_none_is_refused(
    server: MispServer, manifest: Callable[[], web.Response], reason: str
) -> None:
    server.files["manifest.json"] = manifest
    assert await reason_of(fed(server)) == reason
    assert server.asked == ["manifest.json"]


async def test_one_look_is_bounded_and_the_next_goes_on(server: MispServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for limits in (
        {"MAX_MISP_LOOK_EVENTS": 1},
        {"MAX_INTELLIGENCE_OBJECTS": 1},
        {"MAX_MISP_LOOK_BYTES": 1_100, "MAX_MISP_ANSWER_BYTES": 600},
    ):
        with monkeypatch.context() as patched:
            for name, value in limits.items():
                patched.setattr(misp, name, value)
            looks = [await fed(server)]
            while looks[-1].more:
                looks.append(await fed(server, state(looks[-1])))
            assert [uuids(each) for each in looks] == [[uuid_of(3)], [uuid_of(2)], [uuid_of(1)]], limits
    monkeypatch.setattr(sessions, "FETCH_SECONDS", -1)
    assert await reason_of(fed(server)) == "FETCH_TOO_SLOW"


async def test_a_key_is_sent_to_its_own_host_only(server: MispServer) -> None:
    server.key = "0" * 40
    for look in (fed, searched):
        assert len(uuids(await look(server, key=server.key))) == 3
        assert await reason_of(look(server)) == "FETCH_NOT_AUTHORISED"
        assert await reason_of(look(server, key="1" * 40)) == "FETCH_NOT_AUTHORISED"


async def test_a_server_is_searched_page_by_page_and_then_from_the_last_publication(
    server: MispServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(misp, "MISP_PAGE_EVENTS", 2)
    first = await searched(server)
    assert uuids(first) == [uuid_of(number) for number in (1, 2, 3)]
    assert [each["page"] for each in server.searched] == [1, 2, 3]
    second = await searched(server, state(first))
    assert (second.is_news, server.searched[-1]["publish_timestamp"]) == (False, 1_793_491_203)
    server.publish(event(1, attribute("domain", "new.example")), 1_793_491_300)
    third = await searched(server, state(second))
    assert uuids(third) == [uuid_of(1)]
    assert not (await searched(server, state(third))).is_news


async def test_a_search_that_is_cut_goes_on_where_it_was(server: MispServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(misp, "MISP_PAGE_EVENTS", 1)
    monkeypatch.setattr(misp, "MAX_MISP_LOOK_EVENTS", 1)
    looks = [await searched(server)]
    while looks[-1].more:
        looks.append(await searched(server, state(looks[-1])))
    assert [uuid for each in looks for uuid in uuids(each)] == [uuid_of(number) for number in (1, 2, 3)]
    assert not (await searched(server, state(looks[-1]))).is_news


async def test_a_page_that_is_too_large_is_read_event_by_event(
    server: MispServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(misp, "MAX_MISP_ANSWER_BYTES", 4_000)
    server.publish(event(2, *(attribute("comment", "x" * 100, uuid="") for _ in range(40))), 1_793_491_205)
    found = await searched(server)
    assert uuids(found) == [uuid_of(1), uuid_of(3)]
    assert found.refusal is not None
    assert found.refusal.reason == "FETCH_TOO_LARGE"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda: web.Response(body=b"{"), "FETCH_NOT_MISP"),
        (lambda: web.json_response({"response": {}}), "FETCH_NOT_MISP"),
        (lambda: web.json_response([]), "FETCH_NOT_MISP"),
        (lambda: web.Response(status=502), "FETCH_SERVER_FAILED"),
        (lambda: web.Response(status=403), "FETCH_NOT_AUTHORISED"),
        (_elsewhere, "FETCH_NOT_MISP"),
    ],
)  # fmt: skip
async def test_a_search_that_is_none_is_refused(
    server: MispServer, answer: Callable[[], web.Response], reason: str
) -> None:
    server.misbehave = lambda _: answer()
    assert await reason_of(searched(server)) == reason


def test_what_was_read_comes_back_as_it_was_kept_and_nothing_else_does() -> None:
    seen = Seen({uuid_of(1): 5, uuid_of(2): 7}, 3, 2)
    assert decode(encode(seen)) == seen
    for data in (b"", b"{}", encode(seen)[:-3]):
        with pytest.raises(NotSeen):
            decode(data)

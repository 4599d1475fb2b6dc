"""Feeds of vulnerabilities on a schedule: fetched when they changed, within reach, and a refusal stands beside them."""

import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from tenet.assets.v1 import assets_pb2 as pb
from tenet.assets.v1 import assets_vulnerabilities_admin_pb2 as admin
from tenet.assets.v1 import assets_vulnerabilities_admin_pb2_grpc as admin_grpc
from tenet.assets.v1 import assets_vulnerabilities_read_pb2 as read
from tenet.assets.v1 import assets_vulnerabilities_read_pb2_grpc as read_grpc

from infra.grpc import Client
from infra.outbound import sessions
from infra.read_database.turns import in_background
from services.assets import wiring
from services.assets.application import feed_fetching
from tests.fixtures.customers import eventually, refusal
from tests.fixtures.platform import Platform, new_platform, request_id
from tests.services.assets.feeds import DOOR, VALVE, epss, kev
from tests.services.assets.world import AssetsWorld, assets_world
from tests.services.detections.intelligence.loopback import LOOPBACK_NETWORKS

KEV, EPSS = pb.VULNERABILITY_FEED_KEV, pb.VULNERABILITY_FEED_EPSS
FIRST = kev("2026.03.02", "2026-03-02T00:00:00Z", DOOR)
SECOND = kev("2026.03.03", "2026-03-03T00:00:00Z", DOOR, VALVE)


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    """One whose deployment lets feeds be fetched from this machine, where the publisher of the tests is."""
    with new_platform() as made:
        yield replace(made, settings=made.settings.model_copy(update={"intelligence_networks": LOOPBACK_NETWORKS}))


@pytest.fixture
async def world(platform: Platform) -> AsyncIterator[AssetsWorld]:
    async with assets_world(platform) as made:
        yield made


class Publisher:
    """Serves `content` under its ETag; `/moved` leads there, `/away` to where nobody may go, `/round` to itself."""

    def __init__(self) -> None:
        self.content, self.status, self.url = FIRST, 200, ""
        self.answered: list[int] = []

    async def feed(self, request: web.Request) -> web.Response:
        tag = f'"{hashlib.sha256(self.content).hexdigest()}"'
        if self.status != 200:
            status, body = self.status, b""
        elif request.headers.get("If-None-Match") == tag:
            status, body = 304, b""
        else:
            status, body = 200, self.content
        self.answered.append(status)
        return web.Response(status=status, body=body, headers={"ETag": tag})

    async def lead(self, request: web.Request) -> web.Response:
        places = {"/moved": "/feed", "/away": "https://10.0.0.1/feed", "/round": "/round"}
        return web.Response(status=302, headers={"Location": places[request.path]})


@asynccontextmanager
async def publishing() -> AsyncIterator[Publisher]:
    publisher = Publisher()
    application = web.Application()
    application.router.add_get("/feed", publisher.feed)
    for path in ("/moved", "/away", "/round"):
        application.router.add_get(path, publisher.lead)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        publisher.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield publisher
    finally:
        await runner.cleanup()


@pytest.fixture
async def publisher() -> AsyncIterator[Publisher]:
    async with publishing() as started:
        yield started


class Lead:
    """A lead of the provider who keeps the schedules."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._admin: Any = client.stub(admin_grpc.VulnerabilitiesAdminServiceStub)
        self._read: Any = client.stub(read_grpc.VulnerabilitiesReadServiceStub)

    async def schedule(self, url: str, feed: Any = KEV, **more: object) -> int:
        fields: dict[str, Any] = {"request_id": request_id(), "interval_minutes": 60} | more
        request = admin.ScheduleVulnerabilityFeedRequest(feed=feed, url=url, **fields)
        return int((await self.client.call(self._admin.ScheduleVulnerabilityFeed, request)).position)

    async def fetch(self, feed: Any = KEV) -> admin.FetchVulnerabilityFeedResponse:
        request = admin.FetchVulnerabilityFeedRequest(request_id=request_id(), feed=feed)
        answer: admin.FetchVulnerabilityFeedResponse = await self.client.call(
            self._admin.FetchVulnerabilityFeed, request, deadline=60
        )
        return answer

    async def unschedule(self, feed: Any = KEV) -> int:
        request = admin.UnscheduleVulnerabilityFeedRequest(request_id=request_id(), feed=feed)
        return int((await self.client.call(self._admin.UnscheduleVulnerabilityFeed, request)).position)

    async def schedules(self) -> list[read.FeedSchedule]:
        answer = await self.client.call(self._read.ListVulnerabilityFeeds, read.ListVulnerabilityFeedsRequest())
        return list(answer.schedules)

    async def known(self, cve: str) -> read.GetVulnerabilityResponse:
        request = read.GetVulnerabilityRequest(vulnerability_id=cve)
        answer: read.GetVulnerabilityResponse = await self.client.call(self._read.GetVulnerability, request)
        return answer


@pytest.fixture
async def lead(world: AssetsWorld) -> AsyncIterator[Lead]:
    made = Lead(await world.lead())
    yield made
    for each in await made.schedules():
        await made.unschedule(each.feed)


async def test_a_feed_is_fetched_and_sent_again_only_when_it_changed(lead: Lead, publisher: Publisher) -> None:
    scheduled = await lead.schedule(f"{publisher.url}/feed")
    assert await lead.schedule(f"{publisher.url}/feed") <= scheduled, "the same schedule again is no news"
    first = await lead.fetch()
    assert (first.version, first.recorded) == ("2026.03.02", True)
    assert (await lead.known(DOOR)).listed
    again = await lead.fetch()
    assert (again.version, again.recorded, again.position) == ("2026.03.02", False, first.position)
    publisher.content = SECOND
    second = await lead.fetch()
    assert (second.version, second.recorded) == ("2026.03.03", True)
    assert (await lead.known(VALVE)).listed
    assert publisher.answered == [200, 304, 200]

    # A schedule that leads elsewhere asks there for all of it.
    await lead.schedule(f"{publisher.url}/moved", EPSS)
    publisher.content = epss("2026-03-01", {VALVE: "0.5"})
    assert (await lead.fetch(EPSS)).recorded
    assert (await lead.known(VALVE)).likelihood_millionths == 500_000


async def test_what_goes_wrong_stands_beside_the_schedule_until_it_goes_well(lead: Lead, publisher: Publisher) -> None:
    assert (await refusal(lead.fetch())).reason == "FEED_NOT_SCHEDULED"
    assert (await refusal(lead.unschedule())).reason == "FEED_NOT_SCHEDULED"
    await lead.schedule(f"{publisher.url}/feed")
    for status, reason in ((404, "FETCH_NOT_FEED"), (403, "FETCH_NOT_AUTHORISED"), (503, "FETCH_SERVER_FAILED")):
        publisher.status = status
        assert (await refusal(lead.fetch())).reason == reason
        assert [each.refusal for each in await lead.schedules()] == [reason]
    (before,) = await lead.schedules()
    assert (await refusal(lead.fetch())).reason == before.refusal
    assert (await lead.schedules())[0].position == before.position, "the same refusal again is no news"
    publisher.status, publisher.content = 200, b"{}"
    assert (await refusal(lead.fetch())).reason == "FEED_UNREADABLE"
    publisher.content = kev("2026.03.04", "2026-03-04T00:00:00Z", DOOR)
    assert (await lead.fetch()).recorded
    assert not (await lead.schedules())[0].HasField("refusal")
    publisher.content = kev("2026.03.01", "2026-03-01T00:00:00Z", DOOR)
    assert (await refusal(lead.fetch())).reason == "FEED_OUTDATED"


async def test_a_feed_is_fetched_only_where_the_deployment_lets_it_be(lead: Lead, publisher: Publisher) -> None:
    for url, reason in (
        ("http://cisa.example/kev.json", "FETCH_URL_REFUSED"),
        ("https://user:secret@cisa.example/kev.json", "FETCH_URL_REFUSED"),
        ("https://10.0.0.1/kev.json", "FETCH_ADDRESS_REFUSED"),
        ("https://[::1]/kev.json", "FETCH_ADDRESS_REFUSED"),
        ("https://169.254.169.254/latest", "FETCH_ADDRESS_REFUSED"),
    ):
        assert (await refusal(lead.schedule(url))).reason == reason, url
    assert await lead.schedules() == []
    await lead.schedule(f"{publisher.url}/away")
    assert (await refusal(lead.fetch())).reason == "FETCH_ADDRESS_REFUSED"
    await lead.schedule(f"{publisher.url}/round")
    assert (await refusal(lead.fetch())).reason == "FETCH_NOT_FEED"


async def test_what_is_too_large_or_too_slow_is_given_up(
    lead: Lead, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lead.schedule(f"{publisher.url}/feed")
    with monkeypatch.context() as patched:
        patched.setattr(feed_fetching, "MAX_FETCHED_FEED_BYTES", 100)
        assert (await refusal(lead.fetch())).reason == "FETCH_TOO_LARGE"
    monkeypatch.setattr(sessions, "FETCH_SECONDS", -1)
    assert (await refusal(lead.fetch())).reason == "FETCH_TOO_SLOW"


async def test_only_a_lead_of_the_provider_schedules(world: AssetsWorld, publisher: Publisher) -> None:
    for client in (world.analyst, world.approver):
        assert (await refusal(Lead(client).schedule(f"{publisher.url}/feed"))).reason in (
            "ROLE_MISSING",
            "NOT_PROVIDER",
        )


async def test_what_is_due_is_fetched_without_being_asked(world: AssetsWorld, lead: Lead, publisher: Publisher) -> None:
    publisher.content = kev("2026.03.05", "2026-03-05T00:00:00Z", DOOR)
    await lead.schedule(f"{publisher.url}/feed")

    async def imported() -> bool:
        return any(each.version == "2026.03.05" for each in (await lead.known(DOOR)).feeds)

    async with in_background("feed fetching", wiring.wire(world.foundation).fetching.run()):
        await eventually(imported)
    assert publisher.answered == [200]

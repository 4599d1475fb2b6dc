"""Fetches vulnerability feeds that have a schedule. A fetch that brings nothing is on record only where that is news.

What a server said last of its content's state (ETag, Last-Modified; RFC 9110, section 13) is asked about with the next
fetch, so that a feed that has not changed is not sent again. A process that is new asks for it once without.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from urllib.parse import urljoin

import requests
import structlog

from contracts.calls import Actor, AuthenticatedBy, Call
from contracts.errors import TenetError
from contracts.events.assets import VulnerabilityFeed, VulnerabilityFeedScheduled
from contracts.ids import PROVIDER, derive_id
from contracts.roles import Role
from infra.event_store.handler import Committed
from infra.outbound.reach import Reach
from infra.outbound.refusals import FetchRefused, named
from infra.outbound.sessions import Door
from services.assets.application.vulnerability_feeds import VulnerabilityFeeds
from services.assets.config import FETCH_LOOK_SECONDS, MAX_FETCH_REDIRECTIONS, MAX_FETCHED_FEED_BYTES
from services.assets.domain.commands import NoteVulnerabilityFeedFetch, ScheduleVulnerabilityFeed
from services.assets.domain.errors import FeedNotScheduled

ACTOR = "policy:fetch_vulnerability_feeds"
_NOT_MODIFIED = 304
_CONDITIONS = {"ETag": "If-None-Match", "Last-Modified": "If-Modified-Since"}

log = structlog.get_logger()


class FetchNotFeed(FetchRefused):
    """What answers has no feed there."""

    reason = "FETCH_NOT_FEED"


@dataclass(frozen=True, slots=True)
class _Served:
    """What a URL serves: None where it is what it was before; and how to ask about it the next time."""

    url: str
    content: bytes | None
    conditions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FetchedFeed:
    """The version that is at hand after a fetch, empty where there is none, and whether the fetch brought it."""

    version: str
    recorded: bool
    position: int


class FeedFetching:
    """`run` until cancelled, or `fetch_vulnerability_feed` once."""

    def __init__(self, feeds: VulnerabilityFeeds, reach: Reach, clock: Callable[[], datetime]) -> None:
        self._feeds, self._reach, self._clock = feeds, reach, clock
        self._served: dict[VulnerabilityFeed, _Served] = {}
        self._begun: dict[VulnerabilityFeed, tuple[VulnerabilityFeedScheduled, float]] = {}

    async def schedule_vulnerability_feed(self, call: Call, command: ScheduleVulnerabilityFeed) -> Committed:
        """Raises FetchUrlRefused, FetchAddressRefused."""
        self._reach.check_url(command.url)
        return await self._feeds.schedule_vulnerability_feed(call, command)

    async def fetch_vulnerability_feed(self, call: Call, feed: VulnerabilityFeed) -> FetchedFeed:
        """Fetches now. A refusal is on record beside the schedule.

        Raises FeedNotScheduled, FetchRefused, and what an import raises.
        """
        state, _ = await self._feeds.state_of(feed)
        if state.schedule is None:
            raise FeedNotScheduled(feed.value)
        known = self._served.get(feed)
        conditions = known.conditions if known and known.url == state.schedule.url else {}
        brought: Committed | None = None
        try:
            served = await asyncio.to_thread(self._ask, state.schedule.url, conditions)
            if served.content is not None:
                # Two processes that fetch the same after the same make one request, which has one effect.
                sha256 = hashlib.sha256(served.content).hexdigest()
                own = replace(call, request_id=derive_id("request", ACTOR, feed.value, state.sha256, sha256))
                _, brought = await self._feeds.import_feed(own, feed, served.content, None)
                self._served[feed] = replace(served, content=None)
        except TenetError as error:
            await self._note(call, feed, error.reason)
            raise
        await self._note(call, feed, None)
        after, position = await self._feeds.state_of(feed)
        return FetchedFeed(after.version, brought is not None and bool(brought.recorded), position)

    async def run(self) -> None:
        """Until cancelled: fetches what is due. A failure is on record, and tried again when it is due again."""
        while True:
            for feed in VulnerabilityFeed:
                try:
                    await self._fetch_due(feed)
                except TenetError as error:
                    log.warning("vulnerability_feed_not_fetched", feed=feed.value, reason=error.reason)
                except Exception as error:  # A fault of ours that one feed finds must not end the fetches of the other.
                    log.exception("vulnerability_feed_failed", alarm=True, feed=feed.value, error=type(error).__name__)
            await asyncio.sleep(FETCH_LOOK_SECONDS)

    async def _fetch_due(self, feed: VulnerabilityFeed) -> None:
        schedule = (await self._feeds.state_of(feed))[0].schedule
        if schedule is None:
            return
        before, begun = self._begun.get(feed, (None, 0.0))
        if before == schedule and time.monotonic() < begun + schedule.interval_minutes * 60:
            return
        self._begun[feed] = (schedule, time.monotonic())
        now = self._clock()
        call = Call(
            tenant_id=PROVIDER,
            actor=Actor(ACTOR, AuthenticatedBy.SERVICE, PROVIDER),
            rpc=ACTOR,
            request_id=derive_id("request", ACTOR, feed.value, now.isoformat()),
            now=now,
            roles=frozenset({Role.SERVICE}),
        )
        await self.fetch_vulnerability_feed(call, feed)

    async def _note(self, call: Call, feed: VulnerabilityFeed, refusal: str | None) -> Committed:
        request_id = derive_id("request", ACTOR, call.request_id, "note")
        command = NoteVulnerabilityFeedFetch(tenant_id=PROVIDER, request_id=request_id, feed=feed, refusal=refusal)
        own = replace(call, request_id=request_id, rpc=ACTOR, actor=Actor(ACTOR, AuthenticatedBy.SERVICE, PROVIDER))
        return await self._feeds.note_vulnerability_feed_fetch(own, command)

    def _ask(self, url: str, conditions: Mapping[str, str]) -> _Served:
        """Blocking: for a thread. Every address on the way has to be within reach. Raises FetchRefused."""
        at = url
        with Door(url, None, self._reach).session(MAX_FETCHED_FEED_BYTES, MAX_FETCHED_FEED_BYTES) as session:
            session.max_redirects = MAX_FETCH_REDIRECTIONS
            for _ in range(MAX_FETCH_REDIRECTIONS + 1):
                with named(FetchNotFeed):
                    answer = session.get(at, headers=dict(conditions), allow_redirects=False)
                    answer.raise_for_status()
                if answer.is_redirect:
                    at = urljoin(at, answer.headers["Location"])
                    self._reach.check_url(at)
                    continue
                if answer.status_code == _NOT_MODIFIED:
                    return _Served(url, None)
                return _Served(url, answer.content, _conditions_of(answer))
        raise FetchNotFeed("The server leads elsewhere too often.")


def _conditions_of(answer: requests.Response) -> Mapping[str, str]:
    return {asked: answer.headers[told] for told, asked in _CONDITIONS.items() if told in answer.headers}

"""VulnerabilitiesReadService and VulnerabilitiesAdminService: feeds' versions, and what the newest of them say."""

import hashlib
from datetime import UTC, datetime

from tenet.assets.v1 import assets_vulnerabilities_admin_pb2 as admin
from tenet.assets.v1 import assets_vulnerabilities_read_pb2 as read

from contracts.events.assets import FeedVersion, VulnerabilityFeed
from contracts.ids import PROVIDER
from infra.answering import Answering, next_page
from infra.grpc import Context
from infra.read_database.reader.conditions import descending
from services.assets.application.feed_fetching import FeedFetching
from services.assets.application.vulnerability_feeds import KnownVulnerabilities, VulnerabilityFeeds
from services.assets.domain.commands import ScheduleVulnerabilityFeed, UnscheduleVulnerabilityFeed
from services.assets.domain.errors import VulnerabilityUnknown
from services.assets.projections import VULNERABILITY_FEEDS
from services.assets.projections.vulnerability_feeds import FeedVersionRow
from services.assets.servicer.wire import FEEDS, feed_version_message, named, timestamp


class VulnerabilitiesReadServicer:
    def __init__(self, answering: Answering, known: KnownVulnerabilities, feeds: VulnerabilityFeeds) -> None:
        self._answering, self._known, self._feeds = answering, known, feeds

    async def ListVulnerabilityFeeds(
        self, request: read.ListVulnerabilityFeedsRequest, context: Context
    ) -> read.ListVulnerabilityFeedsResponse:
        order = [descending("released_at")]
        page = await self._answering.page(VULNERABILITY_FEEDS, [], order, request, context)
        return read.ListVulnerabilityFeedsResponse(
            feeds=[_imported_message(item.document) for item in page.items],
            page=next_page(page),
            schedules=[] if request.page.page_token else await self._schedules(),
        )

    async def _schedules(self) -> list[read.FeedSchedule]:
        return [shown for feed in VulnerabilityFeed if (shown := await self._schedule(feed))]

    async def _schedule(self, feed: VulnerabilityFeed) -> read.FeedSchedule | None:
        state, position = await self._feeds.state_of(feed)
        if state.schedule is None:
            return None
        return read.FeedSchedule(
            feed=FEEDS[feed],
            url=state.schedule.url,
            interval_minutes=state.schedule.interval_minutes,
            refusal=state.refusal,
            position=position,
        )

    async def GetVulnerability(
        self, request: read.GetVulnerabilityRequest, context: Context
    ) -> read.GetVulnerabilityResponse:
        said = (await self._known.catch_up()).of(request.vulnerability_id)
        entry = said.known_exploited
        if entry is None and said.likelihood_millionths is None:
            raise VulnerabilityUnknown(request.vulnerability_id)
        return read.GetVulnerabilityResponse(
            vulnerability_id=request.vulnerability_id,
            likelihood_millionths=said.likelihood_millionths,
            known_exploited=read.KnownExploited(
                name=entry.name, date_added=entry.date_added, due_date=entry.due_date, ransomware=entry.ransomware
            )
            if entry
            else None,
            listed=said.listed,
            feeds=[feed_version_message(version) for version in said.feeds],
        )


class VulnerabilitiesAdminServicer:
    def __init__(self, feeds: VulnerabilityFeeds, fetching: FeedFetching) -> None:
        self._feeds, self._fetching = feeds, fetching

    async def ImportVulnerabilityFeed(
        self, request: admin.ImportVulnerabilityFeedRequest, context: Context
    ) -> admin.ImportVulnerabilityFeedResponse:
        released_at: datetime | None = None
        if request.HasField("released_at"):
            released_at = request.released_at.ToDatetime(tzinfo=UTC)
        content, committed = await self._feeds.import_feed(
            context.call, named(FEEDS, request.feed), request.content, released_at
        )
        event = committed.recorded[0].event if committed.recorded else None
        return admin.ImportVulnerabilityFeedResponse(
            version=content.version,
            released_at=timestamp(content.released_at),
            sha256=hashlib.sha256(request.content).hexdigest(),
            entries=len(content.entries),
            recorded=event is not None,
            added=event.added if event else 0,
            changed=event.changed if event else 0,
            removed=event.removed if event else 0,
            position=committed.position,
        )

    async def ScheduleVulnerabilityFeed(
        self, request: admin.ScheduleVulnerabilityFeedRequest, context: Context
    ) -> admin.ScheduleVulnerabilityFeedResponse:
        command = ScheduleVulnerabilityFeed(
            tenant_id=PROVIDER,
            request_id=context.call.request_id,
            feed=named(FEEDS, request.feed),
            url=request.url,
            interval_minutes=request.interval_minutes,
        )
        committed = await self._fetching.schedule_vulnerability_feed(context.call, command)
        return admin.ScheduleVulnerabilityFeedResponse(position=committed.position)

    async def UnscheduleVulnerabilityFeed(
        self, request: admin.UnscheduleVulnerabilityFeedRequest, context: Context
    ) -> admin.UnscheduleVulnerabilityFeedResponse:
        command = UnscheduleVulnerabilityFeed(
            tenant_id=PROVIDER, request_id=context.call.request_id, feed=named(FEEDS, request.feed)
        )
        committed = await self._feeds.unschedule_vulnerability_feed(context.call, command)
        return admin.UnscheduleVulnerabilityFeedResponse(position=committed.position)

    async def FetchVulnerabilityFeed(
        self, request: admin.FetchVulnerabilityFeedRequest, context: Context
    ) -> admin.FetchVulnerabilityFeedResponse:
        fetched = await self._fetching.fetch_vulnerability_feed(context.call, named(FEEDS, request.feed))
        return admin.FetchVulnerabilityFeedResponse(
            version=fetched.version, recorded=fetched.recorded, position=fetched.position
        )


def _imported_message(row: FeedVersionRow) -> read.ImportedFeed:
    version = FeedVersion(feed=row.feed, version=row.version, sha256=row.sha256, position=row.position)
    return read.ImportedFeed(
        version=feed_version_message(version),
        released_at=timestamp(row.released_at),
        entries=row.entries,
        added=row.added,
        changed=row.changed,
        removed=row.removed,
        imported_at=timestamp(row.imported_at),
    )

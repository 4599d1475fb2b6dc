"""The only place that constructs the parts of the assets service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tenet.assets.v1 import (
    assets_read_pb2,
    assets_vulnerabilities_admin_pb2,
    assets_vulnerabilities_read_pb2,
    assets_write_pb2,
)

from infra.answering import Answering
from infra.grpc import Hosted
from infra.hosting import Foundation, serve_until_stopped
from infra.outbound.reach import Reach
from infra.read_database.happened import Happened
from infra.read_database.read_side import ReadSide
from infra.read_database.reader.queries import Reader
from infra.read_database.turns import in_background
from infra.runtime.settings import Settings
from services.assets.application.assets import Assets
from services.assets.application.feed_fetching import FeedFetching
from services.assets.application.newcomers import Newcomers
from services.assets.application.vulnerability_feeds import KnownVulnerabilities, VulnerabilityFeeds
from services.assets.policies.judge_silence_when_heartbeats_are_missing import SilenceSweep
from services.assets.policies.keep_newcomers_when_discovered_or_registered import (
    KeepNewcomersWhenDiscoveredOrRegistered,
)
from services.assets.policies.reassess_finding_when_reported import ReassessFindingWhenReported
from services.assets.policies.reassess_findings_when_feed_imported import Reassessment
from services.assets.policies.record_heartbeat_when_telemetry_received import RecordHeartbeatWhenTelemetryReceived
from services.assets.projections import ASSET_INDEX, ASSETS, DISCOVERED_HOSTS, VIEWS
from services.assets.projections.discovered_hosts import IndexedHosts
from services.assets.projections.heartbeats import Heartbeats
from services.assets.servicer import (
    AssetsReadServicer,
    AssetsWriteServicer,
    VulnerabilitiesAdminServicer,
    VulnerabilitiesReadServicer,
)

SERVICE = "assets"


@dataclass(frozen=True, slots=True)
class Wired:
    """The service's parts; nothing works in the background until the last five run."""

    hosted: tuple[Hosted, ...]
    read_side: ReadSide
    sweep: SilenceSweep
    known: KnownVulnerabilities
    reassessment: Reassessment
    fetching: FeedFetching


def wire(foundation: Foundation) -> Wired:
    ledger, clock = foundation.ledger, foundation.clock
    heartbeats = Heartbeats(foundation.database)
    assets = Assets(ledger.handler, ledger.repository, foundation.keys, heartbeats)
    known = KnownVulnerabilities(ledger.feed, foundation.objects)
    feeds = VulnerabilityFeeds(ledger.handler, ledger.repository, foundation.objects)
    fetching = FeedFetching(feeds, Reach(foundation.settings.intelligence_networks), clock)
    hosts = IndexedHosts(Reader(foundation.database, VIEWS), DISCOVERED_HOSTS, ASSET_INDEX, ASSETS)
    read_side = ReadSide(
        foundation.database,
        ledger.followed,
        ledger.tenants,
        clock=clock,
        views=VIEWS,
        policies=[
            RecordHeartbeatWhenTelemetryReceived(assets),
            ReassessFindingWhenReported(assets, known),
            KeepNewcomersWhenDiscoveredOrRegistered(Newcomers(ledger.handler), hosts),
        ],
    )
    answering = Answering(read_side.reader, foundation.opener)
    read = AssetsReadServicer(answering, Happened(ledger.repository), heartbeats, foundation.keys)
    write = AssetsWriteServicer(assets, clock)
    hosted = (
        Hosted.of(assets_read_pb2, "AssetsReadService", read),
        Hosted.of(assets_write_pb2, "AssetsWriteService", write),
        Hosted.of(
            assets_vulnerabilities_read_pb2,
            "VulnerabilitiesReadService",
            VulnerabilitiesReadServicer(answering, known, feeds),
        ),
        Hosted.of(
            assets_vulnerabilities_admin_pb2,
            "VulnerabilitiesAdminService",
            VulnerabilitiesAdminServicer(feeds, fetching),
        ),
    )
    return Wired(
        hosted,
        read_side,
        SilenceSweep(assets, heartbeats, ledger.tenants, clock),
        known,
        Reassessment(assets, known, read_side.reader, ledger.tenants, clock),
        fetching,
    )


@asynccontextmanager
async def running(foundation: Foundation) -> AsyncIterator[Wired]:
    """The wired service with its projections, policies and sweeps at work."""
    wired = wire(foundation)
    async with (
        wired.read_side.running(),
        in_background("silence sweep", wired.sweep.run()),
        in_background("vulnerability feeds", wired.known.follow()),
        in_background("reassessment", wired.reassessment.run()),
        in_background("feed fetching", wired.fetching.run()),
    ):
        yield wired


async def start(settings: Settings) -> None:
    async with Foundation.open(SERVICE, settings) as foundation, running(foundation) as wired:
        await serve_until_stopped(foundation, wired.hosted, wired.read_side)

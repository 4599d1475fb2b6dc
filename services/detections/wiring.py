"""Constructs the detections service."""

import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import structlog
from aiohttp import web
from tenet.detections.v1 import (
    detections_admin_pb2,
    detections_bulk_write_pb2,
    detections_clocks_read_pb2,
    detections_expected_read_pb2,
    detections_expected_write_pb2,
    detections_hunts_pb2,
    detections_intelligence_read_pb2,
    detections_intelligence_write_pb2,
    detections_read_pb2,
    detections_reviews_read_pb2,
    detections_reviews_write_pb2,
    detections_rules_admin_pb2,
    detections_rules_read_pb2,
    detections_rules_write_pb2,
    detections_sightings_read_pb2,
    detections_sightings_write_pb2,
    detections_suppressions_read_pb2,
    detections_suppressions_write_pb2,
    detections_write_pb2,
    telemetry_ingest_pb2,
)

from contracts.ids import PROVIDER, TenantId
from infra.answering import Answering
from infra.auth.directory_state import TenantState
from infra.grpc import Hosted
from infra.hosting import Foundation, serve_until_stopped
from infra.object_store import DirectoryStore
from infra.outbound.reach import Reach
from infra.read_database.happened import Happened
from infra.read_database.read_side import ReadSide
from infra.read_database.reader.queries import Reader
from infra.read_database.turns import in_background
from infra.runtime.settings import Settings
from services.detections.application.archive.archiving import Archiving
from services.detections.application.archive.erasing import ArchiveErasing
from services.detections.application.archive.index import ArchiveIndex
from services.detections.application.archive.keeping import Keeping
from services.detections.application.archive.parquet import Scratch
from services.detections.application.archive.writer import ArchiveWriter
from services.detections.application.batch_readings import BatchReadings
from services.detections.application.blind_reviewing import BlindReviewing
from services.detections.application.correlating import Correlating
from services.detections.application.deployed_rules import DeployedRules
from services.detections.application.discovering import Discovering
from services.detections.application.expecting import Expecting
from services.detections.application.hunts.asking import Asking
from services.detections.application.hunts.hunting import Hunting
from services.detections.application.hunts.retrospecting import Retrospecting
from services.detections.application.hunts.selection import Selecting
from services.detections.application.ingest import Ingest, IngestParts
from services.detections.application.intelligence.fetching import Fetching
from services.detections.application.intelligence.importing import Importing
from services.detections.application.intelligence.retrospecting import Retrospection
from services.detections.application.intelligence.sharing import SharingSightings
from services.detections.application.intelligence.watching import Watching
from services.detections.application.quotas import Quotas
from services.detections.application.record_window import RecordWindow
from services.detections.application.rule_cache import RuleCache
from services.detections.application.rule_exceptions import RuleExceptions
from services.detections.application.rule_lives import RuleLives
from services.detections.application.rule_packs import RulePacks
from services.detections.application.rule_publishers import RulePublishers
from services.detections.application.rule_sources import RuleSources
from services.detections.application.suppressing import Suppressing
from services.detections.application.triage import Triage
from services.detections.config import THREAD_SWITCH_SECONDS
from services.detections.domain.intelligence.sightings import Terms
from services.detections.policies.contribute_or_retract_sighting_when_verdict_changes import (
    ContributeOrRetractSightingWhenVerdictChanges,
)
from services.detections.policies.draw_blind_review_when_detection_validated import (
    DrawBlindReviewWhenDetectionValidated,
)
from services.detections.policies.keep_archive_when_received_or_erased import KeepArchiveWhenReceivedOrErased
from services.detections.projections import ASSET_INDEX, INTELLIGENCE_SOURCES, RULE_VERDICTS, TRIAGE_CLOCKS, VIEWS
from services.detections.projections.asset_index import IndexedAssets
from services.detections.projections.intelligence_sources import LedgersWithIntelligence
from services.detections.projections.rule_verdicts import MaliciousVerdicts, TrackRecords
from services.detections.projections.sighting_subjects import REPORT_SIGHTINGS
from services.detections.projections.triage_clocks import StagesBySource
from services.detections.servicer import (
    BlindReviewsReadServicer,
    BlindReviewsWriteServicer,
    DetectionsAdminServicer,
    DetectionsBulkWriteServicer,
    DetectionsClocksReadServicer,
    DetectionsHuntServicer,
    DetectionsReadServicer,
    DetectionsWriteServicer,
    ExpectedBehaviourReadServicer,
    ExpectedBehaviourWriteServicer,
    IntelligenceReadServicer,
    IntelligenceWriteServicer,
    RulesAdminServicer,
    RulesReadServicer,
    RulesWriteServicer,
    SightingsReadServicer,
    SightingsWriteServicer,
    SuppressionsReadServicer,
    SuppressionsWriteServicer,
    TelemetryIngestServicer,
)
from services.detections.servicer.http import HttpIntake

SERVICE = "detections"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Detections:
    """The service's parts; `hosted` is what its server answers."""

    side: ReadSide
    rules: DeployedRules
    ingest: Ingest
    triage: Triage
    rule_packs: RulePacks
    keeping: Keeping
    watching: Watching
    fetching: Fetching
    retrospection: Retrospection
    hosted: tuple[Hosted, ...]


@asynccontextmanager
async def assemble(foundation: Foundation) -> AsyncIterator[Detections]:
    """Everything but the server and the background work; the deployed rules are loaded."""
    ledger = foundation.ledger
    archive = await DirectoryStore.open(foundation.settings.archive_dir, foundation.keys)
    index = ArchiveIndex(foundation.database)
    scratch = Scratch.open(foundation.settings.run_dir / "archive")
    writer = ArchiveWriter(scratch)
    archiving = Archiving(foundation.objects, archive, index, writer, foundation.clock)
    erasing = ArchiveErasing(archive, index, writer, foundation.keys, ledger.repository, ledger.feed)

    def ancestors(tenant_id: TenantId) -> tuple[TenantId, ...]:
        return foundation.directory.state.ancestors(tenant_id)

    importing = Importing(ledger.handler, ledger.repository, foundation.objects)
    sharing = SharingSightings(
        ledger.handler,
        ledger.repository,
        foundation.keys,
        _terms_of(foundation.settings),
        ancestors,
        lambda: _open_tenants(foundation),
        MaliciousVerdicts(RULE_VERDICTS, Reader(foundation.database, [RULE_VERDICTS]), ledger.feed.head),
    )
    reviewing = BlindReviewing(ledger.handler, ledger.repository, ledger.openings)
    known_assets = IndexedAssets(ASSET_INDEX, Reader(foundation.database, VIEWS), ledger.feed)
    discovering = Discovering(ledger.handler, foundation.keys, known_assets)
    side = ReadSide(
        foundation.database,
        ledger.followed,
        ledger.tenants,
        clock=foundation.clock,
        views=VIEWS,
        policies=[
            KeepArchiveWhenReceivedOrErased(archiving, erasing, discovering),
            DrawBlindReviewWhenDetectionValidated(reviewing),
            ContributeOrRetractSightingWhenVerdictChanges(sharing),
        ],
        timers={REPORT_SIGHTINGS: sharing.report},
    )
    rule_cache = RuleCache(foundation.settings.rule_cache_dir)
    rules = DeployedRules(ledger.feed, foundation.objects, rule_cache)
    await rules.catch_up()
    watching = Watching(ledger.repository, ledger.feed, importing, rule_cache)
    await watching.catch_up()
    ledgers = LedgersWithIntelligence(INTELLIGENCE_SOURCES, side.reader, lambda: _open_tenants(foundation))
    fetching = Fetching(
        importing,
        ledgers,
        foundation.settings.intelligence_credentials,
        Reach(foundation.settings.intelligence_networks),
        foundation.clock,
    )
    suppressing = Suppressing(ledger.handler, ledger.openings)
    assets = IndexedAssets(ASSET_INDEX, side.reader, ledger.feed)
    expecting = Expecting(ledger.handler, assets.privileged)
    ingest = Ingest(
        IngestParts(
            ledger.handler,
            ledger.repository,
            foundation.objects,
            foundation.keys,
            RecordWindow(foundation.database, foundation.objects),
            assets,
            rules,
            Quotas(time.monotonic, foundation.settings.intake_quotas),
            BatchReadings(foundation.objects),
            Correlating(foundation.objects),
            suppressing,
            watching,
        )
    )
    retrospecting = Retrospecting(ledger.repository, foundation.objects, foundation.keys, assets, suppressing, watching)
    selecting = Selecting(archive, index, scratch)
    hunting = Hunting(ledger.handler, selecting, retrospecting, foundation.access_log)
    retrospection = Retrospection(
        ledger.repository, importing, hunting, selecting, lambda: _open_tenants(foundation), ledgers, foundation.clock
    )
    asking = Asking(rules, foundation.objects, foundation.keys)
    triage = Triage(ledger.handler, ledger.feed)
    rule_packs = RulePacks(ledger.handler, ledger.repository, foundation.objects, rules)
    publishers = RulePublishers(ledger.handler, ledger.repository)
    answering = Answering(side.reader, foundation.opener)
    hosted: tuple[Hosted, ...] = (
        Hosted.of(
            detections_read_pb2,
            "DetectionsReadService",
            DetectionsReadServicer(answering, Happened(ledger.repository), watching, publishers),
        ),
        Hosted.of(detections_write_pb2, "DetectionsWriteService", DetectionsWriteServicer(triage)),
        Hosted.of(detections_admin_pb2, "DetectionsAdminService", DetectionsAdminServicer(rule_packs, publishers)),
        Hosted.of(
            detections_clocks_read_pb2,
            "DetectionsClocksReadService",
            DetectionsClocksReadServicer(answering, StagesBySource(TRIAGE_CLOCKS, foundation.database)),
        ),
        Hosted.of(detections_bulk_write_pb2, "DetectionsBulkWriteService", DetectionsBulkWriteServicer(triage)),
        Hosted.of(
            detections_suppressions_read_pb2,
            "SuppressionsReadService",
            SuppressionsReadServicer(answering, foundation.clock),
        ),
        Hosted.of(
            detections_suppressions_write_pb2, "SuppressionsWriteService", SuppressionsWriteServicer(suppressing)
        ),
        Hosted.of(
            detections_expected_read_pb2,
            "ExpectedBehaviourReadService",
            ExpectedBehaviourReadServicer(answering, foundation.clock),
        ),
        Hosted.of(
            detections_expected_write_pb2, "ExpectedBehaviourWriteService", ExpectedBehaviourWriteServicer(expecting)
        ),
        Hosted.of(
            detections_rules_read_pb2,
            "RulesReadService",
            RulesReadServicer(
                answering,
                TrackRecords(RULE_VERDICTS, side.reader, foundation.database),
                RuleSources(foundation.objects),
                foundation.clock,
            ),
        ),
        Hosted.of(
            detections_rules_write_pb2,
            "RulesWriteService",
            RulesWriteServicer(RuleExceptions(ledger.handler, ledger.repository)),
        ),
        Hosted.of(
            detections_rules_admin_pb2, "RulesAdminService", RulesAdminServicer(RuleLives(ledger.handler, rules))
        ),
        Hosted.of(detections_hunts_pb2, "DetectionsHuntService", DetectionsHuntServicer(hunting, asking)),
        Hosted.of(telemetry_ingest_pb2, "TelemetryIngestService", TelemetryIngestServicer(ingest, foundation.clock)),
    )
    hosted += (
        Hosted.of(
            detections_reviews_read_pb2, "BlindReviewsReadService", BlindReviewsReadServicer(answering, reviewing)
        ),
        Hosted.of(detections_reviews_write_pb2, "BlindReviewsWriteService", BlindReviewsWriteServicer(reviewing)),
        Hosted.of(
            detections_intelligence_read_pb2,
            "IntelligenceReadService",
            IntelligenceReadServicer(importing, foundation.clock),
        ),
        Hosted.of(
            detections_intelligence_write_pb2,
            "IntelligenceWriteService",
            IntelligenceWriteServicer(importing, fetching, watching),
        ),
        Hosted.of(
            detections_sightings_read_pb2, "SightingsReadService", SightingsReadServicer(sharing, foundation.clock)
        ),
        Hosted.of(detections_sightings_write_pb2, "SightingsWriteService", SightingsWriteServicer(sharing)),
    )
    keeping = Keeping(archive, index, writer, ledger.tenants, foundation.clock)
    try:
        yield Detections(side, rules, ingest, triage, rule_packs, keeping, watching, fetching, retrospection, hosted)
    finally:
        fetching.close()
        await writer.close()
        ingest.close()
        rules.close()
        rule_cache.close()


def _terms_of(settings: Settings) -> Terms:
    return Terms(
        settings.sighting_threshold,
        timedelta(seconds=settings.sighting_interval_seconds),
        timedelta(seconds=settings.sighting_delay_seconds),
    )


def _open_tenants(foundation: Foundation) -> list[TenantId]:
    """Customers whose ledgers take something."""
    tenants = foundation.directory.state.tenants.values()
    return [each.id for each in tenants if each.id != PROVIDER and each.state is TenantState.ACTIVE]


@asynccontextmanager
async def serving_intake(foundation: Foundation, ingest: Ingest) -> AsyncIterator[str]:
    """Takes telemetry over HTTP until the block ends; yields its address. Bodies are left packed as they come."""
    intake = HttpIntake(ingest, foundation.authority, foundation.clock)
    runner = web.AppRunner(intake.application(), access_log=None, auto_decompress=False)
    await runner.setup()
    try:
        settings = foundation.settings
        await web.TCPSite(runner, settings.intake_host, settings.intake_port).start()
        host, port, *_ = runner.addresses[0]
        log.info("intake.served", address=f"{host}:{port}")
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


async def start(settings: Settings) -> None:
    """Runs the service until it is told to stop."""
    sys.setswitchinterval(THREAD_SWITCH_SECONDS)
    async with (
        Foundation.open(SERVICE, settings) as foundation,
        assemble(foundation) as detections,
        detections.side.running(),
        in_background("deployed rules", detections.rules.follow()),
        in_background("intelligence", detections.watching.follow()),
        in_background("fetching of intelligence", detections.fetching.run()),
        in_background("intelligence and archives", detections.retrospection.run()),
        in_background("archive", detections.keeping.run()),
        serving_intake(foundation, detections.ingest),
    ):
        await serve_until_stopped(foundation, detections.hosted, detections.side)

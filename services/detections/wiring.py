"""Constructs the detections service."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog
from aiohttp import web
from tenet.detections.v1 import (
    detections_admin_pb2,
    detections_bulk_write_pb2,
    detections_clocks_read_pb2,
    detections_expected_read_pb2,
    detections_expected_write_pb2,
    detections_hunts_pb2,
    detections_read_pb2,
    detections_suppressions_read_pb2,
    detections_suppressions_write_pb2,
    detections_write_pb2,
    telemetry_ingest_pb2,
)

from infra.grpc import Hosted
from infra.hosting import Foundation, serve_until_stopped
from infra.object_store import DirectoryStore
from infra.read_database.happened import Happened
from infra.read_database.read_side import ReadSide
from infra.read_database.turns import in_background
from infra.runtime.settings import Settings
from services.detections.application.archive.archiving import Archiving
from services.detections.application.archive.index import ArchiveIndex
from services.detections.application.archive.keeping import Keeping
from services.detections.application.archive.parquet import Scratch
from services.detections.application.batch_readings import BatchReadings
from services.detections.application.correlating import Correlating
from services.detections.application.deployed_rules import DeployedRules
from services.detections.application.expecting import Expecting
from services.detections.application.hunts.hunting import Hunting
from services.detections.application.hunts.selection import Selecting
from services.detections.application.ingest import Ingest, IngestParts
from services.detections.application.quotas import Quotas
from services.detections.application.record_window import RecordWindow
from services.detections.application.rule_cache import RuleCache
from services.detections.application.rule_packs import RulePacks
from services.detections.application.suppressing import Suppressing
from services.detections.application.triage import Triage
from services.detections.policies.archive_telemetry_when_received import ArchiveTelemetryWhenReceived
from services.detections.projections import ASSET_INDEX, VIEWS
from services.detections.projections.asset_index import IndexedAssets
from services.detections.servicer import (
    DetectionsAdminServicer,
    DetectionsBulkWriteServicer,
    DetectionsClocksReadServicer,
    DetectionsHuntServicer,
    DetectionsReadServicer,
    DetectionsWriteServicer,
    ExpectedBehaviourReadServicer,
    ExpectedBehaviourWriteServicer,
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
    hosted: tuple[Hosted, ...]


@asynccontextmanager
async def assemble(foundation: Foundation) -> AsyncIterator[Detections]:
    """Everything but the server and the background work; the deployed rules are loaded."""
    ledger = foundation.ledger
    archive = await DirectoryStore.open(foundation.settings.archive_dir, foundation.keys)
    index = ArchiveIndex(foundation.database)
    scratch = Scratch.open(foundation.settings.run_dir / "archive")
    archiving = Archiving(foundation.objects, archive, index, scratch, foundation.clock)
    side = ReadSide(
        foundation.database,
        ledger.followed,
        ledger.tenants,
        clock=foundation.clock,
        views=VIEWS,
        policies=[ArchiveTelemetryWhenReceived(archiving)],
    )
    rule_cache = RuleCache(foundation.settings.rule_cache_dir)
    rules = DeployedRules(ledger.feed, foundation.objects, rule_cache)
    await rules.catch_up()
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
        )
    )
    hunting = Hunting(ledger.handler, Selecting(archive, index, scratch), foundation.access_log)
    triage = Triage(ledger.handler, ledger.feed)
    rule_packs = RulePacks(ledger.handler, foundation.objects, rules)
    hosted = (
        Hosted.of(
            detections_read_pb2,
            "DetectionsReadService",
            DetectionsReadServicer(side.reader, Happened(ledger.repository), foundation.opener),
        ),
        Hosted.of(detections_write_pb2, "DetectionsWriteService", DetectionsWriteServicer(triage)),
        Hosted.of(detections_admin_pb2, "DetectionsAdminService", DetectionsAdminServicer(rule_packs)),
        Hosted.of(detections_clocks_read_pb2, "DetectionsClocksReadService", DetectionsClocksReadServicer(side.reader)),
        Hosted.of(detections_bulk_write_pb2, "DetectionsBulkWriteService", DetectionsBulkWriteServicer(triage)),
        Hosted.of(
            detections_suppressions_read_pb2,
            "SuppressionsReadService",
            SuppressionsReadServicer(side.reader, foundation.opener, foundation.clock),
        ),
        Hosted.of(
            detections_suppressions_write_pb2, "SuppressionsWriteService", SuppressionsWriteServicer(suppressing)
        ),
        Hosted.of(
            detections_expected_read_pb2,
            "ExpectedBehaviourReadService",
            ExpectedBehaviourReadServicer(side.reader, foundation.clock),
        ),
        Hosted.of(
            detections_expected_write_pb2, "ExpectedBehaviourWriteService", ExpectedBehaviourWriteServicer(expecting)
        ),
        Hosted.of(detections_hunts_pb2, "DetectionsHuntService", DetectionsHuntServicer(hunting)),
        Hosted.of(telemetry_ingest_pb2, "TelemetryIngestService", TelemetryIngestServicer(ingest, foundation.clock)),
    )
    keeping = Keeping(archive, index, scratch, ledger.tenants, foundation.clock)
    try:
        yield Detections(side, rules, ingest, triage, rule_packs, keeping, hosted)
    finally:
        ingest.close()
        rules.close()
        rule_cache.close()


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
    async with (
        Foundation.open(SERVICE, settings) as foundation,
        assemble(foundation) as detections,
        detections.side.running(),
        in_background("deployed rules", detections.rules.follow()),
        in_background("archive", detections.keeping.run()),
        serving_intake(foundation, detections.ingest),
    ):
        await serve_until_stopped(foundation, detections.hosted, detections.side)

"""Constructs the detections service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tenet.detections.v1 import (
    detections_admin_pb2,
    detections_read_pb2,
    detections_write_pb2,
    telemetry_ingest_pb2,
)

from infra.grpc import Hosted
from infra.hosting import Foundation, serve_until_stopped
from infra.read_database.read_side import ReadSide
from infra.read_database.turns import in_background
from infra.runtime.settings import Settings
from services.detections.application.deployed_rules import DeployedRules
from services.detections.application.ingest import Ingest, IngestParts
from services.detections.application.record_window import RecordWindow
from services.detections.application.rule_packs import RulePacks
from services.detections.application.triage import Triage
from services.detections.projections import ASSET_INDEX, VIEWS
from services.detections.projections.asset_index import IndexedAssets
from services.detections.servicer import (
    DetectionsAdminServicer,
    DetectionsReadServicer,
    DetectionsWriteServicer,
    TelemetryIngestServicer,
)

SERVICE = "detections"


@dataclass(frozen=True, slots=True)
class Detections:
    """The service's parts; `hosted` is what its server answers."""

    side: ReadSide
    rules: DeployedRules
    ingest: Ingest
    triage: Triage
    rule_packs: RulePacks
    hosted: tuple[Hosted, ...]


@asynccontextmanager
async def assemble(foundation: Foundation) -> AsyncIterator[Detections]:
    """Everything but the server and the background work; the deployed rules are loaded."""
    ledger = foundation.ledger
    side = ReadSide(
        foundation.database,
        ledger.followed,
        ledger.tenants,
        clock=foundation.clock,
        views=VIEWS,
    )
    rules = DeployedRules(ledger.feed, foundation.objects)
    await rules.catch_up()
    ingest = Ingest(
        IngestParts(
            ledger.handler,
            ledger.repository,
            foundation.objects,
            foundation.keys,
            RecordWindow(foundation.database, foundation.objects),
            IndexedAssets(ASSET_INDEX, side.reader, ledger.feed),
            rules,
        )
    )
    triage = Triage(ledger.handler, ledger.feed)
    rule_packs = RulePacks(ledger.handler, foundation.objects, rules)
    hosted = (
        Hosted.of(detections_read_pb2, "DetectionsReadService", DetectionsReadServicer(side.reader, foundation.opener)),
        Hosted.of(detections_write_pb2, "DetectionsWriteService", DetectionsWriteServicer(triage)),
        Hosted.of(detections_admin_pb2, "DetectionsAdminService", DetectionsAdminServicer(rule_packs)),
        Hosted.of(telemetry_ingest_pb2, "TelemetryIngestService", TelemetryIngestServicer(ingest, foundation.clock)),
    )
    try:
        yield Detections(side, rules, ingest, triage, rule_packs, hosted)
    finally:
        ingest.close()


async def start(settings: Settings) -> None:
    """Runs the service until it is told to stop."""
    async with (
        Foundation.open(SERVICE, settings) as foundation,
        assemble(foundation) as detections,
        detections.side.running(),
        in_background("deployed rules", detections.rules.follow()),
    ):
        await serve_until_stopped(foundation, detections.hosted)

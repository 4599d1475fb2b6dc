"""The only place that constructs the parts of the reporting service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tenet.reporting.v1 import reporting_read_pb2, reporting_write_pb2

from contracts.ids import TenantId
from infra.answering import Answering
from infra.grpc import Hosted
from infra.hosting import Foundation, serve_until_stopped
from infra.read_database.read_side import ReadSide
from infra.runtime.settings import Settings
from services.reporting.application import Reports
from services.reporting.projections import VIEWS
from services.reporting.servicer import ReportingReadServicer, ReportingWriteServicer
from services.reporting.servicer.people import Namer

SERVICE = "reporting"


@dataclass(frozen=True, slots=True)
class Wired:
    """The service's parts; nothing works in the background until `read_side` runs."""

    hosted: tuple[Hosted, ...]
    read_side: ReadSide


def wire(foundation: Foundation) -> Wired:
    ledger = foundation.ledger

    def time_zone(tenant_id: TenantId) -> str | None:
        tenant = foundation.directory.state.tenants.get(tenant_id)
        return tenant.time_zone if tenant else None

    def ancestors(tenant_id: TenantId) -> tuple[TenantId, ...]:
        return foundation.directory.state.ancestors(tenant_id)

    reports = Reports(ledger.handler, ledger.repository, ledger.feed, foundation.objects, time_zone)
    read_side = ReadSide(foundation.database, ledger.followed, ledger.tenants, clock=foundation.clock, views=VIEWS)
    namer = Namer(read_side.reader, foundation.opener, ancestors)
    answering = Answering(read_side.reader, foundation.opener)
    read = ReportingReadServicer(answering, reports, ledger.feed, namer)
    hosted = (
        Hosted.of(reporting_read_pb2, "ReportingReadService", read),
        Hosted.of(reporting_write_pb2, "ReportingWriteService", ReportingWriteServicer(reports)),
    )
    return Wired(hosted, read_side)


@asynccontextmanager
async def running(foundation: Foundation) -> AsyncIterator[Wired]:
    """The wired service with its projection at work."""
    wired = wire(foundation)
    async with wired.read_side.running():
        yield wired


async def start(settings: Settings) -> None:
    async with Foundation.open(SERVICE, settings) as foundation, running(foundation) as wired:
        await serve_until_stopped(foundation, wired.hosted, wired.read_side)

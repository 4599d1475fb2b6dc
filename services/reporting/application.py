"""Making reports: read the ledger up to a position, derive the model, keep it by its hash, record the publication."""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from contracts.calls import Call
from contracts.canonical import decode
from contracts.events.reporting import ReportPublished
from contracts.ids import TenantId, derive_id
from contracts.zones import TZDATA_VERSION, zone_of
from infra.event_store.feed import Feed
from infra.event_store.handler import CommandHandler, Committed, Unit
from infra.event_store.repository import Aggregate, Repository
from infra.object_store import ObjectStore
from infra.telemetry import span
from services.reporting.config import READ_BATCH
from services.reporting.domain import report
from services.reporting.domain.chronicle import Chronicle
from services.reporting.domain.commands import ConfirmReport, DisputeReport, Month, PublishReport
from services.reporting.domain.errors import (
    LedgerEmpty,
    ModelAltered,
    PositionBeyondHead,
    TimeZoneMissing,
)
from services.reporting.domain.model import build, figures_of, model_bytes, restates
from services.reporting.domain.period import explicit_bounds, month_bounds
from services.reporting.domain.scope import Scope

REPORT = Aggregate(report.CATEGORY, report.Report, report.evolve)

TimeZones = Callable[[TenantId], str | None]
"""The IANA time zone that a tenant was onboarded with."""


@dataclass(frozen=True, slots=True)
class Published:
    event: ReportPublished
    committed: Committed


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A published report's model, made again from the ledger."""

    published_sha256: str
    data: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


class Reports:
    """Every method may raise what the feed, the object store and `CommandHandler.handle` raise."""

    def __init__(
        self, handler: CommandHandler, repository: Repository, feed: Feed, objects: ObjectStore, time_zones: TimeZones
    ) -> None:
        self._handler = handler
        self._repository = repository
        self._feed = feed
        self._objects = objects
        self._time_zones = time_zones

    async def publish_report(self, call: Call, command: PublishReport) -> Published:
        """Raises LedgerEmpty, PositionBeyondHead, TimeZoneUnknown, TimeZoneMissing, PeriodEmpty, PeriodNotBegun."""
        report_id = derive_id("report", call.tenant_id, call.request_key)

        async def work(unit: Unit) -> None:
            loaded = await unit.load(REPORT, report_id)
            if loaded.state.published is not None:
                return  # The request came before, and its first result is found: no second model is made and kept.
            scope = await self._scope(call, command)
            chronicle = await self._read(scope)
            report.require_begun(scope, chronicle.as_of)
            earlier = restates(chronicle)
            kept = await self._objects.put(call.tenant_id, await self._model(chronicle))
            unit.append(
                loaded,
                report.publish(scope, report_id, kept.sha256, earlier[0] if earlier else None),
            )

        committed = await self._handler.handle(call, command, work)
        event: ReportPublished = committed.recorded[0].event
        return Published(event, committed)

    async def confirm_report(self, call: Call, command: ConfirmReport) -> Committed:
        """Raises ReportUnknown."""

        async def work(unit: Unit) -> None:
            loaded = await unit.load(REPORT, command.report_id)
            unit.append(loaded, report.confirm(loaded.state, command, call.actor.id))

        return await self._handler.handle(call, command, work)

    async def dispute_report(self, call: Call, command: DisputeReport) -> Committed:
        """Raises ReportUnknown, FigureUnknown."""

        async def work(unit: Unit) -> None:
            loaded = await unit.load(REPORT, command.report_id)
            published = report.require_published(loaded.state, command.report_id)
            figures = figures_of(decode(await self.model(call.tenant_id, published.model_sha256)))
            unit.append(loaded, report.dispute(loaded.state, command, frozenset(figures)))

        return await self._handler.handle(call, command, work)

    async def published(self, tenant_id: TenantId, report_id: str) -> ReportPublished:
        """Raises ReportUnknown."""
        loaded = await self._repository.load(tenant_id, REPORT, report_id)
        return report.require_published(loaded.state, report_id)

    async def model(self, tenant_id: TenantId, sha256: str) -> bytes:
        """The canonical bytes of a published model. Raises ModelAltered, ObjectMissing, ObjectCorrupt."""
        data = await self._objects.get(tenant_id, sha256)
        if hashlib.sha256(data).hexdigest() != sha256:
            raise ModelAltered(sha256)
        return data

    async def rebuild_report(self, tenant_id: TenantId, report_id: str) -> Rebuilt:
        """The model again, from the entries that the published one stood on. Raises ReportUnknown."""
        published = await self.published(tenant_id, report_id)
        chronicle = await self._read(report.scope_of(published, tenant_id))
        return Rebuilt(published.model_sha256, await self._model(chronicle))

    async def _scope(self, call: Call, command: PublishReport) -> Scope:
        head = await self._feed.head(call.tenant_id)
        if head == 0:
            raise LedgerEmpty
        position = head - 1 if command.as_of_position is None else command.as_of_position
        if position >= head:
            raise PositionBeyondHead(position, head)
        time_zone = command.time_zone or self._time_zones(call.tenant_id)
        if time_zone is None:
            raise TimeZoneMissing
        zone_of(time_zone)
        if isinstance(command.period, Month):
            bounds = month_bounds(command.period.year, command.period.month, time_zone)
        else:
            bounds = explicit_bounds(command.period.period_from, command.period.period_to)
        return Scope(
            tenant_id=call.tenant_id,
            title=command.title or report.default_title(command.period, bounds),
            audience=command.audience,
            period_from=bounds[0],
            period_to=bounds[1],
            time_zone=time_zone,
            tzdata_version=TZDATA_VERSION,
            as_of_position=position,
        )

    async def _read(self, scope: Scope) -> Chronicle:
        """One pass over the ledger in batches. The event loop is let go between them."""
        chronicle = Chronicle(scope)
        with span("read ledger for report", tenant=scope.tenant_id):
            while not chronicle.complete:
                limit = min(READ_BATCH, scope.as_of_position + 1 - chronicle.next_position)
                batch = await self._feed.read(scope.tenant_id, chronicle.next_position, limit)
                if not batch:
                    raise PositionBeyondHead(scope.as_of_position, chronicle.next_position)
                for recorded in batch:
                    chronicle.observe(recorded)
                await asyncio.sleep(0)
        return chronicle

    async def _model(self, chronicle: Chronicle) -> bytes:
        earlier, before = restates(chronicle), None
        if earlier is not None:
            before = decode(await self.model(chronicle.scope.tenant_id, earlier[1]))
        return await asyncio.to_thread(_encoded, chronicle, before)


def _encoded(chronicle: Chronicle, earlier: dict[str, Any] | None) -> bytes:
    return model_bytes(build(chronicle, earlier))

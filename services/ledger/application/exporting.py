"""Exports: written first, then recorded in the ledger that they were made from."""

from collections.abc import Callable
from dataclasses import dataclass

from contracts.calls import Call
from contracts.ids import TenantId, derive_id
from infra.disclosure.exporter import Exporter, ExportSummary
from infra.disclosure.labelled import audience_of
from infra.event_store.feed import Feed
from infra.event_store.handler import CommandHandler, Committed, Unit
from infra.event_store.repository import Aggregate
from infra.keys import KeyStore
from services.ledger.domain import export
from services.ledger.domain.commands import ExportLedger

EXPORT = Aggregate(export.CATEGORY, export.initial, export.evolve, snapshot=None)


@dataclass(frozen=True, slots=True)
class Exported:
    export_id: str
    summary: ExportSummary
    committed: Committed


@dataclass(frozen=True, slots=True)
class Exporting:
    """`ancestors` are the entities above a tenant in its customer tree."""

    keys: KeyStore
    handler: CommandHandler
    feed: Feed
    exporter: Exporter
    ancestors: Callable[[TenantId], tuple[TenantId, ...]]

    async def export_ledger(self, call: Call, command: ExportLedger) -> Exported:
        """A repeated request finds the export that it wrote.

        Raises RangeRefused, what exports raise, and TenantKeysDestroyed for a closed tenant: of that one there is the
        export that was made at its closing.
        """
        export_id = derive_id("export", call.tenant_id, call.request_key)
        summary = await self.exporter.find(call.tenant_id, export_id) or await self._write(call, command, export_id)

        async def work(unit: Unit) -> None:
            loaded = await unit.load(EXPORT, export_id)
            covered = (summary.from_position, summary.to_position)
            unit.append(loaded, export.record(export_id, covered, summary.sha256, command))

        return Exported(export_id, summary, await self.handler.handle(call, command, work))

    async def _write(self, call: Call, command: ExportLedger, export_id: str) -> ExportSummary:
        await self.keys.search_key(call.tenant_id)
        start, end = export.range_of(command, await self.feed.head(call.tenant_id))
        line = frozenset((call.tenant_id, *self.ancestors(call.tenant_id)))
        return await self.exporter.export(
            call.tenant_id, export_id, start, end, audience_of(call, call.tenant_id, line)
        )

"""Audit bundles: written first, then recorded in the ledger that they were made from."""

from collections.abc import Callable
from dataclasses import dataclass

from contracts.calls import Call
from contracts.ids import TenantId, derive_id
from infra.disclosure.bundle import Bundler, BundleSummary, BundleWanted
from infra.disclosure.labelled import audience_of
from infra.event_store.feed import Feed
from infra.event_store.handler import CommandHandler, Committed, Unit
from infra.keys import KeyStore
from services.ledger.application.exporting import EXPORT
from services.ledger.domain import export
from services.ledger.domain.commands import ExportBundle


@dataclass(frozen=True, slots=True)
class Bundled:
    export_id: str
    summary: BundleSummary
    committed: Committed


@dataclass(frozen=True, slots=True)
class Bundling:
    """`ancestors` are the entities above a tenant in its customer tree."""

    keys: KeyStore
    handler: CommandHandler
    feed: Feed
    bundler: Bundler
    ancestors: Callable[[TenantId], tuple[TenantId, ...]]

    async def export_bundle(self, call: Call, command: ExportBundle) -> Bundled:
        """A repeated request finds the bundle that it wrote.

        Raises RangeRefused, what bundles raise, and TenantKeysDestroyed for a closed tenant.
        """
        export_id = derive_id("export", call.tenant_id, call.request_key)
        summary = await self.bundler.find(call.tenant_id, export_id) or await self._write(call, command, export_id)

        async def work(unit: Unit) -> None:
            loaded = await unit.load(EXPORT, export_id)
            covered = (summary.from_position, summary.to_position)
            unit.append(loaded, export.record(export_id, covered, summary.sha256, command))

        return Bundled(export_id, summary, await self.handler.handle(call, command, work))

    async def _write(self, call: Call, command: ExportBundle, export_id: str) -> BundleSummary:
        await self.keys.search_key(call.tenant_id)
        start, end = export.range_of(command, await self.feed.head(call.tenant_id))
        line = frozenset((call.tenant_id, *self.ancestors(call.tenant_id)))
        audience = audience_of(call, call.tenant_id, line)
        return await self.bundler.write(export_id, BundleWanted(call.tenant_id, start, end, command.case_id, audience))

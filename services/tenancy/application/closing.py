"""Closing a tenant: its ledger is exported, its keys and objects are destroyed, and only then is it recorded."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from contracts.calls import Call
from contracts.ids import PROVIDER, TenantId
from contracts.labels import Audience
from infra.disclosure.exporter import Exporter, ExportSummary
from infra.event_store.feed import Feed
from infra.event_store.handler import CommandHandler, Committed, Unit
from infra.event_store.repository import Loaded, Repository
from infra.keys import KeyStore, TenantKeysDestroyed
from infra.object_store import ObjectStore
from services.tenancy.application.aggregates import HOLDS, TENANT
from services.tenancy.domain import holds, tenant
from services.tenancy.domain.commands import CloseTenant
from services.tenancy.domain.errors import LedgerStillGrows
from services.tenancy.domain.tenant import Status, Tenant

EXPORT_PREFIX = "closing"
MAX_EXPORTS = 5
"""How often the export is begun anew because the ledger grew under it."""

Children = Callable[[TenantId, int], Awaitable[Sequence[TenantId]]]
"""The tenants directly below one, as of a position of the provider's ledger at least."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Closed:
    committed: Committed
    export_path: Path


@dataclass(frozen=True, slots=True)
class Closing:
    """Every step may be repeated, so a closing that was interrupted is finished by asking for it again."""

    handler: CommandHandler
    repository: Repository
    feed: Feed
    exporter: Exporter
    keys: KeyStore
    objects: ObjectStore
    children: Children

    async def close_tenant(self, call: Call, command: CloseTenant) -> Closed:
        """Raises what the domain refuses before anything is destroyed, LedgerStillGrows, and what exports raise."""
        tenant_id = command.subject_tenant_id
        loaded = await self.repository.load(PROVIDER, TENANT, tenant_id)
        exports: list[ExportSummary] = []
        if loaded.state.status is Status.LEAVING:
            tenant.check_may_close(loaded.state, await self._children_of(loaded))
            await self._check_nothing_held(tenant_id)
            exports.append(await self._export(tenant_id))
            # A hold that was placed during the export is in it, since the ledger's head had to stand still.
            await self._check_nothing_held(tenant_id)
            await self._destroy(tenant_id, exports[0])

        async def work(unit: Unit) -> None:
            current = await unit.load(TENANT, tenant_id)
            tenant.check_may_close(current.state, await self._children_of(current))
            if not exports:
                raise LedgerStillGrows("The tenant began to leave a moment ago.")
            # Only `leaving` leads here, and nothing but this command leads away from it.
            unit.append(current, tenant.close(current.state, exports[0].sha256, exports[0].entries))

        committed = await self.handler.handle(call.for_tenant(PROVIDER), command, work)
        entries = committed.recorded[0].event.entries
        return Closed(committed, self.exporter.directory / tenant_id / _name(entries))

    async def _check_nothing_held(self, tenant_id: TenantId) -> None:
        loaded = await self.repository.load(tenant_id, HOLDS, holds.holds_id_of(tenant_id))
        holds.check_nothing_held(loaded.state)

    async def _children_of(self, loaded: Loaded[Tenant]) -> list[Tenant]:
        below = await self.children(loaded.state.id, loaded.last_position)
        return [(await self.repository.load(PROVIDER, TENANT, child)).state for child in below]

    async def _export(self, tenant_id: TenantId) -> ExportSummary:
        """The whole ledger, up to a head that did not move meanwhile; once the keys are gone, what was exported."""
        try:
            await self.keys.search_key(tenant_id)
        except TenantKeysDestroyed:
            made = await self.exporter.latest(tenant_id, EXPORT_PREFIX)
            assert made is not None, "keys are destroyed after the export only"
            return made
        for _ in range(MAX_EXPORTS):
            head = await self.feed.head(tenant_id)
            export = await self.exporter.export(tenant_id, _name(head), 0, head, Audience.CUSTOMER)
            if await self.feed.head(tenant_id) == head:
                return export
        raise LedgerStillGrows(f"The ledger grew during each of {MAX_EXPORTS} exports.")

    async def _destroy(self, tenant_id: TenantId, export: ExportSummary) -> None:
        await self.keys.destroy_tenant(tenant_id)
        await self.objects.delete_tenant(tenant_id)
        head = await self.feed.head(tenant_id)
        if head != export.to_position:
            log.error("entries_after_export", alarm=True, tenant=tenant_id, head=head, exported=export.to_position)


def _name(head: int) -> str:
    return f"{EXPORT_PREFIX}-{head:012d}"

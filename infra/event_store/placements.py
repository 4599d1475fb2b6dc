"""Where each tenant's ledger lives. A tenant may move, so nobody keeps an answer longer than `PLACEMENT_SECONDS`."""

import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Protocol

import psycopg

from contracts.errors import StoreUnavailable, TenantUnknown
from contracts.ids import TenantId, role_of, schema_of
from infra.event_store.cells import CellPools
from infra.event_store.limits import MAX_UNKNOWN_TENANTS, PLACEMENT_SECONDS, UNKNOWN_TENANT_SECONDS


@dataclass(frozen=True, slots=True)
class Placement:
    """A tenant's server, its schema there and the role under which a transaction may touch it."""

    tenant_id: TenantId
    cell: str
    schema: str
    role: str
    read_only: bool = False
    """The ledger contradicts what was signed and kept outside its server; it takes no appends."""


class Placements(Protocol):
    async def find(self, tenant_id: TenantId) -> Placement:
        """Where the tenant's ledger lives. Raises TenantUnknown, StoreUnavailable."""

    async def tenants(self) -> list[TenantId]:
        """Every tenant that has a ledger, in order of identifier. Raises StoreUnavailable."""

    async def make_read_only(self, tenant_id: TenantId, reason: str) -> None:
        """Closes the ledger for appends, at once and for every process. Raises TenantUnknown, StoreUnavailable."""

    async def reopen(self, tenant_id: TenantId) -> None:
        """Lets a closed ledger take appends again; other processes know within `PLACEMENT_SECONDS`."""

    async def create_tenant(self, tenant_id: TenantId, cell: str | None = None) -> Placement:
        """Creates the tenant's ledger, on the named cell or the one with the fewest; harmless to repeat."""

    def forget(self, tenant_id: TenantId) -> None:
        """Drops what is remembered of a tenant, because a statement found it elsewhere."""


class CellPlacements:
    """Asks the servers themselves: each keeps the register of the ledgers that live on it."""

    def __init__(self, pools: CellPools) -> None:
        self._pools = pools
        self._known: dict[TenantId, tuple[float, Placement]] = {}
        self._unknown: OrderedDict[TenantId, float] = OrderedDict()

    async def find(self, tenant_id: TenantId) -> Placement:
        known = self._known.get(tenant_id)
        now = time.monotonic()
        if known is not None and now - known[0] < PLACEMENT_SECONDS:
            return known[1]
        if now - self._unknown.get(tenant_id, -UNKNOWN_TENANT_SECONDS) < UNKNOWN_TENANT_SECONDS:
            raise TenantUnknown
        for cell in self._pools.names:
            rows = await self._query(
                cell, "SELECT read_only_since IS NOT NULL FROM tenet_meta.tenants WHERE tenant_id = %s", (tenant_id,)
            )
            if rows:
                return self._remember(tenant_id, cell, read_only=bool(rows[0][0]))
        self.forget(tenant_id)
        self._unknown[tenant_id] = now
        while len(self._unknown) > MAX_UNKNOWN_TENANTS:
            self._unknown.popitem(last=False)
        raise TenantUnknown

    async def tenants(self) -> list[TenantId]:
        found: list[TenantId] = []
        for cell in self._pools.names:
            statement = "SELECT tenant_id, read_only_since IS NOT NULL FROM tenet_meta.tenants"
            for tenant_id, read_only in await self._query(cell, statement, ()):
                self._remember(TenantId(str(tenant_id)), cell, read_only=bool(read_only))
                found.append(TenantId(str(tenant_id)))
        return sorted(found)

    async def create_tenant(self, tenant_id: TenantId, cell: str | None = None) -> Placement:
        try:
            self._unknown.pop(tenant_id, None)
            return await self.find(tenant_id)
        except TenantUnknown:
            chosen = cell if cell is not None else await self._emptiest()
        await self._query(chosen, "SELECT tenet_meta.create_tenant_v1(%s)", (tenant_id,))
        self._unknown.pop(tenant_id, None)
        return self._remember(tenant_id, chosen)

    async def make_read_only(self, tenant_id: TenantId, reason: str) -> None:
        placement = await self.find(tenant_id)
        await self._query(placement.cell, "SELECT tenet_meta.make_read_only_v1(%s, %s)", (tenant_id, reason))
        self._remember(tenant_id, placement.cell, read_only=True)

    async def reopen(self, tenant_id: TenantId) -> None:
        placement = await self.find(tenant_id)
        await self._query(placement.cell, "SELECT tenet_meta.reopen_v1(%s)", (tenant_id,))
        self._remember(tenant_id, placement.cell)

    def forget(self, tenant_id: TenantId) -> None:
        self._known.pop(tenant_id, None)

    def _remember(self, tenant_id: TenantId, cell: str, *, read_only: bool = False) -> Placement:
        placement = Placement(tenant_id, cell, schema_of(tenant_id), role_of(tenant_id), read_only)
        self._known[tenant_id] = (time.monotonic(), placement)
        return placement

    async def _emptiest(self) -> str:
        counts = {}
        for cell in self._pools.names:
            ((counts[cell],),) = await self._query(cell, "SELECT count(*) FROM tenet_meta.tenants", ())
        return min(counts, key=lambda name: int(str(counts[name])))

    async def _query(self, cell: str, statement: str, parameters: tuple[object, ...]) -> list[tuple[object, ...]]:
        try:
            async with self._pools.connection(cell) as connection:
                cursor = await connection.execute(statement.encode(), parameters)
                return await cursor.fetchall()
        except psycopg.OperationalError as error:
            raise StoreUnavailable(f"The ledger server {cell} does not answer.", metadata={"cell": cell}) from error

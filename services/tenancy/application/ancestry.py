"""The tenants above a tenant in its customer tree."""

from contracts.ids import TenantId
from infra.event_store.handler import Unit
from services.tenancy.application.aggregates import TENANT
from services.tenancy.domain.tenant import MAX_TREE_DEPTH, Tenant


async def ancestors_of(unit: Unit, parent_id: TenantId | None) -> list[Tenant]:
    """From the parent up to the top. A parent never changes, so the chain needs no precondition to stay true."""
    chain: list[Tenant] = []
    while parent_id is not None and len(chain) < MAX_TREE_DEPTH:
        state = (await unit.load(TENANT, parent_id)).state
        chain.append(state)
        parent_id = state.parent_id
    return chain

"""Which tenants a transaction may see: row level security reads the list set here, for this transaction only."""

from collections.abc import Iterable
from typing import Any

from psycopg import AsyncConnection

from contracts.errors import InvalidArgument
from contracts.ids import TenantId, is_tenant_id

READER_ROLE = "tenet_view_reader"
"""NOLOGIN role that may select from views. A service's pool takes it on at connect; its login has no table rights."""
WRITER_ROLE = "tenet_view_writer"
"""NOLOGIN role that writes views, tracking and timers; the runners take it on for one transaction."""

SETTING = "tenet.tenants"
MAX_TENANTS_IN_SCOPE = 10_000
"""Most tenants of one query. A cell holds about 1,000; a provider with more cells than ten asks cell by cell."""


class TenantListRefused(InvalidArgument):
    """The list of tenants holds something that is no tenant id, or too many."""

    reason = "TENANT_LIST_REFUSED"


async def tenant_scope(conn: AsyncConnection[Any], tenant_ids: Iterable[TenantId]) -> None:
    """Lets the current transaction see exactly these tenants' rows; an empty list lets it see none.

    Raises TenantListRefused before anything reaches the database: the setting joins ids by commas, so an id may hold
    nothing but the letters, digits and hyphens that `contracts.ids` allows.
    """
    await conn.execute("SELECT set_config(%s, %s, true)", (SETTING, scope_list(tenant_ids)))


def scope_list(tenant_ids: Iterable[TenantId]) -> str:
    ids = list(dict.fromkeys(tenant_ids))
    if len(ids) > MAX_TENANTS_IN_SCOPE:
        raise TenantListRefused(f"{len(ids)} tenants in one query; the limit is {MAX_TENANTS_IN_SCOPE}.")
    if any(not is_tenant_id(tenant_id) for tenant_id in ids):
        raise TenantListRefused("The list of tenants holds something that is not a tenant id.")
    return ",".join(ids)

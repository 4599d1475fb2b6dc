"""What an operator can ask of a read side: what is parked, let it try again, skip an event, build a view anew.

The runners of whatever processes are up take these up within SWEEP_SECONDS.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from contracts.ids import TenantId
from infra.read_database import policy_positions, tracking
from infra.read_database.database import ReadDatabase
from infra.read_database.views import DocumentView

MAX_PARKED_SHOWN = 1_000


@dataclass(frozen=True, slots=True)
class Parked:
    """Something that waits for an operator: a "projection", a "policy" or a "timer" of one tenant.

    `name` is the view's name, the policy's id or the timer's kind; `position` the entry that it cannot take, or for a
    timer the entry that set it.
    """

    work: str
    name: str
    tenant_id: TenantId
    position: int
    reason: str
    detail: str


async def parked_work(database: ReadDatabase, tenant_ids: Sequence[TenantId]) -> list[Parked]:
    """Everything of these tenants that is parked now, at most MAX_PARKED_SHOWN."""
    async with database.reading(tenant_ids) as conn:
        cursor = await conn.execute(
            "SELECT 'projection', e.projection, e.tenant_id, e.position, e.error, e.detail FROM parked_events e"
            " JOIN projection_builds b USING (tenant_id, projection, build)"
            " WHERE b.state = 'parked' AND e.resolved_at IS NULL"
            " UNION ALL SELECT 'policy', o.policy_id, o.tenant_id, o.position, o.reason, o.detail"
            " FROM policy_outcomes o WHERE o.outcome = 'parked'"
            " UNION ALL SELECT 'timer', t.kind, t.tenant_id, t.set_at, t.reason, '' FROM timers t"
            " JOIN projection_builds b USING (tenant_id, projection, build) WHERE t.state = 'parked' AND b.active"
            " ORDER BY 3, 1, 2, 4 LIMIT %s",
            (MAX_PARKED_SHOWN,),
        )
        return [
            Parked(work, name, TenantId(tenant), position, reason, detail)
            for work, name, tenant, position, reason, detail in await cursor.fetchall()
        ]


async def retry_projection(database: ReadDatabase, projection: str, tenant_id: TenantId) -> int:
    """Lets a parked projection try its event again; answers how many of its builds were parked."""
    async with database.writing([tenant_id]) as conn:
        return await tracking.retry_parked(conn, tenant_id, projection)


async def rebuild_projection(database: ReadDatabase, view: DocumentView[Any], tenant_ids: Sequence[TenantId]) -> None:
    """Starts a rebuild beside the build that is read; readers switch when it has caught up."""
    async with database.writing(tenant_ids) as conn:
        for tenant_id in tenant_ids:
            await tracking.start_rebuild(conn, tenant_id, view)


async def retry_policy(database: ReadDatabase, policy_id: str, tenant_id: TenantId) -> bool:
    """Lets a parked policy try its event again; False when it is not parked."""
    async with database.writing([tenant_id]) as conn:
        return await policy_positions.retry_parked(conn, policy_id, tenant_id)


async def skip_policy(database: ReadDatabase, policy_id: str, tenant_id: TenantId) -> bool:
    """Lets a parked policy go on after the event that it cannot take; False when it is not parked."""
    async with database.writing([tenant_id]) as conn:
        return await policy_positions.skip_parked(conn, policy_id, tenant_id)


async def retry_timers(database: ReadDatabase, kind: str, tenant_id: TenantId) -> int:
    """Lets the parked timers of a kind try again; answers how many there were."""
    async with database.writing([tenant_id]) as conn:
        cursor = await conn.execute(
            "UPDATE timers SET state = 'pending', attempts = 0, first_failed_at = NULL, next_attempt_at = NULL,"
            " finished_at = NULL WHERE tenant_id = %s AND kind = %s AND state = 'parked'",
            (tenant_id, kind),
        )
        return cursor.rowcount

"""The rows that say how far each policy has reacted in each tenant's ledger, and what came of what did not succeed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from contracts.ids import TenantId
from infra.read_database.database import Connection
from infra.read_database.policies import Activation, Policy
from infra.read_database.verdicts import detail_of, reason_of


@dataclass(frozen=True, slots=True)
class Standing:
    """A claimed row of policy_positions. Everything up to `position` has been reacted to."""

    tenant_id: TenantId
    policy_id: str
    position: int
    attempts: int
    first_failed_at: datetime | None
    claimed_at: datetime
    """By the database's clock, as `first_failed_at` is."""


async def activate(conn: Connection, policies: Sequence[Policy], heads: Mapping[TenantId, int]) -> None:
    """Records where each policy begins, for policies and tenants that are new; what is recorded already stays."""
    for policy in policies:
        cursor = await conn.execute(
            "INSERT INTO policy_activations (policy_id) VALUES (%s) ON CONFLICT DO NOTHING", (policy.ID,)
        )
        at_head = cursor.rowcount == 1 and policy.ACTIVATION is Activation.HEAD
        await conn.execute(
            "INSERT INTO policy_positions (tenant_id, policy_id, activated_after, position)"
            " SELECT tenant_id, %s, position, position"
            " FROM unnest(%s::text[], %s::bigint[]) AS new (tenant_id, position)"
            " ON CONFLICT DO NOTHING",
            (policy.ID, list(heads), [head - 1 if at_head else -1 for head in heads.values()]),
        )


async def claim(conn: Connection, tenant_id: TenantId, policies: Sequence[Policy]) -> list[Standing]:
    """The tenant's policies that may go on now and that no other runner holds, locked until the transaction ends."""
    cursor = await conn.execute(
        "SELECT policy_id, position, attempts, first_failed_at, now() FROM policy_positions"
        " WHERE tenant_id = %s AND policy_id = ANY (%s) AND state = 'running'"
        " AND (next_attempt_at IS NULL OR next_attempt_at <= now())"
        " ORDER BY policy_id FOR UPDATE SKIP LOCKED",
        (tenant_id, [policy.ID for policy in policies]),
    )
    return [Standing(tenant_id, *row) for row in await cursor.fetchall()]


async def unfinished(conn: Connection, heads: Mapping[TenantId, int], policies: Sequence[Policy]) -> set[TenantId]:
    """The tenants with a running policy that has not come to the head."""
    cursor = await conn.execute(
        "SELECT DISTINCT p.tenant_id FROM policy_positions p"
        " JOIN unnest(%s::text[], %s::bigint[]) AS heads (tenant_id, head) USING (tenant_id)"
        " WHERE p.state = 'running' AND p.position < heads.head - 1 AND p.policy_id = ANY (%s)",
        (list(heads), list(heads.values()), [policy.ID for policy in policies]),
    )
    return {TenantId(tenant) for (tenant,) in await cursor.fetchall()}


async def advance(conn: Connection, standing: Standing, position: int) -> None:
    await conn.execute(
        "UPDATE policy_positions SET position = %s, attempts = 0, first_failed_at = NULL, next_attempt_at = NULL,"
        " updated_at = now() WHERE tenant_id = %s AND policy_id = %s",
        (position, standing.tenant_id, standing.policy_id),
    )


async def postpone(conn: Connection, standing: Standing, attempts: int, pause_seconds: float) -> None:
    """The event after the position failed and is tried again after the pause."""
    await conn.execute(
        "UPDATE policy_positions SET attempts = %s, first_failed_at = coalesce(first_failed_at, now()),"
        " next_attempt_at = now() + make_interval(secs => %s), updated_at = now()"
        " WHERE tenant_id = %s AND policy_id = %s",
        (attempts, pause_seconds, standing.tenant_id, standing.policy_id),
    )


async def park(conn: Connection, standing: Standing) -> None:
    await conn.execute(
        "UPDATE policy_positions SET state = 'parked', updated_at = now() WHERE tenant_id = %s AND policy_id = %s",
        (standing.tenant_id, standing.policy_id),
    )


async def record_outcome(
    conn: Connection, standing: Standing, position: int, topic: str, outcome: str, error: Exception
) -> None:
    await conn.execute(
        "INSERT INTO policy_outcomes (tenant_id, policy_id, position, topic, outcome, reason, detail)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (tenant_id, policy_id, position) DO UPDATE"
        " SET outcome = excluded.outcome, reason = excluded.reason, detail = excluded.detail, recorded_at = now()",
        (
            standing.tenant_id,
            standing.policy_id,
            position,
            topic,
            outcome,
            reason_of(error),
            detail_of(error),
        ),
    )


async def retry_parked(conn: Connection, policy_id: str, tenant_id: TenantId) -> bool:
    """Lets a parked policy try its event again; False when it is not parked."""
    return await _resume(conn, policy_id, tenant_id, "retried", skip=0)


async def skip_parked(conn: Connection, policy_id: str, tenant_id: TenantId) -> bool:
    """Lets a parked policy go on after the event that it cannot take; False when it is not parked."""
    return await _resume(conn, policy_id, tenant_id, "skipped", skip=1)


async def _resume(conn: Connection, policy_id: str, tenant_id: TenantId, outcome: str, skip: int) -> bool:
    cursor = await conn.execute(
        "WITH resumed AS ("
        "  UPDATE policy_positions SET state = 'running', position = position + %s, attempts = 0,"
        "  first_failed_at = NULL, next_attempt_at = NULL, updated_at = now()"
        "  WHERE tenant_id = %s AND policy_id = %s AND state = 'parked' RETURNING tenant_id, policy_id, position)"
        " UPDATE policy_outcomes o SET outcome = %s, recorded_at = now() FROM resumed r"
        " WHERE o.tenant_id = r.tenant_id AND o.policy_id = r.policy_id AND o.position = r.position + 1 - %s"
        " AND o.outcome = 'parked'",
        (skip, tenant_id, policy_id, outcome, skip),
    )
    return cursor.rowcount > 0

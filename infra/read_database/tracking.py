"""The rows that say how far each build of each projection has come: claimed for a turn, advanced, parked, switched."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from contracts.ids import TenantId
from infra.read_database.database import Connection
from infra.read_database.views import DocumentView

MAX_DETAIL_LENGTH = 500
RETIRE_AFTER_HOURS = 24
"""How long the build of an older version of the code stays after its successor took over: old replicas may read it."""
RETIRE_CHUNK = 5_000
"""Rows that one housekeeping turn deletes from one view."""


@dataclass(frozen=True, slots=True)
class Build:
    """A claimed row of projection_builds."""

    tenant_id: TenantId
    projection: str
    build: int
    position: int
    leaf_hash: bytes | None
    active: bool


async def ensure_builds(conn: Connection, tenant_ids: Sequence[TenantId], views: Sequence[DocumentView[Any]]) -> None:
    """Starts a build for every tenant and view that has none of today's version. Replicas may do so at once."""
    await conn.execute(
        "INSERT INTO projection_builds (tenant_id, projection, build, code_version)"
        " SELECT t, p, 1 + coalesce((SELECT max(build) FROM projection_builds b"
        "                            WHERE b.tenant_id = t AND b.projection = p), 0), v"
        " FROM unnest(%s::text[]) AS tenants (t)"
        " CROSS JOIN unnest(%s::text[], %s::integer[]) AS views (p, v)"
        " WHERE NOT EXISTS (SELECT FROM projection_builds b WHERE b.tenant_id = t AND b.projection = p"
        "                   AND b.code_version = v AND b.state IN ('running', 'parked'))"
        " ON CONFLICT DO NOTHING",
        (list(tenant_ids), [view.NAME for view in views], [view.VERSION for view in views]),
    )


async def start_rebuild(conn: Connection, tenant_id: TenantId, view: DocumentView[Any]) -> None:
    """Starts a further build of today's version beside the one that is read."""
    await conn.execute(
        "INSERT INTO projection_builds (tenant_id, projection, build, code_version)"
        " SELECT %(tenant)s, %(view)s, 1 + coalesce(max(build), 0), %(version)s FROM projection_builds"
        " WHERE tenant_id = %(tenant)s AND projection = %(view)s",
        {"tenant": tenant_id, "view": view.NAME, "version": view.VERSION},
    )


async def claim(conn: Connection, tenant_id: TenantId, views: Sequence[DocumentView[Any]]) -> list[Build]:
    """The tenant's running builds that no other runner holds, locked until the transaction ends."""
    cursor = await conn.execute(
        "SELECT projection, build, position, leaf_hash, active FROM projection_builds"
        " WHERE tenant_id = %s AND state = 'running'"
        " AND (projection, code_version) IN (SELECT * FROM unnest(%s::text[], %s::integer[]))"
        " ORDER BY projection, build FOR UPDATE SKIP LOCKED",
        (tenant_id, [view.NAME for view in views], [view.VERSION for view in views]),
    )
    return [Build(tenant_id, *row) for row in await cursor.fetchall()]


async def unfinished(
    conn: Connection, heads: Mapping[TenantId, int], views: Sequence[DocumentView[Any]]
) -> list[TenantId]:
    """The tenants with a running build that does not stand at the head, or stands there without being read."""
    cursor = await conn.execute(
        "SELECT DISTINCT b.tenant_id FROM projection_builds b"
        " JOIN unnest(%s::text[], %s::bigint[]) AS heads (tenant_id, head) USING (tenant_id)"
        " WHERE b.state = 'running' AND (b.position <> heads.head - 1 OR NOT b.active)"
        " AND (b.projection, b.code_version) IN (SELECT * FROM unnest(%s::text[], %s::integer[]))",
        (list(heads), list(heads.values()), [view.NAME for view in views], [view.VERSION for view in views]),
    )
    return [TenantId(tenant) for (tenant,) in await cursor.fetchall()]


async def advance(conn: Connection, build: Build, position: int, leaf_hash: bytes) -> None:
    await conn.execute(
        "UPDATE projection_builds SET position = %s, leaf_hash = %s, updated_at = now()"
        " WHERE tenant_id = %s AND projection = %s AND build = %s",
        (position, leaf_hash, build.tenant_id, build.projection, build.build),
    )


async def park(conn: Connection, build: Build, position: int, topic: str, error: BaseException) -> None:
    """Stops the build before the event. The row that says why stays when it is resolved later."""
    await conn.execute(
        "UPDATE projection_builds SET state = 'parked', updated_at = now()"
        " WHERE tenant_id = %s AND projection = %s AND build = %s",
        (build.tenant_id, build.projection, build.build),
    )
    await conn.execute(
        "INSERT INTO parked_events (tenant_id, projection, build, position, topic, error, detail)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (tenant_id, projection, build, position) DO UPDATE"
        " SET error = excluded.error, detail = excluded.detail, parked_at = now(), resolved_at = NULL",
        (
            build.tenant_id,
            build.projection,
            build.build,
            position,
            topic,
            type(error).__name__,
            str(error).replace("\x00", "\ufffd")[:MAX_DETAIL_LENGTH],
        ),
    )


async def retry_parked(conn: Connection, tenant_id: TenantId, projection: str) -> int:
    """Lets the parked builds of a projection try again; answers how many there were."""
    cursor = await conn.execute(
        "UPDATE projection_builds SET state = 'running', updated_at = now()"
        " WHERE tenant_id = %s AND projection = %s AND state = 'parked'",
        (tenant_id, projection),
    )
    await conn.execute(
        "UPDATE parked_events SET resolved_at = now() WHERE tenant_id = %s AND projection = %s AND resolved_at IS NULL",
        (tenant_id, projection),
    )
    return cursor.rowcount


async def mark_diverged(conn: Connection, build: Build, view: DocumentView[Any]) -> None:
    """The ledger no longer holds what the build was made from: nobody reads it any more, and another build begins."""
    await conn.execute(
        "UPDATE projection_builds SET state = 'diverged', active = false, updated_at = now()"
        " WHERE tenant_id = %s AND projection = %s AND build = %s",
        (build.tenant_id, build.projection, build.build),
    )
    await start_rebuild(conn, build.tenant_id, view)


async def switch(conn: Connection, build: Build, view: DocumentView[Any]) -> None:
    """Readers see this build from the end of the transaction on; what it replaces is retired. Its timers may fire."""
    identity = {
        "tenant": build.tenant_id, "view": build.projection, "build": build.build, "version": view.VERSION
    }  # fmt: skip
    await conn.execute(
        # A timer that has fired from the build that is replaced must not fire again from this one.
        "UPDATE timers n SET state = o.state, reason = o.reason, finished_at = o.finished_at"
        " FROM timers o JOIN projection_builds b USING (tenant_id, projection, build)"
        " WHERE n.tenant_id = %(tenant)s AND n.projection = %(view)s AND n.build = %(build)s AND n.state = 'pending'"
        " AND o.tenant_id = n.tenant_id AND o.projection = n.projection AND o.build <> n.build"
        " AND (o.key, o.kind, o.name, o.due_at) = (n.key, n.kind, n.name, n.due_at)"
        " AND o.state IN ('fired', 'refused', 'parked')",
        identity,
    )
    await conn.execute(
        "UPDATE projection_builds SET active = false, state = 'retired', updated_at = now()"
        " WHERE tenant_id = %(tenant)s AND projection = %(view)s AND code_version = %(version)s AND build <> %(build)s"
        " AND state <> 'retired'",
        identity,
    )
    await conn.execute(
        "UPDATE projection_builds SET active = true, activated_at = now()"
        " WHERE tenant_id = %(tenant)s AND projection = %(view)s AND build = %(build)s",
        identity,
    )


async def retire_old_versions(conn: Connection, views: Sequence[DocumentView[Any]]) -> None:
    """Retires builds of older code whose successor has been active long enough for old replicas to be gone."""
    await conn.execute(
        "UPDATE projection_builds old SET active = false, state = 'retired', updated_at = now()"
        " FROM projection_builds new, unnest(%s::text[], %s::integer[]) AS views (p, v)"
        " WHERE new.projection = p AND new.code_version = v AND new.active"
        " AND new.activated_at < now() - make_interval(hours => %s)"
        " AND old.tenant_id = new.tenant_id AND old.projection = p AND old.code_version < v AND old.state <> 'retired'",
        ([view.NAME for view in views], [view.VERSION for view in views], RETIRE_AFTER_HOURS),
    )


async def retired_builds(conn: Connection, views: Sequence[DocumentView[Any]]) -> list[tuple[TenantId, str, int]]:
    cursor = await conn.execute(
        "SELECT tenant_id, projection, build FROM projection_builds WHERE state = 'retired' AND projection = ANY (%s)"
        " ORDER BY 1, 2, 3 LIMIT 100",
        ([view.NAME for view in views],),
    )
    return [(TenantId(tenant), projection, build) for tenant, projection, build in await cursor.fetchall()]


async def delete_retired(conn: Connection, tenant_id: TenantId, view: DocumentView[Any], build: int) -> bool:
    """Deletes a chunk of a retired build's rows; True when nothing is left of it. The scope must hold the tenant."""
    cursor = await conn.execute(
        sql.SQL(
            "DELETE FROM {0} WHERE ctid = ANY (ARRAY(SELECT ctid FROM {0}"
            " WHERE tenant_id = %s AND build = %s LIMIT %s))"
        ).format(sql.Identifier(view.TABLE)),
        (tenant_id, build, RETIRE_CHUNK),
    )
    if cursor.rowcount == RETIRE_CHUNK:
        return False
    for table in ("timers", "projection_builds"):
        await conn.execute(
            sql.SQL("DELETE FROM {} WHERE tenant_id = %s AND projection = %s AND build = %s").format(
                sql.Identifier(table)
            ),
            (tenant_id, view.NAME, build),
        )
    return True

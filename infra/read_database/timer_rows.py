"""The due rows of a build: set and cancelled in the transaction that changes the document that wants them."""

from collections.abc import Sequence
from typing import Any

from psycopg.types.json import Jsonb

from contracts.events.base import Recorded
from infra.read_database.database import Connection
from infra.read_database.tracking import Build
from infra.read_database.views import Due


async def cancel_others(conn: Connection, build: Build, keys: Sequence[str], wanted: Sequence[tuple[str, Due]]) -> None:
    """Cancels what is still to come for these documents and is not wanted any more."""
    await conn.execute(
        "UPDATE timers t SET state = 'cancelled', finished_at = now()"
        " WHERE tenant_id = %s AND projection = %s AND build = %s AND key = ANY (%s) AND state IN ('pending', 'parked')"
        " AND NOT EXISTS (SELECT FROM unnest(%s::text[], %s::text[], %s::text[], %s::timestamptz[])"
        "                 AS w (key, kind, name, due_at)"
        "                 WHERE (w.key, w.kind, w.name, w.due_at) = (t.key, t.kind, t.name, t.due_at))",
        (
            build.tenant_id,
            build.projection,
            build.build,
            list(keys),
            [key for key, _ in wanted],
            [due.kind for _, due in wanted],
            [due.name for _, due in wanted],
            [due.at for _, due in wanted],
        ),
    )


async def set_pending(conn: Connection, build: Build, wanted: Sequence[tuple[str, Due, Recorded[Any] | None]]) -> None:
    """Sets what is wanted and not there yet. One that was cancelled comes back; one that has fired does not."""
    rows = [
        (
            build.tenant_id,
            build.projection,
            build.build,
            key,
            due.kind,
            due.name,
            due.at,
            Jsonb(dict(due.payload)),
            cause.position if cause else build.position,
            cause.envelope.correlation_id if cause else "",
            cause.envelope.trace_parent if cause else "",
        )
        for key, due, cause in wanted
    ]
    async with conn.cursor() as cursor:
        await cursor.executemany(
            "INSERT INTO timers (tenant_id, projection, build, key, kind, name, due_at, payload, set_at,"
            " correlation_id, trace_parent) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
            " ON CONFLICT (tenant_id, projection, build, key, kind, name, due_at) DO UPDATE"
            " SET state = 'pending', payload = excluded.payload, finished_at = NULL"
            " WHERE timers.state = 'cancelled'",
            rows,
        )

"""The table of signs of life, and the search for sensors whose silence began or ended.

The table is written by heartbeats and telemetry, not by a projection, and is lost without harm: a sensor that is not in
it counts as last heard when its silence was last judged, or when it was registered.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from contracts.ids import TenantId
from infra.read_database.database import ReadDatabase
from services.assets.config import MAX_SILENCES_IN_SWEEP
from services.assets.domain.sensor import MISSED_INTERVALS


@dataclass(frozen=True, slots=True)
class Suspect:
    """A sensor whose state on record differs from what its signs of life say."""

    tenant_id: TenantId
    sensor_id: str
    silent: bool
    last_heard_at: datetime | None


class Heartbeats:
    def __init__(self, database: ReadDatabase) -> None:
        self._database = database

    async def record(self, tenant_id: TenantId, sensor_id: str, heard_at: datetime) -> None:
        """Keeps the later of what is known and `heard_at`."""
        async with self._database.writing([tenant_id]) as connection:
            await connection.execute(
                "INSERT INTO heartbeats (tenant_id, sensor_id, last_heard_at) VALUES (%s, %s, %s)"
                " ON CONFLICT (tenant_id, sensor_id) DO UPDATE"
                " SET last_heard_at = greatest(heartbeats.last_heard_at, excluded.last_heard_at)",
                (tenant_id, sensor_id, heard_at),
            )

    async def last_heard(self, tenant_ids: Sequence[TenantId], sensor_ids: Sequence[str]) -> Mapping[str, datetime]:
        """When these sensors were last heard; one that never was is left out."""
        async with self._database.reading(tenant_ids) as connection:
            cursor = await connection.execute(
                "SELECT sensor_id, last_heard_at FROM heartbeats WHERE sensor_id = ANY (%s)", (list(sensor_ids),)
            )
            return dict(await cursor.fetchall())

    async def suspects(self, tenant_ids: Sequence[TenantId], now: datetime) -> list[Suspect]:
        """At most MAX_SILENCES_IN_SWEEP sensors whose silence seems to have begun or ended by `now`.

        The view may lag behind the ledger; the decision looks at the ledger's own state again.
        """
        async with self._database.reading(tenant_ids) as connection:
            cursor = await connection.execute(
                _SUSPECTS, {"missed": MISSED_INTERVALS, "now": now, "most": MAX_SILENCES_IN_SWEEP}
            )
            return [Suspect(*row) for row in await cursor.fetchall()]


# In no order, so that sensors of a ledger that is away do not stand before all others at every sweep.
_SUSPECTS = """
SELECT s.tenant_id, s.key, s.silent, h.last_heard_at
FROM sensors s
JOIN projection_builds b ON b.tenant_id = s.tenant_id AND b.build = s.build AND b.projection = 'sensors' AND b.active
LEFT JOIN heartbeats h ON h.tenant_id = s.tenant_id AND h.sensor_id = s.key
WHERE s.to_position IS NULL
  AND CASE WHEN s.silent
      THEN h.last_heard_at > (s.doc ->> 'silent_from')::timestamptz
      ELSE greatest(s.registered_at, h.last_heard_at) + make_interval(secs => %(missed)s * s.interval_seconds) < %(now)s
      END
ORDER BY random()
LIMIT %(most)s
"""

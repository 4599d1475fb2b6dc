"""Has every read model built anew beside the one that is read, and compares the rows of the two. Plain psycopg."""

import time
from collections.abc import Iterable, Iterator
from typing import Any

import psycopg
from psycopg import sql

PAUSE_SECONDS = 0.2
MAX_PROBLEMS = 20

Key = tuple[str, str]
"""A tenant and a projection."""
Standing = dict[Key, tuple[int, int]]
"""The build that is read, and its position."""
Version = tuple[Any, ...]


class ReadModels:
    """The views of one service's read database, as its administrator sees them."""

    def __init__(self, server: str, service: str) -> None:
        self.service = service
        self._server = server

    def standing(self) -> Standing:
        """The build that is read, and its position, for every tenant and projection."""
        with self._connect() as connection:
            cursor = connection.execute(
                "SELECT tenant_id, projection, build, position FROM projection_builds"
                " WHERE active AND state = 'running'"
            )
            return {(tenant, projection): (build, at) for tenant, projection, build, at in cursor.fetchall()}

    def parked(self) -> list[str]:
        """Everything that waits for an operator."""
        with self._connect() as connection:
            rows = connection.execute(
                "SELECT 'projection', tenant_id, projection FROM projection_builds"
                " WHERE state IN ('parked', 'diverged')"
                " UNION ALL SELECT 'policy', tenant_id, policy_id FROM policy_positions WHERE state = 'parked'"
                " UNION ALL SELECT 'timer', tenant_id, kind FROM timers WHERE state = 'parked'"
            ).fetchall()
        return [f"{self.service}: the {what} {name} of {tenant} is parked" for what, tenant, name in rows]

    def behind(self, heads: dict[str, int]) -> list[str]:
        """Projections and policies that have not come to these heads (next positions) of their tenants' ledgers."""
        with self._connect() as connection:
            rows = connection.execute(
                "SELECT tenant_id, projection, position FROM projection_builds WHERE active"
                " UNION ALL SELECT tenant_id, policy_id, position FROM policy_positions"
            ).fetchall()
        return [f"{name} of {tenant}" for tenant, name, at in rows if tenant in heads and at < heads[tenant] - 1]

    def rebuild(self) -> None:
        """Asks the service's runner for a further build of every view."""
        with self._connect() as connection:
            connection.execute(
                "INSERT INTO projection_builds (tenant_id, projection, build, code_version)"
                " SELECT tenant_id, projection, max(build) + 1, max(code_version) FROM projection_builds"
                " GROUP BY tenant_id, projection"
            )

    def rows(self, projection: str, tenant_id: str, build: int, up_to: int) -> set[Version]:
        """Every row version that began at or before a position, as it was known there. A view's table has its name."""
        with self._connect() as connection:
            columns = [
                name
                for (name,) in connection.execute(
                    "SELECT column_name FROM information_schema.columns WHERE table_name = %s"
                    " AND column_name <> ALL (%s) ORDER BY 1",
                    (projection, ["build", "to_position"]),
                ).fetchall()
            ]
            ended = "CASE WHEN to_position > %(at)s THEN NULL ELSE to_position END"
            query = sql.SQL(
                "SELECT {columns}, " + ended + " FROM {table}"
                " WHERE tenant_id = %(tenant)s AND build = %(build)s AND from_position <= %(at)s"
            ).format(
                columns=sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(name)) for name in columns),
                table=sql.Identifier(projection),
            )
            found = connection.execute(query, {"tenant": tenant_id, "build": build, "at": up_to}).fetchall()
        return set(found)

    def _connect(self) -> "psycopg.Connection[Any]":
        return psycopg.connect(self._server, dbname=f"tenet_{self.service}", autocommit=True)


def compare_with_rebuilds(models: Iterable[ReadModels], limit: float) -> list[str]:
    """Problems, none if every row of every view comes out the same again. Raises TimeoutError."""
    problems: list[str] = []
    for each in models:
        before = each.standing()
        kept = {key: each.rows(key[1], key[0], build, at) for key, (build, at) in before.items()}
        each.rebuild()
        after = _wait_for_switch(each, before, limit)
        for (tenant, projection), (_, at) in before.items():
            again = each.rows(projection, tenant, after[tenant, projection][0], at)
            problems += _differences(f"{each.service}.{projection} of {tenant}", kept[tenant, projection], again)
    return problems[:MAX_PROBLEMS]


def _wait_for_switch(models: ReadModels, before: Standing, limit: float) -> Standing:
    deadline = time.monotonic() + limit
    while True:
        now = models.standing()
        late = [key for key, (build, at) in before.items() if key not in now or now[key] < (build + 1, at)]
        if not late:
            return now
        if time.monotonic() > deadline:
            raise TimeoutError(f"{models.service}: not built anew within {limit:.0f} s: {late[:5]}")
        time.sleep(PAUSE_SECONDS)


def _differences(name: str, kept: set[Version], again: set[Version]) -> Iterator[str]:
    for row in sorted(kept - again, key=str)[:2]:
        yield f"{name}: only in the model that was read: {row}"
    for row in sorted(again - kept, key=str)[:2]:
        yield f"{name}: only in the rebuild: {row}"

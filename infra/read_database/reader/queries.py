"""The reader: answers from a service's views, in the scope of the tenants asked about, at a position that it states."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg
from psycopg import sql

from contracts.errors import InvalidArgument, NotYetApplied
from contracts.ids import TenantId
from infra.read_database.database import Connection, ReadDatabase
from infra.read_database.reader.conditions import Condition, Order, where_clause
from infra.read_database.reader.pages import Document, Keyset, Page, PageRequest, PageTokenRefused, identity_of
from infra.read_database.reader.waiting import FIRST_POLL_SECONDS, MAX_POLL_SECONDS, Applied
from infra.read_database.views import DocumentView

D = TypeVar("D")
Heads = Callable[[Sequence[TenantId]], Awaitable[Mapping[TenantId, int]]]
"""The next position of each of these tenants' ledgers."""

DEFAULT_WAIT_SECONDS = 10.0
"""How long a query without a deadline of its own waits for a position."""
PATIENT_SECONDS = 1.0
"""What is waited for longer is looked for in the ledger: who names a position that is not there holds no call up."""
MAX_WAIT_SECONDS = 120.0


class PositionNegative(InvalidArgument):
    """Positions of a ledger begin at 0."""

    reason = "POSITION_NEGATIVE"


class PositionBeyondHead(InvalidArgument):
    """Nothing is known as of a position that the ledger has not reached."""

    reason = "POSITION_BEYOND_HEAD"


@dataclass(frozen=True, slots=True)
class _Standing:
    """What the readable builds of one view are, for the tenants asked about."""

    builds: Mapping[TenantId, int]
    positions: Mapping[TenantId, int]
    not_ready: tuple[TenantId, ...]
    parked: frozenset[TenantId]
    """Those of `not_ready` whose build waits for an operator, so that there is no use in waiting for it."""


class Reader:
    """Reads views of one service. `applied` is shared with the process's runner; without it the reader only polls.

    With `heads` a position beyond a ledger's end is refused at once; without it, it is waited for.
    """

    def __init__(
        self,
        database: ReadDatabase,
        views: Sequence[DocumentView[Any]],
        applied: Applied | None = None,
        heads: Heads | None = None,
    ) -> None:
        self._database = database
        self._heads = heads
        self._views = tuple(views)
        self._applied = applied or Applied()

    async def waited(
        self, tenant_id: TenantId, min_position: int | None, deadline: float | None = None, *views: DocumentView[Any]
    ) -> None:
        """Returns once the views (all of the service's, where none is named) have applied `min_position`.

        `deadline` is an instant of the event loop's clock, as in a servicer's context. Raises NotYetApplied after it,
        and at once where a view is parked before the position; PositionBeyondHead, before long, where the ledger has no
        such position. None or a negative position waits for nothing.
        """
        if min_position is None or min_position < 0:
            return
        waiting, doubtful = _Waiting(self._applied, tenant_id, deadline), self._heads is not None
        while behind := await self._behind(tenant_id, min_position, views or self._views):
            if "parked" in behind.values() or not await waiting.once():
                raise NotYetApplied(
                    f"A view has not reached position {min_position}.",
                    metadata={"min_position": str(min_position), **behind},
                )
            if doubtful and waiting.lasted > PATIENT_SECONDS:
                doubtful = False
                await self._require_entry(tenant_id, min_position)

    async def _require_entry(self, tenant_id: TenantId, position: int) -> None:
        """Raises PositionBeyondHead where the ledger does not reach a position."""
        if self._heads is not None:
            head = (await self._heads([tenant_id])).get(tenant_id, 0)
            if position >= head:
                raise PositionBeyondHead(
                    f"The ledger has no entry at position {position} yet.",
                    metadata={"head": str(head), "position": str(position)},
                )

    async def _reached(
        self, tenant_id: TenantId, at: int | None, deadline: float | None, view: DocumentView[Any]
    ) -> None:
        """Returns once the view can show what was known at a position.

        Raises PositionNegative, PositionBeyondHead, NotYetApplied.
        """
        if at is None:
            return
        if at < 0:
            raise PositionNegative("Positions of a ledger begin at 0.", metadata={"position": str(at)})
        if self._heads is not None and await self._behind(tenant_id, at, [view]):
            await self._require_entry(tenant_id, at)
        await self.waited(tenant_id, at, deadline, view)

    async def _behind(self, tenant_id: TenantId, position: int, views: Sequence[DocumentView[Any]]) -> dict[str, str]:
        """The views that have not reached the position, each with its state."""
        async with self._database.reading([tenant_id]) as conn:
            cursor = await conn.execute(
                "SELECT projection, code_version, position, state FROM projection_builds"
                " WHERE tenant_id = %s AND projection = ANY (%s) AND (active OR state = 'parked')",
                (tenant_id, [view.NAME for view in views]),
            )
            rows = await cursor.fetchall()
        behind: dict[str, str] = {}
        for view in views:
            mine = [row for row in rows if row[0] == view.NAME and _readable(view, row[1])]
            if not any(row[2] >= position for row in mine):
                behind[view.NAME] = "parked" if any(row[3] == "parked" for row in mine) else "behind"
        return behind

    async def get(
        self,
        view: DocumentView[D],
        tenant_id: TenantId,
        key: str,
        *,
        at: int | None = None,
        deadline: float | None = None,
    ) -> Document[D] | None:
        """See DocumentView.get."""
        await self._reached(tenant_id, at, deadline, view)
        waiting = _Waiting(self._applied, tenant_id, deadline)
        while True:
            async with self._database.reading([tenant_id]) as conn:
                standing = await self._standing(conn, view, [tenant_id])
                if not standing.not_ready:
                    return await _get(conn, view, tenant_id, key, at, standing)
            if tenant_id in standing.parked or not await waiting.once():
                state = "parked" if tenant_id in standing.parked else "behind"
                raise NotYetApplied(f"The view {view.NAME} is not built yet.", metadata={view.NAME: state})

    async def list(
        self,
        view: DocumentView[D],
        tenant_ids: Sequence[TenantId],
        where: Sequence[Condition],
        order: Sequence[Order],
        page: PageRequest,
        *,
        at: int | Mapping[TenantId, int] | None,
        deadline: float | None,
    ) -> Page[D]:
        """See DocumentView.list."""
        positions = _positions(tenant_ids, at)
        for tenant_id, position in positions.items():
            await self._reached(tenant_id, position, deadline, view)
        keyset = Keyset.of(view.COLUMNS, order, *identity_of(view.NAME, view.VERSION, tenant_ids, where, positions))
        async with self._database.reading(tenant_ids) as conn:
            standing = await self._standing(conn, view, tenant_ids)
            query, values = _list_query(view, standing, positions, where, keyset, page)
            try:
                cursor = await conn.execute(query, values)
            except psycopg.DataError as error:
                if page.token:
                    raise PageTokenRefused from error
                raise InvalidArgument("A filter's value does not fit its column.") from error
            rows = await cursor.fetchall()
        shown = rows[: page.limit]
        stands_on = {**standing.positions, **positions}
        return Page(
            items=[
                Document(TenantId(row[0]), row[1], view.decode(row[3]), row[2], stands_on[TenantId(row[0])])
                for row in shown
            ],
            next_token=keyset.token(shown[-1][4:]) if len(rows) > page.limit else "",
            positions=stands_on,
            not_ready=standing.not_ready,
            view=view.NAME,
            version=view.VERSION,
        )

    async def count(
        self, view: DocumentView[Any], tenant_ids: Sequence[TenantId], where: Sequence[Condition] = ()
    ) -> int:
        """See DocumentView.count."""
        condition, values = where_clause(view.COLUMNS, where)
        async with self._database.reading(tenant_ids) as conn:
            standing = await self._standing(conn, view, tenant_ids)
            cursor = await conn.execute(
                sql.SQL(
                    "SELECT count(*) FROM {} v JOIN unnest(%s::text[], %s::integer[]) AS b (tenant_id, build)"
                    " USING (tenant_id, build) WHERE v.to_position IS NULL AND {}"
                ).format(sql.Identifier(view.TABLE), condition),
                [list(standing.builds), list(standing.builds.values()), *values],
            )
            row = await cursor.fetchone()
        return int(row[0]) if row is not None else 0

    async def positions(self, view: DocumentView[Any], tenant_ids: Sequence[TenantId]) -> Mapping[TenantId, int]:
        """How far the view has come for each tenant: -1 where nothing was applied yet."""
        async with self._database.reading(tenant_ids) as conn:
            return (await self._standing(conn, view, tenant_ids)).positions

    async def _standing(self, conn: Connection, view: DocumentView[Any], tenant_ids: Sequence[TenantId]) -> _Standing:
        cursor = await conn.execute(
            "SELECT tenant_id, build, code_version, position, active, state FROM projection_builds"
            " WHERE projection = %s AND tenant_id = ANY (%s) AND state <> 'retired'"
            " ORDER BY code_version, build",
            (view.NAME, list(tenant_ids)),
        )
        builds: dict[TenantId, int] = {}
        positions = dict.fromkeys(tenant_ids, -1)
        started: set[TenantId] = set()
        parked: set[TenantId] = set()
        for tenant, build, code_version, position, active, state in await cursor.fetchall():
            tenant_id = TenantId(tenant)
            if active and _readable(view, code_version):
                builds[tenant_id], positions[tenant_id] = build, position
            else:
                started.add(tenant_id)
                (parked.add if state == "parked" else parked.discard)(tenant_id)
        not_ready = tuple(tenant_id for tenant_id in tenant_ids if tenant_id in started and tenant_id not in builds)
        return _Standing(builds, positions, not_ready, frozenset(parked & set(not_ready)))


class _Waiting:
    """The pauses of one query that waits for a view, until its deadline."""

    def __init__(self, applied: Applied, tenant_id: TenantId, deadline: float | None) -> None:
        self._loop = asyncio.get_running_loop()
        now = self._loop.time()
        self._began = now
        self._end = min(now + DEFAULT_WAIT_SECONDS if deadline is None else deadline, now + MAX_WAIT_SECONDS)
        self._applied = applied
        self._tenant_id = tenant_id
        self._pause = FIRST_POLL_SECONDS

    @property
    def lasted(self) -> float:
        """Seconds."""
        return self._loop.time() - self._began

    async def once(self) -> bool:
        """Waits for news or a while; False when the deadline has passed and there is no more waiting."""
        remaining = self._end - self._loop.time()
        if remaining <= 0:
            return False
        await self._applied.wait(self._tenant_id, min(self._pause, remaining))
        self._pause = min(self._pause * 2, MAX_POLL_SECONDS)
        return True


async def _get(
    conn: Connection, view: DocumentView[D], tenant_id: TenantId, key: str, at: int | None, standing: _Standing
) -> Document[D] | None:
    if tenant_id not in standing.builds:
        return None
    moment, values = _moment(at)
    cursor = await conn.execute(
        sql.SQL(
            "SELECT v.doc::text, v.from_position FROM {} v"
            " WHERE v.tenant_id = %s AND v.build = %s AND v.key = %s AND {}"
        ).format(sql.Identifier(view.TABLE), moment),
        [tenant_id, standing.builds[tenant_id], key, *values],
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    shown_at = standing.positions[tenant_id] if at is None else at
    return Document(tenant_id, key, view.decode(row[0]), row[1], shown_at)


def _readable(view: DocumentView[Any], code_version: int) -> bool:
    return code_version == view.VERSION or code_version in view.READABLE_VERSIONS


def _positions(tenant_ids: Sequence[TenantId], at: int | Mapping[TenantId, int] | None) -> dict[TenantId, int]:
    if at is None:
        return {}
    if isinstance(at, int):
        if len(tenant_ids) != 1:
            raise InvalidArgument("A single position belongs to a single tenant; give one position for each tenant.")
        return {tenant_ids[0]: at}
    if set(at) != set(tenant_ids):
        raise InvalidArgument("Give one position for each tenant of the list, and for no other.")
    return dict(at)


def _moment(at: int | None) -> tuple[sql.Composable, list[Any]]:
    """The rows that were current at a position, which itself counts; without one, those that are current now."""
    if at is None:
        return sql.SQL("v.to_position IS NULL"), []
    return sql.SQL("v.from_position <= %s AND (v.to_position IS NULL OR v.to_position > %s)"), [at, at]


def _list_query(
    view: DocumentView[Any],
    standing: _Standing,
    positions: Mapping[TenantId, int],
    where: Sequence[Condition],
    keyset: Keyset,
    page: PageRequest,
) -> tuple[sql.Composed, list[Any]]:
    tenants = list(standing.builds)
    values: list[Any] = [tenants, list(standing.builds.values())]
    if positions:
        moment: sql.Composable = sql.SQL("v.from_position <= b.at AND (v.to_position IS NULL OR v.to_position > b.at)")
        values.append([positions[tenant_id] for tenant_id in tenants])
    else:
        moment = sql.SQL("v.to_position IS NULL")
        values.append([None] * len(tenants))
    condition, condition_values = where_clause(view.COLUMNS, where)
    after: sql.Composable = sql.SQL("TRUE")
    after_values: list[Any] = []
    if page.token:
        after, after_values = keyset.after(keyset.values(page.token))
    query = sql.SQL(
        "SELECT v.tenant_id, v.key, v.from_position, v.doc::text, {ordered} FROM {table} v"
        " JOIN unnest(%s::text[], %s::integer[], %s::bigint[]) AS b (tenant_id, build, at)"
        " ON b.tenant_id = v.tenant_id AND b.build = v.build"
        " WHERE {moment} AND {condition} AND {after} ORDER BY {order} LIMIT %s"
    ).format(
        ordered=sql.SQL(", ").join(sql.SQL("v.{}").format(sql.Identifier(term.column)) for term in keyset.orders),
        table=sql.Identifier(view.TABLE),
        moment=moment,
        condition=condition,
        after=after,
        order=keyset.order_by(),
    )
    return query, [*values, *condition_values, *after_values, page.limit + 1]

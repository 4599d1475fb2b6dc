"""The projection runner: one per process, for all tenants and all views of a service; replicas share the work."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import psycopg
import structlog
from prometheus_client import Counter, Gauge

from contracts.ids import TenantId
from infra.read_database import tracking
from infra.read_database.database import Connection, ReadDatabase
from infra.read_database.heads import Heads
from infra.read_database.projector import Batch, PoisonedEvent, is_of_the_data
from infra.read_database.reader.waiting import Applied
from infra.read_database.sources import FeedEntry, LedgerFeed, Tenants
from infra.read_database.tracking import Build
from infra.read_database.turns import Backoff, Outcome, pause_between_rounds
from infra.read_database.views import DocumentUnreadable, DocumentView
from infra.telemetry import span

BATCH_ENTRIES = 500
"""Entries of one tenant's turn. Small enough that a flood or a rebuild of one tenant hardly holds up the others."""
CONCURRENT_TURNS = 3
"""Tenants whose turns run at once in this process; each takes one connection."""
SWEEP_SECONDS = 5.0
"""How often builds that somebody else started, or let try again, are looked for."""
HOUSEKEEPING_SECONDS = 60.0
CATCH_UP_SECONDS = 60.0
"""Limit of `catch_up`."""

ENTRIES = Counter("tenet_projection_entries_total", "Ledger entries that a projection has passed.", ("projection",))
PARKED = Counter("tenet_projection_parked_total", "Times that a tenant's projection was parked.", ("projection",))
DIVERGED = Counter("tenet_projection_diverged_total", "Times that a ledger was found changed.", ("projection",))
TENANTS_BEHIND = Gauge(
    "tenet_projection_tenants_behind", "Tenants with entries that are not applied yet.", ("service",)
)

log = structlog.get_logger()


class ProjectionRunner:
    """`run` until cancelled, or `catch_up` once. A failure of one tenant delays that tenant only."""

    def __init__(
        self,
        database: ReadDatabase,
        feed: LedgerFeed,
        tenants: Tenants,
        views: Sequence[DocumentView[Any]],
        applied: Applied | None = None,
    ) -> None:
        if len({view.NAME for view in views}) != len(views) or len({view.TABLE for view in views}) != len(views):
            raise ValueError("two views share a name or a table")
        self._database = database
        self._feed = feed
        self._heads = Heads(feed, tenants)
        self._views = {view.NAME: view for view in views}
        self._applied = applied or Applied()
        self._backoff = Backoff()
        self._known: set[TenantId] = set()
        self._done: dict[TenantId, int] = {}
        self._verified: set[tuple[TenantId, str, int]] = set()
        self._swept = self._kept = float("-inf")

    async def run(self) -> None:
        """Follows the ledgers until it is cancelled. Outages are waited out."""
        while True:
            try:
                outcome = await self.round()
                await self._keep_house()
                await self._heads.wait(pause_between_rounds(outcome), self._applied.rest)
            except Exception as error:  # noqa: BLE001  # Nothing may end the following of ledgers but its owner.
                log.warning(
                    "projections wait after a failure", service=self._database.service, error=type(error).__name__
                )
                self._swept = float("-inf")
                await self._backoff.sit_out("round")
            else:
                self._backoff.succeeded("round")

    async def catch_up(self, timeout: float = CATCH_UP_SECONDS) -> None:
        """Applies all that is in the ledgers now. Raises TimeoutError."""
        async with asyncio.timeout(timeout):
            self._swept = float("-inf")
            await self._heads.refresh()
            while (outcome := await self.round()) is not Outcome.DONE:
                await self._heads.wait(pause_between_rounds(outcome))

    async def round(self) -> Outcome:
        """Gives every tenant that is behind one turn, so that none waits for another that is far behind."""
        await self._look()
        heads = dict(self._heads.known)
        behind = [tenant_id for tenant_id, head in heads.items() if self._done.get(tenant_id) != head]
        TENANTS_BEHIND.labels(self._database.service).set(len(behind))
        ready = [tenant_id for tenant_id in behind if self._backoff.ready(tenant_id)]
        outcomes = await self._turns(ready, heads)
        if Outcome.MORE in outcomes:
            return Outcome.MORE
        return Outcome.LATER if Outcome.LATER in outcomes or len(ready) < len(behind) else Outcome.DONE

    async def _look(self) -> None:
        """Makes sure that every tenant has its builds, and finds those that others have started."""
        await self._heads.discover()
        heads, views = self._heads.known, list(self._views.values())
        if new := [tenant_id for tenant_id in heads if tenant_id not in self._known]:
            async with self._database.writing() as conn:
                await tracking.ensure_builds(conn, new, views)
            self._known.update(new)
        now = asyncio.get_running_loop().time()
        if now - self._swept >= SWEEP_SECONDS:
            async with self._database.writing() as conn:
                unfinished = await tracking.unfinished(conn, heads, views)
            for tenant_id in unfinished:
                self._done.pop(tenant_id, None)
            self._swept = now

    async def _turns(self, tenant_ids: Iterable[TenantId], heads: Mapping[TenantId, int]) -> list[Outcome]:
        gate = asyncio.Semaphore(CONCURRENT_TURNS)

        async def one(tenant_id: TenantId) -> Outcome:
            async with gate:
                return await self._guarded_turn(tenant_id, heads[tenant_id])

        async with asyncio.TaskGroup() as group:
            turns = [group.create_task(one(tenant_id)) for tenant_id in tenant_ids]
        return [turn.result() for turn in turns]

    async def _guarded_turn(self, tenant_id: TenantId, head: int) -> Outcome:
        try:
            with span("projections.turn", tenant=tenant_id, service=self._database.service):
                outcome = await self._turn(tenant_id, head)
        except Exception as error:  # noqa: BLE001  # The reason is the next comment.
            # Whatever it was, it must not stop the other tenants; it is tried again after a pause and shows in the log.
            log.warning(
                "a tenant's turn failed", tenant=tenant_id, service=self._database.service, error=type(error).__name__
            )
            self._backoff.failed(tenant_id)
            return Outcome.LATER
        self._backoff.succeeded(tenant_id)
        if outcome is Outcome.DONE:
            self._done[tenant_id] = head
        return outcome

    async def _turn(self, tenant_id: TenantId, head: int) -> Outcome:
        """One batch for every build that no other runner holds."""
        views = list(self._views.values())
        batches: dict[int, Sequence[FeedEntry]] = {}
        behind = False
        async with self._database.writing([tenant_id]) as conn:
            builds = await tracking.claim(conn, tenant_id, views)
            for build in builds:
                behind |= not await self._step(conn, build, head, batches)
        self._applied.notify(tenant_id)
        if behind:
            return Outcome.MORE
        if len(builds) < len(views):
            async with self._database.writing() as conn:
                if await tracking.unfinished(conn, {tenant_id: head}, views):
                    return Outcome.LATER
        return Outcome.DONE

    async def _step(self, conn: Connection, build: Build, head: int, batches: dict[int, Sequence[FeedEntry]]) -> bool:
        """Moves one build by at most one batch; True when it has nothing more to do for now."""
        view = self._views[build.projection]
        identity = (build.tenant_id, build.projection, build.build)
        last = head - 1
        if build.position == last and build.active and identity in self._verified:
            return True
        start = max(build.position, 0)
        if start not in batches:
            batches[start] = await self._feed.entries(build.tenant_id, start, BATCH_ENTRIES + 1)
        entries = batches[start]
        if build.position >= 0:
            if not entries or entries[0].position != build.position or entries[0].leaf_hash != build.leaf_hash:
                await self._diverged(conn, build, view)
                return False
            entries = entries[1:]
        self._verified.add(identity)
        reached = build.position
        if entries:
            reached = await self._apply(conn, build, view, entries)
            if reached < entries[-1].position:
                return True  # It was parked; there is nothing more to do until somebody lets it try again.
        if reached >= last and not build.active:
            await tracking.switch(conn, build, view)
            log.info("projection build is active", tenant=build.tenant_id, projection=view.NAME, build=build.build)
        return reached >= last

    async def _apply(
        self, conn: Connection, build: Build, view: DocumentView[Any], entries: Sequence[FeedEntry]
    ) -> int:
        """Applies what can be applied and parks the build before what cannot; answers the position that it reached."""
        try:
            async with conn.transaction():
                await Batch(conn, view, build).apply(entries)
            ENTRIES.labels(view.NAME).inc(len(entries))
            return entries[-1].position
        except PoisonedEvent as poison:
            good = [entry for entry in entries if entry.position < poison.position]
            if good:
                reached = await self._apply(conn, build, view, good)
                if reached < good[-1].position:
                    return reached
            await self._park(conn, build, poison.position, poison.topic, poison.__cause__ or poison)
            return poison.position - 1
        except (psycopg.Error, DocumentUnreadable) as error:
            if isinstance(error, psycopg.Error) and not is_of_the_data(error):
                raise
            if len(entries) == 1:
                await self._park(conn, build, entries[0].position, entries[0].topic, error)
                return entries[0].position - 1
            return await self._halve(conn, build, view, entries)

    async def _halve(
        self, conn: Connection, build: Build, view: DocumentView[Any], entries: Sequence[FeedEntry]
    ) -> int:
        """The batch cannot be written and nobody says which event is to blame: the halves are tried in turn."""
        middle = len(entries) // 2
        reached = await self._apply(conn, build, view, entries[:middle])
        if reached < entries[middle - 1].position:
            return reached
        return await self._apply(conn, build, view, entries[middle:])

    async def _park(self, conn: Connection, build: Build, position: int, topic: str, error: BaseException) -> None:
        await tracking.park(conn, build, position, topic, error)
        PARKED.labels(build.projection).inc()
        log.error(
            "projection parked",
            alarm=True,
            tenant=build.tenant_id,
            projection=build.projection,
            position=position,
            topic=topic,
            error=type(error).__name__,
        )

    async def _diverged(self, conn: Connection, build: Build, view: DocumentView[Any]) -> None:
        await tracking.mark_diverged(conn, build, view)
        DIVERGED.labels(build.projection).inc()
        log.error(
            "the ledger no longer holds what the projection was made from",
            alarm=True,
            tenant=build.tenant_id,
            projection=build.projection,
            position=build.position,
        )

    async def _keep_house(self) -> None:
        """Deletes the rows of retired builds, a chunk at a time."""
        now = asyncio.get_running_loop().time()
        if now - self._kept < HOUSEKEEPING_SECONDS:
            return
        views = list(self._views.values())
        async with self._database.writing() as conn:
            await tracking.retire_old_versions(conn, views)
            retired = await tracking.retired_builds(conn, views)
        finished = True
        for tenant_id, projection, build in retired:
            async with self._database.writing([tenant_id]) as conn:
                finished &= await tracking.delete_retired(conn, tenant_id, self._views[projection], build)
        if finished:
            self._kept = now

"""The policy runner: follows the ledgers, lets policies react in order, and advances after the acknowledgement."""

import asyncio
from collections.abc import Sequence
from typing import Any

import structlog
from prometheus_client import Counter, Gauge

from contracts.events.base import Recorded
from contracts.ids import TenantId
from infra.read_database import policy_positions
from infra.read_database.database import Connection, ReadDatabase
from infra.read_database.heads import Heads
from infra.read_database.policies import Clock, Origin, Policy
from infra.read_database.policy_positions import Standing
from infra.read_database.sources import FeedEntry, LedgerFeed, Tenants
from infra.read_database.turns import Backoff, Outcome, pause_between_rounds
from infra.read_database.verdicts import Verdict, describe, judge, pause_after, reason_of
from infra.telemetry import span

BATCH_ENTRIES = 200
TURN_SECONDS = 2.0
"""A turn ends after this long, so that what was acknowledged is remembered and other tenants have theirs."""
CONCURRENT_TURNS = 4
"""Tenants whose turns run at once in this process; each holds one connection while its reactions run."""
ROUND_SECONDS = 0.25
"""How long a round waits for its turns. A slow reaction keeps its own tenant's turn; the others go on."""
REACTION_SECONDS = 60.0
"""Longest reaction to one event; after it the attempt counts as failed, and its request id keeps a retry harmless."""
SWEEP_SECONDS = 5.0
CATCH_UP_SECONDS = 60.0

REACTIONS = Counter("tenet_policy_reactions_total", "Events that a policy reacted to.", ("policy", "outcome"))
TENANTS_BEHIND = Gauge("tenet_policy_tenants_behind", "Tenants with events that wait for a policy.", ("service",))

log = structlog.get_logger()


class PolicyRunner:
    """`run` until cancelled, or `catch_up` once. `activate` must have returned before the service says it is ready."""

    def __init__(
        self, database: ReadDatabase, feed: LedgerFeed, tenants: Tenants, policies: Sequence[Policy], clock: Clock
    ) -> None:
        if len({policy.ID for policy in policies}) != len(policies):
            raise ValueError("two policies share an id")
        self._database = database
        self._feed = feed
        self._heads = Heads(feed, tenants)
        self._policies = {policy.ID: policy for policy in policies}
        self._topics = {policy.ID: frozenset(event.TOPIC for event in policy.TOPICS) for policy in policies}
        self._clock = clock
        self._backoff = Backoff()
        self._known: set[TenantId] = set()
        self._done: dict[TenantId, int] = {}
        self._gate = asyncio.Semaphore(CONCURRENT_TURNS)
        self._running: dict[TenantId, asyncio.Task[bool]] = {}
        self._swept = float("-inf")

    async def activate(self) -> None:
        """Records where policies begin for every tenant that is there now. Repeating it changes nothing."""
        await self._look()

    async def run(self) -> None:
        """Follows the ledgers until it is cancelled. Outages are waited out."""
        try:
            while self._policies:
                try:
                    await self._heads.wait(pause_between_rounds(await self.round()), asyncio.sleep)
                except Exception as error:  # noqa: BLE001  # Nothing may end the following of ledgers but its owner.
                    service = self._database.service
                    log.warning("policies wait after a failure", service=service, error=type(error).__name__)
                    await self._backoff.sit_out("round")
                else:
                    self._backoff.succeeded("round")
        finally:
            await self._stop()

    async def catch_up(self, timeout: float = CATCH_UP_SECONDS) -> None:
        """Reacts to all that is in the ledgers now, retries included. Raises TimeoutError."""
        try:
            async with asyncio.timeout(timeout):
                self._swept = float("-inf")
                await self._heads.refresh()
                while (outcome := await self.round()) is not Outcome.DONE:
                    await self._heads.wait(pause_between_rounds(outcome))
        finally:
            await self._stop()

    async def round(self) -> Outcome:
        """Starts a turn for every tenant that is behind and has none under way, and waits a little for what they do."""
        if not self._policies:
            return Outcome.DONE
        await self._look()
        behind = {tenant: head for tenant, head in self._heads.known.items() if self._done.get(tenant) != head}
        TENANTS_BEHIND.labels(self._database.service).set(len(behind))
        for tenant_id in behind:
            if tenant_id not in self._running and self._backoff.ready(tenant_id):
                self._running[tenant_id] = asyncio.create_task(
                    self._guarded_turn(tenant_id), name=f"policies {tenant_id}"
                )
        if not self._running:
            return Outcome.LATER if behind else Outcome.DONE
        await asyncio.wait(self._running.values(), timeout=ROUND_SECONDS)
        ended = {tenant_id: task for tenant_id, task in self._running.items() if task.done()}
        for tenant_id in ended:
            del self._running[tenant_id]
        heads = {tenant_id: behind[tenant_id] for tenant_id in ended if tenant_id in behind}
        async with self._database.writing() as conn:
            unfinished = await policy_positions.unfinished(conn, heads, list(self._policies.values()))
        self._done.update({tenant_id: head for tenant_id, head in heads.items() if tenant_id not in unfinished})
        if any(ended[tenant_id].result() for tenant_id in unfinished):
            return Outcome.MORE
        return Outcome.LATER if len(self._done.items() & behind.items()) < len(behind) else Outcome.DONE

    async def _look(self) -> None:
        await self._heads.discover()
        heads, policies = self._heads.known, list(self._policies.values())
        new = {tenant_id: head for tenant_id, head in heads.items() if tenant_id not in self._known}
        if new or not self._known:
            async with self._database.writing() as conn:
                await policy_positions.activate(conn, policies, new)
            self._known.update(new)
        now = asyncio.get_running_loop().time()
        if now - self._swept >= SWEEP_SECONDS:
            async with self._database.writing() as conn:
                for tenant_id in await policy_positions.unfinished(conn, heads, policies):
                    self._done.pop(tenant_id, None)
            self._swept = now

    async def _guarded_turn(self, tenant_id: TenantId) -> bool:
        """True when the turn was cut by the size of a batch or by time, so that the next one can follow at once."""
        async with self._gate:
            try:
                cut = await self._turn(tenant_id)
            except Exception as error:  # noqa: BLE001  # The reason is the next comment.
                # Whatever it was, it must not stop the other tenants; it is tried again after a pause.
                log.warning("a tenant's policies failed", tenant=tenant_id, error=type(error).__name__)
                self._backoff.failed(tenant_id)
                return False
            self._backoff.succeeded(tenant_id)
            return cut

    async def _stop(self) -> None:
        """Cancels the turns under way: their transactions roll back, and their reactions are repeated later."""
        running = list(self._running.values())
        self._running.clear()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _turn(self, tenant_id: TenantId) -> bool:
        """One batch for every policy that no other runner holds; True when one of them can go on at once."""
        batches: dict[int, Sequence[FeedEntry]] = {}
        more = False
        async with self._database.writing() as conn:
            for standing in await policy_positions.claim(conn, tenant_id, list(self._policies.values())):
                start = standing.position + 1
                if start not in batches:
                    batches[start] = await self._feed.entries(tenant_id, start, BATCH_ENTRIES)
                more |= await self._follow(conn, standing, batches[start])
        return more

    async def _follow(self, conn: Connection, standing: Standing, entries: Sequence[FeedEntry]) -> bool:
        """Lets one policy react to entries in order, until one has to be tried again, the batch or the time is over."""
        loop = asyncio.get_running_loop()
        end = loop.time() + TURN_SECONDS
        reached = standing.position
        for entry in entries:
            if entry.topic in self._topics[standing.policy_id]:
                attempts = standing.attempts + 1 if entry.position == standing.position + 1 else 1
                if not await self._settle(conn, standing, entry, attempts, reached):
                    return False
            reached = entry.position
            if loop.time() > end:
                break
        if reached > standing.position:
            await policy_positions.advance(conn, standing, reached)
        return len(entries) == BATCH_ENTRIES or (len(entries) > 0 and reached < entries[-1].position)

    async def _settle(
        self, conn: Connection, standing: Standing, entry: FeedEntry, attempts: int, reached: int
    ) -> bool:
        """One reaction; True when the policy may go on behind the entry."""
        try:
            await self._react(self._policies[standing.policy_id], entry)
        except Exception as error:  # noqa: BLE001  # Every failure has its verdict: refused, again, or parked.
            first = standing.first_failed_at if attempts > 1 else None
            verdict = judge(error, attempts, first, standing.claimed_at)
            REACTIONS.labels(standing.policy_id, verdict.value).inc()
            self._tell(standing, entry, error, verdict)
            if verdict is Verdict.REFUSED:
                await policy_positions.record_outcome(conn, standing, entry.position, entry.topic, "refused", error)
                return True
            if reached > standing.position:
                await policy_positions.advance(conn, standing, reached)
            if verdict is Verdict.AGAIN:
                await policy_positions.postpone(conn, standing, attempts, pause_after(attempts).total_seconds())
            else:
                await policy_positions.park(conn, standing)
                await policy_positions.record_outcome(conn, standing, entry.position, entry.topic, "parked", error)
            return False
        REACTIONS.labels(standing.policy_id, "done").inc()
        return True

    async def _react(self, policy: Policy, entry: FeedEntry) -> None:
        recorded: Recorded[Any] = entry.decode()
        with span(
            f"policy {policy.ID}",
            parent=recorded.envelope.trace_parent or None,
            tenant=recorded.tenant_id,
            position=recorded.position,
        ):
            async with asyncio.timeout(REACTION_SECONDS):
                await policy.react(recorded, Origin(policy.ID, recorded, self._clock))

    def _tell(self, standing: Standing, entry: FeedEntry, error: Exception, verdict: Verdict) -> None:
        write = log.error if verdict is Verdict.PARKED else log.info
        write(
            f"a policy's reaction {describe(verdict)}",
            alarm=verdict is Verdict.PARKED,
            policy=standing.policy_id,
            tenant=standing.tenant_id,
            position=entry.position,
            reason=reason_of(error),
        )

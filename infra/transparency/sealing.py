"""Seals the ledgers of all tenants, one process at a time, and looks again and again whether they still are as signed.

Every half second one question to each server finds the ledgers that have grown; they are sealed in turns of bounded
length, so that a flood in one delays the others by a turn. A ledger that contradicts its log is closed for appends.
"""

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import structlog
from prometheus_client import Counter, Gauge

from contracts.errors import TenetError
from contracts.ids import TenantId
from infra.event_store.feed import Feed
from infra.event_store.placements import Placements
from infra.keys import KeyStore
from infra.transparency.sealer import Head, LedgerContradicts, TenantSealer, first_difference
from infra.transparency.storage import LogDirectory, LogStorage
from infra.transparency.tiles import WIDTH

POLL_SECONDS = 0.4
"""Between two looks at the heads; with one pass this keeps a quiet log at most a second behind."""
LOADED_POLL_SECONDS = 0.7
"""The same while entries come in numbers: larger rounds write fewer checkpoints and partial tiles for them."""
LOADED_ENTRIES = 2_000
"""Entries of one look from which on that holds."""
POLL_SHARE = 10
"""A look that takes long is repeated after this many times its own length, so that it costs a tenth at most."""
TURNS_AT_ONCE = 2
MAX_OPEN_LOGS = 1_000
"""Logs whose edge is kept in memory, some 25 KiB each; the others take it up from their tiles when they grow."""
CLAIM_SECONDS = 2.0
"""Between two attempts of a replica to become the one that seals."""
RECHECK_SECONDS = 2.0
"""Between two looks at 256 sealed entries of one ledger after another."""
RETRY_SECONDS = 5.0
"""How long a log rests after an error that is not the ledger's contradiction."""

SEALED = Counter("tenet_log_sealed_entries_total", "Entries that were sealed.")
BEHIND = Gauge("tenet_log_behind_entries", "Entries that are recorded and not sealed yet, of all tenants.")
CONTRADICTIONS = Counter("tenet_log_contradictions_total", "Ledgers that contradicted what was signed of them.")
FAILURES = Counter("tenet_log_failures_total", "Passes of sealing that failed.", ("reason",))

log = structlog.get_logger(__name__)


@dataclass
class Sealing:
    """`log_name` begins every origin: `<log name>/<tenant>`, and `<log name>/<tenant>/2` once it was reopened.

    `heads` is what this process has signed or found.
    """

    storage: LogStorage
    log_name: str
    feed: Feed
    placements: Placements
    keys: KeyStore
    monotonic: Callable[[], float] = time.monotonic
    heads: dict[TenantId, Head] = field(default_factory=dict)
    active: bool = False
    """Whether this process is the one that seals."""
    _open: OrderedDict[TenantId, TenantSealer] = field(default_factory=OrderedDict)
    _closed: dict[TenantId, str] = field(default_factory=dict)
    _resting: dict[TenantId, float] = field(default_factory=dict)
    _rechecks: dict[TenantId, int] = field(default_factory=dict)
    _rechecked_at: float = 0.0
    _sealed: int = 0
    """Entries that this process has sealed."""

    def origin(self, tenant_id: TenantId) -> str:
        """The present origin of the tenant's log."""
        return self.origin_of(tenant_id, self.storage.number_of(tenant_id))

    def origin_of(self, tenant_id: TenantId, number: int) -> str:
        return f"{self.log_name}/{tenant_id}" if number == 1 else f"{self.log_name}/{tenant_id}/{number}"

    def log_of(self, tenant_id: TenantId) -> LogDirectory:
        return self.storage.of(tenant_id)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Sealing"]:
        """Seals in the background until the block ends."""
        task = asyncio.create_task(self._run(), name="sealing")
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self.active = False

    async def _run(self) -> None:
        while True:
            with self.storage.sealing() as mine:
                self.active = mine
                while mine:
                    started, before = self.monotonic(), self._sealed
                    await self._look()
                    took = self.monotonic() - started
                    pause = LOADED_POLL_SECONDS if self._sealed - before >= LOADED_ENTRIES else POLL_SECONDS
                    await asyncio.sleep(max(pause - took, 0.0))
            await asyncio.sleep(CLAIM_SECONDS)

    async def _look(self) -> None:
        try:
            started = self.monotonic()
            tenants = await self.placements.tenants()
            ledger_heads = await self.feed.heads(tenants)
            looked = self.monotonic() - started
        except TenetError as error:
            log.warning("log.heads_unknown", reason=error.reason)
            return
        await self._take_up_reopened()
        due = [tenant_id for tenant_id in tenants if self._is_due(tenant_id, ledger_heads.get(tenant_id, 0))]
        limit = asyncio.Semaphore(TURNS_AT_ONCE)

        async def turn(tenant_id: TenantId) -> None:
            async with limit:
                await self.seal(tenant_id, ledger_heads.get(tenant_id, 0))

        await asyncio.gather(*(turn(tenant_id) for tenant_id in due))
        BEHIND.set(sum(max(head - self._size(tenant_id), 0) for tenant_id, head in ledger_heads.items()))
        await self._recheck_one(tenants)
        await asyncio.sleep(max(looked * POLL_SHARE - POLL_SECONDS, 0.0))

    async def _take_up_reopened(self) -> None:
        """Forgets all about logs whose ledgers two persons have reopened: they begin anew, under another origin."""
        for tenant_id in list(self._closed):
            if not (await self.placements.find(tenant_id)).read_only:
                log.warning("log.ledger_reopened", tenant=tenant_id, origin=self.origin(tenant_id))
                for known in (self._closed, self._open, self.heads, self._rechecks, self._resting):
                    known.pop(tenant_id, None)

    def _is_due(self, tenant_id: TenantId, head: int) -> bool:
        if tenant_id in self._closed or self._resting.get(tenant_id, 0.0) > self.monotonic():
            return False
        known = self.heads.get(tenant_id)
        return known is None or known.size != head

    def _size(self, tenant_id: TenantId) -> int:
        known = self.heads.get(tenant_id)
        return known.size if known else 0

    async def seal(self, tenant_id: TenantId, head: int) -> None:
        """One turn for one tenant: what goes wrong is logged, counted and, if it is the ledger's fault, closes it."""
        sealer = self._open.pop(tenant_id, None)
        before = self._size(tenant_id)
        try:
            if sealer is None:
                sealer = TenantSealer(
                    tenant_id, self.origin(tenant_id), self.log_of(tenant_id), self.feed, self.keys, self.monotonic
                )
                await sealer.open()
                before = sealer.signed.size if sealer.signed else 0
            sealed = await sealer.seal(head)
        except LedgerContradicts as error:
            await self.close(tenant_id, error)
            return
        except TenetError as error:
            FAILURES.labels(error.reason).inc()
            log.error("log.sealing_failed", tenant=tenant_id, reason=error.reason, detail=error.message)  # noqa: TRY400  # The reason says it all.
            self._resting[tenant_id] = self.monotonic() + RETRY_SECONDS
            return
        if sealed is not None:
            SEALED.inc(sealed.size - before)
            self._sealed += sealed.size - before
            self.heads[tenant_id] = sealed
        self._open[tenant_id] = sealer
        while len(self._open) > MAX_OPEN_LOGS:
            self._open.popitem(last=False)

    async def close(self, tenant_id: TenantId, error: LedgerContradicts) -> None:
        """Closes a ledger that contradicts its log for appends, with an alarm. Its log stays as it was signed."""
        CONTRADICTIONS.inc()
        log.critical("log.ledger_contradicts", tenant=tenant_id, position=error.position, detail=error.message)
        try:
            await self.placements.make_read_only(tenant_id, f"position {error.position}: {error.message}")
        except TenetError as failure:
            log.critical("log.ledger_not_closed", tenant=tenant_id, reason=failure.reason)
            self._resting[tenant_id] = self.monotonic() + RETRY_SECONDS
            return
        self._closed[tenant_id] = error.message

    async def _recheck_one(self, tenants: list[TenantId]) -> None:
        """Compares one tile's worth of a ledger with what was sealed, each time of the next ledger."""
        candidates = [each for each in tenants if each not in self._closed and self._size(each)]
        if not candidates or self.monotonic() - self._rechecked_at < RECHECK_SECONDS:
            return
        self._rechecked_at = self.monotonic()
        tenant_id = min(candidates, key=lambda each: self._rechecks.get(each, 0))
        turn = self._rechecks.get(tenant_id, 0)
        self._rechecks[tenant_id] = turn + 1
        try:
            await self.recheck(tenant_id, turn)
        except LedgerContradicts as error:
            await self.close(tenant_id, error)
        except TenetError as error:
            log.warning("log.recheck_failed", tenant=tenant_id, reason=error.reason, detail=error.message)

    async def recheck(self, tenant_id: TenantId, turn: int) -> None:
        """Compares the ledger's entries of one tile, the `turn`th around the log. Raises LedgerContradicts."""
        size = self._size(tenant_id)
        index = turn % -(-size // WIDTH)
        begin, end = index * WIDTH, min((index + 1) * WIDTH, size)
        entries = await self.feed.read_entries(tenant_id, begin, end - begin)
        if [entry.position for entry in entries] != list(range(begin, end)):
            raise LedgerContradicts(begin, f"The ledger has lost entries from {begin} on.")
        different = await asyncio.to_thread(first_difference, self.log_of(tenant_id), entries)
        if different is not None:
            raise LedgerContradicts(different, f"Entry {different} is not what was sealed.")

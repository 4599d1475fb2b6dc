"""Takes the digest of tenants' signed heads, once a minute, into the provider's ledger."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from contracts.calls import Actor, AuthenticatedBy, Call
from contracts.errors import TenetError
from contracts.ids import PROVIDER, TenantId, derive_id
from contracts.roles import Role
from infra.event_store.handler import CommandHandler, Unit
from infra.event_store.repository import Aggregate
from infra.object_store import ObjectStore
from infra.transparency.merkle import Frontier, leaf_hash
from infra.transparency.sealer import Head
from infra.transparency.sealing import Sealing
from services.ledger.application.first_keys import FirstKeys
from services.ledger.config import COMPLETE_DIGEST_EVERY, DIGEST_SECONDS
from services.ledger.domain import log_digest
from services.ledger.domain.log_digest import DigestHeads

DIGEST = Aggregate(log_digest.CATEGORY, log_digest.initial, log_digest.evolve, snapshot=None)
_RPC = "timer:digest_heads"

log = structlog.get_logger(__name__)


@dataclass
class LogDigests:
    """Only the process that seals takes digests. The first after its start is complete, and one a day."""

    sealing: Sealing
    objects: ObjectStore
    handler: CommandHandler
    clock: Callable[[], datetime]
    first_keys: FirstKeys
    _digested: dict[TenantId, Head] = field(default_factory=dict)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["LogDigests"]:
        """Takes a digest each interval until the block ends."""
        task = asyncio.create_task(self._run(), name="log digests")
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            now = self.clock().timestamp()
            await asyncio.sleep(DIGEST_SECONDS - now % DIGEST_SECONDS)
            if not self.sealing.active:
                continue
            try:
                await self.first_keys.record()
                await self.take()
            except TenetError as error:
                log.error("log.digest_failed", reason=error.reason, detail=error.message)  # noqa: TRY400  # The reason says it all.

    async def take(self) -> bool:
        """Takes the present interval's digest; False when no log has grown. Raises what the store and objects raise."""
        now = self.clock()
        interval = int(now.timestamp() // DIGEST_SECONDS)
        heads = {tenant: head for tenant, head in self.sealing.heads.items() if tenant != PROVIDER}
        complete = not self._digested or interval % COMPLETE_DIGEST_EVERY == 0
        listed = {tenant: head for tenant, head in heads.items() if complete or self._digested.get(tenant) != head}
        if not listed:
            return False
        lines = digest_lines(listed)
        stored = await self.objects.put(PROVIDER, b"".join(lines))
        call = Call(
            PROVIDER,
            Actor("timer:digest_heads", AuthenticatedBy.SERVICE, PROVIDER),
            _RPC,
            derive_id("request", _RPC, interval, stored.sha256),
            now,
            roles=frozenset({Role.SERVICE}),
        )
        command = DigestHeads(
            tenant_id=PROVIDER,
            request_id=call.request_id,
            heads=len(listed),
            logs=len(heads),
            complete=complete,
            root=digest_root(lines).hex(),
            sha256=stored.sha256,
        )
        digest_id = derive_id("digest", interval)

        async def work(unit: Unit) -> None:
            loaded = await unit.load(DIGEST, digest_id)
            unit.append(loaded, log_digest.take(loaded.state, digest_id, command))

        await self.handler.handle(call, command, work)
        self._digested = heads
        return True


def digest_lines(heads: Mapping[TenantId, Head]) -> list[bytes]:
    """One line a log, sorted by tenant, each with its newline."""
    return [
        f"{tenant} {head.size} {base64.b64encode(head.root).decode()}\n".encode()
        for tenant, head in sorted(heads.items())
    ]


def digest_root(lines: list[bytes]) -> bytes:
    """The RFC 6962 root hash over the lines without their newlines."""
    frontier = Frontier()
    for line in lines:
        frontier.append(leaf_hash(line.removesuffix(b"\n")))
    return frontier.root()

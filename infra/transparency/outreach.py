"""Takes signed heads outside: to witnesses that cosign them, and to a time-stamping authority.

Runs beside the sealing, in the process that seals. What does not answer delays nobody: a head is served as soon as the
log has signed it, and its cosignatures are added when they come.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import partial

import structlog

from contracts.errors import TenetError
from contracts.ids import TenantId
from infra.transparency.merkle import consistency_proof
from infra.transparency.proofs import Proofs
from infra.transparency.sealing import Sealing
from infra.transparency.storage import LogDirectory, SignedCheckpoint
from infra.transparency.tiles import nodes_of
from infra.transparency.timestamps import TimestampAuthority
from infra.transparency.witness_client import WitnessClient

LOOK_SECONDS = 1.0
COSIGN_SECONDS = 5.0
"""Between two heads of one log that witnesses are asked to cosign."""
STAMP_SECONDS = 3_600.0
"""Between two heads of one log that are time-stamped."""
LOGS_AT_ONCE = 4

log = structlog.get_logger(__name__)


@dataclass
class Outreach:
    sealing: Sealing
    witnesses: WitnessClient | None
    authority: TimestampAuthority | None
    monotonic: Callable[[], float] = time.monotonic
    _cosigned: dict[TenantId, tuple[int, float]] = field(default_factory=dict)
    """Per tenant the size that was last shown to witnesses, and when."""
    _stamped: dict[TenantId, tuple[int, float]] = field(default_factory=dict)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Outreach"]:
        """Works in the background until the block ends; without witnesses and authority there is nothing to do."""
        if self.witnesses is None and self.authority is None:
            yield self
            return
        task = asyncio.create_task(self._run(), name="outreach")
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            if self.sealing.active:
                await self.reach_out()
            await asyncio.sleep(LOOK_SECONDS)

    async def reach_out(self) -> None:
        """One round: cosignatures and stamps for the heads that are due for them."""
        limit = asyncio.Semaphore(LOGS_AT_ONCE)

        async def one(tenant_id: TenantId) -> None:
            async with limit:
                await self._reach_out(tenant_id)

        await asyncio.gather(*(one(tenant_id) for tenant_id in list(self.sealing.heads)))

    async def _reach_out(self, tenant_id: TenantId) -> None:
        size, now = self.sealing.heads[tenant_id].size, self.monotonic()
        directory = self.sealing.log_of(tenant_id)
        try:
            if self.witnesses is not None and _due(self._cosigned.get(tenant_id), size, now, COSIGN_SECONDS):
                if await cosign(directory, self.witnesses):
                    self._cosigned[tenant_id] = (size, now)
                else:
                    # Nobody answered; the same head is shown again after the usual pause.
                    self._cosigned[tenant_id] = (-1, now)
            if self.authority is not None and _due(self._stamped.get(tenant_id), size, now, STAMP_SECONDS):
                await stamp(directory, self.authority)
                self._stamped[tenant_id] = (size, now)
        except TenetError as error:
            log.warning("log.outreach_failed", tenant=tenant_id, reason=error.reason, detail=error.message)


async def cosign(directory: LogDirectory, witnesses: WitnessClient) -> bool:
    """Has the newest checkpoint cosigned; whether a witness did. Raises NotSealedYet."""
    signed = (await asyncio.to_thread(Proofs.newest, directory)).signed
    cosignatures = await witnesses.cosign(signed, partial(_consistency, directory, signed.checkpoint.size))
    note, held = signed.note, {(each.name, each.key_id): each for each in cosignatures}
    if not held:
        return False
    kept = [each for each in note.signatures if (each.name, each.key_id) not in held]
    note = type(note)(note.text, (*kept, *held.values()))
    await asyncio.to_thread(directory.keep_cosigned, note.encode())
    return True


async def stamp(directory: LogDirectory, authority: TimestampAuthority) -> SignedCheckpoint:
    """Has the newest checkpoint time-stamped. Raises NotSealedYet, TimestampUnavailable, TimestampInvalid."""
    signed = (await asyncio.to_thread(Proofs.newest, directory)).signed
    stamped = await authority.stamp(signed.note.text.encode())
    await asyncio.to_thread(directory.keep_stamp, signed, stamped)
    return signed


def _consistency(directory: LogDirectory, size: int, old_size: int) -> list[bytes]:
    return consistency_proof(nodes_of(directory.hashes, size), old_size, size)


def _due(last: tuple[int, float] | None, size: int, now: float, pause: float) -> bool:
    return last is None or (last[0] != size and now - last[1] >= pause)

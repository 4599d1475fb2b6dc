"""Opens a closed ledger again: recorded in the provider's ledger first, then a new origin, then the database."""

import asyncio
import hashlib
from dataclasses import dataclass

from contracts.calls import AuthenticatedBy, Call
from contracts.errors import TenantUnknown
from contracts.ids import PROVIDER, TenantId, derive_id
from infra.event_store.feed import Feed
from infra.event_store.handler import CommandHandler, Committed, Unit
from infra.event_store.placements import Placements
from infra.event_store.repository import Aggregate
from infra.keys import KeyStore
from infra.transparency.log_keys import introduce_key, read_key_notes, signer_of
from infra.transparency.sealing import Sealing
from infra.transparency.storage import SignedCheckpoint
from services.ledger.domain import recovery
from services.ledger.domain.custody import Person
from services.ledger.domain.errors import LedgerNotClosed
from services.ledger.domain.recovery import ApproveReopening, Broken, ProposeReopening

RECOVERY = Aggregate(recovery.CATEGORY, recovery.initial, recovery.evolve, snapshot=None)


@dataclass(frozen=True, slots=True)
class Reopened:
    origin: str
    verifier_key: str
    committed: Committed


@dataclass(frozen=True, slots=True)
class Recovering:
    sealing: Sealing
    placements: Placements
    feed: Feed
    keys: KeyStore
    handler: CommandHandler

    async def propose(self, call: Call, command: ProposeReopening) -> tuple[Broken, Committed]:
        """Raises LedgerNotClosed, PersonNeeded, TenantUnknown."""
        tenant_id, recovery_id = call.tenant_id, _id(call.tenant_id)
        broken = await self._broken(tenant_id)

        async def work(unit: Unit) -> None:
            loaded = await unit.load(RECOVERY, recovery_id)
            await self._must_be_closed(tenant_id)
            unit.append(loaded, recovery.propose(command, broken, recovery_id, _person(call)))

        return broken, await self.handler.handle(call.for_tenant(PROVIDER), command, work)

    async def approve(self, call: Call, command: ApproveReopening) -> Reopened:
        """A repeat finishes what a crash left. Raises LedgerNotClosed, TenantKeysDestroyed and what the domain does."""
        tenant_id = call.tenant_id
        storage = self.sealing.storage

        async def work(unit: Unit) -> None:
            loaded = await unit.load(RECOVERY, _id(tenant_id))
            await self._must_be_closed(tenant_id)
            broken = await self._broken(tenant_id)
            origin = self.sealing.origin_of(tenant_id, loaded.state.number + 1)
            verifier = (await signer_of(self.keys, tenant_id, origin, 1)).verifier
            begun = (origin, verifier.encode(), hashlib.sha256(verifier.public_key).hexdigest())
            unit.append(loaded, recovery.approve(loaded.state, command, broken, begun, _person(call)))

        committed = await self.handler.handle(call.for_tenant(PROVIDER), command, work)
        event = committed.recorded[0].event
        earlier, begun = (
            storage.numbered(tenant_id, event.origin_number - 1),
            storage.numbered(tenant_id, event.origin_number),
        )
        for generation in range(1, max(len(await asyncio.to_thread(read_key_notes, earlier)), 1) + 1):
            await introduce_key(self.keys, tenant_id, event.origin, begun, generation)
        await self.placements.reopen(tenant_id)
        return Reopened(event.origin, event.verifier_key, committed)

    async def _must_be_closed(self, tenant_id: TenantId) -> None:
        self.placements.forget(tenant_id)
        if not (await self.placements.find(tenant_id)).read_only:
            raise LedgerNotClosed("This ledger takes appends; there is nothing to reopen.")

    async def _broken(self, tenant_id: TenantId) -> Broken:
        if tenant_id == PROVIDER:
            # The decision is recorded in the provider's own ledger, which cannot take it while it is closed.
            raise TenantUnknown
        signed = await asyncio.to_thread(self.sealing.log_of(tenant_id).own_checkpoint)
        size, root = 0, b""
        if signed is not None:
            checkpoint = SignedCheckpoint.parse(signed).checkpoint
            size, root = checkpoint.size, checkpoint.root
        return Broken(self.sealing.origin(tenant_id), size, root.hex(), await self.feed.head(tenant_id))


def _id(tenant_id: TenantId) -> str:
    return derive_id(recovery.CATEGORY, tenant_id)


def _person(call: Call) -> Person:
    return Person(call.actor.id, call.actor.home_tenant_id, call.actor.authenticated_by is AuthenticatedBy.OIDC)

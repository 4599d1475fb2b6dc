"""Gives a tenant's log another signing key."""

import hashlib
from dataclasses import dataclass

from contracts.calls import Call
from contracts.ids import PROVIDER, derive_id
from infra.event_store.handler import CommandHandler, Committed, Unit
from infra.event_store.repository import Aggregate
from infra.keys import KeyStore
from infra.transparency.log_keys import introduce_key, signer_of
from infra.transparency.sealing import Sealing
from services.ledger.domain import log_key
from services.ledger.domain.log_key import RotateLogKey

LOG_KEY = Aggregate(log_key.CATEGORY, log_key.initial, log_key.evolve, snapshot=None)


@dataclass(frozen=True, slots=True)
class Rotated:
    generation: int
    verifier_key: str
    committed: Committed


@dataclass(frozen=True, slots=True)
class LogKeyRotation:
    sealing: Sealing
    keys: KeyStore
    handler: CommandHandler

    async def rotate(self, call: Call, command: RotateLogKey) -> Rotated:
        """Under the log's present origin. Recorded in the provider's ledger first; a repeat finishes what a crash left.

        Raises TenantKeysDestroyed.
        """
        tenant_id, origin = call.tenant_id, self.sealing.origin(call.tenant_id)

        async def work(unit: Unit) -> None:
            loaded = await unit.load(LOG_KEY, derive_id("log", tenant_id))
            verifier = (await signer_of(self.keys, tenant_id, origin, loaded.state.generation + 1)).verifier
            fingerprint = hashlib.sha256(verifier.public_key).hexdigest()
            unit.append(loaded, log_key.rotate(loaded.state, command, verifier.encode(), fingerprint))

        committed = await self.handler.handle(call.for_tenant(PROVIDER), command, work)
        generation = committed.recorded[0].event.generation
        verifier = await introduce_key(self.keys, tenant_id, origin, self.sealing.log_of(tenant_id), generation)
        return Rotated(generation, verifier.encode(), committed)

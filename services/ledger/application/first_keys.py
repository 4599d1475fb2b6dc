"""Records the key that a log was born with, in the provider's ledger, as later keys are when they are introduced."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from contracts.calls import Actor, AuthenticatedBy, Call
from contracts.ids import PROVIDER, TenantId, derive_id
from contracts.roles import Role
from infra.event_store.handler import CommandHandler, Unit
from infra.keys import KeyStore
from infra.transparency.log_keys import signer_of
from infra.transparency.sealing import Sealing
from services.ledger.application.log_keys import LOG_KEY
from services.ledger.domain import log_key
from services.ledger.domain.log_key import RecordFirstKey

_RPC = "timer:record_first_key"


@dataclass
class FirstKeys:
    sealing: Sealing
    keys: KeyStore
    handler: CommandHandler
    clock: Callable[[], datetime]
    _recorded: set[TenantId] = field(default_factory=set)

    async def record(self) -> None:
        """For every log that this process has signed and not looked at yet. Raises what the stores raise."""
        for tenant_id in sorted(self.sealing.heads.keys() - self._recorded):
            await self._record(tenant_id)
            self._recorded.add(tenant_id)

    async def _record(self, tenant_id: TenantId) -> None:
        origin = self.sealing.origin_of(tenant_id, 1)
        verifier = (await signer_of(self.keys, tenant_id, origin, 1)).verifier
        call = Call(
            PROVIDER,
            Actor(_RPC, AuthenticatedBy.SERVICE, PROVIDER),
            _RPC,
            derive_id("request", _RPC, tenant_id),
            self.clock(),
            roles=frozenset({Role.SERVICE}),
        )
        command = RecordFirstKey(tenant_id=PROVIDER, request_id=call.request_id, log_tenant_id=tenant_id)

        async def work(unit: Unit) -> None:
            loaded = await unit.load(LOG_KEY, derive_id("log", tenant_id))
            fingerprint = hashlib.sha256(verifier.public_key).hexdigest()
            unit.append(loaded, log_key.record_first(loaded.state, command, verifier.encode(), fingerprint))

        await self.handler.handle(call, command, work)

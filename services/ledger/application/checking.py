"""The check of a live ledger, with every head of it that is held elsewhere and within reach."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from contracts.canonical import decode
from contracts.errors import DataLoss, NotFound
from contracts.events.ledger import HeadsDigested, LedgerReopened
from contracts.ids import PROVIDER, TenantId
from infra.event_store.rows import StoredRows
from infra.object_store import ObjectStore
from infra.transparency.ledger_check import HeldHead, LedgerCheck, LedgerChecked
from infra.transparency.log_keys import log_verifiers
from infra.transparency.notes import Checkpoint, open_note
from infra.transparency.sealer import Head
from infra.transparency.sealing import Sealing
from services.ledger.application.log_digests import digest_root
from services.ledger.config import MAX_COMPARED_DIGESTS
from services.ledger.domain.errors import CheckpointForeign

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Checking:
    ledger_check: LedgerCheck
    sealing: Sealing
    rows: StoredRows
    objects: ObjectStore

    async def check_ledger(self, tenant_id: TenantId, held: Sequence[bytes]) -> LedgerChecked:
        """`held` are signed checkpoints that the caller has kept.

        Raises NoteMalformed, NoteUnverified, CheckpointMalformed and CheckpointForeign for what is none of this log;
        TenantUnknown, StoreUnavailable, TenantKeysDestroyed.
        """
        origin = self.sealing.origin(tenant_id)
        heads = [await self._head(tenant_id, origin, each, number) for number, each in enumerate(held, start=1)]
        if tenant_id != PROVIDER:
            heads += await self._digested(tenant_id)
        return await self.ledger_check.check(tenant_id, origin, self.sealing.log_of(tenant_id), heads)

    async def _head(self, tenant_id: TenantId, origin: str, data: bytes, number: int) -> HeldHead:
        verifiers = await log_verifiers(self.ledger_check.keys, tenant_id, origin, self.sealing.log_of(tenant_id))
        checkpoint = Checkpoint.parse(open_note(data, verifiers)[0].text)
        if checkpoint.origin != origin:
            raise CheckpointForeign("A checkpoint that you hold is of another log.", metadata={"origin": origin})
        return HeldHead(f"held checkpoint {number}", Head(checkpoint.size, checkpoint.root))

    async def _digested(self, tenant_id: TenantId) -> list[HeldHead]:
        """What the newest digests in the provider's ledger say of the log, since it has its present origin."""
        async with self.rows.snapshot(PROVIDER) as snapshot:
            recorded = await snapshot.entries_of((HeadsDigested.TOPIC, LedgerReopened.TOPIC))
        digests: list[tuple[int, dict[str, Any]]] = []
        for position, raw in recorded:
            entry = decode(raw)
            if entry["type"] == HeadsDigested.TOPIC:
                digests.append((position, entry["data"]))
            elif entry["data"]["log_tenant_id"] == tenant_id:
                digests.clear()
        heads = [await self._line(tenant_id, *each) for each in digests[-MAX_COMPARED_DIGESTS:]]
        return [each for each in heads if each is not None]

    async def _line(self, tenant_id: TenantId, position: int, digest: dict[str, Any]) -> HeldHead | None:
        try:
            lines = (await self.objects.get(PROVIDER, digest["sha256"])).splitlines(keepends=True)
        except (NotFound, DataLoss) as error:
            log.warning("log.digest_unreadable", position=position, reason=error.reason)
            return None
        if digest_root(lines).hex() != digest["root"]:
            log.warning("log.digest_unreadable", position=position, reason="its lines lead to another root")
            return None
        for line in lines:
            tenant, size, root = line.decode().split()
            if tenant == tenant_id:
                return HeldHead(f"digest at provider {position}", Head(int(size), base64.b64decode(root)))
        return None

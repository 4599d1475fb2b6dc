"""Signed heads and proofs of tenants' logs, read from their files."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from contracts.errors import NotYetApplied
from contracts.ids import TenantId
from infra.transparency.log_keys import read_key_notes
from infra.transparency.proofs import (
    ConsistencyProof,
    InclusionProof,
    NotSealedYet,
    Proofs,
    RangeProof,
    encode_proof_file,
)
from infra.transparency.storage import LogStorage
from services.ledger.config import SEALED_LOOK_SECONDS

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SignedHead:
    checkpoint: bytes
    size: int
    root: bytes
    key_notes: list[bytes]
    stamped: tuple[bytes, bytes] | None
    """The newest time stamp and the checkpoint that it is for."""


@dataclass(frozen=True, slots=True)
class Proving:
    """`deadline` is an instant of the event loop's clock; waiting for a checkpoint ends there with NotYetApplied."""

    storage: LogStorage

    async def head(
        self, tenant_id: TenantId, *, cosigned: bool, min_position: int | None, deadline: float
    ) -> SignedHead:
        """Raises NotSealedYet, NotYetApplied."""
        directory = self.storage.of(tenant_id)
        proofs = await self._newest(tenant_id, min_position, deadline, cosigned=cosigned)
        checkpoint = proofs.signed.checkpoint
        stamped = await asyncio.to_thread(directory.newest_stamp)
        notes = await asyncio.to_thread(read_key_notes, directory)
        return SignedHead(proofs.signed.note.encode(), checkpoint.size, checkpoint.root, notes, stamped)

    async def inclusion(
        self, tenant_id: TenantId, position: int, size: int | None, *, min_position: int | None, deadline: float
    ) -> tuple[bytes, InclusionProof]:
        """The newest checkpoint and the proof. Raises NotSealedYet, NotYetApplied, LogCorrupt."""
        return await self._prove(tenant_id, min_position, deadline, lambda proofs: proofs.inclusion(position, size))

    async def consistency(
        self, tenant_id: TenantId, old_size: int, size: int | None, *, min_position: int | None, deadline: float
    ) -> tuple[bytes, ConsistencyProof]:
        """Raises NotSealedYet, NotYetApplied, OutOfRange, LogCorrupt."""
        return await self._prove(tenant_id, min_position, deadline, lambda proofs: proofs.consistency(old_size, size))

    async def range(
        self,
        tenant_id: TenantId,
        covered: tuple[int, int],
        size: int | None,
        *,
        min_position: int | None,
        deadline: float,
    ) -> tuple[bytes, RangeProof]:
        """`covered` is begin ≤ position < end. Raises NotSealedYet, NotYetApplied, OutOfRange."""
        return await self._prove(tenant_id, min_position, deadline, lambda proofs: proofs.range(*covered, size))

    async def receipt(
        self, tenant_id: TenantId, position: int, *, cosigned: bool, deadline: float
    ) -> tuple[bytes, InclusionProof]:
        """A `.tlog-proof` file and what it proves, once the entry is sealed. Raises NotYetApplied, LogCorrupt."""
        checkpoint, proof = await self._prove(
            tenant_id, position, deadline, lambda proofs: proofs.inclusion(position), cosigned=cosigned
        )
        return encode_proof_file(position, proof.path, checkpoint), proof

    async def _prove(
        self,
        tenant_id: TenantId,
        min_position: int | None,
        deadline: float,
        prove: Callable[[Proofs], T],
        *,
        cosigned: bool = False,
    ) -> tuple[bytes, T]:
        proofs = await self._newest(tenant_id, min_position, deadline, cosigned=cosigned)
        return proofs.signed.note.encode(), await asyncio.to_thread(prove, proofs)

    async def _newest(
        self, tenant_id: TenantId, min_position: int | None, deadline: float, *, cosigned: bool
    ) -> Proofs:
        """What the newest checkpoint proves, once it covers the position."""
        directory, clock = self.storage.of(tenant_id), asyncio.get_running_loop().time
        while True:
            try:
                proofs = await asyncio.to_thread(Proofs.newest, directory, cosigned=cosigned)
            except NotSealedYet:
                if min_position is None:
                    raise
            else:
                if min_position is None or proofs.size > min_position:
                    return proofs
            if clock() + SEALED_LOOK_SECONDS >= deadline:
                raise NotYetApplied("No checkpoint covers that position yet.", metadata={"position": str(min_position)})
            await asyncio.sleep(SEALED_LOOK_SECONDS)

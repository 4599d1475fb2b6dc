"""What the program asks of an object store, whatever keeps the objects."""

from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from contracts.ids import TenantId


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """An object of a tenant: SHA-256 of its plain bytes in hexadecimal, and their number."""

    sha256: str
    size: int


class ObjectStore(Protocol):
    """Every method may raise ObjectStoreUnavailable, and TenantKeysDestroyed for a closed tenant."""

    async def put(self, tenant_id: TenantId, data: bytes) -> ObjectRef:
        """Keeps the bytes; on return they are durable. Putting the same bytes again changes nothing, or repairs them.

        Raises ObjectTooLarge, ObjectStoreFull.
        """

    async def put_stream(self, tenant_id: TenantId, chunks: AsyncIterable[bytes]) -> ObjectRef:
        """`put` for bytes that come in pieces and need not fit into memory. Raises ObjectTooLarge, ObjectStoreFull."""

    async def get(self, tenant_id: TenantId, sha256: str) -> bytes:
        """The bytes of that hash, verified. Raises ObjectMissing, ObjectCorrupt."""

    def stream(self, tenant_id: TenantId, sha256: str) -> AsyncIterator[bytes]:
        """The bytes in pieces; each is authentic when it comes, the hash is verified after the last one.

        Raises ObjectMissing, ObjectCorrupt (possibly after some pieces).
        """

    async def has(self, tenant_id: TenantId, sha256: str) -> bool:
        """Whether an object of that hash is kept; its bytes are not verified."""

    async def delete(self, tenant_id: TenantId, sha256: str) -> bool:
        """Deletes one object; whether it was there. Only for who keeps no other reference to the same bytes."""

    async def delete_tenant(self, tenant_id: TenantId) -> int:
        """Deletes every object of the tenant and returns how many there were. Repeating it is harmless."""

"""What the program asks of a key store, whatever keeps the keys."""

import hashlib
from collections.abc import Iterable
from typing import NamedTuple, Protocol

from contracts.ids import TenantId


class SubjectKey(NamedTuple):
    """A data subject's key: its identifier, which openings carry, and 32 bytes for AES-256-GCM."""

    key_id: str
    key: bytes


def field_mark(event_id: str, path: str) -> str:
    """How an erased field is remembered: SHA-256 of its place, in hexadecimal."""
    return hashlib.sha256(f"{event_id}\x00{path}".encode()).hexdigest()


class KeyStore(Protocol):
    """Every method may raise KeyStoreUnavailable, and KeyCorrupt for a key that was altered."""

    async def subject_key(self, tenant_id: TenantId, subject: str) -> SubjectKey:
        """The subject's present key, made and made durable at the first call. Raises TenantKeysDestroyed.

        Processes that ask at the same moment get the same key. After `destroy_subject` the next call makes a new key
        with a new identifier: what was sealed before stays unreadable.
        """

    async def subject_keys(self, tenant_id: TenantId, subjects: Iterable[str]) -> dict[str, SubjectKey]:
        """`subject_key` for several subjects at once. Raises TenantKeysDestroyed."""

    async def find_subject_key(self, tenant_id: TenantId, subject: str, key_id: str) -> SubjectKey | None:
        """The key that sealed an opening; None when it was destroyed. Raises KeyMissing when it is gone unexplained."""

    async def search_key(self, tenant_id: TenantId) -> bytes:
        """32 bytes for the HMAC of the tenant's blind indexes. Raises TenantKeysDestroyed."""

    async def request_key(self, tenant_id: TenantId) -> bytes:
        """32 bytes for the HMAC by which a repeated request is told from another one. Raises TenantKeysDestroyed."""

    async def object_key(self, tenant_id: TenantId) -> bytes:
        """32 bytes under which the tenant's objects are encrypted. Raises TenantKeysDestroyed."""

    async def signing_key(self, tenant_id: TenantId, generation: int) -> bytes:
        """32 bytes, the seed of the Ed25519 key by which the tenant's log signs. Raises TenantKeysDestroyed."""

    async def present_key(self, tenant_id: TenantId, subject: str) -> str | None:
        """The identifier of the subject's key as it lies in the store now, past every cache; None when it has none.

        Keys' identifiers are `contracts.ids.new_id("key")`, so they tell when a key was made.
        """

    async def destroy_subject(self, tenant_id: TenantId, subject: str) -> str | None:
        """Destroys the subject's present key and returns its identifier; None when it has none.

        In this process the key is gone at once; others forget it within `KEY_CACHE_SECONDS`.
        """

    async def erase_field(self, tenant_id: TenantId, subject: str, event_id: str, path: str) -> None:
        """Marks one sealed field as erased for ever, durable. Repeating it is harmless.

        The subject's key stays, for its other fields. The mark is kept here, apart from every ledger, so that a ledger
        restored from a backup does not bring the field back.
        """

    async def erased_fields(self, tenant_id: TenantId, subject: str) -> frozenset[str]:
        """The subject's erased fields, each as `field_mark(event_id, path)`; other processes know within seconds."""

    async def destroy_tenant(self, tenant_id: TenantId) -> None:
        """Destroys all keys of the tenant, for ever: no key is made for this tenant again. Repeating it is harmless."""

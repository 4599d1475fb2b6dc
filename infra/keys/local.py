"""The key store on local files: a stand-in for a key management service, and loud about it."""

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import structlog

from contracts.ids import TenantId
from infra.keys import files
from infra.keys.cache import ExpiringCache
from infra.keys.errors import KeysInsecure, KeyStoreUnavailable
from infra.keys.port import SubjectKey, field_mark
from infra.keys.vault import Vault

KEY_CACHE_ENTRIES = 50_000
"""Most keys held in memory at once; about 200 bytes each."""
KEY_CACHE_SECONDS = 5.0
"""How long a process may still use a key that another one has destroyed."""

T = TypeVar("T")
_log = structlog.get_logger(__name__)


class LocalKeyStore:
    """Implements `port.KeyStore` over a directory that only its owner can enter. Many processes may share it."""

    def __init__(self, vault: Vault, *, cache_seconds: float = KEY_CACHE_SECONDS) -> None:
        self._vault = vault
        self._subjects: ExpiringCache[tuple[TenantId, str], SubjectKey] = ExpiringCache(
            KEY_CACHE_ENTRIES, cache_seconds
        )
        self._erased: ExpiringCache[tuple[TenantId, str], frozenset[str]] = ExpiringCache(
            KEY_CACHE_ENTRIES, cache_seconds
        )
        self._purposes: ExpiringCache[tuple[TenantId, str], bytes] = ExpiringCache(KEY_CACHE_ENTRIES, cache_seconds)

    @classmethod
    async def open(cls, directory: Path, *, cache_seconds: float = KEY_CACHE_SECONDS) -> "LocalKeyStore":
        """Opens the store, making it at first use. Raises KeysInsecure when other accounts can enter the directory."""
        vault = await _in_thread(lambda: _open_vault(directory))
        _log.warning(
            "insecure_local_keys",
            detail="Keys lie in files on this machine, their master key beside them. "
            "Whoever copies the directory reads everything; use a key management service where that matters.",
        )
        return cls(vault, cache_seconds=cache_seconds)

    async def subject_key(self, tenant_id: TenantId, subject: str) -> SubjectKey:
        return self.cached(tenant_id, subject) or (await self.subject_keys(tenant_id, (subject,)))[subject]

    def cached(self, tenant_id: TenantId, subject: str) -> SubjectKey | None:
        """The subject's key if this process holds it, for callers that cannot afford to be suspended."""
        return self._subjects.get((tenant_id, subject))

    async def subject_keys(self, tenant_id: TenantId, subjects: Iterable[str]) -> dict[str, SubjectKey]:
        wanted = dict.fromkeys(subjects)
        found = {subject: key for subject in wanted if (key := self.cached(tenant_id, subject)) is not None}
        missing = [subject for subject in wanted if subject not in found]
        if missing:
            epoch = self._subjects.epoch
            held = {subject: self._subjects.expired((tenant_id, subject)) for subject in missing}
            loaded = await _in_thread(
                lambda: [self._vault.subject_key(tenant_id, subject, held[subject]) for subject in missing]
            )
            for subject, key in zip(missing, loaded, strict=True):
                self._subjects.put((tenant_id, subject), key, epoch)
                found[subject] = key
        return found

    async def find_subject_key(self, tenant_id: TenantId, subject: str, key_id: str) -> SubjectKey | None:
        held = self.cached(tenant_id, subject)
        if held is not None and held.key_id == key_id:
            return held
        epoch = self._subjects.epoch
        key = await _in_thread(lambda: self._vault.find_subject_key(tenant_id, subject, key_id))
        if key is not None:
            self._subjects.put((tenant_id, subject), key, epoch)
        return key

    async def search_key(self, tenant_id: TenantId) -> bytes:
        return await self._tenant_key(tenant_id, "tenet/search/v1")

    async def request_key(self, tenant_id: TenantId) -> bytes:
        return await self._tenant_key(tenant_id, "tenet/requests/v1")

    async def object_key(self, tenant_id: TenantId) -> bytes:
        return await self._tenant_key(tenant_id, "tenet/objects/v1")

    async def signing_key(self, tenant_id: TenantId, generation: int) -> bytes:
        return await self._tenant_key(tenant_id, f"tenet/log/v1/{generation}")

    async def present_key(self, tenant_id: TenantId, subject: str) -> str | None:
        return await _in_thread(lambda: self._vault.present_key(tenant_id, subject))

    async def destroy_subject(self, tenant_id: TenantId, subject: str) -> str | None:
        try:
            return await _in_thread(lambda: self._vault.destroy_subject(tenant_id, subject))
        finally:
            self._subjects.forget(lambda key: key == (tenant_id, subject))

    async def erase_field(self, tenant_id: TenantId, subject: str, event_id: str, path: str) -> None:
        mark = field_mark(event_id, path)
        try:
            await _in_thread(lambda: self._vault.erase_field(tenant_id, subject, mark))
        finally:
            self._erased.forget(lambda key: key == (tenant_id, subject))

    async def erased_fields(self, tenant_id: TenantId, subject: str) -> frozenset[str]:
        held = self._erased.get((tenant_id, subject))
        if held is not None:
            return held
        epoch = self._erased.epoch
        marks = await _in_thread(lambda: self._vault.erased_fields(tenant_id, subject))
        self._erased.put((tenant_id, subject), marks, epoch)
        return marks

    async def destroy_tenant(self, tenant_id: TenantId) -> None:
        try:
            await _in_thread(lambda: self._vault.destroy_tenant(tenant_id))
        finally:
            self._subjects.forget(lambda key: key[0] == tenant_id)
            self._purposes.forget(lambda key: key[0] == tenant_id)

    async def rotate_master(self) -> int:
        """Wraps every tenant's key under a new master key; returns how many. Subjects' keys need no change."""
        return await _in_thread(self._vault.rotate_master)

    async def _tenant_key(self, tenant_id: TenantId, purpose: str) -> bytes:
        held = self._purposes.get((tenant_id, purpose))
        if held is not None:
            return held
        epoch = self._purposes.epoch
        key = await _in_thread(lambda: self._vault.tenant_key(tenant_id, purpose))
        self._purposes.put((tenant_id, purpose), key, epoch)
        return key


def _open_vault(directory: Path) -> Vault:
    files.make_directory(directory)
    if directory.stat().st_mode & 0o077:
        raise KeysInsecure("The key directory can be entered by other accounts; its mode must be 0700.")
    return Vault(directory)


async def _in_thread(work: Callable[[], T]) -> T:
    try:
        return await asyncio.to_thread(work)
    except OSError as error:
        raise KeyStoreUnavailable(f"The key store's medium refuses: {error.strerror}.") from error

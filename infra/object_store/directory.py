"""The object store in a directory: `<tenant>/<aa>/<sha256>`, each file encrypted under its tenant's object key."""

import asyncio
import contextlib
import errno
import hashlib
import os
import re
import secrets
import shutil
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable, Generator
from pathlib import Path
from typing import ParamSpec, TypeVar

from contracts.errors import InvalidArgument
from contracts.ids import TenantId, is_tenant_id
from infra.keys import KeyStore
from infra.keys.files import make_directory, sync_directory
from infra.object_store.errors import (
    ObjectCorrupt,
    ObjectMissing,
    ObjectStoreFull,
    ObjectStoreUnavailable,
    ObjectTooLarge,
)
from infra.object_store.port import ObjectRef
from infra.object_store.sealing import Sealer, unseal

MAX_OBJECT_BYTES = 1 << 30
"""Largest object, in plain bytes."""
ABANDONED_SECONDS = 3600.0
"""A temporary file older than this belongs to a writer that no longer lives; it is removed when the store opens."""
WRITE_BATCH_BYTES = 1 << 20
"""How many bytes of a stream are gathered before a thread encrypts and writes them."""

P = ParamSpec("P")
T = TypeVar("T")
_SHA256 = re.compile(r"^[0-9a-f]{64}$")
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}


class DirectoryStore:
    """Implements `port.ObjectStore`. Any number of processes may share the directory."""

    def __init__(self, directory: Path, keys: KeyStore, *, max_object_bytes: int = MAX_OBJECT_BYTES) -> None:
        self._directory, self._keys, self._limit = directory, keys, max_object_bytes

    @classmethod
    async def open(
        cls, directory: Path, keys: KeyStore, *, max_object_bytes: int = MAX_OBJECT_BYTES
    ) -> "DirectoryStore":
        """Opens the store, making its directory at first use. Raises ObjectStoreUnavailable."""
        await _in_thread(_prepare, directory)
        return cls(directory, keys, max_object_bytes=max_object_bytes)

    async def put(self, tenant_id: TenantId, data: bytes) -> ObjectRef:
        key = await self._keys.object_key(tenant_id)
        return await _in_thread(self._put, tenant_id, key, data)

    async def put_stream(self, tenant_id: TenantId, chunks: AsyncIterable[bytes]) -> ObjectRef:
        key = await self._keys.object_key(tenant_id)
        writer = await _in_thread(_Writer, self._tenant(tenant_id), key, self._limit)
        try:
            held = bytearray()
            async for chunk in chunks:
                held += chunk
                if len(held) >= WRITE_BATCH_BYTES:
                    await _in_thread(writer.write, bytes(held))
                    held.clear()
            await _in_thread(writer.write, bytes(held))
            return await _in_thread(self._keep, tenant_id, writer)
        finally:
            writer.abandon()

    async def get(self, tenant_id: TenantId, sha256: str) -> bytes:
        key = await self._keys.object_key(tenant_id)
        return await _in_thread(lambda: b"".join(self._read(tenant_id, key, sha256)))

    async def stream(self, tenant_id: TenantId, sha256: str) -> AsyncIterator[bytes]:
        key = await self._keys.object_key(tenant_id)
        pieces = self._read(tenant_id, key, sha256)
        try:
            while (piece := await _in_thread(next, pieces, None)) is not None:
                yield piece
        finally:
            pieces.close()

    async def has(self, tenant_id: TenantId, sha256: str) -> bool:
        return await _in_thread(self._path(tenant_id, sha256).exists)

    async def delete(self, tenant_id: TenantId, sha256: str) -> bool:
        return await _in_thread(_delete_one, self._path(tenant_id, sha256))

    async def delete_tenant(self, tenant_id: TenantId) -> int:
        return await _in_thread(_delete, self._tenant(tenant_id))

    def _put(self, tenant_id: TenantId, key: bytes, data: bytes) -> ObjectRef:
        if len(data) > self._limit:
            raise _too_large(self._limit)
        ref = ObjectRef(hashlib.sha256(data).hexdigest(), len(data))
        if self._is_intact(tenant_id, key, ref):
            return ref
        writer = _Writer(self._tenant(tenant_id), key, self._limit)
        try:
            writer.write(data)
            return self._keep(tenant_id, writer)
        finally:
            writer.abandon()

    def _keep(self, tenant_id: TenantId, writer: "_Writer") -> ObjectRef:
        """Gives what was written its name. Whatever has that name already is equal to it, or is damaged."""
        ref = writer.finish()
        path = self._path(tenant_id, ref.sha256)
        make_directory(path.parent)
        writer.rename(path)
        sync_directory(path.parent)
        return ref

    def _is_intact(self, tenant_id: TenantId, key: bytes, ref: ObjectRef) -> bool:
        """Whether the object is there whole; if so its directory entry is made durable, whoever wrote it."""
        try:
            for _ in self._read(tenant_id, key, ref.sha256):
                pass
        except (ObjectMissing, ObjectCorrupt):
            return False
        sync_directory(self._path(tenant_id, ref.sha256).parent)
        return True

    def _read(self, tenant_id: TenantId, key: bytes, sha256: str) -> Generator[bytes, None, None]:
        path = self._path(tenant_id, sha256)
        digest = hashlib.sha256()
        try:
            with path.open("rb") as file:
                for piece in unseal(file, key):
                    digest.update(piece)
                    yield piece
        except FileNotFoundError as error:
            raise ObjectMissing("The tenant has no object of this hash.", metadata={"sha256": sha256}) from error
        if digest.hexdigest() != sha256:
            raise ObjectCorrupt("A stored object does not have the hash that names it.", metadata={"sha256": sha256})

    def _tenant(self, tenant_id: TenantId) -> Path:
        if not is_tenant_id(tenant_id):
            raise InvalidArgument("A tenant's identifier is not well formed.")
        return self._directory / tenant_id

    def _path(self, tenant_id: TenantId, sha256: str) -> Path:
        if _SHA256.match(sha256) is None:
            raise InvalidArgument("An object is named by 64 lower-case hexadecimal digits.")
        return self._tenant(tenant_id) / sha256[:2] / sha256


class _Writer:
    """One object on its way: encrypted into a temporary file, hashed and counted."""

    def __init__(self, tenant_directory: Path, key: bytes, limit: int) -> None:
        make_directory(tenant_directory)
        self._path = tenant_directory / f".{secrets.token_hex(16)}.new"
        self._sealer, self._limit = Sealer(key), limit
        self._digest, self._size = hashlib.sha256(), 0
        self._file = os.fdopen(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        self._file.write(self._sealer.header)

    def write(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self._limit:
            raise _too_large(self._limit)
        self._digest.update(data)
        for chunk in self._sealer.update(data):
            self._file.write(chunk)

    def finish(self) -> ObjectRef:
        self._file.write(self._sealer.finish())
        self._file.flush()
        os.fsync(self._file.fileno())
        return ObjectRef(self._digest.hexdigest(), self._size)

    def rename(self, path: Path) -> None:
        self._path.rename(path)

    def abandon(self) -> None:
        """Closes the file and removes it unless it was renamed. A medium without room may refuse even the closing."""
        with contextlib.suppress(OSError):
            self._file.close()
        self._path.unlink(missing_ok=True)


async def _in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    try:
        return await asyncio.to_thread(work, *args, **kwargs)
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise ObjectStoreFull("The object store has no room left; nothing was kept.") from error
        raise ObjectStoreUnavailable(f"The object store's medium refuses: {error.strerror}.") from error


def _too_large(limit: int) -> ObjectTooLarge:
    return ObjectTooLarge(f"An object may have at most {limit} bytes.", metadata={"limit_bytes": str(limit)})


def _prepare(directory: Path) -> None:
    make_directory(directory)
    horizon = time.time() - ABANDONED_SECONDS
    for path in directory.glob("*/.*.new"):
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < horizon:
                path.unlink()
    for path in directory.glob(".*.deleted"):
        shutil.rmtree(path, ignore_errors=True)


def _delete_one(path: Path) -> bool:
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    sync_directory(path.parent)
    return True


def _delete(tenant_directory: Path) -> int:
    """Takes the tenant's objects out of sight in one step, then removes them; after a crash the next opening does."""
    hidden = tenant_directory.with_name(f".{tenant_directory.name}.{secrets.token_hex(8)}.deleted")
    try:
        tenant_directory.rename(hidden)
    except FileNotFoundError:
        return 0
    sync_directory(hidden.parent)
    count = sum(1 for path in hidden.glob("*/*") if path.is_file())
    shutil.rmtree(hidden)
    return count

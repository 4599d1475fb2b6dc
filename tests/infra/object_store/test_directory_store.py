"""Objects: found by their hash, encrypted by tenant, durable before they are acknowledged, never silently wrong."""

import asyncio
import errno
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contracts.errors import InvalidArgument
from contracts.ids import TenantId
from infra.keys import LocalKeyStore, TenantKeysDestroyed
from infra.object_store import (
    DirectoryStore,
    ObjectCorrupt,
    ObjectMissing,
    ObjectRef,
    ObjectStoreFull,
    ObjectTooLarge,
    directory,
)
from infra.object_store.sealing import CHUNK_BYTES

CLINIC = TenantId("clinic")
RETAILER = TenantId("retailer")
SIZES = [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES]


@pytest.fixture
async def keys(tmp_path: Path) -> LocalKeyStore:
    return await LocalKeyStore.open(tmp_path / "keys")


@pytest.fixture
async def store(tmp_path: Path, keys: LocalKeyStore) -> DirectoryStore:
    return await DirectoryStore.open(tmp_path / "objects", keys, max_object_bytes=4 * CHUNK_BYTES)


def content(size: int) -> bytes:
    return (hashlib.sha256(str(size).encode()).digest() * (size // 32 + 1))[:size]


async def pieces(data: bytes, length: int) -> AsyncIterator[bytes]:
    for start in range(0, len(data), length):
        yield data[start : start + length]


def stored_file(tmp_path: Path) -> Path:
    (path,) = (path for path in (tmp_path / "objects").rglob("*") if path.is_file())
    return path


@pytest.mark.parametrize("size", SIZES)
async def test_what_was_put_whole_or_in_pieces_comes_back_whole_and_in_pieces(store: DirectoryStore, size: int) -> None:
    data = content(size)
    ref = await store.put(CLINIC, data)
    assert ref == ObjectRef(hashlib.sha256(data).hexdigest(), size)
    assert await store.put_stream(RETAILER, pieces(data, 10_007)) == ref
    for tenant in (CLINIC, RETAILER):
        assert await store.get(tenant, ref.sha256) == data
        assert b"".join([piece async for piece in store.stream(tenant, ref.sha256)]) == data
        assert await store.has(tenant, ref.sha256)


async def test_nothing_of_the_content_can_be_read_from_the_files(tmp_path: Path, store: DirectoryStore) -> None:
    await store.put(CLINIC, b"powershell -enc " * 100)
    assert b"powershell" not in stored_file(tmp_path).read_bytes()


async def test_the_same_bytes_put_again_are_one_object(tmp_path: Path, store: DirectoryStore) -> None:
    first = await store.put(CLINIC, b"batch")
    before = stored_file(tmp_path).stat().st_mtime_ns
    assert await store.put(CLINIC, b"batch") == first
    assert stored_file(tmp_path).stat().st_mtime_ns == before
    assert set(await asyncio.gather(*(store.put(CLINIC, b"batch") for _ in range(10)))) == {first}


async def test_a_tenant_cannot_reach_anothers_object(store: DirectoryStore) -> None:
    ref = await store.put(CLINIC, b"secret")
    assert not await store.has(RETAILER, ref.sha256)
    with pytest.raises(ObjectMissing):
        await store.get(RETAILER, ref.sha256)


async def test_a_file_copied_to_another_tenant_does_not_open_there(tmp_path: Path, store: DirectoryStore) -> None:
    ref = await store.put(CLINIC, b"secret")
    path = tmp_path / "objects" / RETAILER / ref.sha256[:2] / ref.sha256
    path.parent.mkdir(parents=True)
    path.write_bytes(stored_file(tmp_path).read_bytes())
    with pytest.raises(ObjectCorrupt):
        await store.get(RETAILER, ref.sha256)


@pytest.mark.parametrize("cut", [0, 5, 40, 41, CHUNK_BYTES + 56, -16, -1])
async def test_a_file_cut_at_any_point_is_found_out(tmp_path: Path, store: DirectoryStore, cut: int) -> None:
    ref = await store.put(CLINIC, content(2 * CHUNK_BYTES))
    path = stored_file(tmp_path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ObjectCorrupt):
        await store.get(CLINIC, ref.sha256)


@pytest.mark.parametrize("position", [0, 20, 45, -1])
async def test_a_changed_byte_is_found_out_and_putting_the_object_again_repairs_it(
    tmp_path: Path, store: DirectoryStore, position: int
) -> None:
    data = content(100_000)
    ref = await store.put(CLINIC, data)
    path = stored_file(tmp_path)
    damaged = bytearray(path.read_bytes())
    damaged[position] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(ObjectCorrupt):
        [piece async for piece in store.stream(CLINIC, ref.sha256)]
    assert await store.put(CLINIC, data) == ref
    assert await store.get(CLINIC, ref.sha256) == data


async def test_swapped_chunks_are_found_out(tmp_path: Path, store: DirectoryStore) -> None:
    ref = await store.put(CLINIC, content(3 * CHUNK_BYTES))
    path, length = stored_file(tmp_path), CHUNK_BYTES + 16
    stored = path.read_bytes()
    path.write_bytes(
        stored[:40] + stored[40 + length : 40 + 2 * length] + stored[40 : 40 + length] + stored[40 + 2 * length :]
    )
    with pytest.raises(ObjectCorrupt):
        await store.get(CLINIC, ref.sha256)


async def test_an_object_whose_name_is_not_its_hash_is_found_out(tmp_path: Path, store: DirectoryStore) -> None:
    ref = await store.put(CLINIC, b"one")
    other = hashlib.sha256(b"two").hexdigest()
    path = tmp_path / "objects" / CLINIC / other[:2] / other
    path.parent.mkdir(exist_ok=True)
    (tmp_path / "objects" / CLINIC / ref.sha256[:2] / ref.sha256).rename(path)
    with pytest.raises(ObjectCorrupt):
        await store.get(CLINIC, other)


async def test_an_object_beyond_the_limit_is_refused_and_leaves_nothing(tmp_path: Path, store: DirectoryStore) -> None:
    with pytest.raises(ObjectTooLarge) as refusal:
        await store.put(CLINIC, bytes(4 * CHUNK_BYTES + 1))
    assert refusal.value.metadata == {"limit_bytes": str(4 * CHUNK_BYTES)}
    with pytest.raises(ObjectTooLarge):
        await store.put_stream(CLINIC, pieces(bytes(4 * CHUNK_BYTES + 1), CHUNK_BYTES))
    assert not [path for path in (tmp_path / "objects").rglob("*") if path.is_file()]


async def test_a_full_disk_is_a_clear_error_and_leaves_nothing(
    tmp_path: Path, store: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = await store.put(CLINIC, b"kept")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(directory.os, "fsync", full)
        with pytest.raises(ObjectStoreFull):
            await store.put(CLINIC, b"lost")
        with pytest.raises(ObjectStoreFull):
            await store.put_stream(CLINIC, pieces(b"lost", 2))
    assert stored_file(tmp_path).name == kept.sha256
    assert await store.put(CLINIC, b"lost")


async def test_file_and_directory_are_synchronised_before_the_acknowledgement(
    store: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    synchronised: list[str] = []
    fsync = os.fsync

    def watch(descriptor: int) -> None:
        synchronised.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    monkeypatch.setattr(directory.os, "fsync", watch)
    ref = await store.put(CLINIC, b"batch")
    assert synchronised[-1] == ref.sha256[:2]
    assert any(name.endswith(".new") for name in synchronised)


async def test_a_stream_that_breaks_off_leaves_nothing(tmp_path: Path, store: DirectoryStore) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield bytes(10)
        raise ConnectionResetError("the sensor went away")

    with pytest.raises(ConnectionResetError):
        await store.put_stream(CLINIC, broken())
    assert not [path for path in (tmp_path / "objects").rglob("*") if path.is_file()]


async def test_what_a_killed_writer_left_is_removed_when_the_store_opens(tmp_path: Path, keys: LocalKeyStore) -> None:
    tenant = tmp_path / "objects" / CLINIC
    tenant.mkdir(parents=True)
    old, young = tenant / ".aa.new", tenant / ".bb.new"
    for path in (old, young):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    await DirectoryStore.open(tmp_path / "objects", keys)
    assert not old.exists()
    assert young.exists()


async def test_deleting_a_tenant_deletes_its_objects_only(tmp_path: Path, store: DirectoryStore) -> None:
    refs = [await store.put(CLINIC, bytes([number])) for number in range(3)]
    kept = await store.put(RETAILER, b"kept")
    assert await store.delete_tenant(CLINIC) == 3
    assert await store.delete_tenant(CLINIC) == 0
    with pytest.raises(ObjectMissing):
        await store.get(CLINIC, refs[0].sha256)
    assert await store.get(RETAILER, kept.sha256) == b"kept"
    assert sorted(path.name for path in (tmp_path / "objects").iterdir()) == [RETAILER]


async def test_a_closed_tenants_objects_cannot_be_read_or_put(store: DirectoryStore, keys: LocalKeyStore) -> None:
    ref = await store.put(CLINIC, b"secret")
    await keys.destroy_tenant(CLINIC)
    with pytest.raises(TenantKeysDestroyed):
        await store.get(CLINIC, ref.sha256)
    with pytest.raises(TenantKeysDestroyed):
        await store.put(CLINIC, b"more")


@pytest.mark.parametrize("name", ["../../etc/passwd", "A" * 64, "ab", ""])
async def test_a_name_that_is_not_a_hash_is_refused(store: DirectoryStore, name: str) -> None:
    with pytest.raises(InvalidArgument):
        await store.get(CLINIC, name)

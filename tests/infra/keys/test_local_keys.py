"""The local key store: one key a subject whoever asks first, and none once it is destroyed."""

import asyncio
import errno
import multiprocessing
import os
from pathlib import Path

import pytest

from contracts.errors import InvalidArgument
from contracts.ids import TenantId
from infra.keys import (
    KeyCorrupt,
    KeyMissing,
    KeysInsecure,
    KeyStoreUnavailable,
    LocalKeyStore,
    SubjectKey,
    TenantKeysDestroyed,
    files,
)
from infra.keys.cache import ExpiringCache
from infra.keys.vault import Vault

CLINIC = TenantId("clinic")
RETAILER = TenantId("retailer")
SUBJECT = "person-00000000000000000000000001"


async def open_store(tmp_path: Path, cache_seconds: float = 5.0) -> LocalKeyStore:
    return await LocalKeyStore.open(tmp_path / "keys", cache_seconds=cache_seconds)


def only(directory: Path, pattern: str) -> Path:
    (path,) = directory.rglob(pattern)
    return path


async def test_a_subject_keeps_its_key_across_processes_that_open_the_store_anew(tmp_path: Path) -> None:
    first = await (await open_store(tmp_path)).subject_key(CLINIC, SUBJECT)
    second = await (await open_store(tmp_path)).subject_key(CLINIC, SUBJECT)
    assert first == second
    assert len(first.key) == 32


async def test_subjects_tenants_and_purposes_have_keys_of_their_own(tmp_path: Path) -> None:
    store = await open_store(tmp_path)
    keys = {
        (await store.subject_key(CLINIC, SUBJECT)).key,
        (await store.subject_key(CLINIC, "other")).key,
        (await store.subject_key(RETAILER, SUBJECT)).key,
        await store.search_key(CLINIC),
        await store.search_key(RETAILER),
        await store.object_key(CLINIC),
    }
    assert len(keys) == 6


async def test_no_key_lies_in_the_clear_but_the_master(tmp_path: Path) -> None:
    store = await open_store(tmp_path)
    key = (await store.subject_key(CLINIC, SUBJECT)).key
    search = await store.search_key(CLINIC)
    for path in (tmp_path / "keys").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0
        if path.is_file():
            assert key not in path.read_bytes()
            assert search not in path.read_bytes()
            assert SUBJECT.encode() not in path.read_bytes()


def _ask_in_another_process(directory: str, subjects: int, results: "multiprocessing.Queue[list[SubjectKey]]") -> None:
    vault = Vault(Path(directory))
    results.put([vault.subject_key(CLINIC, f"subject-{number}") for number in range(subjects)])


def test_processes_that_ask_for_new_subjects_at_once_get_the_same_keys(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    results: multiprocessing.Queue[list[SubjectKey]] = context.Queue()
    workers = [
        context.Process(target=_ask_in_another_process, args=(str(tmp_path / "keys"), 20, results)) for _ in range(3)
    ]
    for worker in workers:
        worker.start()
    answers = [results.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join(timeout=60)
    assert answers[0] == answers[1] == answers[2]
    assert len({key.key_id for key in answers[0]}) == 20


async def test_tasks_that_ask_for_one_new_subject_at_once_get_one_key(tmp_path: Path) -> None:
    store = await open_store(tmp_path)
    keys = await asyncio.gather(*(store.subject_key(CLINIC, SUBJECT) for _ in range(30)))
    assert len(set(keys)) == 1


async def test_a_destroyed_subject_cannot_be_opened_and_is_told_apart_from_a_lost_one(tmp_path: Path) -> None:
    store = await open_store(tmp_path)
    before = await store.subject_key(CLINIC, SUBJECT)
    assert await store.destroy_subject(CLINIC, SUBJECT) == before.key_id
    assert store.cached(CLINIC, SUBJECT) is None
    assert await store.find_subject_key(CLINIC, SUBJECT, before.key_id) is None
    after = await store.subject_key(CLINIC, SUBJECT)
    assert after.key_id != before.key_id
    assert after.key != before.key
    only(tmp_path / "keys", "subjects/*/*.key").unlink()
    with pytest.raises(KeyMissing):
        await (await open_store(tmp_path)).find_subject_key(CLINIC, SUBJECT, after.key_id)


async def test_destroying_a_subject_without_a_key_does_nothing(tmp_path: Path) -> None:
    store = await open_store(tmp_path)
    assert await store.destroy_subject(CLINIC, SUBJECT) is None


async def test_another_process_forgets_a_destroyed_key_within_the_limit(tmp_path: Path) -> None:
    destroyer, other = await open_store(tmp_path), await open_store(tmp_path, cache_seconds=0.05)
    key = await other.subject_key(CLINIC, SUBJECT)
    await destroyer.destroy_subject(CLINIC, SUBJECT)
    await asyncio.sleep(0.1)
    assert await other.find_subject_key(CLINIC, SUBJECT, key.key_id) is None


async def test_an_erasure_that_a_crash_interrupted_is_finished_at_the_next_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await open_store(tmp_path)
    before = await store.subject_key(CLINIC, SUBJECT)

    def crash(path: Path) -> None:
        raise OSError(errno.EIO, "the power went")

    with monkeypatch.context() as patch:
        patch.setattr(files, "scrub", crash)
        with pytest.raises(KeyStoreUnavailable):
            await store.destroy_subject(CLINIC, SUBJECT)
    again = await open_store(tmp_path)
    assert await again.find_subject_key(CLINIC, SUBJECT, before.key_id) is None
    assert (await again.subject_key(CLINIC, SUBJECT)).key_id != before.key_id


async def test_a_scrub_that_a_crash_interrupted_is_finished_when_the_store_opens(tmp_path: Path) -> None:
    await open_store(tmp_path)
    left = tmp_path / "keys" / "tenants" / ".a.key.00.scrub"
    left.write_bytes(b"secret")
    await open_store(tmp_path)
    assert not left.exists()


async def test_a_tenant_whose_keys_were_destroyed_never_gets_keys_again(tmp_path: Path) -> None:
    store = await open_store(tmp_path)
    key = await store.subject_key(CLINIC, SUBJECT)
    kept = await store.search_key(RETAILER)
    await store.destroy_tenant(CLINIC)
    await store.destroy_tenant(CLINIC)
    for each in (store, await open_store(tmp_path)):
        assert await each.find_subject_key(CLINIC, SUBJECT, key.key_id) is None
        with pytest.raises(TenantKeysDestroyed):
            await each.subject_key(CLINIC, SUBJECT)
        with pytest.raises(TenantKeysDestroyed):
            await each.search_key(CLINIC)
        assert await each.search_key(RETAILER) == kept


async def test_rotation_keeps_every_key_and_destroys_the_old_master(tmp_path: Path) -> None:
    store = await open_store(tmp_path)
    before = [await store.subject_key(CLINIC, SUBJECT), await store.search_key(RETAILER)]
    old = only(tmp_path / "keys", "master-*.key")
    assert await store.rotate_master() == 2
    assert not old.exists()
    again = await open_store(tmp_path)
    assert [await again.subject_key(CLINIC, SUBJECT), await again.search_key(RETAILER)] == before


async def test_an_interrupted_rotation_loses_nothing_and_the_next_one_finishes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await open_store(tmp_path)
    tenants = [TenantId(f"tenant-{number}") for number in range(4)]
    before = [await store.search_key(tenant) for tenant in tenants]
    replace, calls = files.replace, iter(range(100))

    def crash_at_the_third(path: Path, data: bytes) -> None:
        if next(calls) == 3:
            raise OSError(errno.EIO, "the power went")
        replace(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(files, "replace", crash_at_the_third)
        with pytest.raises(KeyStoreUnavailable):
            await store.rotate_master()
    again = await open_store(tmp_path)
    assert [await again.search_key(tenant) for tenant in tenants] == before
    assert await again.rotate_master() == 4
    assert len(list((tmp_path / "keys").rglob("master-*.key"))) == 1
    assert [await (await open_store(tmp_path)).search_key(tenant) for tenant in tenants] == before


async def test_a_key_file_moved_to_another_subject_is_refused(tmp_path: Path) -> None:
    store = await open_store(tmp_path)
    await store.subject_key(CLINIC, SUBJECT)
    stolen = only(tmp_path / "keys", "subjects/*/*.key").read_bytes()
    await store.subject_key(CLINIC, "other")
    for path in (tmp_path / "keys").rglob("subjects/*/*.key"):
        path.write_bytes(stolen)
    with pytest.raises(KeyCorrupt):
        await (await open_store(tmp_path)).subject_key(CLINIC, "other")


async def test_a_directory_that_others_can_enter_is_refused(tmp_path: Path) -> None:
    await open_store(tmp_path)
    (tmp_path / "keys").chmod(0o755)
    with pytest.raises(KeysInsecure):
        await open_store(tmp_path)


async def test_a_master_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    store = await open_store(tmp_path)
    only(tmp_path / "keys", "master-*.key").chmod(0o644)
    with pytest.raises(KeysInsecure):
        await store.subject_key(CLINIC, SUBJECT)


async def test_a_tenant_identifier_cannot_lead_out_of_the_store(tmp_path: Path) -> None:
    store = await open_store(tmp_path)
    with pytest.raises(InvalidArgument):
        await store.subject_key(TenantId("../../etc"), SUBJECT)


async def test_a_full_disk_is_reported_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await open_store(tmp_path)
    await store.search_key(CLINIC)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(files.os, "fsync", full)
        with pytest.raises(KeyStoreUnavailable, match="No space left"):
            await store.subject_key(CLINIC, SUBJECT)
    assert not list((tmp_path / "keys").rglob("*.new"))
    assert await store.subject_key(CLINIC, SUBJECT)


def test_the_cache_is_bounded_expires_and_drops_loads_that_a_destruction_overtook() -> None:
    now = [0.0]
    cache: ExpiringCache[str, int] = ExpiringCache(2, 5.0, clock=lambda: now[0])
    for number, key in enumerate(("a", "b", "c")):
        cache.put(key, number, cache.epoch)
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == (None, 1, 2)
    now[0] = 5.1
    assert cache.get("c") is None
    epoch = cache.epoch
    cache.forget(lambda key: key == "d")
    cache.put("d", 3, epoch)
    assert cache.get("d") is None

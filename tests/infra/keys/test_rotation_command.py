"""The operator's command that changes the master key, beside a store that is in use."""

import asyncio
from pathlib import Path

from contracts.ids import TenantId
from infra.keys import LocalKeyStore
from infra.keys.__main__ import rotate_master
from infra.runtime.settings import Settings

CLINIC = TenantId("clinic")


async def test_a_store_in_use_goes_on_after_the_master_key_was_rotated(tmp_path: Path) -> None:
    settings = Settings(state=tmp_path / "state")
    store = await LocalKeyStore.open(settings.keys_dir, cache_seconds=0.0)
    before = await store.subject_key(CLINIC, "person-1")
    (master,) = settings.keys_dir.rglob("master-*.key")
    await rotate_master(settings)
    assert not master.exists()
    assert await store.find_subject_key(CLINIC, "person-1", before.key_id) == before
    assert await store.subject_key(CLINIC, "person-2") != before


async def test_rotation_while_tenants_are_made_loses_none(tmp_path: Path) -> None:
    settings = Settings(state=tmp_path / "state")
    store = await LocalKeyStore.open(settings.keys_dir, cache_seconds=0.0)
    tenants = [TenantId(f"tenant-{number}") for number in range(40)]
    made, *_ = await asyncio.gather(
        asyncio.gather(*(store.search_key(tenant) for tenant in tenants)),
        *(rotate_master(settings) for _ in range(3)),
    )
    again = await LocalKeyStore.open(settings.keys_dir)
    assert [await again.search_key(tenant) for tenant in tenants] == made


async def test_a_cache_without_time_keeps_nothing(tmp_path: Path) -> None:
    store = await LocalKeyStore.open(tmp_path / "keys", cache_seconds=0.0)
    await store.subject_key(CLINIC, "person-1")
    assert store.cached(CLINIC, "person-1") is None

"""A ledger is sealed as it stands, whatever happens in between, and never once it contradicts what was signed."""

import asyncio
import shutil
import statistics
import time
from pathlib import Path

import pytest

from contracts.errors import LedgerReadOnly
from contracts.ids import TenantId
from infra.event_store.feed import Feed
from infra.transparency import sealer as sealer_module
from infra.transparency import sealing as sealing_module
from infra.transparency.log_keys import follow_keys, introduce_key, read_key_notes
from infra.transparency.merkle import EMPTY_ROOT, Frontier, leaf_hash
from infra.transparency.notes import Verifier, parse_note
from infra.transparency.proofs import Proofs, verify_range
from infra.transparency.sealer import LedgerContradicts
from infra.transparency.storage import LogDirectory, TileMissing
from infra.transparency.tiles import Tile, bundles_of, decode_bundle, tiles_of
from tests.infra.transparency.conftest import LOG_NAME, World


def root_of(leaves: list[bytes]) -> bytes:
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    return frontier.root()


def files(directory: LogDirectory) -> set[str]:
    return {str(path.relative_to(directory.path)) for path in (directory.path / "tile").rglob("*") if path.is_file()}


async def test_an_empty_ledger_is_sealed_as_an_empty_tree(world: World) -> None:
    checkpoint = await world.seal(await world.tenant())
    assert (checkpoint.size, checkpoint.root) == (0, EMPTY_ROOT)


@pytest.mark.parametrize("size", [1, 255, 256, 257, 700])
async def test_a_checkpoint_is_over_the_ledgers_leaves_and_the_tiles_are_those_of_its_size(
    world: World, size: int
) -> None:
    tenant_id = await world.tenant()
    await world.append(tenant_id, size)
    checkpoint = await world.seal(tenant_id)
    assert checkpoint.origin == f"{LOG_NAME}/{tenant_id}"
    assert (checkpoint.size, checkpoint.root) == (size, root_of(await world.leaves(tenant_id)))
    directory = world.storage.of(tenant_id)
    assert files(directory) == {tile.path for tile in (*tiles_of(size), *bundles_of(size))}


async def test_entry_bundles_hold_the_leaf_data(world: World) -> None:
    tenant_id = await world.tenant()
    await world.append(tenant_id, 300)
    await world.seal(tenant_id)
    directory = world.storage.of(tenant_id)
    leaves = await world.leaves(tenant_id)
    entries = decode_bundle(directory.read(Tile(None, 0)), 256) + decode_bundle(directory.read(Tile(None, 1, 44)), 44)
    assert [leaf_hash(entry) for entry in entries] == leaves


async def test_sealing_goes_on_pass_by_pass_and_outgrown_partial_tiles_go(world: World) -> None:
    tenant_id = await world.tenant()
    sealer = world.sealer(tenant_id)
    await sealer.open()
    size = 0
    for count in (1, 200, 54, 1, 1, 300, 256):
        await world.append(tenant_id, count)
        size += count
        head = await sealer.seal(size)
        assert head is not None
        assert (head.size, head.root) == (size, root_of(await world.leaves(tenant_id)))
        assert files(world.storage.of(tenant_id)) == {tile.path for tile in (*tiles_of(size), *bundles_of(size))}


async def test_a_narrower_partial_tile_is_read_out_of_a_wider_or_a_full_one(world: World) -> None:
    tenant_id = await world.tenant()
    await world.append(tenant_id, 300)
    await world.seal(tenant_id)
    directory, leaves = world.storage.of(tenant_id), await world.leaves(tenant_id)
    assert directory.hashes(Tile(0, 1, 7)) == leaves[256:263]
    assert directory.hashes(Tile(0, 0, 7)) == leaves[:7]
    assert [leaf_hash(each) for each in decode_bundle(directory.read(Tile(None, 0, 3)), 3)] == leaves[:3]
    with pytest.raises(TileMissing):
        directory.read(Tile(0, 1, 45))


@pytest.mark.parametrize("stop_after", [1, 2, 5, 9, 14])
async def test_a_pass_that_was_cut_off_anywhere_is_taken_up_at_the_last_checkpoint(
    world: World, monkeypatch: pytest.MonkeyPatch, stop_after: int
) -> None:
    tenant_id = await world.tenant()
    await world.append(tenant_id, 300)
    first = await world.seal(tenant_id)
    await world.append(tenant_id, 1_500)
    writes = 0
    write = LogDirectory.write

    def cut_off(self: LogDirectory, tile: Tile, data: bytes) -> None:
        nonlocal writes
        writes += 1
        if writes > stop_after:
            raise KeyboardInterrupt
        write(self, tile, data)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(LogDirectory, "write", cut_off)
        await world.seal(tenant_id)
    assert await world.checkpoint(tenant_id) == first
    checkpoint = await world.seal(tenant_id)
    assert (checkpoint.size, checkpoint.root) == (1_800, root_of(await world.leaves(tenant_id)))
    assert files(world.storage.of(tenant_id)) == {tile.path for tile in (*tiles_of(1_800), *bundles_of(1_800))}


async def test_what_a_crash_left_beyond_the_checkpoint_is_removed_before_anything_is_built_on_it(world: World) -> None:
    tenant_id = await world.tenant()
    await world.append(tenant_id, 300)
    await world.seal(tenant_id)
    directory = world.storage.of(tenant_id)
    for tile in (Tile(0, 1), Tile(0, 2), Tile(None, 1), Tile(0, 1, 99), Tile(1, 0, 2), Tile(None, 1, 45)):
        directory.write(tile, b"left over")
    directory.trim(300)
    assert files(directory) == {tile.path for tile in (*tiles_of(300), *bundles_of(300))}


async def test_damaged_tiles_are_written_anew_from_a_ledger_that_still_leads_to_the_signed_root(world: World) -> None:
    tenant_id = await world.tenant()
    await world.append(tenant_id, 600)
    first = await world.seal(tenant_id)
    directory = world.storage.of(tenant_id)
    shutil.rmtree(directory.path / "tile")
    sealer = world.sealer(tenant_id)
    await sealer.open()
    assert await world.checkpoint(tenant_id) == first
    assert files(directory) == {tile.path for tile in (*tiles_of(600), *bundles_of(600))}
    await world.append(tenant_id, 1)
    head = await sealer.seal(601)
    assert head is not None
    assert head.root == root_of(await world.leaves(tenant_id))


@pytest.mark.parametrize(
    ("statement", "position"),
    [
        ("DELETE FROM {}.events WHERE position >= 290", 290),
        ("UPDATE {}.events SET entry = entry || ' '::bytea WHERE position = 301", 301),
        ("UPDATE {}.events SET recorded_at = recorded_at + 1 WHERE position = 301", 301),
        ("UPDATE {}.events SET leaf_hash = sha256('x') WHERE position = 299", 299),
        ("DELETE FROM {}.events WHERE position = 302", 302),
        ("DELETE FROM {}.events WHERE position = 299", 299),
    ],
)
async def test_a_ledger_that_contradicts_what_was_signed_is_not_sealed_and_the_position_is_named(
    world: World, statement: str, position: int
) -> None:
    tenant_id = await world.tenant()
    await world.append(tenant_id, 300)
    first = await world.seal(tenant_id)
    if "290" not in statement:
        await world.append(tenant_id, 10)
    await world.as_superuser(statement, tenant_id)
    with pytest.raises(LedgerContradicts) as refusal:
        await world.seal(tenant_id)
    assert refusal.value.position == position
    assert await world.checkpoint(tenant_id) == first


async def test_a_rollback_that_was_followed_by_as_many_appends_is_found(world: World) -> None:
    tenant_id = await world.tenant()
    await world.append(tenant_id, 30)
    await world.seal(tenant_id)
    await world.as_superuser("DELETE FROM {}.events WHERE position >= 25", tenant_id)
    await world.append(tenant_id, 5)
    with pytest.raises(LedgerContradicts):
        await world.seal(tenant_id)


async def test_a_contradicting_ledger_takes_no_more_appends_and_can_still_be_read(world: World) -> None:
    tenant_id, other = await world.tenant(), await world.tenant()
    for each in (tenant_id, other):
        await world.append(each, 30)
        await world.seal(each)
    await world.as_superuser("DELETE FROM {}.events WHERE position >= 25", tenant_id)
    async with world.sealing().running():
        async with asyncio.timeout(20):
            while not (await fresh_placement(world, tenant_id)).read_only:
                await asyncio.sleep(0.1)
    with pytest.raises(LedgerReadOnly):
        await world.append(tenant_id, 1)
    await world.append(other, 1)
    assert len(await world.leaves(tenant_id)) == 25
    assert (await world.checkpoint(tenant_id)).size == 30


async def fresh_placement(world: World, tenant_id: TenantId) -> object:
    world.reader.placements.forget(tenant_id)
    return await world.reader.placements.find(tenant_id)


async def test_sealing_follows_the_ledger_and_is_at_most_a_second_behind_at_rest(world: World) -> None:
    tenant_id = await world.tenant()
    behind = []
    async with world.sealing().running() as sealing:
        for size in range(3, 24, 3):
            await world.append(tenant_id, 3)
            appended = time.monotonic()
            async with asyncio.timeout(20):
                while tenant_id not in sealing.heads or sealing.heads[tenant_id].size < size:
                    await asyncio.sleep(0.02)
            behind.append(time.monotonic() - appended)
    assert (await world.checkpoint(tenant_id)).size == 21
    # The median, because a machine that is busy with other things may hold up any one of them.
    assert statistics.median(behind) <= 1.0, behind


async def test_only_one_process_seals_and_another_takes_over_when_it_is_gone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing_module, "CLAIM_SECONDS", 0.1)
    first, second = world.sealing(), world.sealing()
    async with first.running():
        await asyncio.sleep(0.2)
        async with second.running():
            await asyncio.sleep(0.3)
            assert (first.active, second.active) == (True, False)
    async with second.running():
        await asyncio.sleep(0.3)
        assert second.active


async def test_an_entry_that_was_altered_long_after_it_was_sealed_is_found_by_the_recheck(world: World) -> None:
    tenant_id = await world.tenant()
    await world.append(tenant_id, 600)
    sealing = world.sealing()
    await sealing.seal(tenant_id, 600)
    for turn in range(3):
        await sealing.recheck(tenant_id, turn)
    await world.as_superuser("UPDATE {}.events SET entry = entry || ' '::bytea WHERE position = 333", tenant_id)
    await sealing.recheck(tenant_id, 3)
    with pytest.raises(LedgerContradicts) as refusal:
        await sealing.recheck(tenant_id, 4)
    assert refusal.value.position == 333


async def test_a_new_key_is_introduced_by_the_one_before_it_and_both_sign_for_a_while(world: World) -> None:
    tenant_id = await world.tenant()
    await world.append(tenant_id, 3)
    await world.seal(tenant_id)
    directory, origin = world.storage.of(tenant_id), f"{LOG_NAME}/{tenant_id}"
    (first,) = follow_keys(origin, read_key_notes(directory))
    second = await introduce_key(world.keys, tenant_id, origin, directory, 2)
    await world.append(tenant_id, 1)
    await world.seal(tenant_id)
    assert follow_keys(origin, read_key_notes(directory)) == [first, second]
    data = directory.checkpoint()
    assert data is not None
    note = parse_note(data)
    assert [signature.key_id for signature in note.signatures] == [first.key_id, second.key_id]
    assert first.accepts(note.text, note.signatures[0])
    assert second.accepts(note.text, note.signatures[1])
    stranger = Verifier.parse(first.encode())
    assert stranger == first


async def test_batches_stay_small_when_entries_are_large(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    tenant_id = await world.tenant()
    await world.append(tenant_id, 1_000, size=2_000)
    asked: list[int] = []
    read = Feed.read_entries

    async def counted(self: Feed, tenant: TenantId, begin: int, limit: int = 0, *rest: int) -> object:
        asked.append(limit)
        return await read(self, tenant, begin, limit, *rest)

    monkeypatch.setattr(sealer_module, "MAX_BATCH_BYTES", 1_000_000)
    monkeypatch.setattr(Feed, "read_entries", counted)
    await world.seal(tenant_id)
    assert max(asked) <= 257


async def test_a_range_of_a_sealed_log_is_proven_complete(world: World, tmp_path: Path) -> None:
    tenant_id = await world.tenant()
    await world.append(tenant_id, 700)
    await world.seal(tenant_id)
    leaves = await world.leaves(tenant_id)
    proof = Proofs.newest(world.storage.of(tenant_id)).range(250, 600)
    verify_range(proof, leaves[250:600])

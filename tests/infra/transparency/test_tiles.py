"""Tiles are named as C2SP tlog-tiles says, and every proof can be built from them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.transparency.merkle import (
    Frontier,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_hash,
    verify_consistency,
    verify_inclusion,
)
from infra.transparency.tiles import (
    WIDTH,
    Tile,
    TileMalformed,
    bundles_of,
    decode_bundle,
    encode_bundle,
    nodes_of,
    split_hashes,
    tile_root,
    tiles_of,
)


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0), "tile/0/000"),
        (Tile(1, 999, 1), "tile/1/999.p/1"),
        (Tile(0, 1234067), "tile/0/x001/x234/067"),
        (Tile(None, 1000, 255), "tile/entries/x001/000.p/255"),
    ],
)
def test_a_tile_has_the_path_of_the_specification(tile: Tile, path: str) -> None:
    assert tile.path == path
    assert Tile.parse(path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/0",
        "tile/00/000",
        "tile/0/x000/001",
        "tile/0/000.p/256",
        "tile/0/000.p/0",
        "tile/64/000",
        "tile/0/../000",
        "/tile/0/000",
        "tile/0/000/",
        "tile/0/x001/x234/67",
        "tile/data/000",
        "tile/-1/000",
        "tile/0/000\n",
    ],
)
def test_a_path_that_is_not_exactly_a_tiles_is_refused(path: str) -> None:
    with pytest.raises(TileMalformed):
        Tile.parse(path)


def build(size: int) -> dict[Tile, list[bytes]]:
    stored: dict[Tile, list[bytes]] = {}
    level = [leaf_hash(index.to_bytes(4, "big")) for index in range(size)]
    number = 0
    while level:
        chunks = [level[begin : begin + WIDTH] for begin in range(0, len(level), WIDTH)]
        stored |= {Tile(number, index, len(chunk)): chunk for index, chunk in enumerate(chunks)}
        level = [tile_root(chunk) for chunk in chunks if len(chunk) == WIDTH]
        number += 1
    return stored


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 140_000), st.data())
def test_every_proof_can_be_built_from_the_tiles_of_a_size(size: int, data: st.DataObject) -> None:
    stored = build(size)
    assert set(tiles_of(size)) == set(stored)
    nodes = nodes_of(stored.__getitem__, size)
    frontier = Frontier()
    old_size = data.draw(st.integers(0, size))
    index = data.draw(st.integers(0, size - 1))
    old_root = frontier.root()
    for place in range(size):
        frontier.append(leaf_hash(place.to_bytes(4, "big")))
        if place + 1 == old_size:
            old_root = frontier.root()
    root = root_hash(nodes, size)
    assert root == frontier.root()
    leaf = leaf_hash(index.to_bytes(4, "big"))
    verify_inclusion(leaf, index, size, inclusion_proof(nodes, index, size), root)
    verify_consistency(old_size, old_root, size, root, consistency_proof(nodes, old_size, size))


@given(st.integers(0, 70_000), st.integers(0, 70_000))
def test_growing_writes_exactly_the_tiles_that_are_new(one: int, other: int) -> None:
    since, size = sorted((one, other))
    assert set(tiles_of(size, since=since)) == set(tiles_of(size)) - set(tiles_of(since))
    assert {tile.index for tile in bundles_of(size)} == set(range(-(-size // WIDTH)))


@given(st.lists(st.binary(max_size=300), max_size=WIDTH))
def test_an_entry_bundle_gives_its_entries_back_and_nothing_else(entries: list[bytes]) -> None:
    data = encode_bundle(entries)
    assert decode_bundle(data, len(entries)) == entries
    for broken, width in ((data + b"\x00", len(entries)), (data[:-1], len(entries)), (data, len(entries) + 1)):
        if broken != data or width != len(entries):
            with pytest.raises(TileMalformed):
                decode_bundle(broken, width)


def test_a_tile_of_the_wrong_size_is_refused() -> None:
    with pytest.raises(TileMalformed):
        split_hashes(bytes(33), 1)
    with pytest.raises(TileMalformed):
        encode_bundle([bytes(65_536)])

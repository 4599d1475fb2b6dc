"""The layout of C2SP tlog-tiles: which tile holds a node, and what it is called. Pure; storage lies elsewhere.

A tile at level L holds up to 256 hashes of the tree's level 8·L, each 32 bytes, the root of 256 leaves of the level
below. Entry bundles hold the leaf data of 256 entries, each behind a big-endian uint16 of its length.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from contracts.errors import InvalidArgument
from infra.transparency.merkle import HASH_SIZE, Nodes, fold, node_hash

HEIGHT = 8
WIDTH = 1 << HEIGHT
MAX_ENTRY_BYTES = 65_535

_PATH = re.compile(r"tile/(entries|0|[1-9][0-9]?)/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/(0|[1-9][0-9]{0,2}))?")


class TileMalformed(InvalidArgument):
    reason = "TILE_MALFORMED"


@dataclass(frozen=True, slots=True)
class Tile:
    """`level` is None for an entry bundle. `width` is 256 for a full tile, fewer for a partial one."""

    level: int | None
    index: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        level = "entries" if self.level is None else str(self.level)
        partial = "" if self.width == WIDTH else f".p/{self.width}"
        return f"tile/{level}/{_index_path(self.index)}{partial}"

    @classmethod
    def parse(cls, path: str) -> "Tile":
        matched = _PATH.fullmatch(path)
        if matched is None:
            raise TileMalformed("This is not a tile's path.")
        level, index, width = matched.groups()
        tile = cls(
            None if level == "entries" else int(level),
            int(index.replace("x", "").replace("/", "")),
            WIDTH if width is None else int(width),
        )
        if tile.path != path or not 0 < tile.width <= WIDTH or (tile.level or 0) > 63:
            raise TileMalformed("This is not a tile's path.")
        return tile


ReadTile = Callable[[Tile], list[bytes]]
"""Reads the hashes of a tile, as many as the tile is wide."""


def _index_path(index: int) -> str:
    groups = [f"{index % 1000:03d}"]
    while index := index // 1000:
        groups.append(f"x{index % 1000:03d}")
    return "/".join(reversed(groups))


def tiles_of(size: int, *, since: int = 0) -> Iterator[Tile]:
    """Every hash tile of a tree of `size` leaves that a tree of `since` leaves did not have in that width."""
    level = 0
    while size:
        first = since // WIDTH
        for index in range(first, size // WIDTH):
            yield Tile(level, index)
        if size % WIDTH and (size != since or not since):
            yield Tile(level, size // WIDTH, size % WIDTH)
        size, since, level = size // WIDTH, since // WIDTH, level + 1


def bundles_of(size: int, *, since: int = 0) -> Iterator[Tile]:
    """Every entry bundle of a log of `size` entries that a log of `since` entries did not have in that width."""
    for tile in tiles_of(size, since=since):
        if tile.level:
            return
        yield Tile(None, tile.index, tile.width)


def nodes_of(read_tile: ReadTile, size: int) -> Nodes:
    """The complete subtrees of a tree of `size` leaves, out of its tiles."""

    def nodes(level: int, index: int) -> bytes:
        tile_level, height = divmod(level, HEIGHT)
        first = index << height
        tile = first // WIDTH
        width = min(WIDTH, (size >> (tile_level * HEIGHT)) - tile * WIDTH)
        hashes = read_tile(Tile(tile_level, tile, width))
        begin = first % WIDTH
        return _complete(hashes[begin : begin + (1 << height)])

    return nodes


def split_hashes(data: bytes, width: int) -> list[bytes]:
    if len(data) != width * HASH_SIZE:
        raise TileMalformed(f"A tile of width {width} has {width * HASH_SIZE} bytes, not {len(data)}.")
    return [data[begin : begin + HASH_SIZE] for begin in range(0, len(data), HASH_SIZE)]


def tile_root(hashes: list[bytes]) -> bytes:
    """The hash that a full tile has in the tile above it."""
    if len(hashes) != WIDTH:
        raise TileMalformed("Only a full tile has a root.")
    return _complete(hashes)


def encode_bundle(entries: Iterable[bytes]) -> bytes:
    parts = []
    for entry in entries:
        if len(entry) > MAX_ENTRY_BYTES:
            raise TileMalformed(f"An entry has at most {MAX_ENTRY_BYTES} bytes.")
        parts += [len(entry).to_bytes(2, "big"), entry]
    return b"".join(parts)


def decode_bundle(data: bytes, width: int) -> list[bytes]:
    entries = []
    place = 0
    for _ in range(width):
        end = place + 2 + int.from_bytes(data[place : place + 2], "big")
        if place + 2 > len(data) or end > len(data):
            raise TileMalformed("An entry bundle is cut off.")
        entries.append(data[place + 2 : end])
        place = end
    if place != len(data):
        raise TileMalformed("An entry bundle has more than its entries.")
    return entries


def _complete(hashes: list[bytes]) -> bytes:
    level = hashes
    while len(level) > 1:
        level = [node_hash(left, right) for left, right in zip(level[::2], level[1::2], strict=True)]
    return fold(level)

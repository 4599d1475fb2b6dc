"""The right edge of a growing tree in tiles: for each level the hashes of the tile that is not full yet.

Takes leaf hashes and hands out tiles as they fill. Its memory is at most 255 hashes a level, whatever the tree's size.
"""

from collections.abc import Sequence

from infra.transparency.merkle import fold, node_hash, subtrees
from infra.transparency.tiles import HEIGHT, WIDTH, ReadTile, Tile, tile_root


class Edge:
    """The edge of a tree of `size` leaves. `rows[level]` holds the hashes of that level's partial tile."""

    def __init__(self, size: int = 0, rows: Sequence[list[bytes]] = ()) -> None:
        self.size = size
        self.rows = list(rows)

    @classmethod
    def read(cls, read_tile: ReadTile, size: int) -> "Edge":
        """The edge of a tree whose tiles are stored. Raises what `read_tile` raises."""
        rows = []
        level = 0
        while row_size := size >> HEIGHT * level:
            width = row_size % WIDTH
            rows.append(list(read_tile(Tile(level, row_size // WIDTH, width))) if width else [])
            level += 1
        return cls(size, rows)

    def append(self, leaves: Sequence[bytes]) -> list[tuple[Tile, bytes]]:
        """Takes in leaf hashes; the tiles that they fill, with their bytes."""
        filled: list[tuple[Tile, bytes]] = []
        self._extend(0, leaves, filled)
        self.size += len(leaves)
        return filled

    def partial_tiles(self) -> list[tuple[Tile, bytes]]:
        """The tiles that are not full, with their bytes."""
        return [
            (Tile(level, self.size >> HEIGHT * (level + 1), len(row)), b"".join(row))
            for level, row in enumerate(self.rows)
            if row
        ]

    def root(self) -> bytes:
        """The hash of the whole tree (RFC 9162, 2.1.1)."""
        return fold(
            _subtree(row, level, index) for row in reversed(self.rows) for level, index in subtrees(0, len(row))
        )

    def last_leaf(self) -> bytes | None:
        """The last leaf's hash, if the last tile of leaves is not full."""
        return self.rows[0][-1] if self.rows and self.rows[0] else None

    def _extend(self, level: int, hashes: Sequence[bytes], filled: list[tuple[Tile, bytes]]) -> None:
        if level == len(self.rows):
            self.rows.append([])
        row = self.rows[level]
        index = self.size >> HEIGHT * (level + 1)
        row.extend(hashes)
        roots: list[bytes] = []
        for begin in range(0, len(row) - WIDTH + 1, WIDTH):
            tile = row[begin : begin + WIDTH]
            filled.append((Tile(level, index + len(roots)), b"".join(tile)))
            roots.append(tile_root(tile))
        del row[: WIDTH * len(roots)]
        if roots:
            self._extend(level + 1, roots, filled)


def _subtree(row: Sequence[bytes], level: int, index: int) -> bytes:
    hashes = row[index << level : (index + 1) << level]
    while len(hashes) > 1:
        hashes = [node_hash(left, right) for left, right in zip(hashes[::2], hashes[1::2], strict=True)]
    return hashes[0]

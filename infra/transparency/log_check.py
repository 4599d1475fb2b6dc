"""Compares the three places that hold a sealed ledger: its rows, the log's entry bundles, and the log's hash tiles.

Each of them leads to a root by itself. Whichever leads to the signed root is right, and what differs from it was
altered. Where none of them does, because several were altered at different positions, what two of them say of a
position counts; if even that does not lead to the signed root, every difference is named and no single one is blamed.

Memory: the right edges of four trees, and the differences. Leaves are fed tile by tile, so nothing is read twice.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from infra.transparency.edge import Edge
from infra.transparency.findings import MAX_FINDINGS, Findings, Kind
from infra.transparency.sealer import Head
from infra.transparency.storage import LogCorrupt, LogDirectory, TileMissing
from infra.transparency.tiles import WIDTH, Tile, TileMalformed, decode_bundle, tile_root

Leaves = Sequence[bytes | None]
"""Leaf hashes of one tile; None where the place holds none."""


@dataclass
class _Tree:
    """What one place leads to. `broken` once it lacks a leaf; `upper` is the tree above the tiles of leaves."""

    name: str
    upper: Edge = field(default_factory=Edge)
    last: list[bytes] = field(default_factory=list)
    size: int = 0
    broken: bool = False
    differing: list[Tile] = field(default_factory=list)
    """Stored tiles above the leaves that are not what this place leads to."""

    def root(self) -> bytes | None:
        return None if self.broken else Edge(self.size, [self.last, *self.upper.rows]).root()


@dataclass(frozen=True, slots=True)
class _Difference:
    position: int
    row: bytes | None
    bundle: bytes | None
    tile: bytes | None


class LogCheck:
    """Takes the ledger's leaf hashes in order with `take`; `finish` says what is wrong. Blocks; used in a thread."""

    def __init__(
        self, directory: LogDirectory, signed: Head, held: Iterable[tuple[str, Head]], findings: Findings
    ) -> None:
        """`held` are heads of the same log from elsewhere, each with a name for who holds it."""
        self._directory, self._signed, self._findings = directory, signed, findings
        self._held = sorted(held, key=lambda each: each[1].size)
        self._trees = tuple(_Tree(name) for name in ("rows", "bundles", "tiles", "most"))
        self._most = self._trees[-1]
        self._waiting: list[bytes | None] = []
        self._differences: list[_Difference] = []
        self._blamed: set[str] = set()
        """Files that were named already, each by the first entry that it has wrong."""
        self._kinds: set[tuple[int, bool, bool, bool]] = set()
        self._held_roots: list[tuple[str, Head, list[bytes | None]]] = []
        """For each held head the roots that the trees have at its size."""
        self._pass_heads()

    @property
    def size(self) -> int:
        """How many leaves were taken in."""
        return self._most.size + len(self._waiting)

    def take(self, leaves: Leaves) -> None:
        """The next rows' leaf hashes; those beyond the signed head are left out by the caller."""
        self._waiting += leaves
        while len(self._waiting) >= WIDTH:
            self._compare(self._waiting[:WIDTH])
            del self._waiting[:WIDTH]

    def finish(self) -> None:
        """To be called once as many leaves as the signed head covers were taken."""
        if self._waiting:
            self._compare(self._waiting)
        self._compare_last_tiles()
        right = self._right()
        if right is None:
            self._blame_nobody()
        else:
            for tile in right.differing:
                self._findings.add(Kind.FILE_ALTERED, tile.path, "this tile is not what the signed head covers")
            for each in self._differences:
                self._blame(each, right)
        self._judge_heads(self._trees.index(right or self._most))

    def _compare(self, rows: Leaves) -> None:
        index, width = self._most.size // WIDTH, len(rows)
        bundle, tile = self._bundle(index, width), self._tile(index, width)
        most = list(rows)
        if not (list(rows) == bundle == tile):
            for offset, (a, b, c) in enumerate(zip(rows, bundle, tile, strict=True)):
                most[offset] = b if b is not None and b in (a, c) else a if a is not None else c
                if len({a, b, c} - {None}) > 1:
                    self._note(_Difference(index * WIDTH + offset, a, b, c))
        self._pass_heads((rows, bundle, tile, most))
        known: dict[tuple[bytes | None, ...], bytes] = {}
        for tree, leaves in zip(self._trees, (rows, bundle, tile, most), strict=True):
            self._grow(tree, leaves, known)

    def _note(self, difference: _Difference) -> None:
        """Keeps the first differences, and of each tile the first one of each kind."""
        row, bundle, tile = difference.row, difference.bundle, difference.tile
        kind = (difference.position // WIDTH, row == bundle, bundle == tile, row == tile)
        if len(self._differences) < MAX_FINDINGS or kind not in self._kinds:
            self._differences.append(difference)
        self._kinds.add(kind)

    def _grow(self, tree: _Tree, leaves: Leaves, known: dict[tuple[bytes | None, ...], bytes]) -> None:
        """`known` keeps the root of a tile that several places agree on from being computed again."""
        tree.size += len(leaves)
        whole = [each for each in leaves if each is not None]
        tree.broken = tree.broken or len(whole) != len(leaves)
        if tree.broken:
            return
        if len(whole) < WIDTH:
            tree.last = whole
            return
        key = tuple(whole)
        if key not in known:
            known[key] = tile_root(whole)
        for above, data in tree.upper.append([known[key]]):
            tile = Tile((above.level or 0) + 1, above.index)
            if not self._stored_is(tile, data):
                tree.differing.append(tile)

    def _bundle(self, index: int, width: int) -> Leaves:
        tile = Tile(None, index, width)
        try:
            entries = decode_bundle(self._directory.read(tile), width)
        except TileMissing:
            self._findings.add(Kind.FILE_MISSING, tile.path, "this entry bundle is missing")
        except (TileMalformed, LogCorrupt) as error:
            self._findings.add(Kind.FILE_ALTERED, tile.path, error.message)
        else:
            return [sha256(b"\x00" + each).digest() for each in entries]
        return [None] * width

    def _tile(self, index: int, width: int) -> Leaves:
        tile = Tile(0, index, width)
        try:
            return list(self._directory.hashes(tile))
        except TileMissing:
            self._findings.add(Kind.FILE_MISSING, tile.path, "this tile is missing")
        except LogCorrupt as error:
            self._findings.add(Kind.FILE_ALTERED, tile.path, error.message)
        return [None] * width

    def _stored_is(self, tile: Tile, data: bytes) -> bool:
        try:
            return self._directory.read(tile) == data
        except (TileMissing, LogCorrupt):
            return False

    def _compare_last_tiles(self) -> None:
        """The partial tiles above the leaves, which are written with each head."""
        for tree in self._trees:
            if tree.broken:
                continue
            for above, data in tree.upper.partial_tiles():
                tile = Tile((above.level or 0) + 1, above.index, above.width)
                if not self._stored_is(tile, data):
                    tree.differing.append(tile)

    def _right(self) -> _Tree | None:
        return next((tree for tree in self._trees if tree.root() == self._signed.root), None)

    def _blame(self, each: _Difference, right: _Tree) -> None:
        place = f"events {each.position}"
        agreed = {
            "rows": each.row,
            "bundles": each.bundle,
            "tiles": each.tile,
            "most": each.bundle if each.bundle is not None and each.bundle in (each.row, each.tile) else each.row,
        }[right.name]
        index = each.position // WIDTH
        width = min(WIDTH, self._signed.size - index * WIDTH)
        if each.row != agreed and each.row is not None:
            self._findings.add(Kind.ENTRY_ALTERED, place, "this entry is not the one that was sealed", each.position)
        for found, tile in ((each.bundle, Tile(None, index, width)), (each.tile, Tile(0, index, width))):
            if found != agreed and found is not None and tile.path not in self._blamed:
                self._blamed.add(tile.path)
                message = f"from entry {each.position} on it is not what the signed head covers"
                self._findings.add(Kind.FILE_ALTERED, tile.path, message)

    def _blame_nobody(self) -> None:
        for each in self._differences:
            index = each.position // WIDTH
            self._findings.add(
                Kind.ENTRY_ALTERED,
                f"events {each.position}",
                f"row, {Tile(None, index).path} and {Tile(0, index).path} do not agree on this entry",
                each.position,
            )
        if not self._differences and not self._most.broken:
            self._findings.add(
                Kind.HEAD_CONTRADICTED, "checkpoint", "rows and files agree, and lead to another root than was signed"
            )

    def _pass_heads(self, coming: Sequence[Leaves] = ((), (), (), ())) -> None:
        """Computes the roots at each held size that lies within the coming leaves, or at their beginning."""
        begin = self._most.size
        while self._held and self._held[0][1].size <= begin + len(coming[-1]):
            holder, head = self._held[0]
            width = head.size - begin
            if width == WIDTH:
                break  # The tile is full: its root stands in the trees above once it has been taken in.
            roots: list[bytes | None] = []
            for tree, leaves in zip(self._trees, coming, strict=True):
                taken = [each for each in leaves[:width] if each is not None]
                whole = len(taken) == width and not tree.broken
                roots.append(Edge(head.size, [taken, *tree.upper.rows]).root() if whole else None)
            self._held_roots.append((holder, head, roots))
            del self._held[0]

    def _judge_heads(self, right: int) -> None:
        """By the tree that leads to the signed root, or what most places say."""
        self._pass_heads()
        begin, follows = 0, self._findings.first_position is not None
        for holder, head, roots in self._held_roots:
            root = roots[right]
            if root == head.root:
                begin = head.size
            elif root is not None:
                self._findings.add(
                    Kind.HEAD_CONTRADICTED,
                    holder,
                    f"the ledger does not lead to the head of {head.size} entries: it was written anew from {begin} on",
                    begin,
                    follows=follows,
                )
        for holder, head in self._held:
            message = f"a head of {head.size} entries was signed, and the log ends before: it was rolled back"
            self._findings.add(Kind.HEAD_CONTRADICTED, holder, message, self._signed.size, follows=follows)

"""Seals one tenant's ledger: checks its entries, writes them as tiles, signs checkpoints over them.

The state between two passes is the tree's right edge, at most 255 hashes a level. A pass reads the ledger in batches of
bounded size, and signs at least once a second and at its end. What it finds signed already is the head that is kept
outside the ledger's server: a ledger that is shorter, or differs in the last entry of it, is not its extension.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256

import structlog

from contracts.errors import DataLoss
from contracts.ids import TenantId
from infra.event_store.feed import Feed
from infra.event_store.reads import StoredEntry
from infra.keys import KeyStore
from infra.transparency.edge import Edge
from infra.transparency.log_keys import LogKeys, open_keys
from infra.transparency.notes import Checkpoint, CheckpointMalformed, Note, NoteMalformed, NoteUnverified, open_note
from infra.transparency.storage import LogCorrupt, LogDirectory, TileMissing
from infra.transparency.tiles import WIDTH, Tile, decode_bundle, encode_bundle

MAX_BATCH_ENTRIES = 16 * WIDTH
FIRST_BATCH_ENTRIES = WIDTH
MAX_BATCH_BYTES = 8 * 1024 * 1024
"""A batch is sized by the average entry of the one before; 256 entries are read at least."""
SIGN_SECONDS = 1.0
"""The longest that a pass goes on without signing what it has sealed."""
TURN_SECONDS = 2.0
"""The longest pass for one tenant while others may wait."""

log = structlog.get_logger(__name__)


class LedgerContradicts(DataLoss):
    """The ledger is not an extension of what was signed: entries were altered, removed or rolled back."""

    reason = "LEDGER_CONTRADICTS_LOG"

    def __init__(self, position: int, message: str) -> None:
        super().__init__(message, metadata={"position": str(position)})
        self.position = position


@dataclass(frozen=True, slots=True)
class Head:
    """A signed head: number of entries and root hash."""

    size: int
    root: bytes


class TenantSealer:
    """`open` it once, then `seal` again and again; for one process at a time, the holder of `LogStorage.sealing`.

    After an error it is of no more use: another one takes up where the last checkpoint ends.
    """

    def __init__(
        self,
        tenant_id: TenantId,
        origin: str,
        directory: LogDirectory,
        feed: Feed,
        keys: KeyStore,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.tenant_id, self.origin, self.directory = tenant_id, origin, directory
        self._feed, self._keys, self._clock = feed, keys, clock
        self._edge = Edge()
        self._signed: Head | None = None
        self._pending: list[bytes] = []
        self._batch = FIRST_BATCH_ENTRIES
        self._signed_at = 0.0

    @property
    def signed(self) -> Head | None:
        """The head that was signed last; None before the first."""
        return self._signed

    async def open(self) -> None:
        """Takes up where the last checkpoint ends, whatever a crash left beyond it.

        Tiles that do not lead to the root of the checkpoint are written anew if the ledger still leads to it. Raises
        LedgerContradicts when it does not, KeysBroken, StoreUnavailable.
        """
        keys = await self._open_keys()
        data = await asyncio.to_thread(self.directory.checkpoint)
        if data is None:
            await asyncio.to_thread(self.directory.trim, 0)
            return
        checkpoint = _own_checkpoint(data, keys)
        self._signed = Head(checkpoint.size, checkpoint.root)
        await asyncio.to_thread(self.directory.trim, checkpoint.size)
        try:
            await asyncio.to_thread(self._take_up, checkpoint.size)
            if self._edge.root() == checkpoint.root:
                return
            reason = "its tiles lead to another root"
        except (TileMissing, LogCorrupt) as error:
            reason = error.message
        log.error("log.tiles_rebuilt", tenant=self.tenant_id, size=checkpoint.size, reason=reason)
        await self._rebuild(checkpoint)

    async def seal(self, head: int, *, turn_seconds: float = TURN_SECONDS) -> Head | None:
        """Seals entries up to `head`, or as many as one turn allows, and returns the signed head.

        Raises LedgerContradicts, StoreUnavailable, LogFull; then nothing that is wrong or not durable was signed.
        """
        size = self._edge.size
        if head < size:
            raise LedgerContradicts(head, f"The ledger has {head} entries, of {size} that were sealed.")
        if head == size and self._signed is not None:
            await self._check_last()
            return self._signed
        turn_ends = self._clock() + turn_seconds
        self._signed_at = self._clock()
        try:
            while self._edge.size < head and self._clock() < turn_ends:
                await self._seal_batch(head)
                if self._clock() - self._signed_at >= SIGN_SECONDS:
                    await self._sign()
            if self._signed is None or self._signed.size != self._edge.size:
                await self._sign()
        finally:
            self._pending = []
        return self._signed

    async def resign(self) -> None:
        """Signs the present head once more, under the key that is now the log's."""
        if self._signed is not None:
            await self._sign()

    async def _seal_batch(self, head: int) -> None:
        size = self._edge.size
        begin = max(size - 1, 0)
        entries = await self._feed.read_entries(self.tenant_id, begin, min(self._batch + size - begin, head - begin))
        if size:
            if not entries or entries[0].position != size - 1:
                raise LedgerContradicts(size - 1, f"The ledger has lost entry {size - 1}.")
            if entries[0].leaf_hash != await asyncio.to_thread(self._last_leaf):
                raise LedgerContradicts(size - 1, f"The ledger has another entry {size - 1} than was sealed.")
            entries = entries[1:]
        if not entries:
            raise LedgerContradicts(size, f"The ledger has no entry {size}.")
        if not self._pending and size % WIDTH:
            self._pending = await asyncio.to_thread(self._stored_bundle)
        total = await asyncio.to_thread(self._take_in, entries)
        by_bytes = MAX_BATCH_BYTES * len(entries) // max(total, 1)
        self._batch = max(FIRST_BATCH_ENTRIES, min(MAX_BATCH_ENTRIES, by_bytes))

    async def _check_last(self) -> None:
        """Whether the ledger still ends as it was sealed: a rollback may have been followed by as many appends."""
        if not self._edge.size:
            return
        position = self._edge.size - 1
        found = await self._feed.read_entries(self.tenant_id, position, 1)
        if not found or found[0].leaf_hash != await asyncio.to_thread(self._last_leaf):
            raise LedgerContradicts(position, f"The ledger has another entry {position} than was sealed.")

    def _take_in(self, entries: Sequence[StoredEntry], *, upto: int | None = None) -> int:
        """Checks entries against their leaf hashes and positions and writes the tiles that they fill."""
        position, total = self._edge.size, 0
        leaves: list[bytes] = []
        pending, bundles = self._pending, position // WIDTH
        for entry in entries:
            data = entry.recorded_at_us.to_bytes(8, "big", signed=True) + entry.entry
            leaf = sha256(b"\x00" + data).digest()
            if entry.position != position:
                raise LedgerContradicts(position, f"The ledger has no entry {position}.")
            if leaf != entry.leaf_hash:
                raise LedgerContradicts(position, f"Entry {position} is not what its leaf hash says.")
            leaves.append(leaf)
            pending.append(data)
            position += 1
            total += len(data)
            if len(pending) == WIDTH:
                self.directory.write(Tile(None, bundles), encode_bundle(pending))
                pending.clear()
                bundles += 1
        for tile, data in self._edge.append(leaves):
            self.directory.write(tile, data)
        return total

    async def _sign(self) -> None:
        keys = await self._open_keys()
        await asyncio.to_thread(self._publish, keys)
        self._signed_at = self._clock()

    def _publish(self, keys: LogKeys) -> None:
        edge, old = self._edge, self._signed
        if old is None or old.size != edge.size:
            self._write_partials()
        head = Head(edge.size, edge.root())
        note = Note(Checkpoint(self.origin, head.size, head.root).text())
        for signer in keys.signers[-2:]:
            # The key before the present one signs too, for those who have not heard of the change yet.
            note = note.signed(signer.sign(note.text))
        self.directory.publish(note.encode())
        self._signed = head
        if old is not None:
            self.directory.drop_outgrown(old.size, head.size)

    def _write_partials(self) -> None:
        for tile, data in self._edge.partial_tiles():
            self.directory.write(tile, data)
        if self._pending:
            bundle = Tile(None, self._edge.size // WIDTH, len(self._pending))
            self.directory.write(bundle, encode_bundle(self._pending))

    def _take_up(self, size: int) -> None:
        self._edge = Edge.read(self.directory.hashes, size)
        self._pending = []

    def _stored_bundle(self) -> list[bytes]:
        size = self._edge.size
        return decode_bundle(self.directory.read(Tile(None, size // WIDTH, size % WIDTH)), size % WIDTH)

    def _last_leaf(self) -> bytes:
        held = self._edge.last_leaf()
        return held if held is not None else self.directory.hashes(Tile(0, self._edge.size // WIDTH - 1))[-1]

    async def _rebuild(self, checkpoint: Checkpoint) -> None:
        self._edge, self._pending = Edge(), []
        while self._edge.size < checkpoint.size:
            limit = min(self._batch, checkpoint.size - self._edge.size)
            entries = await self._feed.read_entries(self.tenant_id, self._edge.size, limit)
            if not entries:
                raise LedgerContradicts(self._edge.size, f"The ledger has no entry {self._edge.size}.")
            await asyncio.to_thread(self._take_in, entries)
        if self._edge.root() != checkpoint.root:
            raise LedgerContradicts(checkpoint.size, "The ledger leads to another root than the signed checkpoint.")
        await asyncio.to_thread(self._write_partials)
        await self._sign()
        self._pending = []

    async def _open_keys(self) -> LogKeys:
        return await open_keys(self._keys, self.tenant_id, self.origin, self.directory)


def first_difference(directory: LogDirectory, entries: Sequence[StoredEntry]) -> int | None:
    """The first position at which entries differ from the tiles that were sealed; None when none of them does.

    `entries` are those of one whole tile of leaves, or of its beginning. Raises TileMissing, LogCorrupt.
    """
    index = entries[0].position // WIDTH
    sealed = directory.hashes(Tile(0, index, len(entries)))
    for offset, (entry, leaf) in enumerate(zip(entries, sealed, strict=True)):
        data = entry.recorded_at_us.to_bytes(8, "big", signed=True) + entry.entry
        if sha256(b"\x00" + data).digest() != leaf or entry.position != index * WIDTH + offset:
            return index * WIDTH + offset
    return None


def _own_checkpoint(data: bytes, keys: LogKeys) -> Checkpoint:
    try:
        note, _ = open_note(data, keys.verifiers)
        checkpoint = Checkpoint.parse(note.text)
    except (NoteMalformed, NoteUnverified, CheckpointMalformed) as error:
        raise LogCorrupt(f"The log's checkpoint is not its own: {error.message}") from error
    if checkpoint.origin != keys.origin:
        raise LogCorrupt("The log's checkpoint has another origin.", metadata={"origin": checkpoint.origin})
    return checkpoint

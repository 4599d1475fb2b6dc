"""One ledger's part of an audit bundle: its entries as stored, and from the sealed log the hashes that prove them."""

import asyncio
import hashlib
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

from contracts.ids import TenantId
from infra.disclosure.bundle_files import BundleFiles
from infra.disclosure.export_files import in_thread
from infra.event_store.reads import StoredEntry
from infra.transparency.log_keys import follow_keys, read_key_notes
from infra.transparency.merkle import Nodes, subtrees
from infra.transparency.proofs import NotSealedYet
from infra.transparency.storage import LogDirectory, LogStorage, SignedCheckpoint, read_file
from infra.transparency.tiles import nodes_of

SEAL_SECONDS = 20.0
"""How long a bundle waits for the log to cover its entries; at rest it is a second behind."""
LOOK_SECONDS = 0.2
MAX_ENTRIES_PER_FILE = 10_000
MAX_BYTES_PER_FILE = 16 * 1024 * 1024
TILES_HELD = 64


@dataclass(frozen=True, slots=True)
class SealedLedger:
    """A log as one of its checkpoints states it. `signed` is the note with its cosignatures."""

    tenant_id: TenantId
    directory: LogDirectory
    signed: bytes
    size: int
    key_notes: tuple[bytes, ...]
    fingerprint: str
    """SHA-256 of the log's first public key, in hexadecimal."""

    @classmethod
    async def covering(cls, logs: LogStorage, tenant_id: TenantId, size: int) -> Self:
        """The cosigned checkpoint where it covers `size` entries, else the newest. Raises NotSealedYet in the end."""
        directory = logs.of(tenant_id)
        for _ in range(int(SEAL_SECONDS / LOOK_SECONDS)):
            for read in (directory.cosigned, directory.checkpoint):
                data = await in_thread(read)
                if data is not None and (checkpoint := SignedCheckpoint.parse(data).checkpoint).size >= size:
                    notes = await in_thread(read_key_notes, directory)
                    fingerprint = hashlib.sha256(follow_keys(checkpoint.origin, notes)[0].public_key).hexdigest()
                    return cls(tenant_id, directory, data, checkpoint.size, tuple(notes), fingerprint)
            await asyncio.sleep(LOOK_SECONDS)
        raise NotSealedYet("No checkpoint covers these entries yet; is the ledger service sealing?")

    def writer(self, files: BundleFiles, runs: Sequence[tuple[int, int]]) -> "LedgerWriter":
        return LedgerWriter(self, files, runs)


class LedgerWriter:
    """Takes the entries of the `runs` in order of position. Blocks; used in a thread."""

    def __init__(self, sealed: SealedLedger, files: BundleFiles, runs: Sequence[tuple[int, int]]) -> None:
        self._sealed, self._files, self._runs = sealed, files, runs
        self._room = f"ledgers/{sealed.tenant_id}"
        self._nodes: Nodes = nodes_of(lru_cache(maxsize=TILES_HELD)(sealed.directory.hashes), sealed.size)
        self._file, self._next, self._count, self._bytes = "", -1, 0, 0

    def add(self, entries: Sequence[StoredEntry]) -> None:
        parts: dict[str, list[bytes]] = {}
        for entry in entries:
            full = self._count >= MAX_ENTRIES_PER_FILE or self._bytes >= MAX_BYTES_PER_FILE
            if entry.position != self._next or full:
                self._file, self._count, self._bytes = f"{self._room}/entries/{entry.position:012d}.bundle", 0, 0
            leaf = struct.pack(">q", entry.recorded_at_us) + entry.entry
            parts.setdefault(self._file, []).append(struct.pack(">H", len(leaf)) + leaf)
            self._next, self._count, self._bytes = entry.position + 1, self._count + 1, self._bytes + len(leaf)
        for name, bundle in parts.items():
            self._files.add(name, b"".join(bundle))
        leaves = b"".join(self._nodes(0, entry.position) for entry in entries)
        self._files.add(f"{self._room}/leaf-hashes", leaves)

    def finish(self) -> None:
        ends = [0, *(end for _, end in self._runs)]
        begins = [*(begin for begin, _ in self._runs), self._sealed.size]
        others = [
            self._nodes(level, index)
            for end, begin in zip(ends, begins, strict=True)
            for level, index in subtrees(end, begin)
        ]
        self._files.add(f"{self._room}/other-hashes", b"".join(others))
        self._files.add(f"{self._room}/checkpoint", self._sealed.signed)
        for number, note in enumerate(self._sealed.key_notes, start=1):
            self._files.add(f"{self._room}/keys/{number}.note", note)
        stamp = read_file(self._sealed.directory.path / "stamps" / f"{self._sealed.size}.tsr")
        if stamp is not None:
            self._files.add(f"{self._room}/stamp.tsr", stamp)


def consecutive(positions: Iterable[int]) -> list[tuple[int, int]]:
    """The positions as ranges [begin, end), in order and as few as possible."""
    runs: list[tuple[int, int]] = []
    for position in sorted(positions):
        if runs and runs[-1][1] == position:
            runs[-1] = (runs[-1][0], position + 1)
        else:
            runs.append((position, position + 1))
    return runs

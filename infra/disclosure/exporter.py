"""An export: a range of a ledger as files that explain and prove themselves, as far as the labels allow.

    manifest.json           canonical JSON: format, tenant, audience, range, counts; SHA-256 and size of each file
    entries/<from>.bundle   entries as stored: for each, 16-bit big-endian length ‖ leaf data (C2SP tlog-tiles bundles)
    openings.jsonl          a line for each sealed field: position, path, and `salt` with `value`, or `erased`,
                            `withheld`, `corrupt`

Leaf data is int64 big-endian microseconds of `recorded_at` ‖ entry; SHA-256(0x00 ‖ leaf data) is the leaf hash. With
the salt anyone can check a value against the commitment in its entry. The values lie in the clear: whoever has an
export can read what its audience may see, and an erasure does not reach it. The manifest's SHA-256 stands for it all.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from contracts.canonical import decode
from contracts.errors import DataLoss
from contracts.ids import TenantId
from contracts.labels import Audience
from infra.disclosure.export_files import ExportFiles, exports_of, read_manifest
from infra.disclosure.opening_lines import OpeningLines
from infra.event_store.feed import Feed
from infra.event_store.mapper import Mapper
from infra.event_store.openings import Openings
from infra.event_store.reads import StoredEntry
from infra.keys import KeyStore

FORMAT = "tenet-export/1"
BATCH = 500
"""How many entries are read, opened and written at once."""


class LedgerCutShort(DataLoss):
    """Entries that the ledger had are not there when they are read; nothing of the export was kept."""

    reason = "LEDGER_CUT_SHORT"


@dataclass(frozen=True, slots=True)
class ExportSummary:
    """`from_position` ≤ position < `to_position`; `sha256` is the manifest's, in hexadecimal."""

    path: Path
    sha256: str
    from_position: int
    to_position: int

    @property
    def entries(self) -> int:
        return self.to_position - self.from_position


@dataclass(frozen=True, slots=True)
class Exporter:
    """Writes exports below `directory`, which is private to the account that the service runs under."""

    directory: Path
    feed: Feed
    mapper: Mapper
    openings: Openings
    keys: KeyStore

    async def export(
        self, tenant_id: TenantId, name: str, from_position: int, to_position: int, audience: Audience
    ) -> ExportSummary:
        """Writes the export of that name, or finds it written already: it appears whole or not at all.

        Raises ExportStoreFull, ExportStoreUnavailable, StoreUnavailable, and DataLoss for what cannot be read.
        """
        found = await self.find(tenant_id, name)
        if found is not None:
            return found
        files = await ExportFiles.begin(self.directory / tenant_id / name)
        counts = {"corrupt": 0, "erased": 0, "withheld": 0}
        opening_lines = OpeningLines(self.openings, self.keys)
        try:
            async for entries in self._batches(tenant_id, from_position, to_position):
                lines = await opening_lines.of(tenant_id, self.mapper.decode_all(entries), audience)
                for outcome in counts:
                    counts[outcome] += sum(1 for line in lines if outcome in line)
                await files.add(entries, lines)
            await files.finish(
                {
                    "format": FORMAT,
                    "tenant_id": tenant_id,
                    "audience": audience.value,
                    "from_position": from_position,
                    "to_position": to_position,
                    **counts,
                }
            )
        finally:
            await files.abandon()
        written = await self.find(tenant_id, name)
        assert written is not None, "a finished export is found under its name"
        return written

    async def find(self, tenant_id: TenantId, name: str) -> ExportSummary | None:
        """The export of that name, if it was written to its end."""
        path = self.directory / tenant_id / name
        found = await read_manifest(path)
        if found is None:
            return None
        manifest, sha256 = decode(found[0]), found[1]
        return ExportSummary(path, sha256, manifest["from_position"], manifest["to_position"])

    async def latest(self, tenant_id: TenantId, prefix: str) -> ExportSummary | None:
        """The finished export that reaches furthest among those whose names begin with `prefix` and a hyphen."""
        names = await exports_of(self.directory / tenant_id)
        found = [await self.find(tenant_id, name) for name in names if name.startswith(f"{prefix}-")]
        return max((each for each in found if each is not None), key=lambda each: each.to_position, default=None)

    async def _batches(
        self, tenant_id: TenantId, from_position: int, to_position: int
    ) -> AsyncIterator[Sequence[StoredEntry]]:
        position = from_position
        while position < to_position:
            entries = await self.feed.read_entries(tenant_id, position, min(BATCH, to_position - position))
            if not entries:
                raise LedgerCutShort(f"The ledger has no entry at {position}, though it reached {to_position}.")
            yield entries
            position = entries[-1].position + 1
            await asyncio.sleep(0)

"""Writes audit bundles: a range of a ledger, or one case with all that it cites, with the proofs of every entry.

The layout is told where it is checked, in `infra/transparency/verifier.py`, which shares no code with this. Entries
come from the ledger's database, the hashes that prove them from the sealed log beside it: where the two contradict each
other the bundle is written all the same, and fails its verification at the first entry that differs.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from contracts.canonical import canonical, decode
from contracts.errors import DataLoss, NotFound
from contracts.events.base import EVENT_CLASSES, Recorded
from contracts.freeze import SCHEMAS, schema_of
from contracts.ids import PROVIDER, TenantId, derive_id, is_tenant_id, stream_name
from contracts.labels import Audience
from infra.disclosure.bundle_files import TAG_MANIFEST, BundleFiles
from infra.disclosure.bundle_readme import readme
from infra.disclosure.case_selection import CaseSelection, cited_positions
from infra.disclosure.export_files import in_thread
from infra.disclosure.exporter import LedgerCutShort
from infra.disclosure.opening_lines import OpeningLines
from infra.disclosure.sealed_ledger import SealedLedger, consecutive
from infra.event_store.feed import Feed
from infra.event_store.mapper import Mapper
from infra.event_store.reads import GroupedReads, StoredEntry
from infra.object_store import ObjectStore
from infra.transparency.storage import LogStorage

FORMAT = "tenet-audit/1"
BATCH = 500
"""How many entries are read, opened and written at once."""
REPORT_PUBLISHED = "tenet.reporting.ReportPublished"

log = structlog.get_logger(__name__)


class CaseUnknown(NotFound):
    """The ledger holds no such case up to that position."""

    reason = "CASE_UNKNOWN"


@dataclass(frozen=True, slots=True)
class BundleWanted:
    """Entries with `from_position` ≤ position < `to_position`; where `case_id` is given, those of the case among them.

    What a case cites is taken even where it lies before `from_position`.
    """

    tenant_id: TenantId
    from_position: int
    to_position: int
    case_id: str | None
    audience: Audience


@dataclass(frozen=True, slots=True)
class BundleSummary:
    """A finished bundle. `sha256` is that of its tag manifest, in hexadecimal."""

    path: Path
    sha256: str
    from_position: int
    to_position: int


@dataclass(frozen=True, slots=True)
class Bundler:
    """Writes bundles below `directory`, which is private to the account that the service runs under."""

    directory: Path
    feed: Feed
    mapper: Mapper
    reads: GroupedReads
    openings: OpeningLines
    objects: ObjectStore
    logs: LogStorage

    async def find(self, tenant_id: TenantId, name: str) -> BundleSummary | None:
        """The bundle of that name, if it was written to its end."""
        path = self.directory / tenant_id / name

        def read() -> BundleSummary | None:
            try:
                sha256 = hashlib.sha256((path / TAG_MANIFEST).read_bytes()).hexdigest()
                facts = decode((path / "data/bundle.json").read_bytes())
            except FileNotFoundError:
                return None
            return BundleSummary(path, sha256, facts["from_position"], facts["to_position"])

        return await in_thread(read)

    async def write(self, name: str, wanted: BundleWanted) -> BundleSummary:
        """Writes the bundle, or finds it written already: it appears whole or not at all.

        Raises CaseUnknown, NotSealedYet, LedgerCutShort, ExportStoreFull, ExportStoreUnavailable, StoreUnavailable.
        """
        found = await self.find(wanted.tenant_id, name)
        if found is not None:
            return found
        with await in_thread(BundleFiles, self.directory / wanted.tenant_id / name) as files:
            await self._write(files, wanted)
        written = await self.find(wanted.tenant_id, name)
        assert written is not None, "a finished bundle is found under its name"
        return written

    async def _write(self, files: BundleFiles, wanted: BundleWanted) -> None:
        work = _Work(self, files, wanted)
        if wanted.case_id is None:
            runs: Sequence[tuple[int, int]] = [(wanted.from_position, wanted.to_position)]
        else:
            runs = consecutive(await self._select(wanted, wanted.case_id))
        await work.add_ledger(wanted.tenant_id, runs)
        await work.add_cited()
        facts = {
            "format": FORMAT,
            "tenant": wanted.tenant_id,
            "case": wanted.case_id,
            "audience": wanted.audience.value,
            "from_position": runs[0][0],
            "to_position": runs[-1][1],
        }
        files.add("bundle.json", canonical(facts))
        files.add("README.txt", readme(wanted.tenant_id, wanted.case_id, wanted.audience, work.fingerprints).encode())
        scope = wanted.case_id or f"positions {runs[0][0]} to {runs[-1][1] - 1}"
        information = {
            "Source-Organization": "Tenet",
            "External-Identifier": f"{wanted.tenant_id} {scope}",
            "Bag-Software-Agent": FORMAT,
        }
        await in_thread(files.finish, information)

    async def _select(self, wanted: BundleWanted, case_id: str) -> set[int]:
        """The positions of a case's entries, with all that they cite in the same ledger."""
        selection, end, tenant_id = CaseSelection(case_id), wanted.to_position, wanted.tenant_id
        async for each in self._entries(tenant_id, 0, end):
            if selection.mentions(each.entry):
                selection.look(each.position, each.entry, decode(each.entry))
        if not selection.positions:
            raise CaseUnknown("The ledger holds no such case.")
        taken: set[int] = set()
        missing: set[int] = set()
        async for each in self._entries(tenant_id, 0, end):
            entry = decode(each.entry)
            if selection.takes(each.position, entry) and each.position >= wanted.from_position:
                taken.add(each.position)
                missing |= cited_positions(entry)
        while missing := {position for position in missing - taken if 0 <= position < end}:
            taken |= missing
            cited: set[int] = set()
            for first, after in consecutive(missing):
                async for each in self._entries(tenant_id, first, after):
                    cited |= cited_positions(decode(each.entry))
            missing = cited
        return taken

    async def _entries(self, tenant_id: TenantId, begin: int, end: int) -> AsyncIterator[StoredEntry]:
        async for batch in self.batches(tenant_id, begin, end):
            for each in batch:
                yield each

    async def batches(self, tenant_id: TenantId, begin: int, end: int) -> AsyncIterator[Sequence[StoredEntry]]:
        """Raises LedgerCutShort where an entry is not there."""
        position = begin
        while position < end:
            entries = await self.feed.read_entries(tenant_id, position, min(BATCH, end - position), end - 1)
            for expected, entry in enumerate(entries, start=position):
                if entry.position != expected:
                    raise LedgerCutShort(f"The ledger has no entry at {expected}, though it reaches further.")
            if not entries:
                raise LedgerCutShort(f"The ledger has no entry at {position}, though it reached {end}.")
            yield entries
            position = entries[-1].position + 1
            await asyncio.sleep(0)


class _Work:
    """One bundle in the making: what its entries cite is collected as they are written."""

    def __init__(self, bundler: Bundler, files: BundleFiles, wanted: BundleWanted) -> None:
        self._bundler, self._files, self._wanted = bundler, files, wanted
        self._cited: dict[TenantId, set[int]] = {}
        self._grants: set[str] = set()
        self._kinds: set[tuple[str, int]] = set()
        self.fingerprints: dict[str, str] = {}
        files.add("openings.jsonl", b"")

    async def add_ledger(self, tenant_id: TenantId, runs: Sequence[tuple[int, int]]) -> None:
        sealed = await SealedLedger.covering(self._bundler.logs, tenant_id, runs[-1][1])
        writer = sealed.writer(self._files, runs)
        self.fingerprints[tenant_id] = sealed.fingerprint
        for begin, end in runs:
            async for entries in self._bundler.batches(tenant_id, begin, end):
                await in_thread(writer.add, entries)
                await self._notice(tenant_id, entries)
        await in_thread(writer.finish)
        if await in_thread(self._bundler.logs.number_of, tenant_id) > 1:
            # Two persons have reopened this ledger under another origin; the provider's ledger says so.
            recovery = stream_name("recovery", derive_id("recovery", tenant_id))
            for entry in await self._bundler.reads.read_stream(PROVIDER, recovery):
                self._cited.setdefault(PROVIDER, set()).add(entry.position)

    async def add_cited(self) -> None:
        """The facts and grants that entries rest on, each ledger with its own proof."""
        grants = set(self._grants)
        for grant_id in grants:
            for entry in await self._bundler.reads.read_stream(PROVIDER, stream_name("grant", grant_id)):
                self._cited.setdefault(PROVIDER, set()).add(entry.position)
        main = self._wanted.tenant_id
        for tenant_id in sorted(self._cited.keys() - {main}):
            await self.add_ledger(tenant_id, consecutive(self._cited[tenant_id]))
        for topic, version in sorted(self._kinds):
            schema = _schema(topic, version)
            if schema is not None:
                self._files.add(f"schemas/{topic}.v{version}.json", schema)

    async def _notice(self, tenant_id: TenantId, entries: Sequence[StoredEntry]) -> None:
        main = tenant_id == self._wanted.tenant_id
        events = list(_readable(self._bundler.mapper, entries))
        self._kinds.update((each.envelope.topic, each.envelope.schema_version) for each in events)
        if not main:
            return
        for recorded in events:
            for fact in recorded.envelope.facts:
                if is_tenant_id(fact.tenant_id):
                    self._cited.setdefault(fact.tenant_id, set()).add(fact.position)
            if recorded.envelope.grant_id is not None:
                self._grants.add(recorded.envelope.grant_id)
            if recorded.envelope.topic == REPORT_PUBLISHED:
                await self._add_report(recorded)
        lines = await self._bundler.openings.of(tenant_id, events, self._wanted.audience)
        self._files.add("openings.jsonl", b"".join(canonical(line) + b"\n" for line in lines))

    async def _add_report(self, recorded: Recorded[Any]) -> None:
        """The model has references where names would stand, so it may be handed to whoever may have the entries."""
        event = recorded.event
        try:
            model = await self._bundler.objects.get(self._wanted.tenant_id, event.model_sha256)
        except (NotFound, DataLoss):
            log.exception("report_missing", tenant=self._wanted.tenant_id, report=event.report_id)
            return
        self._files.add(f"reports/{event.report_id}.json", model)


def _readable(mapper: Mapper, entries: Iterable[StoredEntry]) -> Iterable[Recorded[Any]]:
    """Entries that somebody altered may not decode; their bytes are in the bundle, and its verification names them."""
    for entry in entries:
        try:
            yield mapper.decode(entry)
        except DataLoss:
            log.exception("entry_unreadable", position=entry.position)


def _schema(topic: str, version: int) -> bytes | None:
    cls = EVENT_CLASSES.get(topic)
    if cls is None:
        return None
    if version == cls.VERSION:
        return canonical(schema_of(cls))
    frozen = SCHEMAS / topic.split(".")[1] / f"{cls.__name__}.v{version}.json"
    return frozen.read_bytes() if frozen.is_file() else None

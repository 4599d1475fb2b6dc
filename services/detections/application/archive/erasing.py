"""Takes out of the archive what an erasure in the ledger has destroyed: the records themselves go.

The archive holds records as they came, under the tenant's key and not under their subjects'. Which of them an erased
subject is in is found by the blind indexes that outlive it: every value of every field is asked whether it is the
subject's name or address. The names that are found so are then looked for in all text. So a record goes that names the
subject anywhere, if any archived record names it as a value by itself. Batches that come after the erasure are not
touched. The batches as they were sent stay whole in the object store (`telemetry_objects` of the register).
"""

from dataclasses import dataclass, replace

import structlog

from contracts.events.base import Recorded, sealed_values
from contracts.events.detections import DetectionRaised, DetectionRepeated
from contracts.events.ledger import FieldErased, SubjectErased
from contracts.ids import TenantId, is_opaque_id
from infra.event_store.feed import Feed
from infra.event_store.repository import Repository
from infra.keys import KeyStore
from infra.object_store.errors import ObjectMissing
from infra.object_store.port import ObjectStore
from services.detections.application.archive.index import ArchiveFile, ArchiveIndex
from services.detections.application.archive.taking_out import SUBJECT, FindNames, TakeOut
from services.detections.application.archive.writer import ArchiveWriter

ASSET = "asset"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Erased:
    """What must go of batches before `before`: records with one of these words, and these records."""

    before: int
    words: tuple[str, ...] = ()
    records: tuple[tuple[str, int], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.words or self.records)


@dataclass(frozen=True, slots=True)
class ArchiveErasing:
    """Every step may be repeated: what is gone already is not found again."""

    archive: ObjectStore
    index: ArchiveIndex
    writer: ArchiveWriter
    keys: KeyStore
    repository: Repository
    feed: Feed

    async def erase(self, tenant_id: TenantId, recorded: Recorded[SubjectErased] | Recorded[FieldErased]) -> int:
        """How many files of the archive were changed. Raises ObjectCorrupt, ObjectStoreFull, StoreUnavailable."""
        event = recorded.event
        if isinstance(event, FieldErased):
            records = await self._evidence(tenant_id, event.position, event.path)
            erased = _Erased(recorded.position, records=records)
        else:
            erased = _Erased(recorded.position, words=await self._words(tenant_id, event.subject, recorded.position))
        if not erased:
            return 0
        looked: set[str] = set()
        changed = 0
        # Files may be merged meanwhile: what is listed is looked at until there is nothing new.
        while files := [each for each in await self.index.files(tenant_id) if each.sha256 not in looked]:
            for file in files:
                looked.add(file.sha256)
                changed += await self._take_out(tenant_id, file, erased, looked)
        log.info("erased_from_archive", tenant=tenant_id, position=recorded.position, files=changed)
        return changed

    async def _take_out(self, tenant_id: TenantId, file: ArchiveFile, erased: _Erased, looked: set[str]) -> int:
        try:
            content = await self.archive.get(tenant_id, file.sha256)
        except ObjectMissing:
            return 0  # It went meanwhile, or was merged into one that is listed next.
        rest = await self.writer.without(TakeOut(content, erased.before, erased.words, erased.records))
        if rest is None:
            return 0
        reference = await self.archive.put(tenant_id, rest.content)
        smaller = replace(file, sha256=reference.sha256, records=rest.records, size=len(rest.content))
        looked.add(smaller.sha256)
        replaced = await self.index.replace(tenant_id, [file], smaller)
        await self.archive.delete(tenant_id, file.sha256 if replaced else smaller.sha256)
        return int(replaced)

    async def _words(self, tenant_id: TenantId, subject: str, before: int) -> tuple[str, ...]:
        """The names and addresses of a subject, as archived records write them."""
        if not (is_opaque_id(subject, ASSET) or is_opaque_id(subject, SUBJECT)):
            return ()  # A case, a verdict, a person of ours: nothing of it is telemetry.
        search_key = await self.keys.search_key(tenant_id)
        known = await self._asset_indexes(tenant_id, subject) if is_opaque_id(subject, ASSET) else frozenset[str]()
        found: set[str] = set()
        for file in await self.index.files(tenant_id):
            try:
                content = await self.archive.get(tenant_id, file.sha256)
            except ObjectMissing:
                continue
            found |= await self.writer.names(FindNames(content, before, subject, known, search_key))
        return tuple(sorted(found))

    async def _asset_indexes(self, tenant_id: TenantId, asset_id: str) -> frozenset[str]:
        """Every name and address that an asset was ever registered under."""
        found: set[str] = set()
        for recorded in await self.repository.history(tenant_id, ASSET, asset_id):
            found.update(index for index in (getattr(recorded.event, "name_index", None),) if index)
            found.update(getattr(recorded.event, "address_indexes", None) or ())
        return frozenset(found)

    async def _evidence(self, tenant_id: TenantId, position: int, path: str) -> tuple[tuple[str, int], ...]:
        """The record that an erased field told of, if it is evidence of a detection."""
        for recorded in await self.feed.read(tenant_id, position, 1):
            event = recorded.event
            if recorded.position != position or not isinstance(event, DetectionRaised | DetectionRepeated):
                continue
            erased = {sealed for _, sealed in sealed_values(event) if sealed.path == path}
            return tuple(
                (piece.sha256, piece.offset)
                for piece in event.evidence
                if piece.summary in erased and piece.sha256 is not None and piece.offset is not None
            )
        return ()

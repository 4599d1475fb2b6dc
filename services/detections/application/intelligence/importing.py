"""Takes intelligence: the content and all that its source says from then on are durable before the event cites them."""

import asyncio
import hashlib
from dataclasses import dataclass

import orjson

from contracts.calls import Call
from contracts.events.intelligence import ImportMode, IntelligenceImported
from contracts.ids import TenantId
from contracts.labels import Label
from infra.event_store.handler import CommandHandler, Committed, Unit
from infra.event_store.repository import Repository
from infra.object_store.port import ObjectStore
from services.detections.application.aggregates import INTELLIGENCE
from services.detections.config import INDICATOR_REMEMBERED
from services.detections.domain.commands import (
    ImportIntelligence,
    NoteIntelligenceFetch,
    RetireIntelligenceSource,
    ScheduleIntelligenceFetch,
)
from services.detections.domain.errors import IntelligenceHashMismatch
from services.detections.domain.intelligence import misp_polls, sources
from services.detections.domain.intelligence.content import read_content
from services.detections.domain.intelligence.indicators import IndicatorSet, decode, encode
from services.detections.domain.intelligence.misp_polls import Seen
from services.detections.domain.intelligence.sources import Prepared, Sources
from services.detections.domain.intelligence.stix_bundle import Gathered


@dataclass(frozen=True, slots=True)
class Content:
    """What a source says, as it was published. `sha256` is what its sender says of it; empty where they say nothing.
    `published` are the events of MISP that it still has, where it tells; what came in others is over."""

    source: str
    mode: ImportMode
    label: Label
    data: bytes
    sha256: str = ""
    cursor: str | None = None
    published: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """`event` is the import that stands; `committed` recorded nothing where the source said just that already."""

    event: IntelligenceImported
    committed: Committed


class Importing:
    def __init__(self, handler: CommandHandler, repository: Repository, objects: ObjectStore) -> None:
        self._handler, self._repository, self._objects = handler, repository, objects

    async def import_intelligence(self, call: Call, content: Content) -> Taken:
        """Into the ledger of the call's tenant, which is whom the intelligence is for.

        Raises IntelligenceUnreadable, IntelligenceTooLarge, IntelligenceHashMismatch, IntelligenceEmpty,
        IntelligenceSourcesTooMany, IndicatorsTooMany, TechniqueUsesTooMany, ObjectStoreFull.
        """
        sha256 = hashlib.sha256(content.data).hexdigest()
        if content.sha256 and content.sha256.lower() != sha256:
            raise IntelligenceHashMismatch("The content is not what its hash says.", metadata={"sha256": sha256})
        command = ImportIntelligence(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            source=content.source,
            mode=content.mode,
            label=content.label,
            content_sha256=sha256,
            cursor=content.cursor,
        )
        format_, gathered = await asyncio.to_thread(read_content, content.data, content.label)
        await self._objects.put(call.tenant_id, content.data)
        refused_sha256 = await self._keep_refusals(call.tenant_id, gathered)
        prepared: tuple[str | None, Prepared] | None = None

        async def work(unit: Unit) -> None:
            nonlocal prepared
            loaded = await unit.load(INTELLIGENCE, sources.stream_of(call.tenant_id))
            base = _base_of(loaded.state, command)
            if prepared is None or prepared[0] != base:
                whole = await self._whole(call, base, gathered, content.published)
                encoded = await asyncio.to_thread(encode, whole)
                set_sha256 = (await self._objects.put(call.tenant_id, encoded)).sha256
                made = Prepared(format_, gathered, len(content.data), whole, set_sha256, refused_sha256)
                prepared = (base, made)
            unit.append(loaded, sources.take(loaded.state, command, prepared[1]))

        committed = await self._handler.handle(call, command, work)
        return Taken(await self._standing(call.tenant_id, command.source, committed), committed)

    async def retire_intelligence_source(self, call: Call, command: RetireIntelligenceSource) -> Committed:
        async def work(unit: Unit) -> None:
            loaded = await unit.load(INTELLIGENCE, sources.stream_of(call.tenant_id))
            unit.append(loaded, sources.retire(loaded.state, command.source))

        return await self._handler.handle(call, command, work)

    async def schedule_intelligence_fetch(self, call: Call, command: ScheduleIntelligenceFetch) -> Committed:
        async def work(unit: Unit) -> None:
            loaded = await unit.load(INTELLIGENCE, sources.stream_of(call.tenant_id))
            unit.append(loaded, sources.schedule(loaded.state, command))

        return await self._handler.handle(call, command, work)

    async def note_intelligence_fetch(self, call: Call, command: NoteIntelligenceFetch) -> Committed:
        async def work(unit: Unit) -> None:
            loaded = await unit.load(INTELLIGENCE, sources.stream_of(call.tenant_id))
            unit.append(loaded, sources.fetched(loaded.state, command.source, command.refusal))

        return await self._handler.handle(call, command, work)

    async def set_of(self, tenant_id: TenantId, sha256: str) -> IndicatorSet:
        """All that a source says, by the hash of its set. Raises ObjectMissing, ObjectCorrupt."""
        return await asyncio.to_thread(decode, await self._objects.get(tenant_id, sha256))

    async def sources_of(self, tenant_id: TenantId, at: int | None = None) -> tuple[Sources, int]:
        """The sources of a ledger, now or as known at a position, and the last position that changed them."""
        loaded = await self._repository.load(tenant_id, INTELLIGENCE, sources.stream_of(tenant_id), at=at)
        return loaded.state, loaded.last_position

    async def keep_seen(self, tenant_id: TenantId, seen: Seen) -> str:
        """The hash by which `seen` gives back what was read of a MISP feed or server. Raises ObjectStoreFull."""
        return (await self._objects.put(tenant_id, misp_polls.encode(seen))).sha256

    async def seen(self, tenant_id: TenantId, sha256: str | None) -> Seen:
        """Raises ObjectMissing, ObjectCorrupt."""
        return Seen() if sha256 is None else misp_polls.decode(await self._objects.get(tenant_id, sha256))

    async def _whole(
        self, call: Call, base: str | None, gathered: Gathered, published: frozenset[str] | None
    ) -> IndicatorSet:
        before = IndicatorSet() if base is None else await self.set_of(call.tenant_id, base)
        kept = before.without_events(gathered.events, published)
        return kept.merged(gathered.content).without_old((call.now - INDICATOR_REMEMBERED).timestamp())

    async def _standing(self, tenant_id: TenantId, source: str, committed: Committed) -> IntelligenceImported:
        for recorded in committed.recorded:
            if isinstance(recorded.event, IntelligenceImported):
                return recorded.event
        state, _ = await self.sources_of(tenant_id)
        known = state.named(source).imported
        if known is None:
            raise ValueError("an import that recorded nothing is one that stands")
        return known

    async def _keep_refusals(self, tenant_id: TenantId, gathered: Gathered) -> str | None:
        """The full list is durable before the event that cites it."""
        if not gathered.refused:
            return None
        lines = [orjson.dumps({"object": name, "reason": reason.value}) + b"\n" for name, reason in gathered.refused]
        return (await self._objects.put(tenant_id, b"".join(lines))).sha256


def _base_of(state: Sources, command: ImportIntelligence) -> str | None:
    """The set that the content is added to; None where it says all that there is."""
    known = state.named(command.source)
    if command.mode is ImportMode.REPLACE or known.imported is None or known.retired:
        return None
    return known.imported.set_sha256

"""Which registered assets a name or an address in telemetry means: AssetRegistered under its blind indexes.

Two kinds of documents: `index:<blind index>` lists assets, `asset:<id>` holds what an asset is worth now. Nothing leads
to an asset whose subject was erased until it is registered anew.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import structlog
from pydantic import BaseModel, ConfigDict

from contracts.errors import NotYetApplied
from contracts.events.assets import (
    AssetClass,
    AssetReclassified,
    AssetRegistered,
    AssetRetired,
    FindingFixVerified,
    FindingReported,
    FindingValidated,
    FindingValidationWithdrawn,
)
from contracts.events.base import Event, Recorded
from contracts.events.ledger import SubjectErased
from contracts.events.subjects import CALLS_FOR_RESPONSE
from contracts.ids import TenantId
from infra.event_store.feed import Feed
from infra.read_database.reader.conditions import Condition, has, one_of
from infra.read_database.reader.pages import MAX_PAGE_SIZE, PageRequest
from infra.read_database.reader.queries import Reader
from infra.read_database.views import DocumentView
from services.detections.application.raising import KnownAsset
from services.detections.domain.priority import Exposure, furthest

log = structlog.get_logger()

MAX_WAIT_SECONDS = 2.0
MAX_LOOKED_THROUGH = 200
"""Entries behind the view that are looked through for assets before it is waited for."""
_INDEX, _ASSET = "index:", "asset:"
_OF_ASSETS = (AssetRegistered, AssetReclassified, AssetRetired)
_OF_FINDINGS = (FindingReported, FindingValidated, FindingValidationWithdrawn, FindingFixVerified)
MAX_WEAKNESSES_OF_ASSET = 100
MAX_ASSETS_PER_INDEX = 100
"""Assets that share a name or an address; a shared address of more than this tells nothing about any of them."""


class Weakness(BaseModel):
    """An open finding on an asset. A dismissed one counts again when its verdict is withdrawn."""

    model_config = ConfigDict(frozen=True)

    finding_id: str
    exposure: Exposure
    dismissed: bool = False


class AssetIndexEntry(BaseModel):
    """For an index: the assets under it. For an asset: its value and class, whether it is still in use, and its latest
    weaknesses, where somebody knows from where they can be reached."""

    model_config = ConfigDict(frozen=True)

    asset_ids: tuple[str, ...] = ()
    value: int = 0
    asset_class: str = ""
    retired: bool = False
    weaknesses: tuple[Weakness, ...] = ()

    @property
    def exposure(self) -> Exposure | None:
        """The furthest from where one of them can be reached; None where nobody knows of any."""
        return furthest(each.exposure for each in self.weaknesses if not each.dismissed)

    def without(self, finding_id: str) -> tuple[Weakness, ...]:
        return tuple(each for each in self.weaknesses if each.finding_id != finding_id)


class AssetIndex(DocumentView[AssetIndexEntry]):
    NAME = "asset_index"
    VERSION = 3
    TABLE = "asset_index"
    TOPICS: ClassVar[frozenset[type[Event]]] = frozenset({*_OF_ASSETS, *_OF_FINDINGS})
    ERASURES: ClassVar[frozenset[type[Event]]] = frozenset({SubjectErased})
    COLUMNS: ClassVar[Mapping[str, str]] = {"asset_ids": "text[]", "finding_ids": "text[]"}
    DOCUMENT = AssetIndexEntry

    def keys(self, recorded: Recorded[Any]) -> Sequence[str]:
        event = recorded.event
        if isinstance(event, FindingReported | FindingFixVerified):
            return [_ASSET + asset_id for asset_id in event.asset_ids]
        if isinstance(event, FindingValidated | FindingValidationWithdrawn):
            return []
        own = [_ASSET + event.asset_id]
        if isinstance(event, AssetRegistered):
            return [*own, *(_INDEX + index for index in sorted({event.name_index, *event.address_indexes}))]
        return own

    def lookups(self, recorded: Recorded[Any]) -> Sequence[Condition]:
        """The assets of a finding that is judged."""
        event = recorded.event
        judged = isinstance(event, FindingValidated | FindingValidationWithdrawn)
        return [has("finding_ids", event.finding_id)] if judged else []

    def rewritten(self, recorded: Recorded[Any]) -> Sequence[Condition]:
        """The indexes that lead to the erased asset."""
        return [has("asset_ids", recorded.event.subject)]

    def fold(self, key: str, document: AssetIndexEntry | None, recorded: Recorded[Any]) -> AssetIndexEntry | None:
        event = recorded.event
        if key.startswith(_INDEX):
            ids = document.asset_ids if document else ()
            if isinstance(event, SubjectErased):
                left = tuple(each for each in ids if each != event.subject)
                return AssetIndexEntry(asset_ids=left) if left else None
            if event.asset_id in ids or len(ids) >= MAX_ASSETS_PER_INDEX:
                return document
            return AssetIndexEntry(asset_ids=(*ids, event.asset_id))
        known = document or AssetIndexEntry()
        if isinstance(event, AssetRetired):
            return known.model_copy(update={"retired": True})
        if isinstance(event, AssetRegistered | AssetReclassified):
            worth = {"value": event.value, "asset_class": event.asset_class.value, "retired": False}
            return known.model_copy(update=worth)
        return known.model_copy(update={"weaknesses": _weaknesses(known, event)})

    def columns(self, document: AssetIndexEntry) -> Mapping[str, object]:
        findings = [each.finding_id for each in document.weaknesses]
        return {"asset_ids": list(document.asset_ids), "finding_ids": findings}


def _weaknesses(
    entry: AssetIndexEntry,
    event: FindingReported | FindingValidated | FindingValidationWithdrawn | FindingFixVerified,
) -> tuple[Weakness, ...]:
    left = entry.without(event.finding_id)
    match event:
        case FindingReported(exposure=str(exposure)):
            new = Weakness(finding_id=event.finding_id, exposure=Exposure(exposure))
            return (*left, new)[-MAX_WEAKNESSES_OF_ASSET:]
        case FindingReported() | FindingFixVerified():
            return left
        case FindingValidated() | FindingValidationWithdrawn():
            dismissed = isinstance(event, FindingValidated) and event.verdict not in CALLS_FOR_RESPONSE
            return tuple(
                each.model_copy(update={"dismissed": dismissed}) if each.finding_id == event.finding_id else each
                for each in entry.weaknesses
            )


_TOPICS = frozenset(event.TOPIC for event in _OF_ASSETS)


class IndexedAssets:
    """Implements `application.raising.AssetLookup` over the view."""

    def __init__(self, view: AssetIndex, reader: Reader, feed: Feed) -> None:
        self._view, self._reader, self._feed = view, reader, feed

    async def find(self, tenant_id: TenantId, indexes: Iterable[str]) -> Mapping[str, Sequence[KnownAsset]]:
        """The assets in use under each index.

        Where something of an asset is not in the view yet, it is waited for shortly, so that an asset registered a
        moment ago counts; when the view does not get there, a detection without its asset is better than none.
        """
        await self._reach_head(tenant_id)
        listed = await self._entries(tenant_id, [_INDEX + index for index in sorted(indexes)])
        wanted = sorted({_ASSET + asset_id for entry in listed.values() for asset_id in entry.asset_ids})
        assets = await self._entries(tenant_id, wanted)
        return {
            key.removeprefix(_INDEX): [
                KnownAsset(asset_id, assets[_ASSET + asset_id].value, assets[_ASSET + asset_id].exposure)
                for asset_id in entry.asset_ids
                if _ASSET + asset_id in assets and not assets[_ASSET + asset_id].retired
            ]
            for key, entry in listed.items()
        }

    async def privileged(self, tenant_id: TenantId, asset_ids: Sequence[str]) -> bool:
        """Whether one of the assets is a privileged account, also if it was retired. Raises NotYetApplied."""
        if not asset_ids:
            return False
        deadline = asyncio.get_running_loop().time() + MAX_WAIT_SECONDS
        await self._reader.waited(tenant_id, await self._feed.head(tenant_id) - 1, deadline, self._view)
        entries = await self._entries(tenant_id, [_ASSET + asset_id for asset_id in asset_ids])
        return any(entry.asset_class == AssetClass.PRIVILEGED_IDENTITY for entry in entries.values())

    async def _reach_head(self, tenant_id: TenantId) -> None:
        position = await self._feed.head(tenant_id) - 1
        if await self._has_all_assets(tenant_id, position):
            return
        deadline = asyncio.get_running_loop().time() + MAX_WAIT_SECONDS
        try:
            await self._reader.waited(tenant_id, position, deadline, self._view)
        except NotYetApplied:
            log.warning("asset_index_behind", tenant=tenant_id, position=position)

    async def _has_all_assets(self, tenant_id: TenantId, position: int) -> bool:
        """Whether what the view has not seen up to a position is none of its concern.

        While telemetry comes the view is nearly always a few entries behind, and to wait for the next round of all
        projections would be most of the time that a batch with a detection takes.
        """
        seen = (await self._reader.positions(self._view, [tenant_id]))[tenant_id]
        if seen >= position:
            return True
        if seen < 0 or position - seen > MAX_LOOKED_THROUGH:
            return False
        entries = await self._feed.read_entries(tenant_id, seen + 1, position - seen)
        return not any(entry.topic in _TOPICS for entry in entries)

    async def _entries(self, tenant_id: TenantId, keys: Sequence[str]) -> dict[str, AssetIndexEntry]:
        found: dict[str, AssetIndexEntry] = {}
        for start in range(0, len(keys), MAX_PAGE_SIZE):
            chunk = keys[start : start + MAX_PAGE_SIZE]
            page = await self._view.list(
                self._reader, [tenant_id], [one_of("key", chunk)], page=PageRequest(MAX_PAGE_SIZE)
            )
            found.update((item.key, item.document) for item in page.items)
        return found

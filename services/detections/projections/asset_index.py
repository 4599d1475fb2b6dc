"""Which registered assets a name or an address in telemetry means: AssetRegistered under its blind indexes.

Two kinds of documents: `index:<blind index>` lists assets, `asset:<id>` holds what an asset is worth now.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import structlog
from pydantic import BaseModel, ConfigDict

from contracts.errors import NotYetApplied
from contracts.events.assets import AssetClass, AssetReclassified, AssetRegistered, AssetRetired
from contracts.events.base import Event, Recorded
from contracts.ids import TenantId
from infra.event_store.feed import Feed
from infra.read_database.reader.conditions import one_of
from infra.read_database.reader.pages import MAX_PAGE_SIZE, PageRequest
from infra.read_database.reader.queries import Reader
from infra.read_database.views import DocumentView
from services.detections.application.raising import KnownAsset

log = structlog.get_logger()

MAX_WAIT_SECONDS = 2.0
_INDEX, _ASSET = "index:", "asset:"
MAX_ASSETS_PER_INDEX = 100
"""Assets that share a name or an address; a shared address of more than this tells nothing about any of them."""


class AssetIndexEntry(BaseModel):
    """For an index: the assets under it. For an asset: its value and class, and whether it is still in use."""

    model_config = ConfigDict(frozen=True)

    asset_ids: tuple[str, ...] = ()
    value: int = 0
    asset_class: str = ""
    retired: bool = False


class AssetIndex(DocumentView[AssetIndexEntry]):
    NAME = "asset_index"
    VERSION = 2
    TABLE = "asset_index"
    TOPICS: ClassVar[frozenset[type[Event]]] = frozenset({AssetRegistered, AssetReclassified, AssetRetired})
    DOCUMENT = AssetIndexEntry

    def keys(self, recorded: Recorded[Any]) -> Sequence[str]:
        event = recorded.event
        own = [_ASSET + event.asset_id]
        if isinstance(event, AssetRegistered):
            return [*own, *(_INDEX + index for index in sorted({event.name_index, *event.address_indexes}))]
        return own

    def fold(self, key: str, document: AssetIndexEntry | None, recorded: Recorded[Any]) -> AssetIndexEntry | None:
        event = recorded.event
        if key.startswith(_INDEX):
            ids = document.asset_ids if document else ()
            if event.asset_id in ids or len(ids) >= MAX_ASSETS_PER_INDEX:
                return document
            return AssetIndexEntry(asset_ids=(*ids, event.asset_id))
        if isinstance(event, AssetRetired):
            known = document or AssetIndexEntry()
            return known.model_copy(update={"retired": True})
        return AssetIndexEntry(value=event.value, asset_class=event.asset_class.value)


class IndexedAssets:
    """Implements `application.raising.AssetLookup` over the view."""

    def __init__(self, view: AssetIndex, reader: Reader, feed: Feed) -> None:
        self._view, self._reader, self._feed = view, reader, feed

    async def find(self, tenant_id: TenantId, indexes: Iterable[str]) -> Mapping[str, Sequence[KnownAsset]]:
        """The assets in use under each index.

        Waits shortly for the view to reach the ledger's head, so that an asset registered a moment ago counts; when it
        does not get there, a detection without its asset is better than none.
        """
        await self._reach_head(tenant_id)
        listed = await self._entries(tenant_id, [_INDEX + index for index in sorted(indexes)])
        wanted = sorted({_ASSET + asset_id for entry in listed.values() for asset_id in entry.asset_ids})
        assets = await self._entries(tenant_id, wanted)
        return {
            key.removeprefix(_INDEX): [
                KnownAsset(asset_id, assets[_ASSET + asset_id].value)
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
        deadline = asyncio.get_running_loop().time() + MAX_WAIT_SECONDS
        try:
            await self._reader.waited(tenant_id, position, deadline, self._view)
        except NotYetApplied:
            log.warning("asset_index_behind", tenant=tenant_id, position=position)

    async def _entries(self, tenant_id: TenantId, keys: Sequence[str]) -> dict[str, AssetIndexEntry]:
        found: dict[str, AssetIndexEntry] = {}
        for start in range(0, len(keys), MAX_PAGE_SIZE):
            chunk = keys[start : start + MAX_PAGE_SIZE]
            page = await self._view.list(
                self._reader, [tenant_id], [one_of("key", chunk)], page=PageRequest(MAX_PAGE_SIZE)
            )
            found.update((item.key, item.document) for item in page.items)
        return found

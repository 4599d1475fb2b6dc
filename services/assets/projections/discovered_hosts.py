"""Which discovered hosts bear a name or an address, by blind index. After an erasure nothing leads to its subject."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypeVar

from contracts.events.base import Recorded, Value
from contracts.events.discovery import HostDiscovered
from contracts.events.ledger import SubjectErased
from contracts.ids import TenantId
from infra.read_database.reader.conditions import Condition, has, one_of
from infra.read_database.reader.pages import MAX_PAGE_SIZE, PageRequest
from infra.read_database.reader.queries import Reader
from infra.read_database.views import DocumentView
from services.assets.config import MAX_HOSTS_OF_INDEX
from services.assets.projections.asset_index import AssetIndex
from services.assets.projections.assets import Assets

D = TypeVar("D")


class DiscoveredHost(Value):
    """`subject` is whose key seals what telemetry calls it."""

    host_id: str
    subject: str


class HostsOfIndex(Value):
    hosts: tuple[DiscoveredHost, ...]


class DiscoveredHosts(DocumentView[HostsOfIndex]):
    """The key is the blind index (`infra.keys.blind_index`) of a name or an address."""

    NAME = "discovered_hosts"
    VERSION = 1
    TABLE = "discovered_hosts"
    TOPICS = frozenset({HostDiscovered})
    ERASURES = frozenset({SubjectErased})
    COLUMNS: ClassVar[Mapping[str, str]] = {"subjects": "text[]"}
    DOCUMENT = HostsOfIndex

    def keys(self, recorded: Recorded[Any]) -> Sequence[str]:
        event = recorded.event
        return [*event.name_indexes, *([event.address_index] if event.address_index else [])]

    def rewritten(self, recorded: Recorded[Any]) -> Sequence[Condition]:
        """The rows that lead to an erased host."""
        return [has("subjects", recorded.event.subject)]

    def fold(self, key: str, document: HostsOfIndex | None, recorded: Recorded[Any]) -> HostsOfIndex | None:
        known = document.hosts if document else ()
        if isinstance(recorded.event, SubjectErased):
            left = tuple(each for each in known if each.subject != recorded.event.subject)
            return HostsOfIndex(hosts=left) if left else None
        event: HostDiscovered = recorded.event
        called = event.name or event.address
        if called is None or len(known) >= MAX_HOSTS_OF_INDEX:
            return document
        return HostsOfIndex(hosts=(*known, DiscoveredHost(host_id=event.host_id, subject=called.subject)))

    def columns(self, document: HostsOfIndex) -> Mapping[str, object]:
        return {"subjects": [each.subject for each in document.hosts]}


class IndexedHosts:
    """Implements `application.newcomers.DiscoveredHosts` over the views."""

    def __init__(self, reader: Reader, hosts: DiscoveredHosts, index: AssetIndex, assets: Assets) -> None:
        self._reader, self._hosts, self._index, self._assets = reader, hosts, index, assets

    async def answered(self, tenant_id: TenantId, indexes: Sequence[str], position: int) -> bool:
        rows = await self._known(self._index, tenant_id, indexes, position)
        asset_ids = sorted({asset_id for row in rows for asset_id in row.asset_ids})
        assets = await self._known(self._assets, tenant_id, asset_ids[:MAX_PAGE_SIZE], position)
        return any(not asset.retired and set(indexes) & set(asset.indexes) for asset in assets)

    async def under(self, tenant_id: TenantId, indexes: Sequence[str], position: int) -> Sequence[str]:
        rows = await self._known(self._hosts, tenant_id, indexes, position)
        return sorted({host.host_id for row in rows for host in row.hosts})

    async def _known(self, view: DocumentView[D], tenant_id: TenantId, keys: Sequence[str], position: int) -> list[D]:
        """The documents of these keys as known at the position, which is waited for."""
        await self._reader.waited(tenant_id, position, None, view)
        page = await view.list(
            self._reader, [tenant_id], [one_of("key", list(keys))], page=PageRequest(MAX_PAGE_SIZE), at=position
        )
        return [item.document for item in page.items]

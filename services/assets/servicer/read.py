"""AssetsReadService: answers from the read models, with sealed words opened as far as the caller may see."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from tenet.assets.v1 import assets_pb2 as pb
from tenet.assets.v1 import assets_read_pb2 as rpc

from contracts.ids import TenantId
from infra.answering import Answering, asked, identified, next_page, sight
from infra.grpc import Context
from infra.keys import KeyStore
from infra.keys.blind_index import address_index, name_index
from infra.read_database.happened import Happened, past_moment
from infra.read_database.reader.conditions import Condition, descending, equal, has, one_of
from infra.read_database.reader.pages import Document, PageRequest
from infra.read_database.views import DocumentView
from services.assets.config import MAX_LOOKUP_RESULTS
from services.assets.domain.errors import AssetUnknown, FindingUnknown
from services.assets.projections import ASSET_INDEX, ASSETS, FINDINGS, SENSORS
from services.assets.projections.assets import AssetRow
from services.assets.projections.findings import OPEN_STATES, FindingRow
from services.assets.projections.heartbeats import Heartbeats
from services.assets.projections.sensors import SensorRow
from services.assets.servicer.shown import (
    FINDING_STATES,
    Place,
    asset_message,
    asset_words,
    finding_message,
    finding_words,
    sensor_message,
)
from services.assets.servicer.wire import ASSET_CLASSES, ASSET_KINDS, FINDING_KINDS, named

D = TypeVar("D")
MAX_ASSETS_AT_ONCE = 500


class AssetsReadServicer:
    def __init__(self, answering: Answering, happened: Happened, heartbeats: Heartbeats, keys: KeyStore) -> None:
        self._answering = answering
        self._happened = happened
        self._heartbeats = heartbeats
        self._keys = keys

    async def GetAsset(self, request: rpc.GetAssetRequest, context: Context) -> rpc.GetAssetResponse:
        found = await self._get(ASSETS, request, request.asset_id, context)
        if found is None:
            raise AssetUnknown(request.asset_id)
        asset = (await self._asset_messages([found], context))[0]
        return rpc.GetAssetResponse(asset=asset, sight=sight(ASSETS, found.position))

    async def ListAssets(self, request: rpc.ListAssetsRequest, context: Context) -> rpc.ListAssetsResponse:
        where: list[Condition] = []
        if request.HasField("kind"):
            where.append(equal("kind", named(ASSET_KINDS, request.kind).value))
        if request.HasField("asset_class"):
            where.append(equal("asset_class", named(ASSET_CLASSES, request.asset_class).value))
        if request.group:
            where.append(equal("asset_group", request.group))
        if not request.include_retired:
            where.append(equal("retired", False))
        page = await self._answering.page(ASSETS, where, [descending("value")], request, context)
        assets = await self._asset_messages(page.items, context)
        return rpc.ListAssetsResponse(assets=assets, page=next_page(page))

    async def ListSensors(self, request: rpc.ListSensorsRequest, context: Context) -> rpc.ListSensorsResponse:
        where = [equal("silent", True)] if request.silent_only else []
        page = await self._answering.page(SENSORS, where, [descending("silent")], request, context)
        sensors = await self._sensor_messages(page.items, asked(request, "at_position"))
        return rpc.ListSensorsResponse(sensors=sensors, page=next_page(page))

    async def GetFinding(self, request: rpc.GetFindingRequest, context: Context) -> rpc.GetFindingResponse:
        found = await self._get(FINDINGS, request, request.finding_id, context)
        if found is None:
            raise FindingUnknown(request.finding_id)
        finding = (await self._finding_messages([found], context, asked(request, "at_position")))[0]
        return rpc.GetFindingResponse(finding=finding, sight=sight(FINDINGS, found.position))

    async def ListFindings(self, request: rpc.ListFindingsRequest, context: Context) -> rpc.ListFindingsResponse:
        where = identified(request)
        states = [named(FINDING_STATES, state) for state in request.states] or (() if where else OPEN_STATES)
        if states:
            where.append(one_of("state", [state.value for state in states]))
        if request.HasField("kind"):
            where.append(equal("kind", named(FINDING_KINDS, request.kind).value))
        if request.asset_id:
            where.append(has("asset_ids", request.asset_id))
        order = [descending(name) for name in ("exploited", "severity", "exposure_rank", "likelihood")]
        page = await self._answering.page(FINDINGS, where, order, request, context)
        findings = await self._finding_messages(page.items, context, asked(request, "at_position"))
        return rpc.ListFindingsResponse(findings=findings, page=next_page(page))

    async def LookUpAsset(self, request: rpc.LookUpAssetRequest, context: Context) -> rpc.LookUpAssetResponse:
        tenant_id = context.call.tenant_id
        await self._answering.waited(request, context, ASSET_INDEX, ASSETS)
        key = await self._keys.search_key(tenant_id)
        by_name = request.WhichOneof("by") == "name"
        index = name_index(key, request.name) if by_name else address_index(key, request.address)
        found = await ASSET_INDEX.get(self._answering.reader, tenant_id, index, deadline=context.deadline)
        asset_ids = found.document.asset_ids[:MAX_LOOKUP_RESULTS] if found else ()
        assets = await self._assets_by_id(tenant_id, asset_ids)
        live = [item for item in assets if not item.document.retired and index in item.document.indexes]

        def borne(asset: pb.Asset) -> bool:
            """Whether it still bears what was asked for: of what was erased only the index is left."""
            texts = [asset.name] if by_name else asset.addresses
            again = name_index if by_name else address_index
            return any(text.withheld or (not text.erased and again(key, text.value) == index) for text in texts)

        shown = await self._asset_messages(live, context)
        return rpc.LookUpAssetResponse(assets=[asset for asset in shown if borne(asset)])

    async def _get(
        self, view: DocumentView[D], request: rpc.GetAssetRequest | rpc.GetFindingRequest, key: str, context: Context
    ) -> Document[D] | None:
        found = await self._answering.get(view, key, request, context)
        if found is None or not request.HasField("as_happened_at"):
            return found
        moment = past_moment(request.as_happened_at, context.call.now)
        return await self._happened.get(view, found.tenant_id, key, moment, known_at=found.position)

    async def _assets_by_id(
        self, tenant_id: TenantId, asset_ids: Iterable[str], at: int | None = None
    ) -> Sequence[Document[AssetRow]]:
        wanted = list(dict.fromkeys(asset_ids))
        if not wanted:
            return []
        page = await ASSETS.list(
            self._answering.reader, [tenant_id], [one_of("key", wanted)], page=PageRequest(size=len(wanted)), at=at
        )
        return page.items

    async def _asset_messages(self, items: Sequence[Document[AssetRow]], context: Context) -> list[pb.Asset]:
        opened = await self._answering.opened(items, asset_words, context, "show assets")
        return [asset_message(_place(item), item.document, opened[item.tenant_id]) for item in items]

    async def _finding_messages(
        self, items: Sequence[Document[FindingRow]], context: Context, at: int | None
    ) -> list[pb.Finding]:
        """With the values of their assets, as known at the position that the findings are shown at."""
        opened = await self._answering.opened(items, finding_words, context, "show findings")
        values = await self._asset_values(items, at)
        messages = []
        for item in items:
            known = [values[asset_id] for asset_id in item.document.asset_ids if asset_id in values]
            value = max(known, default=None)
            messages.append(finding_message(_place(item), item.document, value, opened[item.tenant_id]))
        return messages

    async def _sensor_messages(self, items: Sequence[Document[SensorRow]], at: int | None) -> list[pb.Sensor]:
        """As known at a position they come without the last sign of life: no earlier one than today's is kept."""
        tenants = list(dict.fromkeys(item.tenant_id for item in items))
        heard = {} if at is not None else await self._heartbeats.last_heard(tenants, [item.key for item in items])
        return [sensor_message(_place(item), item.document, heard.get(item.key)) for item in items]

    async def _asset_values(self, items: Sequence[Document[FindingRow]], at: int | None) -> Mapping[str, int]:
        """The business values of the assets that findings name, by asset; unknown ones are left out."""
        by_tenant: dict[TenantId, set[str]] = {}
        for item in items:
            by_tenant.setdefault(item.tenant_id, set()).update(item.document.asset_ids)
        values: dict[str, int] = {}
        for tenant_id, asset_ids in by_tenant.items():
            wanted = sorted(asset_ids)
            for start in range(0, len(wanted), MAX_ASSETS_AT_ONCE):
                found = await self._assets_by_id(tenant_id, wanted[start : start + MAX_ASSETS_AT_ONCE], at)
                values |= {each.key: each.document.value for each in found}
        return values


def _place(item: Document[D]) -> Place:
    return Place(item.tenant_id, item.from_position)

"""AssetsReadService: answers from the read models, with sealed words opened as far as the caller may see."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from tenet.assets.v1 import assets_pb2 as pb
from tenet.assets.v1 import assets_read_pb2 as rpc
from tenet.common.v1 import common_pb2 as common

from contracts.errors import InvalidArgument
from contracts.events.base import Sealed
from contracts.ids import TenantId
from contracts.labels import Label
from infra.disclosure.opener import Opened, Opener
from infra.grpc import Context
from infra.keys import KeyStore
from infra.keys.blind_index import address_index, name_index
from infra.read_database.happened import Happened, past_moment
from infra.read_database.reader.conditions import Condition, descending, equal, has, one_of
from infra.read_database.reader.pages import Document, PageRequest
from infra.read_database.reader.queries import Reader
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


class AssetsReadServicer:
    def __init__(
        self, reader: Reader, happened: Happened, heartbeats: Heartbeats, opener: Opener, keys: KeyStore
    ) -> None:
        self._reader = reader
        self._happened = happened
        self._heartbeats = heartbeats
        self._opener = opener
        self._keys = keys

    async def GetAsset(self, request: rpc.GetAssetRequest, context: Context) -> rpc.GetAssetResponse:
        found = await self._get(ASSETS, request, request.asset_id, context)
        if found is None:
            raise AssetUnknown(request.asset_id)
        asset = (await self._asset_messages([found], context))[0]
        return rpc.GetAssetResponse(asset=asset, sight=_sight(ASSETS, found.position))

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
        await self._wait(ASSETS, request, context)
        page = await ASSETS.list(
            self._reader,
            context.tenants,
            where,
            [descending("value")],
            _page(request.page),
            at=_at(request, context),
            deadline=context.deadline,
        )
        assets = await self._asset_messages(page.items, context)
        return rpc.ListAssetsResponse(assets=assets, page=common.Page(next_page_token=page.next_token))

    async def ListSensors(self, request: rpc.ListSensorsRequest, context: Context) -> rpc.ListSensorsResponse:
        await self._wait(SENSORS, request, context)
        page = await SENSORS.list(
            self._reader,
            context.tenants,
            [equal("silent", True)] if request.silent_only else [],
            [descending("silent")],
            _page(request.page),
            at=_at(request, context),
            deadline=context.deadline,
        )
        sensors = await self._sensor_messages(page.items, _then(request))
        return rpc.ListSensorsResponse(sensors=sensors, page=common.Page(next_page_token=page.next_token))

    async def GetFinding(self, request: rpc.GetFindingRequest, context: Context) -> rpc.GetFindingResponse:
        found = await self._get(FINDINGS, request, request.finding_id, context)
        if found is None:
            raise FindingUnknown(request.finding_id)
        finding = (await self._finding_messages([found], context, _then(request)))[0]
        return rpc.GetFindingResponse(finding=finding, sight=_sight(FINDINGS, found.position))

    async def ListFindings(self, request: rpc.ListFindingsRequest, context: Context) -> rpc.ListFindingsResponse:
        states = [named(FINDING_STATES, state) for state in request.states] or OPEN_STATES
        where = [one_of("state", [state.value for state in states])]
        if request.HasField("kind"):
            where.append(equal("kind", named(FINDING_KINDS, request.kind).value))
        if request.asset_id:
            where.append(has("asset_ids", request.asset_id))
        await self._wait(FINDINGS, request, context)
        page = await FINDINGS.list(
            self._reader,
            context.tenants,
            where,
            [descending(name) for name in ("exploited", "severity", "exposure_rank", "likelihood")],
            _page(request.page),
            at=_at(request, context),
            deadline=context.deadline,
        )
        findings = await self._finding_messages(page.items, context, _then(request))
        return rpc.ListFindingsResponse(findings=findings, page=common.Page(next_page_token=page.next_token))

    async def LookUpAsset(self, request: rpc.LookUpAssetRequest, context: Context) -> rpc.LookUpAssetResponse:
        tenant_id = context.call.tenant_id
        await self._wait(ASSET_INDEX, request, context)
        await self._wait(ASSETS, request, context)
        key = await self._keys.search_key(tenant_id)
        by_name = request.WhichOneof("by") == "name"
        index = name_index(key, request.name) if by_name else address_index(key, request.address)
        found = await ASSET_INDEX.get(self._reader, tenant_id, index, deadline=context.deadline)
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

    async def _wait(
        self,
        view: DocumentView[D],
        request: rpc.ListAssetsRequest
        | rpc.ListSensorsRequest
        | rpc.ListFindingsRequest
        | rpc.GetAssetRequest
        | rpc.GetFindingRequest
        | rpc.LookUpAssetRequest,
        context: Context,
    ) -> None:
        if not request.HasField("min_position"):
            return
        if len(context.tenants) != 1:
            raise PositionWithoutTenant
        await self._reader.waited(context.tenants[0], request.min_position, context.deadline, view)

    async def _get(
        self, view: DocumentView[D], request: rpc.GetAssetRequest | rpc.GetFindingRequest, key: str, context: Context
    ) -> Document[D] | None:
        await self._wait(view, request, context)
        tenant_id = context.call.tenant_id
        found = await view.get(self._reader, tenant_id, key, at=_then(request), deadline=context.deadline)
        if found is None or not request.HasField("as_happened_at"):
            return found
        moment = past_moment(request.as_happened_at, context.call.now)
        return await self._happened.get(view, tenant_id, key, moment, known_at=found.position)

    async def _assets_by_id(
        self, tenant_id: TenantId, asset_ids: Iterable[str], at: int | None = None
    ) -> Sequence[Document[AssetRow]]:
        wanted = list(dict.fromkeys(asset_ids))
        if not wanted:
            return []
        page = await ASSETS.list(
            self._reader, [tenant_id], [one_of("key", wanted)], page=PageRequest(size=len(wanted)), at=at
        )
        return page.items

    async def _asset_messages(self, items: Sequence[Document[AssetRow]], context: Context) -> list[pb.Asset]:
        words = {item.tenant_id: [] for item in items}  # type: dict[TenantId, list[tuple[Sealed, Label]]]
        for item in items:
            words[item.tenant_id].extend(asset_words(item.document))
        opened = await self._opened(words, context, "show assets")
        return [asset_message(_place(item), item.document, opened[item.tenant_id]) for item in items]

    async def _finding_messages(
        self, items: Sequence[Document[FindingRow]], context: Context, at: int | None
    ) -> list[pb.Finding]:
        """With the values of their assets, as known at the position that the findings are shown at."""
        words = {item.tenant_id: [] for item in items}  # type: dict[TenantId, list[tuple[Sealed, Label]]]
        for item in items:
            words[item.tenant_id].extend(finding_words(item.document))
        opened = await self._opened(words, context, "show findings")
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

    async def _opened(
        self, words: Mapping[TenantId, Sequence[tuple[Sealed, Label]]], context: Context, purpose: str
    ) -> Mapping[TenantId, Opened]:
        return {
            tenant_id: await self._opener.open(context.call_for(tenant_id), fields, purpose=purpose)
            for tenant_id, fields in words.items()
        }


MAX_ASSETS_AT_ONCE = 500


class PositionWithoutTenant(InvalidArgument):
    """A position belongs to one tenant's ledger; a query over several names none."""

    reason = "POSITION_WITHOUT_TENANT"

    def __init__(self) -> None:
        super().__init__("A position belongs to one tenant; name that tenant alone.")


def _page(request: common.PageRequest) -> PageRequest:
    return PageRequest(size=request.page_size, token=request.page_token)


def _then(
    request: rpc.GetAssetRequest
    | rpc.GetFindingRequest
    | rpc.ListAssetsRequest
    | rpc.ListSensorsRequest
    | rpc.ListFindingsRequest,
) -> int | None:
    """The position that a query looks back to; None for the present."""
    return request.at_position if request.HasField("at_position") else None


def _at(
    request: rpc.ListAssetsRequest | rpc.ListSensorsRequest | rpc.ListFindingsRequest, context: Context
) -> int | None:
    at = _then(request)
    if at is not None and len(context.tenants) != 1:
        raise PositionWithoutTenant
    return at


def _sight(view: DocumentView[D], position: int) -> common.Sight:
    return common.Sight(view=view.NAME, view_version=view.VERSION, position=position)


def _place(item: Document[D]) -> Place:
    return Place(item.tenant_id, item.from_position)

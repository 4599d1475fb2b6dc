"""DetectionsClocksReadService: how near real time each source is."""

from google.protobuf.duration_pb2 import Duration
from tenet.common.v1 import common_pb2 as common
from tenet.detections.v1 import detections_clocks_read_pb2 as rpc

from contracts.ids import TenantId
from infra.grpc import Context
from infra.read_database.reader.conditions import descending
from infra.read_database.reader.queries import Reader
from services.detections.projections import SOURCE_CLOCKS
from services.detections.projections.source_clocks import AGES, Ages, SourceClocksRow
from services.detections.servicer.read import PositionWithoutTenant
from services.detections.servicer.wire import page_request, timestamp


class DetectionsClocksReadServicer:
    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def ListSourceClocks(
        self, request: rpc.ListSourceClocksRequest, context: Context
    ) -> rpc.ListSourceClocksResponse:
        tenants = context.tenants
        if (request.HasField("min_position") or request.HasField("at_position")) and len(tenants) != 1:
            raise PositionWithoutTenant
        if request.HasField("min_position"):
            await self._reader.waited(tenants[0], request.min_position, context.deadline, SOURCE_CLOCKS)
        page = await SOURCE_CLOCKS.list(
            self._reader,
            tenants,
            [],
            [descending("late")],
            page_request(request.page),
            at=request.at_position if request.HasField("at_position") else None,
            deadline=context.deadline,
        )
        return rpc.ListSourceClocksResponse(
            sources=[_message(item.tenant_id, item.key, item.document) for item in page.items],
            page=common.Page(next_page_token=page.next_token),
        )


def _message(tenant_id: TenantId, sensor_id: str, row: SourceClocksRow) -> rpc.SourceClocks:
    return rpc.SourceClocks(
        tenant_id=tenant_id,
        sensor_id=sensor_id,
        batches=row.batches,
        records=row.records,
        skewed_records=row.skewed,
        late_batches=row.late,
        out_of_order_batches=row.out_of_order,
        received=_ages(row.received),
        raised=_ages(row.raised),
        last_received_at=timestamp(row.last_received),
    )


def _ages(ages: Ages) -> rpc.Ages:
    bounds = []
    for bound in AGES:
        duration = Duration()
        duration.FromTimedelta(bound)
        bounds.append(duration)
    return rpc.Ages(upper_bounds=bounds, counts=ages.counts)

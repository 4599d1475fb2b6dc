"""DetectionsClocksReadService: how near real time each source is."""

from google.protobuf.duration_pb2 import Duration
from tenet.detections.v1 import detections_clocks_read_pb2 as rpc

from contracts.ids import TenantId
from infra.answering import Answering, next_page
from infra.grpc import Context
from infra.read_database.reader.conditions import descending
from services.detections.projections import SOURCE_CLOCKS
from services.detections.projections.source_clocks import AGES, Ages, SourceClocksRow
from services.detections.servicer.wire import timestamp


class DetectionsClocksReadServicer:
    def __init__(self, answering: Answering) -> None:
        self._answering = answering

    async def ListSourceClocks(
        self, request: rpc.ListSourceClocksRequest, context: Context
    ) -> rpc.ListSourceClocksResponse:
        page = await self._answering.page(SOURCE_CLOCKS, [], [descending("late")], request, context)
        return rpc.ListSourceClocksResponse(
            sources=[_message(item.tenant_id, item.key, item.document) for item in page.items],
            page=next_page(page),
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

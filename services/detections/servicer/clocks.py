"""DetectionsClocksReadService: how near real time each source is, and how long people take with what it raised."""

from google.protobuf.duration_pb2 import Duration
from tenet.detections.v1 import detections_clocks_read_pb2 as rpc

from infra.answering import Answering, asked, next_page
from infra.grpc import Context
from infra.read_database.reader.conditions import descending
from infra.read_database.reader.pages import Document
from services.detections.projections import SOURCE_CLOCKS, TRIAGE_CLOCKS
from services.detections.projections.ages import AGES, Ages
from services.detections.projections.source_clocks import SourceClocksRow
from services.detections.projections.triage_clocks import SourceStages, Stages, StagesBySource
from services.detections.servicer.wire import timestamp


class DetectionsClocksReadServicer:
    def __init__(self, answering: Answering, stages: StagesBySource) -> None:
        self._answering, self._stages = answering, stages

    async def ListSourceClocks(
        self, request: rpc.ListSourceClocksRequest, context: Context
    ) -> rpc.ListSourceClocksResponse:
        page = await self._answering.page(SOURCE_CLOCKS, [], [descending("late")], request, context)
        await self._answering.waited(request, context, TRIAGE_CLOCKS)
        at = asked(request, "at_position")
        if at is not None:
            await self._answering.reader.waited(context.tenants[0], at, context.deadline, TRIAGE_CLOCKS)
        stages = await self._stages.of([(item.tenant_id, item.key) for item in page.items], at)
        return rpc.ListSourceClocksResponse(
            sources=[_message(item, stages.get((item.tenant_id, item.key), SourceStages())) for item in page.items],
            page=next_page(page),
        )


def _message(item: Document[SourceClocksRow], stages: SourceStages) -> rpc.SourceClocks:
    row = item.document
    return rpc.SourceClocks(
        tenant_id=item.tenant_id,
        sensor_id=item.key,
        batches=row.batches,
        records=row.records,
        skewed_records=row.skewed,
        late_batches=row.late,
        out_of_order_batches=row.out_of_order,
        received=_ages(row.received),
        raised=_ages(stages.live.raised),
        last_received_at=timestamp(row.last_received),
        normalised=_ages(row.normalised),
        matched=_ages(row.matched),
        triaged=_ages(stages.live.triaged),
        judged=_ages(stages.live.judged),
        waiting=stages.live.waiting,
        retrospective=_in_retrospect(stages.retrospective),
    )


def _in_retrospect(stages: Stages) -> rpc.FoundInRetrospect:
    return rpc.FoundInRetrospect(
        raised=_ages(stages.raised),
        triaged=_ages(stages.triaged),
        judged=_ages(stages.judged),
        waiting=stages.waiting,
    )


def _ages(ages: Ages) -> rpc.Ages:
    bounds = []
    for bound in AGES:
        duration = Duration()
        duration.FromTimedelta(bound)
        bounds.append(duration)
    return rpc.Ages(upper_bounds=bounds, counts=ages.counts)

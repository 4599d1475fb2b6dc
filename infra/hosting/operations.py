"""What each service answers about itself: its access log, its parked work, and an operator's wishes about that."""

from collections.abc import Iterable
from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp
from tenet.operations.v1 import operations_pb2 as pb

from contracts.errors import NotFound
from infra.auth.access_log import AccessLog, AccessRecord
from infra.grpc import Hosted
from infra.grpc.context import Context
from infra.read_database import operations
from infra.read_database.operations import Parked
from infra.read_database.read_side import ReadSide

DEFAULT_RECORDS = 100


class ProjectionUnknown(NotFound):
    """This service has no view of that name."""

    reason = "PROJECTION_UNKNOWN"


class OperationsServicer:
    """Answers `OperationsReadService` and `OperationsAdminService` for one service's process."""

    def __init__(self, access_log: AccessLog, read_side: ReadSide) -> None:
        self._access_log = access_log
        self._database = read_side.database
        self._views = {view.NAME: view for view in read_side.views}

    async def ListAccessRecords(
        self, request: pb.ListAccessRecordsRequest, context: Context
    ) -> pb.ListAccessRecordsResponse:
        records = await self._access_log.read(
            context.call.tenant_id, request.from_number, request.limit or DEFAULT_RECORDS
        )
        return pb.ListAccessRecordsResponse(
            records=[_access_record(record) for record in records],
            next_number=records[-1].number + 1 if records else request.from_number,
        )

    async def ListParkedWork(self, request: pb.ListParkedWorkRequest, context: Context) -> pb.ListParkedWorkResponse:
        parked = await operations.parked_work(self._database, context.tenants)
        return pb.ListParkedWorkResponse(work=[_parked_work(each) for each in parked])

    async def RetryParkedWork(self, request: pb.RetryParkedWorkRequest, context: Context) -> pb.RetryParkedWorkResponse:
        tenant_id, name = context.call.tenant_id, request.name
        match pb.WorkKind.Name(request.kind):
            case "WORK_KIND_PROJECTION":
                retried = await operations.retry_projection(self._database, name, tenant_id)
            case "WORK_KIND_POLICY":
                retried = int(await operations.retry_policy(self._database, name, tenant_id))
            case _:
                retried = await operations.retry_timers(self._database, name, tenant_id)
        return pb.RetryParkedWorkResponse(retried=retried)

    async def RebuildProjection(
        self, request: pb.RebuildProjectionRequest, context: Context
    ) -> pb.RebuildProjectionResponse:
        view = self._views.get(request.projection)
        if view is None:
            raise ProjectionUnknown(f"This service has no view {request.projection}: {', '.join(self._views)}.")
        await operations.rebuild_projection(self._database, view, [context.call.tenant_id])
        return pb.RebuildProjectionResponse()


def operations_of(access_log: AccessLog, read_side: ReadSide) -> Iterable[Hosted]:
    """The gRPC services that every service's process serves beside its own."""
    servicer = OperationsServicer(access_log, read_side)
    yield Hosted.of(pb, "OperationsReadService", servicer)
    yield Hosted.of(pb, "OperationsAdminService", servicer)


def _access_record(record: AccessRecord) -> pb.AccessRecord:
    return pb.AccessRecord(
        number=record.number,
        first_at=_timestamp(record.first_at),
        last_at=_timestamp(record.last_at),
        principal_id=record.person,
        subject=record.subject,
        purpose=record.purpose,
        outcome=record.outcome,
        times=record.times,
        previous_hash=record.previous_hash,
        record_hash=record.record_hash,
    )


def _parked_work(parked: Parked) -> pb.ParkedWork:
    return pb.ParkedWork(
        kind=pb.WorkKind.Value(f"WORK_KIND_{parked.work.upper()}"),
        name=parked.name,
        tenant_id=parked.tenant_id,
        entry_position=parked.position,
        reason=parked.reason,
        detail=parked.detail,
    )


def _timestamp(time: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(time)
    return stamp

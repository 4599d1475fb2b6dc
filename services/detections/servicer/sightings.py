"""SightingsReadService and SightingsWriteService: what customers share of what was sighted, without their names."""

from collections.abc import Callable
from datetime import datetime

from tenet.detections.v1 import detections_sightings_read_pb2 as read
from tenet.detections.v1 import detections_sightings_write_pb2 as write

from contracts.events.intelligence import SightingSubject
from infra.grpc import Context
from services.detections.application.intelligence.sharing import SharingSightings
from services.detections.servicer.wire import timestamp

SUBJECTS = {kind: read.SightingSubject.Value(f"SIGHTING_SUBJECT_{kind.name}") for kind in SightingSubject}


class SightingsReadServicer:
    def __init__(self, sharing: SharingSightings, clock: Callable[[], datetime]) -> None:
        self._sharing, self._clock = sharing, clock

    async def ListSightings(self, request: read.ListSightingsRequest, context: Context) -> read.ListSightingsResponse:
        now = self._clock()
        at = request.at_position if request.HasField("at_position") else None
        state = await self._sharing.sharing_of(context.call.tenant_id, at)
        return read.ListSightingsResponse(
            joined=state.joined,
            sightings=[
                read.ReportedSightings(
                    subject_kind=SUBJECTS[each.subject_kind],
                    subject_id=each.subject_id,
                    at_least=each.at_least,
                    bucket_at=timestamp(each.bucket_at),
                    current_until=timestamp(each.current_until),
                    current=now < each.current_until,
                )
                for each in sorted(state.reported.values(), key=lambda each: (each.bucket_at, each.subject_id))
                if request.include_ended or now < each.current_until
            ],
        )


class SightingsWriteServicer:
    def __init__(self, sharing: SharingSightings) -> None:
        self._sharing = sharing

    async def JoinSightingSharing(
        self, _request: write.JoinSightingSharingRequest, context: Context
    ) -> write.JoinSightingSharingResponse:
        committed = await self._sharing.join_sighting_sharing(context.call)
        return write.JoinSightingSharingResponse(position=committed.position)

    async def LeaveSightingSharing(
        self, _request: write.LeaveSightingSharingRequest, context: Context
    ) -> write.LeaveSightingSharingResponse:
        committed = await self._sharing.leave_sighting_sharing(context.call)
        return write.LeaveSightingSharingResponse(position=committed.position)

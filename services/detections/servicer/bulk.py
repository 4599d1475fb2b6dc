"""DetectionsBulkWriteService: one person's verdict on several detections, each recorded for itself."""

from dataclasses import replace

from tenet.detections.v1 import detections_bulk_write_pb2 as rpc

from contracts.errors import Kind, TenetError
from contracts.ids import derive_id
from infra.grpc import Context
from services.detections.application.triage import Triage
from services.detections.domain.commands import ValidateDetection
from services.detections.servicer.wire import VERDICTS, named, sight

_OF_ONE = frozenset({Kind.INVALID_ARGUMENT, Kind.NOT_FOUND, Kind.FAILED_PRECONDITION, Kind.PERMISSION_DENIED})
"""Refusals that concern one detection; anything else ends the call, and a retry goes on from where it was."""


class DetectionsBulkWriteServicer:
    def __init__(self, triage: Triage) -> None:
        self._triage = triage

    async def ValidateDetections(
        self, request: rpc.ValidateDetectionsRequest, context: Context
    ) -> rpc.ValidateDetectionsResponse:
        outcomes = [await self._validate(request, detection_id, context) for detection_id in request.detection_ids]
        positions = [each.position for each in outcomes if each.HasField("position")]
        return rpc.ValidateDetectionsResponse(outcomes=outcomes, position=max(positions, default=None))

    async def _validate(
        self, request: rpc.ValidateDetectionsRequest, detection_id: str, context: Context
    ) -> rpc.BulkOutcome:
        # A retry of the whole finds each of its verdicts under the same request again.
        call = replace(context.call, request_id=derive_id("request", request.request_id, detection_id))
        command = ValidateDetection(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            detection_id=detection_id,
            verdict=named(VERDICTS, request.verdict),
            confidence_percent=request.confidence_percent,
            rationale=request.rationale,
            seen=tuple(sight(each) for each in request.seen),
        )
        try:
            committed = await self._triage.validate_detection(call, command)
        except TenetError as error:
            if error.kind not in _OF_ONE:
                raise
            return rpc.BulkOutcome(
                detection_id=detection_id, refused_reason=error.reason, refused_message=error.message
            )
        return rpc.BulkOutcome(detection_id=detection_id, position=committed.position)

"""DetectionsWriteService: the decisions of people."""

from tenet.detections.v1 import detections_write_pb2 as rpc

from contracts.labels import Label
from infra.grpc import Context
from services.detections.application.triage import Triage
from services.detections.domain.commands import (
    ClaimDetection,
    FileCustomerReport,
    ReleaseDetection,
    ValidateCustomerReport,
    ValidateDetection,
    WithdrawCustomerReportValidation,
    WithdrawDetectionValidation,
)
from services.detections.servicer.wire import LABELS, VERDICTS, evidence_input, named, sight


class DetectionsWriteServicer:
    def __init__(self, triage: Triage) -> None:
        self._triage = triage

    async def ClaimDetection(self, request: rpc.ClaimDetectionRequest, context: Context) -> rpc.ClaimDetectionResponse:
        command = ClaimDetection(
            tenant_id=context.call.tenant_id, request_id=request.request_id, detection_id=request.detection_id
        )
        return rpc.ClaimDetectionResponse(position=(await self._triage.claim_detection(context.call, command)).position)

    async def ReleaseDetection(
        self, request: rpc.ReleaseDetectionRequest, context: Context
    ) -> rpc.ReleaseDetectionResponse:
        command = ReleaseDetection(
            tenant_id=context.call.tenant_id, request_id=request.request_id, detection_id=request.detection_id
        )
        committed = await self._triage.release_detection(context.call, command)
        return rpc.ReleaseDetectionResponse(position=committed.position)

    async def ValidateDetection(
        self, request: rpc.ValidateDetectionRequest, context: Context
    ) -> rpc.ValidateDetectionResponse:
        command = ValidateDetection(
            tenant_id=context.call.tenant_id,
            request_id=request.request_id,
            detection_id=request.detection_id,
            verdict=named(VERDICTS, request.verdict),
            confidence_percent=request.confidence_percent,
            rationale=request.rationale,
            evidence=tuple(evidence_input(each) for each in request.evidence),
            seen=tuple(sight(each) for each in request.seen),
            duplicate_of=request.duplicate_of if request.HasField("duplicate_of") else None,
        )
        committed = await self._triage.validate_detection(context.call, command)
        return rpc.ValidateDetectionResponse(position=committed.position)

    async def WithdrawDetectionValidation(
        self, request: rpc.WithdrawDetectionValidationRequest, context: Context
    ) -> rpc.WithdrawDetectionValidationResponse:
        command = WithdrawDetectionValidation(
            tenant_id=context.call.tenant_id,
            request_id=request.request_id,
            detection_id=request.detection_id,
            validation_position=request.validation_position,
            reason=request.reason,
        )
        committed = await self._triage.withdraw_detection_validation(context.call, command)
        return rpc.WithdrawDetectionValidationResponse(position=committed.position)

    async def FileCustomerReport(
        self, request: rpc.FileCustomerReportRequest, context: Context
    ) -> rpc.FileCustomerReportResponse:
        command = FileCustomerReport(
            tenant_id=context.call.tenant_id,
            request_id=request.request_id,
            severity_id=request.severity_id,
            asset_ids=tuple(request.asset_ids),
            summary=request.summary,
            label=named(LABELS, request.label) if request.label else Label.AMBER,
        )
        customer_report_id, committed = await self._triage.file_customer_report(context.call, command)
        return rpc.FileCustomerReportResponse(customer_report_id=customer_report_id, position=committed.position)

    async def ValidateCustomerReport(
        self, request: rpc.ValidateCustomerReportRequest, context: Context
    ) -> rpc.ValidateCustomerReportResponse:
        command = ValidateCustomerReport(
            tenant_id=context.call.tenant_id,
            request_id=request.request_id,
            customer_report_id=request.customer_report_id,
            verdict=named(VERDICTS, request.verdict),
            confidence_percent=request.confidence_percent,
            rationale=request.rationale,
            evidence=tuple(evidence_input(each) for each in request.evidence),
            seen=tuple(sight(each) for each in request.seen),
        )
        committed = await self._triage.validate_customer_report(context.call, command)
        return rpc.ValidateCustomerReportResponse(position=committed.position)

    async def WithdrawCustomerReportValidation(
        self, request: rpc.WithdrawCustomerReportValidationRequest, context: Context
    ) -> rpc.WithdrawCustomerReportValidationResponse:
        command = WithdrawCustomerReportValidation(
            tenant_id=context.call.tenant_id,
            request_id=request.request_id,
            customer_report_id=request.customer_report_id,
            validation_position=request.validation_position,
            reason=request.reason,
        )
        committed = await self._triage.withdraw_customer_report_validation(context.call, command)
        return rpc.WithdrawCustomerReportValidationResponse(position=committed.position)

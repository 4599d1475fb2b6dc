"""ReportingWriteService: one command an RPC."""

from tenet.reporting.v1 import reporting_write_pb2 as rpc

from infra.grpc import Context
from services.reporting.application import Reports
from services.reporting.domain.commands import ConfirmReport, DisputeReport, PublishReport
from services.reporting.servicer.wire import AUDIENCES, named, period_of


class ReportingWriteServicer:
    def __init__(self, reports: Reports) -> None:
        self._reports = reports

    async def PublishReport(self, request: rpc.PublishReportRequest, context: Context) -> rpc.PublishReportResponse:
        call = context.call
        published = await self._reports.publish_report(
            call,
            PublishReport(
                tenant_id=call.tenant_id,
                request_id=call.request_id,
                period=period_of(request),
                time_zone=request.time_zone or None,
                as_of_position=request.as_of_position if request.HasField("as_of_position") else None,
                audience=named(AUDIENCES, request.audience),
                title=request.title or None,
            ),
        )
        return rpc.PublishReportResponse(
            report_id=published.event.report_id,
            model_sha256=published.event.model_sha256,
            as_of_position=published.event.as_of_position,
            position=published.committed.position,
        )

    async def ConfirmReport(self, request: rpc.ConfirmReportRequest, context: Context) -> rpc.ConfirmReportResponse:
        call = context.call
        committed = await self._reports.confirm_report(
            call,
            ConfirmReport(
                tenant_id=call.tenant_id,
                request_id=call.request_id,
                report_id=request.report_id,
                comment=request.comment or None,
            ),
        )
        return rpc.ConfirmReportResponse(position=committed.position)

    async def DisputeReport(self, request: rpc.DisputeReportRequest, context: Context) -> rpc.DisputeReportResponse:
        call = context.call
        committed = await self._reports.dispute_report(
            call,
            DisputeReport(
                tenant_id=call.tenant_id,
                request_id=call.request_id,
                report_id=request.report_id,
                figure=request.figure,
                reason=request.reason,
            ),
        )
        return rpc.DisputeReportResponse(position=committed.position)

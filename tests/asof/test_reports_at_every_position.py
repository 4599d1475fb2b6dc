"""Reports at every position of a history, and the figures of a report, which nothing that is recorded later changes."""

from tenet.reporting.v1 import reporting_read_pb2 as read
from tenet.reporting.v1 import reporting_write_pb2 as write
from tenet.reporting.v1 import reporting_write_pb2_grpc

from contracts.ids import TenantId
from infra.read_database.reader.queries import Reader
from services.reporting.projections import VIEWS
from tests.asof.every_position import holds_at_every_position
from tests.fixtures.platform import request_id
from tests.services.reporting.conftest import world as reports  # noqa: F401  # A fixture of these tests too.
from tests.services.reporting.test_reporting_service import quiet_month, quiet_month_later
from tests.services.reporting.world import ReportingWorld


async def test_reports_their_restatements_and_what_the_customer_said(reports: ReportingWorld) -> None:  # noqa: F811
    await reports.record(*quiet_month(reports))
    first = await reports.publish()
    await reports.record(*quiet_month_later())
    second = await reports.publish()
    stub = reports.approver.stub(reporting_write_pb2_grpc.ReportingWriteServiceStub)
    named = {"tenant_id": reports.tenant_id, "report_id": first.report_id}
    await reports.approver.call(
        stub.ConfirmReport, write.ConfirmReportRequest(request_id=request_id(), comment="Agreed", **named)
    )
    disputed = await reports.approver.call(
        stub.DisputeReport,
        write.DisputeReportRequest(
            request_id=request_id(), figure="funnel.detections", reason="We count two.", **named
        ),
    )
    tenant_id = TenantId(reports.tenant_id)
    reader = Reader(reports.foundation.database, VIEWS)
    await reader.waited(tenant_id, disputed.position, None)
    assert await holds_at_every_position(reader, reports.foundation.ledger.feed, VIEWS, tenant_id) > 10

    for made in (first, second):
        rebuilt = await reports.analyst.call(
            reports.read.RebuildReport,
            read.RebuildReportRequest(tenant_id=reports.tenant_id, report_id=made.report_id),
        )
        assert rebuilt.equal, "what was recorded after a report shows in its figures"
    before = await reports.analyst.call(
        reports.read.GetReport, read.GetReportRequest(at_position=second.position, **named)
    )
    assert (before.sight.position, list(before.report.confirmations)) == (second.position, [])

"""The reporting service through its public interface."""

import hashlib
import json
from typing import Any

import pytest
from tenet.common.v1 import common_pb2 as common
from tenet.reporting.v1 import reporting_pb2 as pb
from tenet.reporting.v1 import reporting_read_pb2 as read
from tenet.reporting.v1 import reporting_read_pb2_grpc, reporting_write_pb2_grpc
from tenet.reporting.v1 import reporting_write_pb2 as write

from contracts.events.base import Event
from contracts.events.subjects import Verdict
from infra.grpc import RemoteError
from tests.fixtures.platform import request_id
from tests.services.reporting import clinic
from tests.services.reporting.history import History
from tests.services.reporting.world import ReportingWorld


class _Collected(History):
    """Collects events as they are made, before anything is sealed."""

    def record(self, stream: str, event: Event, *_: Any, **__: Any) -> int:
        self.entries.append((stream, event))  # type: ignore[arg-type]  # Not recorded yet.
        return len(self.entries) - 1


def quiet_month(world: ReportingWorld) -> list[tuple[str, Event]]:
    history = _Collected()
    history.at = world.foundation.clock()
    clinic.asset(history, "asset-1")
    clinic.sensor(history, asset_id="asset-1")
    clinic.telemetry(history)
    for number in range(3):
        clinic.detection(history, f"detection-{number}")
    clinic.verdict(history, "detection-0", Verdict.FALSE_POSITIVE)
    clinic.finding(history, "finding-1")
    return history.entries  # type: ignore[return-value]  # As collected above.


async def test_a_published_report_is_kept_by_its_hash_and_can_be_built_again_byte_for_byte(
    world: ReportingWorld,
) -> None:
    await world.record(*quiet_month(world))
    request = world.request(world.foundation.clock())
    made = await world.analyst.call(world.write.PublishReport, request)
    assert await world.analyst.call(world.write.PublishReport, request) == made

    shown = await world.shown(made.report_id, made.position)
    assert hashlib.sha256(shown.model).hexdigest() == made.model_sha256 == shown.report.model_sha256
    assert json.loads(shown.model)["as_of"]["position"] == made.as_of_position == made.position - 1
    assert shown.report.time_zone == "Europe/Zurich"

    await world.record(*quiet_month_later())
    rebuilt = await world.analyst.call(
        world.read.RebuildReport,
        read.RebuildReportRequest(tenant_id=world.tenant_id, report_id=made.report_id),
    )
    assert rebuilt.equal
    assert rebuilt.model == shown.model


async def test_a_figure_leads_back_to_its_entries(world: ReportingWorld) -> None:
    await world.record(*quiet_month(world))
    made = await world.publish()
    seen: list[read.Entry] = []
    token = ""
    while True:
        asked = read.DrillFigureRequest(
            tenant_id=world.tenant_id,
            report_id=made.report_id,
            figure="funnel.detections",
            page=common.PageRequest(page_size=2, page_token=token),
        )
        answer = await world.analyst.call(world.read.DrillFigure, asked)
        seen += answer.entries
        token = answer.page.next_page_token
        if not token:
            break
    assert answer.total == len(seen) == json.loads(answer.figure)["value"] == 3
    assert {entry.topic for entry in seen} == {"tenet.detections.DetectionRaised"}
    assert seen[0].headline == "Detection raised: Rule shadow-copies"
    with pytest.raises(RemoteError) as refused:
        asked.figure = "funnel.nothing"
        await world.analyst.call(world.read.DrillFigure, asked)
    assert refused.value.reason == "FIGURE_UNKNOWN"


async def test_a_rendering_opens_words_for_its_audience(world: ReportingWorld) -> None:
    await world.record(*quiet_month(world))
    made = await world.publish(title="Report for the board")
    asked = read.RenderReportRequest(tenant_id=world.tenant_id, report_id=made.report_id)
    html = (await world.analyst.call(world.read.RenderReport, asked)).html.decode()
    assert html.startswith("<!doctype html>")
    assert "Report for the board" in html
    assert made.model_sha256 in html

    public = await world.publish(audience=pb.AUDIENCE_PUBLIC)
    asked.report_id = public.report_id
    assert "ward-7" not in (await world.analyst.call(world.read.RenderReport, asked)).html.decode()


async def test_the_customer_confirms_or_disputes_and_both_stay_on_record(world: ReportingWorld) -> None:
    await world.record(*quiet_month(world))
    made = await world.publish()
    stub = world.approver.stub(reporting_write_pb2_grpc.ReportingWriteServiceStub)
    await world.approver.call(
        stub.ConfirmReport,
        write.ConfirmReportRequest(
            tenant_id=world.tenant_id, request_id=request_id(), report_id=made.report_id, comment="Agreed"
        ),
    )
    dispute = write.DisputeReportRequest(
        tenant_id=world.tenant_id,
        request_id=request_id(),
        report_id=made.report_id,
        figure="funnel.nothing",
        reason="We count two.",
    )
    with pytest.raises(RemoteError) as refused:
        await world.approver.call(stub.DisputeReport, dispute)
    assert refused.value.reason == "FIGURE_UNKNOWN"
    dispute.figure = "funnel.detections"
    disputed = await world.approver.call(stub.DisputeReport, dispute)
    report = (await world.shown(made.report_id, disputed.position)).report
    assert report.standing == pb.REPORT_STANDING_DISPUTED
    assert [each.comment.value for each in report.confirmations] == ["Agreed"]
    assert [(each.figure, each.reason.value) for each in report.disputes] == [("funnel.detections", "We count two.")]

    again = await world.publish()
    model = json.loads((await world.shown(again.report_id, again.position)).model)
    assert [reply["figure"] for reply in model["replies"]] == [None, "funnel.detections"]
    asked = read.RenderReportRequest(tenant_id=world.tenant_id, report_id=again.report_id)
    html = (await world.approver.call(world.approver_reads.RenderReport, asked)).html.decode()
    assert "of Security report" in html
    assert "by Somebody " in html

    public = await world.publish(audience=pb.AUDIENCE_COMMUNITY)
    asked.report_id = public.report_id
    html = (await world.analyst.call(world.read.RenderReport, asked)).html.decode()
    assert "Somebody" not in html


async def test_who_confirms_twice_has_confirmed_once_until_somebody_disputes(world: ReportingWorld) -> None:
    await world.record(*quiet_month(world))
    made = await world.publish()
    stub = world.approver.stub(reporting_write_pb2_grpc.ReportingWriteServiceStub)
    named = {"tenant_id": world.tenant_id, "report_id": made.report_id}

    async def confirmed(comment: str = "") -> int:
        request = write.ConfirmReportRequest(**named, request_id=request_id(), comment=comment)
        position = (await world.approver.call(stub.ConfirmReport, request)).position
        return len((await world.shown(made.report_id, position)).report.confirmations)

    assert [await confirmed(), await confirmed(), await confirmed("And thank you")] == [1, 1, 2]
    dispute = write.DisputeReportRequest(
        **named, request_id=request_id(), figure="funnel.detections", reason="We count two."
    )
    await world.approver.call(stub.DisputeReport, dispute)
    assert [await confirmed(), await confirmed()] == [3, 3]


async def test_publishing_again_restates_the_earlier_report_and_rebuilds_too(world: ReportingWorld) -> None:
    await world.record(*quiet_month(world))
    first = await world.publish()
    await world.record(*quiet_month_later())
    second = await world.publish()
    shown = await world.shown(second.report_id, second.position)
    assert shown.report.restates_report_id == first.report_id
    changed = {item["figure"]: item["difference"] for item in json.loads(shown.model)["restates"]["figures"]}
    assert changed["funnel.detections"] == 1
    rebuilt = await world.analyst.call(
        world.read.RebuildReport,
        read.RebuildReportRequest(tenant_id=world.tenant_id, report_id=second.report_id),
    )
    assert rebuilt.equal


async def test_a_customer_reads_and_lists_reports_but_publishes_none(world: ReportingWorld) -> None:
    await world.record(*quiet_month(world))
    made = await world.publish()
    stub = world.approver.stub(reporting_read_pb2_grpc.ReportingReadServiceStub)
    asked = read.ListReportsRequest(tenant_ids=[world.tenant_id], min_position=made.position)
    listed = await world.approver.call(stub.ListReports, asked)
    assert [report.report_id for report in listed.reports] == [made.report_id]
    writes = world.approver.stub(reporting_write_pb2_grpc.ReportingWriteServiceStub)
    with pytest.raises(RemoteError) as refused:
        await world.approver.call(writes.PublishReport, world.request(world.foundation.clock()))
    assert refused.value.reason == "ROLE_MISSING"


async def test_what_cannot_be_reported_is_refused_with_its_reason(world: ReportingWorld) -> None:
    now = world.foundation.clock()
    for more, reason in (
        ({}, "LEDGER_EMPTY"),
        ({"time_zone": "Europe/Nowhere"}, "TIME_ZONE_UNKNOWN"),
        ({"as_of_position": 10**9}, "POSITION_BEYOND_HEAD"),
        ({"month": write.Month(year=now.year + 1, month=1)}, "PERIOD_NOT_BEGUN"),
    ):
        if reason != "LEDGER_EMPTY":
            await world.record(*quiet_month_later(reason.lower()))
        with pytest.raises(RemoteError) as refused:
            await world.publish(**more)
        assert refused.value.reason == reason
    with pytest.raises(RemoteError) as refused:
        await world.shown("report-nobody", 0)
    assert refused.value.reason == "REPORT_UNKNOWN"


def quiet_month_later(name: str = "detection-late") -> list[tuple[str, Event]]:
    history = _Collected()
    clinic.detection(history, name)
    return history.entries  # type: ignore[return-value]  # As collected above.

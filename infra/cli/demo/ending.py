"""The end of the play: what happened per tenant, the reports, and what each kind of person can look at now."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from tenet.cases.v1 import cases_pb2 as cases
from tenet.cases.v1 import cases_read_pb2 as cases_read
from tenet.detections.v1 import detections_pb2 as detections
from tenet.detections.v1 import detections_read_pb2 as detections_read
from tenet.ledger.v1 import ledger_read_pb2 as ledger
from tenet.reporting.v1 import reporting_pb2 as reporting
from tenet.reporting.v1 import reporting_read_pb2 as reporting_read
from tenet.reporting.v1 import reporting_write_pb2 as reporting_write

from infra.cli.demo.casework import ANALYST, Casework
from infra.cli.demo.cast import Customer
from infra.cli.demo.stage import Stage, all_at_once
from infra.cli.paging import every

AUDITOR = "audrey"


@dataclass(frozen=True, slots=True)
class Figures:
    """What happened at one tenant, read back through the API."""

    tenant_id: str
    entries: int
    detections: int
    judged: int
    cases: int
    closed: int
    dispatched: int
    verified: int
    not_verified: int
    reversed: int
    notices: int
    refusals: int


@dataclass(frozen=True, slots=True)
class Published:
    tenant_id: str
    report_id: str
    page: Path
    model: Path


async def figures(stage: Stage, tenant_id: str) -> Figures:
    session = await stage.session(ANALYST)
    head = await session.ask(ledger.GetHeadRequest(tenant_id=tenant_id), ledger.GetHeadResponse)
    found = (
        await every(
            session,
            detections_read.ListDetectionsRequest(tenant_ids=[tenant_id]),
            detections_read.ListDetectionsResponse,
        )
    ).detections
    worked = (
        await every(session, cases_read.ListCasesRequest(tenant_ids=[tenant_id]), cases_read.ListCasesResponse)
    ).cases
    actions = (
        await every(session, cases_read.ListActionsRequest(tenant_ids=[tenant_id]), cases_read.ListActionsResponse)
    ).actions
    notices = (
        await every(session, cases_read.ListNoticesRequest(tenant_ids=[tenant_id]), cases_read.ListNoticesResponse)
    ).notices
    events = [{stage.event for stage in action.stages} for action in actions]
    return Figures(
        tenant_id=tenant_id,
        entries=head.next_position,
        detections=len(found),
        judged=sum(each.state == detections.TRIAGE_STATE_VALIDATED for each in found),
        cases=len(worked),
        closed=sum(each.status == cases.CASE_STATUS_CLOSED for each in worked),
        dispatched=sum("ActionDispatched" in stages for stages in events),
        verified=sum("ActionVerified" in stages for stages in events),
        not_verified=sum("ActionVerificationFailed" in stages for stages in events),
        reversed=sum(each.status == cases.ACTION_STATUS_REVERSED for each in actions),
        notices=len(notices),
        refusals=sum(refusal.tenant_id == tenant_id for refusal in stage.refusals),
    )


async def publish_all(stage: Stage, customers: Sequence[Customer], directory: Path) -> list[Published]:
    """Each tenant's report on this month, published by the lead, rendered for a person of the customer."""
    directory.mkdir(parents=True, exist_ok=True)
    return await all_at_once([_publish(stage, customer, directory) for customer in customers], at_most=2)


async def _publish(stage: Stage, customer: Customer, directory: Path) -> Published:
    month = datetime.now(UTC).astimezone(ZoneInfo(customer.time_zone))
    request = reporting_write.PublishReportRequest(
        tenant_id=customer.tenant_id,
        month=reporting_write.Month(year=month.year, month=month.month),
        audience=reporting.AUDIENCE_CUSTOMER,
    )
    published = await stage.ask("lena", request, reporting_write.PublishReportResponse)
    reader, name = customer.approvers()[0], f"{customer.tenant_id}-{month:%Y-%m}"
    asked = reporting_read.RenderReportRequest(tenant_id=customer.tenant_id, report_id=published.report_id)
    rendered = await stage.ask(reader, asked, reporting_read.RenderReportResponse)
    wanted = reporting_read.GetReportRequest(tenant_id=customer.tenant_id, report_id=published.report_id)
    model = await stage.ask(reader, wanted, reporting_read.GetReportResponse)
    page, values = directory / f"{name}.html", directory / f"{name}.json"
    page.write_bytes(rendered.html)
    values.write_bytes(model.model)
    return Published(customer.tenant_id, published.report_id, page, values)


async def suggestions(case: Casework, published: Iterable[Published], customer: Customer) -> dict[str, list[list[str]]]:
    """Commands that work on the reopened demonstration, for each kind of person; without the program's name."""
    tenant_id, person = customer.tenant_id, customer.approvers()[0]
    report = next(each for each in published if each.tenant_id == tenant_id)
    shown = await case.look()
    decided = shown.case.plan.decided.position
    of_tenant = ["--tenant", tenant_id]
    return {
        "the analyst": [
            ["queue", "--as", ANALYST],
            ["case", "show", case.case_id, *of_tenant, "--as", ANALYST],
            ["action", "list", *of_tenant, "--as", ANALYST],
            ["oncall", "overview", "--as", ANALYST],
        ],
        "the customer": [
            ["case", "list", "--as", person],
            ["report", "render", report.report_id, *of_tenant, "-o", f"{tenant_id}.html", "--as", person],
            ["report", "confirm", report.report_id, *of_tenant, "--comment", "As we saw it.", "--as", person],
        ],
        "the auditor": [
            ["case", "show", case.case_id, *of_tenant, "--at", str(decided), "--as", AUDITOR],
            ["ledger", "read", *of_tenant, "--from", str(decided), "--limit", "5", "--as", AUDITOR],
            ["report", "rebuild", report.report_id, *of_tenant, "--as", AUDITOR],
        ],
    }

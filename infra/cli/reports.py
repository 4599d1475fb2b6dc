"""`tenet report …`: publish, read, render, confirm, dispute; and the way back from a figure to its entries."""

import json
import re
from pathlib import Path
from typing import Any

import typer
from tenet.reporting.v1 import reporting_pb2 as pb
from tenet.reporting.v1 import reporting_read_pb2 as read
from tenet.reporting.v1 import reporting_write_pb2 as write

from infra.cli.as_of import At, position_of, position_of_one
from infra.cli.connection import As, Json, Server, TenantOption, TenantsOption, call, tenant
from infra.cli.names import names_for
from infra.cli.output import plain, say, show_json, show_pairs, show_table
from infra.cli.paging import every
from infra.cli.problems import Problem, UsageProblem
from infra.cli.session import Session
from infra.cli.words import moment, time_of, value_of, word

app = typer.Typer(no_args_is_help=True, help="Reports, whose every figure leads back to the ledger.")
Identifier = typer.Argument(..., metavar="REPORT", help="An identifier of `report list`.")
_MONTH = re.compile(r"^(\d{4})-(\d{2})$")


@app.command("publish")
def publish(
    tenant_id: TenantOption,
    month: str = typer.Option("", "--month", help="YYYY-MM in the tenant's time zone."),
    start: str = typer.Option("", "--from", help="Or a period from a time …"),
    end: str = typer.Option("", "--to", help="… to a time."),
    audience: str = typer.Option("customer", "--audience", help="investigators, customer, customer_partners, …"),
    as_of: int | None = typer.Option(None, "--as-of", min=0, help="As of this position; the head when left out."),
    title: str = typer.Option("", "--title", help="Clear text, without names of people."),
    who: As = "",
    server: Server = "",
) -> None:
    """Derive a report from the ledger, and publish it."""

    async def work(session: Session) -> None:
        request = write.PublishReportRequest(
            tenant_id=tenant(tenant_id),
            audience=value_of(pb.Audience, audience, what="audience"),
            as_of_position=as_of,
            title=title,
        )
        _set_period(request, month, start, end)
        answer = await session.ask(request, write.PublishReportResponse, deadline=300)
        show_pairs(
            [
                ("report", answer.report_id),
                ("as of position", answer.as_of_position),
                ("sha256 of its model", answer.model_sha256),
            ]
        )

    call(work, who, server)


def _set_period(request: write.PublishReportRequest, month: str, start: str, end: str) -> None:
    found = _MONTH.match(month)
    if found and not (start or end):
        request.month.year, request.month.month = int(found[1]), int(found[2])
    elif start and end and not month:
        request.bounds.period_from.CopyFrom(moment(start))
        request.bounds.period_to.CopyFrom(moment(end))
    else:
        raise UsageProblem("Name either --month YYYY-MM, or --from and --to.")


@app.command("list")
def list_reports(
    tenants: TenantsOption = None, at: At = "", as_json: Json = False, who: As = "", server: Server = ""
) -> None:
    """Published reports, the latest first."""

    async def work(session: Session) -> None:
        then = await position_of_one(session, tenants, at)
        request = read.ListReportsRequest(tenant_ids=tenants, at_position=then)
        found = await every(session, request, read.ListReportsResponse)
        if as_json:
            show_json(found)
            return
        show_table(
            ("tenant", "title", "as of>", "audience", "standing", "report!"),
            [
                (
                    r.tenant_id,
                    r.title,
                    r.as_of_position,
                    word(pb.Audience, r.audience),
                    word(pb.ReportStanding, r.standing),
                    r.report_id,
                )
                for r in found.reports
            ],
            empty="No report.",
        )

    call(work, who, server)


@app.command("show")
def show(
    tenant_id: TenantOption,
    report_id: str = Identifier,
    model: bool = typer.Option(False, "--model", help="Print the canonical JSON model, byte for byte."),
    at: At = "",
    as_json: Json = False,
    who: As = "",
    server: Server = "",
) -> None:
    """A report's figures."""

    async def work(session: Session) -> None:
        then = await position_of(session, tenant(tenant_id), at)
        request = read.GetReportRequest(tenant_id=tenant_id, report_id=report_id, at_position=then)
        answer = await session.ask(request, read.GetReportResponse)
        if model:
            typer.echo(answer.model.decode(), nl=False)
            return
        if as_json:
            show_json({"report": plain(answer.report), "model": json.loads(answer.model)})
            return
        report = answer.report
        show_pairs(
            [
                ("title", report.title),
                ("period", f"{time_of(report.period_from)} to {time_of(report.period_to)}, {report.time_zone}"),
                ("as of", f"position {report.as_of_position}, model {report.model_sha256}"),
                ("standing", word(pb.ReportStanding, report.standing)),
            ]
        )
        content = json.loads(answer.model)
        figures = [figure for section in content["sections"] for figure in section["figures"]]
        rows = [(figure["label"], _value(figure), figure["id"]) for figure in figures]
        say("")
        show_table(("what", "value>", "figure"), rows)

    call(work, who, server)


def _value(figure: dict[str, Any]) -> str:
    """The figure's value with its unit, to the digit; `--model` has it as it is kept. Of durations it is the median."""
    value = figure.get("value")
    match figure["unit"]:
        case _ if value is None:
            return "not known"
        case "milliseconds":
            return f"{'half within ' if 'p50' in figure else ''}{value / 1_000:,.3f} s"
        case "permille":
            return f"{value / 10:.1f} %"
        case "bytes":
            return f"{value:,} B"
        case _:
            return f"{value:,}"


@app.command("render")
def render(
    tenant_id: TenantOption,
    report_id: str = Identifier,
    output: Path = typer.Option(..., "--output", "-o", metavar="FILE", help="Where the page goes."),
    who: As = "",
    server: Server = "",
) -> None:
    """A report as one self-contained HTML page, with what you may see."""

    async def work(session: Session) -> None:
        request = read.RenderReportRequest(tenant_id=tenant(tenant_id), report_id=report_id)
        page = (await session.ask(request, read.RenderReportResponse)).html
        try:
            output.write_bytes(page)
        except OSError as error:
            raise Problem("NOT_WRITTEN", f"{output} cannot be written: {error}.") from error
        say(f"Written: {output} ({len(page):,} bytes).")

    call(work, who, server)


@app.command("confirm")
def confirm(
    tenant_id: TenantOption,
    report_id: str = Identifier,
    comment: str = typer.Option("", "--comment", help="Sealed."),
    who: As = "",
    server: Server = "",
) -> None:
    """The customer says that the report is right."""

    async def work(session: Session) -> None:
        request = write.ConfirmReportRequest(tenant_id=tenant(tenant_id), report_id=report_id, comment=comment)
        await session.ask(request, write.ConfirmReportResponse)
        say("Confirmed.")

    call(work, who, server)


@app.command("dispute")
def dispute(
    tenant_id: TenantOption,
    report_id: str = Identifier,
    figure: str = typer.Argument(..., metavar="FIGURE", help="Its name: ./tenet report show lists them."),
    reason: str = typer.Option(..., "--reason", help="Sealed."),
    who: As = "",
    server: Server = "",
) -> None:
    """The customer disagrees with a figure; both stay on record."""

    async def work(session: Session) -> None:
        request = write.DisputeReportRequest(
            tenant_id=tenant(tenant_id), report_id=report_id, figure=figure, reason=reason
        )
        answer = await session.ask(request, write.DisputeReportResponse)
        say(f"Disputed, at position {answer.position}.")

    call(work, who, server)


@app.command("drill")
def drill(
    tenant_id: TenantOption,
    report_id: str = Identifier,
    figure: str = typer.Argument(..., metavar="FIGURE", help="Its name: ./tenet report show lists them."),
    as_json: Json = False,
    who: As = "",
    server: Server = "",
) -> None:
    """The ledger entries that a figure comes from."""

    async def work(session: Session) -> None:
        request = read.DrillFigureRequest(tenant_id=tenant(tenant_id), report_id=report_id, figure=figure)
        found = await every(session, request, read.DrillFigureResponse)
        if as_json:
            show_json(found)
            return
        names = await names_for(session)
        show_table(
            ("position>", "recorded", "what", "by"),
            [(e.position, time_of(e.recorded_at), e.headline, names.of(e.principal_id)) for e in found.entries],
            empty="It counts nothing.",
        )

    call(work, who, server)


@app.command("rebuild")
def rebuild(tenant_id: TenantOption, report_id: str = Identifier, who: As = "", server: Server = "") -> None:
    """Build a published report again from the ledger, and compare the bytes. Exit code 1 when they differ."""

    async def work(session: Session) -> None:
        request = read.RebuildReportRequest(tenant_id=tenant(tenant_id), report_id=report_id)
        answer = await session.ask(request, read.RebuildReportResponse, deadline=300)
        if not answer.equal:
            raise Problem("REPORT_DIFFERS", f"Rebuilt {answer.rebuilt_sha256}, published {answer.published_sha256}.")
        say(f"Equal, byte for byte: {answer.published_sha256}.")

    call(work, who, server)

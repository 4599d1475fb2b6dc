"""`tenet sla …`: the clocks of cases and the calendars that they run by."""

from pathlib import Path

import typer
from tenet.cases.v1 import cases_pb2
from tenet.cases.v1 import cases_people_pb2 as pb
from tenet.cases.v1 import cases_people_read_pb2 as read
from tenet.cases.v1 import cases_people_write_pb2 as write

from infra.cli.connection import As, Json, Server, TenantOption, TenantsOption, call, tenant
from infra.cli.definitions import read_definition
from infra.cli.output import show_json, show_table
from infra.cli.paging import every
from infra.cli.session import Session
from infra.cli.words import time_of, value_of, word

app = typer.Typer(no_args_is_help=True, help="Service levels: what is promised until when.")

OBJECTIVES = "acknowledge, decide, notify, contain or resolve."


@app.command("list")
def list_service_levels(
    tenants: TenantsOption = None,
    case_id: str = typer.Option("", "--case", metavar="CASE", help="Only of this case."),
    settled: bool = typer.Option(False, "--all", help="Those that are met or ended too."),
    breached: bool = typer.Option(False, "--breached", help="Only of cases with a breach."),
    as_json: Json = False,
    who: As = "",
    server: Server = "",
) -> None:
    """Clocks, the case that is due first in front; --json tells why one is paused."""

    async def work(session: Session) -> None:
        request = read.ListServiceLevelsRequest(
            tenant_ids=tenants, case_id=case_id or None, include_settled=settled, only_breached=breached
        )
        found = await every(session, request, read.ListServiceLevelsResponse)
        if as_json:
            show_json(found)
            return
        rows = [
            (
                each.tenant_id,
                word(cases_pb2.Priority, each.priority).upper(),
                word(pb.Objective, each.objective),
                word(pb.ClockStatus, each.status),
                time_of(each.deadline),
                each.case_id,
            )
            for each in found.service_levels
        ]
        head = ("tenant", "priority", "objective", "status", "deadline", "case!")
        show_table(head, rows, empty="No clock runs.")

    call(work, who, server)


@app.command("pause")
def pause(
    tenant_id: TenantOption,
    case_id: str = typer.Argument(..., metavar="CASE", help="Its identifier, or the first six characters or more."),
    objective: str = typer.Argument(..., metavar="OBJECTIVE", help=OBJECTIVES),
    reason: str = typer.Option(..., "--reason", help="Why. Sealed."),
    who: As = "",
    server: Server = "",
) -> None:
    """Stops a clock, for a reason."""

    async def work(session: Session) -> None:
        request = write.PauseServiceLevelRequest(
            tenant_id=tenant(tenant_id),
            case_id=case_id,
            objective=value_of(pb.Objective, objective, what="objective"),
            reason=reason,
        )
        await session.ask(request, write.PauseServiceLevelResponse)

    call(work, who, server)


@app.command("resume")
def resume(
    tenant_id: TenantOption,
    case_id: str = typer.Argument(..., metavar="CASE", help="Its identifier, or the first six characters or more."),
    objective: str = typer.Argument(..., metavar="OBJECTIVE", help=OBJECTIVES),
    who: As = "",
    server: Server = "",
) -> None:
    """Lets a clock run on with the time that was left."""

    async def work(session: Session) -> None:
        request = write.ResumeServiceLevelRequest(
            tenant_id=tenant(tenant_id),
            case_id=case_id,
            objective=value_of(pb.Objective, objective, what="objective"),
        )
        answer = await session.ask(request, write.ResumeServiceLevelResponse)
        print(f"until {time_of(answer.deadline)}")

    call(work, who, server)


@app.command("priority")
def change_priority(
    tenant_id: TenantOption,
    case_id: str = typer.Argument(..., metavar="CASE", help="Its identifier, or the first six characters or more."),
    priority: str = typer.Argument(..., metavar="PRIORITY", help="P1 to P4."),
    reason: str = typer.Option(..., "--reason", help="Why. Sealed."),
    relax: bool = typer.Option(False, "--relax", help="Give running clocks the time of a lower priority; for leads."),
    who: As = "",
    server: Server = "",
) -> None:
    """Changes a case's priority."""

    async def work(session: Session) -> None:
        request = write.ChangeCasePriorityRequest(
            tenant_id=tenant(tenant_id),
            case_id=case_id,
            priority=value_of(cases_pb2.Priority, priority, what="priority"),
            reason=reason,
            relax=relax,
        )
        answer = await session.ask(request, write.ChangeCasePriorityResponse)
        print(f"{answer.retimed} clock(s) have another deadline.")

    call(work, who, server)


@app.command("publish-calendar")
def publish_calendar(
    tenant_id: TenantOption,
    file: Path = typer.Argument(
        ..., metavar="FILE", help="YAML in the shape of CalendarDefinition: name, time_zone, hours, holidays."
    ),
    who: As = "",
    server: Server = "",
) -> None:
    """Publishes a version of a business calendar; clocks that run stay on theirs."""

    async def work(session: Session) -> None:
        request = write.PublishCalendarRequest(
            tenant_id=tenant(tenant_id), definition=read_definition(file, pb.CalendarDefinition, what="calendar")
        )
        answer = await session.ask(request, write.PublishCalendarResponse)
        print("published" if answer.changed else "unchanged")

    call(work, who, server)

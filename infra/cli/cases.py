"""`tenet case …`: cases with their plan and their timeline."""

import typer
from tenet.cases.v1 import cases_pb2 as pb
from tenet.cases.v1 import cases_read_pb2 as read
from tenet.cases.v1 import cases_write_pb2 as write
from tenet.common.v1 import common_pb2 as common

from infra.cli.as_of import AsHappenedAt, At, happened, position_of, position_of_one
from infra.cli.asset_names import asset_names, where
from infra.cli.case_pages import show_case, show_timeline
from infra.cli.connection import As, Json, Server, TenantOption, TenantsOption, call, tenant
from infra.cli.names import names_for
from infra.cli.output import say, show_json, show_table
from infra.cli.paging import every
from infra.cli.session import Session
from infra.cli.words import label, sealed, time_of, value_of, value_or_none, word

app = typer.Typer(no_args_is_help=True, help="Cases: open, look, note, close.")
Identifier = typer.Argument(..., metavar="CASE", help="Its identifier, or the first six characters or more.")


@app.command("list")
def list_cases(
    tenants: TenantsOption = None,
    status: str = typer.Option("", "--status", help="open or closed; both when left out."),
    at: At = "",
    as_json: Json = False,
    who: As = "",
    server: Server = "",
) -> None:
    """Cases over all tenants that you may see, the most pressing first, on which assets and with how many subjects."""

    async def work(session: Session) -> None:
        then = await position_of_one(session, tenants, at)
        wanted = value_or_none(pb.CaseStatus, status, what="status")
        request = read.ListCasesRequest(tenant_ids=tenants, status=wanted, at_position=then)
        found = await every(session, request, read.ListCasesResponse)
        if as_json:
            show_json(found)
            return
        names = await asset_names(session, [c.tenant_id for c in found.cases])
        show_table(
            ("prio", "tenant", "title", "on", "×>", "status", "opened", "case!"),
            [
                (
                    word(pb.Priority, c.priority).upper(),
                    c.tenant_id,
                    sealed(c.title),
                    where(c.asset_ids, names),
                    len(c.subjects),
                    word(pb.CaseStatus, c.status),
                    time_of(c.opened.recorded_at),
                    c.case_id,
                )
                for c in found.cases
            ],
            empty="No case.",
        )

    call(work, who, server)


@app.command("show")
def show(
    tenant_id: TenantOption,
    case_id: str = Identifier,
    at: At = "",
    as_happened_at: AsHappenedAt = "",
    as_json: Json = False,
    who: As = "",
    server: Server = "",
) -> None:
    """One case with its plan, approvals and actions."""

    async def work(session: Session) -> None:
        answer = await _case(session, tenant_id, case_id, at, as_happened_at)
        if as_json:
            show_json(answer)
        else:
            show_case(answer, await names_for(session))

    call(work, who, server)


@app.command("timeline")
def timeline(
    tenant_id: TenantOption,
    case_id: str = Identifier,
    at: At = "",
    as_happened_at: AsHappenedAt = "",
    as_json: Json = False,
    who: As = "",
    server: Server = "",
) -> None:
    """What happened, with both clocks: when it occurred, and when it was recorded."""

    async def work(session: Session) -> None:
        answer = await _case(session, tenant_id, case_id, at, as_happened_at)
        if as_json:
            show_json(answer)
        else:
            show_timeline(answer.case, await names_for(session))

    call(work, who, server)


async def _case(session: Session, tenant_id: str, case_id: str, at: str, as_happened_at: str) -> read.GetCaseResponse:
    then = await position_of(session, tenant(tenant_id), at)
    request = read.GetCaseRequest(
        tenant_id=tenant_id, case_id=case_id, at_position=then, as_happened_at=happened(as_happened_at)
    )
    return await session.ask(request, read.GetCaseResponse)


@app.command("open")
def open_case(
    tenant_id: TenantOption,
    kind: str = typer.Argument(..., metavar="KIND", help="detection, finding or customer_report."),
    subject_id: str = typer.Argument(..., metavar="SUBJECT", help="Its identifier. It has to be validated."),
    title: str = typer.Option(..., "--title", help="Sealed."),
    tlp: str = typer.Option("amber", "--tlp", help="The label under which it is shown."),
    who: As = "",
    server: Server = "",
) -> None:
    """Open the case of something validated, where no policy has done so."""

    async def work(session: Session) -> None:
        subject = common.SubjectRef(kind=value_of(common.SubjectKind, kind, what="kind"), id=subject_id)
        request = write.OpenCaseRequest(tenant_id=tenant(tenant_id), subject=subject, title=title, label=label(tlp))
        say((await session.ask(request, write.OpenCaseResponse)).case_id)

    call(work, who, server)


@app.command("link")
def link(
    tenant_id: TenantOption,
    case_id: str = Identifier,
    kind: str = typer.Argument(..., metavar="KIND", help="detection, finding or customer_report."),
    subject_id: str = typer.Argument(..., metavar="SUBJECT", help="A detection, a finding or a customer's report."),
    who: As = "",
    server: Server = "",
) -> None:
    """Add a further validated subject to an open case."""

    async def work(session: Session) -> None:
        subject = common.SubjectRef(kind=value_of(common.SubjectKind, kind, what="kind"), id=subject_id)
        request = write.LinkSubjectRequest(tenant_id=tenant(tenant_id), case_id=case_id, subject=subject)
        await session.ask(request, write.LinkSubjectResponse)
        say("Linked.")

    call(work, who, server)


@app.command("assign")
def assign(
    tenant_id: TenantOption,
    case_id: str = Identifier,
    principal_id: str = typer.Argument(..., metavar="PRINCIPAL", help="An identifier of `principal list`."),
    who: As = "",
    server: Server = "",
) -> None:
    """Give the case to a person."""

    async def work(session: Session) -> None:
        request = write.AssignCaseRequest(tenant_id=tenant(tenant_id), case_id=case_id, principal_id=principal_id)
        await session.ask(request, write.AssignCaseResponse)
        say("Assigned.")

    call(work, who, server)


@app.command("note")
def note(
    tenant_id: TenantOption,
    case_id: str = Identifier,
    text: str = typer.Argument(..., metavar="TEXT", help="Sealed."),
    tlp: str = typer.Option("amber", "--tlp", help="The label under which it is shown."),
    who: As = "",
    server: Server = "",
) -> None:
    """Write a note."""

    async def work(session: Session) -> None:
        request = write.AddNoteRequest(tenant_id=tenant(tenant_id), case_id=case_id, text=text, label=label(tlp))
        say((await session.ask(request, write.AddNoteResponse)).note_id)

    call(work, who, server)


@app.command("close")
def close(
    tenant_id: TenantOption,
    case_id: str = Identifier,
    outcome: str = typer.Option("resolved", "--outcome", help="resolved, risk_accepted or verdict_withdrawn."),
    root_cause: str = typer.Option(..., "--root-cause", help="Sealed."),
    lessons: str = typer.Option(..., "--lessons", help="What was learnt. Sealed."),
    recommendation: str = typer.Option("", "--recommendation", help="What to do next. Sealed."),
    none_because: str = typer.Option("", "--no-recommendation", help="Or why there is none. Sealed."),
    cause_addressed: bool = typer.Option(False, "--cause-addressed", help="The underlying cause is dealt with."),
    who: As = "",
    server: Server = "",
) -> None:
    """Close a case with its cause, what was learnt, and what to do next."""

    async def work(session: Session) -> None:
        request = write.CloseCaseRequest(
            tenant_id=tenant(tenant_id),
            case_id=case_id,
            outcome=outcome,
            root_cause=root_cause,
            cause_addressed=cause_addressed,
            lessons=lessons,
            recommendation=recommendation,
            no_recommendation_reason=none_because,
        )
        await session.ask(request, write.CloseCaseResponse)
        say("Closed.")

    call(work, who, server)


@app.command("reopen")
def reopen(
    tenant_id: TenantOption,
    case_id: str = Identifier,
    reason: str = typer.Option(..., "--reason", help="Why. Sealed."),
    who: As = "",
    server: Server = "",
) -> None:
    """Open a closed case again; its plan is decided anew."""

    async def work(session: Session) -> None:
        request = write.ReopenCaseRequest(tenant_id=tenant(tenant_id), case_id=case_id, reason=reason)
        await session.ask(request, write.ReopenCaseResponse)
        say("Open again.")

    call(work, who, server)

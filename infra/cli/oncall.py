"""`tenet oncall …`: who is called, who has it, and what is uncovered."""

from datetime import UTC, datetime
from pathlib import Path

import typer
from tenet.cases.v1 import cases_pb2
from tenet.cases.v1 import cases_people_pb2 as pb
from tenet.cases.v1 import cases_people_read_pb2 as read
from tenet.cases.v1 import cases_people_rota_admin_pb2 as admin
from tenet.cases.v1 import cases_people_rota_read_pb2 as rotas
from tenet.cases.v1 import cases_people_rota_write_pb2 as overrides
from tenet.cases.v1 import cases_people_write_pb2 as write

from infra.cli.connection import As, Json, Server, TenantOption, TenantsOption, call, tenant
from infra.cli.definitions import read_definition
from infra.cli.names import names_for
from infra.cli.output import say, show_json, show_table
from infra.cli.paging import every
from infra.cli.session import Session
from infra.cli.words import moment, sealed, time_of, value_of, value_or_none, word

app = typer.Typer(no_args_is_help=True, help="Who is on call, and who was called for what.")


@app.command("publish")
def publish(
    file: Path = typer.Argument(
        ..., metavar="FILE", help="YAML in the shape of RotaDefinition: layers of shifts with their recurrence."
    ),
    who: As = "",
    server: Server = "",
) -> None:
    """Publishes a version of a rota, and says how many gaps lie ahead."""

    async def work(session: Session) -> None:
        answer = await session.ask(
            admin.PublishRotaRequest(definition=read_definition(file, pb.RotaDefinition, what="rota")),
            admin.PublishRotaResponse,
        )
        state = "published" if answer.changed else "unchanged"
        print(f"{answer.rota_id} {state}; {answer.gaps} gap(s) found ahead.")

    call(work, who, server)


@app.command("who")
def who_is_on_call(
    tenant_id: TenantOption,
    at: str = typer.Option("", "--at", help="A time, or a span from now such as 8h; else now."),
    as_json: Json = False,
    who: As = "",
    server: Server = "",
) -> None:
    """Who is on call for a customer, and who is called after that."""

    async def work(session: Session) -> None:
        request = read.GetOnCallRequest(tenant_id=tenant(tenant_id), at=moment(at) if at else None)
        found = await session.ask(request, read.GetOnCallResponse)
        if as_json:
            show_json(found)
            return
        by = found.layer or found.override_id
        rows = [(str(place), person, by if place == 1 else "") for place, person in enumerate(found.ladder, 1)]
        show_table(("call", "person!", "by"), rows, empty="Nobody is on call.")
        print(f"rota {found.rota_id} version {found.rota_version}")

    call(work, who, server)


@app.command("overview")
def overview(tenants: TenantsOption = None, as_json: Json = False, who: As = "", server: Server = "") -> None:
    """What is wrong with being on call, the most urgent first; then who is on call where, and how they are reached."""

    async def work(session: Session) -> None:
        found = await session.ask(read.GetOnCallOverviewRequest(tenant_ids=tenants), read.GetOnCallOverviewResponse)
        if as_json:
            show_json(found)
            return
        alarms = [
            (
                word(read.OnCallAlarmKind, alarm.kind),
                alarm.tenant_id,
                alarm.reason,
                time_of(alarm.starts_at) if alarm.HasField("starts_at") else "",
                time_of(alarm.ends_at) if alarm.HasField("ends_at") else "",
                alarm.id,
            )
            for alarm in found.alarms
        ]
        show_table(("alarm", "tenant", "reason", "from", "to", "id!"), alarms, empty="No alarm.")
        if found.more_alarms:
            print("More alarms stand; name tenants to see theirs.")
        names = await names_for(session)
        rows = [
            (each.tenant_id, names.of(each.principal_id) or "nobody", " ".join(each.channels) or "screen", each.rota_id)
            for each in found.tenants
        ]
        show_table(("tenant", "on call!", "reached by", "rota!"), rows, empty="No customer.")

    call(work, who, server)


@app.command("contact")
def contact(
    ways: list[str] = typer.Argument(
        None,
        metavar="WAY...",
        help="Each as CHANNEL=MESSENGER:ADDRESS, in the order of trying; nothing: shows how you are reached.",
    ),
    person: str = typer.Option("", "--person", help="The principal, for a lead; else you."),
    remove: bool = typer.Option(False, "--remove", help="From here on on the screen only."),
    who: As = "",
    server: Server = "",
) -> None:
    """Says how a person on call is reached by a page, or shows it."""

    async def work(session: Session) -> None:
        if ways or remove:
            given = [_way(text) for text in ways or ()]
            request = overrides.SetPageContactRequest(principal_id=person, ways=() if remove else given)
            await session.ask(request, overrides.SetPageContactResponse)
        shown = rotas.GetPageContactRequest(principal_id=person)
        found = (await session.ask(shown, rotas.GetPageContactResponse)).contact
        rows = [(way.channel, way.messenger, sealed(way.address)) for way in found.ways]
        show_table(("way", "messenger", "address"), rows, empty="On the screen only.")

    call(work, who, server)


def _way(text: str) -> overrides.PageWayGiven:
    channel, equals, rest = text.partition("=")
    messenger, _, address = rest.partition(":")
    if not equals:
        raise typer.BadParameter(f"{text} is not CHANNEL=MESSENGER:ADDRESS, such as pager=mail:ana@example.com")
    return overrides.PageWayGiven(channel=channel, messenger=messenger, address=address)


@app.command("rotas")
def list_rotas(
    gaps: bool = typer.Option(False, "--gaps", help="Only those with hours ahead that nobody covers."),
    as_json: Json = False,
    who: As = "",
    server: Server = "",
) -> None:
    """Rotas with their overrides and gaps."""

    async def work(session: Session) -> None:
        found = await every(session, rotas.ListRotasRequest(only_with_gaps=gaps), rotas.ListRotasResponse)
        if as_json:
            show_json(found)
            return
        rows = [
            (
                rota.definition.name,
                " ".join(rota.definition.tenant_ids),
                str(rota.rota_version),
                str(len(rota.overrides)),
                "; ".join(f"{time_of(gap.starts_at)} to {time_of(gap.ends_at)}" for gap in rota.gaps),
                rota.rota_id,
            )
            for rota in found.rotas
        ]
        show_table(("rota", "tenants", "version", "overrides", "uncovered", "id!"), rows, empty="No rota.")

    call(work, who, server)


@app.command("override")
def override(
    rota_id: str = typer.Argument(..., metavar="ROTA", help="Its identifier, as it was published."),
    person: str = typer.Argument(..., metavar="PRINCIPAL", help="The principal who is on call instead."),
    ends: str = typer.Option(..., "--until", help="A time, or a span from now such as 8h."),
    starts: str = typer.Option("", "--from", help="Likewise; else now."),
    reason: str = typer.Option("", "--reason", help="Why, for who looks at the rota."),
    who: As = "",
    server: Server = "",
) -> None:
    """Puts a person on call for some hours, whatever the rota says."""

    async def work(session: Session) -> None:
        begin = moment(starts or datetime.now(UTC).isoformat())
        request = overrides.OverrideRotaRequest(
            rota_id=rota_id, principal_id=person, starts_at=begin, ends_at=moment(ends), reason=reason
        )
        answer = await session.ask(request, overrides.OverrideRotaResponse)
        print(answer.override_id)

    call(work, who, server)


@app.command("remove-override")
def remove_override(
    rota_id: str = typer.Argument(..., metavar="ROTA", help="Its identifier, as it was published."),
    override_id: str = typer.Argument(..., metavar="OVERRIDE", help="What `oncall override` showed."),
    who: As = "",
    server: Server = "",
) -> None:
    """Takes an override away."""

    async def work(session: Session) -> None:
        request = overrides.RemoveRotaOverrideRequest(rota_id=rota_id, override_id=override_id)
        await session.ask(request, overrides.RemoveRotaOverrideResponse)
        say("Taken away.")

    call(work, who, server)


@app.command("pages")
def list_pages(
    tenants: TenantsOption = None,
    status: str = typer.Option("", "--status", help="calling, acknowledged or unanswered."),
    as_json: Json = False,
    who: As = "",
    server: Server = "",
) -> None:
    """Pages, the latest first; --json tells who was called when, and for what."""

    async def work(session: Session) -> None:
        wanted = value_or_none(pb.PageStatus, status, what="status")
        found = await every(session, read.ListPagesRequest(tenant_ids=tenants, status=wanted), read.ListPagesResponse)
        if as_json:
            show_json(found)
            return
        rows = [
            (
                page.tenant_id,
                f"{word(pb.PageAbout, page.about)} {page.detail}".strip(),
                word(cases_pb2.Priority, page.priority).upper(),
                word(pb.PageStatus, page.status),
                str(len(page.calls)),
                page.page_id,
            )
            for page in found.pages
        ]
        head = ("tenant", "about", "priority", "status", "calls", "page!")
        show_table(head, rows, empty="No page.")

    call(work, who, server)


@app.command("page")
def page(
    tenant_id: TenantOption,
    about_id: str = typer.Argument(
        ..., metavar="ABOUT", help="A case's or a detection's identifier; cut short, with `case-` before it."
    ),
    priority: str = typer.Option("P2", "--priority", help="P1 to P4: the contacts' ladders may differ by it."),
    who: As = "",
    server: Server = "",
) -> None:
    """Calls whoever is on call for a case or a detection."""

    async def work(session: Session) -> None:
        about = pb.PAGE_ABOUT_CASE if about_id.startswith("case-") else pb.PAGE_ABOUT_DETECTION
        request = write.SendPageRequest(
            tenant_id=tenant(tenant_id),
            about=about,
            about_id=about_id,
            priority=value_of(cases_pb2.Priority, priority, what="priority"),
        )
        answer = await session.ask(request, write.SendPageResponse)
        print(f"{answer.page_id} calls {answer.principal_id} until {time_of(answer.deadline)}")

    call(work, who, server)


@app.command("acknowledge")
def acknowledge(
    tenant_id: TenantOption,
    page_id: str = typer.Argument(..., metavar="PAGE", help="An identifier of `oncall pages`."),
    who: As = "",
    server: Server = "",
) -> None:
    """Says that you have it."""

    async def work(session: Session) -> None:
        request = write.AcknowledgePageRequest(tenant_id=tenant(tenant_id), page_id=page_id)
        await session.ask(request, write.AcknowledgePageResponse)
        say("Acknowledged.")

    call(work, who, server)

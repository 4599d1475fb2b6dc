"""`tenet tenant …` and `tenet whoami`: customers and their life; who one is."""

import typer
from tenet.common.v1 import common_pb2 as common
from tenet.tenancy.v1 import tenancy_admin_pb2 as admin
from tenet.tenancy.v1 import tenancy_pb2 as pb
from tenet.tenancy.v1 import tenancy_read_pb2 as read

from infra.cli.connection import As, Json, Server, call, tenant
from infra.cli.output import say, show_json, show_pairs, show_table
from infra.cli.paging import every
from infra.cli.session import Session
from infra.cli.words import sealed, time_of, word

app = typer.Typer(no_args_is_help=True, help="Customers: take on, activate, suspend, let go.")
Identifier = typer.Argument(metavar="TENANT", help="Its identifier, for ever: letters, digits, hyphens.")


@app.command()
def add(
    tenant_id: str = Identifier,
    name: str = typer.Option(..., "--name", help="The customer's name. Sealed."),
    parent: str = typer.Option("", "--parent", help="The legal entity above it."),
    region: str = typer.Option("", "--region", help="Where its data must lie."),
    time_zone: str = typer.Option("", "--time-zone", help="IANA name; UTC when left out."),
    retention: int = typer.Option(0, "--retention-days", min=0, help="How long records are kept."),
    activate: bool = typer.Option(False, "--activate", help="End the onboarding at once."),
    who: As = "",
    server: Server = "",
) -> None:
    """Take on a customer and make its ledger."""

    async def work(session: Session) -> None:
        request = admin.OnboardTenantRequest(
            new_tenant_id=tenant(tenant_id),
            display_name=name,
            parent_tenant_id=parent,
            region=region,
            time_zone=time_zone,
            retention_days=retention,
        )
        answer = await session.ask(request, admin.OnboardTenantResponse)
        say(f"Tenant {answer.tenant_id} is onboarding; its ledger is on {answer.cell}.")
        if activate:
            await session.ask(admin.ActivateTenantRequest(tenant_id=tenant_id), admin.ActivateTenantResponse)
            say(f"Tenant {tenant_id} is active.")

    call(work, who, server)


@app.command()
def activate(tenant_id: str = Identifier, who: As = "", server: Server = "") -> None:
    """End the onboarding."""

    async def work(session: Session) -> None:
        await session.ask(admin.ActivateTenantRequest(tenant_id=tenant(tenant_id)), admin.ActivateTenantResponse)
        say(f"Tenant {tenant_id} is active.")

    call(work, who, server)


@app.command()
def suspend(
    tenant_id: str = Identifier,
    reason: str = typer.Option(..., "--reason", help="Why. Sealed."),
    who: As = "",
    server: Server = "",
) -> None:
    """Make an active tenant read-only."""

    async def work(session: Session) -> None:
        request = admin.SuspendTenantRequest(tenant_id=tenant(tenant_id), reason=reason)
        await session.ask(request, admin.SuspendTenantResponse)
        say(f"Tenant {tenant_id} is suspended: it can be read, and nothing is written.")

    call(work, who, server)


@app.command()
def resume(tenant_id: str = Identifier, who: As = "", server: Server = "") -> None:
    """Make a suspended tenant active again."""

    async def work(session: Session) -> None:
        await session.ask(admin.ResumeTenantRequest(tenant_id=tenant(tenant_id)), admin.ResumeTenantResponse)
        say(f"Tenant {tenant_id} is active.")

    call(work, who, server)


@app.command()
def leave(
    tenant_id: str = Identifier,
    reason: str = typer.Option(..., "--reason", help="Why. Sealed."),
    who: As = "",
    server: Server = "",
) -> None:
    """Begin a customer's departure. There is no way back."""

    async def work(session: Session) -> None:
        request = admin.StartLeavingRequest(tenant_id=tenant(tenant_id), reason=reason)
        await session.ask(request, admin.StartLeavingResponse)
        say(f"Tenant {tenant_id} is leaving. Next: ./tenet tenant close {tenant_id}")

    call(work, who, server)


@app.command()
def close(
    tenant_id: str = Identifier,
    yes: bool = typer.Option(False, "--yes", help="Do not ask."),
    who: As = "",
    server: Server = "",
) -> None:
    """Export a leaving tenant's ledger, destroy its keys and objects, and close it."""
    if not yes:
        typer.confirm(f"The keys of {tenant_id} are destroyed; nothing sealed can be read any more. Go on?", abort=True)

    async def work(session: Session) -> None:
        request = admin.CloseTenantRequest(tenant_id=tenant(tenant_id))
        answer = await session.ask(request, admin.CloseTenantResponse, deadline=300)
        say(f"Tenant {tenant_id} is closed; {answer.entries} entries exported.")
        show_pairs([("export", answer.export_path), ("sha256 of its manifest", answer.export_sha256)])

    call(work, who, server)


@app.command("list")
def list_tenants(as_json: Json = False, who: As = "", server: Server = "") -> None:
    """The tenants that you may see."""

    async def work(session: Session) -> None:
        found = await every(session, read.ListTenantsRequest(), read.ListTenantsResponse)
        if as_json:
            show_json(found)
            return
        show_table(
            ("tenant", "state", "name", "parent", "zone", "region", "onboarded"),
            [
                (
                    each.tenant_id,
                    word(pb.TenantState, each.state),
                    sealed(each.display_name),
                    each.parent_tenant_id,
                    each.time_zone,
                    each.region,
                    time_of(each.onboarded_at)[:10],
                )
                for each in found.tenants
            ],
            empty="No tenant.",
        )

    call(work, who, server)


def whoami(as_json: Json = False, who: As = "", server: Server = "") -> None:
    """Who you are taken for, and your roles."""

    async def work(session: Session) -> None:
        answer = await session.ask(read.GetWhoAmIRequest(), read.GetWhoAmIResponse)
        if as_json:
            show_json(answer)
            return
        show_pairs([("principal", answer.principal_id), ("home", answer.home_tenant_id)])
        rows = [(each.tenant_id, ", ".join(word(common.Role, role) for role in each.roles)) for each in answer.tenants]
        show_table(("tenant", "roles"), rows, empty="No role anywhere.")

    call(work, who, server)

"""`tenet principal …`, `grant …`, `key …`, `issuer …`: people, machines, and what they may do."""

import typer
from tenet.common.v1 import common_pb2 as common
from tenet.tenancy.v1 import tenancy_admin_pb2 as admin
from tenet.tenancy.v1 import tenancy_pb2 as pb
from tenet.tenancy.v1 import tenancy_read_pb2 as read

from infra.cli.connection import As, Json, Server, TenantOption, TenantsOption, call, find, tenant
from infra.cli.names import list_of_principals, principals_of
from infra.cli.output import plain, say, show_json, show_pairs, show_table
from infra.cli.paging import every
from infra.cli.problems import Problem, UsageProblem, hint_of
from infra.cli.session import Session
from infra.cli.system import read_settings
from infra.cli.words import moment, sealed, time_of, value_of, word

principals = typer.Typer(no_args_is_help=True, help="People and machines.")
grants = typer.Typer(no_args_is_help=True, help="Roles: one for one tenant each.")
keys = typer.Typer(no_args_is_help=True, help="API keys of machines.")
issuers = typer.Typer(no_args_is_help=True, help="OpenID Connect issuers that Tenet trusts.")


@principals.command("add")
def add_principal(
    name: str = typer.Argument(..., metavar="NAME", help="Who it is, for people to read. Sealed."),
    home: str = typer.Option("provider", "--home", help="`provider`, or the customer that they belong to."),
    machine: bool = typer.Option(False, "--machine", help="A machine, not a person."),
    subject: str = typer.Option("", "--subject", help="Its subject there; at the local issuer, the --as name."),
    issuer: str = typer.Option("", "--issuer", help="The issuer's URL; the local issuer when left out."),
    who: As = "",
    server: Server = "",
) -> None:
    """Make a person or machine known."""

    async def work(session: Session) -> None:
        request = admin.RegisterPrincipalRequest(
            kind=pb.PRINCIPAL_KIND_MACHINE if machine else pb.PRINCIPAL_KIND_PERSON,
            home_tenant_id=tenant(home),
            display_name=name,
            issuer=issuer or (_local_issuer(server) if subject else ""),
            subject=subject,
        )
        say((await session.ask(request, admin.RegisterPrincipalResponse)).principal_id)

    call(work, who, server)


def _local_issuer(server: str) -> str:
    """Raises UsageProblem where there is none."""
    issuer = find(read_settings(), server).issuer
    if issuer is None:
        raise UsageProblem("No local issuer runs here; name the issuer with --issuer.")
    return f"http://{issuer}"


@principals.command("list")
def list_principals(
    home: str = typer.Option("", "--home", help="Only those who belong there."),
    as_json: Json = False,
    who: As = "",
    server: Server = "",
) -> None:
    """Who is known: everybody, or for analysts those of the provider and of the tenants that they work for."""

    async def work(session: Session) -> None:
        found = await list_of_principals(session)
        if found is None:
            raise Problem("ROLE_MISSING", "You may not see who is known.", hint=hint_of("ROLE_MISSING"))
        shown = [each for each in principals_of(found) if home in ("", each.home_tenant_id)]
        if as_json:
            show_json({"principals": [plain(each) for each in shown]})
            return
        show_table(
            ("principal!", "kind", "home", "name", "active"),
            [
                (p.principal_id, word(pb.PrincipalKind, p.kind), p.home_tenant_id, sealed(p.display_name), p.active)
                for p in shown
            ],
            empty="Nobody.",
        )

    call(work, who, server)


@principals.command("link")
def link(
    principal_id: str = typer.Argument(..., metavar="PRINCIPAL", help="An identifier of `principal list`."),
    subject: str = typer.Option(..., "--subject", help="Its subject at the issuer; at the local one, the --as name."),
    issuer: str = typer.Option("", "--issuer", help="The local issuer when left out."),
    who: As = "",
    server: Server = "",
) -> None:
    """Add a further identity to a person; linked identities count as one person."""

    async def work(session: Session) -> None:
        request = admin.LinkIdentityRequest(
            principal_id=principal_id, issuer=issuer or _local_issuer(server), subject=subject
        )
        await session.ask(request, admin.LinkIdentityResponse)
        say("Linked.")

    call(work, who, server)


@principals.command("deactivate")
def deactivate(
    principal_id: str = typer.Argument(..., metavar="PRINCIPAL", help="An identifier of `principal list`."),
    who: As = "",
    server: Server = "",
) -> None:
    """End all that a principal may do."""

    async def work(session: Session) -> None:
        request = admin.DeactivatePrincipalRequest(principal_id=principal_id)
        await session.ask(request, admin.DeactivatePrincipalResponse)
        say("Deactivated.")

    call(work, who, server)


@grants.command("add")
def add_grant(
    tenant_id: TenantOption,
    principal_id: str = typer.Argument(..., metavar="PRINCIPAL", help="An identifier of `principal list`."),
    role: str = typer.Argument(..., metavar="ROLE", help="analyst, lead, customer_approver, auditor, …"),
    inherited: bool = typer.Option(False, "--inherited", help="Also for the tenants below."),
    until: str = typer.Option("", "--until", help="When it ends: a time, or a span such as 30d."),
    who: As = "",
    server: Server = "",
) -> None:
    """Give a principal a role for a tenant."""

    async def work(session: Session) -> None:
        request = admin.GrantRoleRequest(
            tenant_id=tenant(tenant_id),
            principal_id=principal_id,
            role=value_of(common.Role, role, what="role"),
            inherited=inherited,
            expires_at=moment(until) if until else None,
        )
        say((await session.ask(request, admin.GrantRoleResponse)).grant_id)

    call(work, who, server)


@grants.command("revoke")
def revoke_grant(
    grant_id: str = typer.Argument(..., metavar="GRANT", help="An identifier of `grant list`."),
    who: As = "",
    server: Server = "",
) -> None:
    """Take a grant back."""

    async def work(session: Session) -> None:
        await session.ask(admin.RevokeGrantRequest(grant_id=grant_id), admin.RevokeGrantResponse)
        say("Revoked.")

    call(work, who, server)


@grants.command("list")
def list_grants(
    tenants: TenantsOption = None,
    principal_id: str = typer.Option("", "--principal", help="Only this principal's."),
    revoked: bool = typer.Option(False, "--revoked", help="Revoked ones too."),
    as_json: Json = False,
    who: As = "",
    server: Server = "",
) -> None:
    """Who holds which role for which tenant."""

    async def work(session: Session) -> None:
        request = read.ListGrantsRequest(tenant_ids=tenants, principal_id=principal_id or None, include_revoked=revoked)
        found = await every(session, request, read.ListGrantsResponse)
        if as_json:
            show_json(found)
            return
        show_table(
            ("tenant", "role", "principal", "until", "grant!"),
            [
                (g.tenant_id, word(common.Role, g.role), g.principal_id, time_of(g.expires_at)[:10], g.grant_id)
                for g in found.grants
            ],
        )

    call(work, who, server)


@keys.command("issue")
def issue(
    principal_id: str = typer.Argument(..., metavar="PRINCIPAL", help="A machine."),
    until: str = typer.Option("", "--until", help="When it ends: a time, or a span such as 365d."),
    who: As = "",
    server: Server = "",
) -> None:
    """Make a key for a machine. Its secret is shown this once."""

    async def work(session: Session) -> None:
        request = admin.IssueApiKeyRequest(principal_id=principal_id, expires_at=moment(until) if until else None)
        answer = await session.ask(request, admin.IssueApiKeyResponse)
        show_pairs([("key", answer.key_id), ("TENET_API_KEY", answer.credential)])

    call(work, who, server)


@keys.command("revoke")
def revoke_key(
    key_id: str = typer.Argument(..., metavar="KEY", help="What `key issue` showed with it."),
    who: As = "",
    server: Server = "",
) -> None:
    """End a key."""

    async def work(session: Session) -> None:
        await session.ask(admin.RevokeApiKeyRequest(key_id=key_id), admin.RevokeApiKeyResponse)
        say("Revoked.")

    call(work, who, server)


@issuers.command("bind")
def bind(
    issuer: str = typer.Argument("", metavar="[ISSUER]", help="Its URL; the local one when left out."),
    homes: list[str] = typer.Option(..., "--home", help="`provider` or a customer. Repeat it for more."),
    jwks_uri: str = typer.Option("", "--jwks-uri", help="Where its public keys are; ISSUER/jwks when left out."),
    audience: str = typer.Option("tenet", "--audience", help="What tokens of this issuer have to be meant for."),
    who: As = "",
    server: Server = "",
) -> None:
    """Trust an issuer to speak for the people of these tenants, and of no other. The list replaces the one before."""

    async def work(session: Session) -> None:
        name = issuer or _local_issuer(server)
        request = admin.BindIssuerRequest(
            issuer=name, jwks_uri=jwks_uri or f"{name}/jwks", audience=audience, home_tenant_ids=homes
        )
        say((await session.ask(request, admin.BindIssuerResponse)).issuer_id)

    call(work, who, server)

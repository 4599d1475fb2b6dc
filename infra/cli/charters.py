"""`tenet charter …`: what a customer allows, and who signed for it."""

from pathlib import Path

import typer
from tenet.cases.v1 import cases_admin_pb2 as admin
from tenet.cases.v1 import cases_pb2 as pb
from tenet.cases.v1 import cases_playbooks_read_pb2 as playbooks
from tenet.cases.v1 import cases_read_pb2 as read
from tenet.cases.v1 import cases_write_pb2 as write

from infra.cli.becoming import become
from infra.cli.connection import As, Json, Server, TenantOption, call, tenant
from infra.cli.output import say, show_json, show_pairs, show_table, show_text
from infra.cli.problems import UsageProblem
from infra.cli.session import Session
from infra.cli.words import moment, time_of

app = typer.Typer(no_args_is_help=True, help="Charters: what may be done, by whose word.")


@app.command("propose")
def propose(
    tenant_id: TenantOption,
    path: Path = typer.Argument(..., metavar="FILE", help="YAML; infra/cli/demo/charters holds examples."),
    who: As = "",
    server: Server = "",
) -> None:
    """Propose a charter. One that contradicts itself is refused with every place that is wrong."""

    async def work(session: Session) -> None:
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageProblem(f"{path} cannot be read: {error}.") from error
        request = admin.ProposeCharterRequest(tenant_id=tenant(tenant_id), text=text)
        answer = await session.ask(request, admin.ProposeCharterResponse)
        show_pairs([("version", answer.charter_version), ("digest", answer.digest)])

    call(work, who, server)


@app.command("from-playbook")
def from_playbook(
    tenant_id: TenantOption,
    path: Path = typer.Argument(..., metavar="FILE", help="A CACAO 2.0 playbook, JSON."),
    authority: str = typer.Option("customer", "--authority", help="customer, two-persons or preauthorised."),
    connector: str = typer.Option("edr", "--connector", help="What carries its OpenC2 commands out."),
    who: As = "",
    server: Server = "",
) -> None:
    """Print a playbook as a line for a charter. It comes into force with the charter that you propose with it."""

    async def work(session: Session) -> None:
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageProblem(f"{path} cannot be read: {error}.") from error
        names = {"customer": "CUSTOMER", "two-persons": "TWO_PERSONS", "preauthorised": "PREAUTHORISED"}
        if authority not in names:
            raise UsageProblem(f"--authority is one of {', '.join(names)}.")
        request = playbooks.ConvertPlaybookRequest(
            tenant_id=tenant(tenant_id),
            playbook=text,
            authority=pb.Authority.Value(f"AUTHORITY_{names[authority]}"),
            connector=connector,
        )
        answer = await session.ask(request, playbooks.ConvertPlaybookResponse)
        for note in answer.notes:
            show_text(f"# {note}")
        show_text(answer.line)

    call(work, who, server)


@app.command("test")
def try_cases(
    charter: Path = typer.Argument(..., metavar="FILE", help="The charter, YAML."),
    cases: Path = typer.Argument(
        ..., metavar="CASES", help="What happened, and what the charter must make of it, YAML."
    ),
    words: list[str] = typer.Option([], "--set", metavar="WORD=VALUE", help="Replaces @WORD in the charter."),
) -> None:
    """Try a charter on cases, without a server; fails when one does not come out as expected."""
    become("services.cases", "charter-test", str(charter), str(cases), *(f"--set={word}" for word in words))


@app.command("approve")
def approve(
    tenant_id: TenantOption,
    version: int = typer.Argument(..., metavar="VERSION", min=1, help="Its number, as `charter show` tells."),
    digest: str = typer.Argument(..., metavar="DIGEST", help="Of the text that you read."),
    who: As = "",
    server: Server = "",
) -> None:
    """A person of the customer approves exactly this text; it is in force from then on."""

    async def work(session: Session) -> None:
        request = admin.ApproveCharterRequest(tenant_id=tenant(tenant_id), charter_version=version, digest=digest)
        await session.ask(request, admin.ApproveCharterResponse)
        say(f"Version {version} is in force.")

    call(work, who, server)


@app.command("show")
def show(
    tenant_id: TenantOption,
    version: int = typer.Option(0, "--version", min=0, help="The one in force when left out."),
    as_json: Json = False,
    who: As = "",
    server: Server = "",
) -> None:
    """The charter's text, its versions, and what was signed beforehand."""

    async def work(session: Session) -> None:
        request = read.GetCharterRequest(tenant_id=tenant(tenant_id), version=version)
        answer = await session.ask(request, read.GetCharterResponse)
        if as_json:
            show_json(answer)
            return
        show_text(answer.text)
        say("")
        show_pairs([("shown", f"version {answer.version}"), ("in force", f"version {answer.version_in_force}")])
        for each in answer.preauthorisations:
            state = "revoked" if each.HasField("revoked") else f"until {time_of(each.expires_at)}"
            say(f"signed beforehand: {', '.join(each.actions)} on {', '.join(each.groups)}; {state}")
        show_table(
            ("version>", "proposed", "approved", "digest"),
            [
                (v.version, time_of(v.proposed.recorded_at), time_of(v.approved.recorded_at) or "no", v.digest)
                for v in answer.versions
            ],
        )

    call(work, who, server)


@app.command("sign")
def sign(
    tenant_id: TenantOption,
    digest: str = typer.Argument(..., metavar="DIGEST", help="Of the charter in force."),
    actions: list[str] = typer.Option(..., "--action", help="Such as 'contain network'. Repeat it for more."),
    groups: list[str] = typer.Option(..., "--group", help="A group of assets. Repeat it for more."),
    until: str = typer.Option(..., "--until", help="When it ends: a time, or a span such as 30d."),
    who: As = "",
    server: Server = "",
) -> None:
    """A person of the customer allows actions on groups of assets before any incident."""

    async def work(session: Session) -> None:
        request = write.SignPreauthorisationRequest(
            tenant_id=tenant(tenant_id),
            actions=actions,
            groups=groups,
            charter_digest=digest,
            expires_at=moment(until),
        )
        say((await session.ask(request, write.SignPreauthorisationResponse)).preauthorisation_id)

    call(work, who, server)


@app.command("revoke")
def revoke(
    tenant_id: TenantOption,
    preauthorisation_id: str = typer.Argument(..., metavar="PREAUTHORISATION", help="What `charter sign` showed."),
    reason: str = typer.Option(..., "--reason", help="Why. Sealed."),
    who: As = "",
    server: Server = "",
) -> None:
    """Take such a permission back."""

    async def work(session: Session) -> None:
        request = write.RevokePreauthorisationRequest(
            tenant_id=tenant(tenant_id), preauthorisation_id=preauthorisation_id, reason=reason
        )
        await session.ask(request, write.RevokePreauthorisationResponse)
        say("Revoked.")

    call(work, who, server)

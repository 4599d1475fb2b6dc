"""`tenet certification …`: what the provider's people are certified for, and until when."""

import typer
from tenet.tenancy.v1 import tenancy_certifications_admin_pb2 as admin
from tenet.tenancy.v1 import tenancy_certifications_read_pb2 as read

from infra.cli.connection import As, Json, Server, call
from infra.cli.output import show_json, show_table
from infra.cli.paging import every
from infra.cli.session import Session
from infra.cli.words import moment, sealed, time_of

app = typer.Typer(no_args_is_help=True, help="The register of certifications.")


@app.command("record")
def record(
    person: str = typer.Argument(..., metavar="PRINCIPAL", help="A principal of the provider."),
    name: str = typer.Argument(
        ..., metavar="NAME", help="The word that charters and desks ask for, such as ot-response."
    ),
    expires: str = typer.Option(..., "--until", help="A time, or a span from now such as 52w."),
    starts: str = typer.Option("0s", "--from", help="Likewise; else now."),
    proof: str = typer.Option(..., "--proof", help="Who certified it, and where that can be checked."),
    who: As = "",
    server: Server = "",
) -> None:
    """Records a certification, or its renewal."""

    async def work(session: Session) -> None:
        request = admin.RecordCertificationRequest(
            principal_id=person, name=name, valid_from=moment(starts), expires_at=moment(expires), proof=proof
        )
        answer = await session.ask(request, admin.RecordCertificationResponse)
        print(answer.certification_id)

    call(work, who, server)


@app.command("revoke")
def revoke(
    certification_id: str = typer.Argument(..., metavar="CERTIFICATION", help="An identifier of `certification list`."),
    reason: str = typer.Option(..., "--reason", help="Why it counts no more. Sealed."),
    who: As = "",
    server: Server = "",
) -> None:
    """Takes a certification back at once."""

    async def work(session: Session) -> None:
        request = admin.RevokeCertificationRequest(certification_id=certification_id, reason=reason)
        await session.ask(request, admin.RevokeCertificationResponse)

    call(work, who, server)


@app.command("list")
def list_certifications(
    expiring: str = typer.Option(
        "", "--expiring", help="Only what expires before a time, or within a span such as 4w."
    ),
    name: str = typer.Option("", "--name", help="Only certificates of this name."),
    as_json: Json = False,
    who: As = "",
    server: Server = "",
) -> None:
    """Certifications, what expires first in front."""

    async def work(session: Session) -> None:
        request = read.ListCertificationsRequest(
            name=name or None, expires_before=moment(expiring) if expiring else None
        )
        found = await every(session, request, read.ListCertificationsResponse)
        if as_json:
            show_json(found)
            return
        rows = [
            (each.name, each.principal_id, time_of(each.expires_at), sealed(each.proof), each.certification_id)
            for each in found.certifications
        ]
        show_table(("certification", "person", "until", "proof", "id!"), rows, empty="No certification.")

    call(work, who, server)

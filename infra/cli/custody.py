"""`tenet custody …`: legal holds, erasures, and the places where a plaintext may rest."""

import typer
from tenet.ledger.v1 import ledger_erasure_admin_pb2 as admin
from tenet.ledger.v1 import ledger_erasure_read_pb2 as read

from infra.cli.as_of import At, position_of
from infra.cli.connection import As, Json, Server, TenantOption, call, tenant
from infra.cli.output import say, show_json, show_pairs, show_table
from infra.cli.problems import UsageProblem
from infra.cli.session import Session
from infra.cli.words import sealed, value_of, word, words

app = typer.Typer(no_args_is_help=True, help="Holds and erasures: what has to stay, and what has to go.")


@app.command("hold")
def hold(
    tenant_id: TenantOption,
    matter: str = typer.Option(..., "--matter", help="The proceedings that it serves. Sealed."),
    subjects: list[str] = typer.Argument(None, metavar="[SUBJECT]...", help="Whose values; of all when left out."),
    who: As = "",
    server: Server = "",
) -> None:
    """Forbid every erasure of these subjects until two people release the hold."""

    async def work(session: Session) -> None:
        request = admin.PlaceHoldRequest(tenant_id=tenant(tenant_id), subjects=subjects or [], matter=matter)
        answer = await session.ask(request, admin.PlaceHoldResponse)
        say(answer.hold_id)

    call(work, who, server)


@app.command("release")
def release(
    tenant_id: TenantOption,
    hold_id: str = typer.Argument(..., metavar="HOLD", help="An identifier of `custody show`."),
    reason: str = typer.Option(..., "--reason", help="Sealed."),
    who: As = "",
    server: Server = "",
) -> None:
    """Ask that a hold end; the second person who asks ends it."""

    async def work(session: Session) -> None:
        request = admin.ReleaseHoldRequest(tenant_id=tenant(tenant_id), hold_id=hold_id, reason=reason)
        answer = await session.ask(request, admin.ReleaseHoldResponse)
        say("The hold has ended." if answer.released else "Asked for; the hold stands until a second person agrees.")

    call(work, who, server)


@app.command("erase")
def erase(
    tenant_id: TenantOption,
    subject: str = typer.Argument(..., metavar="SUBJECT", help="Whose values, by opaque identifier."),
    basis: str = typer.Option(..., "--basis", help="; ".join(words(admin.ErasureBasis))),
    reason: str = typer.Option(..., "--reason", help="Sealed."),
    position: int | None = typer.Option(None, "--position", min=0, help="With --path: only a field of this entry."),
    path: str = typer.Option("", "--path", help="With --position: the field's JSON pointer in the entry."),
    who: As = "",
    server: Server = "",
) -> None:
    """Destroy what was sealed under a subject's key, or one field of it, for ever. The record stays whole."""
    if (position is None) == bool(path):
        raise UsageProblem("--position and --path go together.")

    async def work(session: Session) -> None:
        request = admin.EraseRequest(
            tenant_id=tenant(tenant_id),
            subject=subject,
            basis=value_of(admin.ErasureBasis, basis, what="basis"),
            reason=reason,
            field=None if position is None else admin.ErasedField(position=position, path=path),
        )
        answer = await session.ask(request, admin.EraseResponse)
        say(answer.erasure_id)
        say("Decided; it is carried out now." if answer.erased else "Asked for; a second person has to approve it.")

    call(work, who, server)


@app.command("approve")
def approve(
    tenant_id: TenantOption,
    erasure_id: str = typer.Argument(..., metavar="ERASURE", help="An identifier of `custody show`."),
    who: As = "",
    server: Server = "",
) -> None:
    """The second person's word for an erasure."""

    async def work(session: Session) -> None:
        request = admin.ApproveErasureRequest(tenant_id=tenant(tenant_id), erasure_id=erasure_id)
        await session.ask(request, admin.ApproveErasureResponse)
        say("Decided; it is carried out now.")

    call(work, who, server)


@app.command("show")
def show(
    tenant_id: TenantOption,
    at: At = "",
    as_json: Json = False,
    who: As = "",
    server: Server = "",
) -> None:
    """Holds and erasures, with the exports that an erasure could not reach."""

    async def work(session: Session) -> None:
        then = await position_of(session, tenant(tenant_id), at)
        request = read.GetCustodyRequest(tenant_id=tenant_id, at_position=then)
        answer = await session.ask(request, read.GetCustodyResponse)
        if as_json:
            show_json(answer)
            return
        show_table(
            ("hold", "subjects", "matter", "state"),
            [
                (
                    each.hold_id,
                    ", ".join(each.subjects) or "all",
                    sealed(each.matter),
                    "ended" if each.released else "ending asked for" if each.release_requested_by else "stands",
                )
                for each in answer.holds
            ],
            empty="No holds.",
        )
        for each in answer.erasures:
            decided = "carried out" if each.carried_out else "decided" if each.HasField("decided_position") else "asked"
            show_pairs(
                [
                    ("erasure", each.erasure_id),
                    ("subject", each.subject),
                    ("field", f"{each.field.path} of entry {each.field.position}" if each.HasField("field") else "all"),
                    ("basis", word(admin.ErasureBasis, each.basis)),
                    ("state", f"{decided}; {each.fields} fields" + _deleted(each)),
                    ("out of reach", ", ".join(each.unreachable_exports) or "nothing was handed over"),
                ]
            )

    call(work, who, server)


def _deleted(erasure: read.Erasure) -> str:
    return f", {erasure.openings} openings deleted" if erasure.HasField("openings") else ""


@app.command("places")
def places(tenant_id: TenantOption, as_json: Json = False, who: As = "", server: Server = "") -> None:
    """Every place where a plaintext may rest, and what erases it there."""

    async def work(session: Session) -> None:
        request = read.ListRestingPlacesRequest(tenant_id=tenant(tenant_id))
        answer = await session.ask(request, read.ListRestingPlacesResponse)
        if as_json:
            show_json(answer)
            return
        show_table(
            ("place", "holds", "erased by", "reached"),
            [(each.name, each.holds, each.erased_by, "yes" if each.reached else "no") for each in answer.places],
        )

    call(work, who, server)

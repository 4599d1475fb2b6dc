"""`tenet handover …`: one shift takes over what the other leaves open, item by item."""

import typer
from tenet.cases.v1 import cases_people_pb2 as pb
from tenet.cases.v1 import cases_people_rota_read_pb2 as read
from tenet.cases.v1 import cases_people_rota_write_pb2 as write

from infra.cli.connection import As, Json, Server, call
from infra.cli.output import show_json, show_table
from infra.cli.paging import every
from infra.cli.problems import UsageProblem
from infra.cli.session import Session
from infra.cli.words import time_of, word

app = typer.Typer(no_args_is_help=True, help="Handing a shift over.")


@app.command("start")
def start(
    rota_id: str = typer.Argument(..., metavar="ROTA", help="Its identifier, as it was published."),
    to: str = typer.Option(..., "--to", help="The principal who comes on."),
    who: As = "",
    server: Server = "",
) -> None:
    """Begins to hand your shift over."""

    async def work(session: Session) -> None:
        request = write.StartHandoverRequest(rota_id=rota_id, to_principal_id=to)
        answer = await session.ask(request, write.StartHandoverResponse)
        print(answer.handover_id)

    call(work, who, server)


@app.command("show")
def show(
    handover_id: str = typer.Argument(..., metavar="HANDOVER", help="An identifier of `handover list`."),
    as_json: Json = False,
    who: As = "",
    server: Server = "",
) -> None:
    """What is open now and not accepted yet."""

    async def work(session: Session) -> None:
        found = await session.ask(read.GetHandoverRequest(handover_id=handover_id), read.GetHandoverResponse)
        if as_json:
            show_json(found)
            return
        rows = [("open", *_row(item)) for item in found.open] + [("accepted", *_row(item)) for item in found.accepted]
        show_table(("state", "what", "tenant", "version", "id!"), rows, empty="Nothing is open.")
        print("complete" if found.completed else f"{len(found.open)} to accept")

    call(work, who, server)


@app.command("accept")
def accept(
    handover_id: str = typer.Argument(..., metavar="HANDOVER", help="An identifier of `handover list`."),
    item_id: str = typer.Argument(
        ..., metavar="ITEM", help="A case's, a plan's case's or a gap's identifier, as `show` has it."
    ),
    who: As = "",
    server: Server = "",
) -> None:
    """Takes one open item over: each one by its own command."""

    async def work(session: Session) -> None:
        found = await session.ask(read.GetHandoverRequest(handover_id=handover_id), read.GetHandoverResponse)
        wanted = [item for item in found.open if item.id == item_id]
        if not wanted:
            raise UsageProblem(f"{item_id!r} is not open in this handover.", hint="`tenet handover show` lists them.")
        request = write.AcceptHandoverItemRequest(handover_id=handover_id, item=wanted[0])
        await session.ask(request, write.AcceptHandoverItemResponse)

    call(work, who, server)


@app.command("complete")
def complete(
    handover_id: str = typer.Argument(..., metavar="HANDOVER", help="An identifier of `handover list`."),
    who: As = "",
    server: Server = "",
) -> None:
    """Completes it; refused while anything open is not accepted."""

    async def work(session: Session) -> None:
        await session.ask(write.CompleteHandoverRequest(handover_id=handover_id), write.CompleteHandoverResponse)

    call(work, who, server)


@app.command("list")
def list_handovers(
    rota_id: str = typer.Option("", "--rota", help="Only of this rota."),
    as_json: Json = False,
    who: As = "",
    server: Server = "",
) -> None:
    """Handovers, the latest first."""

    async def work(session: Session) -> None:
        request = read.ListHandoversRequest(rota_id=rota_id or None)
        found = await every(session, request, read.ListHandoversResponse)
        if as_json:
            show_json(found)
            return
        rows = [
            (
                time_of(each.started_at),
                str(len(each.accepted)),
                time_of(each.completed_at) or "not complete",
                each.handover_id,
            )
            for each in found.handovers
        ]
        show_table(("started", "accepted", "completed", "handover!"), rows, empty="No handover.")

    call(work, who, server)


def _row(item: pb.HandoverItem) -> tuple[str, str, str, str]:
    return word(pb.HandoverItemKind, item.kind), item.tenant_id, item.version[:20], item.id

"""`tenet audit check` and the reopening of a closed ledger."""

from pathlib import Path
from typing import Annotated

import typer
from tenet.ledger.v1 import ledger_check_pb2 as pb
from tenet.ledger.v1 import ledger_recovery_admin_pb2 as recovery

from infra.cli.connection import As, Json, Server, TenantOption, call, tenant
from infra.cli.output import say, show_json, show_pairs, show_table
from infra.cli.problems import UsageProblem
from infra.cli.session import Session

CHECK_SECONDS = 3600.0
"""Deadline of a check: it reads and compares everything."""
EXIT_FOUND = 1


def checking_commands(app: typer.Typer) -> None:
    for command in (check, propose_reopening, approve_reopening):
        app.command()(command)


def check(
    tenant_id: TenantOption,
    checkpoints: Annotated[
        list[Path] | None,
        typer.Option("--checkpoint", metavar="FILE", help="A signed checkpoint that you kept; may be repeated."),
    ] = None,
    who: As = "",
    server: Server = "",
    json: Json = False,
) -> None:
    """Compare every row and file of a live ledger with all that was signed. Exit code 0: whole; 1: it is not."""
    try:
        held = [path.read_bytes() for path in checkpoints or ()]
    except OSError as error:
        raise UsageProblem(f"{error.filename}: {error.strerror}.") from error

    async def work(session: Session) -> None:
        request = pb.CheckLedgerRequest(tenant_id=tenant(tenant_id), held_checkpoints=held)
        answer = await session.ask(request, pb.CheckLedgerResponse, deadline=CHECK_SECONDS)
        if json:
            show_json(answer)
        else:
            _show(answer)
        if answer.finding_count:
            raise typer.Exit(EXIT_FOUND)

    call(work, who, server)


def _show(answer: pb.CheckLedgerResponse) -> None:
    if answer.findings:
        rows = [
            (each.kind, each.place, each.position if each.HasField("position") else "", each.message)
            for each in answer.findings
        ]
        show_table(("what", "where", "position>", "why"), rows)
    show_pairs(
        [
            ("entries", f"{answer.entries:,}, {answer.signed_size:,} of them signed"),
            ("sealed fields", f"{answer.openings:,} opened and compared, {answer.erased:,} erased"),
            ("heads elsewhere", f"{answer.held_heads:,} compared"),
        ]
    )
    if not answer.finding_count:
        say("WHOLE: nothing was altered, removed, added or reordered.")
    elif answer.HasField("first_position"):
        say(f"NOT WHOLE: {answer.finding_count:,} findings. The first entry that is wrong is {answer.first_position}.")
    else:
        say(f"NOT WHOLE: {answer.finding_count:,} findings, none of them in an entry.")


def propose_reopening(
    tenant_id: TenantOption,
    reason: Annotated[str, typer.Option("--reason", help="What happened, and why this may be built upon. Sealed.")],
    who: As = "",
    server: Server = "",
) -> None:
    """Propose that a ledger that was closed takes appends again. Another administrator has to agree."""

    async def work(session: Session) -> None:
        request = recovery.ProposeReopeningRequest(tenant_id=tenant(tenant_id), reason=reason)
        answer = await session.ask(request, recovery.ProposeReopeningResponse)
        show_pairs(
            [
                ("signed under", answer.origin),
                ("signed entries", answer.signed_size),
                ("entries now", answer.entries),
                ("recorded", f"at position {answer.position} of the provider's ledger"),
            ]
        )

    call(work, who, server)


def approve_reopening(tenant_id: TenantOption, who: As = "", server: Server = "") -> None:
    """Agree to the reopening of a ledger. Its log begins a new origin; tell witnesses and auditors of its key."""

    async def work(session: Session) -> None:
        request = recovery.ApproveReopeningRequest(tenant_id=tenant(tenant_id))
        answer = await session.ask(request, recovery.ApproveReopeningResponse)
        show_pairs(
            [
                ("new origin", answer.origin),
                ("verifier key", answer.verifier_key),
                ("recorded", f"at position {answer.position} of the provider's ledger"),
            ]
        )

    call(work, who, server)

"""`tenet ledger …`: the entries themselves, exactly as stored."""

import base64
import json
from datetime import UTC, datetime

import typer
from tenet.ledger.v1 import ledger_admin_pb2 as admin
from tenet.ledger.v1 import ledger_pb2 as pb
from tenet.ledger.v1 import ledger_read_pb2 as read

from infra.cli.connection import As, Json, Server, TenantOption, TenantsOption, call, tenant
from infra.cli.output import console, say, show_json, show_pairs, show_table
from infra.cli.problems import UsageProblem
from infra.cli.session import Session
from infra.cli.words import sealed

app = typer.Typer(no_args_is_help=True, help="The ledger: read, follow, open, export.")
BEGINNING, END = "beginning", "end"


@app.command("head")
def head(tenant_id: TenantOption, as_json: Json = False, who: As = "", server: Server = "") -> None:
    """Where a ledger ends."""

    async def work(session: Session) -> None:
        answer = await session.ask(read.GetHeadRequest(tenant_id=tenant(tenant_id)), read.GetHeadResponse)
        if as_json:
            show_json(answer)
            return
        show_pairs([("next position", answer.next_position), ("last leaf hash", answer.last_leaf_hash.hex())])

    call(work, who, server)


@app.command("read")
def read_entries(
    tenant_id: TenantOption,
    start: int = typer.Option(0, "--from", min=0, help="From this position on."),
    end: int | None = typer.Option(None, "--to", min=0, help="Up to this one, without it."),
    limit: int = typer.Option(0, "--limit", min=0, help="At most so many; 0 for all."),
    topics: list[str] = typer.Option([], "--topic", help="As tenet.cases.CaseOpened. Repeat it for more."),
    as_json: Json = False,
    who: As = "",
    server: Server = "",
) -> None:
    """Entries in order. With --json one line each: hash, clock, the bytes as stored, and what they say."""

    async def work(session: Session) -> None:
        request = read.ReadRequest(
            tenant_id=tenant(tenant_id), from_position=start, to_position=end, topics=topics, batch_size=limit
        )
        if limit:
            request.batch_size = min(limit, 2000)
        left = limit or -1
        async for batch in session.stream(request, read.ReadResponse):
            for entry in batch.entries:
                _show(tenant_id, entry, as_json=as_json)
                left -= 1
                if left == 0:
                    return

    call(work, who, server)


@app.command("subscribe")
def subscribe(
    tenants: TenantsOption = None,
    start: str = typer.Option(END, "--from", help="beginning, end, or a position when one tenant is named."),
    topics: list[str] = typer.Option([], "--topic", help="Only this one. Repeat it for more."),
    heartbeat: int = typer.Option(10, "--heartbeat", min=1, max=300, help="Seconds between signs of life."),
    as_json: Json = False,
    who: As = "",
    server: Server = "",
) -> None:
    """Entries, then whatever is appended, until Ctrl-C. Heartbeats say up to where nothing is missing."""

    async def work(session: Session) -> None:
        request = read.SubscribeRequest(tenant_ids=tenants, topics=topics, heartbeat_seconds=heartbeat)
        _set_start(request, tenants or [], start)
        async for message in session.stream(request, read.SubscribeResponse):
            if message.HasField("batch"):
                for entry in message.batch.entries:
                    _show(message.batch.tenant_id, entry, as_json=as_json)
            else:
                _show_watermarks(message.heartbeat, as_json=as_json)

    call(work, who, server)


def _set_start(request: read.SubscribeRequest, tenants: list[str], start: str) -> None:
    if start.isdigit():
        if len(tenants) != 1:
            raise UsageProblem("A position belongs to one tenant; name that tenant alone.")
        request.positions.append(pb.TenantPosition(tenant_id=tenants[0], from_position=int(start)))
        request.start = read.SUBSCRIBE_FROM_BEGINNING
    elif start in (BEGINNING, END):
        request.start = read.SUBSCRIBE_FROM_BEGINNING if start == BEGINNING else read.SUBSCRIBE_FROM_END
    else:
        raise UsageProblem(f"{start!r} is no place to begin.", hint=f"it is {BEGINNING}, {END} or a position.")


def _show(tenant_id: str, entry: pb.Entry, *, as_json: bool) -> None:
    content = json.loads(entry.entry)
    if as_json:
        line = {
            "tenant_id": tenant_id,
            "position": entry.position,
            "recorded_at_us": entry.recorded_at_us,
            "leaf_hash": entry.leaf_hash.hex(),
            "entry": base64.b64encode(entry.entry).decode(),
            "content": content,
        }
        print(json.dumps(line), flush=True)
        return
    out = console()
    clock = f"{datetime.fromtimestamp(entry.recorded_at_us / 1_000_000, UTC):%Y-%m-%d %H:%M:%SZ}"
    out.print(
        f"{tenant_id} {entry.position:>6} {clock} {content['type'].removeprefix('tenet.')}  {content['stream']}",
        soft_wrap=True,
    )


def _show_watermarks(heartbeat: read.Heartbeat, *, as_json: bool) -> None:
    for mark in heartbeat.watermarks:
        if as_json:
            line = {"tenant_id": mark.tenant_id, "next_position": mark.next_position, "head": mark.head}
            print(json.dumps({"heartbeat": line}), flush=True)
        else:
            say(f"{mark.tenant_id}: nothing before {mark.next_position} is missing; head {mark.head}")


@app.command("open")
def open_fields(
    tenant_id: TenantOption,
    fields: list[str] = typer.Argument(..., metavar="POSITION:PATH...", help="Such as 17:/rationale."),
    purpose: str = typer.Option(..., "--purpose", help="Why you need to see it; goes into the access log."),
    as_json: Json = False,
    who: As = "",
    server: Server = "",
) -> None:
    """Open sealed fields, for a stated purpose."""

    async def work(session: Session) -> None:
        request = read.OpenFieldsRequest(
            tenant_id=tenant(tenant_id), purpose=purpose, fields=[_field(text) for text in fields]
        )
        answer = await session.ask(request, read.OpenFieldsResponse)
        if as_json:
            show_json(answer)
            return
        show_table(("field", "value"), [(f"{f.field.position}:{f.field.path}", sealed(f.text)) for f in answer.fields])

    call(work, who, server)


def _field(text: str) -> pb.FieldRef:
    position, colon, path = text.partition(":")
    if not colon or not position.isdigit() or not path.startswith("/"):
        raise UsageProblem(f"{text!r} names no field.", hint="write 17:/rationale or 17:/evidence/0/summary.")
    return pb.FieldRef(position=int(position), path=path)


@app.command("export")
def export(
    tenant_id: TenantOption,
    purpose: str = typer.Option(..., "--purpose", help="Why. Sealed."),
    start: int = typer.Option(0, "--from", min=0, help="From this position on."),
    end: int | None = typer.Option(None, "--to", min=0, help="Up to this one, without it."),
    who: As = "",
    server: Server = "",
) -> None:
    """Write entries with a manifest of hashes to a directory on the server."""

    async def work(session: Session) -> None:
        request = admin.ExportLedgerRequest(
            tenant_id=tenant(tenant_id), from_position=start, to_position=end, purpose=purpose
        )
        answer = await session.ask(request, admin.ExportLedgerResponse, deadline=300)
        show_pairs(
            [
                ("export", answer.export_path),
                ("positions", f"{answer.from_position} to {answer.to_position}, without the latter"),
                ("sha256 of its manifest", answer.sha256),
            ]
        )

    call(work, who, server)

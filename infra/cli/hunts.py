"""`tenet hunt`: looking through archived telemetry of one tenant."""

import json
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from tenet.detections.v1 import detections_hunts_pb2 as pb

from infra.cli.connection import As, Json, Server, TenantOption, call, tenant
from infra.cli.output import console, say, show_json, show_table
from infra.cli.problems import UsageProblem
from infra.cli.session import Session
from infra.cli.words import moment, time_of, timestamp

DEADLINE_SECONDS = 600.0
LAST_HOURS = 24


def hunt(
    tenant_id: TenantOption,
    sql: str = typer.Option(..., "--sql", help="One statement that reads the table telemetry, or @FILE."),
    reason: str = typer.Option(..., "--reason", help="Why. It goes into the ledger, sealed."),
    start: str = typer.Option("", "--from", help="A time; a day ago when left out."),
    end: str = typer.Option("", "--to", help="A time; now when left out."),
    as_json: Json = False,
    who: As = "",
    server: Server = "",
) -> None:
    """Look through archived telemetry. What was asked and found is recorded in the tenant's ledger.

    The table has the columns occurred_at, received_at, sensor_id, batch_position, batch_sha256, record, source, host,
    address, fields, text, alert and logsource; a field of a record is fields->>'Image'.
    """
    now = datetime.now(UTC)

    async def work(session: Session) -> None:
        request = pb.HuntRequest(
            tenant_id=tenant(tenant_id),
            request_id=str(uuid.uuid4()),
            sql=_text(sql),
            reason=reason,
            start=moment(start) if start else timestamp(now - timedelta(hours=LAST_HOURS)),
            end=moment(end) if end else timestamp(now),
        )
        columns, rows, result = await _hunted(session, request)
        if as_json:
            show_json([dict(zip(columns, row, strict=True)) for row in rows])
            return
        show_table(columns, rows, empty="Nothing was found.")
        say(f"{result.records:,} records looked through, {result.found:,} rows; on record as {result.hunt_id}.")
        if result.truncated:
            say("There is more than an answer holds; ask for less.")
        if result.missing_hours:
            say(f"Not there any more: {', '.join(time_of(hour) for hour in result.missing_hours)}.")

    call(work, who, server)


async def _hunted(session: Session, request: pb.HuntRequest) -> tuple[list[str], list[list[object]], pb.HuntResult]:
    """The columns, the rows and the result; a bar shows how far it is where the output is a terminal."""
    columns: list[str] = []
    rows: list[list[object]] = []
    result = pb.HuntResult()
    out = console()
    parts = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*parts, console=out, transient=True, disable=not out.is_terminal) as progress:
        task = progress.add_task("files", total=None)
        async for message in session.stream(request, pb.HuntResponse, deadline=DEADLINE_SECONDS):
            match message.WhichOneof("step"):
                case "progress":
                    step = message.progress
                    progress.update(task, completed=step.files, total=step.files_in_all)
                case "table":
                    columns = columns or list(message.table.columns)
                    rows += [json.loads(row) for row in message.table.rows]
                case _:
                    result = message.result
    return columns, rows, result


def _text(given: str) -> str:
    """The text itself, or that of the file named after an at sign. Raises UsageProblem."""
    if not given.startswith("@"):
        return given
    try:
        return Path(given[1:]).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageProblem(f"{given[1:]} cannot be read: {error}.") from error

"""`tenet hunt`: looking through archived telemetry of one tenant."""

import json
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import typer
from rich.progress import BarColumn, Progress, TextColumn
from tenet.detections.v1 import detections_hunts_pb2 as pb

from infra.cli.connection import As, Json, Server, TenantOption, call, tenant
from infra.cli.output import console, plain, say, show_json, show_table
from infra.cli.problems import UsageProblem
from infra.cli.session import Session
from infra.cli.words import moment, time_of, timestamp

DEADLINE_SECONDS = 2_000.0
LAST_HOURS = 24
MAX_FILE_BYTES = 8 * 1024 * 1024


@dataclass
class Hunted:
    """What a hunt has said."""

    columns: list[str] = field(default_factory=list)
    rows: list[list[object]] = field(default_factory=list)
    hits: list[pb.HuntHit] = field(default_factory=list)
    result: pb.HuntResult = field(default_factory=pb.HuntResult)


def hunt(
    tenant_id: TenantOption,
    sql: str = typer.Option("", "--sql", help="One statement that reads the table telemetry, or @FILE."),
    rule: str = typer.Option(
        "",
        "--rule",
        help="A Sigma rule or correlation: the id of one at work, or @FILE with its text (a correlation's with the "
        "rules that it refers to).",
    ),
    indicators: Path | None = typer.Option(
        None,
        "--indicators",
        help="A file: one value a line (addresses, networks, domains, URLs, hashes, e-mail addresses, file names), or "
        "CSV with the columns kind and value.",
    ),
    reason: str = typer.Option(..., "--reason", help="Why. It goes into the ledger, sealed."),
    start: str = typer.Option("", "--from", help="A time; a day ago when left out."),
    end: str = typer.Option("", "--to", help="A time; now when left out."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Show hits of a rule or of indicators, and raise nothing."),
    as_json: Json = False,
    who: As = "",
    server: Server = "",
) -> None:
    """Look through archived telemetry, by SQL, by a rule or by indicators.

    What was asked and found is recorded in the tenant's ledger. Hits of rules and indicators become detections that are
    marked as found in retrospect; a record counts once, however often it is hunted, and not at all where live telemetry
    has raised it. Ctrl-C ends a hunt, and nothing of it is raised.

    The table has the columns occurred_at, received_at, sensor_id, batch_position, batch_sha256, record, source, host,
    address, fields, text, alert, logsource and key; a field of a record is fields->>'Image'.
    """
    now = datetime.now(UTC)

    async def work(session: Session) -> None:
        request = pb.HuntRequest(
            tenant_id=tenant(tenant_id),
            request_id=str(uuid.uuid4()),
            reason=reason,
            start=moment(start) if start else timestamp(now - timedelta(hours=LAST_HOURS)),
            end=moment(end) if end else timestamp(now),
            dry_run=dry_run,
        )
        _ask(request, sql, rule, indicators)
        hunted = await _hunted(session, request)
        if as_json:
            show_json(_as_json(hunted, request))
            return
        if request.WhichOneof("question") == "sql":
            show_table(hunted.columns, hunted.rows, empty="Nothing was found.")
        else:
            _show_hits(hunted)
        _say_result(hunted.result, request)

    call(work, who, server)


def _ask(request: pb.HuntRequest, sql: str, rule: str, indicators: Path | None) -> None:
    """Puts the one question that was given into the request. Raises UsageProblem."""
    if sum(map(bool, (sql, rule, indicators))) != 1:
        raise UsageProblem("A hunt is by one of --sql, --rule and --indicators.")
    if sql:
        request.sql = _text(sql[1:]) if sql.startswith("@") else sql
    elif indicators:
        request.indicators = _text(str(indicators))
    elif rule.startswith("@"):
        request.rule = _text(rule[1:])
    else:
        request.rule_id = rule


async def _hunted(session: Session, request: pb.HuntRequest) -> Hunted:
    """All that is said; a bar shows how far it is where the output is a terminal."""
    hunted = Hunted()
    out = console()
    parts = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:,.0f}"))
    with Progress(*parts, console=out, transient=True, disable=not out.is_terminal) as progress:
        task = progress.add_task("records", total=None)
        async for message in session.stream(request, pb.HuntResponse, deadline=DEADLINE_SECONDS):
            match message.WhichOneof("step"):
                case "progress":
                    step = message.progress
                    told = f"{step.found:,} hits; of {step.records:,} records"
                    progress.update(task, completed=step.looked_through, total=step.records or None, description=told)
                case "table":
                    hunted.columns = hunted.columns or list(message.table.columns)
                    hunted.rows += [json.loads(row) for row in message.table.rows]
                case "hit":
                    hunted.hits.append(message.hit)
                case _:
                    hunted.result = message.result
    return hunted


def _as_json(hunted: Hunted, request: pb.HuntRequest) -> object:
    if request.WhichOneof("question") == "sql":
        return [dict(zip(hunted.columns, row, strict=True)) for row in hunted.rows]
    return {"hits": [plain(hit) for hit in hunted.hits], "result": plain(hunted.result)}


def _show_hits(hunted: Hunted) -> None:
    show_table(
        ("when", "sensor", "what", "record"),
        [
            (
                time_of(hit.occurred_at),
                hit.sensor_id,
                ", ".join(match.observed or match.title for match in hit.matches),
                " · ".join(hit.summary.splitlines())[:300],
            )
            for hit in hunted.hits
        ],
        empty="Nothing was found.",
    )


def _say_result(result: pb.HuntResult, request: pb.HuntRequest) -> None:
    what = "rows" if request.WhichOneof("question") == "sql" else "hits"
    say(f"{result.records:,} records looked through, {result.found:,} {what}; on record as {result.hunt_id}.")
    if result.known or result.hidden:
        say(f"{result.known:,} had counted before; {result.hidden:,} are suppressed, excepted or expected.")
    for detection_id in result.detection_ids:
        say(f"raised or added to: {detection_id}")
    if not result.records:
        say(f"Nothing is kept from {time_of(request.start)} to {time_of(request.end)}; --from and --to look elsewhere.")
    if result.truncated:
        say("There is more than one hunt takes; ask for less, or hunt again for the rest.")
    if result.missing_hours:
        say(f"Not there any more: {', '.join(time_of(hour) for hour in result.missing_hours)}.")


def _text(path: str) -> str:
    """The text of a file. Raises UsageProblem."""
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
        text = content.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageProblem(f"{path} cannot be read: {error}.") from error
    if len(content) > MAX_FILE_BYTES:
        raise UsageProblem(f"{path} has more than {MAX_FILE_BYTES} bytes.")
    return text

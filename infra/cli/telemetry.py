"""`tenet ingest`: telemetry in."""

from pathlib import Path

import typer
import yaml

from infra.cli.batches import Format, batches_of
from infra.cli.connection import As, Json, Server, TenantOption, call, tenant
from infra.cli.ingesting import Sending, Totals, send_batches
from infra.cli.output import console, say, show_json
from infra.cli.problems import UsageProblem
from infra.cli.progress import files_progress
from infra.cli.session import Session
from infra.cli.telemetry_files import expand

UNNAMED_SENSOR = "cli"


def ingest(
    tenant_id: TenantOption,
    paths: list[Path] = typer.Argument(..., metavar="PATH...", help="Files, .gz, .zst, .zip, .tar, directories."),
    stated: Format = typer.Option(Format.AUTOMATIC, "--format", help="How they are written."),
    sensor: str = typer.Option(UNNAMED_SENSOR, "--sensor", help="The sensor that they are from, as registered."),
    mapping: Path | None = typer.Option(
        None, "--mapping", help="A declared mapping (YAML) for JSON or CSV that Tenet does not know.", dir_okay=False
    ),
    as_json: Json = False,
    who: As = "",
    server: Server = "",
) -> None:
    """Send telemetry. Sending the same again changes nothing."""
    declared = _mapping(mapping) if mapping else b""

    async def work(session: Session) -> None:
        files, totals = expand(paths), Totals()
        with files_progress(console(), [] if as_json else files) as taken:
            sending = Sending(tenant(tenant_id), sensor, stated, declared)
            batches = batches_of(files, named_columns=_names_columns(declared))
            await send_batches(session, sending, batches, totals, taken)
        if as_json:
            show_json(
                {
                    "batches": totals.batches,
                    "records": totals.records,
                    "accepted": totals.accepted,
                    "repeated": totals.repeated,
                    "skewed": totals.skewed,
                    "put_aside": dict(totals.put_aside),
                    "raised": totals.raised,
                    "joined": totals.joined,
                    "samples": [{"reason": each.reason, "head": each.shown} for each in totals.samples],
                }
            )
        else:
            say(totals.sentence() + ".")
            for each in totals.samples:
                say(f"  {each.reason}: {each.shown}")

    call(work, who, server)


def _mapping(path: Path) -> bytes:
    """Raises UsageProblem. What the mapping says is judged by the service."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageProblem(f"{path} cannot be read: {error.strerror}.") from error


def _names_columns(declared: bytes) -> bool:
    """Whether the first line of each file names its columns, as the mapping says it."""
    try:
        said = yaml.safe_load(declared)
    except yaml.YAMLError:
        return False
    return isinstance(said, dict) and said.get("format") == "csv" and not said.get("columns")

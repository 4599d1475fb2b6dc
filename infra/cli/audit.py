"""`tenet audit export` and `tenet verify`: a part of a ledger that proves itself, and its check without any server."""

import hashlib
import json
import re
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import grpc
import typer
from rich.progress import DownloadColumn, Progress, SpinnerColumn, TextColumn
from tenet.ledger.v1 import ledger_audit_pb2 as pb
from tenet.ledger.v1 import ledger_read_pb2 as ledger

from contracts.ids import PROVIDER
from infra.cli.checking import checking_commands
from infra.cli.connection import As, Json, Server, TenantOption, call, tenant
from infra.cli.output import console, say, show_json, show_pairs
from infra.cli.problems import Problem, UsageProblem
from infra.cli.proofs import EXIT_NOT_CHECKED, is_proof, verify_file
from infra.cli.session import Session
from infra.grpc.status import RemoteError
from infra.transparency import verifier

app = typer.Typer(no_args_is_help=True, help="Check a ledger, or take a part of it along that proves itself.")
checking_commands(app)

EXPORT_SECONDS = 1800.0
"""Deadline of an export: a million entries take some minutes."""
KEY_INTRODUCED = "tenet.ledger.LogKeyIntroduced"
MAX_BUNDLE_BYTES = 64 * 2**30
TAG_MANIFEST = "tagmanifest-sha256.txt"
_SAFE_PATH = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")


@dataclass(frozen=True, slots=True)
class Taken:
    """A bundle that was received whole. `position` is that of the record of its making."""

    directory: Path
    sha256: str
    from_position: int
    to_position: int
    position: int
    files: int
    bytes: int


@app.command()
def export(
    tenant_id: TenantOption,
    directory: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="A directory that is not there yet.")
    ],
    case: Annotated[str, typer.Option("--case", metavar="CASE", help="Only this case, and all that it cites.")] = "",
    start: Annotated[int, typer.Option("--from", metavar="POSITION", min=0, help="The first position.")] = 0,
    end: Annotated[
        int | None, typer.Option("--to", metavar="POSITION", min=0, help="The first one not wanted.")
    ] = None,
    purpose: Annotated[str, typer.Option("--purpose", help="Why. Goes, sealed, into the ledger.")] = "audit",
    who: As = "",
    server: Server = "",
    as_json: Json = False,
) -> None:
    """Write an audit bundle: entries with proofs, permitted values, reports. The ledger records that it was made."""
    request = pb.ExportBundleRequest(tenant_id=tenant(tenant_id), from_position=start, purpose=purpose)
    if end is not None:
        request.to_position = end
    if case:
        request.case_id = case

    async def work(session: Session) -> None:
        taken = await take_bundle(session, request, directory, quiet=as_json)
        if as_json:
            show_json({name: str(getattr(taken, name)) for name in Taken.__slots__})
            return
        show_pairs(
            [
                ("bundle", taken.directory),
                (
                    "entries",
                    f"positions {taken.from_position} to {taken.to_position - 1}" + (f", of {case}" if case else ""),
                ),
                ("files", f"{taken.files}, {taken.bytes:,} bytes"),
                ("sha256", taken.sha256),
                ("recorded", f"at position {taken.position}"),
            ]
        )
        say(f"Check it, here or on any other machine: ./tenet verify {taken.directory}")

    call(work, who, server)


async def take_bundle(
    session: Session, request: pb.ExportBundleRequest, directory: Path, *, quiet: bool = True
) -> Taken:
    """Receives a bundle into a directory that appears whole or not at all. Raises RemoteError, Problem."""
    if directory.exists():
        raise UsageProblem(f"{directory} is there already.", hint="name a directory that is not.")
    if not request.request_id:
        request.request_id = secrets.token_hex(16)
    hidden = directory.with_name(f".{directory.name}.{secrets.token_hex(4)}.new")
    try:
        hidden.mkdir(mode=0o700, parents=True)
        with _progress(quiet) as progress:
            record, files, size = await _receive(session, request, hidden, progress)
        found = hashlib.sha256((hidden / TAG_MANIFEST).read_bytes()).hexdigest()
        if found != record.sha256:
            raise Problem("BUNDLE_INCOMPLETE", "What arrived is not the bundle that the ledger has on record.")
        hidden.rename(directory)
    except OSError as error:
        raise Problem("BUNDLE_NOT_WRITTEN", f"{error.filename or directory}: {error.strerror}.") from error
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
    return Taken(directory, found, record.from_position, record.to_position, record.position, files, size)


async def _receive(
    session: Session, request: pb.ExportBundleRequest, hidden: Path, progress: Progress
) -> tuple[pb.BundleRecord, int, int]:
    """The record, and how many files and bytes were written."""
    record, files, size = pb.BundleRecord(), 0, 0
    task = progress.add_task("the server writes the bundle", total=None)
    async for message in session.stream(request, pb.ExportBundleResponse, deadline=EXPORT_SECONDS):
        if message.HasField("record"):
            record = message.record
            continue
        piece = message.piece
        if not _SAFE_PATH.fullmatch(piece.path):
            raise Problem("BUNDLE_REFUSED", f"The server names a file {piece.path!a}; nothing was written.")
        path = hidden / piece.path
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(piece.data)
        size, files = size + len(piece.data), files + piece.last
        if size > MAX_BUNDLE_BYTES:
            raise Problem("BUNDLE_REFUSED", f"The bundle has more than {MAX_BUNDLE_BYTES:,} bytes; nothing was kept.")
        progress.update(task, completed=size, description=piece.path)
    return record, files, size


def _progress(quiet: bool) -> Progress:
    columns = (SpinnerColumn(), DownloadColumn(), TextColumn("{task.description}"))
    return Progress(*columns, console=console(), transient=True, disable=quiet)


@app.command()
def keys(tenant_id: TenantOption, as_json: Json = False, who: As = "", server: Server = "") -> None:
    """The keys that signed a ledger's log, as the provider's ledger has them; compare them by another way as well."""

    async def work(session: Session) -> None:
        mine = [each for each in await _introduced(session) if each["log_tenant_id"] == tenant(tenant_id)]
        if as_json:
            show_json(mine)
            return
        for each in mine:
            show_pairs(
                [
                    ("generation", each["generation"]),
                    ("verifier key", each["verifier_key"]),
                    ("fingerprint", each["fingerprint"]),
                    ("recorded", f"at position {each['position']} of the provider's ledger"),
                ]
            )
        if not mine:
            say("No key is on record yet; the first one is within a minute of the log's first entry.")

    call(work, who, server)


async def _introduced(session: Session) -> list[dict[str, Any]]:
    """Each key that the provider's ledger has on record. Raises RemoteError, and Problem for who may not read it."""
    request = ledger.ReadRequest(tenant_id=PROVIDER, topics=[KEY_INTRODUCED])
    try:
        return [
            json.loads(entry.entry)["data"] | {"position": entry.position}
            async for batch in session.stream(request, ledger.ReadResponse)
            for entry in batch.entries
        ]
    except RemoteError as error:
        if error.code not in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.PERMISSION_DENIED):
            raise
        raise Problem(
            "PROVIDERS_LEDGER_CLOSED",
            "The keys are on record in the provider's ledger, which you may not read.",
            hint="an audit bundle carries them; ask the provider for the fingerprint by another way.",
        ) from error


def verify(
    directory: Annotated[Path, typer.Argument(metavar="PATH", help="A bundle's directory, or the file of one proof.")],
    key: Annotated[
        list[str],
        typer.Option(
            "--key", metavar="KEY", help="Of a bundle: the fingerprint of a ledger's key. Of a proof: its verifier key."
        ),
    ] = [],  # noqa: B006  # typer reads the default and never changes it.
    witness: Annotated[
        list[str], typer.Option("--witness", metavar="KEY", help="Key of a witness that must have cosigned.")
    ] = [],  # noqa: B006  # As above.
    checkpoint: Annotated[
        Path | None, typer.Option("--checkpoint", metavar="FILE", help="A checkpoint of the ledger that you hold.")
    ] = None,
    bundle: Annotated[
        str, typer.Option("--bundle", metavar="HASH", help="The bundle's SHA-256, as the export printed it.")
    ] = "",
    leaf: Annotated[
        str, typer.Option("--leaf", metavar="HASH", help="Of a proof that carries no entry: the leaf hash it is about.")
    ] = "",
) -> None:
    """Check an audit bundle or a proof. Needs no server and no network. Exit code 0: valid; 1: not; 2: not checked."""
    if not directory.exists():
        typer.echo(f"NOT CHECKED: {directory} is not there.", err=True)
        raise typer.Exit(EXIT_NOT_CHECKED)
    if is_proof(directory):
        raise typer.Exit(verify_file(directory, key, witness, leaf))
    arguments = [str(directory)]
    arguments += [word for each in key for word in ("--key", each)]
    arguments += [word for each in witness for word in ("--witness", each)]
    if bundle:
        arguments += ["--bundle", bundle]
    if checkpoint is not None:
        arguments += ["--checkpoint", str(checkpoint)]
    raise typer.Exit(verifier.main(arguments))

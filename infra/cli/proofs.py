"""`tenet proof …` and `tenet receipt`: files by which anyone with the log's key checks a statement about a ledger."""

from pathlib import Path
from typing import Annotated

import typer
from tenet.ledger.v1 import ledger_read_pb2 as pb

from contracts.errors import TenetError
from infra.cli.connection import As, Server, TenantOption, call, tenant
from infra.cli.output import say, show_pairs
from infra.cli.problems import Problem, UsageProblem
from infra.cli.session import Session
from infra.transparency.merkle import leaf_hash
from infra.transparency.notes import Verifier
from infra.transparency.proof_files import encode_consistency, encode_range, verify_proof_file
from infra.transparency.proofs import ConsistencyProof, RangeProof, encode_proof_file, parse_proof_file
from infra.transparency.storage import SignedCheckpoint

app = typer.Typer(no_args_is_help=True, help="Proofs as files: that an entry is there, that nothing was taken away.")

MAX_RANGE = 10_000
"""Entries of one range; whoever needs more takes an audit bundle."""
EXIT_INVALID, EXIT_NOT_CHECKED = 1, 2
_BEGINNINGS = (b"c2sp.org/tlog-proof@", b"tenet/consistency-proof@", b"tenet/range-proof@")
Output = Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="A file that is not there yet.")]
Position = Annotated[int, typer.Option("--position", "-p", min=0, help="Of the entry.")]


@app.command()
def inclusion(tenant_id: TenantOption, position: Position, output: Output, who: As = "", server: Server = "") -> None:
    """That an entry stands where it stands, with the entry (C2SP tlog-proof)."""

    async def work(session: Session) -> None:
        request = pb.ProveInclusionRequest(tenant_id=tenant(tenant_id), position=position)
        answer = await session.ask(request, pb.ProveInclusionResponse)
        (data,) = await _entries(session, tenant_id, position, position + 1)
        _write(output, encode_proof_file(position, list(answer.path), answer.checkpoint, data), answer.checkpoint)

    call(work, who, server)


@app.command()
def consistency(
    tenant_id: TenantOption,
    output: Output,
    old_size: Annotated[int, typer.Option("--from", min=0, help="The smaller size, in entries.")],
    who: As = "",
    server: Server = "",
) -> None:
    """That the log was only appended to since it had so many entries."""

    async def work(session: Session) -> None:
        request = pb.ProveConsistencyRequest(tenant_id=tenant(tenant_id), old_size=old_size)
        answer = await session.ask(request, pb.ProveConsistencyResponse)
        proof = ConsistencyProof(old_size, answer.old_root, answer.size, answer.root, tuple(answer.path))
        _write(output, encode_consistency(proof, answer.checkpoint), answer.checkpoint)

    call(work, who, server)


@app.command("range")
def range_(
    tenant_id: TenantOption,
    output: Output,
    begin: Annotated[int, typer.Option("--from", min=0, help="The first position.")],
    end: Annotated[int, typer.Option("--to", min=1, help="The first one not wanted.")],
    who: As = "",
    server: Server = "",
) -> None:
    """That the entries of a range are all that there are."""
    if not 0 < end - begin <= MAX_RANGE:
        raise UsageProblem(f"A range has 1 to {MAX_RANGE:,} entries.", hint="take an audit bundle for more.")

    async def work(session: Session) -> None:
        request = pb.ProveRangeRequest(tenant_id=tenant(tenant_id), from_position=begin, to_position=end)
        answer = await session.ask(request, pb.ProveRangeResponse)
        leaves = [leaf_hash(data) for data in await _entries(session, tenant_id, begin, end)]
        proof = RangeProof(begin, end, answer.size, answer.root, tuple(answer.left), tuple(answer.right))
        _write(output, encode_range(proof, leaves, answer.checkpoint), answer.checkpoint)

    call(work, who, server)


def receipt(
    tenant_id: TenantOption,
    position: Position,
    output: Output,
    cosigned: Annotated[
        bool, typer.Option("--cosigned", help="Wait for a checkpoint that witnesses cosigned.")
    ] = False,
    who: As = "",
    server: Server = "",
) -> None:
    """Take a receipt for an append: waits until the entry is sealed, then writes its proof with the entry."""

    async def work(session: Session) -> None:
        request = pb.GetReceiptRequest(tenant_id=tenant(tenant_id), position=position, cosigned=cosigned)
        answer = await session.ask(request, pb.GetReceiptResponse)
        (data,) = await _entries(session, tenant_id, position, position + 1)
        proof = parse_proof_file(answer.proof_file)
        _write(output, encode_proof_file(position, proof.path, proof.checkpoint, data), proof.checkpoint)

    call(work, who, server)


async def _entries(session: Session, tenant_id: str, begin: int, end: int) -> list[bytes]:
    """The leaf data of a range."""
    request = pb.ReadRequest(tenant_id=tenant_id, from_position=begin, to_position=end)
    found = [
        each.recorded_at_us.to_bytes(8, "big") + each.entry
        async for batch in session.stream(request, pb.ReadResponse)
        for each in batch.entries
    ]
    if len(found) != end - begin:
        raise Problem("ENTRY_MISSING", f"The ledger has {len(found)} of these {end - begin} entries.")
    return found


def _write(output: Path, data: bytes, checkpoint: bytes) -> None:
    try:
        with output.open("xb") as file:
            file.write(data)
    except FileExistsError as error:
        raise UsageProblem(f"{output} is there already.", hint="name a file that is not.") from error
    except OSError as error:
        raise Problem("PROOF_NOT_WRITTEN", f"{output}: {error.strerror}.") from error
    signed = SignedCheckpoint.parse(checkpoint).checkpoint
    show_pairs([("proof", output), ("log", signed.origin), ("signed size", signed.size)])
    say(f"Check it anywhere: ./tenet verify {output} --key VERIFIER_KEY")
    say(f"The key is that of {signed.origin}: ./tenet audit keys shows it; confirm it by another way.")


def is_proof(path: Path) -> bool:
    """Whether a file begins as one proof does; its name says nothing."""
    try:
        with path.open("rb") as file:
            return file.read(64).startswith(_BEGINNINGS)
    except OSError:
        return False


def verify_file(path: Path, keys: list[str], witnesses: list[str], leaf: str) -> int:
    """Checks a proof's file offline and says what it proves. Exit codes as those of `tenet verify`."""
    try:
        log_keys, witness_keys = [Verifier.parse(each) for each in keys], [Verifier.parse(each) for each in witnesses]
        expected = bytes.fromhex(leaf) if leaf else None
        data = path.read_bytes()
    except (TenetError, ValueError, OSError) as error:
        typer.echo(f"NOT CHECKED: {error}", err=True)
        return EXIT_NOT_CHECKED
    if not log_keys:
        typer.echo("NOT CHECKED: name the log by its verifier key: --key '<origin>+<key id>+<key>'.", err=True)
        return EXIT_NOT_CHECKED
    try:
        proven = verify_proof_file(data, log_keys, witness_keys, expected)
    except TenetError as error:
        typer.echo(f"NOT VALID: {error.message}")
        return EXIT_INVALID
    if proven.leaf_data:
        typer.echo(proven.leaf_data[8:].decode("utf-8", "replace"))
    typer.echo(f"VALID: {proven.statement}, as of {proven.checkpoint.size} entries.")
    return 0

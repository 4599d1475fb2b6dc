"""The end of the demonstration: an audit bundle is taken and checked; a copy with one altered byte fails, and where."""

import asyncio
import shutil
from dataclasses import dataclass
from pathlib import Path

from tenet.ledger.v1 import ledger_audit_pb2 as pb

from infra.cli.audit import take_bundle
from infra.cli.demo.stage import Stage, StoryBroken
from infra.transparency.verifier import verify

PURPOSE = "demonstration: the record proves itself"
_LENGTH_BYTES, _CLOCK_BYTES = 2, 8


@dataclass(frozen=True, slots=True)
class Proved:
    """`failure` is what the verifier says of the altered copy, `position` the entry that was altered."""

    bundle: Path
    altered: Path
    summary: tuple[str, ...]
    notes: tuple[str, ...]
    position: int
    failure: str


async def prove_and_tamper(stage: Stage, who: str, tenant_id: str, directory: Path) -> Proved:
    """Takes a bundle as that person, verifies it, alters a byte of a copy, and shows that it is found.

    `directory` is made anew. Raises RemoteError, Problem, and StoryBroken when the verifier is wrong either way.
    """
    bundle, altered = directory / "bundle", directory / "altered"
    request = pb.ExportBundleRequest(tenant_id=tenant_id, purpose=PURPOSE)
    await take_bundle(await stage.session(who), request, bundle)
    result = await asyncio.to_thread(verify, bundle)
    if result.problems:
        raise StoryBroken(f"the bundle of {tenant_id} is not valid: {result.problems[0]}")
    await asyncio.to_thread(shutil.copytree, bundle, altered)
    position = _alter(altered / "data/ledgers" / tenant_id / "entries")
    failed = await asyncio.to_thread(verify, altered)
    if failed.first_position != position:
        raise StoryBroken(f"the altered entry at {position} was not found: {failed.problems}")
    failure = next(what for _, where, what in failed.problems if where == position)
    return Proved(bundle, altered, tuple(result.summary), tuple(result.notes), position, failure)


def _alter(entries: Path) -> int:
    """Changes one byte in the middle of the middle entry of the last file, which holds a whole range; its position."""
    path = max(entries.glob("*.bundle"))
    data = bytearray(path.read_bytes())
    starts = [0]
    while (after := starts[-1] + _LENGTH_BYTES + _length(data, starts[-1])) < len(data):
        starts.append(after)
    middle = len(starts) // 2
    entry = starts[middle] + _LENGTH_BYTES + _CLOCK_BYTES
    data[entry + (_length(data, starts[middle]) - _CLOCK_BYTES) // 2] ^= 1
    path.write_bytes(data)
    return int(path.stem) + middle


def _length(data: bytearray, start: int) -> int:
    return int.from_bytes(data[start : start + _LENGTH_BYTES], "big")

"""Asks outside witnesses to cosign a log's checkpoints (C2SP tlog-witness)."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import aiohttp
import structlog

from contracts.errors import TenetError
from infra.transparency.notes import Note, NoteMalformed, NoteUnverified, Signature, Verifier, open_note
from infra.transparency.storage import SignedCheckpoint
from infra.transparency.witness_protocol import SIZE_TYPE, AddCheckpoint

WITNESS_SECONDS = 5.0
"""How long one witness may take for one checkpoint, its second attempt included."""
MAX_ANSWER_BYTES = 16_384
_ATTEMPTS = 3

log = structlog.get_logger(__name__)

Prove = Callable[[int], Sequence[bytes]]
"""The consistency proof from a smaller size to the checkpoint's."""


@dataclass(frozen=True, slots=True)
class WitnessAddress:
    verifier: Verifier
    url: str


def witnesses_of(configured: Mapping[str, str]) -> list[WitnessAddress]:
    """Out of verifier keys with their submission URLs. Raises NoteMalformed."""
    return [WitnessAddress(Verifier.parse(vkey), url.rstrip("/")) for vkey, url in configured.items()]


class WitnessClient:
    """Remembers what each witness has cosigned last of each log; a restart asks them anew."""

    def __init__(self, witnesses: Sequence[WitnessAddress], session: aiohttp.ClientSession) -> None:
        self.witnesses = tuple(witnesses)
        self._session = session
        self._known: dict[tuple[str, str], int] = {}

    async def cosign(self, signed: SignedCheckpoint, prove: Prove) -> tuple[Signature, ...]:
        """The cosignatures of those witnesses that gave one in time, each verified."""
        answers = await asyncio.gather(*(self._ask_surely(each, signed, prove) for each in self.witnesses))
        return tuple(signature for answer in answers for signature in answer)

    async def _ask_surely(self, witness: WitnessAddress, signed: SignedCheckpoint, prove: Prove) -> Sequence[Signature]:
        try:
            async with asyncio.timeout(WITNESS_SECONDS):
                return await self._ask(witness, signed, prove)
        except (TimeoutError, aiohttp.ClientError, TenetError, ValueError) as error:
            log.warning("log.witness_silent", witness=witness.verifier.name, reason=str(error) or type(error).__name__)
            return ()

    async def _ask(self, witness: WitnessAddress, signed: SignedCheckpoint, prove: Prove) -> Sequence[Signature]:
        checkpoint = signed.checkpoint
        place = (checkpoint.origin, witness.verifier.encode())
        for _ in range(_ATTEMPTS):
            old_size = self._known.get(place, 0)
            if old_size > checkpoint.size:
                # The witness has seen more of this log than the log has: it was rolled back, or the witness errs.
                log.critical(
                    "log.witness_ahead", witness=witness.verifier.name, origin=checkpoint.origin, size=old_size
                )
                return ()
            proof = tuple(await asyncio.to_thread(prove, old_size))
            body = AddCheckpoint(old_size, proof, signed.note.encode()).encode()
            async with self._session.post(f"{witness.url}/add-checkpoint", data=body) as answer:
                text = await read_body(answer, MAX_ANSWER_BYTES)
                if answer.status == 200:
                    self._known[place] = checkpoint.size
                    return _cosignatures(signed.note, text, witness.verifier)
                if answer.status == 409 and answer.content_type == SIZE_TYPE and int(text) != old_size:
                    self._known[place] = int(text)
                    continue
                log.critical(
                    "log.witness_refused",
                    witness=witness.verifier.name,
                    origin=checkpoint.origin,
                    size=checkpoint.size,
                    status=answer.status,
                    detail=text[:200].decode("utf-8", "replace"),
                )
                return ()
        return ()


async def read_body(answer: aiohttp.ClientResponse, limit: int) -> bytes:
    """The whole body of an answer, or the first bytes of one that is longer than it may be."""
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > limit:
            break
    return bytes(body[:limit])


def _cosignatures(note: Note, lines: bytes, verifier: Verifier) -> Sequence[Signature]:
    """What the witness's own key has signed of the lines that it answered; other lines are ignored."""
    try:
        _, signatures = open_note(Note(note.text).encode() + lines, [verifier])
    except (NoteMalformed, NoteUnverified) as error:
        log.warning("log.witness_unverified", witness=verifier.name, reason=error.message)
        return ()
    return signatures

"""An outside witness (C2SP tlog-witness): it cosigns a log's checkpoints as long as each extends the one before.

A customer runs it, on a machine of its own, with the verifier keys of the logs that it follows. For each log it keeps
the checkpoint that it cosigned last, durably before it answers, and compares and replaces it under one lock, so that it
never cosigns two heads that do not belong to one history.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import structlog
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.errors import FailedPrecondition
from infra.transparency.merkle import EMPTY_ROOT, ProofInvalid, verify_consistency
from infra.transparency.notes import (
    COSIGNATURE_V1,
    ED25519,
    Checkpoint,
    CheckpointMalformed,
    NoteMalformed,
    NoteUnverified,
    Signer,
    Verifier,
    open_note,
    parse_note,
)
from infra.transparency.storage import create_file, read_file, replace_file
from infra.transparency.witness_protocol import MAX_REQUEST_BYTES, SIZE_TYPE, AddCheckpoint, RequestMalformed

log = structlog.get_logger(__name__)


class WitnessMisconfigured(FailedPrecondition):
    """The witness has no log to follow, a key that is not a log's, or a state that it cannot read."""

    reason = "WITNESS_MISCONFIGURED"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    content_type: str = "text/plain"


class Witness:
    """Follows the logs of `verifiers`, each known by its name, which is the origin; several keys may share one."""

    def __init__(
        self, directory: Path, name: str, verifiers: Iterable[Verifier], clock: Callable[[], float] = time.time
    ) -> None:
        """Raises WitnessMisconfigured, NoteMalformed."""
        self._directory = directory
        self._signer = Signer(name, _private_key(directory / "witness.key"), COSIGNATURE_V1)
        self._logs: dict[str, list[Verifier]] = {}
        for verifier in verifiers:
            if verifier.algorithm != ED25519:
                raise WitnessMisconfigured(f"{verifier.name} is not the key of a log.")
            self._logs.setdefault(verifier.name, []).append(verifier)
        if not self._logs:
            raise WitnessMisconfigured("Name at least one log by its verifier key.")
        self._clock = clock
        self._lock = asyncio.Lock()

    @property
    def verifier(self) -> Verifier:
        """The witness's public key, to be handed to those who should trust it."""
        return self._signer.verifier

    def application(self) -> web.Application:
        application = web.Application(client_max_size=MAX_REQUEST_BYTES)
        application.router.add_post("/add-checkpoint", self._handle)
        return application

    async def _handle(self, request: web.Request) -> web.Response:
        answer = await self.add_checkpoint(await request.read())
        return web.Response(status=answer.status, body=answer.body, content_type=answer.content_type)

    async def add_checkpoint(self, body: bytes) -> Answer:
        """The answer to a request; its status is the specification's."""
        try:
            asked = AddCheckpoint.parse(body)
            checkpoint = Checkpoint.parse(parse_note(asked.checkpoint).text)
        except (RequestMalformed, NoteMalformed, CheckpointMalformed) as error:
            return _refusal(400, error.message)
        keys = self._logs.get(checkpoint.origin)
        if keys is None:
            return _refusal(404, "This witness does not follow that log.")
        try:
            open_note(asked.checkpoint, keys)
        except NoteUnverified as error:
            return _refusal(403, error.message)
        if asked.old_size > checkpoint.size:
            return _refusal(400, "The old size is larger than the checkpoint's.")
        async with self._lock:
            return await asyncio.to_thread(self._judge, asked, checkpoint)

    def _judge(self, asked: AddCheckpoint, checkpoint: Checkpoint) -> Answer:
        path = self._directory / "logs" / hashlib.sha256(checkpoint.origin.encode()).hexdigest()
        size, root = self._latest(path, checkpoint.origin)
        if asked.old_size != size:
            return Answer(409, f"{size}\n".encode(), SIZE_TYPE)
        if size == checkpoint.size and root != checkpoint.root:
            log.critical("witness.split_view", origin=checkpoint.origin, size=size)
            return Answer(409, f"{size}\n".encode(), SIZE_TYPE)
        try:
            verify_consistency(size, root, checkpoint.size, checkpoint.root, asked.proof)
        except ProofInvalid as error:
            log.critical("witness.inconsistent", origin=checkpoint.origin, size=checkpoint.size, detail=error.message)
            return _refusal(422, error.message)
        replace_file(path, asked.checkpoint)
        signature = self._signer.sign(checkpoint.text(), at=int(self._clock()))
        log.info("witness.cosigned", origin=checkpoint.origin, size=checkpoint.size)
        return Answer(200, signature.line().encode())

    def _latest(self, path: Path, origin: str) -> tuple[int, bytes]:
        data = read_file(path)
        if data is None:
            return 0, EMPTY_ROOT
        latest = Checkpoint.parse(parse_note(data).text)
        if latest.origin != origin:
            raise WitnessMisconfigured(f"The state of {origin} is that of another log.")
        return latest.size, latest.root


def _refusal(status: int, message: str) -> Answer:
    return Answer(status, f"{message}\n".encode())


def _private_key(path: Path) -> Ed25519PrivateKey:
    """The witness's own key, made at its first start, in a file that only its owner can read."""
    if read_file(path) is None:
        create_file(path, Ed25519PrivateKey.generate().private_bytes_raw())
        path.chmod(0o600)
    if path.stat().st_mode & 0o077:
        raise WitnessMisconfigured("Other accounts can read the witness's key; its mode must be 0600.")
    return Ed25519PrivateKey.from_private_bytes(path.read_bytes())

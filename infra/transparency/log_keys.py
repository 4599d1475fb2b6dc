"""The signing keys of a tenant's log: generations, each introduced by a note that the key before it has signed.

`keys/<generation>.note` is a signed note (C2SP signed-note) whose text is the log's origin, `log key <generation>`, and
the verifier key. The first is signed by itself alone: it is handed to customers, auditors and witnesses, and whoever
holds it can follow the later ones. The private keys are the key store's.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.errors import DataLoss
from contracts.ids import TenantId
from infra.keys import KeyStore
from infra.transparency.notes import ED25519, Note, NoteMalformed, NoteUnverified, Signer, Verifier, open_note
from infra.transparency.storage import LogDirectory, create_file, read_file

_HEADING = re.compile(r"log key ([1-9][0-9]{0,3})")


class KeysBroken(DataLoss):
    """The notes that introduce a log's keys do not follow from each other, or not from the key store's keys."""

    reason = "LOG_KEYS_BROKEN"


@dataclass(frozen=True, slots=True)
class LogKeys:
    """A log's keys, the oldest first; the last one signs."""

    origin: str
    signers: tuple[Signer, ...]

    @property
    def current(self) -> Signer:
        return self.signers[-1]

    @property
    def verifiers(self) -> tuple[Verifier, ...]:
        return tuple(each.verifier for each in self.signers)


async def open_keys(keys: KeyStore, tenant_id: TenantId, origin: str, directory: LogDirectory) -> LogKeys:
    """The log's keys, the first one made at the first call. Raises KeysBroken, TenantKeysDestroyed."""
    if read_file(_path(directory, 1)) is None:
        await introduce_key(keys, tenant_id, origin, directory, 1)
    notes = read_key_notes(directory)
    signers = [await signer_of(keys, tenant_id, origin, generation) for generation in range(1, len(notes) + 1)]
    if [each.verifier for each in signers] != list(follow_keys(origin, notes)):
        raise KeysBroken("The log's keys are not those of the key store.", metadata={"origin": origin})
    return LogKeys(origin, tuple(signers))


async def log_verifiers(keys: KeyStore, tenant_id: TenantId, origin: str, directory: LogDirectory) -> list[Verifier]:
    """The log's keys as the key store, and nobody else, has them; it makes none. Raises TenantKeysDestroyed."""
    generations = max(len(read_key_notes(directory)), 1)
    numbers = range(1, generations + 1)
    return [(await signer_of(keys, tenant_id, origin, number)).verifier for number in numbers]


async def introduce_key(
    keys: KeyStore, tenant_id: TenantId, origin: str, directory: LogDirectory, generation: int
) -> Verifier:
    """Makes the key of that generation the signing one; harmless to repeat. Returns its public part."""
    signer = await signer_of(keys, tenant_id, origin, generation)
    note = Note(introduction(origin, generation, signer.verifier))
    note = note.signed(signer.sign(note.text))
    if generation > 1:
        before = await signer_of(keys, tenant_id, origin, generation - 1)
        note = note.signed(before.sign(note.text))
    create_file(_path(directory, generation), note.encode())
    return signer.verifier


def introduction(origin: str, generation: int, verifier: Verifier) -> str:
    """The text of the note that introduces a key."""
    return f"{origin}\nlog key {generation}\n{verifier.encode()}\n"


def follow_keys(origin: str, notes: Sequence[bytes]) -> list[Verifier]:
    """The keys that the notes introduce, the first taken as given. Raises KeysBroken when one does not follow."""
    found: list[Verifier] = []
    for generation, data in enumerate(notes, start=1):
        try:
            text = open_note(data, found[-1:] or [_introduced(data)])[0].text
            lines = text.split("\n")
            heading = _HEADING.fullmatch(lines[1])
            verifier = Verifier.parse(lines[2])
        except (NoteMalformed, NoteUnverified, IndexError) as error:
            raise KeysBroken(f"The note of key {generation} is not good.", metadata={"origin": origin}) from error
        if heading is None or int(heading[1]) != generation or lines[0] != origin or verifier.algorithm != ED25519:
            raise KeysBroken(f"The note of key {generation} is another key's.", metadata={"origin": origin})
        found.append(verifier)
    return found


def read_key_notes(directory: LogDirectory) -> list[bytes]:
    """The notes as they lie there, the oldest first."""
    notes: list[bytes] = []
    while (note := read_file(_path(directory, len(notes) + 1))) is not None:
        notes.append(note)
    return notes


def _introduced(data: bytes) -> Verifier:
    return Verifier.parse(data.decode("utf-8", "replace").split("\n")[2])


def _path(directory: LogDirectory, generation: int) -> Path:
    return directory.path / "keys" / f"{generation:04d}.note"


async def signer_of(keys: KeyStore, tenant_id: TenantId, origin: str, generation: int) -> Signer:
    """The key of that generation, whether it has been introduced or not. Raises TenantKeysDestroyed."""
    seed = await keys.signing_key(tenant_id, generation)
    return Signer(origin, Ed25519PrivateKey.from_private_bytes(seed))

"""Signed notes (C2SP signed-note) and the checkpoints in them (C2SP tlog-checkpoint, tlog-cosignature).

A note is a text that ends in a newline, an empty line, and one line a signature: an em dash, the key's name, and base64
of a 4-byte key id and the signature. Key id = first 4 bytes of SHA-256(name ‖ 0x0A ‖ algorithm ‖ public key).
"""

import base64
import binascii
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from contracts.errors import InvalidArgument

ED25519 = 0x01
COSIGNATURE_V1 = 0x04
MAX_NOTE_BYTES = 1_000_000
MAX_SIGNATURES = 100
"""As in the reference implementation of signed notes, more signature lines than this are refused."""

_DASH = "— "
_PRIVATE = "PRIVATE+KEY+"
_TIMESTAMP_BYTES = 8


class NoteMalformed(InvalidArgument):
    reason = "NOTE_MALFORMED"


class NoteUnverified(InvalidArgument):
    reason = "NOTE_UNVERIFIED"


class NoteSignatureFalse(NoteUnverified):
    """A line names a known key that did not make its signature."""


class CheckpointMalformed(InvalidArgument):
    reason = "CHECKPOINT_MALFORMED"


@dataclass(frozen=True, slots=True)
class Signature:
    name: str
    key_id: bytes
    value: bytes

    def line(self) -> str:
        return f"{_DASH}{self.name} {base64.b64encode(self.key_id + self.value).decode()}\n"


@dataclass(frozen=True, slots=True)
class Note:
    text: str
    signatures: tuple[Signature, ...] = ()

    def encode(self) -> bytes:
        return (self.text + "\n" + "".join(each.line() for each in self.signatures)).encode()

    def signed(self, signature: Signature) -> "Note":
        return Note(self.text, (*self.signatures, signature))


def parse_note(data: bytes) -> Note:
    """Raises NoteMalformed for anything that the format does not allow, control characters included."""
    if len(data) > MAX_NOTE_BYTES:
        raise NoteMalformed(f"A note has at most {MAX_NOTE_BYTES} bytes.")
    try:
        whole = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NoteMalformed("A note is UTF-8.") from error
    if any(character < " " and character != "\n" for character in whole):
        raise NoteMalformed("A note has no control characters but newlines.")
    text, separator, tail = whole.rpartition("\n\n")
    if not separator or not tail.endswith("\n"):
        raise NoteMalformed("A note is a text, an empty line and signature lines.")
    lines = tail[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise NoteMalformed(f"A note has at most {MAX_SIGNATURES} signatures.")
    return Note(text + "\n", tuple(_parse_signature(line) for line in lines))


def _parse_signature(line: str) -> Signature:
    name, separator, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not separator or not is_key_name(name):
        raise NoteMalformed("A signature line is a dash, a key's name and base64.")
    try:
        raw = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoteMalformed("A signature is not base64.") from error
    if len(raw) < 5:
        raise NoteMalformed("A signature is shorter than its key id.")
    return Signature(name, raw[:4], raw[4:])


def is_key_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(character.isspace() for character in name)


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key with its name: the `vkey` form is `<name>+<key id in hexadecimal>+<base64 of algorithm and key>`."""

    name: str
    algorithm: int
    public_key: bytes

    @property
    def key_id(self) -> bytes:
        kind = bytes([self.algorithm])
        return hashlib.sha256(self.name.encode() + b"\n" + kind + self.public_key).digest()[:4]

    @classmethod
    def parse(cls, vkey: str) -> "Verifier":
        name, _, rest = vkey.partition("+")
        key_id, _, encoded = rest.partition("+")
        try:
            raw = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError) as error:
            raise NoteMalformed("A verifier key is not base64.") from error
        if not is_key_name(name) or len(raw) != 33 or raw[0] not in (ED25519, COSIGNATURE_V1):
            raise NoteMalformed("A verifier key is a name, a key id and an Ed25519 key.")
        verifier = cls(name, raw[0], raw[1:])
        if verifier.key_id.hex() != key_id:
            raise NoteMalformed("A verifier key's id is not that of its name and key.")
        return verifier

    def encode(self) -> str:
        raw = bytes([self.algorithm]) + self.public_key
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(raw).decode()}"

    def timestamp(self, signature: Signature) -> int | None:
        """The POSIX time in seconds that a cosignature states; None for a plain signature."""
        if self.algorithm != COSIGNATURE_V1:
            return None
        return int.from_bytes(signature.value[:_TIMESTAMP_BYTES], "big")

    def accepts(self, text: str, signature: Signature) -> bool:
        if (signature.name, signature.key_id) != (self.name, self.key_id):
            return False
        message, value = text.encode(), signature.value
        if self.algorithm == COSIGNATURE_V1:
            message = _cosigned_message(int.from_bytes(value[:_TIMESTAMP_BYTES], "big"), text)
            value = value[_TIMESTAMP_BYTES:]
        try:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(value, message)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key with its name. Cosigners (C2SP tlog-cosignature) sign with a time, logs without.

    Its text form is that of the reference implementation of signed notes: `PRIVATE+KEY+<name>+<key id in
    hexadecimal>+<base64 of algorithm and seed>`.
    """

    name: str
    private_key: Ed25519PrivateKey
    algorithm: int = ED25519

    @property
    def verifier(self) -> Verifier:
        return Verifier(self.name, self.algorithm, self.private_key.public_key().public_bytes_raw())

    @classmethod
    def parse(cls, skey: str) -> "Signer":
        """Raises NoteMalformed."""
        name, _, rest = skey.removeprefix(_PRIVATE).partition("+")
        key_id, _, encoded = rest.partition("+")
        try:
            raw = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError) as error:
            raise NoteMalformed("A private key is not base64.") from error
        if not skey.startswith(_PRIVATE) or not is_key_name(name) or len(raw) != 33 or raw[0] != ED25519:
            raise NoteMalformed("A private key is a name, a key id and an Ed25519 seed.")
        signer = cls(name, Ed25519PrivateKey.from_private_bytes(raw[1:]))
        if signer.verifier.key_id.hex() != key_id:
            raise NoteMalformed("A private key's id is not that of its name and key.")
        return signer

    def encode(self) -> str:
        raw = bytes([self.algorithm]) + self.private_key.private_bytes_raw()
        return f"{_PRIVATE}{self.name}+{self.verifier.key_id.hex()}+{base64.b64encode(raw).decode()}"

    def sign(self, text: str, *, at: int | None = None) -> Signature:
        """`at` is the POSIX time in seconds, for cosigners only."""
        if self.algorithm == COSIGNATURE_V1:
            if at is None:
                raise NoteMalformed("A cosignature states its time.")
            value = at.to_bytes(_TIMESTAMP_BYTES, "big") + self.private_key.sign(_cosigned_message(at, text))
        else:
            value = self.private_key.sign(text.encode())
        return Signature(self.name, self.verifier.key_id, value)


def _cosigned_message(at: int, text: str) -> bytes:
    return f"cosignature/v1\ntime {at}\n{text}".encode()


def open_note(data: bytes, verifiers: Iterable[Verifier]) -> tuple[Note, tuple[Signature, ...]]:
    """The note and those of its signatures that known keys made. Raises NoteSignatureFalse when a known key's signature
    is false, NoteUnverified when there is none by a known key."""
    note = parse_note(data)
    known = {(each.name, each.key_id): each for each in verifiers}
    good = []
    for signature in note.signatures:
        verifier = known.get((signature.name, signature.key_id))
        if verifier is None:
            continue
        if not verifier.accepts(note.text, signature):
            raise NoteSignatureFalse(f"The signature of {signature.name} is false.")
        good.append(signature)
    if not good:
        raise NoteUnverified("No known key has signed the note.")
    return note, tuple(good)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of a log: its origin, the number of leaves, the root hash, and optional extension lines."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def text(self) -> str:
        lines: Sequence[str] = (self.origin, str(self.size), base64.b64encode(self.root).decode(), *self.extensions)
        return "".join(f"{line}\n" for line in lines)

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        lines = text.removesuffix("\n").split("\n")
        if not text.endswith("\n") or len(lines) < 3 or not all(lines):
            raise CheckpointMalformed("A checkpoint has an origin, a size and a root hash, and no empty line.")
        origin, size, root, *extensions = lines
        if not size.isascii() or not size.isdigit() or (len(size) > 1 and size[0] == "0") or len(size) > 19:
            raise CheckpointMalformed("A checkpoint's size is a decimal number without leading zeros.")
        try:
            raw = base64.b64decode(root, validate=True)
        except (binascii.Error, ValueError) as error:
            raise CheckpointMalformed("A checkpoint's root hash is not base64.") from error
        if len(raw) != 32 or base64.b64encode(raw).decode() != root:
            raise CheckpointMalformed("A checkpoint's root hash has 32 bytes.")
        return cls(origin, int(size), raw, tuple(extensions))

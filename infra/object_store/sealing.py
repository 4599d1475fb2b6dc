"""The stored form of an object: chunks encrypted one by one, so that a large object never needs to fit into memory.

    8 bytes "TENETOB1" ‖ 32 bytes salt ‖ chunks

The object's key is HKDF-SHA256(tenant's object key, salt); chunk i is AES-256-GCM of up to 65,536 plain bytes under the
nonce (i as 11 bytes big-endian ‖ 1 if it is the last chunk, else 0). So chunks cannot be dropped, repeated, reordered,
or the end cut off, unnoticed: the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár (2015). An empty object
is one empty last chunk.
"""

import secrets
from collections.abc import Iterator
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from infra.object_store.errors import ObjectCorrupt

MAGIC = b"TENETOB1"
CHUNK_BYTES = 65_536
_SALT_BYTES = 32
_TAG_BYTES = 16
_COUNTER_BYTES = 11


class Sealer:
    """Turns plain bytes, given in any pieces, into the stored form."""

    def __init__(self, tenant_key: bytes) -> None:
        self._salt = secrets.token_bytes(_SALT_BYTES)
        self._cipher = _cipher(tenant_key, self._salt)
        self._index = 0
        self._held = bytearray()

    @property
    def header(self) -> bytes:
        return MAGIC + self._salt

    def update(self, data: bytes) -> Iterator[bytes]:
        """The chunks that are full. The last full one is held back, since it may turn out to be the last of all."""
        self._held += data
        start = 0
        while len(self._held) - start > CHUNK_BYTES:
            yield self._seal(bytes(self._held[start : start + CHUNK_BYTES]), last=False)
            start += CHUNK_BYTES
        del self._held[:start]

    def finish(self) -> bytes:
        return self._seal(bytes(self._held), last=True)

    def _seal(self, chunk: bytes, *, last: bool) -> bytes:
        sealed = self._cipher.encrypt(_nonce(self._index, last=last), chunk, None)
        self._index += 1
        return sealed


def unseal(file: BinaryIO, tenant_key: bytes) -> Iterator[bytes]:
    """The plain chunks of a stored object, each authentic. Raises ObjectCorrupt."""
    header = file.read(len(MAGIC) + _SALT_BYTES)
    if len(header) != len(MAGIC) + _SALT_BYTES or not header.startswith(MAGIC):
        raise ObjectCorrupt("A stored object does not begin as one.")
    cipher = _cipher(tenant_key, header[len(MAGIC) :])
    index, chunk = 0, file.read(CHUNK_BYTES + _TAG_BYTES)
    while True:
        following = file.read(CHUNK_BYTES + _TAG_BYTES)
        try:
            yield cipher.decrypt(_nonce(index, last=not following), chunk, None)
        except (InvalidTag, ValueError) as error:
            raise ObjectCorrupt(f"Chunk {index} of a stored object was altered or cut.") from error
        if not following:
            return
        index, chunk = index + 1, following


def _cipher(tenant_key: bytes, salt: bytes) -> AESGCM:
    return AESGCM(HKDF(algorithm=SHA256(), length=32, salt=salt, info=b"tenet/object/v1").derive(tenant_key))


def _nonce(index: int, *, last: bool) -> bytes:
    return index.to_bytes(_COUNTER_BYTES, "big") + (b"\x01" if last else b"\x00")

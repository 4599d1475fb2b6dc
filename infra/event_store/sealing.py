"""Sealed fields: the commitment that an entry holds, and the opening that lies apart and can be destroyed.

commitment = SHA-256(tag ‖ salt ‖ event id ‖ 0x00 ‖ path ‖ 0x00 ‖ canonical value), base64url without padding. The salt
has 128 bits; the path is the JSON pointer of the field within the stored payload; the zero bytes keep two different
places from giving the same input. What is encrypted is salt ‖ canonical value, with AES-256-GCM under the subject's key
and tenant, event id and path as associated data, so that an opening cannot be moved to another place.
"""

import hashlib
import secrets
from base64 import urlsafe_b64encode

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from contracts.canonical import canonical, decode
from contracts.errors import DataLoss
from contracts.ids import TenantId
from infra.event_store.commands import Opening
from infra.keys import SubjectKey

COMMITMENT_TAG = b"tenet/sealed-field/v1\x00"
SALT_BYTES = 16
NONCE_BYTES = 12


class OpeningCorrupt(DataLoss):
    """An opening does not decrypt, or opens to something else than the entry committed to."""

    reason = "OPENING_CORRUPT"


def commitment_of(salt: bytes, event_id: str, path: str, canonical_value: bytes) -> str:
    """The commitment to a value at a place, as written in the entry."""
    place = event_id.encode() + b"\x00" + path.encode() + b"\x00"
    digest = hashlib.sha256(COMMITMENT_TAG + salt + place + canonical_value).digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


def seal(
    tenant_id: TenantId, event_id: str, path: str, subject: str, plaintext: str, key: SubjectKey
) -> tuple[str, Opening]:
    """The commitment to the plaintext and its opening."""
    salt = secrets.token_bytes(SALT_BYTES)
    value = canonical(plaintext)
    nonce = secrets.token_bytes(NONCE_BYTES)
    ciphertext = AESGCM(key.key).encrypt(nonce, salt + value, _associated(tenant_id, event_id, path))
    return commitment_of(salt, event_id, path, value), Opening(event_id, path, subject, key.key_id, nonce, ciphertext)


def unseal(tenant_id: TenantId, opening: Opening, commitment: str, key: bytes) -> tuple[bytes, str]:
    """The salt and the plaintext. Raises OpeningCorrupt when the opening does not fit the commitment."""
    associated = _associated(tenant_id, opening.event_id, opening.path)
    try:
        data = AESGCM(key).decrypt(opening.nonce, opening.ciphertext, associated)
    except InvalidTag as error:
        raise OpeningCorrupt("An opening does not decrypt under its key.") from error
    salt, value = data[:SALT_BYTES], data[SALT_BYTES:]
    if commitment_of(salt, opening.event_id, opening.path, value) != commitment:
        raise OpeningCorrupt("An opening does not fit the commitment in its entry.")
    return salt, str(decode(value))


def _associated(tenant_id: TenantId, event_id: str, path: str) -> bytes:
    return b"\x00".join((tenant_id.encode(), event_id.encode(), path.encode()))

"""Wrapping one key by another (AES-256-GCM, NIST SP 800-38D) and deriving keys for a purpose (HKDF, RFC 5869)."""

import hashlib
import hmac
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from infra.keys.errors import KeyCorrupt

KEY_BYTES = 32
_NONCE_BYTES = 12


def new_key() -> bytes:
    return secrets.token_bytes(KEY_BYTES)


def wrap(wrapping_key: bytes, key: bytes, context: str) -> bytes:
    """96-bit random nonce ‖ ciphertext ‖ tag. The context names what the key is for, so that no file fits elsewhere."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(wrapping_key).encrypt(nonce, key, context.encode())


def unwrap(wrapping_key: bytes, wrapped: bytes, context: str) -> bytes:
    """The key within. Raises KeyCorrupt when the bytes, the wrapping key or the context differ from those of `wrap`."""
    try:
        return AESGCM(wrapping_key).decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], context.encode())
    except (InvalidTag, ValueError) as error:
        raise KeyCorrupt(f"The key for {context} cannot be unwrapped.") from error


def derive(key: bytes, purpose: str) -> bytes:
    """A key for one purpose: HKDF-SHA256 (RFC 5869) with an empty salt and one block of output."""
    pseudo_random = hmac.digest(bytes(KEY_BYTES), key, hashlib.sha256)
    return hmac.digest(pseudo_random, purpose.encode() + b"\x01", hashlib.sha256)

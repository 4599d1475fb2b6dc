"""How a person's identity at an issuer, and an API key's secret, rest in the provider's ledger: as digests."""

import hashlib
import hmac
import secrets

from infra.keys.blind_index import text_index

SECRET_BYTES = 32
"""256 random bits: a plain SHA-256 of it cannot be searched through, so no slow hash is needed."""


def identity_index(search_key: bytes, issuer: str, subject: str) -> str:
    """The blind index of (issuer, subject) under the provider's search key: `PrincipalRegistered.identity`."""
    return text_index(search_key, "identity", f"{issuer}\x1f{subject}")


def new_secret() -> tuple[str, str]:
    """A fresh API key secret, to be shown once, and its digest, to be kept."""
    secret = secrets.token_urlsafe(SECRET_BYTES)
    return secret, secret_digest(secret)


def secret_digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def is_secret(secret: str, digest: str) -> bool:
    return hmac.compare_digest(secret_digest(secret), digest)


def api_key_header(key_id: str, secret: str) -> str:
    """The `authorization` header that shows an API key."""
    return f"ApiKey {key_id}.{secret}"

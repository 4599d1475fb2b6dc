"""Bearer tokens: signed JWTs (RFC 7519, RFC 9068) of issuers that are bound in the directory."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from joserfc import jws, jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwt import JWTClaimsRegistry

from infra.auth.directory import Directory
from infra.auth.directory_state import Issuer
from infra.auth.errors import CredentialExpired, CredentialRefused
from infra.auth.jwks import IssuerKeys

ALGORITHMS = ("Ed25519", "ES256", "ES384", "RS256", "PS256")
"""Asymmetric ones only: neither `none` nor a shared secret can pass."""
LEEWAY_SECONDS = 30
"""How far an issuer's clock may be off."""
MAX_LIFETIME_SECONDS = 24 * 3600
MAX_CACHED_TOKENS = 10_000
CACHE_SECONDS = 60.0
"""How long a signature that was found right is not checked again. Who the token speaks for is looked up every time."""
MAX_CLAIM_LENGTH = 512
MAX_METHODS = 16


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    issuer: str
    subject: str
    expires_at: float
    """Seconds since 1970, with the leeway."""
    acr: str
    amr: tuple[str, ...]
    auth_time: datetime | None


class TokenVerifier:
    """`clock` gives seconds since 1970."""

    def __init__(self, directory: Directory, keys: IssuerKeys, clock: Callable[[], float]) -> None:
        self._directory, self._keys, self._clock = directory, keys, clock
        self._cache: OrderedDict[bytes, tuple[VerifiedToken, Issuer, float]] = OrderedDict()

    async def verify(self, token: str) -> VerifiedToken:
        """Raises CredentialRefused, CredentialExpired, IssuerUnreachable, DirectoryStale."""
        digest = hashlib.sha256(token.encode()).digest()
        if (found := self._cached(digest)) is not None:
            return found
        header, issuer_url = _peek(token)
        issuer = await self._issuer(issuer_url)
        key = await self._keys.find(issuer.jwks_uri, header.get("kid", ""))
        if key is None:
            raise CredentialRefused("The token is signed by a key that its issuer does not publish.")
        try:
            claims = jwt.decode(token, key, algorithms=ALGORITHMS).claims
            self._registry(issuer).validate(claims)
        except ExpiredTokenError as error:
            raise CredentialExpired("The token has expired.") from error
        except (JoseError, ValueError) as error:
            raise CredentialRefused("The token is not valid.") from error
        verified = _verified(claims)
        self._keep(digest, verified, issuer)
        return verified

    async def _issuer(self, url: str) -> Issuer:
        if url not in self._directory.state.issuers:
            await self._directory.refresh()
        issuer = self._directory.state.issuers.get(url)
        if issuer is None:
            raise CredentialRefused("The token is of an issuer that Tenet does not know.")
        return issuer

    def _registry(self, issuer: Issuer) -> JWTClaimsRegistry:
        return JWTClaimsRegistry(
            now=int(self._clock()),
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": issuer.url},
            aud={"essential": True, "value": issuer.audience},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
        )

    def _cached(self, digest: bytes) -> VerifiedToken | None:
        entry = self._cache.get(digest)
        if entry is None:
            return None
        verified, issuer, until = entry
        if self._clock() < until and self._directory.state.issuers.get(verified.issuer) == issuer:
            return verified
        del self._cache[digest]
        return None

    def _keep(self, digest: bytes, verified: VerifiedToken, issuer: Issuer) -> None:
        self._cache[digest] = (verified, issuer, min(verified.expires_at, self._clock() + CACHE_SECONDS))
        if len(self._cache) > MAX_CACHED_TOKENS:
            self._cache.popitem(last=False)


def _peek(token: str) -> tuple[dict[str, Any], str]:
    """The header and the issuer that a token claims, before anything about it is believed. Raises CredentialRefused."""
    try:
        signature = jws.extract_compact(token.encode())
        header, payload = signature.headers(), orjson.loads(signature.payload)
        issuer, key_id = payload["iss"], header["kid"]
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise CredentialRefused("The token is malformed.") from error
    if not isinstance(issuer, str) or not isinstance(key_id, str):
        raise CredentialRefused("The token is malformed.")
    return header, issuer


def _verified(claims: dict[str, Any]) -> VerifiedToken:
    """Raises CredentialRefused for claims of other types or sizes than theirs."""
    subject, expires, issued = claims["sub"], claims["exp"], claims["iat"]
    acr, amr, auth_time = claims.get("acr", ""), claims.get("amr", []), claims.get("auth_time")
    if not isinstance(subject, str) or not 0 < len(subject) <= MAX_CLAIM_LENGTH:
        raise CredentialRefused("The token's subject is not a text of reasonable length.")
    if not expires - issued <= MAX_LIFETIME_SECONDS:  # Also refuses NaN, which JSON as Python reads it can hold.
        raise CredentialRefused(f"The token lives longer than {MAX_LIFETIME_SECONDS} seconds.")
    methods_fit = isinstance(amr, list) and len(amr) <= MAX_METHODS and all(isinstance(item, str) for item in amr)
    if not isinstance(acr, str) or len(acr) > MAX_CLAIM_LENGTH or not methods_fit:
        raise CredentialRefused("The token says in no known form how its bearer was authenticated.")
    if auth_time is not None and not (isinstance(auth_time, int) and 0 < auth_time < 2**33):
        raise CredentialRefused("The token's `auth_time` is no time.")
    when = datetime.fromtimestamp(auth_time, UTC) if auth_time is not None else None
    methods = tuple(item[:MAX_CLAIM_LENGTH] for item in amr)
    return VerifiedToken(claims["iss"], subject, expires + LEEWAY_SECONDS, acr, methods, when)

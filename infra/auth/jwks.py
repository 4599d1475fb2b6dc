"""Issuers' public keys: fetched over HTTP, kept for a while, fetched anew when a token names an unknown one."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

import aiohttp
import orjson
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

from infra.auth.errors import IssuerUnreachable

FETCH_SECONDS = 5.0
MAX_JWKS_BYTES = 262_144
MAX_KEYS = 64
KEEP_SECONDS = 600.0
"""After this, keys are fetched anew before they are used again, so that a withdrawn key is believed no longer."""
KEEP_UNREACHABLE_SECONDS = 3_600.0
"""How long keys go on being believed while their issuer cannot be reached."""
MIN_REFETCH_SECONDS = 10.0
"""Tokens with made-up key ids must not turn this process into a flood against the issuer."""
MIN_RETRY_SECONDS = 1.0
"""The same while none of the issuer's keys are known, so that it is back soon for its people when it is back."""

PublicKey = RSAKey | ECKey | OKPKey

log = structlog.get_logger()


class KeySource(Protocol):
    async def fetch(self, uri: str) -> bytes:
        """The JSON Web Key Set (RFC 7517, section 5) at an address. Raises IssuerUnreachable."""


class HttpKeySource:
    """Fetches over https; over plain http only from a loopback address, for local issuers."""

    async def fetch(self, uri: str) -> bytes:
        if not _is_safe(uri):
            raise IssuerUnreachable("Keys are fetched over https only.")
        timeout = aiohttp.ClientTimeout(total=FETCH_SECONDS)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(uri, allow_redirects=False) as response,
            ):
                body = await response.content.read(MAX_JWKS_BYTES + 1)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise IssuerUnreachable("The issuer's keys cannot be fetched.") from error
        if response.status != 200 or len(body) > MAX_JWKS_BYTES:
            raise IssuerUnreachable("The issuer's keys cannot be fetched.", metadata={"status": str(response.status)})
        return body


@dataclass(slots=True)
class _Known:
    keys: dict[str, PublicKey] = field(default_factory=dict)
    fetched_at: float = float("-inf")
    tried_at: float = float("-inf")
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class IssuerKeys:
    """The keys by address and key id. `clock` is a monotonic one, in seconds."""

    def __init__(self, source: KeySource, clock: Callable[[], float]) -> None:
        self._source, self._clock = source, clock
        self._known: dict[str, _Known] = {}

    async def find(self, uri: str, key_id: str) -> PublicKey | None:
        """The key of that id, or None when the issuer does not publish one. Raises IssuerUnreachable."""
        known = self._known.setdefault(uri, _Known())
        if key_id not in known.keys or self._age(known) > KEEP_SECONDS:
            await self._refetch(uri, known, key_id)
        return known.keys.get(key_id)

    async def _refetch(self, uri: str, known: _Known, key_id: str) -> None:
        async with known.lock:
            fresh = self._age(known) <= KEEP_SECONDS
            if key_id in known.keys and fresh:
                return
            # An issuer that has never answered has said nothing about this key: its token is not wrong, only early.
            pause = MIN_REFETCH_SECONDS if known.keys else MIN_RETRY_SECONDS
            if self._clock() - known.tried_at < pause:
                if known.keys:
                    return
                raise IssuerUnreachable("The issuer's keys could not be fetched a moment ago.")
            known.tried_at = self._clock()
            try:
                known.keys = parse_keys(await self._source.fetch(uri))
                known.fetched_at = self._clock()
            except IssuerUnreachable:
                if self._age(known) > KEEP_UNREACHABLE_SECONDS:
                    known.keys = {}
                    raise
                log.warning("issuer_keys_not_refreshed", uri=uri)

    def _age(self, known: _Known) -> float:
        return self._clock() - known.fetched_at


def parse_keys(body: bytes) -> dict[str, PublicKey]:
    """The asymmetric keys of a JWK set that have an id; others are of no use here. Raises IssuerUnreachable."""
    try:
        keys = KeySet.import_key_set(orjson.loads(body)).keys
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise IssuerUnreachable("The issuer's keys cannot be read.") from error
    usable = (key for key in keys[:MAX_KEYS] if isinstance(key, RSAKey | ECKey | OKPKey))
    return {key.kid: key for key in usable if key.kid}


def _is_safe(uri: str) -> bool:
    parts = urlsplit(uri)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost"))

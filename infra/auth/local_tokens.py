"""Tokens from the local issuer, for the CLI, the demo and tests: what a browser login is with a real issuer."""

import asyncio
import time
from pathlib import Path

import aiohttp

from contracts.errors import Unavailable
from infra.auth.issuer_keys import read_secret

RENEW_BEFORE_SECONDS = 60
ASK_SECONDS = 5.0


class LocalIssuerUnavailable(Unavailable):
    """The local issuer does not answer, or its files are not readable: is the system running, is it this user's?"""

    reason = "LOCAL_ISSUER_UNAVAILABLE"


class LocalTokens:
    """`await LocalTokens(url, directory).authorization("ana")`: the header for that name, renewed in time."""

    def __init__(self, issuer_url: str, issuer_dir: Path) -> None:
        self._url, self._directory = issuer_url, issuer_dir
        self._kept: dict[str, tuple[str, float]] = {}
        self._lock = asyncio.Lock()

    async def authorization(self, name: str) -> str:
        """Raises LocalIssuerUnavailable."""
        async with self._lock:
            header, until = self._kept.get(name, ("", 0.0))
            if time.monotonic() > until - RENEW_BEFORE_SECONDS:
                header, seconds = await self._ask(name)
                self._kept[name] = (header, time.monotonic() + seconds)
            return header

    async def _ask(self, name: str) -> tuple[str, float]:
        try:
            headers = {"authorization": f"Bearer {read_secret(self._directory)}"}
            timeout = aiohttp.ClientTimeout(total=ASK_SECONDS)
            async with (
                aiohttp.ClientSession(timeout=timeout, headers=headers, raise_for_status=True) as session,
                session.post(f"{self._url}/token", json={"name": name}) as response,
            ):
                answer = await response.json()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise LocalIssuerUnavailable(f"The local issuer at {self._url} gives no token for {name}.") from error
        return f"Bearer {answer['access_token']}", float(answer["expires_in"])

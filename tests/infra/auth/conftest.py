"""A provider's ledger in memory, a local issuer over real HTTP, and the gate over both."""

import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from joserfc.jwk import OKPKey

from contracts.ids import TenantId
from infra.auth.authority import Authority
from infra.auth.directory import Directory
from infra.auth.identity import identity_index
from infra.auth.jwks import HttpKeySource, IssuerKeys
from infra.auth.local_issuer import LocalIssuer
from infra.auth.tokens import TokenVerifier
from tests.fixtures.provider_ledger import NOW, ProviderLedger, as_feed

SEARCH_KEY = b"k" * 32
ISSUER_SECRET = "issuer-secret"


@dataclass
class Clock:
    """A clock that stands still until it is told to move; tokens are made by the issuer's real one."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def seconds(self) -> float:
        return self.now.timestamp()

    def move(self, **step: float) -> None:
        self.now += timedelta(**step)


@dataclass
class Notes:
    """What was noted of accesses: (tenant, person, subject, outcome)."""

    taken: list[tuple[str, str, str, str]] = field(default_factory=list)

    def note(self, tenant_id: TenantId, person: str, *, subject: str, purpose: str, outcome: str = "allowed") -> None:
        self.taken.append((tenant_id, person, subject, outcome))


@dataclass
class RunningIssuer:
    url: str
    keys: list[OKPKey]
    issuer: LocalIssuer
    requests: int = 0

    def identity(self, name: str) -> str:
        return identity_index(SEARCH_KEY, self.url, name)


def new_key(key_id: str) -> OKPKey:
    return OKPKey.generate_key("Ed25519", {"kid": key_id})


@pytest.fixture
async def start_issuer() -> AsyncIterator[Callable[[], Any]]:
    """Starts local issuers on free loopback ports."""
    runners: list[web.AppRunner] = []

    async def start() -> RunningIssuer:
        keys = [new_key("key-1")]
        running: list[RunningIssuer] = []

        @web.middleware
        async def count(request: web.Request, handler: Any) -> Any:
            running[0].requests += 1
            return await handler(request)

        listening = socket.create_server(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        issuer = LocalIssuer(url, "tenet", keys, ISSUER_SECRET)
        application = issuer.application()
        application.middlewares.append(count)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        runners.append(runner)
        await web.SockSite(runner, listening).start()
        running.append(RunningIssuer(url, keys, issuer))
        return running[0]

    yield start
    for runner in runners:
        await runner.cleanup()


@pytest.fixture
async def issuer(start_issuer: Any) -> RunningIssuer:
    started: RunningIssuer = await start_issuer()
    return started


@pytest.fixture
async def ledger() -> ProviderLedger:
    return ProviderLedger()


@pytest.fixture
def clock() -> Clock:
    return Clock(datetime.now(NOW.tzinfo))


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
async def directory(ledger: ProviderLedger) -> AsyncIterator[Directory]:
    async with Directory(as_feed(ledger)) as directory:
        yield directory


@pytest.fixture
def verifier(directory: Directory, clock: Clock) -> TokenVerifier:
    return TokenVerifier(directory, IssuerKeys(HttpKeySource(), clock.seconds), clock.seconds)


@pytest.fixture
def authority(directory: Directory, verifier: TokenVerifier, notes: Notes, clock: Clock) -> Authority:
    return Authority(directory, verifier, notes, SEARCH_KEY, clock)

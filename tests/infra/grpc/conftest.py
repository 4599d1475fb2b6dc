"""A service with every kind of RPC behind the kit, and a gate that knows two principals."""

import importlib
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from contracts import generate
from contracts.calls import Actor, AuthenticatedBy
from contracts.errors import PermissionDenied, TenantUnknown, TenetError, Unauthenticated
from contracts.ids import PROVIDER, TenantId
from contracts.roles import Role
from infra.auth.gate import Addressed, Admission, Caller
from infra.grpc import Client, Hosted, Server, serve

CLINIC = TenantId("clinic")


@pytest.fixture(scope="session")
def kit(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The generated module of kit.proto."""
    target = tmp_path_factory.mktemp("kit")
    generate.protoc(f"-I{Path(__file__).parent}", f"--python_out={target}", f"--grpc_python_out={target}", "kit.proto")
    sys.path.insert(0, str(target))
    return importlib.import_module("kit_pb2")


@pytest.fixture(scope="session")
def kit_stubs(kit: ModuleType) -> ModuleType:
    return importlib.import_module("kit_pb2_grpc")


class OneAnalystGate:
    """Lets `Bearer ana` look at the clinic; everyone else is unknown."""

    def __init__(self) -> None:
        self.refusals: list[tuple[str | None, str, str]] = []

    async def authenticate(self, authorization: str) -> Caller:
        if authorization != "Bearer ana":
            raise Unauthenticated("Who is there?")
        return Caller(Actor("principal-ana", AuthenticatedBy.OIDC, PROVIDER), frozenset({PROVIDER}))

    async def admit(self, caller: Caller, rpc: str, addressed: Addressed) -> Admission:
        if rpc.endswith("/Mirror"):
            raise PermissionDenied("Not for you.")
        if any(tenant != CLINIC for tenant in (addressed.tenant_id or CLINIC, *addressed.tenant_ids)):
            raise TenantUnknown
        return Admission(CLINIC, (CLINIC,), {CLINIC: frozenset({Role.ANALYST})}, "grant-1")

    def note_refusal(self, caller: Caller | None, rpc: str, error: TenetError) -> None:
        self.refusals.append((caller.actor.id if caller else None, rpc, error.reason))


@pytest.fixture
def gate() -> OneAnalystGate:
    return OneAnalystGate()


Running = Callable[..., Any]


@pytest.fixture
def running(kit: ModuleType, kit_stubs: ModuleType, gate: OneAnalystGate) -> Running:
    """`async with running(servicer) as (server, client, stub)`: the servicer behind the kit, called as Ana."""

    @asynccontextmanager
    async def run(servicer: object, authorization: str = "Bearer ana") -> AsyncIterator[tuple[Server, Client, Any]]:
        async def authorize() -> str:
            return authorization

        hosted = Hosted.of(kit, "KitService", servicer)
        async with (
            serve([hosted], gate) as server,
            Client(f"127.0.0.1:{server.port}", authorize) as client,
        ):
            yield server, client, client.stub(kit_stubs.KitServiceStub)

    return run

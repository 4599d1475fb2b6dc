"""A command over gRPC as it really comes: token, validation, authorisation, decision, durable append.

    python -m benchmarks.grpc_command [--commands 10000] [--waiting 16]

Runs PostgreSQL, the local issuer, the tenancy and the assets service as processes of their own, as `./tenet up` does;
this process is the client, on the same cores. The comparison within the run is gRPC alone: the health check of the same
server by the same client, which passes neither token nor ledger. Required: 1,000 commands/s, p99 ≤ 25 ms.
"""

import argparse
import asyncio
import contextlib
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tenet.assets.v1 import assets_pb2, assets_write_pb2, assets_write_pb2_grpc
from tenet.common.v1 import common_pb2
from tenet.tenancy.v1 import (
    tenancy_admin_pb2,
    tenancy_admin_pb2_grpc,
    tenancy_pb2,
    tenancy_read_pb2,
    tenancy_read_pb2_grpc,
)

from benchmarks.load import Figure, run
from contracts.ids import new_id
from infra.auth.local_tokens import LocalTokens
from infra.grpc import Client
from infra.runtime.databases import Databases
from infra.runtime.postgres import EmbeddedPostgres
from infra.runtime.settings import Settings

REQUIRED_PER_SECOND = 1_000
REQUIRED_P99_MS = 25.0
TENANT = "bench"
ASSETS = 256
READY_SECONDS = 60


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@contextlib.contextmanager
def process(module: str, *arguments: str, environment: Mapping[str, str]) -> Iterator[None]:
    child = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        child.terminate()
        child.wait(timeout=30)


@contextlib.asynccontextmanager
async def system() -> AsyncIterator[tuple[Settings, dict[str, str]]]:
    """A migrated and bootstrapped system of two services; yields its settings and the services' addresses."""
    with tempfile.TemporaryDirectory(prefix="tenet-benchmark-") as directory:
        state = Path(directory)
        state.chmod(0o711)
        issuer = free_port()
        ports = {"tenancy": free_port(), "assets": free_port()}
        settings = Settings(
            state=state / "state", issuer_port=issuer, issuer_url=f"http://127.0.0.1:{issuer}", log_level="error"
        )
        with contextlib.ExitStack() as stack:
            databases = Databases(settings, stack.enter_context(EmbeddedPostgres(state / "server")).dsn())
            await databases.migrate()
            shared = os.environ | {
                "TENET_STATE": str(settings.state),
                "TENET_ISSUER_PORT": str(issuer),
                "TENET_ISSUER_URL": str(settings.issuer_url),
                "TENET_LOG_LEVEL": "error",
            }
            stack.enter_context(process("infra.auth.local_issuer", environment=shared))
            for service, port in ports.items():
                environment = shared | databases.environment(service) | {"TENET_GRPC_PORT": str(port)}
                if service == "tenancy":
                    await _bootstrap(environment)
                stack.enter_context(process(f"services.{service}", "serve", environment=environment))
                await _until_serving(f"127.0.0.1:{port}")
            yield settings, {service: f"127.0.0.1:{port}" for service, port in ports.items()}


async def _bootstrap(environment: Mapping[str, str]) -> None:
    command = (sys.executable, "-m", "services.tenancy", "bootstrap")
    child = await asyncio.create_subprocess_exec(*command, env=environment, stderr=subprocess.DEVNULL)
    if await asyncio.wait_for(child.wait(), READY_SECONDS) != 0:
        raise RuntimeError("The provider's ledger could not be bootstrapped.")


async def _until_serving(address: str) -> None:
    async with asyncio.timeout(READY_SECONDS), grpc.aio.insecure_channel(address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        while True:
            try:
                await stub.Check(health_pb2.HealthCheckRequest(), timeout=1)
                return
            except grpc.aio.AioRpcError:
                await asyncio.sleep(0.1)


async def onboard(client: Client, issuer: str) -> None:
    """One tenant, and one analyst named `ana` for it."""
    stub = client.stub(tenancy_admin_pb2_grpc.TenancyAdminServiceStub)
    pb = tenancy_admin_pb2
    request_id = new_id("request")
    await client.call(
        stub.OnboardTenant, pb.OnboardTenantRequest(request_id=request_id, new_tenant_id=TENANT, display_name="Bench")
    )
    await client.call(stub.ActivateTenant, pb.ActivateTenantRequest(tenant_id=TENANT, request_id=request_id))
    person = await client.call(
        stub.RegisterPrincipal,
        pb.RegisterPrincipalRequest(
            request_id=request_id,
            kind=tenancy_pb2.PRINCIPAL_KIND_PERSON,
            home_tenant_id="provider",
            display_name="Ana",
            issuer=issuer,
            subject="ana",
        ),
    )
    await client.call(
        stub.GrantRole,
        pb.GrantRoleRequest(
            request_id=request_id,
            tenant_id=TENANT,
            principal_id=person.principal_id,
            role=common_pb2.ROLE_ANALYST,
        ),
    )


async def drive(name: str, count: int, waiting: int, work: Callable[[int], Awaitable[object]]) -> tuple[float, float]:
    """Keeps `waiting` pieces of work under way; prints and returns the rate per second and the p99 in ms."""
    seconds: list[float] = []
    numbers = iter(range(count))

    async def worker() -> None:
        for number in numbers:
            started = time.perf_counter()
            await work(number)
            seconds.append(time.perf_counter() - started)

    started = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(waiting)))
    rate = count / (time.perf_counter() - started)
    cuts = statistics.quantiles(seconds, n=100)
    print(f"{name:44} {rate:9,.0f}/s   median {cuts[49] * 1e3:6.2f} ms   p99 {cuts[98] * 1e3:6.2f} ms")
    return rate, cuts[98] * 1e3


async def figures(commands: int = 10_000, waiting: int = 16) -> list[Figure]:
    async with contextlib.AsyncExitStack() as stack:
        settings, addresses = await stack.enter_async_context(system())
        tokens = LocalTokens(settings.issuer_url or "", settings.issuer_dir)

        async def client_of(service: str, name: str) -> Client:
            return await stack.enter_async_context(Client(addresses[service], lambda: tokens.authorization(name)))

        tenancy = await client_of("tenancy", "admin")
        await onboard(tenancy, settings.issuer_url or "")
        who = tenancy.stub(tenancy_read_pb2_grpc.TenancyReadServiceStub)
        client = await client_of("assets", "ana")
        stub = client.stub(assets_write_pb2_grpc.AssetsWriteServiceStub)
        health = health_pb2_grpc.HealthStub(client.channel)
        assets: list[str] = []

        async def register(number: int) -> None:
            request = assets_write_pb2.RegisterAssetRequest(
                tenant_id=TENANT,
                request_id=new_id("request"),
                kind=assets_pb2.AssetKind.values()[1],
                asset_class=assets_pb2.AssetClass.values()[1],
                value=3,
                group="bench",
                name=f"host-{number}",
            )
            assets.append((await client.call(stub.RegisterAsset, request)).asset_id)

        async def reclassify(number: int) -> None:
            request = assets_write_pb2.ReclassifyAssetRequest(
                tenant_id=TENANT,
                request_id=new_id("request"),
                asset_id=assets[number % len(assets)],
                asset_class=assets_pb2.AssetClass.values()[1],
                value=1 + (number // len(assets)) % 2,
                group="bench",
                reason="benchmark",
            )
            await client.call(stub.ReclassifyAsset, request)

        async def ask_who(_number: int) -> None:
            await tenancy.call(who.GetWhoAmI, tenancy_read_pb2.GetWhoAmIRequest())

        async def check(_number: int) -> None:
            await health.Check(health_pb2.HealthCheckRequest(), timeout=10)

        await drive("RegisterAsset (a new data subject each)", ASSETS, waiting, register)
        await drive("warming up", commands // 10, waiting, reclassify)
        rate, p99 = await drive(f"ReclassifyAsset, {waiting} waiting", commands, waiting, reclassify)
        await drive("ReclassifyAsset, 1 waiting", commands // 10, 1, reclassify)
        await drive(f"GetWhoAmI: the gate, no store, {waiting} waiting", commands, waiting, ask_who)
        bare, _ = await drive(f"health check alone, {waiting} waiting", commands, waiting, check)
    detail = f"{rate / bare:.2f} of the health check's {bare:,.0f}/s by the same client and server"
    return [
        Figure(f"a command through gRPC, {waiting} waiting", rate, REQUIRED_PER_SECOND, detail, unit="/s"),
        Figure("a command through gRPC, p99", p99, REQUIRED_P99_MS, at_most=True, unit=" ms"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.grpc_command", description=__doc__.partition("\n")[0])
    parser.add_argument("--commands", type=int, default=10_000)
    parser.add_argument("--waiting", type=int, default=16)
    chosen = parser.parse_args()
    run(figures(chosen.commands, chosen.waiting))


if __name__ == "__main__":
    main()

"""One load for every store: commands of one small event each, made before the clock runs, from N waiting clients."""

import asyncio
import os
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from contracts.calls import Actor, AuthenticatedBy
from contracts.events.base import Envelope
from contracts.events.tenancy import TenantActivated
from contracts.ids import PROVIDER, StreamName, TenantId, derive_id
from infra.event_store.commands import PreparedCommand
from infra.event_store.mapper import Mapper

ACTOR = Actor("principal-01jd4w6m8k3t5v7x9z2b4d6f8h", AuthenticatedBy.OIDC, PROVIDER)


@dataclass(frozen=True)
class Rate:
    """Operations a second, and the latency of one in milliseconds at the median and the 99th percentile."""

    per_second: float
    median: float
    p99: float

    def __str__(self) -> str:
        return f"{self.per_second:>9,.0f}/s   median {self.median:6.2f} ms   p99 {self.p99:6.2f} ms"


def envelope(tenant_id: TenantId, stream: StreamName, version: int, key: bytes | None) -> Envelope:
    """As rich as a real one: grant, correlation, trace; about 600 bytes as an entry."""
    request = None if key is None else key.hex()
    return Envelope(
        id=derive_id("event", secrets.token_hex(8)),
        tenant_id=tenant_id,
        stream=stream,
        version=version,
        topic=TenantActivated.TOPIC,
        schema_version=1,
        occurred_at=datetime.now(UTC),
        actor=ACTOR,
        grant_id="grant-01jd4w6m8k3t5v7x9z2b4d6f8h",
        correlation_id="case-01jd4w6m8k3t5v7x9z2b4d6f8h",
        causation=7,
        trace_parent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        facts=(),
        request_key=request,
        request_digest=request,
    )


async def prepare(
    mapper: Mapper, tenant_id: TenantId, stream: StreamName, first_version: int, events: int = 1
) -> PreparedCommand:
    key = os.urandom(32)
    drafts = [
        (
            envelope(tenant_id, stream, first_version + index, key if index == 0 else None),
            TenantActivated(tenant_id=tenant_id),
        )
        for index in range(events)
    ]
    prepared, _ = await mapper.prepare(drafts)
    return PreparedCommand(prepared, key, key)


async def measure(queues: Sequence[Sequence[Callable[[], Awaitable[object]]]]) -> Rate:
    """Each queue is one client that has one operation under way at a time, until its queue is empty."""
    latencies: list[float] = []

    async def client(operations: Sequence[Callable[[], Awaitable[object]]]) -> None:
        for operation in operations:
            started = time.perf_counter()
            await operation()
            latencies.append(time.perf_counter() - started)

    started = time.perf_counter()
    await asyncio.gather(*(client(operations) for operations in queues))
    return rate(latencies, time.perf_counter() - started)


def rate(latencies: list[float], seconds: float, each: int = 1) -> Rate:
    """`each` is how many things one operation does."""
    ordered = sorted(latencies)
    return Rate(
        len(ordered) * each / seconds, ordered[len(ordered) // 2] * 1000, ordered[int(len(ordered) * 0.99)] * 1000
    )


def line(label: str, figure: Rate) -> None:
    print(f"{label:<58} {figure}", flush=True)


def ratio(label: str, ours: float, theirs: float, wanted: float | None = None) -> None:
    goal = "" if wanted is None else f"   (wanted: {wanted:.2f})"
    print(f"{label:<58} {ours / theirs:>9.2f} x{goal}", flush=True)


def run(main: Awaitable[None]) -> None:
    """On uvloop where it is there, as the services do."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(main)  # type: ignore[arg-type]  # Every caller hands in a coroutine.
    else:
        uvloop.run(main)  # type: ignore[arg-type]

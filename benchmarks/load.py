"""One load for every store: commands of one small event each, made before the clock runs, from N waiting clients."""

import asyncio
import os
import secrets
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from contracts.calls import Actor, AuthenticatedBy
from contracts.events.base import Envelope
from contracts.events.tenancy import TenantActivated
from contracts.ids import PROVIDER, StreamName, TenantId, derive_id
from infra.event_store.commands import PreparedCommand
from infra.event_store.mapper import Mapper

ACTOR = Actor("principal-01jd4w6m8k3t5v7x9z2b4d6f8h", AuthenticatedBy.OIDC, PROVIDER)


@dataclass(frozen=True)
class Rate:
    """Operations a second, the latency of one in milliseconds at the median and the 99th percentile, and the processor
    time that one took of this process and of the database server, in microseconds (0: not measured)."""

    per_second: float
    median: float
    p99: float
    client_us: float = 0.0
    server_us: float = 0.0

    def __str__(self) -> str:
        text = f"{self.per_second:>9,.0f}/s   median {self.median:6.2f} ms   p99 {self.p99:6.2f} ms"
        return f"{text}   processor: here {self.client_us:5.1f} µs, server {self.server_us:5.1f} µs"


@dataclass(frozen=True)
class Figure:
    """One result beside what is wanted; `at_most`: smaller is better. `detail` says what it was made of."""

    what: str
    measured: float
    wanted: float
    detail: str = ""
    at_most: bool = False
    unit: str = ""

    @property
    def met(self) -> bool:
        return self.measured <= self.wanted if self.at_most else self.measured >= self.wanted

    def shown(self, value: float) -> str:
        return f"{value:,.0f}{self.unit}" if value >= 100 else f"{value:.2f}{self.unit}"

    @property
    def goal(self) -> str:
        return f"{'≤' if self.at_most else '≥'} {self.shown(self.wanted)}"

    def __str__(self) -> str:
        return (
            f"{self.what:<58} {self.shown(self.measured):>12}   (wanted: {self.goal}){'' if self.met else '   MISSED'}"
        )


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


Operation = Callable[[], Awaitable[object]]
Cpu = Callable[[], float]
"""Processor seconds that the database server has used so far."""


async def measure(queues: Sequence[Sequence[Operation]], cpu: Cpu, each: int = 1) -> Rate:
    """Each queue is one client that has one operation under way at a time, until its queue is empty.

    `each` is how many things one operation does.
    """
    latencies: list[float] = []

    async def client(operations: Sequence[Operation]) -> None:
        for operation in operations:
            started = time.perf_counter()
            await operation()
            latencies.append(time.perf_counter() - started)

    here, server, started = time.process_time(), cpu(), time.perf_counter()
    await asyncio.gather(*(client(operations) for operations in queues))
    seconds = time.perf_counter() - started
    return rate(latencies, seconds, each, time.process_time() - here, cpu() - server)


def rate(latencies: list[float], seconds: float, each: int, here: float, server: float) -> Rate:
    """`here` and `server` are processor seconds."""
    ordered = sorted(latencies)
    things = len(ordered) * each
    return Rate(
        things / seconds,
        ordered[len(ordered) // 2] * 1000,
        ordered[int(len(ordered) * 0.99)] * 1000,
        here * 1e6 / things,
        server * 1e6 / things,
    )


def best(rates: Sequence[Rate]) -> Rate:
    return max(rates, key=lambda each: each.per_second)


def line(label: str, figure: Rate) -> None:
    print(f"{label:<58} {figure}", flush=True)


def run(measuring: Coroutine[Any, Any, list[Figure]]) -> list[Figure]:
    """Runs one benchmark on the event loop that the services run on, and prints its figures."""
    figures = asyncio.run(measuring)
    for figure in figures:
        print(figure, flush=True)
    return figures

"""Appends to a random one of 1,000 tenants on one server, 8 waiting: `python -m benchmarks.tenants [tenants]`."""

import asyncio
import functools
import random
import secrets
import sys

from benchmarks.append import ours
from benchmarks.load import Cpu, Figure, Rate, line, measure, prepare, run
from benchmarks.server import benchmark_server, new_tenant
from contracts.ids import StreamName, TenantId
from infra.event_store.commands import Accepted, PreparedCommand
from infra.event_store.ledger import Ledger

WAITING = 8
COMMANDS = 16_000
MEETINGS = 6
"""So often each connection meets each tenant before, on average; all but one pair in four hundred have met then."""
CREATED_AT_ONCE = 4


async def across(ledger: Ledger, tenants: list[TenantId], commands: int, cpu: Cpu) -> Rate:
    async def append(tenant_id: TenantId, command: PreparedCommand) -> None:
        verdict = await ledger.recorder.append(tenant_id, command)
        assert isinstance(verdict, Accepted), verdict

    chooser = random.Random(7)
    queues = []
    for _ in range(WAITING):
        operations = []
        for _ in range(commands // WAITING):
            tenant_id = chooser.choice(tenants)
            stream = StreamName(f"tenant-{secrets.token_hex(8)}")
            operations.append(functools.partial(append, tenant_id, await prepare(ledger.mapper, tenant_id, stream, 1)))
        queues.append(operations)
    return await measure(queues, cpu)


async def figures(number: int = 1_000) -> list[Figure]:
    async with benchmark_server() as server, server.ledger(max_connections=WAITING) as ledger:
        cpu = server.cpu_seconds
        tenants: list[TenantId] = []
        while len(tenants) < number:
            tenants += await asyncio.gather(
                *(new_tenant(ledger) for _ in range(min(CREATED_AT_ONCE, number - len(tenants))))
            )
        # Connections have met the tenants, as those of a process that has run for a while have.
        await across(ledger, tenants, MEETINGS * WAITING * number, cpu)
        spread = await across(ledger, tenants, COMMANDS, cpu)
        line(f"ours, {number:,} tenants, {WAITING} waiting", spread)
        await ours(ledger, tenants[0], WAITING, COMMANDS, cpu)
        single = await ours(ledger, tenants[0], WAITING, COMMANDS, cpu)
        line(f"ours, one tenant, {WAITING} waiting", single)
    detail = f"processor time {spread.client_us:.0f} + {spread.server_us:.0f} µs (client + server)"
    return [
        Figure(f"{number:,} tenants, {WAITING} waiting", spread.per_second, 2_500, detail, unit="/s"),
        Figure(
            f"p99 of {number:,} tenants : p99 of one",
            spread.p99 / single.p99,
            3,
            f"{spread.p99:.1f} ms : {single.p99:.1f} ms",
            at_most=True,
        ),
    ]


if __name__ == "__main__":
    run(figures(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000))

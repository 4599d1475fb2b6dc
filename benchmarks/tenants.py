"""Appends to a random one of 1,000 tenants on one server, 8 waiting: `python -m benchmarks.tenants [tenants]`."""

import asyncio
import functools
import random
import secrets
import sys

from benchmarks.append import ours
from benchmarks.load import Rate, line, measure, prepare, ratio, run
from benchmarks.server import benchmark_server, new_tenant
from contracts.ids import StreamName, TenantId
from infra.event_store.commands import Accepted, PreparedCommand
from infra.event_store.ledger import Ledger

WAITING = 8
COMMANDS = 16_000
CREATED_AT_ONCE = 4


async def across(ledger: Ledger, tenants: list[TenantId], commands: int) -> Rate:
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
    return await measure(queues)


async def main() -> None:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    async with benchmark_server() as server, server.ledger(max_connections=WAITING) as ledger:
        tenants: list[TenantId] = []
        while len(tenants) < number:
            tenants += await asyncio.gather(
                *(new_tenant(ledger) for _ in range(min(CREATED_AT_ONCE, number - len(tenants))))
            )
        # Each connection has met each tenant once, as those of a process that has run for a while have.
        await across(ledger, tenants, COMMANDS)
        spread = await across(ledger, tenants, COMMANDS)
        line(f"ours, {number:,} tenants, {WAITING} waiting", spread)
        await ours(ledger, tenants[0], WAITING, COMMANDS)
        single = await ours(ledger, tenants[0], WAITING, COMMANDS)
        line(f"ours, one tenant, {WAITING} waiting", single)
        ratio(f"p99 of {number:,} tenants : p99 of one (wanted: at most 3)", spread.p99, single.p99)
        ratio(f"{number:,} tenants : 2,500/s", spread.per_second, 2_500, 1)


if __name__ == "__main__":
    run(main())

"""Appends to one tenant: `python -m benchmarks.append`. Peers: plain INSERT, COPY, the eventsourcing library."""

import asyncio
import functools
import secrets
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict

from benchmarks.load import Cpu, Figure, Rate, best, line, measure, prepare, rate, run
from benchmarks.server import BenchmarkServer, benchmark_server, new_tenant
from contracts.ids import StreamName, TenantId
from infra.event_store.commands import Accepted, PreparedCommand
from infra.event_store.ledger import Ledger

WARM = 2_000
ROUNDS = 5
SAMPLE_ENTRY = 600
PLAIN_SHAPE = (
    "CREATE TABLE plain (position bigint PRIMARY KEY, recorded_at bigint NOT NULL, version bigint NOT NULL,"
    ' stream text COLLATE "C" NOT NULL, topic text COLLATE "C" NOT NULL, event_id text COLLATE "C" NOT NULL,'
    " leaf_hash bytea NOT NULL, request_key bytea UNIQUE, request_digest bytea, entry bytea NOT NULL,"
    " UNIQUE (stream, version))"
)
COLUMNS = "position, recorded_at, version, stream, topic, event_id, leaf_hash, request_key, request_digest, entry"


async def ours(ledger: Ledger, tenant_id: TenantId, waiting: int, commands: int, cpu: Cpu) -> Rate:
    async def append(command: PreparedCommand) -> None:
        verdict = await ledger.recorder.append(tenant_id, command)
        assert isinstance(verdict, Accepted), verdict

    queues = []
    for _ in range(waiting):
        stream = StreamName(f"tenant-{secrets.token_hex(8)}")
        prepared = [
            await prepare(ledger.mapper, tenant_id, stream, version) for version in range(1, commands // waiting + 1)
        ]
        queues.append([functools.partial(append, command) for command in prepared])
    return await measure(queues, cpu)


async def ours_with_preparation(ledger: Ledger, tenant_id: TenantId, waiting: int, commands: int, cpu: Cpu) -> Rate:
    async def append(stream: StreamName, version: int) -> None:
        await ledger.recorder.append(tenant_id, await prepare(ledger.mapper, tenant_id, stream, version))

    queues = []
    for _ in range(waiting):
        stream = StreamName(f"tenant-{secrets.token_hex(8)}")
        queues.append([functools.partial(append, stream, each) for each in range(1, commands // waiting + 1)])
    return await measure(queues, cpu)


async def ours_in_batches(ledger: Ledger, tenant_id: TenantId, batches: int, cpu: Cpu) -> Rate:
    commands = [
        await prepare(ledger.mapper, tenant_id, StreamName(f"tenant-{secrets.token_hex(8)}"), 1, 1000)
        for _ in range(batches)
    ]
    return await measure([[functools.partial(ledger.recorder.append, tenant_id, each) for each in commands]], cpu, 1000)


def _row(position: int) -> tuple[Any, ...]:
    stream = f"tenant-{secrets.token_hex(8)}"
    key = secrets.token_bytes(32)
    entry = secrets.token_bytes(SAMPLE_ENTRY // 2).hex().encode()
    return (position, 1, 1, stream, "tenet.tenancy.TenantActivated", f"event-{stream}", key, key, key, entry)


@asynccontextmanager
async def plain_table(server: BenchmarkServer) -> AsyncIterator[AsyncConnection[Any]]:
    async with await AsyncConnection.connect(server.admin_dsn, autocommit=True) as connection:
        await connection.execute("DROP TABLE IF EXISTS plain")
        await connection.execute(PLAIN_SHAPE.encode())
        yield connection


async def plain_inserts(server: BenchmarkServer, rows: int) -> Rate:
    """One connection, one row a transaction, autocommit: BEGIN and COMMIT cost it no round trip."""
    async with plain_table(server) as connection:
        statement = f"INSERT INTO plain ({COLUMNS}) VALUES ({', '.join(['%b'] * 10)})".encode()
        prepared = [_row(position) for position in range(rows)]
        return await measure(
            [[functools.partial(connection.execute, statement, row) for row in prepared]], server.cpu_seconds
        )


async def copies(server: BenchmarkServer, batches: int) -> Rate:
    async with plain_table(server) as connection:
        prepared = [[_row(batch * 1000 + index) for index in range(1000)] for batch in range(batches)]

        async def copy_in(batch: list[tuple[Any, ...]]) -> None:
            async with connection.cursor().copy(f"COPY plain ({COLUMNS}) FROM STDIN".encode()) as copy:
                for row in batch:
                    await copy.write_row(row)

        return await measure([[functools.partial(copy_in, batch) for batch in prepared]], server.cpu_seconds, 1000)


def library(server: BenchmarkServer, threads: int, commands: int) -> Rate:
    """The library's PostgresApplicationRecorder as it comes: READ COMMITTED, its table lock, durable."""
    parts = conninfo_to_dict(server.admin_dsn)
    datastore = PostgresDatastore(
        str(parts["dbname"]), str(parts["host"]), str(parts["port"]), str(parts["user"]), str(parts["password"]),
        pool_size=threads,
    )  # fmt: skip
    with datastore:
        recorder = PostgresApplicationRecorder(datastore, events_table_name=f"library_{threads}")
        recorder.create_table()
        state = secrets.token_bytes(SAMPLE_ENTRY // 2).hex().encode()
        latencies: list[float] = []

        def insert(_: int) -> None:
            started = time.perf_counter()
            recorder.insert_events([StoredEvent(uuid4(), 1, "tenet.tenancy.TenantActivated", state)])
            latencies.append(time.perf_counter() - started)

        with ThreadPoolExecutor(threads) as executor:
            here, cpu, begun = time.process_time(), server.cpu_seconds(), time.perf_counter()
            list(executor.map(insert, range(commands)))
            seconds = time.perf_counter() - begun
            return rate(latencies, seconds, 1, time.process_time() - here, server.cpu_seconds() - cpu)


async def figures() -> list[Figure]:
    """Ours and the plain INSERT take turns, so that what else the machine does falls on both; ratios are the median."""
    async with benchmark_server() as server, server.ledger() as ledger:
        cpu, tenant_id = server.cpu_seconds, await new_tenant(ledger)
        await ours(ledger, tenant_id, 64, WARM, cpu)
        many, single, plain = [], [], []
        for _ in range(ROUNDS):
            many.append(await ours(ledger, tenant_id, 64, 20_000, cpu))
            plain.append(await plain_inserts(server, 3_000))
            single.append(await ours(ledger, tenant_id, 1, 3_000, cpu))
        written = await ours_with_preparation(ledger, tenant_id, 64, 20_000, cpu)
        batches = await ours_in_batches(ledger, tenant_id, 30, cpu)
        copy = await copies(server, 30)
        line("ours, 64 waiting, best of 5", best(many))
        line("ours, 64 waiting, entries written within the time", written)
        line("ours, one waiting, best of 5", best(single))
        line("plain INSERT, one connection, best of 5", best(plain))
        line("ours, batches of 1,000 (events)", batches)
        line("COPY, batches of 1,000 (rows)", copy)
        stock = []
        for threads in (1, 4, 8, 16):
            stock.append(await asyncio.to_thread(library, server, threads, 2_000))
            line(f"eventsourcing's recorder, {threads} threads", stock[-1])
    return [
        Figure("64 waiting : plain INSERT", _ratio(many, plain), 8, _against(best(many), best(plain))),
        Figure(
            "64 waiting : eventsourcing's recorder at its best",
            best(many).per_second / best(stock).per_second,
            12,
            _against(best(many), best(stock)),
        ),
        Figure("64 waiting, p99", statistics.median(each.p99 for each in many), 10, at_most=True, unit=" ms"),
        Figure("one waiting : plain INSERT", _ratio(single, plain), 0.6, _against(best(single), best(plain))),
        Figure("batches of 1,000 : COPY", batches.per_second / copy.per_second, 0.6, _against(batches, copy)),
    ]


def _ratio(ours: Sequence[Rate], theirs: Sequence[Rate]) -> float:
    return statistics.median(one.per_second / other.per_second for one, other in zip(ours, theirs, strict=True))


def _against(ours: Rate, theirs: Rate) -> str:
    return (
        f"{ours.per_second:,.0f}/s : {theirs.per_second:,.0f}/s; processor time {ours.client_us:.0f} + "
        f"{ours.server_us:.0f} µs : {theirs.client_us:.0f} + {theirs.server_us:.0f} µs (client + server)"
    )


if __name__ == "__main__":
    run(figures())

"""Reading one ledger in order and folding a stream: `python -m benchmarks.reading`."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from uuid import uuid4

from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg.conninfo import conninfo_to_dict

from benchmarks.load import Figure, prepare, run
from benchmarks.server import BenchmarkServer, benchmark_server, new_tenant
from contracts.events.base import Event, Recorded
from contracts.ids import StreamName, TenantId
from infra.event_store.ledger import Ledger
from infra.event_store.repository import Aggregate, Repository

EVENTS = 100_000
BATCH = 1_000
FOLDS = 40
LIBRARY_BATCH = 100
"""With 1,000 events of this size in one insert the library's recorder and the server wait for each other for ever."""


def _count(state: int, recorded: Recorded[Event]) -> int:
    return state + recorded.envelope.version


COUNTED: Aggregate[int] = Aggregate("tenant", int, _count)


async def pages(read: Callable[[int], Awaitable[int]]) -> float:
    """Events a second over the whole ledger, the best of three runs."""
    best = 0.0
    for _ in range(3):
        started, position = time.perf_counter(), 0
        while position < EVENTS:
            position += await read(position)
        best = max(best, EVENTS / (time.perf_counter() - started))
    return best


async def folding(ledger: Ledger, tenant_id: TenantId) -> float:
    """Each fold with a repository of its own, so that nothing is remembered."""
    best = 0.0
    for _ in range(3):
        started = time.perf_counter()
        for _ in range(FOLDS):
            loaded = await Repository(ledger.reads, ledger.mapper).load(tenant_id, COUNTED, "folded")
            assert loaded.version == BATCH
        best = max(best, FOLDS * BATCH / (time.perf_counter() - started))
    return best


def library(server: BenchmarkServer) -> float:
    """The library's recorder selecting its notifications, state as bytes, nothing decoded."""
    parts = conninfo_to_dict(server.admin_dsn)
    with PostgresDatastore(
        str(parts["dbname"]), str(parts["host"]), str(parts["port"]), str(parts["user"]), str(parts["password"])
    ) as datastore:
        recorder = PostgresApplicationRecorder(datastore)
        recorder.create_table()
        for _ in range(EVENTS // LIBRARY_BATCH):
            originator = uuid4()
            recorder.insert_events(
                [
                    StoredEvent(originator, version, "tenet.tenancy.TenantActivated", b"x" * 600)
                    for version in range(LIBRARY_BATCH)
                ]
            )
        started, position = time.perf_counter(), 0
        while position < EVENTS:
            position = recorder.select_notifications(position, BATCH, inclusive_of_start=False)[-1].id
        return EVENTS / (time.perf_counter() - started)


async def figures() -> list[Figure]:
    async with benchmark_server() as server, server.ledger() as ledger:
        tenant_id = await new_tenant(ledger)
        for number in range(EVENTS // BATCH):
            stream = StreamName("tenant-folded" if number == 0 else f"tenant-{number}")
            await ledger.recorder.append(tenant_id, await prepare(ledger.mapper, tenant_id, stream, 1, BATCH))

        async def opened(position: int) -> int:
            entries = await ledger.feed.read_entries(tenant_id, position, BATCH)
            return len([ledger.mapper.open_entry(entry) for entry in entries])

        async def typed(position: int) -> int:
            return len(await ledger.feed.read(tenant_id, position, BATCH))

        raw = await pages(opened)
        full = await pages(typed)
        folded = await folding(ledger, tenant_id)
        stock = await asyncio.to_thread(library, server)
    print(f"{'eventsourcing recorder, bytes, nothing decoded':<58} {stock:>9,.0f}/s", flush=True)
    detail = f"the library's recorder in the same run, bytes only: {stock:,.0f}/s"
    return [
        Figure("reading, envelope and payload dict", raw, 150_000, detail, unit="/s"),
        Figure("reading, typed", full, 60_000, unit="/s"),
        Figure("folding a stream of 1,000", folded, 60_000, unit="/s"),
    ]


if __name__ == "__main__":
    run(figures())

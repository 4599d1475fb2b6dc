"""Sealing, proofs, and what sealing costs the appends: `python -m benchmarks.transparency [entries]`.

Seals a ledger of so many entries (1,000,000 unless told otherwise) from nothing, in the process that also tells its own
peak memory; then proves random entries out of the tiles; then appends for some seconds without and with a process that
seals beside it. Prints each figure with the requirement that it stands against.
"""

import asyncio
import os
import random
import resource
import sys
import tempfile
import time
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from benchmarks.load import measure, prepare
from benchmarks.server import BenchmarkServer, benchmark_server, new_tenant
from contracts.ids import StreamName, TenantId, new_id, schema_of
from infra.event_store.ledger import Ledger
from infra.event_store.roles import LEDGER_DATABASE
from infra.keys import LocalKeyStore
from infra.transparency.proofs import Proofs
from infra.transparency.sealer import TenantSealer
from infra.transparency.sealing import Sealing
from infra.transparency.storage import LogStorage

ENTRIES = 1_000_000
PROOFS = 2_000
WAITING = 64
COMMANDS_EACH = 400
ROUNDS = 3


async def fill(server: BenchmarkServer, tenant_id: TenantId, entries: int) -> None:
    """Entries of some 600 bytes with right leaf hashes, written by the superuser because only their number matters."""
    dsn = make_conninfo(server.admin_dsn, dbname=LEDGER_DATABASE)
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        await connection.execute(
            f"""INSERT INTO {schema_of(tenant_id)}.events
                    (position, recorded_at, version, stream, topic, event_id, leaf_hash, entry)
                SELECT p, 1700000000000000 + p, 1, 'tenant-' || p, 'tenet.test.Filled', 'event-' || p,
                       sha256('\\x00'::bytea || int8send(1700000000000000 + p) || e.entry), e.entry
                  FROM generate_series(0, {entries - 1}) AS p
                 CROSS JOIN LATERAL
                       (SELECT convert_to('{{"n":"' || rpad(p::text, 590, '.') || '"}}', 'UTF8')) AS e(entry)
            """.encode()
        )
        await connection.execute(f"ANALYZE {schema_of(tenant_id)}.events".encode())


async def sealing(ledger: Ledger, keys: LocalKeyStore, storage: LogStorage, tenant_id: TenantId, entries: int) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sealer = TenantSealer(tenant_id, f"bench.example/{tenant_id}", storage.of(tenant_id), ledger.feed, keys)
    await sealer.open()
    started = time.perf_counter()
    while (head := await sealer.seal(entries)) is None or head.size < entries:
        pass
    seconds = time.perf_counter() - started
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    per_million = seconds * 1_000_000 / entries
    rate = entries / seconds
    print(f"sealing {entries:,} entries        {seconds:8.1f} s   {rate:>9,.0f}/s")
    print(f"  a million would take             {per_million:8.1f} s   (≤ 60 s)")
    print(f"  peak memory grew by              {grown:8.0f} MiB")


def proving(storage: LogStorage, tenant_id: TenantId, entries: int) -> None:
    chosen = random.Random(1)
    latencies = []
    for _ in range(PROOFS):
        started = time.perf_counter()
        Proofs.newest(storage.of(tenant_id)).inclusion(chosen.randrange(entries))
        latencies.append((time.perf_counter() - started) * 1000)
    latencies.sort()
    median, p99 = latencies[PROOFS // 2], latencies[int(PROOFS * 0.99)]
    print(f"inclusion proof from tiles         median {median:5.2f} ms   p99 {p99:5.2f} ms   (≤ 2 ms)")


async def appending(server: BenchmarkServer, directory: Path) -> None:
    """Turn by turn without and with a sealing process, so that what the machine does beside falls on both alike."""
    without, along = [], []
    async with server.ledger() as ledger:
        for _ in range(ROUNDS):
            without.append(await append_rate(server, ledger))
            process = await start_sealing(server, directory)
            try:
                along.append(await append_rate(server, ledger))
            finally:
                process.terminate()
                await process.wait()
    plain, sealed = sorted(without)[ROUNDS // 2], sorted(along)[ROUNDS // 2]
    print(f"appends, {WAITING} waiting, one tenant   {plain:>9,.0f}/s alone   {sealed:>9,.0f}/s while sealing")
    print(f"  lost                             {100 * (1 - sealed / plain):8.1f} %   (≤ 10 %)")


async def append_rate(server: BenchmarkServer, ledger: Ledger) -> float:
    tenant_id = await new_tenant(ledger)
    queues = []
    for _ in range(WAITING):
        commands = [
            await prepare(ledger.mapper, tenant_id, StreamName(f"tenant-{new_id('bench')}"), 1)
            for _ in range(COMMANDS_EACH)
        ]
        queues.append([lambda each=command: ledger.recorder.append(tenant_id, each) for command in commands])
    return (await measure(queues, server.cpu_seconds)).per_second


async def start_sealing(server: BenchmarkServer, directory: Path) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.transparency", "--seal"),
        env=os.environ
        | {
            "BENCH_CELL": server.cells["cell-1"],
            "BENCH_FEED": server.feed_cells["cell-1"],
            "BENCH_DIR": str(directory),
        },
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(60):
        await process.stdout.readline()
    return process


async def seal_until_terminated() -> None:
    class Access:
        cells = {"cell-1": os.environ["BENCH_CELL"]}  # noqa: RUF012  # Only this process reads it.
        feed_cells = {"cell-1": os.environ["BENCH_FEED"]}  # noqa: RUF012  # As above.

    directory = Path(os.environ["BENCH_DIR"])
    keys = await LocalKeyStore.open(directory / "keys")
    async with Ledger.open(Access(), keys) as ledger:
        logs = Sealing(LogStorage(directory / "beside"), "bench.example", ledger.feed, ledger.placements, keys)
        async with logs.running():
            print("sealing", flush=True)
            await asyncio.Event().wait()


async def main(entries: int) -> None:
    async with benchmark_server() as server:
        with tempfile.TemporaryDirectory(prefix="tenet-benchmark-log-") as name:
            directory = Path(name)
            (directory / "keys").mkdir(mode=0o700)
            await appending(server, directory)
            async with server.ledger() as ledger:
                tenant_id, storage = await new_tenant(ledger), LogStorage(directory / "log")
                await fill(server, tenant_id, entries)
                await sealing(ledger, server.keys, storage, tenant_id, entries)
                proving(storage, tenant_id, entries)


if __name__ == "__main__":
    if sys.argv[1:] == ["--seal"]:
        asyncio.run(seal_until_terminated())
    else:
        asyncio.run(main(int(sys.argv[1].replace("_", "")) if sys.argv[1:] else ENTRIES))

"""Sealing, proofs, verification, and what sealing costs the appends: `python -m benchmarks.transparency [entries]`.

Appends for some seconds without and with a process that seals beside it, in pairs of turns (`--appends`: that alone);
then seals a ledger of so many entries of 600 bytes (1,000,000 unless told otherwise) from nothing, in a process of its
own that tells its peak memory; proves random entries out of the tiles; and verifies a bundle of all of them by the
verifier alone. Prints each figure with the requirement that it stands against.
"""

import asyncio
import base64
import contextlib
import os
import random
import resource
import signal
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from benchmarks.load import Rate, line, measure, prepare
from benchmarks.server import BenchmarkServer, benchmark_server, new_tenant
from contracts.canonical import canonical
from contracts.ids import StreamName, TenantId, new_id, schema_of
from infra.disclosure.bundle import FORMAT
from infra.disclosure.bundle_files import BundleFiles
from infra.disclosure.sealed_ledger import SealedLedger
from infra.event_store.ledger import Ledger
from infra.event_store.roles import LEDGER_DATABASE
from infra.keys import LocalKeyStore
from infra.transparency import verifier
from infra.transparency.proofs import Proofs
from infra.transparency.sealer import TenantSealer
from infra.transparency.sealing import Sealing
from infra.transparency.storage import LogStorage, SignedCheckpoint

ENTRIES = 1_000_000
SALT = bytes(range(16))
VALUE = "EventID: 1, CommandLine: vssadmin.exe delete shadows /all /quiet, User: admission-01"
PROOFS = 2_000
WAITING = 64
TURN_COMMANDS = 96_000
"""Two to three seconds of appends, several of sealing's rounds."""
PAIRS = 11
CATCHING_UP_SECONDS = 600


async def fill(server: BenchmarkServer, tenant_id: TenantId, entries: int) -> None:
    """Entries of some 600 bytes with right leaf hashes, written by the superuser because only their number matters.

    Each seals one value, as those of a case do on average, and commits to it as the product's own do.
    """
    dsn = make_conninfo(server.admin_dsn, dbname=LEDGER_DATABASE)
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        await connection.execute(
            f"""INSERT INTO {schema_of(tenant_id)}.events
                    (position, recorded_at, version, stream, topic, event_id, leaf_hash, entry)
                SELECT p, 1700000000000000 + p, 1, 'tenant-' || p, 'tenet.test.Filled', 'event-' || p,
                       sha256('\\x00'::bytea || int8send(1700000000000000 + p) || e.entry), e.entry
                  FROM generate_series(0, {entries - 1}) AS p
                 CROSS JOIN LATERAL (SELECT translate(rtrim(encode(sha256(
                       convert_to('tenet/sealed-field/v1', 'UTF8') || '\\x00'::bytea || decode('{SALT.hex()}', 'hex')
                       || convert_to('event-' || p, 'UTF8') || '\\x00'::bytea || convert_to('/text', 'UTF8')
                       || '\\x00'::bytea || convert_to('"{VALUE}"', 'UTF8')), 'base64'), '='), '+/', '-_') AS made) AS c
                 CROSS JOIN LATERAL (SELECT convert_to(
                       '{{"actor":{{"by":"oidc","home":"provider","id":"principal-01jd4w6m8k3t5v7x9z2b4d6f8h"}},'
                       || '"data":{{"n":"' || rpad(p::text, 200, '.') || '","text":{{"commitment":"' || c.made
                       || '","subject":"subject-1"}}}},"id":"event-' || p
                       || '","occurred_at":"2026-11-24T06:00:00.000000Z","schema":1,"stream":"tenant-' || p
                       || '","tenant":"{tenant_id}","trace":"' || rpad('', 55, '0')
                       || '","type":"tenet.test.Filled","version":1}}', 'UTF8')) AS e(entry)
            """.encode()
        )
        await connection.execute(f"ANALYZE {schema_of(tenant_id)}.events".encode())


async def sealing(server: BenchmarkServer, directory: Path, tenant_id: TenantId, entries: int) -> None:
    process = await run_here("--seal-all", server, directory, tenant_id, str(entries))
    assert process.stdout is not None
    told = (await process.stdout.read()).decode()
    if await process.wait():
        raise SystemExit("sealing failed")
    seconds, processor, before, peak = map(float, told.split()[-4:])
    print(f"sealing {entries:,} entries        {seconds:8.1f} s   {entries / seconds:>9,.0f}/s")
    print(f"  a million would take             {seconds * 1_000_000 / entries:8.1f} s   (≤ 60 s)")
    print(f"  processor time of an entry       {processor * 1_000_000 / entries:8.1f} µs  (here, without the server)")
    print(f"  memory before, and at its peak   {before:8.0f} MiB {peak:.0f} MiB")


async def seal_all(tenant_id: TenantId, entries: int) -> None:
    """In a process of its own: prints seconds, processor seconds, and resident MiB before and at the peak."""
    directory = Path(os.environ["BENCH_DIR"])
    keys = await LocalKeyStore.open(directory / "keys")
    async with Ledger.open(access_of_environment(), keys) as ledger:
        log = LogStorage(directory / "log").of(tenant_id)
        sealer = TenantSealer(tenant_id, f"bench.example/{tenant_id}", log, ledger.feed, keys)
        await sealer.open()
        # The peak that getrusage tells would be the parent's: it is inherited. This sets the process's own back.
        Path("/proc/self/clear_refs").write_text("5")
        before = peak_mib()
        started, processor = time.perf_counter(), time.process_time()
        while (head := await sealer.seal(entries)) is None or head.size < entries:
            pass
        seconds, used = time.perf_counter() - started, time.process_time() - processor
        peak = peak_mib()
    print(seconds, used, before, peak)


def peak_mib() -> float:
    """The resident memory of this process at its peak (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


async def verifying(server: BenchmarkServer, directory: Path, tenant_id: TenantId, entries: int) -> None:
    """Writes a bundle of all entries as the service does, and verifies it in a process of its own."""
    bundle = directory / "bundle"
    async with server.ledger() as ledger:
        covering = await SealedLedger.covering(LogStorage(directory / "log"), tenant_id, entries)
        with BundleFiles(bundle) as files:
            writer, position = covering.writer(files, [(0, entries)]), 0
            while position < entries:
                batch = await ledger.feed.read_entries(tenant_id, position, 5_000, entries - 1)
                await asyncio.to_thread(writer.add, batch)
                position = batch[-1].position + 1
            writer.finish()
            facts = {"format": FORMAT, "tenant": tenant_id, "case": None, "audience": "customer"}
            files.add("bundle.json", canonical(facts | {"from_position": 0, "to_position": entries}))
            opened = {"path": "/text", "subject": "subject-1", "value": VALUE}
            opened["salt"] = base64.urlsafe_b64encode(SALT).rstrip(b"=").decode()
            files.add("openings.jsonl", b"")
            for begin in range(0, entries, 10_000):
                lines = [canonical(opened | {"position": each}) for each in range(begin, min(begin + 10_000, entries))]
                files.add("openings.jsonl", b"".join(line + b"\n" for line in lines))
            files.add("README.txt", b"A benchmark.\n")
            files.finish({"Source-Organization": "Benchmark"})
    size = sum(path.stat().st_size for path in bundle.rglob("*.bundle"))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", verifier.__file__, str(bundle)), stdout=asyncio.subprocess.DEVNULL
    )
    if await process.wait():
        raise SystemExit("the bundle is not valid")
    seconds = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    taken_away = after.ru_nivcsw - before.ru_nivcsw
    print(f"verifying {entries:,} entries of {size // entries} bytes   {seconds:8.1f} s")
    print(f"  processor time of a million      {processor * 1_000_000 / entries:8.1f} s   (≤ 30 s on one core)")
    print(f"  times that it waited for a file  {after.ru_nvcsw - before.ru_nvcsw:8,}, for a core {taken_away:,}")


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
    """Pairs of turns without and with a process that seals, in changing order on one server, so that what the machine
    does beside falls on both alike. Each turn takes several of sealing's rounds, and begins with nothing left to seal:
    the process is stopped for the turns without, and catches up before the next one."""
    shares, plain, sealed, processor = [], [], [], []
    process = await start_sealing(server, directory)
    try:
        async with server.ledger() as ledger:
            for number in range(PAIRS):
                turn = {}
                for along in (True, False) if number % 2 else (False, True):
                    process.send_signal(signal.SIGCONT if along else signal.SIGSTOP)
                    before = processor_seconds(process.pid)
                    tenant_id, turn[along] = await append_rate(server, ledger)
                    if along:
                        await sealed_up_to(directory, tenant_id)
                        processor.append((processor_seconds(process.pid) - before) * 1e6 / TURN_COMMANDS)
                    process.send_signal(signal.SIGCONT)
                    await sealed_up_to(directory, tenant_id)
                shares.append(1 - turn[True].per_second / turn[False].per_second)
                plain.append(turn[False])
                sealed.append(turn[True])
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    lower, middle, upper = (100 * each for each in statistics.quantiles(shares, n=4))
    line(f"appends, {WAITING} waiting, nothing sealing", middle_of(plain))
    line(f"appends, {WAITING} waiting, while sealing", middle_of(sealed))
    print(
        f"  processor time of sealing one      {statistics.median(processor):6.1f} µs, beside the server's share above"
    )
    print(
        f"  lost, of {PAIRS} pairs of turns         {middle:8.1f} %"
        f"   (≤ 10 %; the middle half: {lower:.1f} to {upper:.1f})"
    )


def middle_of(rates: list[Rate]) -> Rate:
    return sorted(rates, key=lambda each: each.per_second)[len(rates) // 2]


def processor_seconds(pid: int) -> float:
    """Of a process so far, its own (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def append_rate(server: BenchmarkServer, ledger: Ledger) -> tuple[TenantId, Rate]:
    tenant_id = await new_tenant(ledger)
    queues = []
    for _ in range(WAITING):
        commands = [
            await prepare(ledger.mapper, tenant_id, StreamName(f"tenant-{new_id('bench')}"), 1)
            for _ in range(TURN_COMMANDS // WAITING)
        ]
        queues.append([lambda each=command: ledger.recorder.append(tenant_id, each) for command in commands])
    return tenant_id, await measure(queues, server.cpu_seconds)


async def sealed_up_to(directory: Path, tenant_id: TenantId) -> None:
    """Waits until the process beside has sealed all of a turn's entries. Raises TimeoutError."""
    log = LogStorage(directory / "beside").of(tenant_id)
    async with asyncio.timeout(CATCHING_UP_SECONDS):
        while (data := log.checkpoint()) is None or SignedCheckpoint.parse(data).checkpoint.size < TURN_COMMANDS:
            await asyncio.sleep(0.1)


async def start_sealing(server: BenchmarkServer, directory: Path) -> asyncio.subprocess.Process:
    process = await run_here("--seal", server, directory)
    assert process.stdout is not None
    async with asyncio.timeout(60):
        while (told := await process.stdout.readline()) != b"sealing\n":
            # The key store's warning comes first.
            assert told, "the sealing process ended"
    return process


async def run_here(what: str, server: BenchmarkServer, directory: Path, *words: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.transparency", what, *words),
        env=os.environ
        | {
            "BENCH_CELL": server.cells["cell-1"],
            "BENCH_FEED": server.feed_cells["cell-1"],
            "BENCH_DIR": str(directory),
        },
        stdout=asyncio.subprocess.PIPE,
    )


@dataclass(frozen=True)
class Access:
    cells: dict[str, str]
    feed_cells: dict[str, str]


def access_of_environment() -> Access:
    return Access({"cell-1": os.environ["BENCH_CELL"]}, {"cell-1": os.environ["BENCH_FEED"]})


async def seal_until_terminated() -> None:
    directory = Path(os.environ["BENCH_DIR"])
    keys = await LocalKeyStore.open(directory / "keys")
    async with Ledger.open(access_of_environment(), keys) as ledger:
        logs = Sealing(LogStorage(directory / "beside"), "bench.example", ledger.feed, ledger.placements, keys)
        async with logs.running():
            print("sealing", flush=True)
            await asyncio.Event().wait()


async def only_appending() -> None:
    async with benchmark_server() as server:
        with tempfile.TemporaryDirectory(prefix="tenet-benchmark-log-") as name:
            (Path(name) / "keys").mkdir(mode=0o700)
            await appending(server, Path(name))


async def main(entries: int) -> None:
    async with benchmark_server() as server:
        with tempfile.TemporaryDirectory(prefix="tenet-benchmark-log-") as name:
            directory = Path(name)
            (directory / "keys").mkdir(mode=0o700)
            await appending(server, directory)
            async with server.ledger() as ledger:
                tenant_id = await new_tenant(ledger)
            await fill(server, tenant_id, entries)
            await sealing(server, directory, tenant_id, entries)
            proving(LogStorage(directory / "log"), tenant_id, entries)
            await verifying(server, directory, tenant_id, entries)


if __name__ == "__main__":
    if sys.argv[1:] == ["--appends"]:
        asyncio.run(only_appending())
    elif sys.argv[1:] == ["--seal"]:
        asyncio.run(seal_until_terminated())
    elif sys.argv[1:2] == ["--seal-all"]:
        asyncio.run(seal_all(TenantId(sys.argv[2]), int(sys.argv[3])))
    else:
        asyncio.run(main(int(sys.argv[1].replace("_", "")) if sys.argv[1:] else ENTRIES))

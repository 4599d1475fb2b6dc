"""Other event stores beside ours in one run, where they are installed: `python -m benchmarks.peers`.

None of them is in the lock. Install them apart and name the place; what is not named is left out with the reason:

    TENET_PEER_UMADB        directory of a virtual environment with `umadb`, whose server is in its wheel
    TENET_PEER_EMMETT       directory in which `npm install @event-driven-io/emmett-postgresql` was run; needs `node`
    TENET_PEER_MESSAGE_DB   directory `database` of the npm package `@eventide/message-db`, which is SQL alone

All append one event of 600 bytes, durably. What they check differs: ours keeps tenants apart, finds repeated
requests, leaves positions without a gap and hashes; UmaDB checks a condition and keeps one order;
message-db and Emmett check the stream's version, and their positions can have gaps.
"""

import asyncio
import functools
import json
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from benchmarks.append import SAMPLE_ENTRY, ours, plain_inserts
from benchmarks.load import Rate, line, measure, rate
from benchmarks.server import BenchmarkServer, benchmark_server, new_tenant

FOREIGN = Path(__file__).parent / "foreign"
WAITING = (1, 64)
COMMANDS = 2_000
MESSAGE_DB_CONNECTIONS = (1, 8)
LIMIT_SECONDS = 120
MESSAGE_DB_FILES = (
    "roles/message-store", "schema/message-store", "tables/messages", "types/message",
    "functions/message-store-version", "functions/hash-64", "functions/acquire-lock", "functions/category",
    "functions/is-category", "functions/id", "functions/cardinal-id", "functions/stream-version",
    "functions/write-message", "indexes/messages-id", "indexes/messages-stream", "indexes/messages-category",
)  # fmt: skip
"""In the order of its own `install.sh`, without what only reads and without pgcrypto, whose one
function PostgreSQL has had by itself since version 13."""


def _told(output: str) -> Rate:
    told = json.loads(output.splitlines()[-1])
    return rate(told["latencies"], told["seconds"], 1, 0.0, 0.0)


def _run(command: list[str]) -> Rate:
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} failed: {done.stderr.strip()[-500:]}")
    return _told(done.stdout)


@contextmanager
def _umadb_server(environment: Path) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"127.0.0.1:{listening.getsockname()[1]}"
    with tempfile.TemporaryDirectory(prefix="tenet-benchmark-") as directory:
        command = [str(environment / "bin" / "umadb"), "--listen", address, "--db-path", f"{directory}/uma.db"]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _until_open(address)
            yield f"http://{address}"
        finally:
            server.terminate()
            server.wait(timeout=30)


def _until_open(address: str) -> None:
    host, _, port = address.partition(":")
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)  # The server says nothing when it is ready; its port is all that can be asked.
        else:
            return


def umadb(environment: Path) -> Iterator[tuple[str, Rate]]:
    with _umadb_server(environment) as url:
        for waiting in WAITING:
            script = [str(environment / "bin" / "python"), str(FOREIGN / "umadb_load.py")]
            yield f"UmaDB, {waiting} waiting", _run([*script, url, str(waiting), str(COMMANDS)])


def emmett(packages: Path, server: BenchmarkServer) -> Iterator[tuple[str, Rate]]:
    parts = {name: str(value) for name, value in conninfo_to_dict(server.admin_dsn).items() if value is not None}
    url = "postgresql://{user}:{password}@localhost/{dbname}?host={host}&port={port}".format_map(parts)
    for waiting in WAITING:
        script = ["node", str(FOREIGN / "emmett_load.mjs"), str(packages)]
        yield f"Emmett, {waiting} waiting", _run([*script, url, str(waiting), str(COMMANDS)])


async def message_db(scripts: Path, server: BenchmarkServer) -> list[tuple[str, Rate]]:
    async with await AsyncConnection.connect(server.admin_dsn, autocommit=True) as administrator:
        await administrator.execute("CREATE DATABASE message_store")
    dsn = make_conninfo(server.admin_dsn, dbname="message_store", options="-c search_path=message_store,public")
    async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
        for name in MESSAGE_DB_FILES:
            await connection.execute((scripts / f"{name}.sql").read_bytes())
    return [
        (f"message-db, {number} connections", await _messages(dsn, number, server)) for number in MESSAGE_DB_CONNECTIONS
    ]


async def _messages(dsn: str, number: int, server: BenchmarkServer) -> Rate:
    connections = [await AsyncConnection.connect(dsn, autocommit=True) for _ in range(number)]
    data = json.dumps({"state": secrets.token_bytes(SAMPLE_ENTRY // 2).hex()})
    statement = b"SELECT write_message(%s, %s, 'TenantActivated', %s::jsonb, NULL, -1)"

    async def write(connection: AsyncConnection[Any]) -> None:
        await connection.execute(statement, (str(uuid.uuid4()), f"tenant-{secrets.token_hex(8)}", data))

    try:
        queues = [[functools.partial(write, each)] * (COMMANDS // number) for each in connections]
        return await measure(queues, server.cpu_seconds)
    finally:
        for each in connections:
            await each.close()


def _place(variable: str, wanted: str) -> Path | None:
    """The directory that the variable names, if what is wanted of it is there; says why when not."""
    named = os.environ.get(variable, "")
    if not named:
        print(f"{variable} names no place: left out", flush=True)
        return None
    if not (Path(named) / wanted).exists():
        print(f"{variable}: there is no {wanted} in {named}: left out", flush=True)
        return None
    return Path(named)


async def main() -> None:
    async with benchmark_server() as server, server.ledger() as ledger:
        tenant_id = await new_tenant(ledger)
        await ours(ledger, tenant_id, 64, COMMANDS, server.cpu_seconds)
        rates = [("plain INSERT, one connection", await plain_inserts(server, COMMANDS))]
        for waiting in WAITING:
            made = await ours(ledger, tenant_id, waiting, COMMANDS * (10 if waiting > 1 else 1), server.cpu_seconds)
            rates.append((f"ours, {waiting} waiting", made))
        if place := _place("TENET_PEER_MESSAGE_DB", "functions/write-message.sql"):
            rates += await message_db(place, server)
        if place := _place("TENET_PEER_EMMETT", "node_modules/@event-driven-io/emmett-postgresql"):
            if shutil.which("node"):
                rates += await asyncio.to_thread(lambda packages: list(emmett(packages, server)), place)
            else:
                print("there is no node to run Emmett: left out", flush=True)
        if place := _place("TENET_PEER_UMADB", "bin/umadb"):
            rates += await asyncio.to_thread(lambda environment: list(umadb(environment)), place)
    for label, figure in rates:
        line(label, figure)
    own = {waiting: figure.per_second for (_, figure), waiting in zip(rates[1:3], WAITING, strict=True)}
    for label, figure in rates[3:]:
        alone = "1 " in label
        print(f"ours : {label:<50} {own[1 if alone else 64] / figure.per_second:5.2f}", flush=True)


if __name__ == "__main__":
    asyncio.run(main())

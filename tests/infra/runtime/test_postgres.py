"""The embedded PostgreSQL is private, durable, and gone when its owner is."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from infra.runtime.postgres import EmbeddedPostgres, embedded_postgres
from infra.runtime.postgres_binaries import PostgresUnavailable

LIMIT_SECONDS = 20.0


@pytest.fixture
def state_dir() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tenet-tests-") as directory:
        Path(directory).chmod(0o711)
        yield Path(directory)


@pytest.fixture
def server(state_dir: Path) -> Iterator[EmbeddedPostgres]:
    made = EmbeddedPostgres(state_dir, sync_initdb=False)
    try:
        yield made
    finally:
        made.destroy()


def _one(dsn: str, query: str) -> object:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(query.encode()).fetchone()
        assert row is not None
        return row[0]


def _wait_for(pid: int) -> bool:
    deadline = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < deadline:
        if not Path(f"/proc/{pid}").exists():
            return True
        time.sleep(0.05)
    return False


def test_the_server_asks_for_a_password_on_socket_and_port(server: EmbeddedPostgres) -> None:
    server.start()
    for over_tcp in (False, True):
        assert _one(server.dsn(over_tcp=over_tcp), "SELECT 1") == 1
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(server.dsn(password="guessed", over_tcp=over_tcp))


def test_commits_are_durable_and_passwords_are_scram(server: EmbeddedPostgres) -> None:
    server.start()
    assert _one(server.dsn(), "SHOW fsync") == "on"
    assert _one(server.dsn(), "SHOW synchronous_commit") == "on"
    assert str(_one(server.dsn(), "SELECT rolpassword FROM pg_authid WHERE rolname = 'postgres'")).startswith("SCRAM-")


def test_nobody_else_may_look_into_the_data_or_the_socket_directory(server: EmbeddedPostgres) -> None:
    server.start()
    for name in ("data", "socket"):
        assert (server.home / name).stat().st_mode & 0o077 == 0
    assert (server.home / "superuser_password").stat().st_mode & 0o077 == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to give up its rights")
def test_as_root_the_server_runs_under_an_unprivileged_account(server: EmbeddedPostgres) -> None:
    server.start()
    assert Path(f"/proc/{server.pid}").stat().st_uid != 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's directories are closed to the account of the server")
def test_as_root_a_state_directory_closed_to_others_works_too(state_dir: Path) -> None:
    closed = state_dir / "closed"
    closed.mkdir(mode=0o700)
    server = EmbeddedPostgres(closed / "state", sync_initdb=False)
    try:
        server.start()
        assert _one(server.dsn(), "SELECT 1") == 1
    finally:
        server.destroy()


def test_data_survives_a_crash_and_a_stop(server: EmbeddedPostgres) -> None:
    server.start()
    with psycopg.connect(server.dsn()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS value")
    server.kill()
    server.start()
    assert _one(server.dsn(), "SELECT value FROM kept") == 7
    server.stop()
    server.start()
    assert _one(server.dsn(), "SELECT value FROM kept") == 7


def test_a_second_owner_is_refused_and_told_who_the_first_is(server: EmbeddedPostgres, state_dir: Path) -> None:
    server.start()
    with pytest.raises(PostgresUnavailable, match=str(os.getpid())):
        EmbeddedPostgres(state_dir).start()
    assert server.running


_OWNER = """
import sys, time
from pathlib import Path
from infra.runtime.postgres import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]), sync_initdb=False)
server.start()
print(server.pid, flush=True)
time.sleep(60)
"""


def test_the_server_stops_when_its_owner_is_killed_and_starts_again_under_the_next(
    server: EmbeddedPostgres, state_dir: Path
) -> None:
    with subprocess.Popen([sys.executable, "-c", _OWNER, str(state_dir)], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        owner.kill()
        owner.wait(LIMIT_SECONDS)
    server.start()
    assert _wait_for(pid)
    assert _one(server.dsn(), "SELECT 1") == 1


def test_a_stale_process_id_file_does_not_keep_the_server_from_starting(
    server: EmbeddedPostgres, state_dir: Path
) -> None:
    server.start()
    server.stop()
    stale = state_dir / "postgres" / "data" / "postmaster.pid"
    stale.write_text(f"{os.getpid()}\n{stale.parent}\n0\n1\n\n\n\nready\n")
    server.start()
    assert _one(server.dsn(), "SELECT 1") == 1


async def test_a_crashed_server_is_started_again_on_the_same_port(state_dir: Path) -> None:
    crashes: list[int] = []
    async with embedded_postgres(state_dir, on_crash=crashes.append) as server:
        first, port = server.pid, server.port
        assert first is not None
        os.kill(first, signal.SIGKILL)
        async with asyncio.timeout(LIMIT_SECONDS):
            while server.pid == first or not server.ready:
                await asyncio.sleep(0.05)
        assert crashes == [1]
        assert server.port == port
        assert _one(server.dsn(), "SELECT 1") == 1

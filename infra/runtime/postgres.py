"""The embedded PostgreSQL: durable, watched, and closed to everyone without the password.

It listens on a loopback port and on a socket in a private directory, asks for a SCRAM password on both, and stops with
its owner: the kernel asks it to shut down when the owning process dies, however that happens. One owner at a time holds
`<state>/postgres/owner.lock`; a server that a dead owner left behind is stopped before a new one starts.
"""

import asyncio
import contextlib
import fcntl
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import IO, Self
from urllib.parse import quote

from infra.runtime.leash import leashed
from infra.runtime.log_files import open_log, shorten_log
from infra.runtime.postgres_binaries import (
    Binaries,
    PostgresUnavailable,
    find_binaries,
    reachable_by_others,
    shared_home,
)
from infra.runtime.state_directory import make_state_directory

SUPERUSER = "postgres"
LOOPBACK = "127.0.0.1"
START_ATTEMPTS = 5
START_TIMEOUT_SECONDS = 60.0
STOP_TIMEOUT_SECONDS = 30.0
INITDB_TIMEOUT_SECONDS = 120.0
ORPHAN_TIMEOUT_SECONDS = 15.0
RESTARTS_IN_A_ROW = 8
STEADY_AFTER_SECONDS = 60.0
LONGEST_BACKOFF_SECONDS = 10.0
_POLL_SECONDS = 0.02
_LONGEST_SOCKET_DIRECTORY = 80

CONFIGURATION = {
    # What makes an acknowledged append survive kill -9 and a power cut. The ledger refuses to append with less.
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "password_encryption": "scram-sha-256",
    # A thousand tenants are two thousand tables with their indexes; a migration may touch many of them at once.
    "max_locks_per_transaction": "256",
    "max_connections": "200",
    "shared_buffers": "96MB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "max_wal_size": "1GB",
    "checkpoint_completion_target": "0.9",
    # Worker processes for reading cost memory and gain nothing while the data fits into the page cache.
    "io_method": "sync",
    "jit": "off",
    "max_wal_senders": "4",
    "idle_in_transaction_session_timeout": "120s",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "log_line_prefix": "%m [%p] %u@%d ",
}


class EmbeddedPostgres:
    """One server over the data in `<state_dir>/postgres`. Use it as a context manager, or call start and stop.

    `port` 0 takes the port of the last start if it is still free, else any free one. Start it from a thread that lives
    as long as the server should (see `leash`); the main thread does.
    """

    def __init__(
        self,
        state_dir: Path,
        *,
        port: int = 0,
        account: str | None = None,
        configuration: dict[str, str] | None = None,
        sync_initdb: bool = True,
    ) -> None:
        self.home = state_dir.absolute() / "postgres"
        self.port = port
        self.given_up = False
        """Whether its keeper has stopped to start it again: see `embedded_postgres`."""
        self._port_is_fixed = port != 0
        self.log_file = state_dir.absolute() / "logs" / "postgres.log"
        self._account_name = account
        self._configuration = {**CONFIGURATION, **(configuration or {})}
        self._sync_initdb = sync_initdb
        self._binaries: Binaries | None = None
        self._cluster = self.home
        self._socket_directory = self.home
        self._password = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: IO[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def dsn(
        self, database: str = "postgres", *, user: str = SUPERUSER, password: str | None = None, over_tcp: bool = False
    ) -> str:
        """A connection URI, by default the superuser's over the private socket; `over_tcp` goes to the port."""
        secret = quote(self._password if password is None else password, safe="")
        if over_tcp:
            return f"postgresql://{user}:{secret}@{LOOPBACK}:{self.port}/{database}"
        directory = quote(str(self._socket_directory), safe="")
        return f"postgresql://{user}:{secret}@{directory}:{self.port}/{database}"

    def prepare(self) -> None:
        """Takes ownership, finds the programs and makes the data directory where it is absent. Blocks for seconds."""
        self._take_ownership()
        self._binaries = find_binaries(self._account_name)
        self._cluster = self._choose_cluster()
        self._stop_orphan()
        if not (self._cluster / "data" / "PG_VERSION").exists():
            self._initialise()
        self._password = (self._cluster / "superuser_password").read_text()
        self._socket_directory = self._private_socket_directory()

    def start(self) -> None:
        """Starts the server and returns when it accepts connections. Raises PostgresUnavailable with its last words."""
        if self._binaries is None:
            self.prepare()
        for attempt in range(1, START_ATTEMPTS + 1):
            self.launch()
            deadline = time.monotonic() + START_TIMEOUT_SECONDS
            while self.running and not self.ready and time.monotonic() < deadline:
                time.sleep(_POLL_SECONDS)
            if self.ready:
                return
            self.stop(keep_ownership=True)
            if not self._port_is_fixed:
                self.port = 0
            # The processes of a killed server need a moment to leave its shared memory.
            time.sleep(min(0.2 * 2**attempt, LONGEST_BACKOFF_SECONDS))
        raise PostgresUnavailable(f"PostgreSQL did not start.\n{self.last_words()}")

    def launch(self) -> None:
        """Starts the process without waiting for it to accept connections."""
        assert self._binaries is not None, "prepare() comes first"
        self.port = self._choose_port()
        self._write_configuration()
        account = self._binaries.account
        command = [self._binaries.program("postgres"), "-D", str(self._cluster / "data")]
        # SIGINT is PostgreSQL's fast shutdown: sessions are ended, everything is written, nothing is to be recovered.
        line = leashed(command, signal_number=signal.SIGINT, account=(account.uid, account.gid) if account else None)
        with open_log(self.log_file) as log:
            self._process = subprocess.Popen(
                line,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=_ENVIRONMENT,
                start_new_session=True,
            )

    @property
    def ready(self) -> bool:
        """Whether the server that we started says, in its own process id file, that it accepts connections."""
        lines = _read_lines(self._cluster / "data" / "postmaster.pid")
        return self.running and len(lines) >= 8 and lines[0] == str(self.pid) and lines[7].strip() == "ready"

    def stop(self, *, keep_ownership: bool = False) -> None:
        """Stops the server, if need be by force, and gives the ownership back."""
        if self._process is not None:
            _stop_process(self._process)
            self._process = None
        if not keep_ownership and self._lock is not None:
            self._lock.close()
            self._lock = None
            self._binaries = None

    def kill(self) -> None:
        """Ends the server as a crash would, for tests of what survives one."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_TIMEOUT_SECONDS)
            self._process = None

    def destroy(self) -> None:
        """Stops the server and removes its data for good. For throw-away servers."""
        self.stop()
        for directory in {self._cluster, self.home, self._socket_directory}:
            shutil.rmtree(directory, ignore_errors=True)

    def last_words(self, lines: int = 12) -> str:
        """The end of the server's log, for an error message."""
        return "\n".join(_read_lines(self.log_file)[-lines:]) or f"It left nothing in {self.log_file}."

    def _take_ownership(self) -> None:
        if self._lock is not None:
            return
        make_state_directory(self.home.parent)
        make_state_directory(self.home)
        lock = (self.home / "owner.lock").open("a+", encoding="utf-8")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.seek(0)
            owner = lock.read().strip() or "unknown"
            lock.close()
            raise PostgresUnavailable(
                f"Another Tenet (process {owner}) runs on {self.home.parent}. Stop it with ./tenet down, "
                "or name another state directory in TENET_STATE."
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        self._lock = lock

    def _choose_cluster(self) -> Path:
        """Where data and password lie: in the state directory, unless PostgreSQL's account cannot get there."""
        assert self._binaries is not None
        if self._binaries.account is None or reachable_by_others(self.home):
            return self.home
        location = self.home / "location"
        if location.exists():
            return Path(location.read_text(encoding="utf-8"))
        clusters = shared_home() / "clusters"
        clusters.mkdir(mode=0o711, exist_ok=True)
        cluster = Path(tempfile.mkdtemp(prefix="cluster-", dir=clusters))
        cluster.chmod(0o711)
        location.write_text(str(cluster), encoding="utf-8")
        return cluster

    def _stop_orphan(self) -> None:
        """A server over our data while we hold the ownership was left by a dead owner. It is stopping, or must."""
        data = self._cluster / "data"
        lines = _read_lines(data / "postmaster.pid")
        if not lines or not lines[0].isdigit():
            return
        pid = int(lines[0])
        for step in (None, signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            if step is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, step)
            if _wait_until(lambda: not _serves(pid, data), ORPHAN_TIMEOUT_SECONDS / 4):
                break
        (data / "postmaster.pid").unlink(missing_ok=True)

    def _initialise(self) -> None:
        assert self._binaries is not None
        making = self._cluster / "data.making"
        shutil.rmtree(making, ignore_errors=True)
        shutil.rmtree(self._cluster / "data", ignore_errors=True)
        making.mkdir(mode=0o700)
        password = secrets.token_urlsafe(32)
        password_file = self._cluster / "superuser_password"
        _write_private(password_file, password)
        handed_over = self._cluster / "initdb_password"
        _write_private(handed_over, password)
        self._give_away(making, handed_over)
        try:
            self._run_initdb(making, handed_over)
        finally:
            handed_over.unlink(missing_ok=True)
        making.rename(self._cluster / "data")

    def _run_initdb(self, data: Path, password_file: Path) -> None:
        assert self._binaries is not None
        account = self._binaries.account
        command = [
            *(self._binaries.program("initdb"), "-D", str(data), "-U", SUPERUSER, f"--pwfile={password_file}"),
            *("--auth=scram-sha-256", "--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8"),
            *(() if self._sync_initdb else ("--no-sync",)),
        ]
        line = leashed(command, signal_number=signal.SIGKILL, account=(account.uid, account.gid) if account else None)
        done = subprocess.run(
            line, capture_output=True, text=True, timeout=INITDB_TIMEOUT_SECONDS, cwd="/", env=_ENVIRONMENT, check=False
        )
        if done.returncode != 0:
            raise PostgresUnavailable(f"initdb failed for {data}: {done.stderr.strip() or done.stdout.strip()}")

    def _give_away(self, *paths: Path) -> None:
        assert self._binaries is not None
        account = self._binaries.account
        if account is not None:
            for path in paths:
                os.chown(path, account.uid, account.gid)

    def _private_socket_directory(self) -> Path:
        """Socket addresses hold about a hundred bytes, so a deep state directory needs a shorter place."""
        directory = self._cluster / "socket"
        if len(os.fsencode(directory)) > _LONGEST_SOCKET_DIRECTORY:
            if self._socket_directory != self.home and self._socket_directory.exists():
                return self._socket_directory
            directory = Path(tempfile.mkdtemp(prefix="tenet-"))
        directory.mkdir(mode=0o700, exist_ok=True)
        self._give_away(directory)
        return directory

    def _choose_port(self) -> int:
        if self.port:
            return self.port
        remembered = self._cluster / "port"
        last = "".join(_read_lines(remembered))
        port = int(last) if last.isdigit() and _is_free(int(last)) else _free_port()
        remembered.write_text(str(port), encoding="utf-8")
        return port

    def _write_configuration(self) -> None:
        """The files are ours: written anew at each start, so that a hand's change does not quietly cost durability."""
        data = self._cluster / "data"
        settings = {
            **self._configuration,
            "listen_addresses": LOOPBACK,
            "port": str(self.port),
            "unix_socket_directories": str(self._socket_directory),
            "unix_socket_permissions": "0700",
        }
        lines = ["# Written by Tenet at each start; changes here are lost."]
        lines += [f"{name} = '{value.replace(chr(39), chr(39) * 2)}'" for name, value in settings.items()]
        self._replace(data / "postgresql.conf", "\n".join(lines) + "\n")
        self._replace(data / "pg_hba.conf", f"local all all scram-sha-256\nhost all all {LOOPBACK}/32 scram-sha-256\n")

    def _replace(self, path: Path, text: str) -> None:
        """Writes beside and renames, and only what differs: a full disk must not keep the server from starting."""
        if path.read_text(encoding="utf-8") == text:
            return
        making = path.with_name(f"{path.name}.making")
        _write_private(making, text)
        self._give_away(making)
        making.replace(path)


@contextlib.asynccontextmanager
async def embedded_postgres(
    state_dir: Path,
    *,
    port: int = 0,
    account: str | None = None,
    on_crash: Callable[[int], None] = lambda _crashes: None,
) -> AsyncIterator[EmbeddedPostgres]:
    """A server for the length of the block, restarted on the same port when it crashes.

    After RESTARTS_IN_A_ROW crashes, each less than STEADY_AFTER_SECONDS after its start, it stays down; connections
    then fail, and `server.given_up` says so. `on_crash` is told the number of
    crashes in a row after each was answered.
    """
    server = EmbeddedPostgres(state_dir, port=port, account=account)
    await asyncio.to_thread(server.prepare)
    server.start()
    keeper = asyncio.create_task(_keep(server, on_crash), name="embedded-postgres-keeper")
    try:
        yield server
    finally:
        keeper.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeper
        await asyncio.to_thread(server.stop)


async def _keep(server: EmbeddedPostgres, on_crash: Callable[[int], None]) -> None:
    crashes = 0
    started = time.monotonic()
    while True:
        await asyncio.sleep(0.1)
        if server.running:
            shorten_log(server.log_file)
            continue
        crashes = crashes + 1 if time.monotonic() - started < STEADY_AFTER_SECONDS else 1
        if crashes > RESTARTS_IN_A_ROW:
            server.given_up = True
            on_crash(crashes)
            return
        await asyncio.sleep(min(0.1 * 2**crashes, LONGEST_BACKOFF_SECONDS))
        started = time.monotonic()
        with contextlib.suppress(OSError):  # A full disk, too many processes: counted as one more crash.
            server.launch()
        on_crash(crashes)


# The environment of whoever starts Tenet must not reach the server: PGDATA, LD_PRELOAD and locale change what it does.
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _stop_process(process: subprocess.Popen[bytes]) -> None:
    """A fast shutdown; when it takes too long an immediate one, from which the next start recovers."""
    for step in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        if process.poll() is not None:
            return
        process.send_signal(step)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_TIMEOUT_SECONDS)


def _serves(pid: int, data: Path) -> bool:
    """Whether this process is a PostgreSQL over that data directory, and not a later one that got the same number."""
    try:
        return Path(f"/proc/{pid}/cwd").resolve(strict=True) == data.resolve()
    except OSError:
        return False


def _wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _read_lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As PostgreSQL does: what is left of a server's last connections does not keep it from coming back.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])

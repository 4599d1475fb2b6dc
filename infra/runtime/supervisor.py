"""Runs the whole system: PostgreSQL, migrations, the local issuer, the six services and, if asked for, the actuator.

What it starts ends with it, however it ends. A program that crashes or hangs is started again (limits in `child`);
what runs is written to `<state>/run/status.json` at each change. Use it as a block, `async with
running_system(settings)`, or through `./tenet up`.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import structlog

from infra.runtime.child import Child, Program, State
from infra.runtime.databases import Databases
from infra.runtime.postgres import EmbeddedPostgres, embedded_postgres
from infra.runtime.programs import choose_ports, programs
from infra.runtime.provider import prepare_provider
from infra.runtime.settings import Settings
from infra.runtime.status import ProcessStatus, SystemStatus, supervising, supervisor_pid, write_status

DOWN_TIMEOUT_SECONDS = 60.0
_POLL_SECONDS = 0.1
_log = structlog.get_logger(__name__)

Progress = Callable[[str], None]
"""Told a short sentence at each step of a start."""


class SystemFailed(Exception):
    """The system did not come up; the message names the program and repeats its last words."""


class System:
    """A running system. `status()` is the same account that the status file holds."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.children: list[Child] = []
        self._state = "starting"
        self._started_at = datetime.now(UTC)
        self._postgres: EmbeddedPostgres | None = None
        self._postgres_restarts = 0

    def status(self) -> SystemStatus:
        """What runs at this moment."""
        state = self._state
        processes = (*self._postgres_status(), *(_child_status(child) for child in self.children))
        if state == "ready" and any(each.state != State.READY for each in processes):
            state = "degraded"
        return SystemStatus(
            state=state,
            supervisor_pid=os.getpid(),
            started_at=self._started_at,
            state_dir=self.settings.state.absolute(),
            processes=processes,
        )

    def become(self, state: str) -> None:
        """Notes how far the system as a whole is, and writes it down."""
        self._state = state
        self.write_status()

    def write_status(self) -> None:
        try:
            write_status(self.settings.run_dir, self.status())
        except OSError as error:
            # On a full disk the services go on, and so must their keepers; the next change writes it again.
            _log.warning("status_not_written", reason=str(error))

    def adopt_postgres(self, server: EmbeddedPostgres) -> None:
        """Shows this server among the processes."""
        self._postgres = server
        self.write_status()

    def postgres_crashed(self, crashes: int) -> None:
        """Notes that the embedded server had crashed and was started again, or given up."""
        _log.warning("postgres_crashed", in_a_row=crashes)
        self._postgres_restarts += 1
        self.write_status()

    async def start(self, databases: Databases, *, actuator: bool, progress: Progress) -> None:
        """Starts all programs at once and waits until each answers. Raises SystemFailed."""
        ports = choose_ports(self.settings)
        progress("provider's ledger: issuer and first administrator")
        await prepare_provider(self.settings, databases, ports)
        for program in programs(self.settings, databases, ports, actuator=actuator):
            child = Child(program, self._child_changed)
            self.children.append(child)
            child.start()
        waiting = {asyncio.create_task(child.ready()): child for child in self.children}
        try:
            while waiting:
                done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    child = waiting.pop(task)
                    if not task.result():
                        raise SystemFailed(_obituary(child))
                    progress(_answers(child.program))
        finally:
            for task in waiting:
                task.cancel()

    async def stop(self) -> None:
        """Stops all programs, the latest started first to be asked."""
        await asyncio.gather(*(child.stop() for child in reversed(self.children)))
        for child in self.children:
            await child.program.probe.close()

    def _child_changed(self) -> None:
        self.write_status()

    def _postgres_status(self) -> tuple[ProcessStatus, ...]:
        server = self._postgres
        if server is None:
            return ()
        return (
            ProcessStatus(
                name="postgres",
                state=State.FAILED if server.given_up else State.READY if server.running else State.RESTARTING,
                pid=server.pid,
                address=f"127.0.0.1:{server.port}",
                metrics_address="",
                restarts=self._postgres_restarts,
                since=self._started_at,
                message="",
                log_file=server.log_file,
            ),
        )


@contextlib.asynccontextmanager
async def running_system(
    settings: Settings, *, actuator: bool = False, progress: Progress = lambda _text: None
) -> AsyncIterator[System]:
    """The system for the length of the block, answering when the block begins.

    Raises AlreadyRunning, PostgresUnavailable, ProviderNotPrepared, SystemFailed, and what migrations raise. Call it
    in the main thread.
    """
    with supervising(settings.run_dir):
        system = System(settings)
        system.become("starting")
        async with _main_server(settings, system, progress) as server:
            databases = Databases(settings, server)
            progress("databases: applying migrations")
            await databases.migrate()
            try:
                await system.start(databases, actuator=actuator, progress=progress)
                system.become("ready")
                yield system
            finally:
                system.become("stopping")
                await system.stop()
        system.become("stopped")


async def migrate(settings: Settings, progress: Progress) -> None:
    """Brings all databases up to date without starting any service. Raises AlreadyRunning when a system runs."""
    with supervising(settings.run_dir):
        async with _main_server(settings, System(settings), progress) as server:
            databases = Databases(settings, server)
            migrated = await databases.migrate()
            await prepare_provider(settings, databases, choose_ports(settings))
    for database, names in migrated.applied.items():
        progress(f"{database}: {', '.join(names) if names else 'up to date'}")


async def run_until_stopped(settings: Settings, *, actuator: bool, progress: Progress) -> None:
    """`./tenet up`: runs the system until this process is told to end by SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    running = asyncio.create_task(_hold(settings, actuator=actuator, progress=progress))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def down(settings: Settings) -> bool:
    """Ends the running system and waits until it is gone; False when none runs. Raises TimeoutError."""
    pid = supervisor_pid(settings.run_dir)
    if pid is None:
        return False
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + DOWN_TIMEOUT_SECONDS
    while supervisor_pid(settings.run_dir) == pid:
        if time.monotonic() > deadline:
            raise TimeoutError(f"Process {pid} still runs {DOWN_TIMEOUT_SECONDS:.0f} s after it was asked to stop.")
        await asyncio.sleep(_POLL_SECONDS)
    return True


async def _hold(settings: Settings, *, actuator: bool, progress: Progress) -> None:
    async with running_system(settings, actuator=actuator, progress=progress):
        progress(f"Tenet is ready. State: {settings.state}. Stop it with Ctrl-C or ./tenet down.")
        await asyncio.Event().wait()


@contextlib.asynccontextmanager
async def _main_server(settings: Settings, system: System, progress: Progress) -> AsyncIterator[str]:
    """The connection string of the main server's administrator: of one that is there, or of the embedded one."""
    if settings.database_url:
        progress("postgres: the server that TENET_DATABASE_URL names")
        yield settings.database_url
        return
    progress("postgres: starting the embedded server")
    async with embedded_postgres(
        settings.state,
        port=settings.postgres_port,
        account=settings.postgres_account,
        on_crash=system.postgres_crashed,
    ) as server:
        system.adopt_postgres(server)
        yield server.dsn()


def _child_status(child: Child) -> ProcessStatus:
    return ProcessStatus(
        name=child.program.name,
        state=child.state,
        pid=child.pid,
        address=child.program.address,
        metrics_address=child.program.metrics_address,
        web_address=child.program.web_address,
        restarts=child.restarts,
        since=datetime.fromtimestamp(child.since, UTC),
        message=child.message,
        log_file=child.program.log_file,
    )


def _obituary(child: Child) -> str:
    words = child.last_words()
    return f"{child.program.name} {child.message}. Its log, {child.program.log_file}, ends:\n{words}"


def _answers(program: Program) -> str:
    http = f" and http://{program.web_address}" if program.web_address else ""
    return f"{program.name} answers on {program.address}{http}"

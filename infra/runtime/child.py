"""One process that the supervisor keeps running: started on a leash, watched, started again when it ends or hangs."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import structlog

from infra.runtime.leash import leashed
from infra.runtime.log_files import open_log, shorten_log
from infra.runtime.settings import CHECKOUT

READY_TIMEOUT_SECONDS = 60.0
STOP_TIMEOUT_SECONDS = 10.0
RESTARTS_IN_A_ROW = 10
"""A process that ends this often without once being steady stays down; the others go on."""
RESTARTS_BEFORE_READY = 2
"""The same for a program that has never answered: whoever starts the system waits for the message."""
STEADY_AFTER_SECONDS = 30.0
SHORTEST_BACKOFF_SECONDS = 0.2
LONGEST_BACKOFF_SECONDS = 10.0
HUNG_AFTER_SECONDS = 60.0
"""A process that has not answered its probe for this long is killed and started again."""
_PROBE_PAUSE_STARTING_SECONDS = 0.1
_PROBE_PAUSE_RUNNING_SECONDS = 5.0
_LAST_WORDS_LINES = 8
_log = structlog.get_logger(__name__)


class Probe(Protocol):
    """Asks a program whether it works. Raises OSError where it can't even be asked."""

    async def __call__(self) -> bool: ...

    async def close(self) -> None: ...


class State(StrEnum):
    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Program:
    """What to run: a name for people, the command, what it adds to our environment, and how to see that it works."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log_file: Path
    probe: Probe
    address: str = ""
    metrics_address: str = ""
    web_address: str = ""
    """Where it answers over HTTP besides, `host:port`."""


@dataclass(slots=True)
class Child:
    """A running program. `on_change` is told after each change of state."""

    program: Program
    on_change: Callable[[], None]
    state: State = State.STOPPED
    restarts: int = 0
    since: float = 0.0
    """When the state began, in seconds since the epoch."""
    message: str = ""
    _process: asyncio.subprocess.Process | None = None
    _keeper: asyncio.Task[None] | None = None
    _settled: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    def start(self) -> None:
        """Begins to keep the program running. Call it in the event loop of the main thread: see `leash`."""
        self._keeper = asyncio.create_task(self._keep(), name=f"keeper-{self.program.name}")

    async def ready(self) -> bool:
        """Waits until the program answers for the first time (True), or is given up (False)."""
        await self._settled.wait()
        return self.state is State.READY

    async def stop(self) -> None:
        """Asks the program to end and, when it takes too long, ends it."""
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
        await self._end(STOP_TIMEOUT_SECONDS)
        self._become(State.STOPPED)

    def last_words(self) -> str:
        """The end of the program's log, for an error message."""
        try:
            with self.program.log_file.open("rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - 8192))
                lines = file.read().decode("utf-8", "replace").splitlines()
        except OSError:
            return ""
        return "\n".join(lines[-_LAST_WORDS_LINES:])

    async def _keep(self) -> None:
        crashes = 0
        while True:
            started = time.monotonic()
            try:
                await self._spawn()
                reason = await self._watch()
            except OSError as error:
                reason = f"could not be started: {error}"
            await self._end(0.0)
            if time.monotonic() - started > STEADY_AFTER_SECONDS:
                crashes = 0
            crashes += 1
            limit = RESTARTS_IN_A_ROW if self._settled.is_set() else RESTARTS_BEFORE_READY
            if crashes > limit:
                self._become(State.FAILED, f"{reason}; {limit} restarts did not help")
                return
            self.restarts += 1
            self._become(State.RESTARTING, reason)
            await asyncio.sleep(min(SHORTEST_BACKOFF_SECONDS * 2 ** (crashes - 1), LONGEST_BACKOFF_SECONDS))

    async def _spawn(self) -> None:
        if self.state is not State.RESTARTING:
            self._become(State.STARTING)
        # A crash loses nothing that was acknowledged, so a service whose supervisor is gone is simply ended.
        line = leashed(self.program.command, signal_number=signal.SIGKILL)
        with open_log(self.program.log_file) as log:
            self._process = await asyncio.create_subprocess_exec(
                *line,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=CHECKOUT,
                env={**os.environ, **self.program.environment},
                start_new_session=True,
            )

    async def _watch(self) -> str:
        """Probes the process for as long as it lives; answers why it has to be started again."""
        assert self._process is not None
        ended = asyncio.create_task(self._process.wait())
        answered = time.monotonic()
        ready = False
        try:
            while True:
                if await self._answers():
                    answered, ready = time.monotonic(), True
                    self._become(State.READY)
                silent = time.monotonic() - answered
                if silent > (HUNG_AFTER_SECONDS if ready else READY_TIMEOUT_SECONDS):
                    return f"did not answer for {silent:.0f} s"
                pause = _PROBE_PAUSE_RUNNING_SECONDS if ready else _PROBE_PAUSE_STARTING_SECONDS
                await asyncio.wait({ended}, timeout=pause)
                if ended.done():
                    return _ending(ended.result())
                shorten_log(self.program.log_file)
        finally:
            ended.cancel()

    async def _answers(self) -> bool:
        try:
            return await self.program.probe()
        except OSError:
            return False

    async def _end(self, patience: float) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            if patience > 0:
                process.terminate()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(process.wait(), patience)
                    return
            process.kill()
            await process.wait()

    def _become(self, state: State, message: str = "") -> None:
        if state in (State.READY, State.FAILED):
            self._settled.set()
        if state in (State.RESTARTING, State.FAILED):
            _log.warning("program_down", program=self.program.name, state=state, reason=message)
        if (state, message) != (self.state, self.message):
            self.state, self.message, self.since = state, message, time.time()
            self.on_change()


def _ending(code: int) -> str:
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"

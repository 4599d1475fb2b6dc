"""Orders by an operator's own programs: a fixed list of them, no shell, a time limit, OpenC2 on their standard streams.

A program gets the OpenC2 command on its standard input, exactly as a webhook's receiver would, and prints the OpenC2
response on its standard output. Nothing of an order ever becomes a part of a command line: what names a target is data,
and stays data. The receiver's duties are the same as a webhook's: keep the command's identifier, answer `query`.
"""

import asyncio
import os
import signal
from pathlib import Path
from typing import ClassVar

import structlog

from contracts.canonical import encode
from services.cases.config import CommandBridgeConfig, Program
from services.cases.connectors.openc2_answer import MAX_ANSWER_BYTES, json_of, of_sending, state_of, understood
from services.cases.connectors.openc2_body import command_body, query_body
from services.cases.connectors.port import Acknowledged, ConnectorMisconfigured, NotSeen, Order, Refused, Unknown
from services.cases.domain.repertoire import DEEDS

PATH = "/usr/local/bin:/usr/bin:/bin"
"""What programs find without naming it in full. Nothing else of the service's environment reaches them."""
WRITABLE_BY_OTHERS = 0o022
CLOSING_SECONDS = 1.0
"""How long the output may stay open after the program and all of its session were ended."""

log = structlog.get_logger()


class _NotStarted(Exception):
    """The program never ran."""


class CommandBridge:
    rehearsal: ClassVar[bool] = False

    def __init__(self, config: CommandBridgeConfig) -> None:
        """Raises ConnectorMisconfigured for an action that the profile lacks, and for a program that is not safe."""
        unknown = sorted(set(config.programs) - set(DEEDS))
        if unknown:
            raise ConnectorMisconfigured(f"The connector {config.name} names actions that do not exist: {unknown}.")
        for program in (*config.programs.values(), config.query, config.read_back):
            _check(config.name, program)
        self.name = config.name
        self._config = config

    async def healthy(self) -> bool:
        programs = (*self._config.programs.values(), self._config.query, self._config.read_back)
        return all(os.access(program.argv[0], os.X_OK) for program in programs)

    async def send(self, order: Order) -> Acknowledged | Refused | Unknown:
        program = self._config.programs.get(f"{order.action} {order.argument}")
        if program is None:
            return Refused("NOT_ALLOWED", "No program is listed for this action.")
        try:
            return of_sending(await self._ask(program, command_body(order)))
        except _NotStarted:
            return Refused("NOT_STARTED", "The program could not be started, so nothing has changed.")

    async def find(self, order: Order) -> Acknowledged | Refused | NotSeen | Unknown:
        try:
            return await self._ask(self._config.query, query_body(order))
        except _NotStarted:
            return Unknown("NOT_STARTED")

    async def read_back(self, target: str) -> dict[str, str] | Unknown:
        try:
            output = await self._run(self._config.read_back, encode({"target": target}))
        except _NotStarted:
            return Unknown("NOT_STARTED")
        if isinstance(output, Unknown):
            return output
        state = state_of(json_of(output))
        return Unknown("UNINTELLIGIBLE") if state is None else state

    async def close(self) -> None:
        return None

    async def _ask(self, program: Program, body: bytes) -> Acknowledged | Refused | NotSeen | Unknown:
        """Raises _NotStarted."""
        output = await self._run(program, body)
        if isinstance(output, Unknown):
            return output
        content = json_of(output)
        status = content.get("status") if isinstance(content, dict) else None
        return understood(status, content) if isinstance(status, int) else Unknown("UNINTELLIGIBLE")

    async def _run(self, program: Program, given: bytes) -> bytes | Unknown:
        """What the program printed. Raises _NotStarted, and then nothing has happened."""
        try:
            process = await asyncio.create_subprocess_exec(
                *program.argv,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={"PATH": PATH, "LANG": "C.UTF-8", **program.environment},
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            log.warning("bridge_program_not_started", connector=self.name, error=type(error).__name__)
            raise _NotStarted from error
        try:
            async with asyncio.timeout(self._config.timeout_seconds):
                output = await _conversation(process, given)
                code = await process.wait() if output is not None else 0
        except TimeoutError:
            return Unknown("TIME_LIMIT")
        finally:
            await _end(process)
        if output is None:
            return Unknown("ANSWER_TOO_LONG")
        return output if code == 0 else Unknown(f"EXIT_{code}")


async def _conversation(process: asyncio.subprocess.Process, given: bytes) -> bytes | None:
    """Hands the order over and reads the answer; None when the answer is longer than allowed."""
    assert process.stdin is not None  # Both are pipes.
    assert process.stdout is not None
    try:
        process.stdin.write(given)
        await process.stdin.drain()
        process.stdin.close()
    except (BrokenPipeError, ConnectionResetError):
        # A program may answer without having read its order; its answer is what counts.
        log.info("bridge_program_did_not_read")
    output = bytearray()
    while piece := await process.stdout.read(MAX_ANSWER_BYTES):
        output += piece
        if len(output) > MAX_ANSWER_BYTES:
            return None
    return bytes(output)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Nothing that the program started outlives its turn."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        log.debug("bridge_program_has_ended")
    await process.wait()
    assert process.stdout is not None  # It is a pipe.
    try:
        async with asyncio.timeout(CLOSING_SECONDS):
            while await process.stdout.read(MAX_ANSWER_BYTES):
                log.debug("bridge_program_said_more")
    except TimeoutError:
        log.warning("bridge_program_left_something_running")


def _check(name: str, program: Program) -> None:
    """Raises ConnectorMisconfigured. What others may alter would run whatever they like in the operator's name."""
    path = Path(program.argv[0])
    if not path.is_absolute():
        raise ConnectorMisconfigured(f"The connector {name} names a program without its full path: {path}.")
    try:
        found = path.stat()
    except OSError as error:
        raise ConnectorMisconfigured(f"The connector {name} names a program that cannot be found: {path}.") from error
    if found.st_uid not in (0, os.geteuid()) or found.st_mode & WRITABLE_BY_OTHERS:
        raise ConnectorMisconfigured(f"The connector {name} names a program that others may alter: {path}.")

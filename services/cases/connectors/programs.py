"""Runs an operator's own programs: a fixed list of them, no shell, a time limit, and what they say on standard streams.

Nothing that is handed over ever becomes a part of a command line: it is data on the standard input, and stays data.
"""

import asyncio
import os
import signal
from dataclasses import dataclass
from pathlib import Path

import structlog

from services.cases.config import Program
from services.cases.connectors.port import ConnectorMisconfigured, Unknown

MAX_OUTPUT_BYTES = 65_536
PATH = "/usr/local/bin:/usr/bin:/bin"
"""What programs find without naming it in full. Nothing else of the service's environment reaches them."""
WRITABLE_BY_OTHERS = 0o022
CLOSING_SECONDS = 1.0
"""How long the output may stay open after the program and all of its session were ended."""

log = structlog.get_logger()


class NotStarted(Exception):
    """The program never ran, so nothing has happened."""


@dataclass(frozen=True, slots=True)
class Ended:
    output: bytes
    code: int


async def run(name: str, program: Program, given: bytes, timeout_seconds: float) -> Ended | Unknown:
    """What the program printed, and its exit status. Unknown: it was cut off. Raises NotStarted.

    `name` is the connector's, for the log.
    """
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
        log.warning("program_not_started", connector=name, error=type(error).__name__)
        raise NotStarted from error
    try:
        async with asyncio.timeout(timeout_seconds):
            output = await _conversation(process, given)
            code = await process.wait() if output is not None else 0
    except TimeoutError:
        return Unknown("TIME_LIMIT")
    finally:
        await _end(process)
    return Unknown("ANSWER_TOO_LONG") if output is None else Ended(output, code)


def check(name: str, program: Program) -> None:
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
        log.info("program_did_not_read")
    output = bytearray()
    while piece := await process.stdout.read(MAX_OUTPUT_BYTES):
        output += piece
        if len(output) > MAX_OUTPUT_BYTES:
            return None
    return bytes(output)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Nothing that the program started outlives its turn."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        log.debug("program_has_ended")
    await process.wait()
    assert process.stdout is not None  # It is a pipe.
    try:
        async with asyncio.timeout(CLOSING_SECONDS):
            while await process.stdout.read(MAX_OUTPUT_BYTES):
                log.debug("program_said_more")
    except TimeoutError:
        log.warning("program_left_something_running")
